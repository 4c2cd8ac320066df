func.func @main(%x: tensor<?x2xf32>, %s: f32) -> (tensor<?x2xf32>, f32) {
  %y = arith.addf %x, %x : tensor<?x2xf32>
  %t = arith.addf %s, %s : f32
  return %y, %t : tensor<?x2xf32>, f32
}
