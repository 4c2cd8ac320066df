// OLMoE: softmax over all experts, the eight best; the probabilities are not
// normalised.

func.func @main(%scores: tensor<?x64xf32>)
    -> (tensor<?x64xi1>, tensor<?x64xf32>) {
  %routing = moe.gate %scores softmax top_k(8)
    : (tensor<?x64xf32>) -> !moe.routing<64>
  %mask = moe.mask %routing : (!moe.routing<64>) -> tensor<?x64xi1>
  %weights = moe.weights %routing : (!moe.routing<64>) -> tensor<?x64xf32>
  return %mask, %weights : tensor<?x64xi1>, tensor<?x64xf32>
}
