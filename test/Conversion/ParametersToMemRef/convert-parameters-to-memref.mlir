// RUN: moe-opt %s --moe-convert-parameters-to-memref | FileCheck %s
// RUN: moe-opt %s --moe-convert-parameters-to-memref=misaligned=router.weight,layers.1.experts.2.weight | FileCheck %s --check-prefix=ALIGN

// Symbols for the loader: public, without a value.
// CHECK-DAG: memref.global @moe.weight.router.weight : memref<3x4xf32>
// CHECK-DAG: memref.global @moe.offsets.experts : memref<2x3xindex> {parameter_pattern = "layers.{0}.experts.{1}.weight", parameter_type = memref<8x4xf32>}
// CHECK-DAG: memref.global @moe.arena : memref<{{[0-9]+}}xi8>
// CHECK-NOT: ml_program.global
// CHECK-NOT: moe.parameters
ml_program.global private @router.weight(#ml_program.extern<tensor<3x4xf32>>) : tensor<3x4xf32>
ml_program.global private @held(dense<2.0> : tensor<4xf32>) : tensor<4xf32>
moe.parameters @experts "layers.{0}.experts.{1}.weight" [2, 3] : tensor<8x4xf32>

// CHECK-LABEL: func.func @global
// CHECK: %[[M:.*]] = memref.get_global @moe.weight.router.weight
// CHECK: bufferization.to_tensor %[[M]] restrict :
// CHECK-NOT: writable
// ALIGN-LABEL: func.func @global
// ALIGN: %[[P:.*]] = memref.extract_aligned_pointer_as_index
// ALIGN: call @moe_rt_align
func.func @global() -> tensor<3x4xf32> {
  %w = ml_program.global_load_const @router.weight : tensor<3x4xf32>
  return %w : tensor<3x4xf32>
}

// A value that the model itself holds stays a constant.
// CHECK-LABEL: func.func @constant
// CHECK: arith.constant dense<2.0
func.func @constant() -> tensor<4xf32> {
  %w = ml_program.global_load_const @held : tensor<4xf32>
  return %w : tensor<4xf32>
}

// CHECK-LABEL: func.func @family
// CHECK-SAME: %[[L:.*]]: index, %[[E:.*]]: index
// CHECK: %[[T:.*]] = memref.get_global @moe.offsets.experts
// CHECK: %[[O:.*]] = memref.load %[[T]][%[[L]], %[[E]]]
// CHECK: %[[A:.*]] = memref.get_global @moe.arena
// CHECK: %[[V:.*]] = memref.view %[[A]][%[[O]]][]
// CHECK: bufferization.to_tensor %[[V]] restrict :
// ALIGN-LABEL: func.func @family
// ALIGN: call @moe_rt_align
func.func @family(%layer: index, %expert: index) -> tensor<8x4xf32> {
  %w = moe.parameter @experts[%layer, %expert] : tensor<8x4xf32>
  return %w : tensor<8x4xf32>
}
