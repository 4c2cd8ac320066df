// Qwen2-MoE as released: softmax over all experts, the four best; the
// probabilities are not normalised.

func.func @main(%scores: tensor<?x60xf32>)
    -> (tensor<?x60xi1>, tensor<?x60xf32>) {
  %routing = moe.gate %scores softmax top_k(4)
    : (tensor<?x60xf32>) -> !moe.routing<60>
  %mask = moe.mask %routing : (!moe.routing<60>) -> tensor<?x60xi1>
  %weights = moe.weights %routing : (!moe.routing<60>) -> tensor<?x60xf32>
  return %mask, %weights : tensor<?x60xi1>, tensor<?x60xf32>
}
