// Switch Transformer: softmax over all experts, the best one. An expert takes
// five tokens, first come, first served; a token that finds its expert full has
// none.

func.func @main(%scores: tensor<?x8xf32>)
    -> (tensor<?x8xi1>, tensor<?x8xf32>) {
  %routing = moe.gate %scores softmax argmax capacity(5)
    : (tensor<?x8xf32>) -> !moe.routing<8>
  %mask = moe.mask %routing : (!moe.routing<8>) -> tensor<?x8xi1>
  %weights = moe.weights %routing : (!moe.routing<8>) -> tensor<?x8xf32>
  return %mask, %weights : tensor<?x8xi1>, tensor<?x8xf32>
}
