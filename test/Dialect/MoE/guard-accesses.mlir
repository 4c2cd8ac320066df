// RUN: moe-opt --moe-guard-accesses --split-input-file %s | FileCheck %s

// CHECK-LABEL: @element(
// CHECK-SAME:    %[[T:.*]]: tensor<?x4xf32>, %[[I:.*]]: index, %[[J:.*]]: index
func.func @element(%t: tensor<?x4xf32>, %i: index, %j: index) -> tensor<?x4xf32> {
  // CHECK:      %[[N:.*]] = tensor.dim %[[T]], %{{.*}}
  // CHECK-NEXT: %[[C:.*]] = arith.cmpi ult, %[[I]], %[[N]] : index
  // CHECK-NEXT: cf.assert %[[C]], "index out of bounds of tensor dimension 0" {moe.guard}
  // CHECK:      %[[C:.*]] = arith.cmpi ult, %[[J]], %c4
  // CHECK-NEXT: cf.assert %[[C]], "index out of bounds of tensor dimension 1" {moe.guard}
  // CHECK-NEXT: tensor.extract
  %v = tensor.extract %t[%i, %j] : tensor<?x4xf32>
  // CHECK:      cf.assert %{{.*}}, "index out of bounds of tensor dimension 0"
  // CHECK:      cf.assert %{{.*}}, "index out of bounds of tensor dimension 1"
  // CHECK-NEXT: tensor.insert
  %r = tensor.insert %v into %t[%j, %i] : tensor<?x4xf32>
  return %r : tensor<?x4xf32>
}

// -----

// Constants in bounds, loops over the tensor itself and the expert's number are
// in bounds; a constant that is not fails.
// CHECK-LABEL: @known_element
func.func @known_element(%t: tensor<?xf32>, %u: tensor<8xf32>, %x: tensor<?x8xf32>, %r: !moe.routing<8>) -> (f32, tensor<?x8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %n = tensor.dim %t, %c0 : tensor<?xf32>
  // CHECK-NOT: cf.assert
  // CHECK:     tensor.extract
  %a = tensor.extract %u[%c1] : tensor<8xf32>
  // CHECK-NOT: cf.assert
  // CHECK:     scf.for
  %s = scf.for %i = %c0 to %n step %c1 iter_args(%s = %a) -> f32 {
    // CHECK-NOT: cf.assert
    // CHECK:     tensor.extract
    %v = tensor.extract %t[%i] : tensor<?xf32>
    %w = arith.addf %s, %v : f32
    scf.yield %w : f32
  }
  // CHECK-NOT: cf.assert
  // CHECK:     moe.yield
  %q = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<8>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %v = tensor.extract %u[%expert] : tensor<8xf32>
    %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      outs(%mine : tensor<?x8xf32>) {
    ^bb0(%o: f32):
      %j = linalg.index 1 : index
      %b = tensor.extract %u[%j] : tensor<8xf32>
      %c = arith.addf %b, %v : f32
      linalg.yield %c : f32
    } -> tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  // CHECK:      %[[FALSE:.*]] = arith.constant false
  // CHECK-NEXT: cf.assert %[[FALSE]]
  %z = tensor.extract %u[%c9] : tensor<8xf32>
  %f = arith.addf %s, %z : f32
  return %f, %q : f32, tensor<?x8xf32>
}

// -----

// A loop that could wrap around, or runs over something else, proves nothing.
// CHECK-LABEL: @unknown_loops
func.func @unknown_loops(%t: tensor<?xf32>, %n: index, %step: index, %z: f32) -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c-1 = arith.constant -1 : index
  %far = arith.constant 9223372036854775807 : index
  %m = tensor.dim %t, %c0 : tensor<?xf32>
  // CHECK-COUNT-5: cf.assert {{.*}} "index out of bounds of tensor dimension 0"
  %a = scf.for %i = %c0 to %n step %c1 iter_args(%s = %z) -> f32 {
    %v = tensor.extract %t[%i] : tensor<?xf32>
    scf.yield %v : f32
  }
  %b = scf.for %i = %c0 to %m step %step iter_args(%s = %a) -> f32 {
    %v = tensor.extract %t[%i] : tensor<?xf32>
    scf.yield %v : f32
  }
  %c = scf.for %i = %c-1 to %m step %c1 iter_args(%s = %b) -> f32 {
    %v = tensor.extract %t[%i] : tensor<?xf32>
    scf.yield %v : f32
  }
  %d = scf.for %i = %c1 to %m step %far iter_args(%s = %c) -> f32 {
    %v = tensor.extract %t[%i] : tensor<?xf32>
    scf.yield %v : f32
  }
  %e = scf.for unsigned %i = %c0 to %m step %c1 iter_args(%s = %d) -> f32 {
    %v = tensor.extract %t[%i] : tensor<?xf32>
    scf.yield %v : f32
  }
  return %e : f32
}

