// RUN: moe-opt %s --split-input-file --verify-diagnostics

//===----------------------------------------------------------------------===//
// moe.dispatch
//===----------------------------------------------------------------------===//

func.func @dispatch_c1(%x: tensor<f32>, %r: !moe.routing<1>) {
  // expected-error @below {{expects token operands of rank 1 or more whose rows are not empty, got 'tensor<f32>'}}
  %y = moe.dispatch %x by %r : (tensor<f32>, !moe.routing<1>) -> tensor<?xf32> {
  ^bb0(%e: index, %m: tensor<?xf32>):
    moe.yield %m : tensor<?xf32>
  }
  return
}

// -----

func.func @dispatch_c1_result(%x: tensor<?xf32>, %s: tensor<f32>, %r: !moe.routing<1>) {
  // expected-error @below {{expects results with ? as dimension 0 and static other dimensions that are not 0, got 'tensor<f32>'}}
  %y = moe.dispatch %x by %r : (tensor<?xf32>, !moe.routing<1>) -> tensor<f32> {
  ^bb0(%e: index, %m: tensor<?xf32>):
    moe.yield %s : tensor<f32>
  }
  return
}

// -----

func.func @dispatch_c2(%x: tensor<?xf32>, %r: !moe.routing<3>) {
  // expected-error @below {{expects 3 regions, one for each expert, or one region whose first argument is an index, got 2 regions}}
  %y = moe.dispatch %x by %r : (tensor<?xf32>, !moe.routing<3>) -> tensor<?xf32> {
  ^bb0(%m: tensor<?xf32>):
    moe.yield %m : tensor<?xf32>
  }, {
  ^bb0(%m: tensor<?xf32>):
    moe.yield %m : tensor<?xf32>
  }
  return
}

// -----

func.func @dispatch_c2_family(%x: tensor<?xf32>, %r: !moe.routing<3>) {
  // expected-error @below {{expects 3 regions, one for each expert, or one region whose first argument is an index, got 1 regions}}
  %y = moe.dispatch %x by %r : (tensor<?xf32>, !moe.routing<3>) -> tensor<?xf32> {
  ^bb0(%m: tensor<?xf32>):
    moe.yield %m : tensor<?xf32>
  }
  return
}

// -----

func.func @dispatch_c3(%x: tensor<?xf32>, %r: !moe.routing<3>) {
  // expected-error @below {{expects regions with 2 or, with weights, 3 arguments, got 1}}
  %y = moe.dispatch %x by %r : (tensor<?xf32>, !moe.routing<3>) -> tensor<?xf32> {
  ^bb0(%e: index):
    moe.yield %x : tensor<?xf32>
  }
  return
}

// -----

func.func @dispatch_c3_type(%x: tensor<5x4xf32>, %r: !moe.routing<3>) {
  // expected-error @below {{expects an argument of type 'tensor<?x4xf32>' for the rows of 'tensor<5x4xf32>', got 'tensor<5x4xf32>'}}
  %y = moe.dispatch %x by %r : (tensor<5x4xf32>, !moe.routing<3>) -> tensor<?x4xf32> {
  ^bb0(%e: index, %m: tensor<5x4xf32>):
    %c = tensor.cast %m : tensor<5x4xf32> to tensor<?x4xf32>
    moe.yield %c : tensor<?x4xf32>
  }
  return
}

// -----

func.func @dispatch_c3_weights(%x: tensor<?xf16>, %r: !moe.routing<3>) {
  // expected-error @below {{expects weights of type 'tensor<?xf32>', got 'tensor<?xf16>'}}
  %y = moe.dispatch %x by %r : (tensor<?xf16>, !moe.routing<3>) -> tensor<?xf16> {
  ^bb0(%e: index, %m: tensor<?xf16>, %w: tensor<?xf16>):
    moe.yield %m : tensor<?xf16>
  }
  return
}

// -----

