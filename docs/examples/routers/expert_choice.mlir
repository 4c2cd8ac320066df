// Expert choice: not the token chooses its experts, each expert chooses its
// tokens, a quarter of the batch (capacity 2 with 8 experts). A softmax over the
// experts; an expert takes the tokens with the largest probabilities, of equal
// ones the first. moe.gate ranks experts and not tokens, so this rule ends in a
// mask and moe.route.

#token = affine_map<(t, e, u) -> (t, e)>
#other = affine_map<(t, e, u) -> (u, e)>
#all = affine_map<(t, e) -> (t, e)>

func.func @main(%scores: tensor<?x8xf32>)
    -> (tensor<?x8xi1>, tensor<?x8xf32>) {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %n = tensor.dim %scores, %c0 : tensor<?x8xf32>
  %capacity = arith.ceildivui %n, %c4 : index

  %p0 = tensor.empty(%n) : tensor<?x8xf32>
  %p = linalg.softmax dimension(1) ins(%scores : tensor<?x8xf32>)
    outs(%p0 : tensor<?x8xf32>) -> tensor<?x8xf32>

  // How many tokens an expert prefers to this one.
  %b0 = tensor.empty(%n) : tensor<?x8xindex>
  %b1 = linalg.fill ins(%c0 : index) outs(%b0 : tensor<?x8xindex>) -> tensor<?x8xindex>
  %before = linalg.generic
      {indexing_maps = [#token, #other, #token],
       iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%p, %p : tensor<?x8xf32>, tensor<?x8xf32>)
      outs(%b1 : tensor<?x8xindex>) {
  ^bb0(%mine: f32, %theirs: f32, %count: index):
    %t = linalg.index 0 : index
    %u = linalg.index 2 : index
    %larger = arith.cmpf ogt, %theirs, %mine : f32
    %equal = arith.cmpf oeq, %theirs, %mine : f32
    %first = arith.cmpi ult, %u, %t : index
    %tie = arith.andi %equal, %first : i1
    %ahead = arith.ori %larger, %tie : i1
    %one = arith.index_castui %ahead : i1 to index
    %sum = arith.addi %count, %one : index
    linalg.yield %sum : index
  } -> tensor<?x8xindex>

  // A token whose probabilities are not numbers is not chosen.
  %m0 = tensor.empty(%n) : tensor<?x8xi1>
  %chosen = linalg.generic
      {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%p, %before : tensor<?x8xf32>, tensor<?x8xindex>)
      outs(%m0 : tensor<?x8xi1>) {
  ^bb0(%mine: f32, %ahead: index, %out: i1):
    %number = arith.cmpf ord, %mine, %mine : f32
    %fits = arith.cmpi ult, %ahead, %capacity : index
    %take = arith.andi %number, %fits : i1
    linalg.yield %take : i1
  } -> tensor<?x8xi1>

  %routing = moe.route %chosen, %p
    : (tensor<?x8xi1>, tensor<?x8xf32>) -> !moe.routing<8>
  %mask = moe.mask %routing : (!moe.routing<8>) -> tensor<?x8xi1>
  %weights = moe.weights %routing : (!moe.routing<8>) -> tensor<?x8xf32>
  return %mask, %weights : tensor<?x8xi1>, tensor<?x8xf32>
}
