#map = affine_map<(d0, d1) -> (d0, d1)>
#map1 = affine_map<(d0, d1) -> (d0)>
#map2 = affine_map<(d0, d1) -> (d0, 0)>
#map3 = affine_map<(d0, d1) -> ()>
#map4 = affine_map<(d0, d1) -> (d1)>
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
  func.func @main(%arg0: tensor<?x5x8xf32>) -> tensor<?x5x8xf32> {
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
    %c0 = arith.constant 0 : index
    %c2_i64 = arith.constant 2 : i64
    %c0_i64 = arith.constant 0 : i64
    %c1_i64 = arith.constant 1 : i64
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 0xFF800000 : f32
    %c5 = arith.constant 5 : index
    %cst_1 = arith.constant dense<0.000000e+00> : tensor<f32>
    %collapsed = tensor.collapse_shape %arg0 [[0, 1], [2]] : tensor<?x5x8xf32> into tensor<?x8xf32>
    %13 = tensor.empty() : tensor<8x3xf32>
    %transposed = linalg.transpose ins(%12 : tensor<3x8xf32>) outs(%13 : tensor<8x3xf32>) permutation = [1, 0] 
    %dim = tensor.dim %arg0, %c0 : tensor<?x5x8xf32>
    %c5_2 = arith.constant 5 : index
    %14 = arith.muli %dim, %c5_2 overflow<nsw> : index
    %15 = tensor.empty(%14) : tensor<?x3xf32>
    %16 = linalg.fill ins(%cst : f32) outs(%15 : tensor<?x3xf32>) -> tensor<?x3xf32>
    %17 = linalg.matmul ins(%collapsed, %transposed : tensor<?x8xf32>, tensor<8x3xf32>) outs(%16 : tensor<?x3xf32>) -> tensor<?x3xf32>
    %18 = tensor.empty(%14) : tensor<?xi64>
    %19 = linalg.fill ins(%c0_i64 : i64) outs(%18 : tensor<?xi64>) -> tensor<?xi64>
    %20 = tensor.empty(%14) : tensor<?xf32>
    %21 = linalg.fill ins(%cst_0 : f32) outs(%20 : tensor<?xf32>) -> tensor<?xf32>
    %22:2 = linalg.generic {indexing_maps = [#map, #map1, #map1], iterator_types = ["parallel", "reduction"]} ins(%17 : tensor<?x3xf32>) outs(%21, %19 : tensor<?xf32>, tensor<?xi64>) {
    ^bb0(%in: f32, %out: f32, %out_28: i64):
      %99 = linalg.index 1 : index
      %100 = arith.index_cast %99 : index to i64
      %101 = arith.maximumf %in, %out : f32
      %102 = arith.cmpf ogt, %in, %out : f32
      %103 = arith.select %102, %100, %out_28 : i64
      linalg.yield %101, %103 : f32, i64
    } -> (tensor<?xf32>, tensor<?xi64>)
    %expanded = tensor.expand_shape %22#0 [[0, 1]] output_shape [%14, 1] : tensor<?xf32> into tensor<?x1xf32>
    %23 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel"]} ins(%17, %expanded : tensor<?x3xf32>, tensor<?x1xf32>) outs(%15 : tensor<?x3xf32>) {
    ^bb0(%in: f32, %in_28: f32, %out: f32):
      %99 = arith.subf %in, %in_28 : f32
      linalg.yield %99 : f32
    } -> tensor<?x3xf32>
    %24 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%23 : tensor<?x3xf32>) outs(%15 : tensor<?x3xf32>) {
    ^bb0(%in: f32, %out: f32):
      %99 = math.exp %in : f32
      linalg.yield %99 : f32
    } -> tensor<?x3xf32>
    %25 = tensor.empty(%14) : tensor<?x1xf32>
    %26 = linalg.fill ins(%cst : f32) outs(%25 : tensor<?x1xf32>) -> tensor<?x1xf32>
    %27 = linalg.generic {indexing_maps = [#map, #map2], iterator_types = ["parallel", "reduction"]} ins(%24 : tensor<?x3xf32>) outs(%26 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %99 = arith.addf %in, %out : f32
      linalg.yield %99 : f32
    } -> tensor<?x1xf32>
    %28 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel"]} ins(%24, %27 : tensor<?x3xf32>, tensor<?x1xf32>) outs(%15 : tensor<?x3xf32>) {
    ^bb0(%in: f32, %in_28: f32, %out: f32):
      %99 = arith.divf %in, %in_28 : f32
      linalg.yield %99 : f32
    } -> tensor<?x3xf32>
    %dim_3 = tensor.dim %28, %c0 : tensor<?x3xf32>
    %29 = tensor.empty(%dim_3) : tensor<?x3xi64>
    %30 = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel"]} outs(%29 : tensor<?x3xi64>) {
    ^bb0(%out: i64):
      %99 = linalg.index 1 : index
      %100 = arith.index_cast %99 : index to i64
      linalg.yield %100 : i64
    } -> tensor<?x3xi64>
    %c0_4 = arith.constant 0 : index
    %dim_5 = tensor.dim %28, %c0_4 : tensor<?x3xf32>
    %c3 = arith.constant 3 : index
    %c-1 = arith.constant -1 : index
    %31 = arith.addi %c3, %c-1 : index
    %c0_6 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %32:2 = scf.for %arg1 = %c0_6 to %dim_5 step %c1 iter_args(%arg2 = %28, %arg3 = %30) -> (tensor<?x3xf32>, tensor<?x3xi64>) {
      %c0_28 = arith.constant 0 : index
      %c1_29 = arith.constant 1 : index
      %99:2 = scf.for %arg4 = %c0_28 to %c3 step %c1_29 iter_args(%arg5 = %arg2, %arg6 = %arg3) -> (tensor<?x3xf32>, tensor<?x3xi64>) {
        %c0_30 = arith.constant 0 : index
        %c1_31 = arith.constant 1 : index
        %100:2 = scf.for %arg7 = %c0_30 to %31 step %c1_31 iter_args(%arg8 = %arg5, %arg9 = %arg6) -> (tensor<?x3xf32>, tensor<?x3xi64>) {
          %c1_32 = arith.constant 1 : index
          %101 = arith.addi %arg7, %c1_32 : index
          %extracted = tensor.extract %arg8[%arg1, %arg7] : tensor<?x3xf32>
          %extracted_33 = tensor.extract %arg9[%arg1, %arg7] : tensor<?x3xi64>
          %extracted_34 = tensor.extract %arg8[%arg1, %101] : tensor<?x3xf32>
          %extracted_35 = tensor.extract %arg9[%arg1, %101] : tensor<?x3xi64>
          %102 = arith.cmpf oge, %extracted, %extracted_34 : f32
          %true_36 = arith.constant true
          %103 = arith.xori %102, %true_36 : i1
          %104 = arith.select %103, %extracted_34, %extracted : f32
          %105 = arith.select %103, %extracted, %extracted_34 : f32
          %inserted = tensor.insert %104 into %arg8[%arg1, %arg7] : tensor<?x3xf32>
          %inserted_37 = tensor.insert %105 into %inserted[%arg1, %101] : tensor<?x3xf32>
          %106 = arith.select %103, %extracted_35, %extracted_33 : i64
          %107 = arith.select %103, %extracted_33, %extracted_35 : i64
          %inserted_38 = tensor.insert %106 into %arg9[%arg1, %arg7] : tensor<?x3xi64>
          %inserted_39 = tensor.insert %107 into %inserted_38[%arg1, %101] : tensor<?x3xi64>
          scf.yield %inserted_37, %inserted_39 : tensor<?x3xf32>, tensor<?x3xi64>
        }
        scf.yield %100#0, %100#1 : tensor<?x3xf32>, tensor<?x3xi64>
      }
      scf.yield %99#0, %99#1 : tensor<?x3xf32>, tensor<?x3xi64>
    }
    %dim_7 = tensor.dim %32#0, %c0 : tensor<?x3xf32>
    %extracted_slice = tensor.extract_slice %32#0[0, 0] [%dim_7, 2] [1, 1] : tensor<?x3xf32> to tensor<?x2xf32>
    %dim_8 = tensor.dim %32#1, %c0 : tensor<?x3xi64>
    %extracted_slice_9 = tensor.extract_slice %32#1[0, 0] [%dim_8, 2] [1, 1] : tensor<?x3xi64> to tensor<?x2xi64>
    %33 = arith.index_cast %14 : index to i64
    %34 = arith.cmpi sge, %33, %c0_i64 : i64
    cf.assert %34, "negative values not allowed in new dimensions"
    %35 = tensor.empty(%14) : tensor<?x8xf32>
    %36 = linalg.generic {indexing_maps = [#map3, #map], iterator_types = ["parallel", "parallel"]} ins(%cst_1 : tensor<f32>) outs(%35 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x8xf32>
    %37 = tensor.empty(%dim_8) : tensor<?x2xi1>
    %38 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%extracted_slice_9 : tensor<?x2xi64>) outs(%37 : tensor<?x2xi1>) {
    ^bb0(%in: i64, %out: i1):
      %99 = arith.cmpi eq, %in, %c0_i64 : i64
      linalg.yield %99 : i1
    } -> tensor<?x2xi1>
    %extracted_slice_10 = tensor.extract_slice %38[0, 0] [%dim_8, 1] [1, 1] : tensor<?x2xi1> to tensor<?x1xi1>
    %extracted_slice_11 = tensor.extract_slice %38[0, 1] [%dim_8, 1] [1, 1] : tensor<?x2xi1> to tensor<?x1xi1>
    %39 = tensor.empty() : tensor<8x12xf32>
    %transposed_12 = linalg.transpose ins(%11 : tensor<12x8xf32>) outs(%39 : tensor<8x12xf32>) permutation = [1, 0] 
    %40 = tensor.empty(%14) : tensor<?x12xf32>
    %41 = linalg.fill ins(%cst : f32) outs(%40 : tensor<?x12xf32>) -> tensor<?x12xf32>
    %42 = linalg.matmul ins(%collapsed, %transposed_12 : tensor<?x8xf32>, tensor<8x12xf32>) outs(%41 : tensor<?x12xf32>) -> tensor<?x12xf32>
    cf.assert %34, "negative values not allowed in new dimensions"
    %43 = tensor.empty(%14) : tensor<?x12xf32>
    %44 = linalg.generic {indexing_maps = [#map4, #map], iterator_types = ["parallel", "parallel"]} ins(%10 : tensor<12xf32>) outs(%43 : tensor<?x12xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x12xf32>
    cf.assert %true, "mismatched size for broadcast"
    %45 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%42, %44 : tensor<?x12xf32>, tensor<?x12xf32>) outs(%40 : tensor<?x12xf32>) {
    ^bb0(%in: f32, %in_28: f32, %out: f32):
      %99 = arith.addf %in, %in_28 : f32
      linalg.yield %99 : f32
    } -> tensor<?x12xf32>
    %46 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%45 : tensor<?x12xf32>) outs(%40 : tensor<?x12xf32>) {
    ^bb0(%in: f32, %out: f32):
      %99 = arith.cmpf ugt, %in, %cst : f32
      %100 = arith.select %99, %in, %cst : f32
      linalg.yield %100 : f32
    } -> tensor<?x12xf32>
    %47 = tensor.empty() : tensor<12x8xf32>
    %transposed_13 = linalg.transpose ins(%9 : tensor<8x12xf32>) outs(%47 : tensor<12x8xf32>) permutation = [1, 0] 
    %48 = tensor.empty(%14) : tensor<?x8xf32>
    %49 = linalg.fill ins(%cst : f32) outs(%48 : tensor<?x8xf32>) -> tensor<?x8xf32>
    %50 = linalg.matmul ins(%46, %transposed_13 : tensor<?x12xf32>, tensor<12x8xf32>) outs(%49 : tensor<?x8xf32>) -> tensor<?x8xf32>
    cf.assert %34, "negative values not allowed in new dimensions"
    %51 = linalg.generic {indexing_maps = [#map4, #map], iterator_types = ["parallel", "parallel"]} ins(%8 : tensor<8xf32>) outs(%35 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x8xf32>
    cf.assert %true, "mismatched size for broadcast"
    %52 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%50, %51 : tensor<?x8xf32>, tensor<?x8xf32>) outs(%48 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %in_28: f32, %out: f32):
      %99 = arith.addf %in, %in_28 : f32
      linalg.yield %99 : f32
    } -> tensor<?x8xf32>
    %expanded_14 = tensor.expand_shape %extracted_slice [[0], [1, 2]] output_shape [%dim_7, 2, 1] : tensor<?x2xf32> into tensor<?x2x1xf32>
    %extracted_slice_15 = tensor.extract_slice %expanded_14[0, 0, 0] [%dim_7, 1, 1] [1, 1, 1] : tensor<?x2x1xf32> to tensor<?x1x1xf32>
    %collapsed_16 = tensor.collapse_shape %extracted_slice_15 [[0, 1], [2]] : tensor<?x1x1xf32> into tensor<?x1xf32>
    %extracted_slice_17 = tensor.extract_slice %expanded_14[0, 1, 0] [%dim_7, 1, 1] [1, 1, 1] : tensor<?x2x1xf32> to tensor<?x1x1xf32>
    %collapsed_18 = tensor.collapse_shape %extracted_slice_17 [[0, 1], [2]] : tensor<?x1x1xf32> into tensor<?x1xf32>
    %53 = arith.cmpi eq, %14, %dim_7 : index
    cf.assert %53, "mismatched size for broadcast"
    %54 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel"]} ins(%52, %collapsed_16 : tensor<?x8xf32>, tensor<?x1xf32>) outs(%48 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %in_28: f32, %out: f32):
      %99 = arith.mulf %in, %in_28 : f32
      linalg.yield %99 : f32
    } -> tensor<?x8xf32>
    cf.assert %53, "mismatched size for broadcast"
    %55 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel"]} ins(%52, %collapsed_18 : tensor<?x8xf32>, tensor<?x1xf32>) outs(%48 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %in_28: f32, %out: f32):
      %99 = arith.mulf %in, %in_28 : f32
      linalg.yield %99 : f32
    } -> tensor<?x8xf32>
    %56 = arith.cmpi eq, %dim_8, %14 : index
    cf.assert %56, "mismatched size for broadcast"
    %57 = tensor.empty(%dim_8) : tensor<?x8xf32>
    %58 = linalg.generic {indexing_maps = [#map2, #map, #map3, #map], iterator_types = ["parallel", "parallel"]} ins(%extracted_slice_10, %54, %cst_1 : tensor<?x1xi1>, tensor<?x8xf32>, tensor<f32>) outs(%57 : tensor<?x8xf32>) {
    ^bb0(%in: i1, %in_28: f32, %in_29: f32, %out: f32):
      %99 = arith.select %in, %in_28, %in_29 : f32
      linalg.yield %99 : f32
    } -> tensor<?x8xf32>
    cf.assert %56, "mismatched size for broadcast"
    %59 = linalg.generic {indexing_maps = [#map2, #map, #map3, #map], iterator_types = ["parallel", "parallel"]} ins(%extracted_slice_11, %55, %cst_1 : tensor<?x1xi1>, tensor<?x8xf32>, tensor<f32>) outs(%57 : tensor<?x8xf32>) {
    ^bb0(%in: i1, %in_28: f32, %in_29: f32, %out: f32):
      %99 = arith.select %in, %in_28, %in_29 : f32
      linalg.yield %99 : f32
    } -> tensor<?x8xf32>
    %60 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%58, %59 : tensor<?x8xf32>, tensor<?x8xf32>) outs(%57 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %in_28: f32, %out: f32):
      %99 = arith.addf %in, %in_28 : f32
      linalg.yield %99 : f32
    } -> tensor<?x8xf32>
    %61 = tensor.empty(%dim_8) : tensor<?x1xi1>
    %62 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%extracted_slice_10, %extracted_slice_11 : tensor<?x1xi1>, tensor<?x1xi1>) outs(%61 : tensor<?x1xi1>) {
    ^bb0(%in: i1, %in_28: i1, %out: i1):
      %99 = arith.ori %in, %in_28 : i1
      linalg.yield %99 : i1
    } -> tensor<?x1xi1>
    %63 = linalg.generic {indexing_maps = [#map2, #map, #map3, #map], iterator_types = ["parallel", "parallel"]} ins(%62, %60, %cst_1 : tensor<?x1xi1>, tensor<?x8xf32>, tensor<f32>) outs(%57 : tensor<?x8xf32>) {
    ^bb0(%in: i1, %in_28: f32, %in_29: f32, %out: f32):
      %99 = arith.select %in, %in_28, %in_29 : f32
      linalg.yield %99 : f32
    } -> tensor<?x8xf32>
    %64 = arith.cmpi eq, %14, %dim_8 : index
    cf.assert %64, "mismatched size for broadcast"
    %65 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%36, %63 : tensor<?x8xf32>, tensor<?x8xf32>) outs(%35 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %in_28: f32, %out: f32):
      %99 = arith.addf %in, %in_28 : f32
      linalg.yield %99 : f32
    } -> tensor<?x8xf32>
    %66 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%extracted_slice_9 : tensor<?x2xi64>) outs(%37 : tensor<?x2xi1>) {
    ^bb0(%in: i64, %out: i1):
      %99 = arith.cmpi eq, %in, %c1_i64 : i64
      linalg.yield %99 : i1
    } -> tensor<?x2xi1>
    %extracted_slice_19 = tensor.extract_slice %66[0, 0] [%dim_8, 1] [1, 1] : tensor<?x2xi1> to tensor<?x1xi1>
    %extracted_slice_20 = tensor.extract_slice %66[0, 1] [%dim_8, 1] [1, 1] : tensor<?x2xi1> to tensor<?x1xi1>
    %transposed_21 = linalg.transpose ins(%7 : tensor<12x8xf32>) outs(%39 : tensor<8x12xf32>) permutation = [1, 0] 
    %67 = linalg.matmul ins(%collapsed, %transposed_21 : tensor<?x8xf32>, tensor<8x12xf32>) outs(%41 : tensor<?x12xf32>) -> tensor<?x12xf32>
    cf.assert %34, "negative values not allowed in new dimensions"
    %68 = linalg.generic {indexing_maps = [#map4, #map], iterator_types = ["parallel", "parallel"]} ins(%6 : tensor<12xf32>) outs(%43 : tensor<?x12xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x12xf32>
    cf.assert %true, "mismatched size for broadcast"
    %69 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%67, %68 : tensor<?x12xf32>, tensor<?x12xf32>) outs(%40 : tensor<?x12xf32>) {
    ^bb0(%in: f32, %in_28: f32, %out: f32):
      %99 = arith.addf %in, %in_28 : f32
      linalg.yield %99 : f32
    } -> tensor<?x12xf32>
    %70 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%69 : tensor<?x12xf32>) outs(%40 : tensor<?x12xf32>) {
    ^bb0(%in: f32, %out: f32):
      %99 = arith.cmpf ugt, %in, %cst : f32
      %100 = arith.select %99, %in, %cst : f32
      linalg.yield %100 : f32
    } -> tensor<?x12xf32>
    %transposed_22 = linalg.transpose ins(%5 : tensor<8x12xf32>) outs(%47 : tensor<12x8xf32>) permutation = [1, 0] 
    %71 = linalg.matmul ins(%70, %transposed_22 : tensor<?x12xf32>, tensor<12x8xf32>) outs(%49 : tensor<?x8xf32>) -> tensor<?x8xf32>
    cf.assert %34, "negative values not allowed in new dimensions"
    %72 = linalg.generic {indexing_maps = [#map4, #map], iterator_types = ["parallel", "parallel"]} ins(%4 : tensor<8xf32>) outs(%35 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x8xf32>
    cf.assert %true, "mismatched size for broadcast"
    %73 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%71, %72 : tensor<?x8xf32>, tensor<?x8xf32>) outs(%48 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %in_28: f32, %out: f32):
      %99 = arith.addf %in, %in_28 : f32
      linalg.yield %99 : f32
    } -> tensor<?x8xf32>
    cf.assert %53, "mismatched size for broadcast"
    %74 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel"]} ins(%73, %collapsed_16 : tensor<?x8xf32>, tensor<?x1xf32>) outs(%48 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %in_28: f32, %out: f32):
      %99 = arith.mulf %in, %in_28 : f32
      linalg.yield %99 : f32
    } -> tensor<?x8xf32>
    cf.assert %53, "mismatched size for broadcast"
    %75 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel"]} ins(%73, %collapsed_18 : tensor<?x8xf32>, tensor<?x1xf32>) outs(%48 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %in_28: f32, %out: f32):
      %99 = arith.mulf %in, %in_28 : f32
      linalg.yield %99 : f32
    } -> tensor<?x8xf32>
    cf.assert %56, "mismatched size for broadcast"
    %76 = linalg.generic {indexing_maps = [#map2, #map, #map3, #map], iterator_types = ["parallel", "parallel"]} ins(%extracted_slice_19, %74, %cst_1 : tensor<?x1xi1>, tensor<?x8xf32>, tensor<f32>) outs(%57 : tensor<?x8xf32>) {
    ^bb0(%in: i1, %in_28: f32, %in_29: f32, %out: f32):
      %99 = arith.select %in, %in_28, %in_29 : f32
      linalg.yield %99 : f32
    } -> tensor<?x8xf32>
    cf.assert %56, "mismatched size for broadcast"
    %77 = linalg.generic {indexing_maps = [#map2, #map, #map3, #map], iterator_types = ["parallel", "parallel"]} ins(%extracted_slice_20, %75, %cst_1 : tensor<?x1xi1>, tensor<?x8xf32>, tensor<f32>) outs(%57 : tensor<?x8xf32>) {
    ^bb0(%in: i1, %in_28: f32, %in_29: f32, %out: f32):
      %99 = arith.select %in, %in_28, %in_29 : f32
      linalg.yield %99 : f32
    } -> tensor<?x8xf32>
    %78 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%76, %77 : tensor<?x8xf32>, tensor<?x8xf32>) outs(%57 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %in_28: f32, %out: f32):
      %99 = arith.addf %in, %in_28 : f32
      linalg.yield %99 : f32
    } -> tensor<?x8xf32>
    %79 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%extracted_slice_19, %extracted_slice_20 : tensor<?x1xi1>, tensor<?x1xi1>) outs(%61 : tensor<?x1xi1>) {
    ^bb0(%in: i1, %in_28: i1, %out: i1):
      %99 = arith.ori %in, %in_28 : i1
      linalg.yield %99 : i1
    } -> tensor<?x1xi1>
    %80 = linalg.generic {indexing_maps = [#map2, #map, #map3, #map], iterator_types = ["parallel", "parallel"]} ins(%79, %78, %cst_1 : tensor<?x1xi1>, tensor<?x8xf32>, tensor<f32>) outs(%57 : tensor<?x8xf32>) {
    ^bb0(%in: i1, %in_28: f32, %in_29: f32, %out: f32):
      %99 = arith.select %in, %in_28, %in_29 : f32
      linalg.yield %99 : f32
    } -> tensor<?x8xf32>
    cf.assert %64, "mismatched size for broadcast"
    %81 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%65, %80 : tensor<?x8xf32>, tensor<?x8xf32>) outs(%35 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %in_28: f32, %out: f32):
      %99 = arith.addf %in, %in_28 : f32
      linalg.yield %99 : f32
    } -> tensor<?x8xf32>
    %82 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%extracted_slice_9 : tensor<?x2xi64>) outs(%37 : tensor<?x2xi1>) {
    ^bb0(%in: i64, %out: i1):
      %99 = arith.cmpi eq, %in, %c2_i64 : i64
      linalg.yield %99 : i1
    } -> tensor<?x2xi1>
    %extracted_slice_23 = tensor.extract_slice %82[0, 0] [%dim_8, 1] [1, 1] : tensor<?x2xi1> to tensor<?x1xi1>
    %extracted_slice_24 = tensor.extract_slice %82[0, 1] [%dim_8, 1] [1, 1] : tensor<?x2xi1> to tensor<?x1xi1>
    %transposed_25 = linalg.transpose ins(%3 : tensor<12x8xf32>) outs(%39 : tensor<8x12xf32>) permutation = [1, 0] 
    %83 = linalg.matmul ins(%collapsed, %transposed_25 : tensor<?x8xf32>, tensor<8x12xf32>) outs(%41 : tensor<?x12xf32>) -> tensor<?x12xf32>
    cf.assert %34, "negative values not allowed in new dimensions"
    %84 = linalg.generic {indexing_maps = [#map4, #map], iterator_types = ["parallel", "parallel"]} ins(%2 : tensor<12xf32>) outs(%43 : tensor<?x12xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x12xf32>
    cf.assert %true, "mismatched size for broadcast"
    %85 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%83, %84 : tensor<?x12xf32>, tensor<?x12xf32>) outs(%40 : tensor<?x12xf32>) {
    ^bb0(%in: f32, %in_28: f32, %out: f32):
      %99 = arith.addf %in, %in_28 : f32
      linalg.yield %99 : f32
    } -> tensor<?x12xf32>
    %86 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%85 : tensor<?x12xf32>) outs(%40 : tensor<?x12xf32>) {
    ^bb0(%in: f32, %out: f32):
      %99 = arith.cmpf ugt, %in, %cst : f32
      %100 = arith.select %99, %in, %cst : f32
      linalg.yield %100 : f32
    } -> tensor<?x12xf32>
    %transposed_26 = linalg.transpose ins(%1 : tensor<8x12xf32>) outs(%47 : tensor<12x8xf32>) permutation = [1, 0] 
    %87 = linalg.matmul ins(%86, %transposed_26 : tensor<?x12xf32>, tensor<12x8xf32>) outs(%49 : tensor<?x8xf32>) -> tensor<?x8xf32>
    cf.assert %34, "negative values not allowed in new dimensions"
    %88 = linalg.generic {indexing_maps = [#map4, #map], iterator_types = ["parallel", "parallel"]} ins(%0 : tensor<8xf32>) outs(%35 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x8xf32>
    cf.assert %true, "mismatched size for broadcast"
    %89 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%87, %88 : tensor<?x8xf32>, tensor<?x8xf32>) outs(%48 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %in_28: f32, %out: f32):
      %99 = arith.addf %in, %in_28 : f32
      linalg.yield %99 : f32
    } -> tensor<?x8xf32>
    cf.assert %53, "mismatched size for broadcast"
    %90 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel"]} ins(%89, %collapsed_16 : tensor<?x8xf32>, tensor<?x1xf32>) outs(%48 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %in_28: f32, %out: f32):
      %99 = arith.mulf %in, %in_28 : f32
      linalg.yield %99 : f32
    } -> tensor<?x8xf32>
    cf.assert %53, "mismatched size for broadcast"
    %91 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel"]} ins(%89, %collapsed_18 : tensor<?x8xf32>, tensor<?x1xf32>) outs(%48 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %in_28: f32, %out: f32):
      %99 = arith.mulf %in, %in_28 : f32
      linalg.yield %99 : f32
    } -> tensor<?x8xf32>
    cf.assert %56, "mismatched size for broadcast"
    %92 = linalg.generic {indexing_maps = [#map2, #map, #map3, #map], iterator_types = ["parallel", "parallel"]} ins(%extracted_slice_23, %90, %cst_1 : tensor<?x1xi1>, tensor<?x8xf32>, tensor<f32>) outs(%57 : tensor<?x8xf32>) {
    ^bb0(%in: i1, %in_28: f32, %in_29: f32, %out: f32):
      %99 = arith.select %in, %in_28, %in_29 : f32
      linalg.yield %99 : f32
    } -> tensor<?x8xf32>
    cf.assert %56, "mismatched size for broadcast"
    %93 = linalg.generic {indexing_maps = [#map2, #map, #map3, #map], iterator_types = ["parallel", "parallel"]} ins(%extracted_slice_24, %91, %cst_1 : tensor<?x1xi1>, tensor<?x8xf32>, tensor<f32>) outs(%57 : tensor<?x8xf32>) {
    ^bb0(%in: i1, %in_28: f32, %in_29: f32, %out: f32):
      %99 = arith.select %in, %in_28, %in_29 : f32
      linalg.yield %99 : f32
    } -> tensor<?x8xf32>
    %94 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%92, %93 : tensor<?x8xf32>, tensor<?x8xf32>) outs(%57 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %in_28: f32, %out: f32):
      %99 = arith.addf %in, %in_28 : f32
      linalg.yield %99 : f32
    } -> tensor<?x8xf32>
    %95 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%extracted_slice_23, %extracted_slice_24 : tensor<?x1xi1>, tensor<?x1xi1>) outs(%61 : tensor<?x1xi1>) {
    ^bb0(%in: i1, %in_28: i1, %out: i1):
      %99 = arith.ori %in, %in_28 : i1
      linalg.yield %99 : i1
    } -> tensor<?x1xi1>
    %96 = linalg.generic {indexing_maps = [#map2, #map, #map3, #map], iterator_types = ["parallel", "parallel"]} ins(%95, %94, %cst_1 : tensor<?x1xi1>, tensor<?x8xf32>, tensor<f32>) outs(%57 : tensor<?x8xf32>) {
    ^bb0(%in: i1, %in_28: f32, %in_29: f32, %out: f32):
      %99 = arith.select %in, %in_28, %in_29 : f32
      linalg.yield %99 : f32
    } -> tensor<?x8xf32>
    cf.assert %64, "mismatched size for broadcast"
    %97 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%81, %96 : tensor<?x8xf32>, tensor<?x8xf32>) outs(%35 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %in_28: f32, %out: f32):
      %99 = arith.addf %in, %in_28 : f32
      linalg.yield %99 : f32
    } -> tensor<?x8xf32>
    %98 = arith.divsi %14, %c5 : index
    %expanded_27 = tensor.expand_shape %97 [[0, 1], [2]] output_shape [%98, 5, 8] : tensor<?x8xf32> into tensor<?x5x8xf32>
    return %expanded_27 : tensor<?x5x8xf32>
  }
}
