// RUN: moe-opt %s --split-input-file --verify-diagnostics --moe-outline-experts

func.func @no_name(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{expects moe.body to be the name of a function}}
  %r = scf.execute_region -> tensor<4xf32> no_inline {
    %p = bufferization.materialize_in_destination %x in %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    scf.yield %p : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}

// -----

func.func @no_destination(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{expects to yield what is materialized in a tensor from outside}}
  %r = scf.execute_region -> tensor<4xf32> no_inline {
    %e = tensor.empty() : tensor<4xf32>
    %y = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    scf.yield %y : tensor<4xf32>
  } {moe.body = "f"}
  return %r : tensor<4xf32>
}
