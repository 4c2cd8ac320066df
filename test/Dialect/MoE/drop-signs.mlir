// RUN: moe-opt %s --moe-drop-signs --split-input-file | FileCheck %s
// RUN: moe-run %S/Inputs/unsigned.mlir --input="4xu8=1 100 200 255" --input=u32=4000000000 | FileCheck %s --check-prefix=VALUES
// RUN: moe-run %S/Inputs/unsigned.mlir --input="4xu8=1 100 200 255" --input=u32=4000000000 --device=cuda-emulator | FileCheck %s --check-prefix=VALUES
// RUN: moe-run %S/Inputs/unsigned.mlir --describe | FileCheck %s --check-prefix=DESCRIBE
// RUN: not moe-run %S/Inputs/unsigned.mlir --input="4xi8=1" --input=u32=0 2>&1 | FileCheck %s --check-prefix=OTHER

// Who calls the model sees the signs.
// VALUES:      {{^}}4xf32=1 100 200 255
// VALUES-NEXT: 4xu8=1 100 200 255
// VALUES-NEXT: u32=4000000000
// VALUES-NEXT: 4xi32=1065353216 1120403456 1128792064 1132396544
// DESCRIBE:      input 0: ?xu8
// DESCRIBE-NEXT: input 1: u32
// DESCRIBE-NEXT: result 0: ?xf32
// DESCRIBE-NEXT: result 1: ?xu8
// DESCRIBE-NEXT: result 2: u32
// OTHER: input 0 is 4xi8, function 'main' takes ?xu8

// CHECK: #[[EXTERN:.*]] = #ml_program.extern
// CHECK: ml_program.global private @w(#[[EXTERN]]) : tensor<4xi8>
// CHECK: ml_program.global private @v(dense<[-1, 1]> : tensor<2xi16>) : tensor<2xi16>
// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: tensor<4xi8>, %[[S:.*]]: i32) -> (tensor<4xi8>, i32, tensor<4xi8>)
// CHECK: %[[W:.*]] = ml_program.global_load_const @w : tensor<4xi8>
// CHECK: %[[SUM:.*]] = arith.addi %[[X]], %[[W]] : tensor<4xi8>
// CHECK: return %[[SUM]], %[[S]], %[[X]]
// CHECK-NOT: ui8
ml_program.global private @w(#ml_program.extern<tensor<4xui8>>) : tensor<4xui8>
ml_program.global private @v(dense<[65535, 1]> : tensor<2xui16>) : tensor<2xui16>
func.func @main(%x: tensor<4xui8>, %s: ui32) -> (tensor<4xui8>, ui32, tensor<4xsi8>) {
  %w = ml_program.global_load_const @w : tensor<4xui8>
  %0 = tensor.bitcast %x : tensor<4xui8> to tensor<4xi8>
  %1 = tensor.bitcast %w : tensor<4xui8> to tensor<4xi8>
  %2 = arith.addi %0, %1 : tensor<4xi8>
  %3 = tensor.bitcast %2 : tensor<4xi8> to tensor<4xui8>
  %4 = tensor.bitcast %x : tensor<4xui8> to tensor<4xsi8>
  return %3, %s, %4 : tensor<4xui8>, ui32, tensor<4xsi8>
}

// -----

// A bitcast to other numbers, and to another shape of the type.
// CHECK-LABEL: func.func @main
// CHECK: arith.bitcast %{{.*}} : tensor<?xf32> to tensor<?xi32>
// CHECK: tensor.cast %{{.*}} : tensor<?xi32> to tensor<4xi32>
// CHECK-NOT: tensor.bitcast
func.func @main(%x: tensor<?xf32>) -> tensor<4xui32> {
  %0 = tensor.bitcast %x : tensor<?xf32> to tensor<4xui32>
  return %0 : tensor<4xui32>
}

// -----

// Types are replaced where they are those of values, and nowhere else.
// CHECK-LABEL: func.func @main
// CHECK: attributes {note = 3 : ui8}
func.func @main(%x: tensor<3xf32>) -> tensor<3xf32> attributes {note = 3 : ui8} {
  return %x : tensor<3xf32>
}
