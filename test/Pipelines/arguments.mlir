// On either road what would be computed in the place of an argument is computed in a copy of it.
// RUN: moe-opt %s --moe-lower-to-cpu=to=buffers | FileCheck %s --check-prefixes=CHECK,CPU
// RUN: moe-opt %s --moe-lower-to-ptx=to=buffers | FileCheck %s --check-prefixes=CHECK,GPU

// CHECK: func.func @main(%[[X:[^:]*]]: memref<4x4xf32>
// CPU: %[[COPY:.*]] = memref.alloc
// CPU: memref.copy %[[X]], %[[COPY]]
// GPU: %[[COPY:.*]] = gpu.alloc
// CHECK-NOT: memref.store %{{.*}}, %[[X]]
// CHECK: return %[[COPY]]
func.func @main(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      outs(%x : tensor<4x4xf32>) {
  ^bb0(%a: f32):
    %s = arith.addf %a, %a : f32
    linalg.yield %s : f32
  } -> tensor<4x4xf32>
  return %y : tensor<4x4xf32>
}
