// DeepSeek-V2: softmax over all experts; only the three of eight groups whose
// best expert is the best stay; of these the six best experts. The
// probabilities are not normalised but multiplied by 16.

func.func @main(%scores: tensor<?x160xf32>)
    -> (tensor<?x160xi1>, tensor<?x160xf32>) {
  %routing = moe.gate %scores softmax groups(8 keep 3 by max) top_k(6) scale(16.0)
    : (tensor<?x160xf32>) -> !moe.routing<160>
  %mask = moe.mask %routing : (!moe.routing<160>) -> tensor<?x160xi1>
  %weights = moe.weights %routing : (!moe.routing<160>) -> tensor<?x160xf32>
  return %mask, %weights : tensor<?x160xi1>, tensor<?x160xf32>
}
