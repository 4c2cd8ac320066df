// DeepSeek-V3: a sigmoid for each expert. The bias, which balances the load,
// counts in the ranking only. Four of eight groups stay, ranked by the sum of
// their two best experts; of these the eight best experts. The sigmoids without
// the bias, divided by their sum and times 2.5, are the weights.

func.func @main(%scores: tensor<?x256xf32>, %bias: tensor<256xf32>)
    -> (tensor<?x256xi1>, tensor<?x256xf32>) {
  %routing = moe.gate %scores sigmoid bias(%bias)
    groups(8 keep 4 by top2_sum) top_k(8) normalize epsilon(1.0e-20) scale(2.5)
    : (tensor<?x256xf32>, tensor<256xf32>) -> !moe.routing<256>
  %mask = moe.mask %routing : (!moe.routing<256>) -> tensor<?x256xi1>
  %weights = moe.weights %routing : (!moe.routing<256>) -> tensor<?x256xf32>
  return %mask, %weights : tensor<?x256xi1>, tensor<?x256xf32>
}
