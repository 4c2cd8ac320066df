// SparseMixer, as Phi-3.5-MoE uses it for inference: the two best experts; the
// weight of each is its probability among the experts that are not better and
// whose score is close to its own, (m - s) / max(|s|, m) <= 0.02. The weights are
// not normalised together. moe.gate finds the experts, the weights are ordinary
// operations, and moe.route makes the routing.

#all = affine_map<(t, e) -> (t, e)>
#row = affine_map<(t, e) -> (t)>

// The weight of the one expert of each token in `chosen`, without those of `gone`.
func.func private @weigh(%scores: tensor<?x16xf32>, %chosen: tensor<?x16xi1>,
                         %gone: tensor<?x16xi1>) -> tensor<?x16xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %limit = arith.constant 0.02 : f32
  %n = tensor.dim %scores, %c0 : tensor<?x16xf32>

  %r0 = tensor.empty(%n) : tensor<?xf32>
  %r1 = linalg.fill ins(%lowest : f32) outs(%r0 : tensor<?xf32>) -> tensor<?xf32>
  %best = linalg.generic
      {indexing_maps = [#all, #all, #row], iterator_types = ["parallel", "reduction"]}
      ins(%scores, %chosen : tensor<?x16xf32>, tensor<?x16xi1>)
      outs(%r1 : tensor<?xf32>) {
  ^bb0(%s: f32, %this: i1, %last: f32):
    %found = arith.select %this, %s, %last : f32
    linalg.yield %found : f32
  } -> tensor<?xf32>

  %p0 = tensor.empty(%n) : tensor<?x16xf32>
  %powers = linalg.generic
      {indexing_maps = [#all, #all, #row, #all], iterator_types = ["parallel", "parallel"]}
      ins(%scores, %gone, %best : tensor<?x16xf32>, tensor<?x16xi1>, tensor<?xf32>)
      outs(%p0 : tensor<?x16xf32>) {
  ^bb0(%s: f32, %better: i1, %m: f32, %out: f32):
    %distance = arith.subf %m, %s : f32
    %size = math.absf %s : f32
    %scale = arith.maximumf %size, %m : f32
    %ratio = arith.divf %distance, %scale : f32
    %far = arith.cmpf ogt, %ratio, %limit : f32
    %drop = arith.ori %far, %better : i1
    %difference = arith.subf %s, %m : f32
    %power = math.exp %difference : f32
    %kept = arith.select %drop, %zero, %power : f32
    linalg.yield %kept : f32
  } -> tensor<?x16xf32>

  %s1 = linalg.fill ins(%zero : f32) outs(%r0 : tensor<?xf32>) -> tensor<?xf32>
  %sums = linalg.generic
      {indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]}
      ins(%powers : tensor<?x16xf32>) outs(%s1 : tensor<?xf32>) {
  ^bb0(%power: f32, %last: f32):
    %sum = arith.addf %last, %power : f32
    linalg.yield %sum : f32
  } -> tensor<?xf32>

  %weights = linalg.generic
      {indexing_maps = [#all, #row, #all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%powers, %sums, %chosen : tensor<?x16xf32>, tensor<?xf32>, tensor<?x16xi1>)
      outs(%p0 : tensor<?x16xf32>) {
  ^bb0(%power: f32, %sum: f32, %this: i1, %out: f32):
    %share = arith.divf %power, %sum : f32
    %weight = arith.select %this, %share, %zero : f32
    linalg.yield %weight : f32
  } -> tensor<?x16xf32>
  return %weights : tensor<?x16xf32>
}

func.func @main(%scores: tensor<?x16xf32>)
    -> (tensor<?x16xi1>, tensor<?x16xf32>) {
  %false = arith.constant false
  %one = moe.gate %scores identity argmax : (tensor<?x16xf32>) -> !moe.routing<16>
  %two = moe.gate %scores identity top_k(2) : (tensor<?x16xf32>) -> !moe.routing<16>
  %first = moe.mask %one : (!moe.routing<16>) -> tensor<?x16xi1>
  %both = moe.mask %two : (!moe.routing<16>) -> tensor<?x16xi1>
  %second = arith.xori %both, %first : tensor<?x16xi1>
  %none = linalg.fill ins(%false : i1) outs(%first : tensor<?x16xi1>) -> tensor<?x16xi1>

  %w1 = func.call @weigh(%scores, %first, %none)
    : (tensor<?x16xf32>, tensor<?x16xi1>, tensor<?x16xi1>) -> tensor<?x16xf32>
  %w2 = func.call @weigh(%scores, %second, %first)
    : (tensor<?x16xf32>, tensor<?x16xi1>, tensor<?x16xi1>) -> tensor<?x16xf32>
  %w = arith.addf %w1, %w2 : tensor<?x16xf32>

  %routing = moe.route %both, %w
    : (tensor<?x16xi1>, tensor<?x16xf32>) -> !moe.routing<16>
  %mask = moe.mask %routing : (!moe.routing<16>) -> tensor<?x16xi1>
  %weights = moe.weights %routing : (!moe.routing<16>) -> tensor<?x16xf32>
  return %mask, %weights : tensor<?x16xi1>, tensor<?x16xf32>
}