func.func @dispatch_c4(%x: tensor<?xf32>, %r: !moe.routing<3>) {
  %y = moe.dispatch %x by %r : (tensor<?xf32>, !moe.routing<3>) -> tensor<?xf16> {
  ^bb0(%e: index, %m: tensor<?xf32>):
    // expected-error @below {{expects values of types 'tensor<?xf16>', got 'tensor<?xf32>'}}
    moe.yield %m : tensor<?xf32>
  }
  return
}

// -----

func.func @dispatch_c4_terminator(%x: tensor<?xf32>, %r: !moe.routing<3>) {
  // expected-error @below {{expects regions that end in moe.yield}}
  %y = moe.dispatch %x by %r : (tensor<?xf32>, !moe.routing<3>) -> tensor<?xf32> {
  ^bb0(%e: index, %m: tensor<?xf32>):
    llvm.unreachable
  }
  return
}

// -----

func.func @dispatch_c5(%x: tensor<?xf32>, %r: !moe.routing<3>) {
  // expected-error @below {{expects results with ? as dimension 0 and static other dimensions that are not 0, got 'tensor<4xf32>'}}
  %y = moe.dispatch %x by %r : (tensor<?xf32>, !moe.routing<3>) -> tensor<4xf32> {
  ^bb0(%e: index, %m: tensor<?xf32>):
    %c = tensor.cast %m : tensor<?xf32> to tensor<4xf32>
    moe.yield %c : tensor<4xf32>
  }
  return
}

// -----

func.func @dispatch_c5_columns(%x: tensor<?x?xf32>, %r: !moe.routing<3>) {
  // expected-error @below {{expects results with ? as dimension 0 and static other dimensions that are not 0, got 'tensor<?x?xf32>'}}
  %y = moe.dispatch %x by %r : (tensor<?x?xf32>, !moe.routing<3>) -> tensor<?x?xf32> {
  ^bb0(%e: index, %m: tensor<?x?xf32>):
    moe.yield %m : tensor<?x?xf32>
  }
  return
}

// -----

func.func @dispatch_c6(%x: tensor<?xf32>, %r: !moe.routing<3>) {
  // expected-error @below {{expects at least one result}}
  moe.dispatch %x by %r : (tensor<?xf32>, !moe.routing<3>) -> () {
  ^bb0(%e: index, %m: tensor<?xf32>):
    moe.yield
  }
  return
}

// -----

func.func @dispatch_c7(%x: tensor<4xf32>, %z: tensor<5xf32>, %r: !moe.routing<3>) {
  // expected-error @below {{expects token operands with the same number of rows, got 4 and 5}}
  %y = moe.dispatch %x, %z by %r : (tensor<4xf32>, tensor<5xf32>, !moe.routing<3>) -> tensor<?xf32> {
  ^bb0(%e: index, %m: tensor<?xf32>, %n: tensor<?xf32>):
    moe.yield %m : tensor<?xf32>
  }
  return
}

// -----

// What cannot be seen in the types of moe.yield is checked while running; that
// it has a number of rows at all follows from C5 and C4 of moe.dispatch.
func.func @yield_c1(%x: tensor<?xf32>, %r: !moe.routing<3>) {
  // expected-error @below {{expects results with ? as dimension 0 and static other dimensions that are not 0, got 'tensor<3xf32>'}}
  %y = moe.dispatch %x by %r : (tensor<?xf32>, !moe.routing<3>) -> tensor<3xf32> {
  ^bb0(%e: index, %m: tensor<?xf32>):
    %c = arith.constant dense<0.0> : tensor<3xf32>
    moe.yield %c : tensor<3xf32>
  }
  return
}

// -----

func.func @yield_parent(%x: tensor<?xf32>) {
  // expected-error @below {{expects parent op to be one of 'moe.dispatch, moe.where'}}
  moe.yield %x : tensor<?xf32>
}

// -----

//===----------------------------------------------------------------------===//
// moe.rows and moe.combine
//===----------------------------------------------------------------------===//

