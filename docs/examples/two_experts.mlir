// Two experts behind one gate. Each row of x goes to expert A, which adds a
// weight, or to expert B, which multiplies by one. Neither sees the other's
// rows, and an expert without rows is not run.
//
//   moe-run two_experts.mlir --input="5x8xf32=random(seed=1)"

ml_program.global private @gate.kernel(#ml_program.extern<tensor<8x1xf32>>) : tensor<8x1xf32>
ml_program.global private @gate.bias(#ml_program.extern<tensor<1xf32>>) : tensor<1xf32>
ml_program.global private @expert_a.weight(#ml_program.extern<tensor<8xf32>>) : tensor<8xf32>
ml_program.global private @expert_b.weight(#ml_program.extern<tensor<8xf32>>) : tensor<8xf32>

// Returns A's rows, B's rows, and which rows of x went to A and to B.
func.func @main(%x: tensor<?x8xf32>)
    -> (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi1>, tensor<?xi1>) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x8xf32>

  // logit = x * kernel + bias
  %kernel = ml_program.global_load_const @gate.kernel : tensor<8x1xf32>
  %bias = ml_program.global_load_const @gate.bias : tensor<1xf32>
  %column = tensor.empty(%n) : tensor<?x1xf32>
  %biases = linalg.broadcast ins(%bias : tensor<1xf32>)
    outs(%column : tensor<?x1xf32>) dimensions = [0]
  %logit = linalg.matmul ins(%x, %kernel : tensor<?x8xf32>, tensor<8x1xf32>)
    outs(%biases : tensor<?x1xf32>) -> tensor<?x1xf32>

  // z = sigmoid(logit); A if z <= 0.5, B if z > 0.5. NaN is neither: the number
  // 2 stands for no expert.
  %numbers = tensor.empty(%n) : tensor<?x1xi64>
  %choice = linalg.map ins(%logit : tensor<?x1xf32>)
    outs(%numbers : tensor<?x1xi64>) (%v: f32, %old: i64) {
    %half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %negated = arith.negf %v : f32
    %exp = math.exp %negated : f32
    %sum = arith.addf %exp, %one : f32
    %z = arith.divf %one, %sum : f32
    %a = arith.constant 0 : i64
    %b = arith.constant 1 : i64
    %none = arith.constant 2 : i64
    %is_a = arith.cmpf ole, %z, %half : f32
    %is_b = arith.cmpf ogt, %z, %half : f32
    %b_or_none = arith.select %is_b, %b, %none : i64
    %number = arith.select %is_a, %a, %b_or_none : i64
    linalg.yield %number : i64
  }
  %routing = moe.route %choice : (tensor<?x1xi64>) -> !moe.routing<2>

  %rows = moe.dispatch %x by %routing
      : (tensor<?x8xf32>, !moe.routing<2>) -> tensor<?x8xf32> {
  ^expert_a(%mine: tensor<?x8xf32>):
    %w = ml_program.global_load_const @expert_a.weight : tensor<8xf32>
    %ws = linalg.broadcast ins(%w : tensor<8xf32>)
      outs(%mine : tensor<?x8xf32>) dimensions = [0]
    %out = arith.addf %mine, %ws : tensor<?x8xf32>
    moe.yield %out : tensor<?x8xf32>
  }, {
  ^expert_b(%mine: tensor<?x8xf32>):
    %w = ml_program.global_load_const @expert_b.weight : tensor<8xf32>
    %ws = linalg.broadcast ins(%w : tensor<8xf32>)
      outs(%mine : tensor<?x8xf32>) dimensions = [0]
    %out = arith.mulf %mine, %ws : tensor<?x8xf32>
    moe.yield %out : tensor<?x8xf32>
  }

  %rows_a = moe.rows %rows by %routing[0]
    : (tensor<?x8xf32>, !moe.routing<2>) -> tensor<?x8xf32>
  %rows_b = moe.rows %rows by %routing[1]
    : (tensor<?x8xf32>, !moe.routing<2>) -> tensor<?x8xf32>
  %mask = moe.mask %routing : (!moe.routing<2>) -> tensor<?x2xi1>
  %mask_a = tensor.extract_slice %mask[0, 0] [%n, 1] [1, 1]
    : tensor<?x2xi1> to tensor<?xi1>
  %mask_b = tensor.extract_slice %mask[0, 1] [%n, 1] [1, 1]
    : tensor<?x2xi1> to tensor<?xi1>
  return %rows_a, %rows_b, %mask_a, %mask_b
    : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi1>, tensor<?xi1>
}
