#map = affine_map<(d0, d1) -> (d0, d1)>
#map1 = affine_map<(d0, d1) -> (d0)>
#map2 = affine_map<(d0, d1) -> ()>
#map3 = affine_map<(d0) -> (d0)>
#map4 = affine_map<(d0, d1) -> (d1)>
#map5 = affine_map<(d0, d1) -> (d0, 0)>
module {
  ml_program.global private @experts.0.0.bias(#ml_program.extern<tensor<12xf32>>) : tensor<12xf32>
  ml_program.global private @experts.0.0.weight(#ml_program.extern<tensor<12x8xf32>>) : tensor<12x8xf32>
  ml_program.global private @experts.0.2.bias(#ml_program.extern<tensor<8xf32>>) : tensor<8xf32>
  ml_program.global private @experts.0.2.weight(#ml_program.extern<tensor<8x12xf32>>) : tensor<8x12xf32>
  ml_program.global private @experts.1.0.bias(#ml_program.extern<tensor<12xf32>>) : tensor<12xf32>
  ml_program.global private @experts.1.0.weight(#ml_program.extern<tensor<12x8xf32>>) : tensor<12x8xf32>
  ml_program.global private @experts.1.2.bias(#ml_program.extern<tensor<8xf32>>) : tensor<8xf32>
  ml_program.global private @experts.1.2.weight(#ml_program.extern<tensor<8x12xf32>>) : tensor<8x12xf32>
  ml_program.global private @experts.2.0.bias(#ml_program.extern<tensor<12xf32>>) : tensor<12xf32>
  ml_program.global private @experts.2.0.weight(#ml_program.extern<tensor<12x8xf32>>) : tensor<12x8xf32>
  ml_program.global private @experts.2.2.bias(#ml_program.extern<tensor<8xf32>>) : tensor<8xf32>
  ml_program.global private @experts.2.2.weight(#ml_program.extern<tensor<8x12xf32>>) : tensor<8x12xf32>
  ml_program.global private @gate.weight(#ml_program.extern<tensor<3x8xf32>>) : tensor<3x8xf32>
  func.func @main(%arg0: tensor<?x8xf32>) -> tensor<?x8xf32> {
    %0 = ml_program.global_load_const @experts.2.2.bias : tensor<8xf32>
    %1 = ml_program.global_load_const @experts.2.2.weight : tensor<8x12xf32>
    %2 = ml_program.global_load_const @experts.2.0.bias : tensor<12xf32>
    %3 = ml_program.global_load_const @experts.2.0.weight : tensor<12x8xf32>
    %4 = ml_program.global_load_const @experts.1.2.bias : tensor<8xf32>
    %5 = ml_program.global_load_const @experts.1.2.weight : tensor<8x12xf32>
    %6 = ml_program.global_load_const @experts.1.0.bias : tensor<12xf32>
    %7 = ml_program.global_load_const @experts.1.0.weight : tensor<12x8xf32>
    %8 = ml_program.global_load_const @experts.0.2.bias : tensor<8xf32>
    %9 = ml_program.global_load_const @experts.0.2.weight : tensor<8x12xf32>
    %10 = ml_program.global_load_const @experts.0.0.bias : tensor<12xf32>
    %11 = ml_program.global_load_const @experts.0.0.weight : tensor<12x8xf32>
    %12 = ml_program.global_load_const @gate.weight : tensor<3x8xf32>
    %true = arith.constant true
    %c2_i64 = arith.constant 2 : i64
    %c1_i64 = arith.constant 1 : i64
    %c0_i64 = arith.constant 0 : i64
    %c0 = arith.constant 0 : index
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 0xFF800000 : f32
    %cst_1 = arith.constant dense<0.000000e+00> : tensor<f32>
    %13 = tensor.empty() : tensor<8x3xf32>
    %transposed = linalg.transpose ins(%12 : tensor<3x8xf32>) outs(%13 : tensor<8x3xf32>) permutation = [1, 0] 
    %dim = tensor.dim %arg0, %c0 : tensor<?x8xf32>
    %14 = tensor.empty(%dim) : tensor<?x3xf32>
    %15 = linalg.fill ins(%cst : f32) outs(%14 : tensor<?x3xf32>) -> tensor<?x3xf32>
    %16 = linalg.matmul ins(%arg0, %transposed : tensor<?x8xf32>, tensor<8x3xf32>) outs(%15 : tensor<?x3xf32>) -> tensor<?x3xf32>
    %17 = tensor.empty(%dim) : tensor<?xi64>
    %18 = linalg.fill ins(%c0_i64 : i64) outs(%17 : tensor<?xi64>) -> tensor<?xi64>
    %19 = tensor.empty(%dim) : tensor<?xf32>
    %20 = linalg.fill ins(%cst_0 : f32) outs(%19 : tensor<?xf32>) -> tensor<?xf32>
    %21:2 = linalg.generic {indexing_maps = [#map, #map1, #map1], iterator_types = ["parallel", "reduction"]} ins(%16 : tensor<?x3xf32>) outs(%20, %18 : tensor<?xf32>, tensor<?xi64>) {
    ^bb0(%in: f32, %out: f32, %out_10: i64):
      %61 = linalg.index 1 : index
      %62 = arith.index_cast %61 : index to i64
      %63 = arith.maximumf %in, %out : f32
      %64 = arith.cmpf ogt, %in, %out : f32
      %65 = arith.select %64, %62, %out_10 : i64
      linalg.yield %63, %65 : f32, i64
    } -> (tensor<?xf32>, tensor<?xi64>)
    %22 = arith.index_cast %dim : index to i64
    %23 = arith.cmpi sge, %22, %c0_i64 : i64
    cf.assert %23, "negative values not allowed in new dimensions"
    %24 = tensor.empty(%dim) : tensor<?x8xf32>
    %25 = linalg.generic {indexing_maps = [#map2, #map], iterator_types = ["parallel", "parallel"]} ins(%cst_1 : tensor<f32>) outs(%24 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x8xf32>
    %26 = tensor.empty(%dim) : tensor<?xi1>
    %27 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel"]} ins(%21#1 : tensor<?xi64>) outs(%26 : tensor<?xi1>) {
    ^bb0(%in: i64, %out: i1):
      %61 = arith.cmpi eq, %in, %c0_i64 : i64
      linalg.yield %61 : i1
    } -> tensor<?xi1>
    %28 = tensor.empty() : tensor<8x12xf32>
    %transposed_2 = linalg.transpose ins(%11 : tensor<12x8xf32>) outs(%28 : tensor<8x12xf32>) permutation = [1, 0] 
    %29 = tensor.empty(%dim) : tensor<?x12xf32>
    %30 = linalg.fill ins(%cst : f32) outs(%29 : tensor<?x12xf32>) -> tensor<?x12xf32>
    %31 = linalg.matmul ins(%arg0, %transposed_2 : tensor<?x8xf32>, tensor<8x12xf32>) outs(%30 : tensor<?x12xf32>) -> tensor<?x12xf32>
    cf.assert %23, "negative values not allowed in new dimensions"
    %32 = tensor.empty(%dim) : tensor<?x12xf32>
    %33 = linalg.generic {indexing_maps = [#map4, #map], iterator_types = ["parallel", "parallel"]} ins(%10 : tensor<12xf32>) outs(%32 : tensor<?x12xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x12xf32>
    cf.assert %true, "mismatched size for broadcast"
    %34 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%31, %33 : tensor<?x12xf32>, tensor<?x12xf32>) outs(%29 : tensor<?x12xf32>) {
    ^bb0(%in: f32, %in_10: f32, %out: f32):
      %61 = arith.addf %in, %in_10 : f32
      linalg.yield %61 : f32
    } -> tensor<?x12xf32>
    %35 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%34 : tensor<?x12xf32>) outs(%29 : tensor<?x12xf32>) {
    ^bb0(%in: f32, %out: f32):
      %61 = arith.cmpf ugt, %in, %cst : f32
      %62 = arith.select %61, %in, %cst : f32
      linalg.yield %62 : f32
    } -> tensor<?x12xf32>
    %36 = tensor.empty() : tensor<12x8xf32>
    %transposed_3 = linalg.transpose ins(%9 : tensor<8x12xf32>) outs(%36 : tensor<12x8xf32>) permutation = [1, 0] 
    %37 = tensor.empty(%dim) : tensor<?x8xf32>
    %38 = linalg.fill ins(%cst : f32) outs(%37 : tensor<?x8xf32>) -> tensor<?x8xf32>
    %39 = linalg.matmul ins(%35, %transposed_3 : tensor<?x12xf32>, tensor<12x8xf32>) outs(%38 : tensor<?x8xf32>) -> tensor<?x8xf32>
    cf.assert %23, "negative values not allowed in new dimensions"
    %40 = linalg.generic {indexing_maps = [#map4, #map], iterator_types = ["parallel", "parallel"]} ins(%8 : tensor<8xf32>) outs(%24 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x8xf32>
    cf.assert %true, "mismatched size for broadcast"
    %41 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%39, %40 : tensor<?x8xf32>, tensor<?x8xf32>) outs(%37 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %in_10: f32, %out: f32):
      %61 = arith.addf %in, %in_10 : f32
      linalg.yield %61 : f32
    } -> tensor<?x8xf32>
    %expanded = tensor.expand_shape %27 [[0, 1]] output_shape [%dim, 1] : tensor<?xi1> into tensor<?x1xi1>
    cf.assert %true, "mismatched size for broadcast"
    %42 = linalg.generic {indexing_maps = [#map5, #map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%expanded, %41, %25 : tensor<?x1xi1>, tensor<?x8xf32>, tensor<?x8xf32>) outs(%37 : tensor<?x8xf32>) {
    ^bb0(%in: i1, %in_10: f32, %in_11: f32, %out: f32):
      %61 = arith.select %in, %in_10, %in_11 : f32
      linalg.yield %61 : f32
    } -> tensor<?x8xf32>
    %43 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel"]} ins(%21#1 : tensor<?xi64>) outs(%26 : tensor<?xi1>) {
    ^bb0(%in: i64, %out: i1):
      %61 = arith.cmpi eq, %in, %c1_i64 : i64
      linalg.yield %61 : i1
    } -> tensor<?xi1>
    %transposed_4 = linalg.transpose ins(%7 : tensor<12x8xf32>) outs(%28 : tensor<8x12xf32>) permutation = [1, 0] 
    %44 = linalg.matmul ins(%arg0, %transposed_4 : tensor<?x8xf32>, tensor<8x12xf32>) outs(%30 : tensor<?x12xf32>) -> tensor<?x12xf32>
    cf.assert %23, "negative values not allowed in new dimensions"
    %45 = linalg.generic {indexing_maps = [#map4, #map], iterator_types = ["parallel", "parallel"]} ins(%6 : tensor<12xf32>) outs(%32 : tensor<?x12xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x12xf32>
    cf.assert %true, "mismatched size for broadcast"
    %46 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%44, %45 : tensor<?x12xf32>, tensor<?x12xf32>) outs(%29 : tensor<?x12xf32>) {
    ^bb0(%in: f32, %in_10: f32, %out: f32):
      %61 = arith.addf %in, %in_10 : f32
      linalg.yield %61 : f32
    } -> tensor<?x12xf32>
    %47 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%46 : tensor<?x12xf32>) outs(%29 : tensor<?x12xf32>) {
    ^bb0(%in: f32, %out: f32):
      %61 = arith.cmpf ugt, %in, %cst : f32
      %62 = arith.select %61, %in, %cst : f32
      linalg.yield %62 : f32
    } -> tensor<?x12xf32>
    %transposed_5 = linalg.transpose ins(%5 : tensor<8x12xf32>) outs(%36 : tensor<12x8xf32>) permutation = [1, 0] 
    %48 = linalg.matmul ins(%47, %transposed_5 : tensor<?x12xf32>, tensor<12x8xf32>) outs(%38 : tensor<?x8xf32>) -> tensor<?x8xf32>
    cf.assert %23, "negative values not allowed in new dimensions"
    %49 = linalg.generic {indexing_maps = [#map4, #map], iterator_types = ["parallel", "parallel"]} ins(%4 : tensor<8xf32>) outs(%24 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x8xf32>
    cf.assert %true, "mismatched size for broadcast"
    %50 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%48, %49 : tensor<?x8xf32>, tensor<?x8xf32>) outs(%37 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %in_10: f32, %out: f32):
      %61 = arith.addf %in, %in_10 : f32
      linalg.yield %61 : f32
    } -> tensor<?x8xf32>
    %expanded_6 = tensor.expand_shape %43 [[0, 1]] output_shape [%dim, 1] : tensor<?xi1> into tensor<?x1xi1>
    %51 = linalg.generic {indexing_maps = [#map5, #map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%expanded_6, %50, %42 : tensor<?x1xi1>, tensor<?x8xf32>, tensor<?x8xf32>) outs(%37 : tensor<?x8xf32>) {
    ^bb0(%in: i1, %in_10: f32, %in_11: f32, %out: f32):
      %61 = arith.select %in, %in_10, %in_11 : f32
      linalg.yield %61 : f32
    } -> tensor<?x8xf32>
    %52 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel"]} ins(%21#1 : tensor<?xi64>) outs(%26 : tensor<?xi1>) {
    ^bb0(%in: i64, %out: i1):
      %61 = arith.cmpi eq, %in, %c2_i64 : i64
      linalg.yield %61 : i1
    } -> tensor<?xi1>
    %transposed_7 = linalg.transpose ins(%3 : tensor<12x8xf32>) outs(%28 : tensor<8x12xf32>) permutation = [1, 0] 
    %53 = linalg.matmul ins(%arg0, %transposed_7 : tensor<?x8xf32>, tensor<8x12xf32>) outs(%30 : tensor<?x12xf32>) -> tensor<?x12xf32>
    cf.assert %23, "negative values not allowed in new dimensions"
    %54 = linalg.generic {indexing_maps = [#map4, #map], iterator_types = ["parallel", "parallel"]} ins(%2 : tensor<12xf32>) outs(%32 : tensor<?x12xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x12xf32>
    cf.assert %true, "mismatched size for broadcast"
    %55 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%53, %54 : tensor<?x12xf32>, tensor<?x12xf32>) outs(%29 : tensor<?x12xf32>) {
    ^bb0(%in: f32, %in_10: f32, %out: f32):
      %61 = arith.addf %in, %in_10 : f32
      linalg.yield %61 : f32
    } -> tensor<?x12xf32>
    %56 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%55 : tensor<?x12xf32>) outs(%29 : tensor<?x12xf32>) {
    ^bb0(%in: f32, %out: f32):
      %61 = arith.cmpf ugt, %in, %cst : f32
      %62 = arith.select %61, %in, %cst : f32
      linalg.yield %62 : f32
    } -> tensor<?x12xf32>
    %transposed_8 = linalg.transpose ins(%1 : tensor<8x12xf32>) outs(%36 : tensor<12x8xf32>) permutation = [1, 0] 
    %57 = linalg.matmul ins(%56, %transposed_8 : tensor<?x12xf32>, tensor<12x8xf32>) outs(%38 : tensor<?x8xf32>) -> tensor<?x8xf32>
    cf.assert %23, "negative values not allowed in new dimensions"
    %58 = linalg.generic {indexing_maps = [#map4, #map], iterator_types = ["parallel", "parallel"]} ins(%0 : tensor<8xf32>) outs(%24 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x8xf32>
    cf.assert %true, "mismatched size for broadcast"
    %59 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%57, %58 : tensor<?x8xf32>, tensor<?x8xf32>) outs(%37 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %in_10: f32, %out: f32):
      %61 = arith.addf %in, %in_10 : f32
      linalg.yield %61 : f32
    } -> tensor<?x8xf32>
    %expanded_9 = tensor.expand_shape %52 [[0, 1]] output_shape [%dim, 1] : tensor<?xi1> into tensor<?x1xi1>
    %60 = linalg.generic {indexing_maps = [#map5, #map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%expanded_9, %59, %51 : tensor<?x1xi1>, tensor<?x8xf32>, tensor<?x8xf32>) outs(%37 : tensor<?x8xf32>) {
    ^bb0(%in: i1, %in_10: f32, %in_11: f32, %out: f32):
      %61 = arith.select %in, %in_10, %in_11 : f32
      linalg.yield %61 : f32
    } -> tensor<?x8xf32>
    return %60 : tensor<?x8xf32>
  }
}