func.func @rows_c1(%p: tensor<?xf32>, %r: !moe.routing<3>) {
  // expected-error @below {{expects an expert of 0 to 2, got 3}}
  %y = moe.rows %p by %r[3] : (tensor<?xf32>, !moe.routing<3>) -> tensor<?xf32>
  return
}

// -----

func.func @rows_c1_negative(%p: tensor<?xf32>, %r: !moe.routing<3>) {
  // expected-error @below {{expects an expert of 0 to 2, got -1}}
  %y = moe.rows %p by %r[-1] : (tensor<?xf32>, !moe.routing<3>) -> tensor<?xf32>
  return
}

// -----

func.func @rows_c2(%p: tensor<4xf32>, %r: !moe.routing<3>) {
  // expected-error @below {{expects packed rows with ? as dimension 0 that are not empty, got 'tensor<4xf32>'}}
  %y = moe.rows %p by %r[0] : (tensor<4xf32>, !moe.routing<3>) -> tensor<4xf32>
  return
}

// -----

func.func @rows_c2_result(%p: tensor<?xf32>, %r: !moe.routing<3>) {
  // expected-error @+2 {{inferred type(s) 'tensor<?xf32>' are incompatible}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = moe.rows %p by %r[0] : (tensor<?xf32>, !moe.routing<3>) -> tensor<4xf32>
  return
}

// -----

func.func @combine_c1(%p: tensor<f32>, %r: !moe.routing<3>) {
  // expected-error @below {{expects packed rows with ? as dimension 0 that are not empty, got 'tensor<f32>'}}
  %y = moe.combine %p by %r : (tensor<f32>, !moe.routing<3>) -> tensor<f32>
  return
}

// -----

func.func @combine_c1_result(%p: tensor<?xf32>, %r: !moe.routing<3>) {
  // expected-error @+2 {{inferred type(s) 'tensor<?xf32>' are incompatible}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = moe.combine %p by %r : (tensor<?xf32>, !moe.routing<3>) -> tensor<?xf64>
  return
}

// -----

func.func @combine_c2(%p: tensor<?xf32>, %i: tensor<4xf32>, %r: !moe.routing<3>) {
  // expected-error @below {{expects an init of type 'tensor<?xf32>', got 'tensor<4xf32>'}}
  %y = moe.combine %p by %r into %i : (tensor<?xf32>, !moe.routing<3>, tensor<4xf32>) -> tensor<?xf32>
  return
}

// -----

func.func @combine_c3(%p: tensor<?xi64>, %r: !moe.routing<3>) {
  // expected-error @below {{expects unweighted with rows of integers}}
  %y = moe.combine %p by %r : (tensor<?xi64>, !moe.routing<3>) -> tensor<?xi64>
  return
}

// -----

func.func @combine_c4(%p: tensor<?xindex>, %r: !moe.routing<3>) {
  // expected-error @below {{expects rows of f16, bf16, f32, f64 or signless integers of at most 64 bits, got 'tensor<?xindex>'}}
  %y = moe.combine %p by %r unweighted : (tensor<?xindex>, !moe.routing<3>) -> tensor<?xindex>
  return
}

// -----

func.func @combine_c4_narrow(%p: tensor<?xf8E5M2>, %r: !moe.routing<3>) {
  // expected-error @below {{expects rows of f16, bf16, f32, f64 or signless integers of at most 64 bits, got 'tensor<?xf8E5M2>'}}
  %y = moe.combine %p by %r : (tensor<?xf8E5M2>, !moe.routing<3>) -> tensor<?xf8E5M2>
  return
}

// -----

func.func @combine_c4_complex(%p: tensor<?xcomplex<f32>>, %r: !moe.routing<3>) {
  // expected-error @below {{expects rows of f16, bf16, f32, f64 or signless integers of at most 64 bits}}
  %y = moe.combine %p by %r : (tensor<?xcomplex<f32>>, !moe.routing<3>) -> tensor<?xcomplex<f32>>
  return
}

