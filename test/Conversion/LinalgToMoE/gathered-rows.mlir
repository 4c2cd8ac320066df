// RUN: moe-opt %s --inline --moe-raise-dense --moe-raise-where --verify-diagnostics | FileCheck %s

// Rows that a program lists, gathers and scatters by itself.
#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>
#mine = affine_map<(d0) -> (d0)>
#none = affine_map<(d0) -> ()>
#column = affine_map<(d0, d1) -> (d1)>

// The rows of x that begin with more than a limit.
func.func private @chosen(%x: tensor<?x4xf32>, %limit: f32) -> tensor<?xi1> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %e = tensor.empty(%n) : tensor<?xi1>
  %first = tensor.extract_slice %x[0, 0] [%n, 1] [1, 1] : tensor<?x4xf32> to tensor<?xf32>
  %mask = linalg.generic {indexing_maps = [#mine, #mine], iterator_types = ["parallel"]} ins(%first : tensor<?xf32>) outs(%e : tensor<?xi1>) {
  ^bb0(%v: f32, %o: i1):
    %t = arith.cmpf ogt, %v, %limit : f32
    linalg.yield %t : i1
  } -> tensor<?xi1>
  return %mask : tensor<?xi1>
}

// The positions where a mask holds, and how many.
func.func private @list(%mask: tensor<?xi1>) -> (tensor<?xi64>, index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  %n = tensor.dim %mask, %c0 : tensor<?xi1>
  %e = tensor.empty(%n) : tensor<?xi64>
  %ones = linalg.generic {indexing_maps = [#mine, #mine], iterator_types = ["parallel"]} ins(%mask : tensor<?xi1>) outs(%e : tensor<?xi64>) {
  ^bb0(%m: i1, %o: i64):
    %t = arith.extui %m : i1 to i64
    linalg.yield %t : i64
  } -> tensor<?xi64>
  %count:2 = scf.for %i = %c0 to %n step %c1 iter_args(%s = %zero, %p = %e) -> (i64, tensor<?xi64>) {
    %m = tensor.extract %ones[%i] : tensor<?xi64>
    %t = arith.addi %s, %m : i64
    %q = tensor.insert %t into %p[%i] : tensor<?xi64>
    scf.yield %t, %q : i64, tensor<?xi64>
  }
  %rank = linalg.generic {indexing_maps = [#mine, #mine], iterator_types = ["parallel"]} ins(%count#1 : tensor<?xi64>) outs(%e : tensor<?xi64>) {
  ^bb0(%m: i64, %o: i64):
    %t = arith.subi %m, %one : i64
    %u = arith.maxsi %t, %zero : i64
    linalg.yield %u : i64
  } -> tensor<?xi64>
  %row = linalg.generic {indexing_maps = [#mine, #mine], iterator_types = ["parallel"]} ins(%ones : tensor<?xi64>) outs(%e : tensor<?xi64>) {
  ^bb0(%m: i64, %o: i64):
    %i = linalg.index 0 : index
    %t = arith.index_cast %i : index to i64
    %u = arith.muli %t, %m : i64
    linalg.yield %u : i64
  } -> tensor<?xi64>
  %start = linalg.fill ins(%zero : i64) outs(%e : tensor<?xi64>) -> tensor<?xi64>
  %packed = scf.for %i = %c0 to %n step %c1 iter_args(%s = %start) -> tensor<?xi64> {
    %r = tensor.extract %rank[%i] : tensor<?xi64>
    %at = arith.index_cast %r : i64 to index
    %v = tensor.extract %row[%i] : tensor<?xi64>
    %old = tensor.extract %s[%at] : tensor<?xi64>
    %new = arith.addi %old, %v : i64
    %q = tensor.insert %new into %s[%at] : tensor<?xi64>
    scf.yield %q : tensor<?xi64>
  }
  %k = arith.index_cast %count#0 : i64 to index
  %list = tensor.extract_slice %packed[0] [%k] [1] : tensor<?xi64> to tensor<?xi64>
  return %list, %k : tensor<?xi64>, index
}

func.func private @gather(%x: tensor<?x4xf32>, %list: tensor<?xi64>, %k: index) -> tensor<?x4xf32> {
  %e = tensor.empty(%k) : tensor<?x4xf32>
  %y = linalg.generic {indexing_maps = [#rows, #all], iterator_types = ["parallel", "parallel"]} ins(%list : tensor<?xi64>) outs(%e : tensor<?x4xf32>) {
  ^bb0(%r: i64, %o: f32):
    %at = arith.index_cast %r : i64 to index
    %j = linalg.index 1 : index
    %t = tensor.extract %x[%at, %j] : tensor<?x4xf32>
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

func.func private @tanh(%x: tensor<?x4xf32>, %k: index) -> tensor<?x4xf32> {
  %e = tensor.empty(%k) : tensor<?x4xf32>
  %y = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) {
  ^bb0(%v: f32, %o: f32):
    %t = math.tanh %v : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

func.func private @scatter(%y: tensor<?x4xf32>, %list: tensor<?xi64>, %u: tensor<?x4xf32>, %k: index) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  // expected-remark @+5 {{rows of a list stay as written: 'linalg.generic' combines different rows}}
  // expected-remark @+4 {{rows of a list stay as written: 'linalg.generic' uses the position of a row}}
  // expected-remark @+3 {{rows of a list stay as written: 'linalg.generic' is also used elsewhere}}
  // expected-remark @+2 {{rows of a list stay as written: nothing is computed from them}}
  // expected-remark @+1 {{rows of a list stay as written: 'linalg.generic' may read any row}}
  %z = scf.for %i = %c0 to %k step %c1 iter_args(%s = %y) -> tensor<?x4xf32> {
    %w = scf.for %j = %c0 to %c4 step %c1 iter_args(%t = %s) -> tensor<?x4xf32> {
      %r = tensor.extract %list[%i] : tensor<?xi64>
      %at = arith.index_cast %r : i64 to index
      %v = tensor.extract %u[%i, %j] : tensor<?x4xf32>
      %old = tensor.extract %t[%at, %j] : tensor<?x4xf32>
      %new = arith.addf %old, %v : f32
      %q = tensor.insert %new into %t[%at, %j] : tensor<?x4xf32>
      scf.yield %q : tensor<?x4xf32>
    }
    scf.yield %w : tensor<?x4xf32>
  }
  return %z : tensor<?x4xf32>
}

// CHECK-LABEL: func.func @added(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x4xf32>
// CHECK-NOT: scf.for
// CHECK: moe.route {{.*}} !moe.routing<1>
// CHECK: moe.dispatch %[[X]] by
// CHECK: math.tanh
// CHECK: moe.combine
// CHECK-NOT: scf.for
// CHECK: return
func.func @added(%x: tensor<?x4xf32>, %limit: f32) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %y = linalg.fill ins(%zero : f32) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %mask = func.call @chosen(%x, %limit) : (tensor<?x4xf32>, f32) -> tensor<?xi1>
  %list, %k = func.call @list(%mask) : (tensor<?xi1>) -> (tensor<?xi64>, index)
  %mine = func.call @gather(%x, %list, %k) : (tensor<?x4xf32>, tensor<?xi64>, index) -> tensor<?x4xf32>
  %u = func.call @tanh(%mine, %k) : (tensor<?x4xf32>, index) -> tensor<?x4xf32>
  %z = func.call @scatter(%y, %list, %u, %k) : (tensor<?x4xf32>, tensor<?xi64>, tensor<?x4xf32>, index) -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// Eight bits do not hold every position.
// CHECK-LABEL: func.func @narrow(
// CHECK-NOT: moe.dispatch
// CHECK: return
func.func @narrow(%x: tensor<?x4xf32>, %limit: f32) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %y = linalg.fill ins(%zero : f32) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %mask = func.call @chosen(%x, %limit) : (tensor<?x4xf32>, f32) -> tensor<?xi1>
  %wide, %k = func.call @list(%mask) : (tensor<?xi1>) -> (tensor<?xi64>, index)
  %same = tensor.empty(%k) : tensor<?xi64>
  %list = linalg.generic {indexing_maps = [#mine, #mine], iterator_types = ["parallel"]} ins(%wide : tensor<?xi64>) outs(%same : tensor<?xi64>) {
  ^bb0(%r: i64, %o: i64):
    %real = arith.sitofp %r : i64 to f64
    %byte = arith.fptosi %real : f64 to i8
    %t = arith.extsi %byte : i8 to i64
    linalg.yield %t : i64
  } -> tensor<?xi64>
  %mine = func.call @gather(%x, %list, %k) : (tensor<?x4xf32>, tensor<?xi64>, index) -> tensor<?x4xf32>
  %u = func.call @tanh(%mine, %k) : (tensor<?x4xf32>, index) -> tensor<?x4xf32>
  %z = func.call @scatter(%y, %list, %u, %k) : (tensor<?x4xf32>, tensor<?xi64>, tensor<?x4xf32>, index) -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// A row is overwritten; the program checks that it is there. What is overwritten
// was computed for the other rows alone.
// CHECK-LABEL: func.func @stored(
// CHECK-NOT: scf.for
// CHECK: moe.route {{.*}} !moe.routing<2>
// CHECK: moe.dispatch
// CHECK-DAG: math.tanh
// CHECK-DAG: math.exp
// CHECK: moe.combine
// CHECK-NOT: scf.for
// CHECK: return
func.func @stored(%x: tensor<?x4xf32>, %limit: f32) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %init = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) {
  ^bb0(%v: f32, %o: f32):
    %t = math.exp %v : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %mask = func.call @chosen(%x, %limit) : (tensor<?x4xf32>, f32) -> tensor<?xi1>
  %list, %k = func.call @list(%mask) : (tensor<?xi1>) -> (tensor<?xi64>, index)
  %mine = func.call @gather(%x, %list, %k) : (tensor<?x4xf32>, tensor<?xi64>, index) -> tensor<?x4xf32>
  %u = func.call @tanh(%mine, %k) : (tensor<?x4xf32>, index) -> tensor<?x4xf32>
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %bound = tensor.dim %init, %c0 : tensor<?x4xf32>
  %z = scf.for %i = %c0 to %k step %c1 iter_args(%s = %init) -> tensor<?x4xf32> {
    %w = scf.for %j = %c0 to %c4 step %c1 iter_args(%t = %s) -> tensor<?x4xf32> {
      %r = tensor.extract %list[%i] : tensor<?xi64>
      %at = arith.index_cast %r : i64 to index
      %v = tensor.extract %u[%i, %j] : tensor<?x4xf32>
      %inside = arith.cmpi ult, %at, %bound : index
      %q = scf.if %inside -> tensor<?x4xf32> {
        %p = tensor.insert %v into %t[%at, %j] : tensor<?x4xf32>
        scf.yield %p : tensor<?x4xf32>
      } else {
        scf.yield %t : tensor<?x4xf32>
      }
      scf.yield %q : tensor<?x4xf32>
    }
    scf.yield %w : tensor<?x4xf32>
  }
  return %z : tensor<?x4xf32>
}

// As PyTorch is lowered: at least one update, positions that are cut and wrapped
// although none needs it, and assertions that hold.
// CHECK-LABEL: func.func @padded(
// CHECK-NOT: cf.assert
// CHECK-NOT: scf.for
// CHECK: moe.dispatch
// CHECK: math.tanh
// CHECK: moe.combine
// CHECK-NOT: scf.for
// CHECK-NOT: cf.assert
// CHECK: return
func.func @padded(%x: tensor<?x4xf32>, %limit: f32) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %y = linalg.fill ins(%zero : f32) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %mask = func.call @chosen(%x, %limit) : (tensor<?x4xf32>, f32) -> tensor<?xi1>
  %list, %k = func.call @list(%mask) : (tensor<?xi1>) -> (tensor<?xi64>, index)
  %c1 = arith.constant 1 : index
  %none = arith.constant 0 : i64
  %whole = arith.index_cast %n : index to i64
  %long = arith.index_cast %k : index to i64
  %fits = arith.cmpi sle, %long, %whole : i64
  cf.assert %fits, "more rows than there are"
  %places = tensor.empty(%k) : tensor<?xi64>
  %wrapped = linalg.generic {indexing_maps = [#mine, #mine], iterator_types = ["parallel"]} ins(%list : tensor<?xi64>) outs(%places : tensor<?xi64>) {
  ^bb0(%r: i64, %o: i64):
    %one = arith.constant 1.0 : f64
    %f = arith.sitofp %r : i64 to f64
    %g = arith.divf %f, %one : f64
    %h = math.floor %g : f64
    %i = arith.fptosi %h : f64 to i64
    %j = arith.remsi %i, %whole : i64
    %negative = arith.cmpi slt, %j, %none : i64
    %up = arith.addi %j, %whole : i64
    %t = arith.select %negative, %up, %j : i64
    linalg.yield %t : i64
  } -> tensor<?xi64>
  %mine = func.call @gather(%x, %wrapped, %k) : (tensor<?x4xf32>, tensor<?xi64>, index) -> tensor<?x4xf32>
  %u = func.call @tanh(%mine, %k) : (tensor<?x4xf32>, index) -> tensor<?x4xf32>
  %more = arith.maxsi %k, %c1 : index
  %alone = arith.cmpi eq, %k, %c1 : index
  %room = tensor.empty(%more) : tensor<?x4xf32>
  %v = linalg.generic {indexing_maps = [#all], iterator_types = ["parallel", "parallel"]} outs(%room : tensor<?x4xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %row = arith.select %alone, %c0, %i : index
    %t = tensor.extract %u[%row, %j] : tensor<?x4xf32>
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %seats = tensor.empty(%more) : tensor<?xi64>
  %all = linalg.generic {indexing_maps = [#mine], iterator_types = ["parallel"]} outs(%seats : tensor<?xi64>) {
  ^bb0(%o: i64):
    %i = linalg.index 0 : index
    %row = arith.select %alone, %c0, %i : index
    %t = tensor.extract %wrapped[%row] : tensor<?xi64>
    linalg.yield %t : i64
  } -> tensor<?xi64>
  %z = func.call @scatter(%y, %all, %v, %more) : (tensor<?x4xf32>, tensor<?xi64>, tensor<?x4xf32>, index) -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// CHECK-LABEL: func.func @mixes_rows(
// CHECK-NOT: moe.dispatch
// CHECK: return
func.func @mixes_rows(%x: tensor<?x4xf32>, %limit: f32) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %y = linalg.fill ins(%zero : f32) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %mask = func.call @chosen(%x, %limit) : (tensor<?x4xf32>, f32) -> tensor<?xi1>
  %list, %k = func.call @list(%mask) : (tensor<?xi1>) -> (tensor<?xi64>, index)
  %mine = func.call @gather(%x, %list, %k) : (tensor<?x4xf32>, tensor<?xi64>, index) -> tensor<?x4xf32>
  %u = func.call @tanh(%mine, %k) : (tensor<?x4xf32>, index) -> tensor<?x4xf32>
  %empty = tensor.empty() : tensor<4xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%empty : tensor<4xf32>) -> tensor<4xf32>
  %total = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, #rows], iterator_types = ["parallel", "reduction"]} ins(%u : tensor<?x4xf32>) outs(%zeros : tensor<4xf32>) {
  ^bb0(%v: f32, %o: f32):
    %t = arith.addf %v, %o : f32
    linalg.yield %t : f32
  } -> tensor<4xf32>
  %v = linalg.generic {indexing_maps = [#all, #column, #all], iterator_types = ["parallel", "parallel"]} ins(%u, %total : tensor<?x4xf32>, tensor<4xf32>) outs(%u : tensor<?x4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %t = arith.subf %a, %b : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %z = func.call @scatter(%y, %list, %v, %k) : (tensor<?x4xf32>, tensor<?xi64>, tensor<?x4xf32>, index) -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// CHECK-LABEL: func.func @uses_position(
// CHECK-NOT: moe.dispatch
// CHECK: return
func.func @uses_position(%x: tensor<?x4xf32>, %limit: f32) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %y = linalg.fill ins(%zero : f32) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %mask = func.call @chosen(%x, %limit) : (tensor<?x4xf32>, f32) -> tensor<?xi1>
  %list, %k = func.call @list(%mask) : (tensor<?xi1>) -> (tensor<?xi64>, index)
  %mine = func.call @gather(%x, %list, %k) : (tensor<?x4xf32>, tensor<?xi64>, index) -> tensor<?x4xf32>
  %u = func.call @tanh(%mine, %k) : (tensor<?x4xf32>, index) -> tensor<?x4xf32>
  %v = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%u : tensor<?x4xf32>) outs(%u : tensor<?x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %i = linalg.index 0 : index
    %j = arith.index_cast %i : index to i32
    %f = arith.sitofp %j : i32 to f32
    %t = arith.addf %a, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %z = func.call @scatter(%y, %list, %v, %k) : (tensor<?x4xf32>, tensor<?xi64>, tensor<?x4xf32>, index) -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// Read by one list and written by another.
// CHECK-LABEL: func.func @other_list(
// CHECK-NOT: moe.dispatch
// CHECK: return
func.func @other_list(%x: tensor<?x4xf32>, %limit: f32) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %y = linalg.fill ins(%zero : f32) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %mask = func.call @chosen(%x, %limit) : (tensor<?x4xf32>, f32) -> tensor<?xi1>
  %other = func.call @chosen(%x, %zero) : (tensor<?x4xf32>, f32) -> tensor<?xi1>
  %list, %k = func.call @list(%mask) : (tensor<?xi1>) -> (tensor<?xi64>, index)
  %theirs, %m = func.call @list(%other) : (tensor<?xi1>) -> (tensor<?xi64>, index)
  %mine = func.call @gather(%x, %theirs, %k) : (tensor<?x4xf32>, tensor<?xi64>, index) -> tensor<?x4xf32>
  %u = func.call @tanh(%mine, %k) : (tensor<?x4xf32>, index) -> tensor<?x4xf32>
  %z = func.call @scatter(%y, %list, %u, %k) : (tensor<?x4xf32>, tensor<?xi64>, tensor<?x4xf32>, index) -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// Nobody says that x has as many rows as the mask.
// CHECK-LABEL: func.func @other_size(
// CHECK-NOT: moe.dispatch
// CHECK: return
func.func @other_size(%x: tensor<?x4xf32>, %mask: tensor<?xi1>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %list, %k = func.call @list(%mask) : (tensor<?xi1>) -> (tensor<?xi64>, index)
  %p = tensor.dim %mask, %c0 : tensor<?xi1>
  %room = tensor.empty(%p) : tensor<?x4xf32>
  %y = linalg.fill ins(%zero : f32) outs(%room : tensor<?x4xf32>) -> tensor<?x4xf32>
  %mine = func.call @gather(%x, %list, %k) : (tensor<?x4xf32>, tensor<?xi64>, index) -> tensor<?x4xf32>
  %u = func.call @tanh(%mine, %k) : (tensor<?x4xf32>, index) -> tensor<?x4xf32>
  %z = func.call @scatter(%y, %list, %u, %k) : (tensor<?x4xf32>, tensor<?xi64>, tensor<?x4xf32>, index) -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// What was computed is returned as well.
// CHECK-LABEL: func.func @used_twice(
// CHECK-NOT: moe.dispatch
// CHECK: return
func.func @used_twice(%x: tensor<?x4xf32>, %limit: f32) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %y = linalg.fill ins(%zero : f32) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %mask = func.call @chosen(%x, %limit) : (tensor<?x4xf32>, f32) -> tensor<?xi1>
  %list, %k = func.call @list(%mask) : (tensor<?xi1>) -> (tensor<?xi64>, index)
  %mine = func.call @gather(%x, %list, %k) : (tensor<?x4xf32>, tensor<?xi64>, index) -> tensor<?x4xf32>
  %u = func.call @tanh(%mine, %k) : (tensor<?x4xf32>, index) -> tensor<?x4xf32>
  %z = func.call @scatter(%y, %list, %u, %k) : (tensor<?x4xf32>, tensor<?xi64>, tensor<?x4xf32>, index) -> tensor<?x4xf32>
  return %z, %u : tensor<?x4xf32>, tensor<?x4xf32>
}

// CHECK-LABEL: func.func @only_moved(
// CHECK-NOT: moe.dispatch
// CHECK: return
func.func @only_moved(%x: tensor<?x4xf32>, %limit: f32) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %y = linalg.fill ins(%zero : f32) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %mask = func.call @chosen(%x, %limit) : (tensor<?x4xf32>, f32) -> tensor<?xi1>
  %list, %k = func.call @list(%mask) : (tensor<?xi1>) -> (tensor<?xi64>, index)
  %mine = func.call @gather(%x, %list, %k) : (tensor<?x4xf32>, tensor<?xi64>, index) -> tensor<?x4xf32>
  %z = func.call @scatter(%y, %list, %mine, %k) : (tensor<?x4xf32>, tensor<?xi64>, tensor<?x4xf32>, index) -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// Positions that are no list: each is one too large.
// CHECK-LABEL: func.func @no_list(
// CHECK-NOT: moe.dispatch
// CHECK: return
func.func @no_list(%x: tensor<?x4xf32>, %limit: f32) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %y = linalg.fill ins(%zero : f32) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %mask = func.call @chosen(%x, %limit) : (tensor<?x4xf32>, f32) -> tensor<?xi1>
  %list, %k = func.call @list(%mask) : (tensor<?xi1>) -> (tensor<?xi64>, index)
  %one = arith.constant 1 : i64
  %next = linalg.generic {indexing_maps = [#mine, #mine], iterator_types = ["parallel"]} ins(%list : tensor<?xi64>) outs(%list : tensor<?xi64>) {
  ^bb0(%r: i64, %o: i64):
    %t = arith.addi %r, %one : i64
    linalg.yield %t : i64
  } -> tensor<?xi64>
  %mine = func.call @gather(%x, %next, %k) : (tensor<?x4xf32>, tensor<?xi64>, index) -> tensor<?x4xf32>
  %u = func.call @tanh(%mine, %k) : (tensor<?x4xf32>, index) -> tensor<?x4xf32>
  %z = func.call @scatter(%y, %next, %u, %k) : (tensor<?x4xf32>, tensor<?xi64>, tensor<?x4xf32>, index) -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}
