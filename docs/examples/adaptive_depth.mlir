// One block, applied as often as each token needs it. A token is done when
// h * halt.weight + halt.bias is above 0; every other token gets another round.
// The loop ends when no token is left, after at most eight rounds. In each round
// the block runs on just the tokens that are not done.

ml_program.global private @halt.weight(#ml_program.extern<tensor<32xf32>>) : tensor<32xf32>
ml_program.global private @halt.bias(#ml_program.extern<tensor<1xf32>>) : tensor<1xf32>
ml_program.global private @block.fc1.weight(#ml_program.extern<tensor<64x32xf32>>) : tensor<64x32xf32>
ml_program.global private @block.fc1.bias(#ml_program.extern<tensor<64xf32>>) : tensor<64xf32>
ml_program.global private @block.fc2.weight(#ml_program.extern<tensor<32x64xf32>>) : tensor<32x64xf32>
ml_program.global private @block.fc2.bias(#ml_program.extern<tensor<32xf32>>) : tensor<32xf32>

// Weights are stored as [out, in].
#row = affine_map<(t, o, i) -> (t, i)>
#weight = affine_map<(t, o, i) -> (o, i)>
#result = affine_map<(t, o, i) -> (t, o)>

// Returns the tokens and the number of rounds of each.
func.func @main(%x: tensor<?x32xf32>) -> (tensor<?x32xf32>, tensor<?xi64>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %limit = arith.constant 8 : index
  %zero = arith.constant 0.0 : f32
  %none = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  %n = tensor.dim %x, %c0 : tensor<?x32xf32>

  %halt = ml_program.global_load_const @halt.weight : tensor<32xf32>
  %halt_bias = ml_program.global_load_const @halt.bias : tensor<1xf32>
  %bias = tensor.extract %halt_bias[%c0] : tensor<1xf32>
  %empty = tensor.empty(%n) : tensor<?xf32>
  %counts = tensor.empty(%n) : tensor<?xi64>
  %none_yet = linalg.fill ins(%none : i64) outs(%counts : tensor<?xi64>) -> tensor<?xi64>

  %last, %y, %steps, %active = scf.while (%round = %c0, %h = %x, %count = %none_yet)
      : (index, tensor<?x32xf32>, tensor<?xi64>)
      -> (index, tensor<?x32xf32>, tensor<?xi64>, !moe.routing<1>) {
    // Which tokens are not done? A token that is done stays as it is, so that
    // it is done in all later rounds too.
    %biases = linalg.fill ins(%bias : f32) outs(%empty : tensor<?xf32>) -> tensor<?xf32>
    %logit = linalg.matvec ins(%h, %halt : tensor<?x32xf32>, tensor<32xf32>)
      outs(%biases : tensor<?xf32>) -> tensor<?xf32>
    %flags = tensor.empty(%n) : tensor<?xi1>
    %going = linalg.map ins(%logit : tensor<?xf32>) outs(%flags : tensor<?xi1>) (%v: f32, %old: i1) {
      %goes_on = arith.cmpf ole, %v, %zero : f32
      linalg.yield %goes_on : i1
    }
    %mask = tensor.expand_shape %going [[0, 1]] output_shape [%n, 1]
      : tensor<?xi1> into tensor<?x1xi1>
    %routing = moe.route %mask : (tensor<?x1xi1>) -> !moe.routing<1>

    %left = moe.counts %routing : (!moe.routing<1>) -> tensor<1xi64>
    %how_many = tensor.extract %left[%c0] : tensor<1xi64>
    %some_left = arith.cmpi sgt, %how_many, %none : i64
    %within = arith.cmpi ult, %round, %limit : index
    %go_on = arith.andi %some_left, %within : i1
    scf.condition(%go_on) %round, %h, %count, %routing
      : index, tensor<?x32xf32>, tensor<?xi64>, !moe.routing<1>
  } do {
  ^bb0(%round: index, %h: tensor<?x32xf32>, %count: tensor<?xi64>, %routing: !moe.routing<1>):
    %rows:2 = moe.dispatch %h, %count by %routing
        : (tensor<?x32xf32>, tensor<?xi64>, !moe.routing<1>) -> (tensor<?x32xf32>, tensor<?xi64>) {
    ^block(%mine: tensor<?x32xf32>, %mine_count: tensor<?xi64>):
      %m = tensor.dim %mine, %c0 : tensor<?x32xf32>
      %w1 = ml_program.global_load_const @block.fc1.weight : tensor<64x32xf32>
      %b1 = ml_program.global_load_const @block.fc1.bias : tensor<64xf32>
      %w2 = ml_program.global_load_const @block.fc2.weight : tensor<32x64xf32>
      %b2 = ml_program.global_load_const @block.fc2.bias : tensor<32xf32>

      // h + fc2(relu(fc1(h)))
      %h0 = tensor.empty(%m) : tensor<?x64xf32>
      %h1 = linalg.broadcast ins(%b1 : tensor<64xf32>) outs(%h0 : tensor<?x64xf32>) dimensions = [0]
      %h2 = linalg.matmul indexing_maps = [#row, #weight, #result]
        ins(%mine, %w1 : tensor<?x32xf32>, tensor<64x32xf32>)
        outs(%h1 : tensor<?x64xf32>) -> tensor<?x64xf32>
      %hidden = linalg.map ins(%h2 : tensor<?x64xf32>)
        outs(%h0 : tensor<?x64xf32>) (%v: f32, %old: f32) {
        %relu = arith.maximumf %v, %zero : f32
        linalg.yield %relu : f32
      }
      %y0 = linalg.broadcast ins(%b2 : tensor<32xf32>) outs(%mine : tensor<?x32xf32>) dimensions = [0]
      %y1 = linalg.matmul indexing_maps = [#row, #weight, #result]
        ins(%hidden, %w2 : tensor<?x64xf32>, tensor<32x64xf32>)
        outs(%y0 : tensor<?x32xf32>) -> tensor<?x32xf32>
      %out = arith.addf %mine, %y1 : tensor<?x32xf32>

      %more = linalg.map ins(%mine_count : tensor<?xi64>)
        outs(%mine_count : tensor<?xi64>) (%v: i64, %old: i64) {
        %next = arith.addi %v, %one : i64
        linalg.yield %next : i64
      }
      moe.yield %out, %more : tensor<?x32xf32>, tensor<?xi64>
    }
    %next_h = moe.combine %rows#0 by %routing into %h unweighted
      : (tensor<?x32xf32>, !moe.routing<1>, tensor<?x32xf32>) -> tensor<?x32xf32>
    %next_count = moe.combine %rows#1 by %routing into %count unweighted
      : (tensor<?xi64>, !moe.routing<1>, tensor<?xi64>) -> tensor<?xi64>
    %next_round = arith.addi %round, %c1 : index
    scf.yield %next_round, %next_h, %next_count : index, tensor<?x32xf32>, tensor<?xi64>
  }
  return %y, %steps : tensor<?x32xf32>, tensor<?xi64>
}