// -----

// The size of a table is taken outside of the loops over elements.
// CHECK-LABEL: @look_up
func.func @look_up(%table: tensor<?xf32>, %ids: tensor<?xi64>, %out: tensor<?xf32>) -> tensor<?xf32> {
  // CHECK: cf.assert %{{.*}}, "dimension 0 of operand 1 disagrees in size with the other operands"
  // CHECK: %[[N:.*]] = tensor.dim %arg0
  // CHECK: linalg.generic
  // CHECK:   %[[I:.*]] = arith.index_cast
  // CHECK:   %[[C:.*]] = arith.cmpi ult, %[[I]], %[[N]]
  // CHECK:   cf.assert %[[C]]
  // CHECK:   tensor.extract
  %y = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
    ins(%ids : tensor<?xi64>) outs(%out : tensor<?xf32>) {
  ^bb0(%id: i64, %o: f32):
    %i = arith.index_cast %id : i64 to index
    %v = tensor.extract %table[%i] : tensor<?xf32>
    linalg.yield %v : f32
  } -> tensor<?xf32>
  return %y : tensor<?xf32>
}

// -----

// CHECK-LABEL: @slices(
// CHECK-SAME:    %[[T:.*]]: tensor<?xf32>, %[[U:.*]]: tensor<?xf32>, %[[I:.*]]: index, %[[N:.*]]: index, %[[S:.*]]: index
func.func @slices(%t: tensor<?xf32>, %u: tensor<?xf32>, %i: index, %n: index, %s: index) -> tensor<?xf32> {
  // CHECK:      %[[D:.*]] = tensor.dim %[[T]]
  // CHECK:      %[[C:.*]] = arith.cmpi ule, %[[I]], %[[D]]
  // CHECK-NEXT: cf.assert %[[C]], "offset of a slice is out of bounds of tensor dimension 0"
  // CHECK:      %[[C:.*]] = arith.cmpi sge, %[[S]], %c1
  // CHECK-NEXT: cf.assert %[[C]], "stride of a slice is not positive"
  // CHECK-NEXT: %[[L:.*]] = arith.subi %[[D]], %[[I]]
  // CHECK-NEXT: %[[Q:.*]] = arith.ceildivui %[[L]], %[[S]]
  // CHECK-NEXT: %[[C:.*]] = arith.cmpi ule, %[[N]], %[[Q]]
  // CHECK-NEXT: cf.assert %[[C]], "size of a slice is out of bounds of tensor dimension 0"
  // CHECK-NEXT: tensor.extract_slice
  %a = tensor.extract_slice %t[%i] [%n] [%s] : tensor<?xf32> to tensor<?xf32>
  // CHECK-NOT: offset
  // CHECK:     cf.assert %{{.*}}, "size of a slice is out of bounds of tensor dimension 0"
  // CHECK:     cf.assert %{{.*}}, "size of a slice is not that of dimension 0 of the tensor put there"
  // CHECK-NEXT: tensor.insert_slice
  %b = tensor.insert_slice %u into %t[0] [%i] [1] : tensor<?xf32> into tensor<?xf32>
  // The slice has the size that is asked for.
  // CHECK-NOT: put there
  // CHECK:     tensor.insert_slice
  %c = tensor.insert_slice %a into %b[%i] [%n] [%s] : tensor<?xf32> into tensor<?xf32>
  // CHECK-NOT: cf.assert
  // CHECK:     return
  %c0 = arith.constant 0 : index
  %m = tensor.dim %c, %c0 : tensor<?xf32>
  %d = tensor.extract_slice %c[0] [%m] [1] : tensor<?xf32> to tensor<?xf32>
  return %d : tensor<?xf32>
}

// -----

// CHECK-LABEL: @parallel_slices
func.func @parallel_slices(%t: tensor<?xf32>, %u: tensor<4xf32>, %n: index) -> tensor<?xf32> {
  %r = scf.forall (%i) in (%n) shared_outs(%o = %t) -> tensor<?xf32> {
    // CHECK: cf.assert %{{.*}}, "offset
    // CHECK: cf.assert %{{.*}}, "size
    // CHECK: scf.forall.in_parallel
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %u into %o[%i] [4] [1] : tensor<4xf32> into tensor<?xf32>
    }
  }
  return %r : tensor<?xf32>
}

// -----

