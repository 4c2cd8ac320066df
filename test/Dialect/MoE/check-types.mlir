// RUN: moe-opt --moe-check-types --split-input-file --verify-diagnostics %s

func.func @supported(%a: tensor<4xf16>, %b: bf16, %c: f64, %d: tensor<?x0xi1>, %e: i64, %f: index, %g: tensor<2xi24>) -> f64 {
  %y = arith.addf %c, %c : f64
  return %y : f64
}

// -----

// A byte is moved, whatever number it stands for.
func.func @moved(%a: tensor<4xf8E4M3FN>, %i: index) -> (tensor<2xf8E4M3FN>, f8E4M3FN) {
  %c = arith.constant 1.0 : f8E4M3FN
  %s = tensor.extract_slice %a[%i] [2] [1] : tensor<4xf8E4M3FN> to tensor<2xf8E4M3FN>
  %e = linalg.fill ins(%c : f8E4M3FN) outs(%s : tensor<2xf8E4M3FN>) -> tensor<2xf8E4M3FN>
  return %e, %c : tensor<2xf8E4M3FN>, f8E4M3FN
}

// -----

func.func @narrow(%a: tensor<4xf8E5M2>, %b: tensor<4xf32>) -> tensor<4xf32> {
  %y = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
    ins(%a : tensor<4xf8E5M2>) outs(%b : tensor<4xf32>) {
  ^bb0(%e: f8E5M2, %o: f32):
    // expected-error @below {{'arith.extf' op computes with 'f8E5M2'; supported are f16, bf16, f32, f64, index and integers of 1 to 64 bits, and narrower numbers where they are only moved}}
    %w = arith.extf %e : f8E5M2 to f32
    linalg.yield %w : f32
  } -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @named(%a: tensor<4x4xf8E5M2>) -> tensor<4x4xf8E5M2> {
  // expected-error @below {{computes with 'f8E5M2'}}
  %y = linalg.matmul ins(%a, %a : tensor<4x4xf8E5M2>, tensor<4x4xf8E5M2>) outs(%a : tensor<4x4xf8E5M2>) -> tensor<4x4xf8E5M2>
  return %y : tensor<4x4xf8E5M2>
}

// -----

// expected-error @below {{'func.func' op has values of 'i0'; supported are f16, bf16, f32, f64, index and integers of 1 to 64 bits}}
func.func @no_bits(%a: tensor<4xi0>) {
  return
}

// -----

func.func @wide(%a: i64) -> i64 {
  // expected-error @below {{'arith.extsi' op computes with 'i128'}}
  %w = arith.extsi %a : i64 to i128
  %n = arith.trunci %w : i128 to i64
  return %n : i64
}

// -----

// expected-error @below {{'func.func' op has values of 'f80'}}
func.func @long_double(%a: tensor<?xf80>) {
  return
}

// -----

// expected-error @below {{'func.func' op has values of 'f4E2M1FN'}}
func.func @half_a_byte(%a: tensor<?xf4E2M1FN>) {
  return
}

// -----

// expected-error @below {{'func.func' op has values of 'f128'}}
func.func @in_complex(%a: tensor<?xcomplex<f128>>) {
  return
}
