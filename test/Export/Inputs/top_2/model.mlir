#map = affine_map<(d0, d1) -> (d0, d1)>
#map1 = affine_map<(d0, d1) -> (d0)>
#map2 = affine_map<(d0) -> ()>
#map3 = affine_map<(d0) -> (d0)>
#map4 = affine_map<(d0, d1) -> (d0, 0)>
#map5 = affine_map<(d0, d1) -> ()>
#map6 = affine_map<(d0, d1, d2) -> (d0, d1)>
#map7 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map8 = affine_map<(d0, d1, d2, d3) -> (d0, d3, d1)>
#map9 = affine_map<(d0, d1, d2, d3) -> (d2, d3)>
#map10 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map11 = affine_map<(d0, d1, d2) -> (d0, d2, d1)>
#map12 = affine_map<(d0, d1, d2) -> (d0, d2)>
#map13 = affine_map<(d0, d1, d2) -> (d2, d0, d1)>
#map14 = affine_map<(d0, d1, d2) -> ()>
module {
  ml_program.global private @"experts/in"(#ml_program.extern<tensor<6x8x10xf32>>) : tensor<6x8x10xf32>
  ml_program.global private @"experts/out"(#ml_program.extern<tensor<6x10x8xf32>>) : tensor<6x10x8xf32>
  ml_program.global private @gate(#ml_program.extern<tensor<8x6xf32>>) : tensor<8x6xf32>
  func.func public @main(%arg0: tensor<?x8xf32>) -> tensor<?x8xf32> {
    %0 = ml_program.global_load_const @gate : tensor<8x6xf32>
    %1 = ml_program.global_load_const @"experts/out" : tensor<6x10x8xf32>
    %2 = ml_program.global_load_const @"experts/in" : tensor<6x8x10xf32>
    %c2_i32 = arith.constant 2 : i32
    %c6_i32 = arith.constant 6 : i32
    %c1_i32 = arith.constant 1 : i32
    %c6 = arith.constant 6 : index
    %c2 = arith.constant 2 : index
    %c1 = arith.constant 1 : index
    %cst = arith.constant 0xFF800000 : f32
    %cst_0 = arith.constant 0.000000e+00 : f32
    %cst_1 = arith.constant dense<0xFF800000> : tensor<f32>
    %cst_2 = arith.constant dense<1> : tensor<i32>
    %cst_3 = arith.constant dense<6> : tensor<i32>
    %cst_4 = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_5 = arith.constant dense<0> : tensor<i32>
    %c0 = arith.constant 0 : index
    %dim = tensor.dim %arg0, %c0 : tensor<?x8xf32>
    %3 = arith.index_cast %dim : index to i32
    %from_elements = tensor.from_elements %3 : tensor<i32>
    %4 = tensor.empty(%dim) : tensor<?x6xf32>
    %5 = linalg.fill ins(%cst_0 : f32) outs(%4 : tensor<?x6xf32>) -> tensor<?x6xf32>
    %6 = linalg.matmul ins(%arg0, %0 : tensor<?x8xf32>, tensor<8x6xf32>) outs(%5 : tensor<?x6xf32>) -> tensor<?x6xf32>
    %7 = tensor.empty(%dim) : tensor<?xf32>
    %8 = linalg.fill ins(%cst : f32) outs(%7 : tensor<?xf32>) -> tensor<?xf32>
    %9 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "reduction"]} ins(%6 : tensor<?x6xf32>) outs(%8 : tensor<?xf32>) {
    ^bb0(%in: f32, %out: f32):
      %78 = arith.maximumf %out, %in : f32
      linalg.yield %78 : f32
    } -> tensor<?xf32>
    %from_elements_6 = tensor.from_elements %3 : tensor<1xi32>
    %10 = arith.index_cast %3 : i32 to index
    %11 = tensor.empty(%10) : tensor<?xf32>
    %12 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel"]} ins(%cst_1 : tensor<f32>) outs(%11 : tensor<?xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?xf32>
    %13 = linalg.generic {indexing_maps = [#map3, #map3, #map3], iterator_types = ["parallel"]} ins(%12, %9 : tensor<?xf32>, tensor<?xf32>) outs(%11 : tensor<?xf32>) {
    ^bb0(%in: f32, %in_14: f32, %out: f32):
      %78 = arith.maximumf %in, %in_14 : f32
      linalg.yield %78 : f32
    } -> tensor<?xf32>
    %14 = tensor.empty() : tensor<2xi32>
    %15 = linalg.generic {indexing_maps = [#map3], iterator_types = ["parallel"]} outs(%14 : tensor<2xi32>) {
    ^bb0(%out: i32):
      %78 = linalg.index 0 : index
      %79 = arith.cmpi ult, %78, %c1 : index
      %80 = scf.if %79 -> (i32) {
        %extracted_14 = tensor.extract %from_elements_6[%78] : tensor<1xi32>
        scf.yield %extracted_14 : i32
      } else {
        scf.yield %c1_i32 : i32
      }
      linalg.yield %80 : i32
    } -> tensor<2xi32>
    %extracted = tensor.extract %15[%c0] : tensor<2xi32>
    %16 = arith.index_cast %extracted : i32 to index
    %17 = tensor.empty(%16) : tensor<?x1xf32>
    %18 = linalg.generic {indexing_maps = [#map1, #map], iterator_types = ["parallel", "parallel"]} ins(%13 : tensor<?xf32>) outs(%17 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x1xf32>
    %19 = linalg.generic {indexing_maps = [#map3], iterator_types = ["parallel"]} outs(%14 : tensor<2xi32>) {
    ^bb0(%out: i32):
      %78 = linalg.index 0 : index
      %79 = arith.cmpi ult, %78, %c1 : index
      %80 = scf.if %79 -> (i32) {
        %extracted_14 = tensor.extract %from_elements_6[%78] : tensor<1xi32>
        scf.yield %extracted_14 : i32
      } else {
        scf.yield %c6_i32 : i32
      }
      linalg.yield %80 : i32
    } -> tensor<2xi32>
    %extracted_7 = tensor.extract %19[%c0] : tensor<2xi32>
    %20 = arith.index_cast %extracted_7 : i32 to index
    %21 = tensor.empty(%20) : tensor<?x6xf32>
    %22 = linalg.generic {indexing_maps = [#map4, #map], iterator_types = ["parallel", "parallel"]} ins(%18 : tensor<?x1xf32>) outs(%21 : tensor<?x6xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x6xf32>
    %23 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%6, %22 : tensor<?x6xf32>, tensor<?x6xf32>) outs(%4 : tensor<?x6xf32>) {
    ^bb0(%in: f32, %in_14: f32, %out: f32):
      %78 = arith.subf %in, %in_14 : f32
      linalg.yield %78 : f32
    } -> tensor<?x6xf32>
    %24 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%23 : tensor<?x6xf32>) outs(%4 : tensor<?x6xf32>) {
    ^bb0(%in: f32, %out: f32):
      %78 = math.exp %in : f32
      linalg.yield %78 : f32
    } -> tensor<?x6xf32>
    %25 = linalg.fill ins(%cst_0 : f32) outs(%7 : tensor<?xf32>) -> tensor<?xf32>
    %26 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "reduction"]} ins(%24 : tensor<?x6xf32>) outs(%25 : tensor<?xf32>) {
    ^bb0(%in: f32, %out: f32):
      %78 = arith.addf %out, %in : f32
      linalg.yield %78 : f32
    } -> tensor<?xf32>
    %27 = linalg.generic {indexing_maps = [#map1, #map], iterator_types = ["parallel", "parallel"]} ins(%26 : tensor<?xf32>) outs(%17 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x1xf32>
    %28 = linalg.generic {indexing_maps = [#map4, #map], iterator_types = ["parallel", "parallel"]} ins(%27 : tensor<?x1xf32>) outs(%21 : tensor<?x6xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x6xf32>
    %29 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%24, %28 : tensor<?x6xf32>, tensor<?x6xf32>) outs(%4 : tensor<?x6xf32>) {
    ^bb0(%in: f32, %in_14: f32, %out: f32):
      %78 = arith.divf %in, %in_14 : f32
      linalg.yield %78 : f32
    } -> tensor<?x6xf32>
    %30:2 = call @chlo.top_k.impl(%29) : (tensor<?x6xf32>) -> (tensor<?x2xf32>, tensor<?x2xi32>)
    %31 = linalg.generic {indexing_maps = [#map5, #map], iterator_types = ["parallel", "parallel"]} ins(%cst_4 : tensor<f32>) outs(%21 : tensor<?x6xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x6xf32>
    %32 = tensor.empty(%10) : tensor<?xi32>
    %33 = linalg.generic {indexing_maps = [#map3], iterator_types = ["parallel"]} outs(%32 : tensor<?xi32>) {
    ^bb0(%out: i32):
      %78 = linalg.index 0 : index
      %79 = arith.index_cast %78 : index to i32
      linalg.yield %79 : i32
    } -> tensor<?xi32>
    %34 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel"]} ins(%cst_2 : tensor<i32>) outs(%32 : tensor<?xi32>) {
    ^bb0(%in: i32, %out: i32):
      linalg.yield %in : i32
    } -> tensor<?xi32>
    %35 = linalg.generic {indexing_maps = [#map3, #map3, #map3], iterator_types = ["parallel"]} ins(%34, %33 : tensor<?xi32>, tensor<?xi32>) outs(%32 : tensor<?xi32>) {
    ^bb0(%in: i32, %in_14: i32, %out: i32):
      %78 = arith.muli %in, %in_14 : i32
      linalg.yield %78 : i32
    } -> tensor<?xi32>
    %36 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel"]} ins(%cst_5 : tensor<i32>) outs(%32 : tensor<?xi32>) {
    ^bb0(%in: i32, %out: i32):
      linalg.yield %in : i32
    } -> tensor<?xi32>
    %37 = linalg.generic {indexing_maps = [#map3, #map3, #map3], iterator_types = ["parallel"]} ins(%36, %35 : tensor<?xi32>, tensor<?xi32>) outs(%32 : tensor<?xi32>) {
    ^bb0(%in: i32, %in_14: i32, %out: i32):
      %78 = arith.addi %in, %in_14 : i32
      linalg.yield %78 : i32
    } -> tensor<?xi32>
    %38 = tensor.empty(%16) : tensor<?x1xi32>
    %39 = linalg.generic {indexing_maps = [#map1, #map], iterator_types = ["parallel", "parallel"]} ins(%37 : tensor<?xi32>) outs(%38 : tensor<?x1xi32>) {
    ^bb0(%in: i32, %out: i32):
      linalg.yield %in : i32
    } -> tensor<?x1xi32>
    %40 = linalg.generic {indexing_maps = [#map5, #map], iterator_types = ["parallel", "parallel"]} ins(%cst_5 : tensor<i32>) outs(%38 : tensor<?x1xi32>) {
    ^bb0(%in: i32, %out: i32):
      linalg.yield %in : i32
    } -> tensor<?x1xi32>
    %41 = tensor.empty(%16) : tensor<?x1xi1>
    %42 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%39, %40 : tensor<?x1xi32>, tensor<?x1xi32>) outs(%41 : tensor<?x1xi1>) {
    ^bb0(%in: i32, %in_14: i32, %out: i1):
      %78 = arith.cmpi slt, %in, %in_14 : i32
      linalg.yield %78 : i1
    } -> tensor<?x1xi1>
    %43 = linalg.generic {indexing_maps = [#map5, #map], iterator_types = ["parallel", "parallel"]} ins(%from_elements : tensor<i32>) outs(%38 : tensor<?x1xi32>) {
    ^bb0(%in: i32, %out: i32):
      linalg.yield %in : i32
    } -> tensor<?x1xi32>
    %44 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%39, %43 : tensor<?x1xi32>, tensor<?x1xi32>) outs(%38 : tensor<?x1xi32>) {
    ^bb0(%in: i32, %in_14: i32, %out: i32):
      %78 = arith.addi %in, %in_14 : i32
      linalg.yield %78 : i32
    } -> tensor<?x1xi32>
    %45 = linalg.generic {indexing_maps = [#map, #map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%42, %44, %39 : tensor<?x1xi1>, tensor<?x1xi32>, tensor<?x1xi32>) outs(%38 : tensor<?x1xi32>) {
    ^bb0(%in: i1, %in_14: i32, %in_15: i32, %out: i32):
      %78 = arith.select %in, %in_14, %in_15 : i32
      linalg.yield %78 : i32
    } -> tensor<?x1xi32>
    %46 = linalg.generic {indexing_maps = [#map3], iterator_types = ["parallel"]} outs(%14 : tensor<2xi32>) {
    ^bb0(%out: i32):
      %78 = linalg.index 0 : index
      %79 = arith.cmpi ult, %78, %c1 : index
      %80 = scf.if %79 -> (i32) {
        %extracted_14 = tensor.extract %from_elements_6[%78] : tensor<1xi32>
        scf.yield %extracted_14 : i32
      } else {
        scf.yield %c2_i32 : i32
      }
      linalg.yield %80 : i32
    } -> tensor<2xi32>
    %extracted_8 = tensor.extract %46[%c0] : tensor<2xi32>
    %47 = arith.index_cast %extracted_8 : i32 to index
    %48 = tensor.empty(%47) : tensor<?x2xi32>
    %49 = linalg.generic {indexing_maps = [#map5, #map], iterator_types = ["parallel", "parallel"]} ins(%cst_5 : tensor<i32>) outs(%48 : tensor<?x2xi32>) {
    ^bb0(%in: i32, %out: i32):
      linalg.yield %in : i32
    } -> tensor<?x2xi32>
    %dim_9 = tensor.dim %30#1, %c0 : tensor<?x2xi32>
    %50 = tensor.empty(%dim_9) : tensor<?x2xi1>
    %51 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%30#1, %49 : tensor<?x2xi32>, tensor<?x2xi32>) outs(%50 : tensor<?x2xi1>) {
    ^bb0(%in: i32, %in_14: i32, %out: i1):
      %78 = arith.cmpi slt, %in, %in_14 : i32
      linalg.yield %78 : i1
    } -> tensor<?x2xi1>
    %52 = linalg.generic {indexing_maps = [#map5, #map], iterator_types = ["parallel", "parallel"]} ins(%cst_3 : tensor<i32>) outs(%48 : tensor<?x2xi32>) {
    ^bb0(%in: i32, %out: i32):
      linalg.yield %in : i32
    } -> tensor<?x2xi32>
    %53 = tensor.empty(%dim_9) : tensor<?x2xi32>
    %54 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%30#1, %52 : tensor<?x2xi32>, tensor<?x2xi32>) outs(%53 : tensor<?x2xi32>) {
    ^bb0(%in: i32, %in_14: i32, %out: i32):
      %78 = arith.addi %in, %in_14 : i32
      linalg.yield %78 : i32
    } -> tensor<?x2xi32>
    %55 = linalg.generic {indexing_maps = [#map, #map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%51, %54, %30#1 : tensor<?x2xi1>, tensor<?x2xi32>, tensor<?x2xi32>) outs(%53 : tensor<?x2xi32>) {
    ^bb0(%in: i1, %in_14: i32, %in_15: i32, %out: i32):
      %78 = arith.select %in, %in_14, %in_15 : i32
      linalg.yield %78 : i32
    } -> tensor<?x2xi32>
    %56 = linalg.generic {indexing_maps = [#map4, #map], iterator_types = ["parallel", "parallel"]} ins(%45 : tensor<?x1xi32>) outs(%48 : tensor<?x2xi32>) {
    ^bb0(%in: i32, %out: i32):
      linalg.yield %in : i32
    } -> tensor<?x2xi32>
    %57 = tensor.empty() : tensor<3xi32>
    %58 = linalg.generic {indexing_maps = [#map3], iterator_types = ["parallel"]} outs(%57 : tensor<3xi32>) {
    ^bb0(%out: i32):
      %78 = linalg.index 0 : index
      %79 = arith.cmpi ult, %78, %c1 : index
      %80 = scf.if %79 -> (i32) {
        %extracted_14 = tensor.extract %from_elements_6[%78] : tensor<1xi32>
        scf.yield %extracted_14 : i32
      } else {
        %81 = arith.cmpi ult, %78, %c2 : index
        %82 = arith.select %81, %c2_i32, %c1_i32 : i32
        scf.yield %82 : i32
      }
      linalg.yield %80 : i32
    } -> tensor<3xi32>
    %extracted_10 = tensor.extract %58[%c0] : tensor<3xi32>
    %59 = arith.index_cast %extracted_10 : i32 to index
    %60 = tensor.empty(%59) : tensor<?x2x1xi32>
    %61 = linalg.generic {indexing_maps = [#map6, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%56 : tensor<?x2xi32>) outs(%60 : tensor<?x2x1xi32>) {
    ^bb0(%in: i32, %out: i32):
      linalg.yield %in : i32
    } -> tensor<?x2x1xi32>
    %62 = linalg.generic {indexing_maps = [#map6, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%55 : tensor<?x2xi32>) outs(%60 : tensor<?x2x1xi32>) {
    ^bb0(%in: i32, %out: i32):
      linalg.yield %in : i32
    } -> tensor<?x2x1xi32>
    %63 = tensor.empty(%59) : tensor<?x2x2xi32>
    %64 = linalg.generic {indexing_maps = [#map7], iterator_types = ["parallel", "parallel", "parallel"]} outs(%63 : tensor<?x2x2xi32>) {
    ^bb0(%out: i32):
      %78 = linalg.index 0 : index
      %79 = linalg.index 1 : index
      %80 = linalg.index 2 : index
      %81 = arith.cmpi ult, %80, %c1 : index
      %82 = scf.if %81 -> (i32) {
        %extracted_14 = tensor.extract %61[%78, %79, %80] : tensor<?x2x1xi32>
        scf.yield %extracted_14 : i32
      } else {
        %83 = arith.subi %80, %c1 : index
        %extracted_14 = tensor.extract %62[%78, %79, %83] : tensor<?x2x1xi32>
        scf.yield %extracted_14 : i32
      }
      linalg.yield %82 : i32
    } -> tensor<?x2x2xi32>
    %dim_11 = tensor.dim %30#0, %c0 : tensor<?x2xf32>
    %65 = scf.for %arg1 = %c0 to %dim_11 step %c1 iter_args(%arg2 = %31) -> (tensor<?x6xf32>) {
      %78 = scf.for %arg3 = %c0 to %c2 step %c1 iter_args(%arg4 = %arg2) -> (tensor<?x6xf32>) {
        %extracted_14 = tensor.extract %64[%arg1, %arg3, %c0] : tensor<?x2x2xi32>
        %79 = arith.index_cast %extracted_14 : i32 to index
        %extracted_15 = tensor.extract %64[%arg1, %arg3, %c1] : tensor<?x2x2xi32>
        %80 = arith.index_cast %extracted_15 : i32 to index
        %dim_16 = tensor.dim %arg4, %c0 : tensor<?x6xf32>
        %81 = arith.cmpi ult, %79, %dim_16 : index
        %82 = arith.cmpi ult, %80, %c6 : index
        %83 = arith.andi %81, %82 : i1
        %84 = scf.if %83 -> (tensor<?x6xf32>) {
          %extracted_17 = tensor.extract %30#0[%arg1, %arg3] : tensor<?x2xf32>
          %inserted = tensor.insert %extracted_17 into %arg4[%79, %80] : tensor<?x6xf32>
          scf.yield %inserted : tensor<?x6xf32>
        } else {
          scf.yield %arg4 : tensor<?x6xf32>
        }
        scf.yield %84 : tensor<?x6xf32>
      }
      scf.yield %78 : tensor<?x6xf32>
    }
    %66 = tensor.empty(%dim) : tensor<6x10x?xf32>
    %67 = linalg.fill ins(%cst_0 : f32) outs(%66 : tensor<6x10x?xf32>) -> tensor<6x10x?xf32>
    %68 = linalg.generic {indexing_maps = [#map8, #map9, #map10], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%2, %arg0 : tensor<6x8x10xf32>, tensor<?x8xf32>) outs(%67 : tensor<6x10x?xf32>) {
    ^bb0(%in: f32, %in_14: f32, %out: f32):
      %78 = arith.mulf %in, %in_14 : f32
      %79 = arith.addf %out, %78 : f32
      linalg.yield %79 : f32
    } -> tensor<6x10x?xf32>
    %69 = tensor.empty(%dim) : tensor<6x?x10xf32>
    %70 = linalg.generic {indexing_maps = [#map11, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%68 : tensor<6x10x?xf32>) outs(%69 : tensor<6x?x10xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<6x?x10xf32>
    %71 = call @silu(%from_elements, %70) : (tensor<i32>, tensor<6x?x10xf32>) -> tensor<6x?x10xf32>
    %dim_12 = tensor.dim %71, %c1 : tensor<6x?x10xf32>
    %72 = tensor.empty(%dim_12) : tensor<6x?x8xf32>
    %73 = linalg.fill ins(%cst_0 : f32) outs(%72 : tensor<6x?x8xf32>) -> tensor<6x?x8xf32>
    %74 = linalg.batch_matmul ins(%71, %1 : tensor<6x?x10xf32>, tensor<6x10x8xf32>) outs(%73 : tensor<6x?x8xf32>) -> tensor<6x?x8xf32>
    %dim_13 = tensor.dim %65, %c0 : tensor<?x6xf32>
    %75 = tensor.empty(%dim_13) : tensor<?x8xf32>
    %76 = linalg.fill ins(%cst_0 : f32) outs(%75 : tensor<?x8xf32>) -> tensor<?x8xf32>
    %77 = linalg.generic {indexing_maps = [#map12, #map13, #map6], iterator_types = ["parallel", "parallel", "reduction"]} ins(%65, %74 : tensor<?x6xf32>, tensor<6x?x8xf32>) outs(%76 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %in_14: f32, %out: f32):
      %78 = arith.mulf %in, %in_14 : f32
      %79 = arith.addf %out, %78 : f32
      linalg.yield %79 : f32
    } -> tensor<?x8xf32>
    return %77 : tensor<?x8xf32>
  }
  func.func private @silu(%arg0: tensor<i32>, %arg1: tensor<6x?x10xf32>) -> tensor<6x?x10xf32> {
    %c10_i32 = arith.constant 10 : i32
    %c2 = arith.constant 2 : index
    %c6_i32 = arith.constant 6 : i32
    %c1 = arith.constant 1 : index
    %cst = arith.constant dense<1.000000e+00> : tensor<f32>
    %dim = tensor.dim %arg1, %c1 : tensor<6x?x10xf32>
    %0 = tensor.empty(%dim) : tensor<6x?x10xf32>
    %1 = linalg.generic {indexing_maps = [#map7, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg1 : tensor<6x?x10xf32>) outs(%0 : tensor<6x?x10xf32>) {
    ^bb0(%in: f32, %out: f32):
      %11 = arith.negf %in : f32
      linalg.yield %11 : f32
    } -> tensor<6x?x10xf32>
    %2 = linalg.generic {indexing_maps = [#map7, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%1 : tensor<6x?x10xf32>) outs(%0 : tensor<6x?x10xf32>) {
    ^bb0(%in: f32, %out: f32):
      %11 = math.exp %in : f32
      linalg.yield %11 : f32
    } -> tensor<6x?x10xf32>
    %expanded = tensor.expand_shape %arg0 [] output_shape [1] : tensor<i32> into tensor<1xi32>
    %3 = tensor.empty() : tensor<3xi32>
    %4 = linalg.generic {indexing_maps = [#map3], iterator_types = ["parallel"]} outs(%3 : tensor<3xi32>) {
    ^bb0(%out: i32):
      %11 = linalg.index 0 : index
      %12 = arith.cmpi ult, %11, %c1 : index
      %13 = scf.if %12 -> (i32) {
        scf.yield %c6_i32 : i32
      } else {
        %14 = arith.cmpi ult, %11, %c2 : index
        %15 = scf.if %14 -> (i32) {
          %16 = arith.subi %11, %c1 : index
          %extracted_0 = tensor.extract %expanded[%16] : tensor<1xi32>
          scf.yield %extracted_0 : i32
        } else {
          scf.yield %c10_i32 : i32
        }
        scf.yield %15 : i32
      }
      linalg.yield %13 : i32
    } -> tensor<3xi32>
    %extracted = tensor.extract %4[%c1] : tensor<3xi32>
    %5 = arith.index_cast %extracted : i32 to index
    %6 = tensor.empty(%5) : tensor<6x?x10xf32>
    %7 = linalg.generic {indexing_maps = [#map14, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%cst : tensor<f32>) outs(%6 : tensor<6x?x10xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<6x?x10xf32>
    %8 = linalg.generic {indexing_maps = [#map7, #map7, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%7, %2 : tensor<6x?x10xf32>, tensor<6x?x10xf32>) outs(%6 : tensor<6x?x10xf32>) {
    ^bb0(%in: f32, %in_0: f32, %out: f32):
      %11 = arith.addf %in, %in_0 : f32
      linalg.yield %11 : f32
    } -> tensor<6x?x10xf32>
    %9 = linalg.generic {indexing_maps = [#map7, #map7, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%7, %8 : tensor<6x?x10xf32>, tensor<6x?x10xf32>) outs(%6 : tensor<6x?x10xf32>) {
    ^bb0(%in: f32, %in_0: f32, %out: f32):
      %11 = arith.divf %in, %in_0 : f32
      linalg.yield %11 : f32
    } -> tensor<6x?x10xf32>
    %10 = linalg.generic {indexing_maps = [#map7, #map7, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg1, %9 : tensor<6x?x10xf32>, tensor<6x?x10xf32>) outs(%0 : tensor<6x?x10xf32>) {
    ^bb0(%in: f32, %in_0: f32, %out: f32):
      %11 = arith.mulf %in, %in_0 : f32
      linalg.yield %11 : f32
    } -> tensor<6x?x10xf32>
    return %10 : tensor<6x?x10xf32>
  }
  func.func private @chlo.top_k.impl(%arg0: tensor<?x6xf32>) -> (tensor<?x2xf32>, tensor<?x2xi32>) {
    %c1_i32 = arith.constant 1 : i32
    %c1 = arith.constant 1 : index
    %c6_i32 = arith.constant 6 : i32
    %cst = arith.constant 0xFF800000 : f32
    %cst_0 = arith.constant dense<6> : tensor<i32>
    %cst_1 = arith.constant dense<0xFF800000> : tensor<f32>
    %c0 = arith.constant 0 : index
    %dim = tensor.dim %arg0, %c0 : tensor<?x6xf32>
    %0 = arith.index_cast %dim : index to i32
    %from_elements = tensor.from_elements %0 : tensor<1xi32>
    %1 = tensor.empty() : tensor<2xi32>
    %2 = linalg.generic {indexing_maps = [#map3], iterator_types = ["parallel"]} outs(%1 : tensor<2xi32>) {
    ^bb0(%out: i32):
      %45 = linalg.index 0 : index
      %46 = arith.cmpi ult, %45, %c1 : index
      %47 = scf.if %46 -> (i32) {
        %extracted_3 = tensor.extract %from_elements[%45] : tensor<1xi32>
        scf.yield %extracted_3 : i32
      } else {
        scf.yield %c6_i32 : i32
      }
      linalg.yield %47 : i32
    } -> tensor<2xi32>
    %extracted = tensor.extract %2[%c0] : tensor<2xi32>
    %3 = arith.index_cast %extracted : i32 to index
    %4 = tensor.empty(%3) : tensor<?x6xi32>
    %5 = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel"]} outs(%4 : tensor<?x6xi32>) {
    ^bb0(%out: i32):
      %45 = linalg.index 1 : index
      %46 = arith.index_cast %45 : index to i32
      linalg.yield %46 : i32
    } -> tensor<?x6xi32>
    %6 = linalg.generic {indexing_maps = [#map5, #map], iterator_types = ["parallel", "parallel"]} ins(%cst_0 : tensor<i32>) outs(%4 : tensor<?x6xi32>) {
    ^bb0(%in: i32, %out: i32):
      linalg.yield %in : i32
    } -> tensor<?x6xi32>
    %7 = tensor.empty(%dim) : tensor<?xf32>
    %8 = linalg.fill ins(%cst : f32) outs(%7 : tensor<?xf32>) -> tensor<?xf32>
    %9 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "reduction"]} ins(%arg0 : tensor<?x6xf32>) outs(%8 : tensor<?xf32>) {
    ^bb0(%in: f32, %out: f32):
      %45 = arith.maximumf %out, %in : f32
      linalg.yield %45 : f32
    } -> tensor<?xf32>
    %10 = tensor.empty(%3) : tensor<?x6xf32>
    %11 = linalg.generic {indexing_maps = [#map1, #map], iterator_types = ["parallel", "parallel"]} ins(%9 : tensor<?xf32>) outs(%10 : tensor<?x6xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x6xf32>
    %12 = tensor.empty(%dim) : tensor<?x6xi1>
    %13 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%arg0, %11 : tensor<?x6xf32>, tensor<?x6xf32>) outs(%12 : tensor<?x6xi1>) {
    ^bb0(%in: f32, %in_3: f32, %out: i1):
      %45 = arith.cmpf oeq, %in, %in_3 : f32
      linalg.yield %45 : i1
    } -> tensor<?x6xi1>
    %14 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%arg0, %arg0 : tensor<?x6xf32>, tensor<?x6xf32>) outs(%12 : tensor<?x6xi1>) {
    ^bb0(%in: f32, %in_3: f32, %out: i1):
      %45 = arith.cmpf une, %in, %in_3 : f32
      linalg.yield %45 : i1
    } -> tensor<?x6xi1>
    %15 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%13, %14 : tensor<?x6xi1>, tensor<?x6xi1>) outs(%12 : tensor<?x6xi1>) {
    ^bb0(%in: i1, %in_3: i1, %out: i1):
      %45 = arith.ori %in, %in_3 : i1
      linalg.yield %45 : i1
    } -> tensor<?x6xi1>
    %16 = linalg.generic {indexing_maps = [#map, #map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%15, %5, %6 : tensor<?x6xi1>, tensor<?x6xi32>, tensor<?x6xi32>) outs(%4 : tensor<?x6xi32>) {
    ^bb0(%in: i1, %in_3: i32, %in_4: i32, %out: i32):
      %45 = arith.select %in, %in_3, %in_4 : i32
      linalg.yield %45 : i32
    } -> tensor<?x6xi32>
    %17 = tensor.empty(%3) : tensor<?xi32>
    %18 = linalg.fill ins(%c6_i32 : i32) outs(%17 : tensor<?xi32>) -> tensor<?xi32>
    %19 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "reduction"]} ins(%16 : tensor<?x6xi32>) outs(%18 : tensor<?xi32>) {
    ^bb0(%in: i32, %out: i32):
      %45 = arith.minsi %out, %in : i32
      linalg.yield %45 : i32
    } -> tensor<?xi32>
    %20 = linalg.generic {indexing_maps = [#map3], iterator_types = ["parallel"]} outs(%1 : tensor<2xi32>) {
    ^bb0(%out: i32):
      %45 = linalg.index 0 : index
      %46 = arith.cmpi ult, %45, %c1 : index
      %47 = scf.if %46 -> (i32) {
        %extracted_3 = tensor.extract %from_elements[%45] : tensor<1xi32>
        scf.yield %extracted_3 : i32
      } else {
        scf.yield %c1_i32 : i32
      }
      linalg.yield %47 : i32
    } -> tensor<2xi32>
    %extracted_2 = tensor.extract %20[%c0] : tensor<2xi32>
    %21 = arith.index_cast %extracted_2 : i32 to index
    %22 = tensor.empty(%21) : tensor<?x1xf32>
    %23 = linalg.generic {indexing_maps = [#map1, #map], iterator_types = ["parallel", "parallel"]} ins(%9 : tensor<?xf32>) outs(%22 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x1xf32>
    %24 = tensor.empty(%21) : tensor<?x1xi32>
    %25 = linalg.generic {indexing_maps = [#map1, #map], iterator_types = ["parallel", "parallel"]} ins(%19 : tensor<?xi32>) outs(%24 : tensor<?x1xi32>) {
    ^bb0(%in: i32, %out: i32):
      linalg.yield %in : i32
    } -> tensor<?x1xi32>
    %26 = linalg.generic {indexing_maps = [#map1, #map], iterator_types = ["parallel", "parallel"]} ins(%19 : tensor<?xi32>) outs(%4 : tensor<?x6xi32>) {
    ^bb0(%in: i32, %out: i32):
      linalg.yield %in : i32
    } -> tensor<?x6xi32>
    %27 = tensor.empty(%3) : tensor<?x6xi1>
    %28 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%5, %26 : tensor<?x6xi32>, tensor<?x6xi32>) outs(%27 : tensor<?x6xi1>) {
    ^bb0(%in: i32, %in_3: i32, %out: i1):
      %45 = arith.cmpi ne, %in, %in_3 : i32
      linalg.yield %45 : i1
    } -> tensor<?x6xi1>
    %29 = linalg.generic {indexing_maps = [#map5, #map], iterator_types = ["parallel", "parallel"]} ins(%cst_1 : tensor<f32>) outs(%10 : tensor<?x6xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x6xf32>
    %30 = tensor.empty(%dim) : tensor<?x6xf32>
    %31 = linalg.generic {indexing_maps = [#map, #map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%28, %arg0, %29 : tensor<?x6xi1>, tensor<?x6xf32>, tensor<?x6xf32>) outs(%30 : tensor<?x6xf32>) {
    ^bb0(%in: i1, %in_3: f32, %in_4: f32, %out: f32):
      %45 = arith.select %in, %in_3, %in_4 : f32
      linalg.yield %45 : f32
    } -> tensor<?x6xf32>
    %32 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "reduction"]} ins(%31 : tensor<?x6xf32>) outs(%8 : tensor<?xf32>) {
    ^bb0(%in: f32, %out: f32):
      %45 = arith.maximumf %out, %in : f32
      linalg.yield %45 : f32
    } -> tensor<?xf32>
    %33 = linalg.generic {indexing_maps = [#map1, #map], iterator_types = ["parallel", "parallel"]} ins(%32 : tensor<?xf32>) outs(%10 : tensor<?x6xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x6xf32>
    %34 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%arg0, %33 : tensor<?x6xf32>, tensor<?x6xf32>) outs(%12 : tensor<?x6xi1>) {
    ^bb0(%in: f32, %in_3: f32, %out: i1):
      %45 = arith.cmpf oeq, %in, %in_3 : f32
      linalg.yield %45 : i1
    } -> tensor<?x6xi1>
    %35 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%34, %14 : tensor<?x6xi1>, tensor<?x6xi1>) outs(%12 : tensor<?x6xi1>) {
    ^bb0(%in: i1, %in_3: i1, %out: i1):
      %45 = arith.ori %in, %in_3 : i1
      linalg.yield %45 : i1
    } -> tensor<?x6xi1>
    %36 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%35, %28 : tensor<?x6xi1>, tensor<?x6xi1>) outs(%12 : tensor<?x6xi1>) {
    ^bb0(%in: i1, %in_3: i1, %out: i1):
      %45 = arith.andi %in, %in_3 : i1
      linalg.yield %45 : i1
    } -> tensor<?x6xi1>
    %37 = linalg.generic {indexing_maps = [#map, #map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%36, %5, %6 : tensor<?x6xi1>, tensor<?x6xi32>, tensor<?x6xi32>) outs(%4 : tensor<?x6xi32>) {
    ^bb0(%in: i1, %in_3: i32, %in_4: i32, %out: i32):
      %45 = arith.select %in, %in_3, %in_4 : i32
      linalg.yield %45 : i32
    } -> tensor<?x6xi32>
    %38 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "reduction"]} ins(%37 : tensor<?x6xi32>) outs(%18 : tensor<?xi32>) {
    ^bb0(%in: i32, %out: i32):
      %45 = arith.minsi %out, %in : i32
      linalg.yield %45 : i32
    } -> tensor<?xi32>
    %39 = linalg.generic {indexing_maps = [#map1, #map], iterator_types = ["parallel", "parallel"]} ins(%32 : tensor<?xf32>) outs(%22 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x1xf32>
    %40 = linalg.generic {indexing_maps = [#map1, #map], iterator_types = ["parallel", "parallel"]} ins(%38 : tensor<?xi32>) outs(%24 : tensor<?x1xi32>) {
    ^bb0(%in: i32, %out: i32):
      linalg.yield %in : i32
    } -> tensor<?x1xi32>
    %41 = tensor.empty(%21) : tensor<?x2xf32>
    %42 = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel"]} outs(%41 : tensor<?x2xf32>) {
    ^bb0(%out: f32):
      %45 = linalg.index 0 : index
      %46 = linalg.index 1 : index
      %47 = arith.cmpi ult, %46, %c1 : index
      %48 = scf.if %47 -> (f32) {
        %extracted_3 = tensor.extract %23[%45, %46] : tensor<?x1xf32>
        scf.yield %extracted_3 : f32
      } else {
        %49 = arith.subi %46, %c1 : index
        %extracted_3 = tensor.extract %39[%45, %49] : tensor<?x1xf32>
        scf.yield %extracted_3 : f32
      }
      linalg.yield %48 : f32
    } -> tensor<?x2xf32>
    %43 = tensor.empty(%21) : tensor<?x2xi32>
    %44 = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel"]} outs(%43 : tensor<?x2xi32>) {
    ^bb0(%out: i32):
      %45 = linalg.index 0 : index
      %46 = linalg.index 1 : index
      %47 = arith.cmpi ult, %46, %c1 : index
      %48 = scf.if %47 -> (i32) {
        %extracted_3 = tensor.extract %25[%45, %46] : tensor<?x1xi32>
        scf.yield %extracted_3 : i32
      } else {
        %49 = arith.subi %46, %c1 : index
        %extracted_3 = tensor.extract %40[%45, %49] : tensor<?x1xi32>
        scf.yield %extracted_3 : i32
      }
      linalg.yield %48 : i32
    } -> tensor<?x2xi32>
    return %42, %44 : tensor<?x2xf32>, tensor<?x2xi32>
  }
}