// CHECK-LABEL: @new_tensors(
// CHECK-SAME:    %[[X:.*]]: tensor<?x8xf32>, %[[N:.*]]: index, %[[M:.*]]: index
func.func @new_tensors(%x: tensor<?x8xf32>, %n: index, %m: index, %v: f32) -> (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x?xf32>, tensor<?x4xf32>) {
  %c0 = arith.constant 0 : index
  %rows = tensor.dim %x, %c0 : tensor<?x8xf32>
  // CHECK-NOT: cf.assert
  // CHECK: tensor.empty
  %a = tensor.empty(%rows) : tensor<?x8xf32>
  // CHECK: arith.constant 17592186044416 : index
  // CHECK: arith.cmpi ule, %[[N]]
  // CHECK: cf.assert %{{.*}}, "size of a tensor is negative or too large"
  // CHECK: tensor.empty
  %b = tensor.empty(%n) : tensor<?x4xf32>
  // CHECK: arith.cmpi ule, %[[N]]
  // CHECK: cf.assert
  // CHECK: arith.maxui %[[N]]
  // CHECK: %[[L:.*]] = arith.divui
  // CHECK: arith.cmpi ule, %[[M]], %[[L]]
  // CHECK: cf.assert
  // CHECK: tensor.splat
  %c = tensor.splat %v[%n, %m] : tensor<?x?xf32>
  // CHECK: cf.assert %false{{.*}}, "size of a tensor is negative or too large"
  %e = tensor.empty() : tensor<4611686018427387904x4xf32>
  %s = tensor.extract_slice %e[0, 0] [%rows, 4] [1, 1] : tensor<4611686018427387904x4xf32> to tensor<?x4xf32>
  return %a, %b, %c, %s : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x?xf32>, tensor<?x4xf32>
}

// -----

// CHECK-LABEL: @shapes
func.func @shapes(%t: tensor<?xf32>, %u: tensor<?x8xf32>, %shape: tensor<2xindex>, %n: index, %i: index) -> (tensor<?x3xf32>, tensor<?x1xf32>, tensor<?x4xf32>, tensor<?x12xf32>, tensor<?x16xf32>, index) {
  %c0 = arith.constant 0 : index
  %rows = tensor.dim %t, %c0 : tensor<?xf32>
  // CHECK: arith.remui
  // CHECK: cf.assert %{{.*}}, "shapes have different numbers of elements"
  // CHECK: arith.divui
  // CHECK: cf.assert %{{.*}}, "shapes have different numbers of elements"
  // CHECK-NEXT: tensor.expand_shape
  %a = tensor.expand_shape %t [[0, 1]] output_shape [%n, 3] : tensor<?xf32> into tensor<?x3xf32>
  // CHECK-NOT: cf.assert
  // CHECK: tensor.expand_shape
  %b = tensor.expand_shape %t [[0, 1]] output_shape [%rows, 1] : tensor<?xf32> into tensor<?x1xf32>
  // CHECK: cf.assert %{{.*}}, "shape is not that of the result type"
  // CHECK: cf.assert %{{.*}}, "shapes have different numbers of elements"
  // CHECK: tensor.reshape
  %c = tensor.reshape %u(%shape) : (tensor<?x8xf32>, tensor<2xindex>) -> tensor<?x4xf32>
  // CHECK: cf.assert %{{.*}}, "padding is negative or too large"
  // CHECK: cf.assert %{{.*}}, "tensor does not have the size of its type in dimension 1"
  %z = arith.constant 0.0 : f32
  %p = tensor.pad %u low[0, 0] high[0, %n] {
  ^bb0(%k: index, %l: index):
    tensor.yield %z : f32
  } : tensor<?x8xf32> to tensor<?x?xf32>
  %d = tensor.cast %p : tensor<?x?xf32> to tensor<?x12xf32>
  // CHECK: cf.assert %{{.*}}, "tensors differ in dimension 0"
  // CHECK: tensor.concat
  %e = tensor.concat dim(1) %d, %c : (tensor<?x12xf32>, tensor<?x4xf32>) -> tensor<?x16xf32>
  // CHECK: cf.assert %{{.*}}, "tensor has no such dimension"
  %f = tensor.dim %u, %i : tensor<?x8xf32>
  return %a, %b, %c, %d, %e, %f : tensor<?x3xf32>, tensor<?x1xf32>, tensor<?x4xf32>, tensor<?x12xf32>, tensor<?x16xf32>, index
}

// -----

