#map = affine_map<(d0, d1) -> (d1)>
#map1 = affine_map<(d0, d1) -> (d0, d1)>
#map2 = affine_map<(d0) -> (d0)>
#map3 = affine_map<(d0, d1) -> (0, d1)>
#map4 = affine_map<(d0, d1) -> (0, 0)>
#map5 = affine_map<(d0, d1) -> ()>
#map6 = affine_map<(d0, d1) -> (d0, 0)>
module {
  ml_program.global private @"first_in/bias"(#ml_program.extern<tensor<16xf32>>) : tensor<16xf32>
  ml_program.global private @"first_in/kernel"(#ml_program.extern<tensor<8x16xf32>>) : tensor<8x16xf32>
  ml_program.global private @"first_out/bias"(#ml_program.extern<tensor<4xf32>>) : tensor<4xf32>
  ml_program.global private @"first_out/kernel"(#ml_program.extern<tensor<16x4xf32>>) : tensor<16x4xf32>
  ml_program.global private @"gate/bias"(#ml_program.extern<tensor<1xf32>>) : tensor<1xf32>
  ml_program.global private @"gate/kernel"(#ml_program.extern<tensor<8x1xf32>>) : tensor<8x1xf32>
  ml_program.global private @"second_in/bias"(#ml_program.extern<tensor<32xf32>>) : tensor<32xf32>
  ml_program.global private @"second_in/kernel"(#ml_program.extern<tensor<8x32xf32>>) : tensor<8x32xf32>
  ml_program.global private @"second_out/bias"(#ml_program.extern<tensor<4xf32>>) : tensor<4xf32>
  ml_program.global private @"second_out/kernel"(#ml_program.extern<tensor<32x4xf32>>) : tensor<32x4xf32>
  func.func public @main(%arg0: tensor<?x8xf32>) -> tensor<?x4xf32> {
    %0 = ml_program.global_load_const @"second_out/bias" : tensor<4xf32>
    %1 = ml_program.global_load_const @"second_out/kernel" : tensor<32x4xf32>
    %2 = ml_program.global_load_const @"first_out/bias" : tensor<4xf32>
    %3 = ml_program.global_load_const @"first_out/kernel" : tensor<16x4xf32>
    %4 = ml_program.global_load_const @"gate/bias" : tensor<1xf32>
    %5 = ml_program.global_load_const @"gate/kernel" : tensor<8x1xf32>
    %6 = ml_program.global_load_const @"second_in/bias" : tensor<32xf32>
    %7 = ml_program.global_load_const @"second_in/kernel" : tensor<8x32xf32>
    %8 = ml_program.global_load_const @"first_in/bias" : tensor<16xf32>
    %9 = ml_program.global_load_const @"first_in/kernel" : tensor<8x16xf32>
    %c4_i32 = arith.constant 4 : i32
    %c1_i32 = arith.constant 1 : i32
    %c16_i32 = arith.constant 16 : i32
    %c32_i32 = arith.constant 32 : i32
    %c1 = arith.constant 1 : index
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant dense<1.000000e+00> : tensor<f32>
    %cst_1 = arith.constant dense<5.000000e-01> : tensor<f32>
    %c0 = arith.constant 0 : index
    %dim = tensor.dim %arg0, %c0 : tensor<?x8xf32>
    %10 = arith.index_cast %dim : index to i32
    %from_elements = tensor.from_elements %10 : tensor<i32>
    %11 = tensor.empty(%dim) : tensor<?x32xf32>
    %12 = linalg.fill ins(%cst : f32) outs(%11 : tensor<?x32xf32>) -> tensor<?x32xf32>
    %13 = linalg.matmul ins(%arg0, %7 : tensor<?x8xf32>, tensor<8x32xf32>) outs(%12 : tensor<?x32xf32>) -> tensor<?x32xf32>
    %14 = tensor.empty() : tensor<1x32xf32>
    %15 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel"]} ins(%6 : tensor<32xf32>) outs(%14 : tensor<1x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x32xf32>
    %from_elements_2 = tensor.from_elements %10 : tensor<1xi32>
    %16 = tensor.empty() : tensor<2xi32>
    %17 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%16 : tensor<2xi32>) {
    ^bb0(%out: i32):
      %69 = linalg.index 0 : index
      %70 = arith.cmpi ult, %69, %c1 : index
      %71 = scf.if %70 -> (i32) {
        %extracted_7 = tensor.extract %from_elements_2[%69] : tensor<1xi32>
        scf.yield %extracted_7 : i32
      } else {
        scf.yield %c32_i32 : i32
      }
      linalg.yield %71 : i32
    } -> tensor<2xi32>
    %extracted = tensor.extract %17[%c0] : tensor<2xi32>
    %18 = arith.index_cast %extracted : i32 to index
    %19 = tensor.empty(%18) : tensor<?x32xf32>
    %20 = linalg.generic {indexing_maps = [#map3, #map1], iterator_types = ["parallel", "parallel"]} ins(%15 : tensor<1x32xf32>) outs(%19 : tensor<?x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x32xf32>
    %21 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%13, %20 : tensor<?x32xf32>, tensor<?x32xf32>) outs(%11 : tensor<?x32xf32>) {
    ^bb0(%in: f32, %in_7: f32, %out: f32):
      %69 = arith.addf %in, %in_7 : f32
      linalg.yield %69 : f32
    } -> tensor<?x32xf32>
    %22 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%21 : tensor<?x32xf32>) outs(%11 : tensor<?x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %69 = math.tanh %in : f32
      linalg.yield %69 : f32
    } -> tensor<?x32xf32>
    %23 = tensor.empty(%dim) : tensor<?x16xf32>
    %24 = linalg.fill ins(%cst : f32) outs(%23 : tensor<?x16xf32>) -> tensor<?x16xf32>
    %25 = linalg.matmul ins(%arg0, %9 : tensor<?x8xf32>, tensor<8x16xf32>) outs(%24 : tensor<?x16xf32>) -> tensor<?x16xf32>
    %26 = tensor.empty() : tensor<1x16xf32>
    %27 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel"]} ins(%8 : tensor<16xf32>) outs(%26 : tensor<1x16xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x16xf32>
    %28 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%16 : tensor<2xi32>) {
    ^bb0(%out: i32):
      %69 = linalg.index 0 : index
      %70 = arith.cmpi ult, %69, %c1 : index
      %71 = scf.if %70 -> (i32) {
        %extracted_7 = tensor.extract %from_elements_2[%69] : tensor<1xi32>
        scf.yield %extracted_7 : i32
      } else {
        scf.yield %c16_i32 : i32
      }
      linalg.yield %71 : i32
    } -> tensor<2xi32>
    %extracted_3 = tensor.extract %28[%c0] : tensor<2xi32>
    %29 = arith.index_cast %extracted_3 : i32 to index
    %30 = tensor.empty(%29) : tensor<?x16xf32>
    %31 = linalg.generic {indexing_maps = [#map3, #map1], iterator_types = ["parallel", "parallel"]} ins(%27 : tensor<1x16xf32>) outs(%30 : tensor<?x16xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x16xf32>
    %32 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%25, %31 : tensor<?x16xf32>, tensor<?x16xf32>) outs(%23 : tensor<?x16xf32>) {
    ^bb0(%in: f32, %in_7: f32, %out: f32):
      %69 = arith.addf %in, %in_7 : f32
      linalg.yield %69 : f32
    } -> tensor<?x16xf32>
    %33 = call @relu(%from_elements, %32) : (tensor<i32>, tensor<?x16xf32>) -> tensor<?x16xf32>
    %34 = tensor.empty(%dim) : tensor<?x1xf32>
    %35 = linalg.fill ins(%cst : f32) outs(%34 : tensor<?x1xf32>) -> tensor<?x1xf32>
    %36 = linalg.matmul ins(%arg0, %5 : tensor<?x8xf32>, tensor<8x1xf32>) outs(%35 : tensor<?x1xf32>) -> tensor<?x1xf32>
    %37 = tensor.empty() : tensor<1x1xf32>
    %38 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel"]} ins(%4 : tensor<1xf32>) outs(%37 : tensor<1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x1xf32>
    %39 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%16 : tensor<2xi32>) {
    ^bb0(%out: i32):
      %69 = linalg.index 0 : index
      %70 = arith.cmpi ult, %69, %c1 : index
      %71 = scf.if %70 -> (i32) {
        %extracted_7 = tensor.extract %from_elements_2[%69] : tensor<1xi32>
        scf.yield %extracted_7 : i32
      } else {
        scf.yield %c1_i32 : i32
      }
      linalg.yield %71 : i32
    } -> tensor<2xi32>
    %extracted_4 = tensor.extract %39[%c0] : tensor<2xi32>
    %40 = arith.index_cast %extracted_4 : i32 to index
    %41 = tensor.empty(%40) : tensor<?x1xf32>
    %42 = linalg.generic {indexing_maps = [#map4, #map1], iterator_types = ["parallel", "parallel"]} ins(%38 : tensor<1x1xf32>) outs(%41 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x1xf32>
    %43 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%36, %42 : tensor<?x1xf32>, tensor<?x1xf32>) outs(%34 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %in_7: f32, %out: f32):
      %69 = arith.addf %in, %in_7 : f32
      linalg.yield %69 : f32
    } -> tensor<?x1xf32>
    %44 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%43 : tensor<?x1xf32>) outs(%34 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %69 = arith.negf %in : f32
      linalg.yield %69 : f32
    } -> tensor<?x1xf32>
    %45 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%44 : tensor<?x1xf32>) outs(%34 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %69 = math.exp %in : f32
      linalg.yield %69 : f32
    } -> tensor<?x1xf32>
    %46 = linalg.generic {indexing_maps = [#map5, #map1], iterator_types = ["parallel", "parallel"]} ins(%cst_0 : tensor<f32>) outs(%41 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x1xf32>
    %47 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%46, %45 : tensor<?x1xf32>, tensor<?x1xf32>) outs(%41 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %in_7: f32, %out: f32):
      %69 = arith.addf %in, %in_7 : f32
      linalg.yield %69 : f32
    } -> tensor<?x1xf32>
    %48 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%46, %47 : tensor<?x1xf32>, tensor<?x1xf32>) outs(%41 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %in_7: f32, %out: f32):
      %69 = arith.divf %in, %in_7 : f32
      linalg.yield %69 : f32
    } -> tensor<?x1xf32>
    %dim_5 = tensor.dim %33, %c0 : tensor<?x16xf32>
    %49 = tensor.empty(%dim_5) : tensor<?x4xf32>
    %50 = linalg.fill ins(%cst : f32) outs(%49 : tensor<?x4xf32>) -> tensor<?x4xf32>
    %51 = linalg.matmul ins(%33, %3 : tensor<?x16xf32>, tensor<16x4xf32>) outs(%50 : tensor<?x4xf32>) -> tensor<?x4xf32>
    %52 = tensor.empty() : tensor<1x4xf32>
    %53 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel"]} ins(%2 : tensor<4xf32>) outs(%52 : tensor<1x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x4xf32>
    %54 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%16 : tensor<2xi32>) {
    ^bb0(%out: i32):
      %69 = linalg.index 0 : index
      %70 = arith.cmpi ult, %69, %c1 : index
      %71 = scf.if %70 -> (i32) {
        %extracted_7 = tensor.extract %from_elements_2[%69] : tensor<1xi32>
        scf.yield %extracted_7 : i32
      } else {
        scf.yield %c4_i32 : i32
      }
      linalg.yield %71 : i32
    } -> tensor<2xi32>
    %extracted_6 = tensor.extract %54[%c0] : tensor<2xi32>
    %55 = arith.index_cast %extracted_6 : i32 to index
    %56 = tensor.empty(%55) : tensor<?x4xf32>
    %57 = linalg.generic {indexing_maps = [#map3, #map1], iterator_types = ["parallel", "parallel"]} ins(%53 : tensor<1x4xf32>) outs(%56 : tensor<?x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x4xf32>
    %58 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%51, %57 : tensor<?x4xf32>, tensor<?x4xf32>) outs(%49 : tensor<?x4xf32>) {
    ^bb0(%in: f32, %in_7: f32, %out: f32):
      %69 = arith.addf %in, %in_7 : f32
      linalg.yield %69 : f32
    } -> tensor<?x4xf32>
    %59 = tensor.empty(%dim) : tensor<?x4xf32>
    %60 = linalg.fill ins(%cst : f32) outs(%59 : tensor<?x4xf32>) -> tensor<?x4xf32>
    %61 = linalg.matmul ins(%22, %1 : tensor<?x32xf32>, tensor<32x4xf32>) outs(%60 : tensor<?x4xf32>) -> tensor<?x4xf32>
    %62 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel"]} ins(%0 : tensor<4xf32>) outs(%52 : tensor<1x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x4xf32>
    %63 = linalg.generic {indexing_maps = [#map3, #map1], iterator_types = ["parallel", "parallel"]} ins(%62 : tensor<1x4xf32>) outs(%56 : tensor<?x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x4xf32>
    %64 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%61, %63 : tensor<?x4xf32>, tensor<?x4xf32>) outs(%59 : tensor<?x4xf32>) {
    ^bb0(%in: f32, %in_7: f32, %out: f32):
      %69 = arith.addf %in, %in_7 : f32
      linalg.yield %69 : f32
    } -> tensor<?x4xf32>
    %65 = linalg.generic {indexing_maps = [#map5, #map1], iterator_types = ["parallel", "parallel"]} ins(%cst_1 : tensor<f32>) outs(%41 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x1xf32>
    %66 = tensor.empty(%40) : tensor<?x1xi1>
    %67 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%48, %65 : tensor<?x1xf32>, tensor<?x1xf32>) outs(%66 : tensor<?x1xi1>) {
    ^bb0(%in: f32, %in_7: f32, %out: i1):
      %69 = arith.cmpf ole, %in, %in_7 : f32
      linalg.yield %69 : i1
    } -> tensor<?x1xi1>
    %68 = call @_where(%from_elements, %67, %58, %64) : (tensor<i32>, tensor<?x1xi1>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
    return %68 : tensor<?x4xf32>
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
  func.func private @_where(%arg0: tensor<i32>, %arg1: tensor<?x1xi1>, %arg2: tensor<?x4xf32>, %arg3: tensor<?x4xf32>) -> tensor<?x4xf32> {
    %c4_i32 = arith.constant 4 : i32
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
        scf.yield %c4_i32 : i32
      }
      linalg.yield %9 : i32
    } -> tensor<2xi32>
    %extracted = tensor.extract %1[%c0] : tensor<2xi32>
    %2 = arith.index_cast %extracted : i32 to index
    %3 = tensor.empty(%2) : tensor<?x4xi1>
    %4 = linalg.generic {indexing_maps = [#map6, #map1], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<?x1xi1>) outs(%3 : tensor<?x4xi1>) {
    ^bb0(%in: i1, %out: i1):
      linalg.yield %in : i1
    } -> tensor<?x4xi1>
    %dim = tensor.dim %arg2, %c0 : tensor<?x4xf32>
    %5 = tensor.empty(%dim) : tensor<?x4xf32>
    %6 = linalg.generic {indexing_maps = [#map1, #map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%4, %arg2, %arg3 : tensor<?x4xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%5 : tensor<?x4xf32>) {
    ^bb0(%in: i1, %in_0: f32, %in_1: f32, %out: f32):
      %7 = arith.select %in, %in_0, %in_1 : f32
      linalg.yield %7 : f32
    } -> tensor<?x4xf32>
    return %6 : tensor<?x4xf32>
  }
}
