// Functions of the pass on vectors and on the rest of a row, a function in
// bf16, and a chain that is fused.
func.func @main(%x: tensor<3x?xf32>) -> (tensor<3x?xf32>, tensor<3x?xf32>, tensor<3x?xf32>, tensor<3x?xf32>, tensor<3x?xf32>, tensor<3x?xf32>, tensor<3x?xf32>) {
  %exp = math.exp %x : tensor<3x?xf32>
  %expm1 = math.expm1 %x : tensor<3x?xf32>
  %tanh = math.tanh %x : tensor<3x?xf32>
  %erf = math.erf %x : tensor<3x?xf32>
  %log1p = math.log1p %x : tensor<3x?xf32>
  %narrow = arith.truncf %x : tensor<3x?xf32> to tensor<3x?xbf16>
  %root = math.exp %narrow : tensor<3x?xbf16>
  %wide = arith.extf %root : tensor<3x?xbf16> to tensor<3x?xf32>
  %negated = arith.negf %x : tensor<3x?xf32>
  %power = math.exp %negated : tensor<3x?xf32>
  %one = arith.constant 1.0 : f32
  %c1 = arith.constant 1 : index
  %n = tensor.dim %x, %c1 : tensor<3x?xf32>
  %ones = tensor.splat %one[%n] : tensor<3x?xf32>
  %sum = arith.addf %power, %ones : tensor<3x?xf32>
  %silu = arith.divf %x, %sum : tensor<3x?xf32>
  return %exp, %expm1, %tanh, %erf, %log1p, %wide, %silu : tensor<3x?xf32>, tensor<3x?xf32>, tensor<3x?xf32>, tensor<3x?xf32>, tensor<3x?xf32>, tensor<3x?xf32>, tensor<3x?xf32>
}