// CHECK-LABEL: @operands
func.func @operands(%x: tensor<?x8xf32>, %w: tensor<?x?xf32>, %y: tensor<?x8xf32>) -> (tensor<?x?xf32>, tensor<?x8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %x, %c0 : tensor<?x8xf32>
  %m = tensor.dim %w, %c1 : tensor<?x?xf32>
  // CHECK: cf.assert %{{.*}}, "size of a tensor is negative or too large"
  %e = tensor.empty(%n, %m) : tensor<?x?xf32>
  // Only the inner sizes are not known to agree.
  // CHECK:      tensor.empty
  // CHECK-NOT:  cf.assert
  // CHECK:      arith.cmpi eq, %c8, %{{.*}}
  // CHECK-NEXT: cf.assert %{{.*}}, "dimension 0 of operand 1 disagrees in size with the other operands"
  // What rewrites conclude about the weight holds for a slice of it.
  // CHECK:      %[[SLICE:.*]] = tensor.extract_slice %arg1[0, 0] [8, %{{.*}}] [1, 1] : tensor<?x?xf32> to tensor<8x?xf32>
  // CHECK:      %[[SEEN:.*]] = tensor.cast %[[SLICE]] : tensor<8x?xf32> to tensor<?x?xf32>
  // CHECK-NEXT: linalg.matmul ins(%arg0, %[[SEEN]]
  %z = linalg.matmul ins(%x, %w : tensor<?x8xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  // CHECK:      cf.assert %{{.*}}, "tensors differ in dimension 0"
  // CHECK-NEXT: arith.addf
  %a = arith.addf %x, %y : tensor<?x8xf32>
  return %z, %a : tensor<?x?xf32>, tensor<?x8xf32>
}

// -----

// CHECK-LABEL: @windows(
// CHECK-SAME:    %[[X:.*]]: tensor<?xf32>, %[[K:.*]]: tensor<?xf32>, %[[O:.*]]: tensor<?xf32>
func.func @windows(%x: tensor<?xf32>, %k: tensor<?xf32>, %o: tensor<?xf32>) -> tensor<?xf32> {
  // CHECK: arith.addi
  // CHECK: arith.cmpi slt
  // CHECK: cf.assert %{{.*}}, "loops go out of bounds of dimension 0 of operand 0"
  // CHECK-NEXT: linalg.conv_1d
  %y = linalg.conv_1d ins(%x, %k : tensor<?xf32>, tensor<?xf32>) outs(%o : tensor<?xf32>) -> tensor<?xf32>
  return %y : tensor<?xf32>
}

// -----

// CHECK-LABEL: @carried
// CHECK-NOT: cf.assert
// CHECK: return
func.func @carried(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>, %to: index) -> tensor<?x8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %x, %c0 : tensor<?x8xf32>
  %e = tensor.empty(%n) : tensor<?x8xf32>
  %y = scf.for %i = %c0 to %to step %c1 iter_args(%h = %x) -> tensor<?x8xf32> {
    %g = linalg.matmul ins(%h, %w : tensor<?x8xf32>, tensor<8x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
    scf.yield %g : tensor<?x8xf32>
  }
  %z:2 = scf.while (%i = %c0, %h = %y) : (index, tensor<?x8xf32>) -> (index, tensor<?x8xf32>) {
    %more = arith.cmpi slt, %i, %to : index
    scf.condition(%more) %i, %h : index, tensor<?x8xf32>
  } do {
  ^bb0(%i: index, %h: tensor<?x8xf32>):
    %g = arith.addf %h, %x : tensor<?x8xf32>
    %j = arith.addi %i, %c1 : index
    scf.yield %j, %g : index, tensor<?x8xf32>
  }
  %s = arith.addf %z#1, %x : tensor<?x8xf32>
  return %s : tensor<?x8xf32>
}

// -----

// CHECK-LABEL: @swapped
func.func @swapped(%x: tensor<?xf32>, %y: tensor<?xf32>, %to: index) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %z:2 = scf.for %i = %c0 to %to step %c1 iter_args(%a = %x, %b = %y) -> (tensor<?xf32>, tensor<?xf32>) {
    scf.yield %b, %a : tensor<?xf32>, tensor<?xf32>
  }
  // CHECK: cf.assert
  %s = arith.addf %z#0, %x : tensor<?xf32>
  return %s : tensor<?xf32>
}

// -----

moe.parameters @w "w.{0}" [8] : tensor<8xf32>

// CHECK-LABEL: @numbers
func.func @numbers(%x: tensor<?x8xf32>, %w: tensor<8xf32>, %r: !moe.routing<8>, %i: index) -> (tensor<?x8xf32>, tensor<8xf32>, tensor<8xf32>) {
  // CHECK-NOT: cf.assert
  // CHECK: moe.yield
  %q = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<8>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %p = moe.parameter @w[%expert] : tensor<8xf32>
    %y = linalg.broadcast ins(%p : tensor<8xf32>) outs(%mine : tensor<?x8xf32>) dimensions = [0]
    moe.yield %y : tensor<?x8xf32>
  }
  // CHECK: cf.assert %{{.*}}, "number of a parameter is out of range"
  %p = moe.parameter @w[%i] : tensor<8xf32>
  // CHECK: cf.assert %{{.*}}, "number of a tensor is out of range"
  %k = moe.pick %i [%w, %p] : tensor<8xf32>
  return %q, %p, %k : tensor<?x8xf32>, tensor<8xf32>, tensor<8xf32>
}
