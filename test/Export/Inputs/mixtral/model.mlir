#map = affine_map<(d0, d1, d2) -> (d0, d1)>
#map1 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map2 = affine_map<(d0) -> (d0)>
#map3 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map4 = affine_map<(d0, d1, d2, d3) -> (d0, d1, 0, d3)>
#map5 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
#map6 = affine_map<(d0, d1, d2, d3) -> ()>
#map7 = affine_map<(d0, d1, d2, d3) -> (d1, d2, d3)>
#map8 = affine_map<(d0, d1, d2) -> (d0, d1, 0)>
#map9 = affine_map<(d0, d1, d2) -> (d2)>
#map10 = affine_map<(d0, d1, d2, d3) -> (0, 0, d2, d3)>
#map11 = affine_map<(d0, d1, d2, d3) -> (0, d1, d2, d3)>
#map12 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
#map13 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#map14 = affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>
#map15 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map16 = affine_map<(d0, d1) -> (d0, d1)>
#map17 = affine_map<(d0, d1) -> (d0)>
#map18 = affine_map<(d0, d1) -> (d0, 0)>
#map19 = affine_map<(d0, d1, d2) -> ()>
#map20 = affine_map<(d0, d1, d2) -> (d0, d2)>
#map21 = affine_map<(d0, d1, d2) -> (d1, d2)>
module {
  ml_program.global private @lm_head.weight(#ml_program.extern<tensor<50x16xf32>>) : tensor<50x16xf32>
  ml_program.global private @model.embed_tokens.weight(#ml_program.extern<tensor<50x16xf32>>) : tensor<50x16xf32>
  ml_program.global private @model.layers.0.input_layernorm.weight(#ml_program.extern<tensor<16xf32>>) : tensor<16xf32>
  ml_program.global private @model.layers.0.mlp.experts.down_proj(#ml_program.extern<tensor<4x16x24xf32>>) : tensor<4x16x24xf32>
  ml_program.global private @model.layers.0.mlp.experts.gate_up_proj(#ml_program.extern<tensor<4x48x16xf32>>) : tensor<4x48x16xf32>
  ml_program.global private @model.layers.0.mlp.gate.weight(#ml_program.extern<tensor<4x16xf32>>) : tensor<4x16xf32>
  ml_program.global private @model.layers.0.post_attention_layernorm.weight(#ml_program.extern<tensor<16xf32>>) : tensor<16xf32>
  ml_program.global private @model.layers.0.self_attn.k_proj.weight(#ml_program.extern<tensor<8x16xf32>>) : tensor<8x16xf32>
  ml_program.global private @model.layers.0.self_attn.o_proj.weight(#ml_program.extern<tensor<16x16xf32>>) : tensor<16x16xf32>
  ml_program.global private @model.layers.0.self_attn.q_proj.weight(#ml_program.extern<tensor<16x16xf32>>) : tensor<16x16xf32>
  ml_program.global private @model.layers.0.self_attn.v_proj.weight(#ml_program.extern<tensor<8x16xf32>>) : tensor<8x16xf32>
  ml_program.global private @model.norm.weight(#ml_program.extern<tensor<16xf32>>) : tensor<16xf32>
  ml_program.global private @model.rotary_emb.inv_freq(#ml_program.extern<tensor<4xf32>>) : tensor<4xf32>
  func.func @main(%arg0: tensor<?x?xi64>) -> tensor<?x?x50xf32> {
    %0 = ml_program.global_load_const @model.rotary_emb.inv_freq : tensor<4xf32>
    %1 = ml_program.global_load_const @lm_head.weight : tensor<50x16xf32>
    %2 = ml_program.global_load_const @model.norm.weight : tensor<16xf32>
    %3 = ml_program.global_load_const @model.layers.0.post_attention_layernorm.weight : tensor<16xf32>
    %4 = ml_program.global_load_const @model.layers.0.input_layernorm.weight : tensor<16xf32>
    %5 = ml_program.global_load_const @model.layers.0.mlp.experts.down_proj : tensor<4x16x24xf32>
    %6 = ml_program.global_load_const @model.layers.0.mlp.experts.gate_up_proj : tensor<4x48x16xf32>
    %7 = ml_program.global_load_const @model.layers.0.mlp.gate.weight : tensor<4x16xf32>
    %8 = ml_program.global_load_const @model.layers.0.self_attn.o_proj.weight : tensor<16x16xf32>
    %9 = ml_program.global_load_const @model.layers.0.self_attn.v_proj.weight : tensor<8x16xf32>
    %10 = ml_program.global_load_const @model.layers.0.self_attn.k_proj.weight : tensor<8x16xf32>
    %11 = ml_program.global_load_const @model.layers.0.self_attn.q_proj.weight : tensor<16x16xf32>
    %12 = ml_program.global_load_const @model.embed_tokens.weight : tensor<50x16xf32>
    %true = arith.constant true
    %c0 = arith.constant 0 : index
    %c16_i64 = arith.constant 16 : i64
    %c3_i64 = arith.constant 3 : i64
    %c2_i64 = arith.constant 2 : i64
    %c0_i64 = arith.constant 0 : i64
    %c1 = arith.constant 1 : index
    %c50 = arith.constant 50 : index
    %c2 = arith.constant 2 : index
    %cst = arith.constant 0.000000e+00 : f32
    %c8_i64 = arith.constant 8 : i64
    %cst_0 = arith.constant 0xFF800000 : f32
    %cst_1 = arith.constant 1.000000e+00 : f32
    %false = arith.constant false
    %c50_i64 = arith.constant 50 : i64
    %cst_2 = arith.constant dense<-3.40282347E+38> : tensor<f32>
    %cst_3 = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_4 = arith.constant dense<true> : tensor<i1>
    %cst_5 = arith.constant 0.35355339059327379 : f64
    %cst_6 = arith.constant 1.000000e-05 : f64
    %cst_7 = arith.constant 1.600000e+01 : f32
    %dim = tensor.dim %arg0, %c0 : tensor<?x?xi64>
    %dim_8 = tensor.dim %arg0, %c1 : tensor<?x?xi64>
    %13 = tensor.empty(%dim, %dim_8) : tensor<?x?x16xf32>
    %14 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0 : tensor<?x?xi64>) outs(%13 : tensor<?x?x16xf32>) {
    ^bb0(%in: i64, %out: f32):
      %201 = arith.index_cast %in : i64 to index
      %202 = linalg.index 2 : index
      %203 = arith.cmpi slt, %201, %c50 : index
      cf.assert %203, "index must be smaller than dim size"
      %204 = arith.cmpi sge, %in, %c0_i64 : i64
      cf.assert %204, "index must be larger or equal to 0"
      %extracted = tensor.extract %12[%201, %202] : tensor<50x16xf32>
      linalg.yield %extracted : f32
    } -> tensor<?x?x16xf32>
    %15 = arith.index_cast %dim_8 : index to i64
    %16 = tensor.empty(%dim_8) : tensor<?xi64>
    %17 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%16 : tensor<?xi64>) {
    ^bb0(%out: i64):
      %201 = linalg.index 0 : index
      %202 = arith.index_cast %201 : index to i64
      linalg.yield %202 : i64
    } -> tensor<?xi64>
    %expanded = tensor.expand_shape %17 [[0, 1, 2, 3]] output_shape [1, 1, %dim_8, 1] : tensor<?xi64> into tensor<1x1x?x1xi64>
    %expanded_9 = tensor.expand_shape %17 [[0, 1, 2, 3]] output_shape [1, 1, 1, %dim_8] : tensor<?xi64> into tensor<1x1x1x?xi64>
    %18 = tensor.empty(%dim_8) : tensor<1x1x?x1xi64>
    %19 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded : tensor<1x1x?x1xi64>) outs(%18 : tensor<1x1x?x1xi64>) {
    ^bb0(%in: i64, %out: i64):
      %201 = arith.subi %in, %c3_i64 : i64
      linalg.yield %201 : i64
    } -> tensor<1x1x?x1xi64>
    %20 = tensor.empty(%dim_8, %dim_8) : tensor<1x1x?x?xi1>
    %21 = linalg.generic {indexing_maps = [#map4, #map5, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_9, %19 : tensor<1x1x1x?xi64>, tensor<1x1x?x1xi64>) outs(%20 : tensor<1x1x?x?xi1>) {
    ^bb0(%in: i64, %in_105: i64, %out: i1):
      %201 = arith.cmpi sgt, %in, %in_105 : i64
      linalg.yield %201 : i1
    } -> tensor<1x1x?x?xi1>
    %22 = linalg.generic {indexing_maps = [#map6, #map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%cst_4, %21 : tensor<i1>, tensor<1x1x?x?xi1>) outs(%20 : tensor<1x1x?x?xi1>) {
    ^bb0(%in: i1, %in_105: i1, %out: i1):
      %201 = arith.andi %in, %in_105 : i1
      linalg.yield %201 : i1
    } -> tensor<1x1x?x?xi1>
    %23 = linalg.generic {indexing_maps = [#map4, #map5, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_9, %expanded : tensor<1x1x1x?xi64>, tensor<1x1x?x1xi64>) outs(%20 : tensor<1x1x?x?xi1>) {
    ^bb0(%in: i64, %in_105: i64, %out: i1):
      %201 = arith.cmpi sle, %in, %in_105 : i64
      linalg.yield %201 : i1
    } -> tensor<1x1x?x?xi1>
    %24 = linalg.generic {indexing_maps = [#map3, #map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%22, %23 : tensor<1x1x?x?xi1>, tensor<1x1x?x?xi1>) outs(%20 : tensor<1x1x?x?xi1>) {
    ^bb0(%in: i1, %in_105: i1, %out: i1):
      %201 = arith.andi %in, %in_105 : i1
      linalg.yield %201 : i1
    } -> tensor<1x1x?x?xi1>
    %25 = arith.index_cast %dim : index to i64
    %26 = arith.cmpi slt, %25, %c0_i64 : i64
    %27 = arith.select %26, %c1, %dim : index
    %28 = tensor.empty(%27, %dim_8, %dim_8) : tensor<?x1x?x?xi1>
    %collapsed = tensor.collapse_shape %24 [[0, 1], [2], [3]] : tensor<1x1x?x?xi1> into tensor<1x?x?xi1>
    %29 = linalg.generic {indexing_maps = [#map7, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%collapsed : tensor<1x?x?xi1>) outs(%28 : tensor<?x1x?x?xi1>) {
    ^bb0(%in: i1, %out: i1):
      linalg.yield %in : i1
    } -> tensor<?x1x?x?xi1>
    %30 = tensor.empty(%27, %dim_8, %dim_8) : tensor<?x1x?x?xf32>
    %31 = linalg.generic {indexing_maps = [#map3, #map6, #map6, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%29, %cst_3, %cst_2 : tensor<?x1x?x?xi1>, tensor<f32>, tensor<f32>) outs(%30 : tensor<?x1x?x?xf32>) {
    ^bb0(%in: i1, %in_105: f32, %in_106: f32, %out: f32):
      %201 = arith.select %in, %in_105, %in_106 : f32
      linalg.yield %201 : f32
    } -> tensor<?x1x?x?xf32>
    %expanded_10 = tensor.expand_shape %17 [[0, 1, 2]] output_shape [1, %dim_8, 1] : tensor<?xi64> into tensor<1x?x1xi64>
    %32 = tensor.empty(%dim_8) : tensor<1x?x1xf32>
    %33 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_10 : tensor<1x?x1xi64>) outs(%32 : tensor<1x?x1xf32>) {
    ^bb0(%in: i64, %out: f32):
      %201 = arith.sitofp %in : i64 to f32
      linalg.yield %201 : f32
    } -> tensor<1x?x1xf32>
    %34 = tensor.empty(%dim_8) : tensor<1x?x4xf32>
    %35 = linalg.generic {indexing_maps = [#map8, #map9, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%33, %0 : tensor<1x?x1xf32>, tensor<4xf32>) outs(%34 : tensor<1x?x4xf32>) {
    ^bb0(%in: f32, %in_105: f32, %out: f32):
      %201 = arith.mulf %in, %in_105 : f32
      linalg.yield %201 : f32
    } -> tensor<1x?x4xf32>
    %concat = tensor.concat dim(2) %35, %35 : (tensor<1x?x4xf32>, tensor<1x?x4xf32>) -> tensor<1x?x8xf32>
    %dim_11 = tensor.dim %35, %c1 : tensor<1x?x4xf32>
    %36 = tensor.empty(%dim_11) : tensor<1x?x8xf32>
    %37 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%concat : tensor<1x?x8xf32>) outs(%36 : tensor<1x?x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %201 = math.cos %in : f32
      linalg.yield %201 : f32
    } -> tensor<1x?x8xf32>
    %38 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%concat : tensor<1x?x8xf32>) outs(%36 : tensor<1x?x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %201 = math.sin %in : f32
      linalg.yield %201 : f32
    } -> tensor<1x?x8xf32>
    %39 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%14 : tensor<?x?x16xf32>) outs(%13 : tensor<?x?x16xf32>) {
    ^bb0(%in: f32, %out: f32):
      %201 = math.fpowi %in, %c2_i64 : f32, i64
      linalg.yield %201 : f32
    } -> tensor<?x?x16xf32>
    %40 = tensor.empty(%dim, %dim_8) : tensor<?x?x1xf32>
    %41 = linalg.fill ins(%cst : f32) outs(%40 : tensor<?x?x1xf32>) -> tensor<?x?x1xf32>
    %42 = linalg.generic {indexing_maps = [#map1, #map8], iterator_types = ["parallel", "parallel", "reduction"]} ins(%39 : tensor<?x?x16xf32>) outs(%41 : tensor<?x?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %201 = arith.addf %in, %out : f32
      linalg.yield %201 : f32
    } -> tensor<?x?x1xf32>
    %43 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%42 : tensor<?x?x1xf32>) outs(%40 : tensor<?x?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %201 = arith.divf %in, %cst_7 : f32
      linalg.yield %201 : f32
    } -> tensor<?x?x1xf32>
    %44 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%43 : tensor<?x?x1xf32>) outs(%40 : tensor<?x?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %201 = arith.truncf %cst_6 : f64 to f32
      %202 = arith.addf %in, %201 : f32
      linalg.yield %202 : f32
    } -> tensor<?x?x1xf32>
    %45 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%44 : tensor<?x?x1xf32>) outs(%40 : tensor<?x?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %201 = math.rsqrt %in : f32
      linalg.yield %201 : f32
    } -> tensor<?x?x1xf32>
    %46 = linalg.generic {indexing_maps = [#map1, #map8, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%14, %45 : tensor<?x?x16xf32>, tensor<?x?x1xf32>) outs(%13 : tensor<?x?x16xf32>) {
    ^bb0(%in: f32, %in_105: f32, %out: f32):
      %201 = arith.mulf %in, %in_105 : f32
      linalg.yield %201 : f32
    } -> tensor<?x?x16xf32>
    %47 = linalg.generic {indexing_maps = [#map9, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%4, %46 : tensor<16xf32>, tensor<?x?x16xf32>) outs(%13 : tensor<?x?x16xf32>) {
    ^bb0(%in: f32, %in_105: f32, %out: f32):
      %201 = arith.mulf %in, %in_105 : f32
      linalg.yield %201 : f32
    } -> tensor<?x?x16xf32>
    %48 = tensor.empty() : tensor<16x16xf32>
    %transposed = linalg.transpose ins(%11 : tensor<16x16xf32>) outs(%48 : tensor<16x16xf32>) permutation = [1, 0] 
    %c0_12 = arith.constant 0 : index
    %dim_13 = tensor.dim %47, %c0_12 : tensor<?x?x16xf32>
    %c1_14 = arith.constant 1 : index
    %dim_15 = tensor.dim %47, %c1_14 : tensor<?x?x16xf32>
    %49 = arith.muli %dim_13, %dim_15 : index
    %c16 = arith.constant 16 : index
    %from_elements = tensor.from_elements %49, %c16 : tensor<2xindex>
    %reshape = tensor.reshape %47(%from_elements) : (tensor<?x?x16xf32>, tensor<2xindex>) -> tensor<?x16xf32>
    %50 = arith.muli %dim, %dim_8 overflow<nsw> : index
    %51 = tensor.empty(%50) : tensor<?x16xf32>
    %52 = linalg.fill ins(%cst : f32) outs(%51 : tensor<?x16xf32>) -> tensor<?x16xf32>
    %53 = linalg.matmul ins(%reshape, %transposed : tensor<?x16xf32>, tensor<16x16xf32>) outs(%52 : tensor<?x16xf32>) -> tensor<?x16xf32>
    %from_elements_16 = tensor.from_elements %25, %15, %c16_i64 : tensor<3xi64>
    %reshape_17 = tensor.reshape %53(%from_elements_16) : (tensor<?x16xf32>, tensor<3xi64>) -> tensor<?x?x16xf32>
    %expanded_18 = tensor.expand_shape %reshape_17 [[0], [1], [2, 3]] output_shape [%dim, %dim_8, 2, 8] : tensor<?x?x16xf32> into tensor<?x?x2x8xf32>
    %54 = tensor.empty(%dim, %dim_8) : tensor<?x2x?x8xf32>
    %transposed_19 = linalg.transpose ins(%expanded_18 : tensor<?x?x2x8xf32>) outs(%54 : tensor<?x2x?x8xf32>) permutation = [0, 2, 1, 3] 
    %55 = tensor.empty() : tensor<16x8xf32>
    %transposed_20 = linalg.transpose ins(%10 : tensor<8x16xf32>) outs(%55 : tensor<16x8xf32>) permutation = [1, 0] 
    %56 = tensor.empty(%50) : tensor<?x8xf32>
    %57 = linalg.fill ins(%cst : f32) outs(%56 : tensor<?x8xf32>) -> tensor<?x8xf32>
    %58 = linalg.matmul ins(%reshape, %transposed_20 : tensor<?x16xf32>, tensor<16x8xf32>) outs(%57 : tensor<?x8xf32>) -> tensor<?x8xf32>
    %from_elements_21 = tensor.from_elements %25, %15, %c8_i64 : tensor<3xi64>
    %reshape_22 = tensor.reshape %58(%from_elements_21) : (tensor<?x8xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
    %expanded_23 = tensor.expand_shape %reshape_22 [[0], [1], [2, 3]] output_shape [%dim, %dim_8, 1, 8] : tensor<?x?x8xf32> into tensor<?x?x1x8xf32>
    cf.assert %true, "unflatten sizes must be compatible"
    %59 = tensor.empty(%dim, %dim_8) : tensor<?x1x?x8xf32>
    %transposed_24 = linalg.transpose ins(%expanded_23 : tensor<?x?x1x8xf32>) outs(%59 : tensor<?x1x?x8xf32>) permutation = [0, 2, 1, 3] 
    %transposed_25 = linalg.transpose ins(%9 : tensor<8x16xf32>) outs(%55 : tensor<16x8xf32>) permutation = [1, 0] 
    %60 = linalg.matmul ins(%reshape, %transposed_25 : tensor<?x16xf32>, tensor<16x8xf32>) outs(%57 : tensor<?x8xf32>) -> tensor<?x8xf32>
    %reshape_26 = tensor.reshape %60(%from_elements_21) : (tensor<?x8xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
    %expanded_27 = tensor.expand_shape %reshape_26 [[0], [1], [2, 3]] output_shape [%dim, %dim_8, 1, 8] : tensor<?x?x8xf32> into tensor<?x?x1x8xf32>
    cf.assert %true, "unflatten sizes must be compatible"
    %transposed_28 = linalg.transpose ins(%expanded_27 : tensor<?x?x1x8xf32>) outs(%59 : tensor<?x1x?x8xf32>) permutation = [0, 2, 1, 3] 
    %expanded_29 = tensor.expand_shape %37 [[0], [1, 2], [3]] output_shape [1, 1, %dim_11, 8] : tensor<1x?x8xf32> into tensor<1x1x?x8xf32>
    %expanded_30 = tensor.expand_shape %38 [[0], [1, 2], [3]] output_shape [1, 1, %dim_11, 8] : tensor<1x?x8xf32> into tensor<1x1x?x8xf32>
    %61 = arith.cmpi eq, %dim_8, %dim_11 : index
    cf.assert %61, "mismatched size for broadcast"
    %62 = linalg.generic {indexing_maps = [#map3, #map10, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_19, %expanded_29 : tensor<?x2x?x8xf32>, tensor<1x1x?x8xf32>) outs(%54 : tensor<?x2x?x8xf32>) {
    ^bb0(%in: f32, %in_105: f32, %out: f32):
      %201 = arith.mulf %in, %in_105 : f32
      linalg.yield %201 : f32
    } -> tensor<?x2x?x8xf32>
    %extracted_slice = tensor.extract_slice %transposed_19[0, 0, 0, 0] [%dim, 2, %dim_8, 4] [1, 1, 1, 1] : tensor<?x2x?x8xf32> to tensor<?x2x?x4xf32>
    %extracted_slice_31 = tensor.extract_slice %transposed_19[0, 0, 0, 4] [%dim, 2, %dim_8, 4] [1, 1, 1, 1] : tensor<?x2x?x8xf32> to tensor<?x2x?x4xf32>
    %63 = tensor.empty(%dim, %dim_8) : tensor<?x2x?x4xf32>
    %64 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_31 : tensor<?x2x?x4xf32>) outs(%63 : tensor<?x2x?x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %201 = arith.negf %in : f32
      linalg.yield %201 : f32
    } -> tensor<?x2x?x4xf32>
    %concat_32 = tensor.concat dim(3) %64, %extracted_slice : (tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x8xf32>
    %dim_33 = tensor.dim %64, %c0 : tensor<?x2x?x4xf32>
    %dim_34 = tensor.dim %64, %c2 : tensor<?x2x?x4xf32>
    %65 = arith.cmpi eq, %dim_34, %dim_11 : index
    cf.assert %65, "mismatched size for broadcast"
    %66 = tensor.empty(%dim_33, %dim_34) : tensor<?x2x?x8xf32>
    %67 = linalg.generic {indexing_maps = [#map3, #map10, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_32, %expanded_30 : tensor<?x2x?x8xf32>, tensor<1x1x?x8xf32>) outs(%66 : tensor<?x2x?x8xf32>) {
    ^bb0(%in: f32, %in_105: f32, %out: f32):
      %201 = arith.mulf %in, %in_105 : f32
      linalg.yield %201 : f32
    } -> tensor<?x2x?x8xf32>
    %68 = arith.cmpi eq, %dim, %dim_33 : index
    cf.assert %68, "mismatched size for broadcast"
    %69 = arith.cmpi eq, %dim_8, %dim_34 : index
    cf.assert %69, "mismatched size for broadcast"
    %70 = linalg.generic {indexing_maps = [#map3, #map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%62, %67 : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>) outs(%54 : tensor<?x2x?x8xf32>) {
    ^bb0(%in: f32, %in_105: f32, %out: f32):
      %201 = arith.addf %in, %in_105 : f32
      linalg.yield %201 : f32
    } -> tensor<?x2x?x8xf32>
    cf.assert %61, "mismatched size for broadcast"
    %71 = linalg.generic {indexing_maps = [#map3, #map11, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_24, %expanded_29 : tensor<?x1x?x8xf32>, tensor<1x1x?x8xf32>) outs(%59 : tensor<?x1x?x8xf32>) {
    ^bb0(%in: f32, %in_105: f32, %out: f32):
      %201 = arith.mulf %in, %in_105 : f32
      linalg.yield %201 : f32
    } -> tensor<?x1x?x8xf32>
    %extracted_slice_35 = tensor.extract_slice %transposed_24[0, 0, 0, 0] [%dim, 1, %dim_8, 4] [1, 1, 1, 1] : tensor<?x1x?x8xf32> to tensor<?x1x?x4xf32>
    %extracted_slice_36 = tensor.extract_slice %transposed_24[0, 0, 0, 4] [%dim, 1, %dim_8, 4] [1, 1, 1, 1] : tensor<?x1x?x8xf32> to tensor<?x1x?x4xf32>
    %72 = tensor.empty(%dim, %dim_8) : tensor<?x1x?x4xf32>
    %73 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_36 : tensor<?x1x?x4xf32>) outs(%72 : tensor<?x1x?x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %201 = arith.negf %in : f32
      linalg.yield %201 : f32
    } -> tensor<?x1x?x4xf32>
    %concat_37 = tensor.concat dim(3) %73, %extracted_slice_35 : (tensor<?x1x?x4xf32>, tensor<?x1x?x4xf32>) -> tensor<?x1x?x8xf32>
    %dim_38 = tensor.dim %73, %c0 : tensor<?x1x?x4xf32>
    %dim_39 = tensor.dim %73, %c2 : tensor<?x1x?x4xf32>
    %74 = arith.cmpi eq, %dim_39, %dim_11 : index
    cf.assert %74, "mismatched size for broadcast"
    %75 = tensor.empty(%dim_38, %dim_39) : tensor<?x1x?x8xf32>
    %76 = linalg.generic {indexing_maps = [#map3, #map11, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_37, %expanded_30 : tensor<?x1x?x8xf32>, tensor<1x1x?x8xf32>) outs(%75 : tensor<?x1x?x8xf32>) {
    ^bb0(%in: f32, %in_105: f32, %out: f32):
      %201 = arith.mulf %in, %in_105 : f32
      linalg.yield %201 : f32
    } -> tensor<?x1x?x8xf32>
    %77 = arith.cmpi eq, %dim, %dim_38 : index
    cf.assert %77, "mismatched size for broadcast"
    %78 = arith.cmpi eq, %dim_8, %dim_39 : index
    cf.assert %78, "mismatched size for broadcast"
    %79 = linalg.generic {indexing_maps = [#map3, #map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%71, %76 : tensor<?x1x?x8xf32>, tensor<?x1x?x8xf32>) outs(%59 : tensor<?x1x?x8xf32>) {
    ^bb0(%in: f32, %in_105: f32, %out: f32):
      %201 = arith.addf %in, %in_105 : f32
      linalg.yield %201 : f32
    } -> tensor<?x1x?x8xf32>
    %expanded_40 = tensor.expand_shape %79 [[0], [1], [2, 3], [4]] output_shape [%dim, 1, 1, %dim_8, 8] : tensor<?x1x?x8xf32> into tensor<?x1x1x?x8xf32>
    %80 = tensor.empty(%dim, %dim_8) : tensor<?x1x2x?x8xf32>
    %collapsed_41 = tensor.collapse_shape %expanded_40 [[0], [1, 2], [3], [4]] : tensor<?x1x1x?x8xf32> into tensor<?x1x?x8xf32>
    %81 = linalg.generic {indexing_maps = [#map12, #map13], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%collapsed_41 : tensor<?x1x?x8xf32>) outs(%80 : tensor<?x1x2x?x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x1x2x?x8xf32>
    %collapsed_42 = tensor.collapse_shape %81 [[0, 1], [2], [3], [4]] : tensor<?x1x2x?x8xf32> into tensor<?x2x?x8xf32>
    %expanded_43 = tensor.expand_shape %transposed_28 [[0], [1], [2, 3], [4]] output_shape [%dim, 1, 1, %dim_8, 8] : tensor<?x1x?x8xf32> into tensor<?x1x1x?x8xf32>
    %collapsed_44 = tensor.collapse_shape %expanded_43 [[0], [1, 2], [3], [4]] : tensor<?x1x1x?x8xf32> into tensor<?x1x?x8xf32>
    %82 = linalg.generic {indexing_maps = [#map12, #map13], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%collapsed_44 : tensor<?x1x?x8xf32>) outs(%80 : tensor<?x1x2x?x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x1x2x?x8xf32>
    %83 = tensor.empty(%dim, %dim_8) : tensor<?x2x8x?xf32>
    %transposed_45 = linalg.transpose ins(%collapsed_42 : tensor<?x2x?x8xf32>) outs(%83 : tensor<?x2x8x?xf32>) permutation = [0, 1, 3, 2] 
    %collapsed_46 = tensor.collapse_shape %70 [[0, 1], [2], [3]] : tensor<?x2x?x8xf32> into tensor<?x?x8xf32>
    %collapsed_47 = tensor.collapse_shape %transposed_45 [[0, 1], [2], [3]] : tensor<?x2x8x?xf32> into tensor<?x8x?xf32>
    %c2_48 = arith.constant 2 : index
    %84 = arith.muli %dim, %c2_48 overflow<nsw> : index
    %85 = arith.index_cast %84 : index to i64
    %86 = tensor.empty(%84, %dim_8, %dim_8) : tensor<?x?x?xf32>
    %87 = linalg.fill ins(%cst : f32) outs(%86 : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
    %88 = linalg.batch_matmul ins(%collapsed_46, %collapsed_47 : tensor<?x?x8xf32>, tensor<?x8x?xf32>) outs(%87 : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
    %89 = arith.divsi %84, %c2 : index
    %expanded_49 = tensor.expand_shape %88 [[0, 1], [2], [3]] output_shape [%89, 2, %dim_8, %dim_8] : tensor<?x?x?xf32> into tensor<?x2x?x?xf32>
    %90 = tensor.empty(%89, %dim_8, %dim_8) : tensor<?x2x?x?xf32>
    %91 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_49 : tensor<?x2x?x?xf32>) outs(%90 : tensor<?x2x?x?xf32>) {
    ^bb0(%in: f32, %out: f32):
      %201 = arith.truncf %cst_5 : f64 to f32
      %202 = arith.mulf %in, %201 : f32
      linalg.yield %202 : f32
    } -> tensor<?x2x?x?xf32>
    %92 = arith.cmpi eq, %89, %27 : index
    cf.assert %92, "mismatched size for broadcast"
    cf.assert %true, "mismatched size for broadcast"
    cf.assert %true, "mismatched size for broadcast"
    %93 = linalg.generic {indexing_maps = [#map3, #map14, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%91, %31 : tensor<?x2x?x?xf32>, tensor<?x1x?x?xf32>) outs(%90 : tensor<?x2x?x?xf32>) {
    ^bb0(%in: f32, %in_105: f32, %out: f32):
      %201 = arith.addf %in, %in_105 : f32
      linalg.yield %201 : f32
    } -> tensor<?x2x?x?xf32>
    %94 = tensor.empty(%89, %dim_8) : tensor<?x2x?xi64>
    %95 = linalg.fill ins(%c0_i64 : i64) outs(%94 : tensor<?x2x?xi64>) -> tensor<?x2x?xi64>
    %96 = tensor.empty(%89, %dim_8) : tensor<?x2x?xf32>
    %97 = linalg.fill ins(%cst_0 : f32) outs(%96 : tensor<?x2x?xf32>) -> tensor<?x2x?xf32>
    %98:2 = linalg.generic {indexing_maps = [#map3, #map15, #map15], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%93 : tensor<?x2x?x?xf32>) outs(%97, %95 : tensor<?x2x?xf32>, tensor<?x2x?xi64>) {
    ^bb0(%in: f32, %out: f32, %out_105: i64):
      %201 = linalg.index 3 : index
      %202 = arith.index_cast %201 : index to i64
      %203 = arith.maximumf %in, %out : f32
      %204 = arith.cmpf ogt, %in, %out : f32
      %205 = arith.select %204, %202, %out_105 : i64
      linalg.yield %203, %205 : f32, i64
    } -> (tensor<?x2x?xf32>, tensor<?x2x?xi64>)
    %expanded_50 = tensor.expand_shape %98#0 [[0], [1], [2, 3]] output_shape [%89, 2, %dim_8, 1] : tensor<?x2x?xf32> into tensor<?x2x?x1xf32>
    %99 = linalg.generic {indexing_maps = [#map3, #map5, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%93, %expanded_50 : tensor<?x2x?x?xf32>, tensor<?x2x?x1xf32>) outs(%90 : tensor<?x2x?x?xf32>) {
    ^bb0(%in: f32, %in_105: f32, %out: f32):
      %201 = arith.subf %in, %in_105 : f32
      linalg.yield %201 : f32
    } -> tensor<?x2x?x?xf32>
    %100 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%99 : tensor<?x2x?x?xf32>) outs(%90 : tensor<?x2x?x?xf32>) {
    ^bb0(%in: f32, %out: f32):
      %201 = math.exp %in : f32
      linalg.yield %201 : f32
    } -> tensor<?x2x?x?xf32>
    %101 = tensor.empty(%89, %dim_8) : tensor<?x2x?x1xf32>
    %102 = linalg.fill ins(%cst : f32) outs(%101 : tensor<?x2x?x1xf32>) -> tensor<?x2x?x1xf32>
    %103 = linalg.generic {indexing_maps = [#map3, #map5], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%100 : tensor<?x2x?x?xf32>) outs(%102 : tensor<?x2x?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %201 = arith.addf %in, %out : f32
      linalg.yield %201 : f32
    } -> tensor<?x2x?x1xf32>
    %104 = linalg.generic {indexing_maps = [#map3, #map5, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%100, %103 : tensor<?x2x?x?xf32>, tensor<?x2x?x1xf32>) outs(%90 : tensor<?x2x?x?xf32>) {
    ^bb0(%in: f32, %in_105: f32, %out: f32):
      %201 = arith.divf %in, %in_105 : f32
      linalg.yield %201 : f32
    } -> tensor<?x2x?x?xf32>
    %collapsed_51 = tensor.collapse_shape %104 [[0, 1], [2], [3]] : tensor<?x2x?x?xf32> into tensor<?x?x?xf32>
    %collapsed_52 = tensor.collapse_shape %82 [[0, 1, 2], [3], [4]] : tensor<?x1x2x?x8xf32> into tensor<?x?x8xf32>
    %c2_53 = arith.constant 2 : index
    %105 = arith.muli %89, %c2_53 overflow<nsw> : index
    %106 = arith.index_cast %105 : index to i64
    %107 = arith.cmpi eq, %106, %85 : i64
    cf.assert %107, "mismatching contracting dimension"
    %108 = tensor.empty(%105, %dim_8) : tensor<?x?x8xf32>
    %109 = linalg.fill ins(%cst : f32) outs(%108 : tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
    %110 = linalg.batch_matmul ins(%collapsed_51, %collapsed_52 : tensor<?x?x?xf32>, tensor<?x?x8xf32>) outs(%109 : tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
    %111 = arith.divsi %105, %c2 : index
    %expanded_54 = tensor.expand_shape %110 [[0, 1], [2], [3]] output_shape [%111, 2, %dim_8, 8] : tensor<?x?x8xf32> into tensor<?x2x?x8xf32>
    %112 = tensor.empty(%111, %dim_8) : tensor<?x?x2x8xf32>
    %transposed_55 = linalg.transpose ins(%expanded_54 : tensor<?x2x?x8xf32>) outs(%112 : tensor<?x?x2x8xf32>) permutation = [0, 2, 1, 3] 
    %transposed_56 = linalg.transpose ins(%8 : tensor<16x16xf32>) outs(%48 : tensor<16x16xf32>) permutation = [1, 0] 
    %c0_57 = arith.constant 0 : index
    %dim_58 = tensor.dim %transposed_55, %c0_57 : tensor<?x?x2x8xf32>
    %c1_59 = arith.constant 1 : index
    %dim_60 = tensor.dim %transposed_55, %c1_59 : tensor<?x?x2x8xf32>
    %113 = arith.muli %dim_58, %dim_60 : index
    %c2_61 = arith.constant 2 : index
    %c8 = arith.constant 8 : index
    %114 = arith.muli %c2_61, %c8 : index
    %from_elements_62 = tensor.from_elements %113, %114 : tensor<2xindex>
    %reshape_63 = tensor.reshape %transposed_55(%from_elements_62) : (tensor<?x?x2x8xf32>, tensor<2xindex>) -> tensor<?x16xf32>
    %115 = arith.muli %111, %dim_8 overflow<nsw> : index
    %116 = tensor.empty(%115) : tensor<?x16xf32>
    %117 = linalg.fill ins(%cst : f32) outs(%116 : tensor<?x16xf32>) -> tensor<?x16xf32>
    %118 = linalg.matmul ins(%reshape_63, %transposed_56 : tensor<?x16xf32>, tensor<16x16xf32>) outs(%117 : tensor<?x16xf32>) -> tensor<?x16xf32>
    %from_elements_64 = tensor.from_elements %25, %15, %c16_i64 : tensor<3xi64>
    %reshape_65 = tensor.reshape %118(%from_elements_64) : (tensor<?x16xf32>, tensor<3xi64>) -> tensor<?x?x16xf32>
    cf.assert %true, "mismatched size for broadcast"
    cf.assert %true, "mismatched size for broadcast"
    %119 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%14, %reshape_65 : tensor<?x?x16xf32>, tensor<?x?x16xf32>) outs(%13 : tensor<?x?x16xf32>) {
    ^bb0(%in: f32, %in_105: f32, %out: f32):
      %201 = arith.addf %in, %in_105 : f32
      linalg.yield %201 : f32
    } -> tensor<?x?x16xf32>
    %120 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%119 : tensor<?x?x16xf32>) outs(%13 : tensor<?x?x16xf32>) {
    ^bb0(%in: f32, %out: f32):
      %201 = math.fpowi %in, %c2_i64 : f32, i64
      linalg.yield %201 : f32
    } -> tensor<?x?x16xf32>
    %121 = linalg.generic {indexing_maps = [#map1, #map8], iterator_types = ["parallel", "parallel", "reduction"]} ins(%120 : tensor<?x?x16xf32>) outs(%41 : tensor<?x?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %201 = arith.addf %in, %out : f32
      linalg.yield %201 : f32
    } -> tensor<?x?x1xf32>
    %122 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%121 : tensor<?x?x1xf32>) outs(%40 : tensor<?x?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %201 = arith.divf %in, %cst_7 : f32
      linalg.yield %201 : f32
    } -> tensor<?x?x1xf32>
    %123 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%122 : tensor<?x?x1xf32>) outs(%40 : tensor<?x?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %201 = arith.truncf %cst_6 : f64 to f32
      %202 = arith.addf %in, %201 : f32
      linalg.yield %202 : f32
    } -> tensor<?x?x1xf32>
    %124 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%123 : tensor<?x?x1xf32>) outs(%40 : tensor<?x?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %201 = math.rsqrt %in : f32
      linalg.yield %201 : f32
    } -> tensor<?x?x1xf32>
    %125 = linalg.generic {indexing_maps = [#map1, #map8, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%119, %124 : tensor<?x?x16xf32>, tensor<?x?x1xf32>) outs(%13 : tensor<?x?x16xf32>) {
    ^bb0(%in: f32, %in_105: f32, %out: f32):
      %201 = arith.mulf %in, %in_105 : f32
      linalg.yield %201 : f32
    } -> tensor<?x?x16xf32>
    %126 = linalg.generic {indexing_maps = [#map9, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%3, %125 : tensor<16xf32>, tensor<?x?x16xf32>) outs(%13 : tensor<?x?x16xf32>) {
    ^bb0(%in: f32, %in_105: f32, %out: f32):
      %201 = arith.mulf %in, %in_105 : f32
      linalg.yield %201 : f32
    } -> tensor<?x?x16xf32>
    %c0_66 = arith.constant 0 : index
    %dim_67 = tensor.dim %126, %c0_66 : tensor<?x?x16xf32>
    %c1_68 = arith.constant 1 : index
    %dim_69 = tensor.dim %126, %c1_68 : tensor<?x?x16xf32>
    %127 = arith.muli %dim_67, %dim_69 : index
    %c16_70 = arith.constant 16 : index
    %from_elements_71 = tensor.from_elements %127, %c16_70 : tensor<2xindex>
    %reshape_72 = tensor.reshape %126(%from_elements_71) : (tensor<?x?x16xf32>, tensor<2xindex>) -> tensor<?x16xf32>
    %128 = tensor.empty() : tensor<16x4xf32>
    %transposed_73 = linalg.transpose ins(%7 : tensor<4x16xf32>) outs(%128 : tensor<16x4xf32>) permutation = [1, 0] 
    %129 = tensor.empty(%50) : tensor<?x4xf32>
    %130 = linalg.fill ins(%cst : f32) outs(%129 : tensor<?x4xf32>) -> tensor<?x4xf32>
    %131 = linalg.matmul ins(%reshape_72, %transposed_73 : tensor<?x16xf32>, tensor<16x4xf32>) outs(%130 : tensor<?x4xf32>) -> tensor<?x4xf32>
    %132 = tensor.empty(%50) : tensor<?xi64>
    %133 = linalg.fill ins(%c0_i64 : i64) outs(%132 : tensor<?xi64>) -> tensor<?xi64>
    %134 = tensor.empty(%50) : tensor<?xf32>
    %135 = linalg.fill ins(%cst_0 : f32) outs(%134 : tensor<?xf32>) -> tensor<?xf32>
    %136:2 = linalg.generic {indexing_maps = [#map16, #map17, #map17], iterator_types = ["parallel", "reduction"]} ins(%131 : tensor<?x4xf32>) outs(%135, %133 : tensor<?xf32>, tensor<?xi64>) {
    ^bb0(%in: f32, %out: f32, %out_105: i64):
      %201 = linalg.index 1 : index
      %202 = arith.index_cast %201 : index to i64
      %203 = arith.maximumf %in, %out : f32
      %204 = arith.cmpf ogt, %in, %out : f32
      %205 = arith.select %204, %202, %out_105 : i64
      linalg.yield %203, %205 : f32, i64
    } -> (tensor<?xf32>, tensor<?xi64>)
    %expanded_74 = tensor.expand_shape %136#0 [[0, 1]] output_shape [%50, 1] : tensor<?xf32> into tensor<?x1xf32>
    %137 = linalg.generic {indexing_maps = [#map16, #map18, #map16], iterator_types = ["parallel", "parallel"]} ins(%131, %expanded_74 : tensor<?x4xf32>, tensor<?x1xf32>) outs(%129 : tensor<?x4xf32>) {
    ^bb0(%in: f32, %in_105: f32, %out: f32):
      %201 = arith.subf %in, %in_105 : f32
      linalg.yield %201 : f32
    } -> tensor<?x4xf32>
    %138 = linalg.generic {indexing_maps = [#map16, #map16], iterator_types = ["parallel", "parallel"]} ins(%137 : tensor<?x4xf32>) outs(%129 : tensor<?x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %201 = math.exp %in : f32
      linalg.yield %201 : f32
    } -> tensor<?x4xf32>
    %139 = tensor.empty(%50) : tensor<?x1xf32>
    %140 = linalg.fill ins(%cst : f32) outs(%139 : tensor<?x1xf32>) -> tensor<?x1xf32>
    %141 = linalg.generic {indexing_maps = [#map16, #map18], iterator_types = ["parallel", "reduction"]} ins(%138 : tensor<?x4xf32>) outs(%140 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %201 = arith.addf %in, %out : f32
      linalg.yield %201 : f32
    } -> tensor<?x1xf32>
    %142 = linalg.generic {indexing_maps = [#map16, #map18, #map16], iterator_types = ["parallel", "parallel"]} ins(%138, %141 : tensor<?x4xf32>, tensor<?x1xf32>) outs(%129 : tensor<?x4xf32>) {
    ^bb0(%in: f32, %in_105: f32, %out: f32):
      %201 = arith.divf %in, %in_105 : f32
      linalg.yield %201 : f32
    } -> tensor<?x4xf32>
    %dim_75 = tensor.dim %142, %c0 : tensor<?x4xf32>
    %143 = tensor.empty(%dim_75) : tensor<?x4xi64>
    %144 = linalg.generic {indexing_maps = [#map16], iterator_types = ["parallel", "parallel"]} outs(%143 : tensor<?x4xi64>) {
    ^bb0(%out: i64):
      %201 = linalg.index 1 : index
      %202 = arith.index_cast %201 : index to i64
      linalg.yield %202 : i64
    } -> tensor<?x4xi64>
    %c0_76 = arith.constant 0 : index
    %dim_77 = tensor.dim %142, %c0_76 : tensor<?x4xf32>
    %c4 = arith.constant 4 : index
    %c-1 = arith.constant -1 : index
    %145 = arith.addi %c4, %c-1 : index
    %c0_78 = arith.constant 0 : index
    %c1_79 = arith.constant 1 : index
    %146:2 = scf.for %arg1 = %c0_78 to %dim_77 step %c1_79 iter_args(%arg2 = %142, %arg3 = %144) -> (tensor<?x4xf32>, tensor<?x4xi64>) {
      %c0_105 = arith.constant 0 : index
      %c1_106 = arith.constant 1 : index
      %201:2 = scf.for %arg4 = %c0_105 to %c4 step %c1_106 iter_args(%arg5 = %arg2, %arg6 = %arg3) -> (tensor<?x4xf32>, tensor<?x4xi64>) {
        %c0_107 = arith.constant 0 : index
        %c1_108 = arith.constant 1 : index
        %202:2 = scf.for %arg7 = %c0_107 to %145 step %c1_108 iter_args(%arg8 = %arg5, %arg9 = %arg6) -> (tensor<?x4xf32>, tensor<?x4xi64>) {
          %c1_109 = arith.constant 1 : index
          %203 = arith.addi %arg7, %c1_109 : index
          %extracted = tensor.extract %arg8[%arg1, %arg7] : tensor<?x4xf32>
          %extracted_110 = tensor.extract %arg9[%arg1, %arg7] : tensor<?x4xi64>
          %extracted_111 = tensor.extract %arg8[%arg1, %203] : tensor<?x4xf32>
          %extracted_112 = tensor.extract %arg9[%arg1, %203] : tensor<?x4xi64>
          %204 = arith.cmpf oge, %extracted, %extracted_111 : f32
          %true_113 = arith.constant true
          %205 = arith.xori %204, %true_113 : i1
          %206 = arith.select %205, %extracted_111, %extracted : f32
          %207 = arith.select %205, %extracted, %extracted_111 : f32
          %inserted = tensor.insert %206 into %arg8[%arg1, %arg7] : tensor<?x4xf32>
          %inserted_114 = tensor.insert %207 into %inserted[%arg1, %203] : tensor<?x4xf32>
          %208 = arith.select %205, %extracted_112, %extracted_110 : i64
          %209 = arith.select %205, %extracted_110, %extracted_112 : i64
          %inserted_115 = tensor.insert %208 into %arg9[%arg1, %arg7] : tensor<?x4xi64>
          %inserted_116 = tensor.insert %209 into %inserted_115[%arg1, %203] : tensor<?x4xi64>
          scf.yield %inserted_114, %inserted_116 : tensor<?x4xf32>, tensor<?x4xi64>
        }
        scf.yield %202#0, %202#1 : tensor<?x4xf32>, tensor<?x4xi64>
      }
      scf.yield %201#0, %201#1 : tensor<?x4xf32>, tensor<?x4xi64>
    }
    %dim_80 = tensor.dim %146#0, %c0 : tensor<?x4xf32>
    %extracted_slice_81 = tensor.extract_slice %146#0[0, 0] [%dim_80, 2] [1, 1] : tensor<?x4xf32> to tensor<?x2xf32>
    %dim_82 = tensor.dim %146#1, %c0 : tensor<?x4xi64>
    %extracted_slice_83 = tensor.extract_slice %146#1[0, 0] [%dim_82, 2] [1, 1] : tensor<?x4xi64> to tensor<?x2xi64>
    %147 = tensor.empty(%dim_80) : tensor<?x1xf32>
    %148 = linalg.fill ins(%cst : f32) outs(%147 : tensor<?x1xf32>) -> tensor<?x1xf32>
    %149 = linalg.generic {indexing_maps = [#map16, #map18], iterator_types = ["parallel", "reduction"]} ins(%extracted_slice_81 : tensor<?x2xf32>) outs(%148 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %201 = arith.addf %in, %out : f32
      linalg.yield %201 : f32
    } -> tensor<?x1xf32>
    %150 = tensor.empty(%dim_80) : tensor<?x2xf32>
    %151 = linalg.generic {indexing_maps = [#map16, #map18, #map16], iterator_types = ["parallel", "parallel"]} ins(%extracted_slice_81, %149 : tensor<?x2xf32>, tensor<?x1xf32>) outs(%150 : tensor<?x2xf32>) {
    ^bb0(%in: f32, %in_105: f32, %out: f32):
      %201 = arith.divf %in, %in_105 : f32
      linalg.yield %201 : f32
    } -> tensor<?x2xf32>
    %expanded_84 = tensor.expand_shape %extracted_slice_83 [[0], [1, 2]] output_shape [%dim_82, 2, 1] : tensor<?x2xi64> into tensor<?x2x1xi64>
    %152 = tensor.empty() : tensor<4xi64>
    %153 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%152 : tensor<4xi64>) {
    ^bb0(%out: i64):
      %201 = linalg.index 0 : index
      %202 = arith.index_cast %201 : index to i64
      linalg.yield %202 : i64
    } -> tensor<4xi64>
    %154 = tensor.empty(%dim_82) : tensor<?x2x4xi1>
    %155 = linalg.generic {indexing_maps = [#map8, #map9, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_84, %153 : tensor<?x2x1xi64>, tensor<4xi64>) outs(%154 : tensor<?x2x4xi1>) {
    ^bb0(%in: i64, %in_105: i64, %out: i1):
      %201 = arith.cmpi eq, %in, %in_105 : i64
      linalg.yield %201 : i1
    } -> tensor<?x2x4xi1>
    %expanded_85 = tensor.expand_shape %151 [[0], [1, 2]] output_shape [%dim_80, 2, 1] : tensor<?x2xf32> into tensor<?x2x1xf32>
    %156 = arith.cmpi eq, %dim_82, %dim_80 : index
    cf.assert %156, "mismatched size for broadcast"
    %157 = tensor.empty(%dim_82) : tensor<?x2x4xf32>
    %158 = linalg.generic {indexing_maps = [#map1, #map8, #map19, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%155, %expanded_85, %cst_3 : tensor<?x2x4xi1>, tensor<?x2x1xf32>, tensor<f32>) outs(%157 : tensor<?x2x4xf32>) {
    ^bb0(%in: i1, %in_105: f32, %in_106: f32, %out: f32):
      %201 = arith.select %in, %in_105, %in_106 : f32
      linalg.yield %201 : f32
    } -> tensor<?x2x4xf32>
    %159 = tensor.empty(%dim_82) : tensor<?x4xf32>
    %160 = linalg.fill ins(%cst : f32) outs(%159 : tensor<?x4xf32>) -> tensor<?x4xf32>
    %161 = linalg.generic {indexing_maps = [#map1, #map20], iterator_types = ["parallel", "reduction", "parallel"]} ins(%158 : tensor<?x2x4xf32>) outs(%160 : tensor<?x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %201 = arith.addf %in, %out : f32
      linalg.yield %201 : f32
    } -> tensor<?x4xf32>
    %162 = tensor.empty(%50) : tensor<4x?x16xf32>
    %163 = linalg.generic {indexing_maps = [#map21, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%reshape_72 : tensor<?x16xf32>) outs(%162 : tensor<4x?x16xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<4x?x16xf32>
    %164 = tensor.empty() : tensor<4x16x48xf32>
    %transposed_86 = linalg.transpose ins(%6 : tensor<4x48x16xf32>) outs(%164 : tensor<4x16x48xf32>) permutation = [0, 2, 1] 
    %165 = tensor.empty(%50) : tensor<4x?x48xf32>
    %166 = linalg.fill ins(%cst : f32) outs(%165 : tensor<4x?x48xf32>) -> tensor<4x?x48xf32>
    %167 = linalg.batch_matmul ins(%163, %transposed_86 : tensor<4x?x16xf32>, tensor<4x16x48xf32>) outs(%166 : tensor<4x?x48xf32>) -> tensor<4x?x48xf32>
    %extracted_slice_87 = tensor.extract_slice %167[0, 0, 0] [4, %50, 24] [1, 1, 1] : tensor<4x?x48xf32> to tensor<4x?x24xf32>
    %extracted_slice_88 = tensor.extract_slice %167[0, 0, 24] [4, %50, 24] [1, 1, 1] : tensor<4x?x48xf32> to tensor<4x?x24xf32>
    %168 = tensor.empty(%50) : tensor<4x?x24xf32>
    %169 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%extracted_slice_87 : tensor<4x?x24xf32>) outs(%168 : tensor<4x?x24xf32>) {
    ^bb0(%in: f32, %out: f32):
      %201 = arith.negf %in : f32
      %202 = math.exp %201 : f32
      %203 = arith.addf %202, %cst_1 : f32
      %204 = arith.divf %cst_1, %203 : f32
      linalg.yield %204 : f32
    } -> tensor<4x?x24xf32>
    %170 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%extracted_slice_87, %169 : tensor<4x?x24xf32>, tensor<4x?x24xf32>) outs(%168 : tensor<4x?x24xf32>) {
    ^bb0(%in: f32, %in_105: f32, %out: f32):
      %201 = arith.mulf %in, %in_105 : f32
      linalg.yield %201 : f32
    } -> tensor<4x?x24xf32>
    %171 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%170, %extracted_slice_88 : tensor<4x?x24xf32>, tensor<4x?x24xf32>) outs(%168 : tensor<4x?x24xf32>) {
    ^bb0(%in: f32, %in_105: f32, %out: f32):
      %201 = arith.mulf %in, %in_105 : f32
      linalg.yield %201 : f32
    } -> tensor<4x?x24xf32>
    %172 = tensor.empty() : tensor<4x24x16xf32>
    %transposed_89 = linalg.transpose ins(%5 : tensor<4x16x24xf32>) outs(%172 : tensor<4x24x16xf32>) permutation = [0, 2, 1] 
    %173 = linalg.fill ins(%cst : f32) outs(%162 : tensor<4x?x16xf32>) -> tensor<4x?x16xf32>
    %174 = linalg.batch_matmul ins(%171, %transposed_89 : tensor<4x?x24xf32>, tensor<4x24x16xf32>) outs(%173 : tensor<4x?x16xf32>) -> tensor<4x?x16xf32>
    %175 = tensor.empty(%dim_82) : tensor<?x4xi1>
    %176 = linalg.fill ins(%false : i1) outs(%175 : tensor<?x4xi1>) -> tensor<?x4xi1>
    %177 = linalg.generic {indexing_maps = [#map1, #map20], iterator_types = ["parallel", "reduction", "parallel"]} ins(%155 : tensor<?x2x4xi1>) outs(%176 : tensor<?x4xi1>) {
    ^bb0(%in: i1, %out: i1):
      %201 = arith.ori %in, %out : i1
      linalg.yield %201 : i1
    } -> tensor<?x4xi1>
    %178 = tensor.empty(%dim_82) : tensor<4x?xi1>
    %transposed_90 = linalg.transpose ins(%177 : tensor<?x4xi1>) outs(%178 : tensor<4x?xi1>) permutation = [1, 0] 
    %expanded_91 = tensor.expand_shape %transposed_90 [[0], [1, 2]] output_shape [4, %dim_82, 1] : tensor<4x?xi1> into tensor<4x?x1xi1>
    %179 = tensor.empty(%dim_82) : tensor<4x?xf32>
    %transposed_92 = linalg.transpose ins(%161 : tensor<?x4xf32>) outs(%179 : tensor<4x?xf32>) permutation = [1, 0] 
    %expanded_93 = tensor.expand_shape %transposed_92 [[0], [1, 2]] output_shape [4, %dim_82, 1] : tensor<4x?xf32> into tensor<4x?x1xf32>
    %180 = arith.cmpi eq, %50, %dim_82 : index
    cf.assert %180, "mismatched size for broadcast"
    %181 = linalg.generic {indexing_maps = [#map1, #map8, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%174, %expanded_93 : tensor<4x?x16xf32>, tensor<4x?x1xf32>) outs(%162 : tensor<4x?x16xf32>) {
    ^bb0(%in: f32, %in_105: f32, %out: f32):
      %201 = arith.mulf %in, %in_105 : f32
      linalg.yield %201 : f32
    } -> tensor<4x?x16xf32>
    %182 = arith.cmpi eq, %dim_82, %50 : index
    cf.assert %182, "mismatched size for broadcast"
    %183 = tensor.empty(%dim_82) : tensor<4x?x16xf32>
    %184 = linalg.generic {indexing_maps = [#map8, #map1, #map19, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_91, %181, %cst_3 : tensor<4x?x1xi1>, tensor<4x?x16xf32>, tensor<f32>) outs(%183 : tensor<4x?x16xf32>) {
    ^bb0(%in: i1, %in_105: f32, %in_106: f32, %out: f32):
      %201 = arith.select %in, %in_105, %in_106 : f32
      linalg.yield %201 : f32
    } -> tensor<4x?x16xf32>
    %185 = tensor.empty(%dim_82) : tensor<?x16xf32>
    %186 = linalg.fill ins(%cst : f32) outs(%185 : tensor<?x16xf32>) -> tensor<?x16xf32>
    %187 = linalg.generic {indexing_maps = [#map1, #map21], iterator_types = ["reduction", "parallel", "parallel"]} ins(%184 : tensor<4x?x16xf32>) outs(%186 : tensor<?x16xf32>) {
    ^bb0(%in: f32, %out: f32):
      %201 = arith.addf %in, %out : f32
      linalg.yield %201 : f32
    } -> tensor<?x16xf32>
    %reshape_94 = tensor.reshape %187(%from_elements_16) : (tensor<?x16xf32>, tensor<3xi64>) -> tensor<?x?x16xf32>
    cf.assert %true, "mismatched size for broadcast"
    cf.assert %true, "mismatched size for broadcast"
    %188 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%119, %reshape_94 : tensor<?x?x16xf32>, tensor<?x?x16xf32>) outs(%13 : tensor<?x?x16xf32>) {
    ^bb0(%in: f32, %in_105: f32, %out: f32):
      %201 = arith.addf %in, %in_105 : f32
      linalg.yield %201 : f32
    } -> tensor<?x?x16xf32>
    %189 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%188 : tensor<?x?x16xf32>) outs(%13 : tensor<?x?x16xf32>) {
    ^bb0(%in: f32, %out: f32):
      %201 = math.fpowi %in, %c2_i64 : f32, i64
      linalg.yield %201 : f32
    } -> tensor<?x?x16xf32>
    %190 = linalg.generic {indexing_maps = [#map1, #map8], iterator_types = ["parallel", "parallel", "reduction"]} ins(%189 : tensor<?x?x16xf32>) outs(%41 : tensor<?x?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %201 = arith.addf %in, %out : f32
      linalg.yield %201 : f32
    } -> tensor<?x?x1xf32>
    %191 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%190 : tensor<?x?x1xf32>) outs(%40 : tensor<?x?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %201 = arith.divf %in, %cst_7 : f32
      linalg.yield %201 : f32
    } -> tensor<?x?x1xf32>
    %192 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%191 : tensor<?x?x1xf32>) outs(%40 : tensor<?x?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %201 = arith.truncf %cst_6 : f64 to f32
      %202 = arith.addf %in, %201 : f32
      linalg.yield %202 : f32
    } -> tensor<?x?x1xf32>
    %193 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%192 : tensor<?x?x1xf32>) outs(%40 : tensor<?x?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %201 = math.rsqrt %in : f32
      linalg.yield %201 : f32
    } -> tensor<?x?x1xf32>
    %194 = linalg.generic {indexing_maps = [#map1, #map8, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%188, %193 : tensor<?x?x16xf32>, tensor<?x?x1xf32>) outs(%13 : tensor<?x?x16xf32>) {
    ^bb0(%in: f32, %in_105: f32, %out: f32):
      %201 = arith.mulf %in, %in_105 : f32
      linalg.yield %201 : f32
    } -> tensor<?x?x16xf32>
    %195 = linalg.generic {indexing_maps = [#map9, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%2, %194 : tensor<16xf32>, tensor<?x?x16xf32>) outs(%13 : tensor<?x?x16xf32>) {
    ^bb0(%in: f32, %in_105: f32, %out: f32):
      %201 = arith.mulf %in, %in_105 : f32
      linalg.yield %201 : f32
    } -> tensor<?x?x16xf32>
    %196 = tensor.empty() : tensor<16x50xf32>
    %transposed_95 = linalg.transpose ins(%1 : tensor<50x16xf32>) outs(%196 : tensor<16x50xf32>) permutation = [1, 0] 
    %c0_96 = arith.constant 0 : index
    %dim_97 = tensor.dim %195, %c0_96 : tensor<?x?x16xf32>
    %c1_98 = arith.constant 1 : index
    %dim_99 = tensor.dim %195, %c1_98 : tensor<?x?x16xf32>
    %197 = arith.muli %dim_97, %dim_99 : index
    %c16_100 = arith.constant 16 : index
    %from_elements_101 = tensor.from_elements %197, %c16_100 : tensor<2xindex>
    %reshape_102 = tensor.reshape %195(%from_elements_101) : (tensor<?x?x16xf32>, tensor<2xindex>) -> tensor<?x16xf32>
    %198 = tensor.empty(%50) : tensor<?x50xf32>
    %199 = linalg.fill ins(%cst : f32) outs(%198 : tensor<?x50xf32>) -> tensor<?x50xf32>
    %200 = linalg.matmul ins(%reshape_102, %transposed_95 : tensor<?x16xf32>, tensor<16x50xf32>) outs(%199 : tensor<?x50xf32>) -> tensor<?x50xf32>
    %from_elements_103 = tensor.from_elements %25, %15, %c50_i64 : tensor<3xi64>
    %reshape_104 = tensor.reshape %200(%from_elements_103) : (tensor<?x50xf32>, tensor<3xi64>) -> tensor<?x?x50xf32>
    return %reshape_104 : tensor<?x?x50xf32>
  }
}