// -----

//===----------------------------------------------------------------------===//
// Weights of a family
//===----------------------------------------------------------------------===//

func.func @pick_c1(%i: index) {
  // expected-error @below {{expects at least one tensor}}
  %w = moe.pick %i [] : tensor<4xf32>
  return
}

// -----

func.func @pick_c2(%i: index, %a: tensor<4xf32>, %b: tensor<5xf32>) {
  // expected-error @below {{expects tensors of type 'tensor<4xf32>', got 'tensor<5xf32>'}}
  %w = "moe.pick"(%i, %a, %b) : (index, tensor<4xf32>, tensor<5xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @pick_c2_static(%i: index, %a: tensor<?xf32>) {
  // expected-error @below {{must be variadic of statically shaped tensor of any type values}}
  %w = moe.pick %i [%a] : tensor<?xf32>
  return
}

// -----

func.func @combine_c1_empty(%p: tensor<?x0xf32>, %r: !moe.routing<3>) {
  // expected-error @below {{expects packed rows with ? as dimension 0 that are not empty, got 'tensor<?x0xf32>'}}
  %y = moe.combine %p by %r : (tensor<?x0xf32>, !moe.routing<3>) -> tensor<?x0xf32>
  return
}

// -----

func.func @dispatch_c1_empty(%x: tensor<?x0xf32>, %r: !moe.routing<3>) {
  // expected-error @below {{expects token operands of rank 1 or more whose rows are not empty, got 'tensor<?x0xf32>'}}
  %p = moe.dispatch %x by %r : (tensor<?x0xf32>, !moe.routing<3>) -> tensor<?xf32> {
  ^each(%expert: index, %mine: tensor<?x0xf32>):
    %n = arith.constant dense<0.0> : tensor<2xf32>
    %c = tensor.cast %n : tensor<2xf32> to tensor<?xf32>
    moe.yield %c : tensor<?xf32>
  }
  return
}

// -----

func.func @dispatch_c5_empty(%x: tensor<?x2xf32>, %r: !moe.routing<3>) {
  %n = arith.constant dense<0.0> : tensor<2x0xf32>
  %c = tensor.cast %n : tensor<2x0xf32> to tensor<?x0xf32>
  // expected-error @below {{expects results with ? as dimension 0 and static other dimensions that are not 0, got 'tensor<?x0xf32>'}}
  %p = moe.dispatch %x by %r : (tensor<?x2xf32>, !moe.routing<3>) -> tensor<?x0xf32> {
  ^each(%expert: index, %mine: tensor<?x2xf32>):
    moe.yield %c : tensor<?x0xf32>
  }
  return
}

// -----

// expected-error @below {{expects at least one count}}
moe.parameters @parameters_c1 "w" [] : tensor<4xf32>

// -----

// expected-error @below {{expects counts of at least 1, got 0}}
moe.parameters @parameters_c1_zero "w.{0}" [0] : tensor<4xf32>

// -----

// expected-error @below {{expects at most 1048576 tensors}}
moe.parameters @parameters_c1_many "w.{0}.{1}" [4294967296, 4294967296] : tensor<4xf32>

// -----

// expected-error @below {{expects {1} in its pattern}}
moe.parameters @parameters_c2 "w.{0}" [4, 2] : tensor<4xf32>

// -----

// expected-error @below {{has {1} in its pattern, but only 1 counts}}
moe.parameters @parameters_c2_unknown "w.{0}.{1}" [4] : tensor<4xf32>

// -----

// expected-error @below {{expects elements that are integers or floating-point numbers, got 'tensor<4xindex>'}}
moe.parameters @parameters_c3 "w.{0}" [4] : tensor<4xindex>

// -----

// expected-error @below {{'type' failed to satisfy constraint}}
moe.parameters @parameters_c3_static "w.{0}" [4] : tensor<?xf32>

// -----

func.func @parameter_c1(%i: index) {
  // expected-error @below {{expects 'w' to be a moe.parameters}}
  %w = moe.parameter @w[%i] : tensor<4xf32>
  return
}

// -----

func.func @parameter_c1_other(%i: index) {
  // expected-error @below {{expects 'parameter_c1_other' to be a moe.parameters}}
  %w = moe.parameter @parameter_c1_other[%i] : tensor<4xf32>
  return
}

// -----

moe.parameters @w "w.{0}.{1}" [4, 2] : tensor<4xf32>
func.func @parameter_c2(%i: index) {
  // expected-error @below {{expects 2 numbers, got 1}}
  %w = moe.parameter @w[%i] : tensor<4xf32>
  return
}

// -----

moe.parameters @w "w.{0}" [4] : tensor<4xf32>
func.func @parameter_c3(%i: index) {
  // expected-error @below {{expects a result of type 'tensor<4xf32>', got 'tensor<5xf32>'}}
  %w = moe.parameter @w[%i] : tensor<5xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// moe.name and moe.keyword_only
//===----------------------------------------------------------------------===//

// expected-error@+1 {{'func.func' op argument #0: "moe.name" expects a text, got 1 : i64}}
func.func private @name_c1(tensor<f32> {moe.name = 1 : i64})

// -----

// expected-error@+1 {{'func.func' op result #1: "moe.name" expects "" to be no empty text}}
func.func private @name_c2() -> (tensor<f32>, tensor<f32> {moe.name = ""})

// -----

// expected-error@+1 {{'func.func' op argument #0: "moe.name" expects "a=b" to have no '='}}
func.func private @name_c2_equals(tensor<f32> {moe.name = "a=b"})

// -----

// expected-error@+1 {{'func.func' op argument #0: "moe.name" expects "@a" not to begin with '@'}}
func.func private @name_c2_file(tensor<f32> {moe.name = "@a"})

// -----

// expected-error@+1 {{'func.func' op argument #0: "moe.name" expects "a\0Ab" to be UTF-8 without control characters}}
func.func private @name_c2_control(tensor<f32> {moe.name = "a\nb"})

// -----

// expected-error@+1 {{'func.func' op argument #0: "moe.name" expects "a\FF" to be UTF-8 without control characters}}
func.func private @name_c2_utf8(tensor<f32> {moe.name = "a\FF"})

// -----

// expected-error@+1 {{'func.func' op argument #2: "moe.name" expects a name of its own, but argument #0 has "a" as well}}
func.func private @name_c3(tensor<f32> {moe.name = "a"}, tensor<f32>, tensor<f32> {moe.name = "a"})

// -----

// expected-error@+1 {{'func.func' op argument #0: "moe.nmae" is no attribute of an argument or a result}}
func.func private @name_c4(tensor<f32> {moe.nmae = "a"})

// -----

// expected-error@+1 {{'func.func' op result #0: "moe.keyword_only" expects no value}}
func.func private @keyword_only_c1() -> (tensor<f32> {moe.keyword_only = true, moe.name = "a"})

// -----

// expected-error@+1 {{'func.func' op argument #0: "moe.keyword_only" expects a moe.name beside it}}
func.func private @keyword_only_c2(tensor<f32> {moe.keyword_only})

// -----

//===----------------------------------------------------------------------===//
// moe.donated
//===----------------------------------------------------------------------===//

// expected-error@+1 {{'func.func' op argument #0: "moe.donated" expects no value}}
func.func private @donated_c1(tensor<f32> {moe.donated = true})

// -----

// expected-error@+1 {{'func.func' op argument #1: "moe.donated" expects a tensor, got 'f32'}}
func.func private @donated_c2(tensor<f32> {moe.donated}, f32 {moe.donated})

// -----

// expected-error@+1 {{'func.func' op result #0: "moe.donated" is no attribute of an argument or a result}}
func.func private @donated_result() -> (tensor<f32> {moe.donated})
