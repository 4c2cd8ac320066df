// gpt-oss: the four best scores; the weights are the softmax over these four.

func.func @main(%scores: tensor<?x32xf32>)
    -> (tensor<?x32xi1>, tensor<?x32xf32>) {
  %routing = moe.gate %scores identity top_k(4) weights(softmax)
    : (tensor<?x32xf32>) -> !moe.routing<32>
  %mask = moe.mask %routing : (!moe.routing<32>) -> tensor<?x32xi1>
  %weights = moe.weights %routing : (!moe.routing<32>) -> tensor<?x32xf32>
  return %mask, %weights : tensor<?x32xi1>, tensor<?x32xf32>
}
