func.func @f(%s: tensor<?x8xf32>) -> !moe.routing<8> {
  %r = moe.gate %s softmax top_k(2) : (tensor<?x8xf32>) -> !moe.routing<8>
  return %r : !moe.routing<8>
}
