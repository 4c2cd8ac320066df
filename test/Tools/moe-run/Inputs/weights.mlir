ml_program.global private @bias(#ml_program.extern<tensor<2xf32>>) : tensor<2xf32>
moe.parameters @scale "experts.{0}.scale" [2] : tensor<2xf32>
func.func @main(%x: tensor<2xf32>, %e: index) -> tensor<2xf32> {
  %b = ml_program.global_load_const @bias : tensor<2xf32>
  %s = moe.parameter @scale[%e] : tensor<2xf32>
  %p = arith.mulf %x, %s : tensor<2xf32>
  %y = arith.addf %p, %b : tensor<2xf32>
  return %y : tensor<2xf32>
}
