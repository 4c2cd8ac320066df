// Reads handwritten digits: images of 8 x 8 pixels, 16 shades of grey divided by
// 16. A layer of six experts, of which each image uses two, stands between an
// embedding and a head with one logit for each digit.

ml_program.global private @embed.weight(#ml_program.extern<tensor<32x64xf32>>) : tensor<32x64xf32>
ml_program.global private @embed.bias(#ml_program.extern<tensor<32xf32>>) : tensor<32xf32>
ml_program.global private @router.weight(#ml_program.extern<tensor<6x32xf32>>) : tensor<6x32xf32>
ml_program.global private @head.weight(#ml_program.extern<tensor<10x32xf32>>) : tensor<10x32xf32>
ml_program.global private @head.bias(#ml_program.extern<tensor<10xf32>>) : tensor<10xf32>
moe.parameters @fc1.weight "experts.{0}.fc1.weight" [6] : tensor<48x32xf32>
moe.parameters @fc1.bias "experts.{0}.fc1.bias" [6] : tensor<48xf32>
moe.parameters @fc2.weight "experts.{0}.fc2.weight" [6] : tensor<32x48xf32>
moe.parameters @fc2.bias "experts.{0}.fc2.bias" [6] : tensor<32xf32>

// Weights are stored as [out, in]: result[t, o] is the sum over i of
// row[t, i] * weight[o, i].
#row = affine_map<(t, o, i) -> (t, i)>
#weight = affine_map<(t, o, i) -> (o, i)>
#result = affine_map<(t, o, i) -> (t, o)>

// Returns the digit that each image shows, and the logits of all ten.
func.func @main(%images: tensor<?x64xf32>) -> (tensor<?xi64>, tensor<?x10xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %images, %c0 : tensor<?x64xf32>

  // h = relu(embed(images))
  %w_embed = ml_program.global_load_const @embed.weight : tensor<32x64xf32>
  %b_embed = ml_program.global_load_const @embed.bias : tensor<32xf32>
  %h0 = tensor.empty(%n) : tensor<?x32xf32>
  %h1 = linalg.broadcast ins(%b_embed : tensor<32xf32>) outs(%h0 : tensor<?x32xf32>) dimensions = [0]
  %h2 = linalg.matmul indexing_maps = [#row, #weight, #result]
    ins(%images, %w_embed : tensor<?x64xf32>, tensor<32x64xf32>)
    outs(%h1 : tensor<?x32xf32>) -> tensor<?x32xf32>
  %h = linalg.map ins(%h2 : tensor<?x32xf32>)
    outs(%h0 : tensor<?x32xf32>) (%v: f32, %old: f32) {
    %relu = arith.maximumf %v, %zero : f32
    linalg.yield %relu : f32
  }

  // The two experts with the highest probability, weighted by it.
  %w_router = ml_program.global_load_const @router.weight : tensor<6x32xf32>
  %s0 = tensor.empty(%n) : tensor<?x6xf32>
  %s1 = linalg.fill ins(%zero : f32) outs(%s0 : tensor<?x6xf32>) -> tensor<?x6xf32>
  %scores = linalg.matmul indexing_maps = [#row, #weight, #result]
    ins(%h, %w_router : tensor<?x32xf32>, tensor<6x32xf32>)
    outs(%s1 : tensor<?x6xf32>) -> tensor<?x6xf32>
  %routing = moe.gate %scores softmax top_k(2) normalize
    : (tensor<?x6xf32>) -> !moe.routing<6>

  %rows = moe.dispatch %h by %routing
      : (tensor<?x32xf32>, !moe.routing<6>) -> tensor<?x32xf32> {
  ^each(%expert: index, %mine: tensor<?x32xf32>):
    %m = tensor.dim %mine, %c0 : tensor<?x32xf32>
    %w1 = moe.parameter @fc1.weight[%expert] : tensor<48x32xf32>
    %b1 = moe.parameter @fc1.bias[%expert] : tensor<48xf32>
    %w2 = moe.parameter @fc2.weight[%expert] : tensor<32x48xf32>
    %b2 = moe.parameter @fc2.bias[%expert] : tensor<32xf32>

    // fc2(relu(fc1(h)))
    %a0 = tensor.empty(%m) : tensor<?x48xf32>
    %a1 = linalg.broadcast ins(%b1 : tensor<48xf32>) outs(%a0 : tensor<?x48xf32>) dimensions = [0]
    %a2 = linalg.matmul indexing_maps = [#row, #weight, #result]
      ins(%mine, %w1 : tensor<?x32xf32>, tensor<48x32xf32>)
      outs(%a1 : tensor<?x48xf32>) -> tensor<?x48xf32>
    %hidden = linalg.map ins(%a2 : tensor<?x48xf32>)
      outs(%a0 : tensor<?x48xf32>) (%v: f32, %old: f32) {
      %relu = arith.maximumf %v, %zero : f32
      linalg.yield %relu : f32
    }
    %y0 = linalg.broadcast ins(%b2 : tensor<32xf32>) outs(%mine : tensor<?x32xf32>) dimensions = [0]
    %out = linalg.matmul indexing_maps = [#row, #weight, #result]
      ins(%hidden, %w2 : tensor<?x48xf32>, tensor<32x48xf32>)
      outs(%y0 : tensor<?x32xf32>) -> tensor<?x32xf32>
    moe.yield %out : tensor<?x32xf32>
  }
  %experts = moe.combine %rows by %routing
    : (tensor<?x32xf32>, !moe.routing<6>) -> tensor<?x32xf32>

  // logits = head(h + experts)
  %sum = arith.addf %h, %experts : tensor<?x32xf32>
  %w_head = ml_program.global_load_const @head.weight : tensor<10x32xf32>
  %b_head = ml_program.global_load_const @head.bias : tensor<10xf32>
  %l0 = tensor.empty(%n) : tensor<?x10xf32>
  %l1 = linalg.broadcast ins(%b_head : tensor<10xf32>) outs(%l0 : tensor<?x10xf32>) dimensions = [0]
  %logits = linalg.matmul indexing_maps = [#row, #weight, #result]
    ins(%sum, %w_head : tensor<?x32xf32>, tensor<10x32xf32>)
    outs(%l1 : tensor<?x10xf32>) -> tensor<?x10xf32>

  // The digit with the largest logit.
  %lowest = arith.constant 0xFF800000 : f32
  %first = arith.constant 0 : i64
  %m0 = tensor.empty(%n) : tensor<?xf32>
  %m1 = linalg.fill ins(%lowest : f32) outs(%m0 : tensor<?xf32>) -> tensor<?xf32>
  %d0 = tensor.empty(%n) : tensor<?xi64>
  %d1 = linalg.fill ins(%first : i64) outs(%d0 : tensor<?xi64>) -> tensor<?xi64>
  %largest, %digits = linalg.generic {
      indexing_maps = [affine_map<(t, d) -> (t, d)>, affine_map<(t, d) -> (t)>,
                       affine_map<(t, d) -> (t)>],
      iterator_types = ["parallel", "reduction"]}
    ins(%logits : tensor<?x10xf32>) outs(%m1, %d1 : tensor<?xf32>, tensor<?xi64>) {
  ^bb0(%logit: f32, %best: f32, %best_digit: i64):
    %position = linalg.index 1 : index
    %digit = arith.index_cast %position : index to i64
    %better = arith.cmpf ogt, %logit, %best : f32
    %next = arith.select %better, %logit, %best : f32
    %next_digit = arith.select %better, %digit, %best_digit : i64
    linalg.yield %next, %next_digit : f32, i64
  } -> (tensor<?xf32>, tensor<?xi64>)
  return %digits, %logits : tensor<?xi64>, tensor<?x10xf32>
}
