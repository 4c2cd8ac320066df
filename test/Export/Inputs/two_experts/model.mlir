#map = affine_map<(d0, d1) -> (d1)>
#map1 = affine_map<(d0, d1) -> (d0, d1)>
#map2 = affine_map<(d0) -> (d0)>
#map3 = affine_map<(d0, d1) -> (0, d1)>
#map4 = affine_map<(d0, d1) -> (0, 0)>
#map5 = affine_map<(d0, d1) -> ()>
#map6 = affine_map<(d0, d1) -> (d0, 0)>
module {
  ml_program.global private @"a_in/bias"(#ml_program.extern<tensor<16xf32>>) : tensor<16xf32>
  ml_program.global private @"a_in/kernel"(#ml_program.extern<tensor<8x16xf32>>) : tensor<8x16xf32>
  ml_program.global private @"a_out/bias"(#ml_program.extern<tensor<6xf32>>) : tensor<6xf32>
  ml_program.global private @"a_out/kernel"(#ml_program.extern<tensor<16x6xf32>>) : tensor<16x6xf32>
  ml_program.global private @"b_in/bias"(#ml_program.extern<tensor<32xf32>>) : tensor<32xf32>
  ml_program.global private @"b_in/kernel"(#ml_program.extern<tensor<8x32xf32>>) : tensor<8x32xf32>
  ml_program.global private @"b_mid/bias"(#ml_program.extern<tensor<24xf32>>) : tensor<24xf32>
  ml_program.global private @"b_mid/kernel"(#ml_program.extern<tensor<32x24xf32>>) : tensor<32x24xf32>
  ml_program.global private @"b_out/bias"(#ml_program.extern<tensor<6xf32>>) : tensor<6xf32>
  ml_program.global private @"b_out/kernel"(#ml_program.extern<tensor<24x6xf32>>) : tensor<24x6xf32>
  ml_program.global private @"gate/bias"(#ml_program.extern<tensor<1xf32>>) : tensor<1xf32>
  ml_program.global private @"gate/kernel"(#ml_program.extern<tensor<8x1xf32>>) : tensor<8x1xf32>
  func.func public @main(%arg0: tensor<?x8xf32>) -> tensor<?x6xf32> {
    %0 = ml_program.global_load_const @"b_out/bias" : tensor<6xf32>
    %1 = ml_program.global_load_const @"b_out/kernel" : tensor<24x6xf32>
    %2 = ml_program.global_load_const @"a_out/bias" : tensor<6xf32>
    %3 = ml_program.global_load_const @"a_out/kernel" : tensor<16x6xf32>
    %4 = ml_program.global_load_const @"gate/bias" : tensor<1xf32>
    %5 = ml_program.global_load_const @"gate/kernel" : tensor<8x1xf32>
    %6 = ml_program.global_load_const @"b_mid/bias" : tensor<24xf32>
    %7 = ml_program.global_load_const @"b_mid/kernel" : tensor<32x24xf32>
    %8 = ml_program.global_load_const @"a_in/bias" : tensor<16xf32>
    %9 = ml_program.global_load_const @"a_in/kernel" : tensor<8x16xf32>
    %10 = ml_program.global_load_const @"b_in/bias" : tensor<32xf32>
    %11 = ml_program.global_load_const @"b_in/kernel" : tensor<8x32xf32>
    %c6_i32 = arith.constant 6 : i32
    %c1_i32 = arith.constant 1 : i32
    %c16_i32 = arith.constant 16 : i32
    %c24_i32 = arith.constant 24 : i32
    %c32_i32 = arith.constant 32 : i32
    %c1 = arith.constant 1 : index
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant dense<1.000000e+00> : tensor<f32>
    %cst_1 = arith.constant dense<5.000000e-01> : tensor<f32>
    %c0 = arith.constant 0 : index
    %dim = tensor.dim %arg0, %c0 : tensor<?x8xf32>
    %12 = arith.index_cast %dim : index to i32
    %from_elements = tensor.from_elements %12 : tensor<i32>
    %13 = tensor.empty(%dim) : tensor<?x32xf32>
    %14 = linalg.fill ins(%cst : f32) outs(%13 : tensor<?x32xf32>) -> tensor<?x32xf32>
    %15 = linalg.matmul ins(%arg0, %11 : tensor<?x8xf32>, tensor<8x32xf32>) outs(%14 : tensor<?x32xf32>) -> tensor<?x32xf32>
    %16 = tensor.empty() : tensor<1x32xf32>
    %17 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel"]} ins(%10 : tensor<32xf32>) outs(%16 : tensor<1x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x32xf32>
    %from_elements_2 = tensor.from_elements %12 : tensor<1xi32>
    %18 = tensor.empty() : tensor<2xi32>
    %19 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%18 : tensor<2xi32>) {
    ^bb0(%out: i32):
      %82 = linalg.index 0 : index
      %83 = arith.cmpi ult, %82, %c1 : index
      %84 = scf.if %83 -> (i32) {
        %extracted_9 = tensor.extract %from_elements_2[%82] : tensor<1xi32>
        scf.yield %extracted_9 : i32
      } else {
        scf.yield %c32_i32 : i32
      }
      linalg.yield %84 : i32
    } -> tensor<2xi32>
    %extracted = tensor.extract %19[%c0] : tensor<2xi32>
    %20 = arith.index_cast %extracted : i32 to index
    %21 = tensor.empty(%20) : tensor<?x32xf32>
    %22 = linalg.generic {indexing_maps = [#map3, #map1], iterator_types = ["parallel", "parallel"]} ins(%17 : tensor<1x32xf32>) outs(%21 : tensor<?x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x32xf32>
    %23 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%15, %22 : tensor<?x32xf32>, tensor<?x32xf32>) outs(%13 : tensor<?x32xf32>) {
    ^bb0(%in: f32, %in_9: f32, %out: f32):
      %82 = arith.addf %in, %in_9 : f32
      linalg.yield %82 : f32
    } -> tensor<?x32xf32>
    %24 = call @silu(%from_elements, %23) : (tensor<i32>, tensor<?x32xf32>) -> tensor<?x32xf32>
    %dim_3 = tensor.dim %24, %c0 : tensor<?x32xf32>
    %25 = tensor.empty(%dim_3) : tensor<?x24xf32>
    %26 = linalg.fill ins(%cst : f32) outs(%25 : tensor<?x24xf32>) -> tensor<?x24xf32>
    %27 = linalg.matmul ins(%24, %7 : tensor<?x32xf32>, tensor<32x24xf32>) outs(%26 : tensor<?x24xf32>) -> tensor<?x24xf32>
    %28 = tensor.empty() : tensor<1x24xf32>
    %29 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel"]} ins(%6 : tensor<24xf32>) outs(%28 : tensor<1x24xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x24xf32>
    %30 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%18 : tensor<2xi32>) {
    ^bb0(%out: i32):
      %82 = linalg.index 0 : index
      %83 = arith.cmpi ult, %82, %c1 : index
      %84 = scf.if %83 -> (i32) {
        %extracted_9 = tensor.extract %from_elements_2[%82] : tensor<1xi32>
        scf.yield %extracted_9 : i32
      } else {
        scf.yield %c24_i32 : i32
      }
      linalg.yield %84 : i32
    } -> tensor<2xi32>
    %extracted_4 = tensor.extract %30[%c0] : tensor<2xi32>
    %31 = arith.index_cast %extracted_4 : i32 to index
    %32 = tensor.empty(%31) : tensor<?x24xf32>
    %33 = linalg.generic {indexing_maps = [#map3, #map1], iterator_types = ["parallel", "parallel"]} ins(%29 : tensor<1x24xf32>) outs(%32 : tensor<?x24xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x24xf32>
    %34 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%27, %33 : tensor<?x24xf32>, tensor<?x24xf32>) outs(%25 : tensor<?x24xf32>) {
    ^bb0(%in: f32, %in_9: f32, %out: f32):
      %82 = arith.addf %in, %in_9 : f32
      linalg.yield %82 : f32
    } -> tensor<?x24xf32>
    %35 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%34 : tensor<?x24xf32>) outs(%25 : tensor<?x24xf32>) {
    ^bb0(%in: f32, %out: f32):
      %82 = math.tanh %in : f32
      linalg.yield %82 : f32
    } -> tensor<?x24xf32>
    %36 = tensor.empty(%dim) : tensor<?x16xf32>
    %37 = linalg.fill ins(%cst : f32) outs(%36 : tensor<?x16xf32>) -> tensor<?x16xf32>
    %38 = linalg.matmul ins(%arg0, %9 : tensor<?x8xf32>, tensor<8x16xf32>) outs(%37 : tensor<?x16xf32>) -> tensor<?x16xf32>
    %39 = tensor.empty() : tensor<1x16xf32>
    %40 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel"]} ins(%8 : tensor<16xf32>) outs(%39 : tensor<1x16xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x16xf32>
    %41 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%18 : tensor<2xi32>) {
    ^bb0(%out: i32):
      %82 = linalg.index 0 : index
      %83 = arith.cmpi ult, %82, %c1 : index
      %84 = scf.if %83 -> (i32) {
        %extracted_9 = tensor.extract %from_elements_2[%82] : tensor<1xi32>
        scf.yield %extracted_9 : i32
      } else {
        scf.yield %c16_i32 : i32
      }
      linalg.yield %84 : i32
    } -> tensor<2xi32>
    %extracted_5 = tensor.extract %41[%c0] : tensor<2xi32>
    %42 = arith.index_cast %extracted_5 : i32 to index
    %43 = tensor.empty(%42) : tensor<?x16xf32>
    %44 = linalg.generic {indexing_maps = [#map3, #map1], iterator_types = ["parallel", "parallel"]} ins(%40 : tensor<1x16xf32>) outs(%43 : tensor<?x16xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x16xf32>
    %45 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%38, %44 : tensor<?x16xf32>, tensor<?x16xf32>) outs(%36 : tensor<?x16xf32>) {
    ^bb0(%in: f32, %in_9: f32, %out: f32):
      %82 = arith.addf %in, %in_9 : f32
      linalg.yield %82 : f32
    } -> tensor<?x16xf32>
    %46 = call @relu(%from_elements, %45) : (tensor<i32>, tensor<?x16xf32>) -> tensor<?x16xf32>
    %47 = tensor.empty(%dim) : tensor<?x1xf32>
    %48 = linalg.fill ins(%cst : f32) outs(%47 : tensor<?x1xf32>) -> tensor<?x1xf32>
    %49 = linalg.matmul ins(%arg0, %5 : tensor<?x8xf32>, tensor<8x1xf32>) outs(%48 : tensor<?x1xf32>) -> tensor<?x1xf32>
    %50 = tensor.empty() : tensor<1x1xf32>
    %51 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel"]} ins(%4 : tensor<1xf32>) outs(%50 : tensor<1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x1xf32>
    %52 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%18 : tensor<2xi32>) {
    ^bb0(%out: i32):
      %82 = linalg.index 0 : index
      %83 = arith.cmpi ult, %82, %c1 : index
      %84 = scf.if %83 -> (i32) {
        %extracted_9 = tensor.extract %from_elements_2[%82] : tensor<1xi32>
        scf.yield %extracted_9 : i32
      } else {
        scf.yield %c1_i32 : i32
      }
      linalg.yield %84 : i32
    } -> tensor<2xi32>
    %extracted_6 = tensor.extract %52[%c0] : tensor<2xi32>
    %53 = arith.index_cast %extracted_6 : i32 to index
    %54 = tensor.empty(%53) : tensor<?x1xf32>
    %55 = linalg.generic {indexing_maps = [#map4, #map1], iterator_types = ["parallel", "parallel"]} ins(%51 : tensor<1x1xf32>) outs(%54 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x1xf32>
    %56 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%49, %55 : tensor<?x1xf32>, tensor<?x1xf32>) outs(%47 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %in_9: f32, %out: f32):
      %82 = arith.addf %in, %in_9 : f32
      linalg.yield %82 : f32
    } -> tensor<?x1xf32>
    %57 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%56 : tensor<?x1xf32>) outs(%47 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %82 = arith.negf %in : f32
      linalg.yield %82 : f32
    } -> tensor<?x1xf32>
    %58 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%57 : tensor<?x1xf32>) outs(%47 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %82 = math.exp %in : f32
      linalg.yield %82 : f32
    } -> tensor<?x1xf32>
    %59 = linalg.generic {indexing_maps = [#map5, #map1], iterator_types = ["parallel", "parallel"]} ins(%cst_0 : tensor<f32>) outs(%54 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x1xf32>
    %60 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%59, %58 : tensor<?x1xf32>, tensor<?x1xf32>) outs(%54 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %in_9: f32, %out: f32):
      %82 = arith.addf %in, %in_9 : f32
      linalg.yield %82 : f32
    } -> tensor<?x1xf32>
    %61 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%59, %60 : tensor<?x1xf32>, tensor<?x1xf32>) outs(%54 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %in_9: f32, %out: f32):
      %82 = arith.divf %in, %in_9 : f32
      linalg.yield %82 : f32
    } -> tensor<?x1xf32>
    %dim_7 = tensor.dim %46, %c0 : tensor<?x16xf32>
    %62 = tensor.empty(%dim_7) : tensor<?x6xf32>
    %63 = linalg.fill ins(%cst : f32) outs(%62 : tensor<?x6xf32>) -> tensor<?x6xf32>
    %64 = linalg.matmul ins(%46, %3 : tensor<?x16xf32>, tensor<16x6xf32>) outs(%63 : tensor<?x6xf32>) -> tensor<?x6xf32>
    %65 = tensor.empty() : tensor<1x6xf32>
    %66 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel"]} ins(%2 : tensor<6xf32>) outs(%65 : tensor<1x6xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x6xf32>
    %67 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%18 : tensor<2xi32>) {
    ^bb0(%out: i32):
      %82 = linalg.index 0 : index
      %83 = arith.cmpi ult, %82, %c1 : index
      %84 = scf.if %83 -> (i32) {
        %extracted_9 = tensor.extract %from_elements_2[%82] : tensor<1xi32>
        scf.yield %extracted_9 : i32
      } else {
        scf.yield %c6_i32 : i32
      }
      linalg.yield %84 : i32
    } -> tensor<2xi32>
    %extracted_8 = tensor.extract %67[%c0] : tensor<2xi32>
    %68 = arith.index_cast %extracted_8 : i32 to index
    %69 = tensor.empty(%68) : tensor<?x6xf32>
    %70 = linalg.generic {indexing_maps = [#map3, #map1], iterator_types = ["parallel", "parallel"]} ins(%66 : tensor<1x6xf32>) outs(%69 : tensor<?x6xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x6xf32>
    %71 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%64, %70 : tensor<?x6xf32>, tensor<?x6xf32>) outs(%62 : tensor<?x6xf32>) {
    ^bb0(%in: f32, %in_9: f32, %out: f32):
      %82 = arith.addf %in, %in_9 : f32
      linalg.yield %82 : f32
    } -> tensor<?x6xf32>
    %72 = tensor.empty(%dim_3) : tensor<?x6xf32>
    %73 = linalg.fill ins(%cst : f32) outs(%72 : tensor<?x6xf32>) -> tensor<?x6xf32>
    %74 = linalg.matmul ins(%35, %1 : tensor<?x24xf32>, tensor<24x6xf32>) outs(%73 : tensor<?x6xf32>) -> tensor<?x6xf32>
    %75 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel"]} ins(%0 : tensor<6xf32>) outs(%65 : tensor<1x6xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x6xf32>
    %76 = linalg.generic {indexing_maps = [#map3, #map1], iterator_types = ["parallel", "parallel"]} ins(%75 : tensor<1x6xf32>) outs(%69 : tensor<?x6xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x6xf32>
    %77 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%74, %76 : tensor<?x6xf32>, tensor<?x6xf32>) outs(%72 : tensor<?x6xf32>) {
    ^bb0(%in: f32, %in_9: f32, %out: f32):
      %82 = arith.addf %in, %in_9 : f32
      linalg.yield %82 : f32
    } -> tensor<?x6xf32>
    %78 = linalg.generic {indexing_maps = [#map5, #map1], iterator_types = ["parallel", "parallel"]} ins(%cst_1 : tensor<f32>) outs(%54 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x1xf32>
    %79 = tensor.empty(%53) : tensor<?x1xi1>
    %80 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%61, %78 : tensor<?x1xf32>, tensor<?x1xf32>) outs(%79 : tensor<?x1xi1>) {
    ^bb0(%in: f32, %in_9: f32, %out: i1):
      %82 = arith.cmpf ole, %in, %in_9 : f32
      linalg.yield %82 : i1
    } -> tensor<?x1xi1>
    %81 = call @_where(%from_elements, %80, %71, %77) : (tensor<i32>, tensor<?x1xi1>, tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
    return %81 : tensor<?x6xf32>
  }
  func.func private @silu(%arg0: tensor<i32>, %arg1: tensor<?x32xf32>) -> tensor<?x32xf32> {
    %c32_i32 = arith.constant 32 : i32
    %c1 = arith.constant 1 : index
    %c0 = arith.constant 0 : index
    %cst = arith.constant dense<1.000000e+00> : tensor<f32>
    %dim = tensor.dim %arg1, %c0 : tensor<?x32xf32>
    %0 = tensor.empty(%dim) : tensor<?x32xf32>
    %1 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<?x32xf32>) outs(%0 : tensor<?x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %11 = arith.negf %in : f32
      linalg.yield %11 : f32
    } -> tensor<?x32xf32>
    %2 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%1 : tensor<?x32xf32>) outs(%0 : tensor<?x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %11 = math.exp %in : f32
      linalg.yield %11 : f32
    } -> tensor<?x32xf32>
    %expanded = tensor.expand_shape %arg0 [] output_shape [1] : tensor<i32> into tensor<1xi32>
    %3 = tensor.empty() : tensor<2xi32>
    %4 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%3 : tensor<2xi32>) {
    ^bb0(%out: i32):
      %11 = linalg.index 0 : index
      %12 = arith.cmpi ult, %11, %c1 : index
      %13 = scf.if %12 -> (i32) {
        %extracted_0 = tensor.extract %expanded[%11] : tensor<1xi32>
        scf.yield %extracted_0 : i32
      } else {
        scf.yield %c32_i32 : i32
      }
      linalg.yield %13 : i32
    } -> tensor<2xi32>
    %extracted = tensor.extract %4[%c0] : tensor<2xi32>
    %5 = arith.index_cast %extracted : i32 to index
    %6 = tensor.empty(%5) : tensor<?x32xf32>
    %7 = linalg.generic {indexing_maps = [#map5, #map1], iterator_types = ["parallel", "parallel"]} ins(%cst : tensor<f32>) outs(%6 : tensor<?x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x32xf32>
    %8 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%7, %2 : tensor<?x32xf32>, tensor<?x32xf32>) outs(%6 : tensor<?x32xf32>) {
    ^bb0(%in: f32, %in_0: f32, %out: f32):
      %11 = arith.addf %in, %in_0 : f32
      linalg.yield %11 : f32
    } -> tensor<?x32xf32>
    %9 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%7, %8 : tensor<?x32xf32>, tensor<?x32xf32>) outs(%6 : tensor<?x32xf32>) {
    ^bb0(%in: f32, %in_0: f32, %out: f32):
      %11 = arith.divf %in, %in_0 : f32
      linalg.yield %11 : f32
    } -> tensor<?x32xf32>
    %10 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%arg1, %9 : tensor<?x32xf32>, tensor<?x32xf32>) outs(%0 : tensor<?x32xf32>) {
    ^bb0(%in: f32, %in_0: f32, %out: f32):
      %11 = arith.mulf %in, %in_0 : f32
      linalg.yield %11 : f32
    } -> tensor<?x32xf32>
    return %10 : tensor<?x32xf32>
  }
  func.func private @relu(%arg0: tensor<i32>, %arg1: tensor<?x16xf32>) -> tensor<?x16xf32> {
    %c16_i32 = arith.constant 16 : i32
    %c1 = arith.constant 1 : index
    %c0 = arith.constant 0 : index
    %cst = arith.constant dense<0.000000e+00> : tensor<f32>
    %expanded = tensor.expand_shape %arg0 [] output_shape [1] : tensor<i32> into tensor<1xi32>
    %0 = tensor.empty() : tensor<2xi32>
    %1 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%0 : tensor<2xi32>) {
    ^bb0(%out: i32):
      %7 = linalg.index 0 : index
      %8 = arith.cmpi ult, %7, %c1 : index
      %9 = scf.if %8 -> (i32) {
        %extracted_0 = tensor.extract %expanded[%7] : tensor<1xi32>
        scf.yield %extracted_0 : i32
      } else {
        scf.yield %c16_i32 : i32
      }
      linalg.yield %9 : i32
    } -> tensor<2xi32>
    %extracted = tensor.extract %1[%c0] : tensor<2xi32>
    %2 = arith.index_cast %extracted : i32 to index
    %3 = tensor.empty(%2) : tensor<?x16xf32>
    %4 = linalg.generic {indexing_maps = [#map5, #map1], iterator_types = ["parallel", "parallel"]} ins(%cst : tensor<f32>) outs(%3 : tensor<?x16xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x16xf32>
    %dim = tensor.dim %arg1, %c0 : tensor<?x16xf32>
    %5 = tensor.empty(%dim) : tensor<?x16xf32>
    %6 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%arg1, %4 : tensor<?x16xf32>, tensor<?x16xf32>) outs(%5 : tensor<?x16xf32>) {
    ^bb0(%in: f32, %in_0: f32, %out: f32):
      %7 = arith.maximumf %in, %in_0 : f32
      linalg.yield %7 : f32
    } -> tensor<?x16xf32>
    return %6 : tensor<?x16xf32>
  }
  func.func private @_where(%arg0: tensor<i32>, %arg1: tensor<?x1xi1>, %arg2: tensor<?x6xf32>, %arg3: tensor<?x6xf32>) -> tensor<?x6xf32> {
    %c6_i32 = arith.constant 6 : i32
    %c1 = arith.constant 1 : index
    %c0 = arith.constant 0 : index
    %expanded = tensor.expand_shape %arg0 [] output_shape [1] : tensor<i32> into tensor<1xi32>
    %0 = tensor.empty() : tensor<2xi32>
    %1 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%0 : tensor<2xi32>) {
    ^bb0(%out: i32):
      %7 = linalg.index 0 : index
      %8 = arith.cmpi ult, %7, %c1 : index
      %9 = scf.if %8 -> (i32) {
        %extracted_0 = tensor.extract %expanded[%7] : tensor<1xi32>
        scf.yield %extracted_0 : i32
      } else {
        scf.yield %c6_i32 : i32
      }
      linalg.yield %9 : i32
    } -> tensor<2xi32>
    %extracted = tensor.extract %1[%c0] : tensor<2xi32>
    %2 = arith.index_cast %extracted : i32 to index
    %3 = tensor.empty(%2) : tensor<?x6xi1>
    %4 = linalg.generic {indexing_maps = [#map6, #map1], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<?x1xi1>) outs(%3 : tensor<?x6xi1>) {
    ^bb0(%in: i1, %out: i1):
      linalg.yield %in : i1
    } -> tensor<?x6xi1>
    %dim = tensor.dim %arg2, %c0 : tensor<?x6xf32>
    %5 = tensor.empty(%dim) : tensor<?x6xf32>
    %6 = linalg.generic {indexing_maps = [#map1, #map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%4, %arg2, %arg3 : tensor<?x6xi1>, tensor<?x6xf32>, tensor<?x6xf32>) outs(%5 : tensor<?x6xf32>) {
    ^bb0(%in: i1, %in_0: f32, %in_1: f32, %out: f32):
      %7 = arith.select %in, %in_0, %in_1 : f32
      linalg.yield %7 : f32
    } -> tensor<?x6xf32>
    return %6 : tensor<?x6xf32>
  }
}
