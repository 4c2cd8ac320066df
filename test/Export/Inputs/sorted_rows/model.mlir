#map = affine_map<(d0, d1) -> (d0, d1)>
#map1 = affine_map<(d0, d1) -> (d0)>
#map2 = affine_map<(d0, d1) -> (d0, 0)>
#map3 = affine_map<(d0) -> (d0)>
#map4 = affine_map<(d0) -> ()>
#map5 = affine_map<(d0, d1) -> (d1)>
#map6 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map7 = affine_map<(d0, d1, d2) -> (d0, d1, 0)>
#map8 = affine_map<(d0, d1, d2) -> (d0, d2)>
module {
  func.func @main(%arg0: tensor<?x8xf32>) -> tensor<?x8xf32> {
    %c1_i64 = arith.constant 1 : i64
    %c0_i64 = arith.constant 0 : i64
    %c2_i64 = arith.constant 2 : i64
    %cst = arith.constant 0xFF800000 : f32
    %cst_0 = arith.constant 0.000000e+00 : f32
    %c2 = arith.constant 2 : index
    %c0 = arith.constant 0 : index
    %cst_1 = arith.constant dense<2> : tensor<i64>
    %dim = tensor.dim %arg0, %c0 : tensor<?x8xf32>
    %0 = tensor.empty(%dim) : tensor<?xi64>
    %1 = linalg.fill ins(%c0_i64 : i64) outs(%0 : tensor<?xi64>) -> tensor<?xi64>
    %2 = tensor.empty(%dim) : tensor<?xf32>
    %3 = linalg.fill ins(%cst : f32) outs(%2 : tensor<?xf32>) -> tensor<?xf32>
    %4:2 = linalg.generic {indexing_maps = [#map, #map1, #map1], iterator_types = ["parallel", "reduction"]} ins(%arg0 : tensor<?x8xf32>) outs(%3, %1 : tensor<?xf32>, tensor<?xi64>) {
    ^bb0(%in: f32, %out: f32, %out_55: i64):
      %68 = linalg.index 1 : index
      %69 = arith.index_cast %68 : index to i64
      %70 = arith.maximumf %in, %out : f32
      %71 = arith.cmpf ogt, %in, %out : f32
      %72 = arith.select %71, %69, %out_55 : i64
      linalg.yield %70, %72 : f32, i64
    } -> (tensor<?xf32>, tensor<?xi64>)
    %expanded = tensor.expand_shape %4#0 [[0, 1]] output_shape [%dim, 1] : tensor<?xf32> into tensor<?x1xf32>
    %5 = tensor.empty(%dim) : tensor<?x8xf32>
    %6 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel"]} ins(%arg0, %expanded : tensor<?x8xf32>, tensor<?x1xf32>) outs(%5 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %in_55: f32, %out: f32):
      %68 = arith.subf %in, %in_55 : f32
      linalg.yield %68 : f32
    } -> tensor<?x8xf32>
    %7 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%6 : tensor<?x8xf32>) outs(%5 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %68 = math.exp %in : f32
      linalg.yield %68 : f32
    } -> tensor<?x8xf32>
    %8 = tensor.empty(%dim) : tensor<?x1xf32>
    %9 = linalg.fill ins(%cst_0 : f32) outs(%8 : tensor<?x1xf32>) -> tensor<?x1xf32>
    %10 = linalg.generic {indexing_maps = [#map, #map2], iterator_types = ["parallel", "reduction"]} ins(%7 : tensor<?x8xf32>) outs(%9 : tensor<?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %68 = arith.addf %in, %out : f32
      linalg.yield %68 : f32
    } -> tensor<?x1xf32>
    %11 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel"]} ins(%7, %10 : tensor<?x8xf32>, tensor<?x1xf32>) outs(%5 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %in_55: f32, %out: f32):
      %68 = arith.divf %in, %in_55 : f32
      linalg.yield %68 : f32
    } -> tensor<?x8xf32>
    %dim_2 = tensor.dim %11, %c0 : tensor<?x8xf32>
    %12 = tensor.empty(%dim_2) : tensor<?x8xi64>
    %13 = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel"]} outs(%12 : tensor<?x8xi64>) {
    ^bb0(%out: i64):
      %68 = linalg.index 1 : index
      %69 = arith.index_cast %68 : index to i64
      linalg.yield %69 : i64
    } -> tensor<?x8xi64>
    %c0_3 = arith.constant 0 : index
    %dim_4 = tensor.dim %11, %c0_3 : tensor<?x8xf32>
    %c8 = arith.constant 8 : index
    %c-1 = arith.constant -1 : index
    %14 = arith.addi %c8, %c-1 : index
    %c0_5 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %15:2 = scf.for %arg1 = %c0_5 to %dim_4 step %c1 iter_args(%arg2 = %11, %arg3 = %13) -> (tensor<?x8xf32>, tensor<?x8xi64>) {
      %c0_55 = arith.constant 0 : index
      %c1_56 = arith.constant 1 : index
      %68:2 = scf.for %arg4 = %c0_55 to %c8 step %c1_56 iter_args(%arg5 = %arg2, %arg6 = %arg3) -> (tensor<?x8xf32>, tensor<?x8xi64>) {
        %c0_57 = arith.constant 0 : index
        %c1_58 = arith.constant 1 : index
        %69:2 = scf.for %arg7 = %c0_57 to %14 step %c1_58 iter_args(%arg8 = %arg5, %arg9 = %arg6) -> (tensor<?x8xf32>, tensor<?x8xi64>) {
          %c1_59 = arith.constant 1 : index
          %70 = arith.addi %arg7, %c1_59 : index
          %extracted = tensor.extract %arg8[%arg1, %arg7] : tensor<?x8xf32>
          %extracted_60 = tensor.extract %arg9[%arg1, %arg7] : tensor<?x8xi64>
          %extracted_61 = tensor.extract %arg8[%arg1, %70] : tensor<?x8xf32>
          %extracted_62 = tensor.extract %arg9[%arg1, %70] : tensor<?x8xi64>
          %71 = arith.cmpf oge, %extracted, %extracted_61 : f32
          %true_63 = arith.constant true
          %72 = arith.xori %71, %true_63 : i1
          %73 = arith.select %72, %extracted_61, %extracted : f32
          %74 = arith.select %72, %extracted, %extracted_61 : f32
          %inserted = tensor.insert %73 into %arg8[%arg1, %arg7] : tensor<?x8xf32>
          %inserted_64 = tensor.insert %74 into %inserted[%arg1, %70] : tensor<?x8xf32>
          %75 = arith.select %72, %extracted_62, %extracted_60 : i64
          %76 = arith.select %72, %extracted_60, %extracted_62 : i64
          %inserted_65 = tensor.insert %75 into %arg9[%arg1, %arg7] : tensor<?x8xi64>
          %inserted_66 = tensor.insert %76 into %inserted_65[%arg1, %70] : tensor<?x8xi64>
          scf.yield %inserted_64, %inserted_66 : tensor<?x8xf32>, tensor<?x8xi64>
        }
        scf.yield %69#0, %69#1 : tensor<?x8xf32>, tensor<?x8xi64>
      }
      scf.yield %68#0, %68#1 : tensor<?x8xf32>, tensor<?x8xi64>
    }
    %dim_6 = tensor.dim %15#0, %c0 : tensor<?x8xf32>
    %extracted_slice = tensor.extract_slice %15#0[0, 0] [%dim_6, 2] [1, 1] : tensor<?x8xf32> to tensor<?x2xf32>
    %dim_7 = tensor.dim %15#1, %c0 : tensor<?x8xi64>
    %extracted_slice_8 = tensor.extract_slice %15#1[0, 0] [%dim_7, 2] [1, 1] : tensor<?x8xi64> to tensor<?x2xi64>
    %collapsed = tensor.collapse_shape %extracted_slice_8 [[0, 1]] : tensor<?x2xi64> into tensor<?xi64>
    %c0_9 = arith.constant 0 : index
    %dim_10 = tensor.dim %collapsed, %c0_9 : tensor<?xi64>
    %16 = tensor.empty(%dim_10) : tensor<?xi64>
    %17 = linalg.generic {indexing_maps = [#map3], iterator_types = ["parallel"]} outs(%16 : tensor<?xi64>) {
    ^bb0(%out: i64):
      %68 = linalg.index 0 : index
      %69 = arith.index_cast %68 : index to i64
      linalg.yield %69 : i64
    } -> tensor<?xi64>
    %c0_11 = arith.constant 0 : index
    %dim_12 = tensor.dim %collapsed, %c0_11 : tensor<?xi64>
    %c-1_13 = arith.constant -1 : index
    %18 = arith.addi %dim_12, %c-1_13 : index
    %c0_14 = arith.constant 0 : index
    %c1_15 = arith.constant 1 : index
    %19:2 = scf.for %arg1 = %c0_14 to %dim_12 step %c1_15 iter_args(%arg2 = %collapsed, %arg3 = %17) -> (tensor<?xi64>, tensor<?xi64>) {
      %c0_55 = arith.constant 0 : index
      %c1_56 = arith.constant 1 : index
      %68:2 = scf.for %arg4 = %c0_55 to %18 step %c1_56 iter_args(%arg5 = %arg2, %arg6 = %arg3) -> (tensor<?xi64>, tensor<?xi64>) {
        %c1_57 = arith.constant 1 : index
        %69 = arith.addi %arg4, %c1_57 : index
        %extracted = tensor.extract %arg5[%arg4] : tensor<?xi64>
        %extracted_58 = tensor.extract %arg6[%arg4] : tensor<?xi64>
        %extracted_59 = tensor.extract %arg5[%69] : tensor<?xi64>
        %extracted_60 = tensor.extract %arg6[%69] : tensor<?xi64>
        %70 = arith.cmpi slt, %extracted_59, %extracted : i64
        %71 = arith.select %70, %extracted_59, %extracted : i64
        %72 = arith.select %70, %extracted, %extracted_59 : i64
        %inserted = tensor.insert %71 into %arg5[%arg4] : tensor<?xi64>
        %inserted_61 = tensor.insert %72 into %inserted[%69] : tensor<?xi64>
        %73 = arith.select %70, %extracted_60, %extracted_58 : i64
        %74 = arith.select %70, %extracted_58, %extracted_60 : i64
        %inserted_62 = tensor.insert %73 into %arg6[%arg4] : tensor<?xi64>
        %inserted_63 = tensor.insert %74 into %inserted_62[%69] : tensor<?xi64>
        scf.yield %inserted_61, %inserted_63 : tensor<?xi64>, tensor<?xi64>
      }
      scf.yield %68#0, %68#1 : tensor<?xi64>, tensor<?xi64>
    }
    %20 = arith.index_cast %dim : index to i64
    %21 = arith.muli %20, %c2_i64 : i64
    %22 = arith.index_cast %21 : i64 to index
    %23 = tensor.empty(%22) : tensor<?x8xf32>
    %dim_16 = tensor.dim %19#1, %c0 : tensor<?xi64>
    %24 = tensor.empty(%dim_16) : tensor<?xi64>
    %25 = linalg.generic {indexing_maps = [#map3, #map4, #map3], iterator_types = ["parallel"]} ins(%19#1, %cst_1 : tensor<?xi64>, tensor<i64>) outs(%24 : tensor<?xi64>) {
    ^bb0(%in: i64, %in_55: i64, %out: i64):
      %68 = arith.sitofp %in : i64 to f64
      %69 = arith.sitofp %in_55 : i64 to f64
      %70 = arith.divf %68, %69 : f64
      %71 = math.floor %70 : f64
      %72 = arith.fptosi %71 : f64 to i64
      linalg.yield %72 : i64
    } -> tensor<?xi64>
    %dim_17 = tensor.dim %25, %c0 : tensor<?xi64>
    %26 = tensor.empty(%dim_17) : tensor<?x8xf32>
    %27 = linalg.generic {indexing_maps = [#map1, #map], iterator_types = ["parallel", "parallel"]} ins(%25 : tensor<?xi64>) outs(%26 : tensor<?x8xf32>) {
    ^bb0(%in: i64, %out: f32):
      %68 = arith.cmpi slt, %in, %c0_i64 : i64
      %69 = arith.addi %in, %20 : i64
      %70 = arith.select %68, %69, %in : i64
      %71 = arith.index_cast %70 : i64 to index
      %72 = linalg.index 1 : index
      %extracted = tensor.extract %arg0[%71, %72] : tensor<?x8xf32>
      linalg.yield %extracted : f32
    } -> tensor<?x8xf32>
    %c0_18 = arith.constant 0 : index
    %dim_19 = tensor.dim %27, %c0_18 : tensor<?x8xf32>
    %c8_20 = arith.constant 8 : index
    %c0_21 = arith.constant 0 : index
    %dim_22 = tensor.dim %23, %c0_21 : tensor<?x8xf32>
    %true = arith.constant true
    %c0_23 = arith.constant 0 : index
    %c1_24 = arith.constant 1 : index
    %28 = scf.for %arg1 = %c0_23 to %dim_19 step %c1_24 iter_args(%arg2 = %true) -> (i1) {
      %extracted = tensor.extract %19#1[%arg1] : tensor<?xi64>
      %68 = arith.index_cast %extracted : i64 to index
      %c0_55 = arith.constant 0 : index
      %69 = arith.cmpi slt, %68, %c0_55 : index
      %70 = arith.addi %68, %dim_22 : index
      %71 = arith.select %69, %70, %68 : index
      %72 = arith.cmpi ult, %71, %dim_22 : index
      %73 = arith.andi %arg2, %72 : i1
      scf.yield %73 : i1
    }
    cf.assert %28, "models_torch.py:62: a position outside of the tensor"
    %c0_25 = arith.constant 0 : index
    %c1_26 = arith.constant 1 : index
    %29 = scf.for %arg1 = %c0_25 to %dim_19 step %c1_26 iter_args(%arg2 = %23) -> (tensor<?x8xf32>) {
      %c0_55 = arith.constant 0 : index
      %c1_56 = arith.constant 1 : index
      %68 = scf.for %arg3 = %c0_55 to %c8_20 step %c1_56 iter_args(%arg4 = %arg2) -> (tensor<?x8xf32>) {
        %extracted = tensor.extract %19#1[%arg1] : tensor<?xi64>
        %69 = arith.index_cast %extracted : i64 to index
        %c0_57 = arith.constant 0 : index
        %70 = arith.cmpi slt, %69, %c0_57 : index
        %71 = arith.addi %69, %dim_22 : index
        %72 = arith.select %70, %71, %69 : index
        %extracted_58 = tensor.extract %27[%arg1, %arg3] : tensor<?x8xf32>
        %inserted = tensor.insert %extracted_58 into %arg4[%72, %arg3] : tensor<?x8xf32>
        scf.yield %inserted : tensor<?x8xf32>
      }
      scf.yield %68 : tensor<?x8xf32>
    }
    %extracted_slice_27 = tensor.extract_slice %extracted_slice_8[0, 0] [%dim_7, 1] [1, 1] : tensor<?x2xi64> to tensor<?x1xi64>
    %30 = tensor.empty() : tensor<8xi64>
    %31 = linalg.generic {indexing_maps = [#map3], iterator_types = ["parallel"]} outs(%30 : tensor<8xi64>) {
    ^bb0(%out: i64):
      %68 = linalg.index 0 : index
      %69 = arith.index_cast %68 : index to i64
      linalg.yield %69 : i64
    } -> tensor<8xi64>
    %32 = tensor.empty(%dim_7) : tensor<?x8xi1>
    %33 = linalg.generic {indexing_maps = [#map2, #map5, #map], iterator_types = ["parallel", "parallel"]} ins(%extracted_slice_27, %31 : tensor<?x1xi64>, tensor<8xi64>) outs(%32 : tensor<?x8xi1>) {
    ^bb0(%in: i64, %in_55: i64, %out: i1):
      %68 = arith.cmpi eq, %in, %in_55 : i64
      linalg.yield %68 : i1
    } -> tensor<?x8xi1>
    %34 = tensor.empty(%dim_7) : tensor<?x8xi64>
    %35 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%33 : tensor<?x8xi1>) outs(%34 : tensor<?x8xi64>) {
    ^bb0(%in: i1, %out: i64):
      %68 = arith.extui %in : i1 to i64
      linalg.yield %68 : i64
    } -> tensor<?x8xi64>
    %c0_28 = arith.constant 0 : index
    %dim_29 = tensor.dim %35, %c0_28 : tensor<?x8xi64>
    %c8_30 = arith.constant 8 : index
    %36 = tensor.empty(%dim_29) : tensor<?x8xi64>
    %c0_31 = arith.constant 0 : index
    %c1_32 = arith.constant 1 : index
    %37 = scf.for %arg1 = %c0_31 to %c8_30 step %c1_32 iter_args(%arg2 = %36) -> (tensor<?x8xi64>) {
      %c0_i64_55 = arith.constant 0 : i64
      %c0_56 = arith.constant 0 : index
      %c1_57 = arith.constant 1 : index
      %68:2 = scf.for %arg3 = %c0_56 to %dim_29 step %c1_57 iter_args(%arg4 = %c0_i64_55, %arg5 = %arg2) -> (i64, tensor<?x8xi64>) {
        %extracted = tensor.extract %35[%arg3, %arg1] : tensor<?x8xi64>
        %69 = arith.addi %arg4, %extracted : i64
        %inserted = tensor.insert %69 into %arg5[%arg3, %arg1] : tensor<?x8xi64>
        scf.yield %69, %inserted : i64, tensor<?x8xi64>
      }
      scf.yield %68#1 : tensor<?x8xi64>
    }
    %dim_33 = tensor.dim %37, %c0 : tensor<?x8xi64>
    %38 = arith.cmpi eq, %dim_33, %dim_7 : index
    cf.assert %38, "mismatched size for broadcast"
    %39 = tensor.empty(%dim_33) : tensor<?x8xi64>
    %40 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%37, %35 : tensor<?x8xi64>, tensor<?x8xi64>) outs(%39 : tensor<?x8xi64>) {
    ^bb0(%in: i64, %in_55: i64, %out: i64):
      %68 = arith.muli %in, %in_55 : i64
      linalg.yield %68 : i64
    } -> tensor<?x8xi64>
    %41 = tensor.empty(%dim_33) : tensor<?x1xi64>
    %42 = linalg.fill ins(%c0_i64 : i64) outs(%41 : tensor<?x1xi64>) -> tensor<?x1xi64>
    %43 = linalg.generic {indexing_maps = [#map, #map2], iterator_types = ["parallel", "reduction"]} ins(%40 : tensor<?x8xi64>) outs(%42 : tensor<?x1xi64>) {
    ^bb0(%in: i64, %out: i64):
      %68 = arith.addi %in, %out : i64
      linalg.yield %68 : i64
    } -> tensor<?x1xi64>
    %44 = tensor.empty(%dim_33) : tensor<?x1xi1>
    %45 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%43 : tensor<?x1xi64>) outs(%44 : tensor<?x1xi1>) {
    ^bb0(%in: i64, %out: i1):
      %68 = arith.cmpi sle, %in, %c1_i64 : i64
      linalg.yield %68 : i1
    } -> tensor<?x1xi1>
    %c0_34 = arith.constant 0 : index
    %dim_35 = tensor.dim %arg0, %c0_34 : tensor<?x8xf32>
    %46 = tensor.empty(%dim_35) : tensor<?x8xi64>
    %47 = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel"]} outs(%46 : tensor<?x8xi64>) {
    ^bb0(%out: i64):
      %68 = linalg.index 0 : index
      %69 = linalg.index 1 : index
      %70 = arith.index_cast %69 : index to i64
      linalg.yield %70 : i64
    } -> tensor<?x8xi64>
    %c0_36 = arith.constant 0 : index
    %dim_37 = tensor.dim %arg0, %c0_36 : tensor<?x8xf32>
    %c8_38 = arith.constant 8 : index
    %c-1_39 = arith.constant -1 : index
    %48 = arith.addi %c8_38, %c-1_39 : index
    %c0_40 = arith.constant 0 : index
    %c1_41 = arith.constant 1 : index
    %49:2 = scf.for %arg1 = %c0_40 to %dim_37 step %c1_41 iter_args(%arg2 = %arg0, %arg3 = %47) -> (tensor<?x8xf32>, tensor<?x8xi64>) {
      %c0_55 = arith.constant 0 : index
      %c1_56 = arith.constant 1 : index
      %68:2 = scf.for %arg4 = %c0_55 to %c8_38 step %c1_56 iter_args(%arg5 = %arg2, %arg6 = %arg3) -> (tensor<?x8xf32>, tensor<?x8xi64>) {
        %c0_57 = arith.constant 0 : index
        %c1_58 = arith.constant 1 : index
        %69:2 = scf.for %arg7 = %c0_57 to %48 step %c1_58 iter_args(%arg8 = %arg5, %arg9 = %arg6) -> (tensor<?x8xf32>, tensor<?x8xi64>) {
          %c1_59 = arith.constant 1 : index
          %70 = arith.addi %arg7, %c1_59 : index
          %extracted = tensor.extract %arg8[%arg1, %arg7] : tensor<?x8xf32>
          %extracted_60 = tensor.extract %arg9[%arg1, %arg7] : tensor<?x8xi64>
          %extracted_61 = tensor.extract %arg8[%arg1, %70] : tensor<?x8xf32>
          %extracted_62 = tensor.extract %arg9[%arg1, %70] : tensor<?x8xi64>
          %71 = arith.cmpf olt, %extracted, %extracted_61 : f32
          %72 = arith.cmpf uno, %extracted_61, %extracted_61 : f32
          %73 = arith.cmpf ord, %extracted, %extracted : f32
          %74 = arith.andi %72, %73 : i1
          %75 = arith.ori %71, %74 : i1
          %76 = arith.select %75, %extracted_61, %extracted : f32
          %77 = arith.select %75, %extracted, %extracted_61 : f32
          %inserted = tensor.insert %76 into %arg8[%arg1, %arg7] : tensor<?x8xf32>
          %inserted_63 = tensor.insert %77 into %inserted[%arg1, %70] : tensor<?x8xf32>
          %78 = arith.select %75, %extracted_62, %extracted_60 : i64
          %79 = arith.select %75, %extracted_60, %extracted_62 : i64
          %inserted_64 = tensor.insert %78 into %arg9[%arg1, %arg7] : tensor<?x8xi64>
          %inserted_65 = tensor.insert %79 into %inserted_64[%arg1, %70] : tensor<?x8xi64>
          scf.yield %inserted_63, %inserted_65 : tensor<?x8xf32>, tensor<?x8xi64>
        }
        scf.yield %69#0, %69#1 : tensor<?x8xf32>, tensor<?x8xi64>
      }
      scf.yield %68#0, %68#1 : tensor<?x8xf32>, tensor<?x8xi64>
    }
    %c0_42 = arith.constant 0 : index
    %dim_43 = tensor.dim %arg0, %c0_42 : tensor<?x8xf32>
    %50 = tensor.empty(%dim_43) : tensor<?x8xi64>
    %51 = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel"]} outs(%50 : tensor<?x8xi64>) {
    ^bb0(%out: i64):
      %68 = linalg.index 0 : index
      %69 = linalg.index 1 : index
      %70 = arith.index_cast %68 : index to i64
      linalg.yield %70 : i64
    } -> tensor<?x8xi64>
    %c0_44 = arith.constant 0 : index
    %dim_45 = tensor.dim %arg0, %c0_44 : tensor<?x8xf32>
    %c8_46 = arith.constant 8 : index
    %c-1_47 = arith.constant -1 : index
    %52 = arith.addi %dim_45, %c-1_47 : index
    %c0_48 = arith.constant 0 : index
    %c1_49 = arith.constant 1 : index
    %53:2 = scf.for %arg1 = %c0_48 to %c8_46 step %c1_49 iter_args(%arg2 = %arg0, %arg3 = %51) -> (tensor<?x8xf32>, tensor<?x8xi64>) {
      %c0_55 = arith.constant 0 : index
      %c1_56 = arith.constant 1 : index
      %68:2 = scf.for %arg4 = %c0_55 to %dim_45 step %c1_56 iter_args(%arg5 = %arg2, %arg6 = %arg3) -> (tensor<?x8xf32>, tensor<?x8xi64>) {
        %c0_57 = arith.constant 0 : index
        %c1_58 = arith.constant 1 : index
        %69:2 = scf.for %arg7 = %c0_57 to %52 step %c1_58 iter_args(%arg8 = %arg5, %arg9 = %arg6) -> (tensor<?x8xf32>, tensor<?x8xi64>) {
          %c1_59 = arith.constant 1 : index
          %70 = arith.addi %arg7, %c1_59 : index
          %extracted = tensor.extract %arg8[%arg7, %arg1] : tensor<?x8xf32>
          %extracted_60 = tensor.extract %arg9[%arg7, %arg1] : tensor<?x8xi64>
          %extracted_61 = tensor.extract %arg8[%70, %arg1] : tensor<?x8xf32>
          %extracted_62 = tensor.extract %arg9[%70, %arg1] : tensor<?x8xi64>
          %71 = arith.cmpf olt, %extracted_61, %extracted : f32
          %72 = arith.cmpf uno, %extracted, %extracted : f32
          %73 = arith.cmpf ord, %extracted_61, %extracted_61 : f32
          %74 = arith.andi %72, %73 : i1
          %75 = arith.ori %71, %74 : i1
          %76 = arith.select %75, %extracted_61, %extracted : f32
          %77 = arith.select %75, %extracted, %extracted_61 : f32
          %inserted = tensor.insert %76 into %arg8[%arg7, %arg1] : tensor<?x8xf32>
          %inserted_63 = tensor.insert %77 into %inserted[%70, %arg1] : tensor<?x8xf32>
          %78 = arith.select %75, %extracted_62, %extracted_60 : i64
          %79 = arith.select %75, %extracted_60, %extracted_62 : i64
          %inserted_64 = tensor.insert %78 into %arg9[%arg7, %arg1] : tensor<?x8xi64>
          %inserted_65 = tensor.insert %79 into %inserted_64[%70, %arg1] : tensor<?x8xi64>
          scf.yield %inserted_63, %inserted_65 : tensor<?x8xf32>, tensor<?x8xi64>
        }
        scf.yield %69#0, %69#1 : tensor<?x8xf32>, tensor<?x8xi64>
      }
      scf.yield %68#0, %68#1 : tensor<?x8xf32>, tensor<?x8xi64>
    }
    %dim_50 = tensor.dim %49#0, %c0 : tensor<?x8xf32>
    %dim_51 = tensor.dim %53#1, %c0 : tensor<?x8xi64>
    %54 = arith.cmpi eq, %dim_50, %dim_51 : index
    cf.assert %54, "mismatched size for broadcast"
    %55 = tensor.empty(%dim_50) : tensor<?x8xf32>
    %56 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%49#0, %53#1 : tensor<?x8xf32>, tensor<?x8xi64>) outs(%55 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %in_55: i64, %out: f32):
      %68 = arith.sitofp %in_55 : i64 to f32
      %69 = arith.addf %in, %68 : f32
      linalg.yield %69 : f32
    } -> tensor<?x8xf32>
    %expanded_52 = tensor.expand_shape %extracted_slice [[0], [1, 2]] output_shape [%dim_6, 2, 1] : tensor<?x2xf32> into tensor<?x2x1xf32>
    %dim_53 = tensor.dim %29, %c0 : tensor<?x8xf32>
    %57 = arith.divsi %dim_53, %c2 : index
    %expanded_54 = tensor.expand_shape %29 [[0, 1], [2]] output_shape [%57, 2, 8] : tensor<?x8xf32> into tensor<?x2x8xf32>
    %58 = arith.cmpi eq, %57, %dim_6 : index
    cf.assert %58, "mismatched size for broadcast"
    %59 = tensor.empty(%57) : tensor<?x2x8xf32>
    %60 = linalg.generic {indexing_maps = [#map6, #map7, #map6], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_54, %expanded_52 : tensor<?x2x8xf32>, tensor<?x2x1xf32>) outs(%59 : tensor<?x2x8xf32>) {
    ^bb0(%in: f32, %in_55: f32, %out: f32):
      %68 = arith.mulf %in, %in_55 : f32
      linalg.yield %68 : f32
    } -> tensor<?x2x8xf32>
    %61 = tensor.empty(%57) : tensor<?x8xf32>
    %62 = linalg.fill ins(%cst_0 : f32) outs(%61 : tensor<?x8xf32>) -> tensor<?x8xf32>
    %63 = linalg.generic {indexing_maps = [#map6, #map8], iterator_types = ["parallel", "reduction", "parallel"]} ins(%60 : tensor<?x2x8xf32>) outs(%62 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %68 = arith.addf %in, %out : f32
      linalg.yield %68 : f32
    } -> tensor<?x8xf32>
    %64 = arith.cmpi eq, %57, %dim_33 : index
    cf.assert %64, "mismatched size for broadcast"
    %65 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel"]} ins(%63, %45 : tensor<?x8xf32>, tensor<?x1xi1>) outs(%61 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %in_55: i1, %out: f32):
      %68 = arith.uitofp %in_55 : i1 to f32
      %69 = arith.mulf %in, %68 : f32
      linalg.yield %69 : f32
    } -> tensor<?x8xf32>
    %66 = arith.cmpi eq, %57, %dim_50 : index
    cf.assert %66, "mismatched size for broadcast"
    %67 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%65, %56 : tensor<?x8xf32>, tensor<?x8xf32>) outs(%61 : tensor<?x8xf32>) {
    ^bb0(%in: f32, %in_55: f32, %out: f32):
      %68 = arith.addf %in, %in_55 : f32
      linalg.yield %68 : f32
    } -> tensor<?x8xf32>
    return %67 : tensor<?x8xf32>
  }
}
