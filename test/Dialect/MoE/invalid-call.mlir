// RUN: moe-opt %s --split-input-file --verify-diagnostics

func.func @call_c1(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{expects 'nobody' to be a function}}
  %y = moe.call @nobody() outs(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func private @f(tensor<5xf32>) -> tensor<5xf32>
func.func @call_c2_operands(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{expects operands of types 'tensor<5xf32>', got 'tensor<4xf32>'}}
  %y = moe.call @f() outs(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func private @f(tensor<4xf32>) -> tensor<5xf32>
func.func @call_c2_results(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{expects results of types 'tensor<5xf32>', got 'tensor<4xf32>'}}
  %y = moe.call @f() outs(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func private @f(f32)
func.func @call_c3(%x: f32) {
  // expected-error @below {{expects at least one destination}}
  moe.call @f(%x) outs() : (f32) -> ()
  return
}

// -----

func.func private @f(tensor<4xf32>) -> tensor<4xf32>
func.func @call_c4(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{expects one function, or a number and several, got 2}}
  %y = moe.call [@f, @f]() outs(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func private @f(tensor<4xf32>) -> tensor<4xf32>
func.func @call_c4_one(%x: tensor<4xf32>, %n: index) -> tensor<4xf32> {
  // expected-error @below {{expects one function, or a number and several, got 1 and a number}}
  %y = moe.call %n of @f() outs(%x) : (index, tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
