// RUN: moe-opt %s --moe-mark-conditionals --inline --canonicalize --moe-count-conditionals | FileCheck %s
// RUN: moe-opt %s --moe-count-conditionals | FileCheck %s --check-prefix=UNMARKED

// UNMARKED-NOT: moe_rt_branch

// One entry for each call path; a side that is not there is made.
// CHECK: module attributes {moe.conditionals = [
// CHECK-SAME: {location = "{{[^"]*}}count-conditionals.mlir:[[@LINE+28]]:8", sides = ["then", "else"]}
// CHECK-SAME: {location = "{{[^"]*}}count-conditionals.mlir:[[@LINE+27]]:8", sides = ["then", "else"]}
// CHECK-SAME: {location = "{{[^"]*}}count-conditionals.mlir:[[@LINE+37]]:8", sides = ["case 7", "case -1", "default"]}
// CHECK-SAME: {location = "{{[^"]*}}count-conditionals.mlir:[[@LINE+46]]:3", sides = ["then", "else"]}
// CHECK-SAME: {location = "{{[^"]*}}count-conditionals.mlir:{{[0-9]+}}:8", sides = ["then", "else"]}
// CHECK-SAME: ]}
// CHECK: func.func private @moe_rt_branch(i64, i64)
// CHECK-LABEL: func.func @main
// CHECK: scf.if
// CHECK: call @moe_rt_branch
// CHECK: linalg.exp
// CHECK: } else {
// CHECK: call @moe_rt_branch
// CHECK: scf.if
// CHECK: scf.index_switch
// CHECK: case 7 {
// CHECK-NEXT: %[[NUMBER:.*]] = arith.constant 2 : i64
// CHECK-NEXT: %[[SIDE:.*]] = arith.constant 0 : i64
// CHECK-NEXT: call @moe_rt_branch(%[[NUMBER]], %[[SIDE]])
// CHECK: default {
// CHECK-NEXT: %[[OF:.*]] = arith.constant 2 : i64
// CHECK-NEXT: %[[DEFAULT:.*]] = arith.constant 2 : i64
// CHECK-NEXT: call @moe_rt_branch(%[[OF]], %[[DEFAULT]])
// CHECK: scf.if
// CHECK:   call @moe_rt_branch
// CHECK: } else {
// CHECK:   call @moe_rt_branch
func.func private @inner(%c: i1, %x: tensor<4xf32>) -> tensor<4xf32> {
  %y = scf.if %c -> tensor<4xf32> {
    %a = linalg.exp ins(%x : tensor<4xf32>) outs(%x : tensor<4xf32>) -> tensor<4xf32>
    scf.yield %a : tensor<4xf32>
  } else {
    scf.yield %x : tensor<4xf32>
  }
  return %y : tensor<4xf32>
}
func.func @main(%n: index, %c: i1, %d: i1, %x: tensor<4xf32>) -> tensor<4xf32> {
  %a = call @inner(%c, %x) : (i1, tensor<4xf32>) -> tensor<4xf32>
  %b = call @inner(%d, %a) : (i1, tensor<4xf32>) -> tensor<4xf32>
  %y = scf.index_switch %n -> tensor<4xf32>
  case 7 {
    scf.yield %x : tensor<4xf32>
  }
  case -1 {
    scf.yield %a : tensor<4xf32>
  }
  default {
    scf.yield %b : tensor<4xf32>
  }
  scf.if %c {
    cf.assert %d, "here"
  }
  return %y : tensor<4xf32>
}

// Sides that rewriting has exchanged are counted as the model has them.
// CHECK-LABEL: func.func @negated
// CHECK: scf.if %arg0
// CHECK-NEXT: %[[OF:.*]] = arith.constant 4 : i64
// CHECK-NEXT: %[[ELSE:.*]] = arith.constant 1 : i64
// CHECK-NEXT: call @moe_rt_branch(%[[OF]], %[[ELSE]])
// CHECK-NEXT: scf.yield
// CHECK: } else {
// CHECK-NEXT: %[[OF:.*]] = arith.constant 4 : i64
// CHECK-NEXT: %[[THEN:.*]] = arith.constant 0 : i64
// CHECK-NEXT: call @moe_rt_branch(%[[OF]], %[[THEN]])
// CHECK-NEXT: linalg.exp
func.func @negated(%c: i1, %x: tensor<4xf32>) -> tensor<4xf32> {
  %true = arith.constant true
  %not = arith.xori %c, %true : i1
  %y = scf.if %not -> tensor<4xf32> {
    %a = linalg.exp ins(%x : tensor<4xf32>) outs(%x : tensor<4xf32>) -> tensor<4xf32>
    scf.yield %a : tensor<4xf32>
  } else {
    scf.yield %x : tensor<4xf32>
  }
  return %y : tensor<4xf32>
}
