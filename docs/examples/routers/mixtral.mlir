// Mixtral: softmax over all experts, the two best, their probabilities divided
// by their sum. The same as Qwen3-MoE with other numbers.

func.func @main(%scores: tensor<?x8xf32>)
    -> (tensor<?x8xi1>, tensor<?x8xf32>) {
  %routing = moe.gate %scores softmax top_k(2) normalize
    : (tensor<?x8xf32>) -> !moe.routing<8>
  %mask = moe.mask %routing : (!moe.routing<8>) -> tensor<?x8xi1>
  %weights = moe.weights %routing : (!moe.routing<8>) -> tensor<?x8xf32>
  return %mask, %weights : tensor<?x8xi1>, tensor<?x8xf32>
}
