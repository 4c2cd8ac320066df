// RUN: moe-opt --moe-guard-accesses --split-input-file --verify-diagnostics %s

func.func @gather(%x: tensor<?x8xf32>, %i: tensor<?x1xi64>) -> tensor<?x1x8xf32> {
  // expected-error @below {{cannot be checked while running, so that only a trusted model may have it}}
  %g = tensor.gather %x[%i] gather_dims([0]) : (tensor<?x8xf32>, tensor<?x1xi64>) -> tensor<?x1x8xf32>
  return %g : tensor<?x1x8xf32>
}

// -----

func.func @pack(%x: tensor<?x8xf32>, %y: tensor<?x2x4xf32>) -> tensor<?x2x4xf32> {
  // expected-error @below {{cannot be checked while running}}
  %p = linalg.pack %x inner_dims_pos = [1] inner_tiles = [4] into %y : tensor<?x8xf32> -> tensor<?x2x4xf32>
  return %p : tensor<?x2x4xf32>
}

// -----

func.func @memory(%x: memref<?xf32>, %i: index) -> f32 {
  // expected-error @below {{cannot be checked while running}}
  %v = memref.load %x[%i] : memref<?xf32>
  return %v : f32
}

// -----

func.func @vectors(%x: vector<4xi32>) -> vector<4xi32> {
  // expected-error @below {{cannot be checked while running}}
  %v = arith.divsi %x, %x : vector<4xi32>
  return %v : vector<4xi32>
}

// -----

func.func @unranked(%x: tensor<*xf32>, %i: index) -> index {
  // expected-error @below {{cannot be checked while running}}
  %v = tensor.dim %x, %i : tensor<*xf32>
  return %v : index
}
