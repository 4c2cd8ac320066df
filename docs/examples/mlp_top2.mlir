// A layer of eight SwiGLU experts. A softmax of the router's scores sends each
// token to its two best experts; their outputs are summed, weighted by the two
// probabilities divided by their sum.
//
// All experts have the same shape, so they are one family: one body, written
// once, that gets the number of the expert.

ml_program.global private @router.weight(#ml_program.extern<tensor<8x64xf32>>) : tensor<8x64xf32>
moe.parameters @gate_proj "experts.{0}.gate_proj.weight" [8] : tensor<96x64xf32>
moe.parameters @up_proj "experts.{0}.up_proj.weight" [8] : tensor<96x64xf32>
moe.parameters @down_proj "experts.{0}.down_proj.weight" [8] : tensor<64x96xf32>

// Weights are stored as [out, in]: result[t, o] is the sum over i of
// row[t, i] * weight[o, i].
#row = affine_map<(t, o, i) -> (t, i)>
#weight = affine_map<(t, o, i) -> (o, i)>
#result = affine_map<(t, o, i) -> (t, o)>

func.func @main(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x64xf32>

  %router = ml_program.global_load_const @router.weight : tensor<8x64xf32>
  %s0 = tensor.empty(%n) : tensor<?x8xf32>
  %s1 = linalg.fill ins(%zero : f32) outs(%s0 : tensor<?x8xf32>) -> tensor<?x8xf32>
  %scores = linalg.matmul indexing_maps = [#row, #weight, #result]
    ins(%x, %router : tensor<?x64xf32>, tensor<8x64xf32>)
    outs(%s1 : tensor<?x8xf32>) -> tensor<?x8xf32>

  %routing = moe.gate %scores softmax top_k(2) normalize
    : (tensor<?x8xf32>) -> !moe.routing<8>

  %rows = moe.dispatch %x by %routing
      : (tensor<?x64xf32>, !moe.routing<8>) -> tensor<?x64xf32> {
  ^each(%expert: index, %mine: tensor<?x64xf32>):
    %m = tensor.dim %mine, %c0 : tensor<?x64xf32>
    %w_gate = moe.parameter @gate_proj[%expert] : tensor<96x64xf32>
    %w_up = moe.parameter @up_proj[%expert] : tensor<96x64xf32>
    %w_down = moe.parameter @down_proj[%expert] : tensor<64x96xf32>

    // down(silu(gate(x)) * up(x))
    %h0 = tensor.empty(%m) : tensor<?x96xf32>
    %h1 = linalg.fill ins(%zero : f32) outs(%h0 : tensor<?x96xf32>) -> tensor<?x96xf32>
    %gate = linalg.matmul indexing_maps = [#row, #weight, #result]
      ins(%mine, %w_gate : tensor<?x64xf32>, tensor<96x64xf32>)
      outs(%h1 : tensor<?x96xf32>) -> tensor<?x96xf32>
    %up = linalg.matmul indexing_maps = [#row, #weight, #result]
      ins(%mine, %w_up : tensor<?x64xf32>, tensor<96x64xf32>)
      outs(%h1 : tensor<?x96xf32>) -> tensor<?x96xf32>
    %hidden = linalg.map ins(%gate, %up : tensor<?x96xf32>, tensor<?x96xf32>)
      outs(%h0 : tensor<?x96xf32>) (%g: f32, %u: f32, %old: f32) {
      %one = arith.constant 1.0 : f32
      %negated = arith.negf %g : f32
      %exp = math.exp %negated : f32
      %sum = arith.addf %exp, %one : f32
      %silu = arith.divf %g, %sum : f32
      %product = arith.mulf %silu, %u : f32
      linalg.yield %product : f32
    }
    %y0 = tensor.empty(%m) : tensor<?x64xf32>
    %y1 = linalg.fill ins(%zero : f32) outs(%y0 : tensor<?x64xf32>) -> tensor<?x64xf32>
    %out = linalg.matmul indexing_maps = [#row, #weight, #result]
      ins(%hidden, %w_down : tensor<?x96xf32>, tensor<64x96xf32>)
      outs(%y1 : tensor<?x64xf32>) -> tensor<?x64xf32>
    moe.yield %out : tensor<?x64xf32>
  }

  %y = moe.combine %rows by %routing
    : (tensor<?x64xf32>, !moe.routing<8>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
