// RUN: moe-opt %s --split-input-file --verify-diagnostics

func.func @contract_c1_no_rows(%w: tensor<8x4xf32>, %o: tensor<?x8xf32>) {
  // expected-error @below {{expects rows if and only if there are weights, got no rows and 1 weights}}
  %y = moe.contract weights(%w) outs(%o) maps [] : (tensor<8x4xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%s: f32):
    moe.yield_element %s : f32
  }
  return
}

// -----

func.func @contract_c1_elements(%x: tensor<?x4xi32>, %w: tensor<8x4xi32>, %o: tensor<?x8xf32>) {
  // expected-error @below {{expects rows [M, K] of f32, bf16 or f16, got 'tensor<?x4xi32>'}}
  %y = moe.contract rows(%x) weights(%w) outs(%o) maps [] : (tensor<?x4xi32>, tensor<8x4xi32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%s: f32):
    moe.yield_element %s : f32
  }
  return
}

// -----

func.func @contract_c1_mixed(%x: tensor<?x4xf32>, %w: tensor<8x4xbf16>, %o: tensor<?x8xf32>) {
  // expected-error @below {{expects weights [N, K] for rows 'tensor<?x4xf32>' and the result 'tensor<?x8xf32>', got 'tensor<8x4xbf16>'}}
  %y = moe.contract rows(%x) weights(%w) outs(%o) maps [] : (tensor<?x4xf32>, tensor<8x4xbf16>, tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%s: f32):
    moe.yield_element %s : f32
  }
  return
}

// -----

func.func @contract_c2_depth(%x: tensor<?x5xf32>, %w: tensor<8x4xf32>, %o: tensor<?x8xf32>) {
  // expected-error @below {{expects weights [N, K] for rows 'tensor<?x5xf32>'}}
  %y = moe.contract rows(%x) weights(%w) outs(%o) maps [] : (tensor<?x5xf32>, tensor<8x4xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%s: f32):
    moe.yield_element %s : f32
  }
  return
}

// -----

func.func @contract_c2_rows(%x: tensor<3x4xf32>, %w: tensor<8x4xf32>, %o: tensor<2x8xf32>) {
  // expected-error @below {{expects as many rows as the result 'tensor<2x8xf32>' has, got 'tensor<3x4xf32>'}}
  %y = moe.contract rows(%x) weights(%w) outs(%o) maps [] : (tensor<3x4xf32>, tensor<8x4xf32>, tensor<2x8xf32>) -> tensor<2x8xf32> {
  ^bb0(%s: f32):
    moe.yield_element %s : f32
  }
  return
}

// -----

func.func @contract_c2_rank(%o: tensor<8xf32>) {
  // expected-error @below {{expects a destination [M, N], got 'tensor<8xf32>'}}
  %y = moe.contract with(%o) outs(%o) maps [affine_map<(d0, d1) -> (d1)>] : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32> {
  ^bb0(%s: f32):
    moe.yield_element %s : f32
  }
  return
}

// -----

func.func @contract_c3_count(%b: tensor<8xf32>, %o: tensor<?x8xf32>) {
  // expected-error @below {{expects a map for each operand, got 0 maps and 1 operands}}
  %y = moe.contract with(%b) outs(%o) maps [] : (tensor<8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%s: f32):
    moe.yield_element %s : f32
  }
  return
}

// -----

func.func @contract_c3_order(%b: tensor<8x?xf32>, %o: tensor<?x8xf32>) {
  // expected-error @below {{expects a map of (d0, d1) to both, one of them or none, in order, got affine_map<(d0, d1) -> (d1, d0)>}}
  %y = moe.contract with(%b) outs(%o) maps [affine_map<(d0, d1) -> (d1, d0)>] : (tensor<8x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%s: f32):
    moe.yield_element %s : f32
  }
  return
}

// -----

func.func @contract_c3_rank(%b: tensor<8xf32>, %o: tensor<?x8xf32>) {
  // expected-error @below {{expects an operand with 2 dimensions for the map affine_map<(d0, d1) -> (d0, d1)>, got 'tensor<8xf32>'}}
  %y = moe.contract with(%b) outs(%o) maps [affine_map<(d0, d1) -> (d0, d1)>] : (tensor<8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%s: f32):
    moe.yield_element %s : f32
  }
  return
}

// -----

func.func @contract_c3_size(%b: tensor<7xf32>, %o: tensor<?x8xf32>) {
  // expected-error @below {{expects an operand with the sizes of the result 'tensor<?x8xf32>', got 'tensor<7xf32>'}}
  %y = moe.contract with(%b) outs(%o) maps [affine_map<(d0, d1) -> (d1)>] : (tensor<7xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%s: f32):
    moe.yield_element %s : f32
  }
  return
}

// -----

func.func @contract_c4_arguments(%b: tensor<8xbf16>, %o: tensor<?x8xf32>) {
  // expected-error @below {{expects a region with arguments of types 'bf16', got 'f32'}}
  %y = moe.contract with(%b) outs(%o) maps [affine_map<(d0, d1) -> (d1)>] : (tensor<8xbf16>, tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%s: f32):
    moe.yield_element %s : f32
  }
  return
}

// -----

func.func @contract_c4_result(%b: tensor<8xbf16>, %o: tensor<?x8xf32>) {
  // expected-error @below {{expects a region that yields an element of type 'f32', got 'bf16'}}
  %y = moe.contract with(%b) outs(%o) maps [affine_map<(d0, d1) -> (d1)>] : (tensor<8xbf16>, tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%s: bf16):
    moe.yield_element %s : bf16
  }
  return
}
