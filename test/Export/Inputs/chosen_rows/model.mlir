#map = affine_map<(d0, d1) -> (d0, d1)>
#map1 = affine_map<(d0, d1) -> (d0)>
#map2 = affine_map<(d0, d1) -> (d0, 0)>
#map3 = affine_map<(d0, d1) -> ()>
#map4 = affine_map<(d0) -> (d0)>
#map5 = affine_map<(d0) -> ()>
#map6 = affine_map<(d0) -> (d0, 0)>
#map7 = affine_map<(d0, d1) -> (0, d1)>
#map8 = affine_map<(d0, d1) -> (d1)>
module {
  ml_program.global private @experts.0.0.bias(#ml_program.extern<tensor<12xf32>>) : tensor<12xf32>
  ml_program.global private @experts.0.0.weight(#ml_program.extern<tensor<12x8xf32>>) : tensor<12x8xf32>
  ml_program.global private @experts.0.2.bias(#ml_program.extern<tensor<8xf32>>) : tensor<8xf32>
  ml_program.global private @experts.0.2.weight(#ml_program.extern<tensor<8x12xf32>>) : tensor<8x12xf32>
  ml_program.global private @experts.1.0.bias(#ml_program.extern<tensor<12xf32>>) : tensor<12xf32>
  ml_program.global private @experts.1.0.weight(#ml_program.extern<tensor<12x8xf32>>) : tensor<12x8xf32>
  ml_program.global private @experts.1.2.bias(#ml_program.extern<tensor<8xf32>>) : tensor<8xf32>
  ml_program.global private @experts.1.2.weight(#ml_program.extern<tensor<8x12xf32>>) : tensor<8x12xf32>
  ml_program.global private @gate.weight(#ml_program.extern<tensor<2x8xf32>>) : tensor<2x8xf32>
  func.func @main(%arg0: tensor<?x8xf32>) -> tensor<?x8xf32> {
    %0 = ml_program.global_load_const @experts.1.2.bias : tensor<8xf32>
    %1 = ml_program.global_load_const @experts.1.2.weight : tensor<8x12xf32>
    %2 = ml_program.global_load_const @experts.1.0.bias : tensor<12xf32>
    %3 = ml_program.global_load_const @experts.1.0.weight : tensor<12x8xf32>
    %4 = ml_program.global_load_const @experts.0.2.bias : tensor<8xf32>
    %5 = ml_program.global_load_const @experts.0.2.weight : tensor<8x12xf32>
    %6 = ml_program.global_load_const @experts.0.0.bias : tensor<12xf32>
    %7 = ml_program.global_load_const @experts.0.0.weight : tensor<12x8xf32>
    %8 = ml_program.global_load_const @gate.weight : tensor<2x8xf32>
    %c1_i64 = arith.constant 1 : i64
    %c1 = arith.constant 1 : index
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 0xFF800000 : f32
    %c-1 = arith.constant -1 : index
    %cst_1 = arith.constant dense<0.000000e+00> : tensor<f32>
    %c0 = arith.constant 0 : index
    %c0_i64 = arith.constant 0 : i64
    %cst_2 = arith.constant dense<1> : tensor<1x1xi64>
    %cst_3 = arith.constant dense<0> : tensor<i64>
    %9 = tensor.empty() : tensor<8x2xf32>
    %transposed = linalg.transpose ins(%8 : tensor<2x8xf32>) outs(%9 : tensor<8x2xf32>) permutation = [1, 0] 
    %dim = tensor.dim %arg0, %c0 : tensor<?x8xf32>
    %10 = tensor.empty(%dim) : tensor<?x2xf32>
    %11 = linalg.fill ins(%cst : f32) outs(%10 : tensor<?x2xf32>) -> tensor<?x2xf32>
    %12 = linalg.matmul ins(%arg0, %transposed : tensor<?x8xf32>, tensor<8x2xf32>) outs(%11 : tensor<?x2xf32>) -> tensor<?x2xf32>
    %13 = tensor.empty(%dim) : tensor<?xi64>
    %14 = linalg.fill ins(%c0_i64 : i64) outs(%13 : tensor<?xi64>) -> tensor<?xi64>
    %15 = tensor.empty(%dim) : tensor<?xf32>
    %16 = linalg.fill ins(%cst_0 : f32) outs(%15 : tensor<?xf32>) -> tensor<?xf32>
    %17:2 = linalg.generic {indexing_maps = [#map, #map1, #map1], iterator_types = ["parallel", "reduction"]} ins(%12 : tensor<?x2xf32>) outs(%16, %14 : tensor<?xf32>, tensor<?xi64>) {
    ^bb0(%in: f32, %out: f32, %out_62: i64):
      %147 = linalg.index 1 : index
      %148 = arith.index_cast %147 : index to i64
      %149 = arith.maximumf %in, %out : f32
      %150 = arith.cmpf ogt, %in, %out : f32
      %151 = arith.select %150, %148, %out_62 : i64
      linalg.yield %149, %151 : f32, i64
    } -> (tensor<?xf32>, tensor<?xi64>)
    %expanded = tensor.expand_shape %17#0 [[0, 1]] output_shape [%dim, 1] : tensor<?xf32> into tensor<?x1xf32>
    %18 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel"]} ins(%12, %expanded : tensor<?x2xf32>, tensor<?x1xf32>) outs(%10 : tensor<?x2xf32>) {
    ^bb0(%in: f32, %in_62: f32, %out: f32):
      %147 = arith.subf %in, %in_62 : f32
      linalg.yield %147 : f32
    } -> tensor<?x2xf32>
    %19 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%18 : tensor<?x2xf32>) outs(%10 : tensor<?x2xf32>) {
    ^bb0(%in: f32, %out: f32):
      %147 = math.exp %in : f32
      linalg.yield %147 : f32
    } -> tensor<?x2xf32>
    %20 = tensor.empty(%dim) : tensor<?x1xf32>
    %21 = linalg.fill ins(%cst : f32) outs(%20 : tensor<?x1xf32>) -> tensor<?x1xf32>
    %22 = linalg.generic {indexing_maps = [#map, #map2], iterator_types = ["parallel", "reduction"]} ins(%19 : tensor<?x2xf32>) outs(%21 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %147 = arith.addf %in, %out : f32
      linalg.yield %147 : f32
    } -> tensor<?x1xf32>
    %23 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel"]} ins(%19, %22 : tensor<?x2xf32>, tensor<?x1xf32>) outs(%10 : tensor<?x2xf32>) {
    ^bb0(%in: f32, %in_62: f32, %out: f32):
      %147 = arith.divf %in, %in_62 : f32
      linalg.yield %147 : f32
    } -> tensor<?x2xf32>
    %24:2 = linalg.generic {indexing_maps = [#map, #map1, #map1], iterator_types = ["parallel", "reduction"]} ins(%23 : tensor<?x2xf32>) outs(%16, %14 : tensor<?xf32>, tensor<?xi64>) {
    ^bb0(%in: f32, %out: f32, %out_62: i64):
      %147 = linalg.index 1 : index
      %148 = arith.index_cast %147 : index to i64
      %149 = arith.maximumf %in, %out : f32
      %150 = arith.cmpf ogt, %in, %out : f32
      %151 = arith.select %150, %148, %out_62 : i64
      linalg.yield %149, %151 : f32, i64
    } -> (tensor<?xf32>, tensor<?xi64>)
    %25 = arith.index_cast %dim : index to i64
    %26 = arith.cmpi sge, %25, %c0_i64 : i64
    cf.assert %26, "negative values not allowed in new dimensions"
    %27 = tensor.empty(%dim) : tensor<?x8xf32>
    %28 = linalg.generic {indexing_maps = [#map3, #map], iterator_types = ["parallel", "parallel"]} ins(%cst_1 : tensor<f32>) outs(%27 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x8xf32>
    %29 = tensor.empty(%dim) : tensor<?xi1>
    %30 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel"]} ins(%24#1 : tensor<?xi64>) outs(%29 : tensor<?xi1>) {
    ^bb0(%in: i64, %out: i1):
      %147 = arith.cmpi eq, %in, %c0_i64 : i64
      linalg.yield %147 : i1
    } -> tensor<?xi1>
    %31 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel"]} ins(%30 : tensor<?xi1>) outs(%13 : tensor<?xi64>) {
    ^bb0(%in: i1, %out: i64):
      %147 = arith.extui %in : i1 to i64
      linalg.yield %147 : i64
    } -> tensor<?xi64>
    %dim_4 = tensor.dim %31, %c0 : tensor<?xi64>
    %32 = tensor.empty(%dim_4) : tensor<?xi64>
    %33 = linalg.fill ins(%c0_i64 : i64) outs(%32 : tensor<?xi64>) -> tensor<?xi64>
    %34 = tensor.empty() : tensor<i64>
    %35 = linalg.fill ins(%c0_i64 : i64) outs(%34 : tensor<i64>) -> tensor<i64>
    %extracted = tensor.extract %35[] : tensor<i64>
    %c0_5 = arith.constant 0 : index
    %dim_6 = tensor.dim %31, %c0_5 : tensor<?xi64>
    %c0_7 = arith.constant 0 : index
    %c1_8 = arith.constant 1 : index
    %36:2 = scf.for %arg1 = %c0_7 to %dim_6 step %c1_8 iter_args(%arg2 = %extracted, %arg3 = %33) -> (i64, tensor<?xi64>) {
      %extracted_62 = tensor.extract %31[%arg1] : tensor<?xi64>
      %147 = arith.addi %arg2, %extracted_62 : i64
      %inserted = tensor.insert %147 into %arg3[%arg1] : tensor<?xi64>
      scf.yield %147, %inserted : i64, tensor<?xi64>
    }
    %from_elements = tensor.from_elements %36#0 : tensor<i64>
    %dim_9 = tensor.dim %36#1, %c0 : tensor<?xi64>
    %37 = tensor.empty(%dim_9) : tensor<?xi64>
    %38 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel"]} ins(%36#1 : tensor<?xi64>) outs(%37 : tensor<?xi64>) {
    ^bb0(%in: i64, %out: i64):
      %147 = arith.subi %in, %c1_i64 : i64
      linalg.yield %147 : i64
    } -> tensor<?xi64>
    %39 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel"]} ins(%38 : tensor<?xi64>) outs(%37 : tensor<?xi64>) {
    ^bb0(%in: i64, %out: i64):
      %147 = arith.maxsi %in, %c0_i64 : i64
      linalg.yield %147 : i64
    } -> tensor<?xi64>
    %40 = linalg.generic {indexing_maps = [#map4], iterator_types = ["parallel"]} outs(%13 : tensor<?xi64>) {
    ^bb0(%out: i64):
      %147 = linalg.index 0 : index
      %148 = arith.index_cast %147 : index to i64
      linalg.yield %148 : i64
    } -> tensor<?xi64>
    %41 = linalg.generic {indexing_maps = [#map4, #map4, #map4], iterator_types = ["parallel"]} ins(%40, %31 : tensor<?xi64>, tensor<?xi64>) outs(%13 : tensor<?xi64>) {
    ^bb0(%in: i64, %in_62: i64, %out: i64):
      %147 = arith.muli %in, %in_62 : i64
      linalg.yield %147 : i64
    } -> tensor<?xi64>
    cf.assert %26, "negative values not allowed in new dimensions"
    %42 = tensor.empty(%dim) : tensor<?xi64>
    %43 = linalg.generic {indexing_maps = [#map5, #map4], iterator_types = ["parallel"]} ins(%cst_3 : tensor<i64>) outs(%42 : tensor<?xi64>) {
    ^bb0(%in: i64, %out: i64):
      linalg.yield %in : i64
    } -> tensor<?xi64>
    %dim_10 = tensor.dim %39, %c0 : tensor<?xi64>
    %44 = tensor.empty(%dim_10) : tensor<?x1xi64>
    %45 = linalg.fill ins(%c0_i64 : i64) outs(%44 : tensor<?x1xi64>) -> tensor<?x1xi64>
    %46 = tensor.empty(%dim_10) : tensor<?xi64>
    %47 = linalg.fill ins(%c0_i64 : i64) outs(%46 : tensor<?xi64>) -> tensor<?xi64>
    %48:2 = linalg.generic {indexing_maps = [#map6, #map4], iterator_types = ["parallel"]} outs(%45, %47 : tensor<?x1xi64>, tensor<?xi64>) {
    ^bb0(%out: i64, %out_62: i64):
      %147 = linalg.index 0 : index
      %148 = arith.remsi %147, %dim_10 : index
      %extracted_63 = tensor.extract %39[%148] : tensor<?xi64>
      %extracted_64 = tensor.extract %41[%148] : tensor<?xi64>
      linalg.yield %extracted_63, %extracted_64 : i64, i64
    } -> (tensor<?x1xi64>, tensor<?xi64>)
    %inserted_slice = tensor.insert_slice %48#0 into %45[0, 0] [%dim_10, 1] [1, 1] : tensor<?x1xi64> into tensor<?x1xi64>
    %c0_11 = arith.constant 0 : index
    %dim_12 = tensor.dim %inserted_slice, %c0_11 : tensor<?x1xi64>
    %c0_13 = arith.constant 0 : index
    %c1_14 = arith.constant 1 : index
    %49 = scf.for %arg1 = %c0_13 to %dim_12 step %c1_14 iter_args(%arg2 = %43) -> (tensor<?xi64>) {
      %c0_62 = arith.constant 0 : index
      %extracted_63 = tensor.extract %inserted_slice[%arg1, %c0_62] : tensor<?x1xi64>
      %147 = arith.index_cast %extracted_63 : i64 to index
      %c0_64 = arith.constant 0 : index
      %dim_65 = tensor.dim %arg2, %c0_64 : tensor<?xi64>
      %148 = arith.cmpi ult, %147, %dim_65 : index
      %149 = scf.if %148 -> (tensor<?xi64>) {
        %extracted_66 = tensor.extract %arg2[%147] : tensor<?xi64>
        %extracted_67 = tensor.extract %48#1[%arg1] : tensor<?xi64>
        %150 = arith.addi %extracted_66, %extracted_67 : i64
        %inserted = tensor.insert %150 into %arg2[%147] : tensor<?xi64>
        scf.yield %inserted : tensor<?xi64>
      } else {
        scf.yield %arg2 : tensor<?xi64>
      }
      scf.yield %149 : tensor<?xi64>
    }
    %50 = linalg.generic {indexing_maps = [#map4, #map5], iterator_types = ["reduction"]} ins(%31 : tensor<?xi64>) outs(%35 : tensor<i64>) {
    ^bb0(%in: i64, %out: i64):
      %147 = arith.addi %in, %out : i64
      linalg.yield %147 : i64
    } -> tensor<i64>
    %extracted_15 = tensor.extract %50[] : tensor<i64>
    %dim_16 = tensor.dim %49, %c0 : tensor<?xi64>
    %51 = arith.index_cast %extracted_15 : i64 to index
    %52 = arith.cmpi slt, %51, %c0 : index
    %53 = arith.addi %51, %dim_16 : index
    %54 = arith.select %52, %53, %51 : index
    %55 = arith.cmpi slt, %54, %c0 : index
    %56 = arith.select %55, %c-1, %54 : index
    %57 = arith.minsi %56, %dim_16 : index
    %58 = arith.maxsi %57, %c0 : index
    %extracted_slice = tensor.extract_slice %49[0] [%58] [1] : tensor<?xi64> to tensor<?xi64>
    %from_elements_17 = tensor.from_elements %25 : tensor<1xi64>
    %expanded_18 = tensor.expand_shape %extracted_slice [[0, 1]] output_shape [%58, 1] : tensor<?xi64> into tensor<?x1xi64>
    %59 = tensor.empty(%58) : tensor<?x1xi64>
    %60 = linalg.generic {indexing_maps = [#map, #map7, #map], iterator_types = ["parallel", "parallel"]} ins(%expanded_18, %cst_2 : tensor<?x1xi64>, tensor<1x1xi64>) outs(%59 : tensor<?x1xi64>) {
    ^bb0(%in: i64, %in_62: i64, %out: i64):
      %147 = arith.sitofp %in : i64 to f64
      %148 = arith.sitofp %in_62 : i64 to f64
      %149 = arith.divf %147, %148 : f64
      %150 = math.floor %149 : f64
      %151 = arith.fptosi %150 : f64 to i64
      linalg.yield %151 : i64
    } -> tensor<?x1xi64>
    %61 = linalg.generic {indexing_maps = [#map, #map8, #map], iterator_types = ["parallel", "parallel"]} ins(%60, %from_elements_17 : tensor<?x1xi64>, tensor<1xi64>) outs(%59 : tensor<?x1xi64>) {
    ^bb0(%in: i64, %in_62: i64, %out: i64):
      %147 = arith.remsi %in, %in_62 : i64
      %148 = arith.cmpi ne, %147, %c0_i64 : i64
      %149 = arith.cmpi slt, %in_62, %c0_i64 : i64
      %150 = arith.cmpi slt, %147, %c0_i64 : i64
      %151 = arith.xori %149, %150 : i1
      %152 = arith.andi %148, %151 : i1
      %153 = arith.addi %147, %in_62 : i64
      %154 = arith.select %152, %153, %147 : i64
      linalg.yield %154 : i64
    } -> tensor<?x1xi64>
    %62 = arith.index_cast %58 : index to i64
    %extracted_slice_19 = tensor.extract_slice %61[0, 0] [%58, 1] [1, 1] : tensor<?x1xi64> to tensor<?x1xi64>
    %collapsed = tensor.collapse_shape %extracted_slice_19 [[0, 1]] : tensor<?x1xi64> into tensor<?xi64>
    %dim_20 = tensor.dim %collapsed, %c0 : tensor<?xi64>
    %63 = tensor.empty(%dim_20) : tensor<?x8xf32>
    %64 = linalg.generic {indexing_maps = [#map1, #map], iterator_types = ["parallel", "parallel"]} ins(%collapsed : tensor<?xi64>) outs(%63 : tensor<?x8xf32>) {
    ^bb0(%in: i64, %out: f32):
      %147 = arith.cmpi slt, %in, %c0_i64 : i64
      %148 = arith.addi %in, %25 : i64
      %149 = arith.select %147, %148, %in : i64
      %150 = arith.index_cast %149 : i64 to index
      %151 = linalg.index 1 : index
      %extracted_62 = tensor.extract %arg0[%150, %151] : tensor<?x8xf32>
      linalg.yield %extracted_62 : f32
    } -> tensor<?x8xf32>
    %65 = tensor.empty() : tensor<8x12xf32>
    %transposed_21 = linalg.transpose ins(%7 : tensor<12x8xf32>) outs(%65 : tensor<8x12xf32>) permutation = [1, 0] 
    %66 = tensor.empty(%dim_20) : tensor<?x12xf32>
    %67 = linalg.fill ins(%cst : f32) outs(%66 : tensor<?x12xf32>) -> tensor<?x12xf32>
    %68 = linalg.matmul ins(%64, %transposed_21 : tensor<?x8xf32>, tensor<8x12xf32>) outs(%67 : tensor<?x12xf32>) -> tensor<?x12xf32>
    %69 = arith.cmpi sge, %62, %c0_i64 : i64
    cf.assert %69, "negative values not allowed in new dimensions"
    %70 = tensor.empty(%58) : tensor<?x12xf32>
    %71 = linalg.generic {indexing_maps = [#map8, #map], iterator_types = ["parallel", "parallel"]} ins(%6 : tensor<12xf32>) outs(%70 : tensor<?x12xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x12xf32>
    %72 = arith.cmpi eq, %dim_20, %58 : index
    cf.assert %72, "mismatched size for broadcast"
    %73 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%68, %71 : tensor<?x12xf32>, tensor<?x12xf32>) outs(%66 : tensor<?x12xf32>) {
    ^bb0(%in: f32, %in_62: f32, %out: f32):
      %147 = arith.addf %in, %in_62 : f32
      linalg.yield %147 : f32
    } -> tensor<?x12xf32>
    %74 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%73 : tensor<?x12xf32>) outs(%66 : tensor<?x12xf32>) {
    ^bb0(%in: f32, %out: f32):
      %147 = arith.cmpf ugt, %in, %cst : f32
      %148 = arith.select %147, %in, %cst : f32
      linalg.yield %148 : f32
    } -> tensor<?x12xf32>
    %75 = tensor.empty() : tensor<12x8xf32>
    %transposed_22 = linalg.transpose ins(%5 : tensor<8x12xf32>) outs(%75 : tensor<12x8xf32>) permutation = [1, 0] 
    %76 = linalg.fill ins(%cst : f32) outs(%63 : tensor<?x8xf32>) -> tensor<?x8xf32>
    %77 = linalg.matmul ins(%74, %transposed_22 : tensor<?x12xf32>, tensor<12x8xf32>) outs(%76 : tensor<?x8xf32>) -> tensor<?x8xf32>
    cf.assert %69, "negative values not allowed in new dimensions"
    %78 = tensor.empty(%58) : tensor<?x8xf32>
    %79 = linalg.generic {indexing_maps = [#map8, #map], iterator_types = ["parallel", "parallel"]} ins(%4 : tensor<8xf32>) outs(%78 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x8xf32>
    cf.assert %72, "mismatched size for broadcast"
    %80 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%77, %79 : tensor<?x8xf32>, tensor<?x8xf32>) outs(%63 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %in_62: f32, %out: f32):
      %147 = arith.addf %in, %in_62 : f32
      linalg.yield %147 : f32
    } -> tensor<?x8xf32>
    %expanded_23 = tensor.expand_shape %24#0 [[0, 1]] output_shape [%dim, 1] : tensor<?xf32> into tensor<?x1xf32>
    %81 = tensor.empty(%dim_20) : tensor<?x1xf32>
    %82 = linalg.generic {indexing_maps = [#map1, #map], iterator_types = ["parallel", "parallel"]} ins(%collapsed : tensor<?xi64>) outs(%81 : tensor<?x1xf32>) {
    ^bb0(%in: i64, %out: f32):
      %147 = arith.cmpi slt, %in, %c0_i64 : i64
      %148 = arith.addi %in, %25 : i64
      %149 = arith.select %147, %148, %in : i64
      %150 = arith.index_cast %149 : i64 to index
      %extracted_62 = tensor.extract %expanded_23[%150, %c0] : tensor<?x1xf32>
      linalg.yield %extracted_62 : f32
    } -> tensor<?x1xf32>
    %83 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel"]} ins(%80, %82 : tensor<?x8xf32>, tensor<?x1xf32>) outs(%63 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %in_62: f32, %out: f32):
      %147 = arith.mulf %in, %in_62 : f32
      linalg.yield %147 : f32
    } -> tensor<?x8xf32>
    %84 = arith.maxsi %62, %c1_i64 : i64
    %85 = arith.index_cast %84 : i64 to index
    %86 = arith.cmpi sge, %84, %c0_i64 : i64
    cf.assert %86, "unimplemented: dynamic negative broadcast sizes"
    %87 = tensor.empty(%85) : tensor<?x8xf32>
    %88 = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel"]} outs(%87 : tensor<?x8xf32>) {
    ^bb0(%out: f32):
      %147 = linalg.index 0 : index
      %148 = linalg.index 1 : index
      %149 = arith.cmpi eq, %dim_20, %c1 : index
      %150 = arith.select %149, %c0, %147 : index
      %extracted_62 = tensor.extract %83[%150, %148] : tensor<?x8xf32>
      linalg.yield %extracted_62 : f32
    } -> tensor<?x8xf32>
    cf.assert %86, "unimplemented: dynamic negative broadcast sizes"
    %89 = tensor.empty(%85) : tensor<?xi64>
    %90 = linalg.generic {indexing_maps = [#map4], iterator_types = ["parallel"]} outs(%89 : tensor<?xi64>) {
    ^bb0(%out: i64):
      %147 = linalg.index 0 : index
      %148 = arith.cmpi eq, %58, %c1 : index
      %149 = arith.select %148, %c0, %147 : index
      %extracted_62 = tensor.extract %collapsed[%149] : tensor<?xi64>
      linalg.yield %extracted_62 : i64
    } -> tensor<?xi64>
    %expanded_24 = tensor.expand_shape %90 [[0, 1]] output_shape [%85, 1] : tensor<?xi64> into tensor<?x1xi64>
    %expanded_25 = tensor.expand_shape %88 [[0], [1, 2]] output_shape [%85, 1, 8] : tensor<?x8xf32> into tensor<?x1x8xf32>
    %c0_26 = arith.constant 0 : index
    %dim_27 = tensor.dim %expanded_24, %c0_26 : tensor<?x1xi64>
    %c1_28 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %c0_29 = arith.constant 0 : index
    %c1_30 = arith.constant 1 : index
    %91 = scf.for %arg1 = %c0_29 to %dim_27 step %c1_30 iter_args(%arg2 = %28) -> (tensor<?x8xf32>) {
      %c0_62 = arith.constant 0 : index
      %c1_63 = arith.constant 1 : index
      %147 = scf.for %arg3 = %c0_62 to %c1_28 step %c1_63 iter_args(%arg4 = %arg2) -> (tensor<?x8xf32>) {
        %c0_64 = arith.constant 0 : index
        %c1_65 = arith.constant 1 : index
        %148 = scf.for %arg5 = %c0_64 to %c8 step %c1_65 iter_args(%arg6 = %arg4) -> (tensor<?x8xf32>) {
          %c0_66 = arith.constant 0 : index
          %extracted_67 = tensor.extract %expanded_24[%arg1, %c0_66] : tensor<?x1xi64>
          %149 = arith.index_cast %extracted_67 : i64 to index
          %150 = arith.addi %arg3, %149 : index
          %c0_68 = arith.constant 0 : index
          %dim_69 = tensor.dim %arg6, %c0_68 : tensor<?x8xf32>
          %151 = arith.cmpi ult, %150, %dim_69 : index
          %c8_70 = arith.constant 8 : index
          %152 = arith.cmpi ult, %arg5, %c8_70 : index
          %153 = arith.andi %151, %152 : i1
          %154 = scf.if %153 -> (tensor<?x8xf32>) {
            %extracted_71 = tensor.extract %arg6[%150, %arg5] : tensor<?x8xf32>
            %extracted_72 = tensor.extract %expanded_25[%arg1, %arg3, %arg5] : tensor<?x1x8xf32>
            %155 = arith.addf %extracted_71, %extracted_72 : f32
            %inserted = tensor.insert %155 into %arg6[%150, %arg5] : tensor<?x8xf32>
            scf.yield %inserted : tensor<?x8xf32>
          } else {
            scf.yield %arg6 : tensor<?x8xf32>
          }
          scf.yield %154 : tensor<?x8xf32>
        }
        scf.yield %148 : tensor<?x8xf32>
      }
      scf.yield %147 : tensor<?x8xf32>
    }
    %92 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel"]} ins(%24#1 : tensor<?xi64>) outs(%29 : tensor<?xi1>) {
    ^bb0(%in: i64, %out: i1):
      %147 = arith.cmpi eq, %in, %c1_i64 : i64
      linalg.yield %147 : i1
    } -> tensor<?xi1>
    %93 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel"]} ins(%92 : tensor<?xi1>) outs(%13 : tensor<?xi64>) {
    ^bb0(%in: i1, %out: i64):
      %147 = arith.extui %in : i1 to i64
      linalg.yield %147 : i64
    } -> tensor<?xi64>
    %dim_31 = tensor.dim %93, %c0 : tensor<?xi64>
    %94 = tensor.empty(%dim_31) : tensor<?xi64>
    %95 = linalg.fill ins(%c0_i64 : i64) outs(%94 : tensor<?xi64>) -> tensor<?xi64>
    %extracted_32 = tensor.extract %35[] : tensor<i64>
    %c0_33 = arith.constant 0 : index
    %dim_34 = tensor.dim %93, %c0_33 : tensor<?xi64>
    %c0_35 = arith.constant 0 : index
    %c1_36 = arith.constant 1 : index
    %96:2 = scf.for %arg1 = %c0_35 to %dim_34 step %c1_36 iter_args(%arg2 = %extracted_32, %arg3 = %95) -> (i64, tensor<?xi64>) {
      %extracted_62 = tensor.extract %93[%arg1] : tensor<?xi64>
      %147 = arith.addi %arg2, %extracted_62 : i64
      %inserted = tensor.insert %147 into %arg3[%arg1] : tensor<?xi64>
      scf.yield %147, %inserted : i64, tensor<?xi64>
    }
    %from_elements_37 = tensor.from_elements %96#0 : tensor<i64>
    %dim_38 = tensor.dim %96#1, %c0 : tensor<?xi64>
    %97 = tensor.empty(%dim_38) : tensor<?xi64>
    %98 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel"]} ins(%96#1 : tensor<?xi64>) outs(%97 : tensor<?xi64>) {
    ^bb0(%in: i64, %out: i64):
      %147 = arith.subi %in, %c1_i64 : i64
      linalg.yield %147 : i64
    } -> tensor<?xi64>
    %99 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel"]} ins(%98 : tensor<?xi64>) outs(%97 : tensor<?xi64>) {
    ^bb0(%in: i64, %out: i64):
      %147 = arith.maxsi %in, %c0_i64 : i64
      linalg.yield %147 : i64
    } -> tensor<?xi64>
    %100 = linalg.generic {indexing_maps = [#map4, #map4, #map4], iterator_types = ["parallel"]} ins(%40, %93 : tensor<?xi64>, tensor<?xi64>) outs(%13 : tensor<?xi64>) {
    ^bb0(%in: i64, %in_62: i64, %out: i64):
      %147 = arith.muli %in, %in_62 : i64
      linalg.yield %147 : i64
    } -> tensor<?xi64>
    cf.assert %26, "negative values not allowed in new dimensions"
    %dim_39 = tensor.dim %99, %c0 : tensor<?xi64>
    %101 = tensor.empty(%dim_39) : tensor<?x1xi64>
    %102 = linalg.fill ins(%c0_i64 : i64) outs(%101 : tensor<?x1xi64>) -> tensor<?x1xi64>
    %103 = tensor.empty(%dim_39) : tensor<?xi64>
    %104 = linalg.fill ins(%c0_i64 : i64) outs(%103 : tensor<?xi64>) -> tensor<?xi64>
    %105:2 = linalg.generic {indexing_maps = [#map6, #map4], iterator_types = ["parallel"]} outs(%102, %104 : tensor<?x1xi64>, tensor<?xi64>) {
    ^bb0(%out: i64, %out_62: i64):
      %147 = linalg.index 0 : index
      %148 = arith.remsi %147, %dim_39 : index
      %extracted_63 = tensor.extract %99[%148] : tensor<?xi64>
      %extracted_64 = tensor.extract %100[%148] : tensor<?xi64>
      linalg.yield %extracted_63, %extracted_64 : i64, i64
    } -> (tensor<?x1xi64>, tensor<?xi64>)
    %inserted_slice_40 = tensor.insert_slice %105#0 into %102[0, 0] [%dim_39, 1] [1, 1] : tensor<?x1xi64> into tensor<?x1xi64>
    %c0_41 = arith.constant 0 : index
    %dim_42 = tensor.dim %inserted_slice_40, %c0_41 : tensor<?x1xi64>
    %c0_43 = arith.constant 0 : index
    %c1_44 = arith.constant 1 : index
    %106 = scf.for %arg1 = %c0_43 to %dim_42 step %c1_44 iter_args(%arg2 = %43) -> (tensor<?xi64>) {
      %c0_62 = arith.constant 0 : index
      %extracted_63 = tensor.extract %inserted_slice_40[%arg1, %c0_62] : tensor<?x1xi64>
      %147 = arith.index_cast %extracted_63 : i64 to index
      %c0_64 = arith.constant 0 : index
      %dim_65 = tensor.dim %arg2, %c0_64 : tensor<?xi64>
      %148 = arith.cmpi ult, %147, %dim_65 : index
      %149 = scf.if %148 -> (tensor<?xi64>) {
        %extracted_66 = tensor.extract %arg2[%147] : tensor<?xi64>
        %extracted_67 = tensor.extract %105#1[%arg1] : tensor<?xi64>
        %150 = arith.addi %extracted_66, %extracted_67 : i64
        %inserted = tensor.insert %150 into %arg2[%147] : tensor<?xi64>
        scf.yield %inserted : tensor<?xi64>
      } else {
        scf.yield %arg2 : tensor<?xi64>
      }
      scf.yield %149 : tensor<?xi64>
    }
    %107 = linalg.generic {indexing_maps = [#map4, #map5], iterator_types = ["reduction"]} ins(%93 : tensor<?xi64>) outs(%35 : tensor<i64>) {
    ^bb0(%in: i64, %out: i64):
      %147 = arith.addi %in, %out : i64
      linalg.yield %147 : i64
    } -> tensor<i64>
    %extracted_45 = tensor.extract %107[] : tensor<i64>
    %dim_46 = tensor.dim %106, %c0 : tensor<?xi64>
    %108 = arith.index_cast %extracted_45 : i64 to index
    %109 = arith.cmpi slt, %108, %c0 : index
    %110 = arith.addi %108, %dim_46 : index
    %111 = arith.select %109, %110, %108 : index
    %112 = arith.cmpi slt, %111, %c0 : index
    %113 = arith.select %112, %c-1, %111 : index
    %114 = arith.minsi %113, %dim_46 : index
    %115 = arith.maxsi %114, %c0 : index
    %extracted_slice_47 = tensor.extract_slice %106[0] [%115] [1] : tensor<?xi64> to tensor<?xi64>
    %expanded_48 = tensor.expand_shape %extracted_slice_47 [[0, 1]] output_shape [%115, 1] : tensor<?xi64> into tensor<?x1xi64>
    %116 = tensor.empty(%115) : tensor<?x1xi64>
    %117 = linalg.generic {indexing_maps = [#map, #map7, #map], iterator_types = ["parallel", "parallel"]} ins(%expanded_48, %cst_2 : tensor<?x1xi64>, tensor<1x1xi64>) outs(%116 : tensor<?x1xi64>) {
    ^bb0(%in: i64, %in_62: i64, %out: i64):
      %147 = arith.sitofp %in : i64 to f64
      %148 = arith.sitofp %in_62 : i64 to f64
      %149 = arith.divf %147, %148 : f64
      %150 = math.floor %149 : f64
      %151 = arith.fptosi %150 : f64 to i64
      linalg.yield %151 : i64
    } -> tensor<?x1xi64>
    %118 = linalg.generic {indexing_maps = [#map, #map8, #map], iterator_types = ["parallel", "parallel"]} ins(%117, %from_elements_17 : tensor<?x1xi64>, tensor<1xi64>) outs(%116 : tensor<?x1xi64>) {
    ^bb0(%in: i64, %in_62: i64, %out: i64):
      %147 = arith.remsi %in, %in_62 : i64
      %148 = arith.cmpi ne, %147, %c0_i64 : i64
      %149 = arith.cmpi slt, %in_62, %c0_i64 : i64
      %150 = arith.cmpi slt, %147, %c0_i64 : i64
      %151 = arith.xori %149, %150 : i1
      %152 = arith.andi %148, %151 : i1
      %153 = arith.addi %147, %in_62 : i64
      %154 = arith.select %152, %153, %147 : i64
      linalg.yield %154 : i64
    } -> tensor<?x1xi64>
    %119 = arith.index_cast %115 : index to i64
    %extracted_slice_49 = tensor.extract_slice %118[0, 0] [%115, 1] [1, 1] : tensor<?x1xi64> to tensor<?x1xi64>
    %collapsed_50 = tensor.collapse_shape %extracted_slice_49 [[0, 1]] : tensor<?x1xi64> into tensor<?xi64>
    %dim_51 = tensor.dim %collapsed_50, %c0 : tensor<?xi64>
    %120 = tensor.empty(%dim_51) : tensor<?x8xf32>
    %121 = linalg.generic {indexing_maps = [#map1, #map], iterator_types = ["parallel", "parallel"]} ins(%collapsed_50 : tensor<?xi64>) outs(%120 : tensor<?x8xf32>) {
    ^bb0(%in: i64, %out: f32):
      %147 = arith.cmpi slt, %in, %c0_i64 : i64
      %148 = arith.addi %in, %25 : i64
      %149 = arith.select %147, %148, %in : i64
      %150 = arith.index_cast %149 : i64 to index
      %151 = linalg.index 1 : index
      %extracted_62 = tensor.extract %arg0[%150, %151] : tensor<?x8xf32>
      linalg.yield %extracted_62 : f32
    } -> tensor<?x8xf32>
    %transposed_52 = linalg.transpose ins(%3 : tensor<12x8xf32>) outs(%65 : tensor<8x12xf32>) permutation = [1, 0] 
    %122 = tensor.empty(%dim_51) : tensor<?x12xf32>
    %123 = linalg.fill ins(%cst : f32) outs(%122 : tensor<?x12xf32>) -> tensor<?x12xf32>
    %124 = linalg.matmul ins(%121, %transposed_52 : tensor<?x8xf32>, tensor<8x12xf32>) outs(%123 : tensor<?x12xf32>) -> tensor<?x12xf32>
    %125 = arith.cmpi sge, %119, %c0_i64 : i64
    cf.assert %125, "negative values not allowed in new dimensions"
    %126 = tensor.empty(%115) : tensor<?x12xf32>
    %127 = linalg.generic {indexing_maps = [#map8, #map], iterator_types = ["parallel", "parallel"]} ins(%2 : tensor<12xf32>) outs(%126 : tensor<?x12xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x12xf32>
    %128 = arith.cmpi eq, %dim_51, %115 : index
    cf.assert %128, "mismatched size for broadcast"
    %129 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%124, %127 : tensor<?x12xf32>, tensor<?x12xf32>) outs(%122 : tensor<?x12xf32>) {
    ^bb0(%in: f32, %in_62: f32, %out: f32):
      %147 = arith.addf %in, %in_62 : f32
      linalg.yield %147 : f32
    } -> tensor<?x12xf32>
    %130 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%129 : tensor<?x12xf32>) outs(%122 : tensor<?x12xf32>) {
    ^bb0(%in: f32, %out: f32):
      %147 = arith.cmpf ugt, %in, %cst : f32
      %148 = arith.select %147, %in, %cst : f32
      linalg.yield %148 : f32
    } -> tensor<?x12xf32>
    %transposed_53 = linalg.transpose ins(%1 : tensor<8x12xf32>) outs(%75 : tensor<12x8xf32>) permutation = [1, 0] 
    %131 = linalg.fill ins(%cst : f32) outs(%120 : tensor<?x8xf32>) -> tensor<?x8xf32>
    %132 = linalg.matmul ins(%130, %transposed_53 : tensor<?x12xf32>, tensor<12x8xf32>) outs(%131 : tensor<?x8xf32>) -> tensor<?x8xf32>
    cf.assert %125, "negative values not allowed in new dimensions"
    %133 = tensor.empty(%115) : tensor<?x8xf32>
    %134 = linalg.generic {indexing_maps = [#map8, #map], iterator_types = ["parallel", "parallel"]} ins(%0 : tensor<8xf32>) outs(%133 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x8xf32>
    cf.assert %128, "mismatched size for broadcast"
    %135 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%132, %134 : tensor<?x8xf32>, tensor<?x8xf32>) outs(%120 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %in_62: f32, %out: f32):
      %147 = arith.addf %in, %in_62 : f32
      linalg.yield %147 : f32
    } -> tensor<?x8xf32>
    %136 = tensor.empty(%dim_51) : tensor<?x1xf32>
    %137 = linalg.generic {indexing_maps = [#map1, #map], iterator_types = ["parallel", "parallel"]} ins(%collapsed_50 : tensor<?xi64>) outs(%136 : tensor<?x1xf32>) {
    ^bb0(%in: i64, %out: f32):
      %147 = arith.cmpi slt, %in, %c0_i64 : i64
      %148 = arith.addi %in, %25 : i64
      %149 = arith.select %147, %148, %in : i64
      %150 = arith.index_cast %149 : i64 to index
      %extracted_62 = tensor.extract %expanded_23[%150, %c0] : tensor<?x1xf32>
      linalg.yield %extracted_62 : f32
    } -> tensor<?x1xf32>
    %138 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel"]} ins(%135, %137 : tensor<?x8xf32>, tensor<?x1xf32>) outs(%120 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %in_62: f32, %out: f32):
      %147 = arith.mulf %in, %in_62 : f32
      linalg.yield %147 : f32
    } -> tensor<?x8xf32>
    %139 = arith.maxsi %119, %c1_i64 : i64
    %140 = arith.index_cast %139 : i64 to index
    %141 = arith.cmpi sge, %139, %c0_i64 : i64
    cf.assert %141, "unimplemented: dynamic negative broadcast sizes"
    %142 = tensor.empty(%140) : tensor<?x8xf32>
    %143 = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel"]} outs(%142 : tensor<?x8xf32>) {
    ^bb0(%out: f32):
      %147 = linalg.index 0 : index
      %148 = linalg.index 1 : index
      %149 = arith.cmpi eq, %dim_51, %c1 : index
      %150 = arith.select %149, %c0, %147 : index
      %extracted_62 = tensor.extract %138[%150, %148] : tensor<?x8xf32>
      linalg.yield %extracted_62 : f32
    } -> tensor<?x8xf32>
    cf.assert %141, "unimplemented: dynamic negative broadcast sizes"
    %144 = tensor.empty(%140) : tensor<?xi64>
    %145 = linalg.generic {indexing_maps = [#map4], iterator_types = ["parallel"]} outs(%144 : tensor<?xi64>) {
    ^bb0(%out: i64):
      %147 = linalg.index 0 : index
      %148 = arith.cmpi eq, %115, %c1 : index
      %149 = arith.select %148, %c0, %147 : index
      %extracted_62 = tensor.extract %collapsed_50[%149] : tensor<?xi64>
      linalg.yield %extracted_62 : i64
    } -> tensor<?xi64>
    %expanded_54 = tensor.expand_shape %145 [[0, 1]] output_shape [%140, 1] : tensor<?xi64> into tensor<?x1xi64>
    %expanded_55 = tensor.expand_shape %143 [[0], [1, 2]] output_shape [%140, 1, 8] : tensor<?x8xf32> into tensor<?x1x8xf32>
    %c0_56 = arith.constant 0 : index
    %dim_57 = tensor.dim %expanded_54, %c0_56 : tensor<?x1xi64>
    %c1_58 = arith.constant 1 : index
    %c8_59 = arith.constant 8 : index
    %c0_60 = arith.constant 0 : index
    %c1_61 = arith.constant 1 : index
    %146 = scf.for %arg1 = %c0_60 to %dim_57 step %c1_61 iter_args(%arg2 = %91) -> (tensor<?x8xf32>) {
      %c0_62 = arith.constant 0 : index
      %c1_63 = arith.constant 1 : index
      %147 = scf.for %arg3 = %c0_62 to %c1_58 step %c1_63 iter_args(%arg4 = %arg2) -> (tensor<?x8xf32>) {
        %c0_64 = arith.constant 0 : index
        %c1_65 = arith.constant 1 : index
        %148 = scf.for %arg5 = %c0_64 to %c8_59 step %c1_65 iter_args(%arg6 = %arg4) -> (tensor<?x8xf32>) {
          %c0_66 = arith.constant 0 : index
          %extracted_67 = tensor.extract %expanded_54[%arg1, %c0_66] : tensor<?x1xi64>
          %149 = arith.index_cast %extracted_67 : i64 to index
          %150 = arith.addi %arg3, %149 : index
          %c0_68 = arith.constant 0 : index
          %dim_69 = tensor.dim %arg6, %c0_68 : tensor<?x8xf32>
          %151 = arith.cmpi ult, %150, %dim_69 : index
          %c8_70 = arith.constant 8 : index
          %152 = arith.cmpi ult, %arg5, %c8_70 : index
          %153 = arith.andi %151, %152 : i1
          %154 = scf.if %153 -> (tensor<?x8xf32>) {
            %extracted_71 = tensor.extract %arg6[%150, %arg5] : tensor<?x8xf32>
            %extracted_72 = tensor.extract %expanded_55[%arg1, %arg3, %arg5] : tensor<?x1x8xf32>
            %155 = arith.addf %extracted_71, %extracted_72 : f32
            %inserted = tensor.insert %155 into %arg6[%150, %arg5] : tensor<?x8xf32>
            scf.yield %inserted : tensor<?x8xf32>
          } else {
            scf.yield %arg6 : tensor<?x8xf32>
          }
          scf.yield %154 : tensor<?x8xf32>
        }
        scf.yield %148 : tensor<?x8xf32>
      }
      scf.yield %147 : tensor<?x8xf32>
    }
    return %146 : tensor<?x8xf32>
  }
}
