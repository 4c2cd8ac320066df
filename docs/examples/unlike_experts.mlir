// Five experts that have nothing in common, so each has a region of its own: the
// identity, a constant, a narrow ReLU and a wide GELU perceptron, and a loop
// whose length is data. A token goes to each expert whose sigmoid is above 0.5:
// to any number of them, none included.

ml_program.global private @router.weight(#ml_program.extern<tensor<5x16xf32>>) : tensor<5x16xf32>
ml_program.global private @router.bias(#ml_program.extern<tensor<5xf32>>) : tensor<5xf32>
ml_program.global private @experts.1.value(#ml_program.extern<tensor<16xf32>>) : tensor<16xf32>
ml_program.global private @experts.2.fc1.weight(#ml_program.extern<tensor<24x16xf32>>) : tensor<24x16xf32>
ml_program.global private @experts.2.fc1.bias(#ml_program.extern<tensor<24xf32>>) : tensor<24xf32>
ml_program.global private @experts.2.fc2.weight(#ml_program.extern<tensor<16x24xf32>>) : tensor<16x24xf32>
ml_program.global private @experts.2.fc2.bias(#ml_program.extern<tensor<16xf32>>) : tensor<16xf32>
ml_program.global private @experts.3.fc1.weight(#ml_program.extern<tensor<160x16xf32>>) : tensor<160x16xf32>
ml_program.global private @experts.3.fc1.bias(#ml_program.extern<tensor<160xf32>>) : tensor<160xf32>
ml_program.global private @experts.3.fc2.weight(#ml_program.extern<tensor<16x160xf32>>) : tensor<16x160xf32>
ml_program.global private @experts.3.fc2.bias(#ml_program.extern<tensor<16xf32>>) : tensor<16xf32>
ml_program.global private @experts.4.mix(#ml_program.extern<tensor<16x16xf32>>) : tensor<16x16xf32>
ml_program.global private @experts.4.steps(#ml_program.extern<tensor<1xi64>>) : tensor<1xi64>

// Weights are stored as [out, in].
#row = affine_map<(t, o, i) -> (t, i)>
#weight = affine_map<(t, o, i) -> (o, i)>
#result = affine_map<(t, o, i) -> (t, o)>

func.func @main(%x: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x16xf32>

  %router = ml_program.global_load_const @router.weight : tensor<5x16xf32>
  %bias = ml_program.global_load_const @router.bias : tensor<5xf32>
  %s0 = tensor.empty(%n) : tensor<?x5xf32>
  %s1 = linalg.broadcast ins(%bias : tensor<5xf32>) outs(%s0 : tensor<?x5xf32>) dimensions = [0]
  %logits = linalg.matmul indexing_maps = [#row, #weight, #result]
    ins(%x, %router : tensor<?x16xf32>, tensor<5x16xf32>)
    outs(%s1 : tensor<?x5xf32>) -> tensor<?x5xf32>

  %routing = moe.gate %logits sigmoid threshold(0.5)
    : (tensor<?x5xf32>) -> !moe.routing<5>

  %rows = moe.dispatch %x by %routing
      : (tensor<?x16xf32>, !moe.routing<5>) -> tensor<?x16xf32> {
  ^identity(%mine: tensor<?x16xf32>):
    moe.yield %mine : tensor<?x16xf32>
  }, {
  ^constant(%mine: tensor<?x16xf32>):
    %value = ml_program.global_load_const @experts.1.value : tensor<16xf32>
    %out = linalg.broadcast ins(%value : tensor<16xf32>) outs(%mine : tensor<?x16xf32>) dimensions = [0]
    moe.yield %out : tensor<?x16xf32>
  }, {
  ^relu(%mine: tensor<?x16xf32>):
    %m = tensor.dim %mine, %c0 : tensor<?x16xf32>
    %w1 = ml_program.global_load_const @experts.2.fc1.weight : tensor<24x16xf32>
    %b1 = ml_program.global_load_const @experts.2.fc1.bias : tensor<24xf32>
    %w2 = ml_program.global_load_const @experts.2.fc2.weight : tensor<16x24xf32>
    %b2 = ml_program.global_load_const @experts.2.fc2.bias : tensor<16xf32>
    %h0 = tensor.empty(%m) : tensor<?x24xf32>
    %h1 = linalg.broadcast ins(%b1 : tensor<24xf32>) outs(%h0 : tensor<?x24xf32>) dimensions = [0]
    %h2 = linalg.matmul indexing_maps = [#row, #weight, #result]
      ins(%mine, %w1 : tensor<?x16xf32>, tensor<24x16xf32>)
      outs(%h1 : tensor<?x24xf32>) -> tensor<?x24xf32>
    %hidden = linalg.map ins(%h2 : tensor<?x24xf32>)
      outs(%h0 : tensor<?x24xf32>) (%v: f32, %old: f32) {
      %relu = arith.maximumf %v, %zero : f32
      linalg.yield %relu : f32
    }
    %y0 = linalg.broadcast ins(%b2 : tensor<16xf32>) outs(%mine : tensor<?x16xf32>) dimensions = [0]
    %out = linalg.matmul indexing_maps = [#row, #weight, #result]
      ins(%hidden, %w2 : tensor<?x24xf32>, tensor<16x24xf32>)
      outs(%y0 : tensor<?x16xf32>) -> tensor<?x16xf32>
    moe.yield %out : tensor<?x16xf32>
  }, {
  ^gelu(%mine: tensor<?x16xf32>):
    %m = tensor.dim %mine, %c0 : tensor<?x16xf32>
    %w1 = ml_program.global_load_const @experts.3.fc1.weight : tensor<160x16xf32>
    %b1 = ml_program.global_load_const @experts.3.fc1.bias : tensor<160xf32>
    %w2 = ml_program.global_load_const @experts.3.fc2.weight : tensor<16x160xf32>
    %b2 = ml_program.global_load_const @experts.3.fc2.bias : tensor<16xf32>
    %h0 = tensor.empty(%m) : tensor<?x160xf32>
    %h1 = linalg.broadcast ins(%b1 : tensor<160xf32>) outs(%h0 : tensor<?x160xf32>) dimensions = [0]
    %h2 = linalg.matmul indexing_maps = [#row, #weight, #result]
      ins(%mine, %w1 : tensor<?x16xf32>, tensor<160x16xf32>)
      outs(%h1 : tensor<?x160xf32>) -> tensor<?x160xf32>
    // gelu(v) = v / 2 * (1 + erf(v / sqrt(2)))
    %hidden = linalg.map ins(%h2 : tensor<?x160xf32>)
      outs(%h0 : tensor<?x160xf32>) (%v: f32, %old: f32) {
      %half = arith.constant 0.5 : f32
      %one = arith.constant 1.0 : f32
      %root = arith.constant 0.707106781 : f32
      %scaled = arith.mulf %v, %root : f32
      %erf = math.erf %scaled : f32
      %sum = arith.addf %erf, %one : f32
      %halved = arith.mulf %v, %half : f32
      %gelu = arith.mulf %halved, %sum : f32
      linalg.yield %gelu : f32
    }
    %y0 = linalg.broadcast ins(%b2 : tensor<16xf32>) outs(%mine : tensor<?x16xf32>) dimensions = [0]
    %out = linalg.matmul indexing_maps = [#row, #weight, #result]
      ins(%hidden, %w2 : tensor<?x160xf32>, tensor<16x160xf32>)
      outs(%y0 : tensor<?x16xf32>) -> tensor<?x16xf32>
    moe.yield %out : tensor<?x16xf32>
  }, {
  ^loop(%mine: tensor<?x16xf32>):
    %m = tensor.dim %mine, %c0 : tensor<?x16xf32>
    %mix = ml_program.global_load_const @experts.4.mix : tensor<16x16xf32>
    %steps = ml_program.global_load_const @experts.4.steps : tensor<1xi64>
    %count = tensor.extract %steps[%c0] : tensor<1xi64>
    %rounds = arith.index_cast %count : i64 to index
    %y0 = tensor.empty(%m) : tensor<?x16xf32>
    %y1 = linalg.fill ins(%zero : f32) outs(%y0 : tensor<?x16xf32>) -> tensor<?x16xf32>
    // As often as steps says: h = tanh(mix(h))
    %out = scf.for %round = %c0 to %rounds step %c1
        iter_args(%h = %mine) -> tensor<?x16xf32> {
      %mixed = linalg.matmul indexing_maps = [#row, #weight, #result]
        ins(%h, %mix : tensor<?x16xf32>, tensor<16x16xf32>)
        outs(%y1 : tensor<?x16xf32>) -> tensor<?x16xf32>
      %next = math.tanh %mixed : tensor<?x16xf32>
      scf.yield %next : tensor<?x16xf32>
    }
    moe.yield %out : tensor<?x16xf32>
  }

  %y = moe.combine %rows by %routing
    : (tensor<?x16xf32>, !moe.routing<5>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}
