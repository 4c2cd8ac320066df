// A threshold: a token goes to every expert whose sigmoid is above one half,
// which may be none or all of them.

func.func @main(%scores: tensor<?x6xf32>)
    -> (tensor<?x6xi1>, tensor<?x6xf32>) {
  %routing = moe.gate %scores sigmoid threshold(0.5)
    : (tensor<?x6xf32>) -> !moe.routing<6>
  %mask = moe.mask %routing : (!moe.routing<6>) -> tensor<?x6xi1>
  %weights = moe.weights %routing : (!moe.routing<6>) -> tensor<?x6xf32>
  return %mask, %weights : tensor<?x6xi1>, tensor<?x6xf32>
}
