#map = affine_map<(d0, d1) -> (d1)>
#map1 = affine_map<(d0, d1) -> (d0, d1)>
#map2 = affine_map<(d0) -> (d0)>
#map3 = affine_map<(d0, d1) -> (0, d1)>
#map4 = affine_map<(d0, d1) -> (0, 0)>
#map5 = affine_map<(d0, d1) -> ()>
#map6 = affine_map<(d0, d1) -> (d0, 0)>
module {
  ml_program.global private @"after/bias"(#ml_program.extern<tensor<3xf32>>) : tensor<3xf32>
  ml_program.global private @"after/kernel"(#ml_program.extern<tensor<4x3xf32>>) : tensor<4x3xf32>
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
  func.func public @main(%arg0: tensor<?x8xf32>) -> tensor<?x3xf32> {
    %0 = ml_program.global_load_const @"after/bias" : tensor<3xf32>
    %1 = ml_program.global_load_const @"after/kernel" : tensor<4x3xf32>
    %2 = ml_program.global_load_const @"second_out/bias" : tensor<4xf32>
    %3 = ml_program.global_load_const @"second_out/kernel" : tensor<32x4xf32>
    %4 = ml_program.global_load_const @"first_out/bias" : tensor<4xf32>
    %5 = ml_program.global_load_const @"first_out/kernel" : tensor<16x4xf32>
    %6 = ml_program.global_load_const @"gate/bias" : tensor<1xf32>
    %7 = ml_program.global_load_const @"gate/kernel" : tensor<8x1xf32>
    %8 = ml_program.global_load_const @"second_in/bias" : tensor<32xf32>
    %9 = ml_program.global_load_const @"second_in/kernel" : tensor<8x32xf32>
    %10 = ml_program.global_load_const @"first_in/bias" : tensor<16xf32>
    %11 = ml_program.global_load_const @"first_in/kernel" : tensor<8x16xf32>
    %c3_i32 = arith.constant 3 : i32
    %c4_i32 = arith.constant 4 : i32
    %c1_i32 = arith.constant 1 : i32
    %c16_i32 = arith.constant 16 : i32
    %c32_i32 = arith.constant 32 : i32
    %c1 = arith.constant 1 : index
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant dense<1.000000e+00> : tensor<f32>
    %cst_1 = arith.constant dense<5.000000e-01> : tensor<f32>
    %c0 = arith.constant 0 : index
    %dim = tensor.dim %arg0, %c0 : tensor<?x8xf32> loc("second_in")
    %12 = arith.index_cast %dim : index to i32
    %from_elements = tensor.from_elements %12 : tensor<i32>
    %13 = tensor.empty(%dim) : tensor<?x32xf32> loc("second_in")
    %14 = linalg.fill ins(%cst : f32) outs(%13 : tensor<?x32xf32>) -> tensor<?x32xf32> loc("second_in")
    %15 = linalg.matmul ins(%arg0, %9 : tensor<?x8xf32>, tensor<8x32xf32>) outs(%14 : tensor<?x32xf32>) -> tensor<?x32xf32> loc("second_in")
    %16 = tensor.empty() : tensor<1x32xf32> loc("second_in")
    %17 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel"]} ins(%8 : tensor<32xf32>) outs(%16 : tensor<1x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x32xf32> loc("second_in")
    %from_elements_2 = tensor.from_elements %12 : tensor<1xi32> loc("second_in")
    %18 = tensor.empty() : tensor<2xi32> loc("second_in")
    %19 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%18 : tensor<2xi32>) {
    ^bb0(%out: i32):
      %81 = linalg.index 0 : index
      %82 = arith.cmpi ult, %81, %c1 : index
      %83 = scf.if %82 -> (i32) {
        %extracted_9 = tensor.extract %from_elements_2[%81] : tensor<1xi32>
        scf.yield %extracted_9 : i32
      } else {
        scf.yield %c32_i32 : i32
      }
      linalg.yield %83 : i32
    } -> tensor<2xi32> loc("second_in")
    %extracted = tensor.extract %19[%c0] : tensor<2xi32> loc("second_in")
    %20 = arith.index_cast %extracted : i32 to index loc("second_in")
    %21 = tensor.empty(%20) : tensor<?x32xf32> loc("second_in")
    %22 = linalg.generic {indexing_maps = [#map3, #map1], iterator_types = ["parallel", "parallel"]} ins(%17 : tensor<1x32xf32>) outs(%21 : tensor<?x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x32xf32> loc("second_in")
    %23 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%15, %22 : tensor<?x32xf32>, tensor<?x32xf32>) outs(%13 : tensor<?x32xf32>) {
    ^bb0(%in: f32, %in_9: f32, %out: f32):
      %81 = arith.addf %in, %in_9 : f32
      linalg.yield %81 : f32
    } -> tensor<?x32xf32> loc("second_in")
    %24 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%23 : tensor<?x32xf32>) outs(%13 : tensor<?x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %81 = math.tanh %in : f32
      linalg.yield %81 : f32
    } -> tensor<?x32xf32> loc("second_in")
    %25 = tensor.empty(%dim) : tensor<?x16xf32> loc("first_in")
    %26 = linalg.fill ins(%cst : f32) outs(%25 : tensor<?x16xf32>) -> tensor<?x16xf32> loc("first_in")
    %27 = linalg.matmul ins(%arg0, %11 : tensor<?x8xf32>, tensor<8x16xf32>) outs(%26 : tensor<?x16xf32>) -> tensor<?x16xf32> loc("first_in")
    %28 = tensor.empty() : tensor<1x16xf32> loc("first_in")
    %29 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel"]} ins(%10 : tensor<16xf32>) outs(%28 : tensor<1x16xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x16xf32> loc("first_in")
    %30 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%18 : tensor<2xi32>) {
    ^bb0(%out: i32):
      %81 = linalg.index 0 : index
      %82 = arith.cmpi ult, %81, %c1 : index
      %83 = scf.if %82 -> (i32) {
        %extracted_9 = tensor.extract %from_elements_2[%81] : tensor<1xi32>
        scf.yield %extracted_9 : i32
      } else {
        scf.yield %c16_i32 : i32
      }
      linalg.yield %83 : i32
    } -> tensor<2xi32> loc("first_in")
    %extracted_3 = tensor.extract %30[%c0] : tensor<2xi32> loc("first_in")
    %31 = arith.index_cast %extracted_3 : i32 to index loc("first_in")
    %32 = tensor.empty(%31) : tensor<?x16xf32> loc("first_in")
    %33 = linalg.generic {indexing_maps = [#map3, #map1], iterator_types = ["parallel", "parallel"]} ins(%29 : tensor<1x16xf32>) outs(%32 : tensor<?x16xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x16xf32> loc("first_in")
    %34 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%27, %33 : tensor<?x16xf32>, tensor<?x16xf32>) outs(%25 : tensor<?x16xf32>) {
    ^bb0(%in: f32, %in_9: f32, %out: f32):
      %81 = arith.addf %in, %in_9 : f32
      linalg.yield %81 : f32
    } -> tensor<?x16xf32> loc("first_in")
    %35 = call @relu(%from_elements, %34) : (tensor<i32>, tensor<?x16xf32>) -> tensor<?x16xf32> loc("first_in")
    %36 = tensor.empty(%dim) : tensor<?x1xf32> loc("gate")
    %37 = linalg.fill ins(%cst : f32) outs(%36 : tensor<?x1xf32>) -> tensor<?x1xf32> loc("gate")
    %38 = linalg.matmul ins(%arg0, %7 : tensor<?x8xf32>, tensor<8x1xf32>) outs(%37 : tensor<?x1xf32>) -> tensor<?x1xf32> loc("gate")
    %39 = tensor.empty() : tensor<1x1xf32> loc("gate")
    %40 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel"]} ins(%6 : tensor<1xf32>) outs(%39 : tensor<1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x1xf32> loc("gate")
    %41 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%18 : tensor<2xi32>) {
    ^bb0(%out: i32):
      %81 = linalg.index 0 : index
      %82 = arith.cmpi ult, %81, %c1 : index
      %83 = scf.if %82 -> (i32) {
        %extracted_9 = tensor.extract %from_elements_2[%81] : tensor<1xi32>
        scf.yield %extracted_9 : i32
      } else {
        scf.yield %c1_i32 : i32
      }
      linalg.yield %83 : i32
    } -> tensor<2xi32> loc("gate")
    %extracted_4 = tensor.extract %41[%c0] : tensor<2xi32> loc("gate")
    %42 = arith.index_cast %extracted_4 : i32 to index loc("gate")
    %43 = tensor.empty(%42) : tensor<?x1xf32> loc("gate")
    %44 = linalg.generic {indexing_maps = [#map4, #map1], iterator_types = ["parallel", "parallel"]} ins(%40 : tensor<1x1xf32>) outs(%43 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x1xf32> loc("gate")
    %45 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%38, %44 : tensor<?x1xf32>, tensor<?x1xf32>) outs(%36 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %in_9: f32, %out: f32):
      %81 = arith.addf %in, %in_9 : f32
      linalg.yield %81 : f32
    } -> tensor<?x1xf32> loc("gate")
    %46 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%45 : tensor<?x1xf32>) outs(%36 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %81 = arith.negf %in : f32
      linalg.yield %81 : f32
    } -> tensor<?x1xf32> loc("gate")
    %47 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%46 : tensor<?x1xf32>) outs(%36 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %81 = math.exp %in : f32
      linalg.yield %81 : f32
    } -> tensor<?x1xf32> loc("gate")
    %48 = linalg.generic {indexing_maps = [#map5, #map1], iterator_types = ["parallel", "parallel"]} ins(%cst_0 : tensor<f32>) outs(%43 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x1xf32> loc("gate")
    %49 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%48, %47 : tensor<?x1xf32>, tensor<?x1xf32>) outs(%43 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %in_9: f32, %out: f32):
      %81 = arith.addf %in, %in_9 : f32
      linalg.yield %81 : f32
    } -> tensor<?x1xf32> loc("gate")
    %50 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%48, %49 : tensor<?x1xf32>, tensor<?x1xf32>) outs(%43 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %in_9: f32, %out: f32):
      %81 = arith.divf %in, %in_9 : f32
      linalg.yield %81 : f32
    } -> tensor<?x1xf32> loc("gate")
    %dim_5 = tensor.dim %35, %c0 : tensor<?x16xf32> loc("first_out")
    %51 = tensor.empty(%dim_5) : tensor<?x4xf32> loc("first_out")
    %52 = linalg.fill ins(%cst : f32) outs(%51 : tensor<?x4xf32>) -> tensor<?x4xf32> loc("first_out")
    %53 = linalg.matmul ins(%35, %5 : tensor<?x16xf32>, tensor<16x4xf32>) outs(%52 : tensor<?x4xf32>) -> tensor<?x4xf32> loc("first_out")
    %54 = tensor.empty() : tensor<1x4xf32> loc("first_out")
    %55 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel"]} ins(%4 : tensor<4xf32>) outs(%54 : tensor<1x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x4xf32> loc("first_out")
    %56 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%18 : tensor<2xi32>) {
    ^bb0(%out: i32):
      %81 = linalg.index 0 : index
      %82 = arith.cmpi ult, %81, %c1 : index
      %83 = scf.if %82 -> (i32) {
        %extracted_9 = tensor.extract %from_elements_2[%81] : tensor<1xi32>
        scf.yield %extracted_9 : i32
      } else {
        scf.yield %c4_i32 : i32
      }
      linalg.yield %83 : i32
    } -> tensor<2xi32> loc("first_out")
    %extracted_6 = tensor.extract %56[%c0] : tensor<2xi32> loc("first_out")
    %57 = arith.index_cast %extracted_6 : i32 to index loc("first_out")
    %58 = tensor.empty(%57) : tensor<?x4xf32> loc("first_out")
    %59 = linalg.generic {indexing_maps = [#map3, #map1], iterator_types = ["parallel", "parallel"]} ins(%55 : tensor<1x4xf32>) outs(%58 : tensor<?x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x4xf32> loc("first_out")
    %60 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%53, %59 : tensor<?x4xf32>, tensor<?x4xf32>) outs(%51 : tensor<?x4xf32>) {
    ^bb0(%in: f32, %in_9: f32, %out: f32):
      %81 = arith.addf %in, %in_9 : f32
      linalg.yield %81 : f32
    } -> tensor<?x4xf32> loc("first_out")
    %61 = tensor.empty(%dim) : tensor<?x4xf32> loc("second_out")
    %62 = linalg.fill ins(%cst : f32) outs(%61 : tensor<?x4xf32>) -> tensor<?x4xf32> loc("second_out")
    %63 = linalg.matmul ins(%24, %3 : tensor<?x32xf32>, tensor<32x4xf32>) outs(%62 : tensor<?x4xf32>) -> tensor<?x4xf32> loc("second_out")
    %64 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel"]} ins(%2 : tensor<4xf32>) outs(%54 : tensor<1x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x4xf32> loc("second_out")
    %65 = linalg.generic {indexing_maps = [#map3, #map1], iterator_types = ["parallel", "parallel"]} ins(%64 : tensor<1x4xf32>) outs(%58 : tensor<?x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x4xf32> loc("second_out")
    %66 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%63, %65 : tensor<?x4xf32>, tensor<?x4xf32>) outs(%61 : tensor<?x4xf32>) {
    ^bb0(%in: f32, %in_9: f32, %out: f32):
      %81 = arith.addf %in, %in_9 : f32
      linalg.yield %81 : f32
    } -> tensor<?x4xf32> loc("second_out")
    %67 = linalg.generic {indexing_maps = [#map5, #map1], iterator_types = ["parallel", "parallel"]} ins(%cst_1 : tensor<f32>) outs(%43 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x1xf32> loc("keep")
    %68 = tensor.empty(%42) : tensor<?x1xi1> loc("keep")
    %69 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%50, %67 : tensor<?x1xf32>, tensor<?x1xf32>) outs(%68 : tensor<?x1xi1>) {
    ^bb0(%in: f32, %in_9: f32, %out: i1):
      %81 = arith.cmpf ole, %in, %in_9 : f32
      linalg.yield %81 : i1
    } -> tensor<?x1xi1> loc("keep")
    %70 = call @_where(%from_elements, %69, %60, %66) : (tensor<i32>, tensor<?x1xi1>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32> loc("keep")
    %dim_7 = tensor.dim %70, %c0 : tensor<?x4xf32> loc("after")
    %71 = tensor.empty(%dim_7) : tensor<?x3xf32> loc("after")
    %72 = linalg.fill ins(%cst : f32) outs(%71 : tensor<?x3xf32>) -> tensor<?x3xf32> loc("after")
    %73 = linalg.matmul ins(%70, %1 : tensor<?x4xf32>, tensor<4x3xf32>) outs(%72 : tensor<?x3xf32>) -> tensor<?x3xf32> loc("after")
    %74 = tensor.empty() : tensor<1x3xf32> loc("after")
    %75 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel"]} ins(%0 : tensor<3xf32>) outs(%74 : tensor<1x3xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x3xf32> loc("after")
    %76 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%18 : tensor<2xi32>) {
    ^bb0(%out: i32):
      %81 = linalg.index 0 : index
      %82 = arith.cmpi ult, %81, %c1 : index
      %83 = scf.if %82 -> (i32) {
        %extracted_9 = tensor.extract %from_elements_2[%81] : tensor<1xi32>
        scf.yield %extracted_9 : i32
      } else {
        scf.yield %c3_i32 : i32
      }
      linalg.yield %83 : i32
    } -> tensor<2xi32> loc("after")
    %extracted_8 = tensor.extract %76[%c0] : tensor<2xi32> loc("after")
    %77 = arith.index_cast %extracted_8 : i32 to index loc("after")
    %78 = tensor.empty(%77) : tensor<?x3xf32> loc("after")
    %79 = linalg.generic {indexing_maps = [#map3, #map1], iterator_types = ["parallel", "parallel"]} ins(%75 : tensor<1x3xf32>) outs(%78 : tensor<?x3xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x3xf32> loc("after")
    %80 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%73, %79 : tensor<?x3xf32>, tensor<?x3xf32>) outs(%71 : tensor<?x3xf32>) {
    ^bb0(%in: f32, %in_9: f32, %out: f32):
      %81 = arith.addf %in, %in_9 : f32
      linalg.yield %81 : f32
    } -> tensor<?x3xf32> loc("after")
    return %80 : tensor<?x3xf32>
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
