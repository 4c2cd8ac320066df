// RUN: moe-opt %s --moe-annotate-dispatches | FileCheck %s
// RUN: moe-opt %s --moe-annotate-dispatches=counters | FileCheck %s --check-prefix=COUNT
// RUN: moe-opt %s --moe-annotate-dispatches --remarks-filter='.*' --remark-format=emitRemark -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// Why the rows of a body stay together.
// REMARK: remark: {{.*}}RowsNotSplit
// REMARK-NOT: remark: {{.*}}RowsNotSplit

// Per token: 8 experts x (2 * 16 * 4 multiply-adds + 16 additions); a family
// has the weights of all its experts.
// COUNT: moe.dispatches = [{
// COUNT-SAME: dense_flops_fixed = 0 : i64, dense_flops_per_token = 1152 : i64, experts = 8 : i64
// COUNT-SAME: weight_bytes = 2048 : i64
// COUNT-SAME: experts = 2 : i64
// COUNT-NOT: dense_flops
// COUNT-SAME: unlike
moe.parameters @w "experts.{0}" [8] : tensor<4x16xf32>
ml_program.global private @steps(#ml_program.extern<tensor<1xi64>>) : tensor<1xi64>

// CHECK-LABEL: func.func @family
// CHECK: moe.dispatch
// CHECK-SAME: moe.number = 0 : i64, moe.row_wise = array<i1: true>
// COUNT-LABEL: func.func @family
// COUNT: moe.parameter
// COUNT: call @moe_rt_touch_weight
// COUNT: call @moe_rt_count_flops
// COUNT: linalg.matmul
func.func @family(%x: tensor<?x4xf32>, %r: !moe.routing<8>, %out: tensor<16xf32>) -> tensor<?x16xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<8>) -> tensor<?x16xf32> {
  ^each(%expert: index, %mine: tensor<?x4xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %mine, %c0 : tensor<?x4xf32>
    %e = tensor.empty(%n) : tensor<?x16xf32>
    %w = moe.parameter @w[%expert] : tensor<4x16xf32>
    %y = linalg.matmul ins(%mine, %w : tensor<?x4xf32>, tensor<4x16xf32>) outs(%e : tensor<?x16xf32>) -> tensor<?x16xf32>
    %z = linalg.add ins(%y, %y : tensor<?x16xf32>, tensor<?x16xf32>) outs(%e : tensor<?x16xf32>) -> tensor<?x16xf32>
    moe.yield %z : tensor<?x16xf32>
  }
  return %rows : tensor<?x16xf32>
}

// Calls stand inside the loop whose length is data, and the dense form's number
// of operations is unknown.
// CHECK-LABEL: func.func @unlike
// CHECK: moe.dispatch
// CHECK-SAME: moe.number = 1 : i64, moe.row_wise = array<i1: true, false>
// COUNT-LABEL: func.func @unlike
// COUNT: call @moe_rt_touch_weight
// COUNT: scf.for
// COUNT:   call @moe_rt_count_flops
// COUNT:   linalg.tanh
func.func @unlike(%x: tensor<?x4xf32>, %r: !moe.routing<2>) -> tensor<?x4xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<2>) -> tensor<?x4xf32> {
  ^expert0(%mine: tensor<?x4xf32>):
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %t = ml_program.global_load_const @steps : tensor<1xi64>
    %s = tensor.extract %t[%c0] : tensor<1xi64>
    %n = arith.index_cast %s : i64 to index
    %y = scf.for %i = %c0 to %n step %c1 iter_args(%h = %mine) -> tensor<?x4xf32> {
      %z = linalg.tanh ins(%h : tensor<?x4xf32>) outs(%h : tensor<?x4xf32>) -> tensor<?x4xf32>
      scf.yield %z : tensor<?x4xf32>
    }
    moe.yield %y : tensor<?x4xf32>
  }, {
  ^expert1(%mine: tensor<?x4xf32>):
    %e = tensor.empty() : tensor<4xf32>
    %sum = linalg.reduce { arith.addf } ins(%mine : tensor<?x4xf32>) outs(%e : tensor<4xf32>) dimensions = [0]
    %y = linalg.broadcast ins(%sum : tensor<4xf32>) outs(%mine : tensor<?x4xf32>) dimensions = [0]
    moe.yield %y : tensor<?x4xf32>
  }
  return %rows : tensor<?x4xf32>
}
