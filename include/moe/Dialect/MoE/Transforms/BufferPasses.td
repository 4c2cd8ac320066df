//===- BufferPasses.td - Passes around bufferization -------*- tablegen -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Part of Passes.td.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_MOE_TRANSFORMS_BUFFERPASSES_TD
#define MOE_DIALECT_MOE_TRANSFORMS_BUFFERPASSES_TD

include "mlir/Pass/PassBase.td"

def BufferizePass : Pass<"moe-bufferize", "::mlir::ModuleOp"> {
  let summary = "Run one-shot bufferization with layouts for both kinds of callers";
  let description = [{
    Upstream's one-shot bufferization, function by function from callees to
    callers. Buffers that a public function takes and returns have the identity
    layout, since its callers know shapes and no strides. Those of a private
    function are rows, one behind the other, from any offset on: rows of a larger
    tensor are given to it without a copy, and a result that is written in place
    is none of its results any more.

    ```mlir
    func.func private @f(%x: tensor<?x8xf32>) -> tensor<?x8xf32>
      ==>
    func.func private @f(%x: memref<?x8xf32, strided<[8, 1], offset: ?>>)
    ```
  }];
  let dependentDialects = [
    "::mlir::bufferization::BufferizationDialect",
    "::mlir::memref::MemRefDialect"
  ];
}

def CountCopiesPass : Pass<"moe-count-copies", "::mlir::ModuleOp"> {
  let summary = "Count the bytes that are copied";
  let description = [{
    In front of each `memref.copy` and `bufferization.clone` of the host's code
    the runtime is told of the bytes.

    ```mlir
    memref.copy %a, %b : memref<4xf32> to memref<4xf32>
    ==>
    func.call @moe_rt_count_copy(%c16) : (i64) -> ()
    memref.copy %a, %b : memref<4xf32> to memref<4xf32>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::func::FuncDialect",
                           "::mlir::memref::MemRefDialect"];
}

def ReturnDonatedPass : Pass<"moe-return-donated", "func::FuncOp"> {
  let summary = "Return arguments that are given away as they are";
  let description = [{
    Upstream's deallocation clones an argument that is a result. One that is
    `moe.donated` is the function's, and one result may be that very buffer.

    ```mlir
    func.func @main(%m: memref<4xf32> {moe.donated}) -> memref<4xf32> {
      %r = bufferization.clone %m : memref<4xf32> to memref<4xf32>
      return %r : memref<4xf32>
    ==>
      return %m : memref<4xf32>
    ```
  }];
}

def SeparateEmptyTensorsPass : Pass<"moe-separate-empty-tensors"> {
  let summary = "Give each use of a tensor.empty one of its own";
  let description = [{
    Destinations that were merged since they look alike make what is computed
    into them alias, and the time in which bufferization finds conflicts grows
    with the cube of what aliases. A tensor that a branch yields as it is stays
    one, since the other branch writes into it.

    What several operations start from is computed for each of them, or copied if
    it is a sum: upstream's bufferization would compute it in the place of one of
    several results, and another one there too.

    ```mlir
    %e = tensor.empty() : tensor<4xf32>
    %a = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    %b = linalg.abs ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    ==>
    %e = tensor.empty() : tensor<4xf32>
    %f = tensor.empty() : tensor<4xf32>
    %a = linalg.exp ins(%x : tensor<4xf32>) outs(%f : tensor<4xf32>) -> tensor<4xf32>
    %b = linalg.abs ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    ```
  }];
}

#endif // MOE_DIALECT_MOE_TRANSFORMS_BUFFERPASSES_TD
