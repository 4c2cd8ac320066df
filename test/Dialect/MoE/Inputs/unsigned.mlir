func.func @main(%x: tensor<?xui8>, %s: tensor<ui32>) -> (tensor<?xf32>, tensor<?xui8>, tensor<ui32>, tensor<?xi32>) {
  %0 = tensor.bitcast %x : tensor<?xui8> to tensor<?xi8>
  %1 = arith.uitofp %0 : tensor<?xi8> to tensor<?xf32>
  %2 = tensor.bitcast %1 : tensor<?xf32> to tensor<?xi32>
  return %1, %x, %s, %2 : tensor<?xf32>, tensor<?xui8>, tensor<ui32>, tensor<?xi32>
}
