// Llama 4: the best score; the weight is its sigmoid. Ranking the sigmoids
// instead would make ties where they round to 1.

func.func @main(%scores: tensor<?x16xf32>)
    -> (tensor<?x16xi1>, tensor<?x16xf32>) {
  %routing = moe.gate %scores identity argmax weights(sigmoid)
    : (tensor<?x16xf32>) -> !moe.routing<16>
  %mask = moe.mask %routing : (!moe.routing<16>) -> tensor<?x16xi1>
  %weights = moe.weights %routing : (!moe.routing<16>) -> tensor<?x16xf32>
  return %mask, %weights : tensor<?x16xi1>, tensor<?x16xf32>
}
