//===- KernelBuilder.h - What kernels of all variants need ------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel is an llvm.func of a gpu.module: gpu.func takes no tensor map by
// value. Indices are i32 unless said otherwise and never negative; offsets in
// global memory are i64.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_MOETOGPU_KERNELBUILDER_H
#define MOE_LIB_CONVERSION_MOETOGPU_KERNELBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "moe/Conversion/MoEToGPU/GroupedContraction.h"

namespace mlir::moe {

/// How a kernel is launched.
struct KernelShape {
  int64_t threads;
  /// Blocks that a multiprocessor shall hold at a time; limits registers.
  int64_t minBlocks = 1;
  bool mapsLhs = false, mapsRhs = false;
};

/// A line of the table.
struct Tile {
  Value expert, first, rows;
};

class KernelBuilder {
public:
  /// Makes the module and the kernel, and inserts into the kernel from then on.
  KernelBuilder(OpBuilder &builder, Location loc,
                const GroupedContraction &spec, const GPUTarget &target,
                const KernelShape &shape);

  /// Ends the kernel.
  gpu::GPUModuleOp finish();

  const GroupedContraction &spec;
  const GPUTarget &target;
  ImplicitLocOpBuilder b;

  /// Arguments of the kernel, in the order of ContractionKernel.
  SmallVector<Value, 2> rhs, rhsMaps;
  SmallVector<Value> operands;
  Value lhs, ids, table, count, out, lhsMap;

  //===--------------------------------------------------------------------===//
  // Integers: both sides of one type; a number takes the type of the value.
  //===--------------------------------------------------------------------===//

  Value i32(int64_t value);
  Value i64(int64_t value);
  Value add(Value lhs, Value rhs);
  Value add(Value lhs, int64_t rhs);
  Value subtract(Value lhs, Value rhs);
  Value subtract(Value lhs, int64_t rhs);
  Value multiply(Value lhs, Value rhs);
  Value multiply(Value lhs, int64_t rhs);
  Value divide(Value lhs, Value rhs);
  Value divide(Value lhs, int64_t rhs);
  Value remainder(Value lhs, Value rhs);
  Value remainder(Value lhs, int64_t rhs);
  Value exclusiveOr(Value lhs, Value rhs);
  Value minimum(Value lhs, Value rhs);
  Value minimum(Value lhs, int64_t rhs);
  /// Unsigned.
  Value less(Value lhs, Value rhs);
  Value less(Value lhs, int64_t rhs);
  Value equal(Value lhs, int64_t rhs);
  Value both(Value lhs, Value rhs);
  Value select(Value condition, Value yes, Value no);
  /// Zero-extended to i64.
  Value extend(Value value);

  //===--------------------------------------------------------------------===//
  // Memory
  //===--------------------------------------------------------------------===//

  Type pointerType(unsigned addressSpace);
  /// Bytes from the start of the dynamic shared memory, which is aligned to
  /// 1024 bytes.
  Value shared(Value offset);
  Value shared(int64_t offset);
  /// &base[index], base in global memory, index i64.
  Value element(Value base, Type elementType, Value index);
  /// Bytes from `base`, offset i64.
  Value byte(Value base, Value offset);
  /// Of global memory that no thread writes while the kernel runs.
  Value loadConstant(Type type, Value pointer, int64_t alignment = 0);

  //===--------------------------------------------------------------------===//
  // Control
  //===--------------------------------------------------------------------===//

  using Body = llvm::function_ref<void()>;
  using LoopBody =
      llvm::function_ref<SmallVector<Value>(Value index, ValueRange carried)>;
  void ifThen(Value condition, Body body);
  void ifThenElse(Value condition, Body then, Body otherwise);
  /// The values of `then` if the condition holds, or else `otherwise`.
  SmallVector<Value> ifThenElse(Value condition,
                                llvm::function_ref<SmallVector<Value>()> then,
                                ValueRange otherwise);
  /// The values of the branch that was taken.
  using ValuesBody = llvm::function_ref<SmallVector<Value>()>;
  SmallVector<Value> ifThenElse(Value condition, ArrayRef<Type> types,
                                ValuesBody then, ValuesBody otherwise);
  /// The values carried out of the loop.
  SmallVector<Value> loop(Value from, Value to, Value step, ValueRange init,
                          LoopBody body);

  Value thread();
  Value block();
  /// Of the second dimension of the grid.
  Value blockY();
  /// Blocks of a one-dimensional grid.
  Value blocks();
  /// The same in all lanes of a warp, and known to be.
  Value uniform(Value value);
  void syncWarp();
  void syncBlock();

  //===--------------------------------------------------------------------===//
  // The contraction
  //===--------------------------------------------------------------------===//

  /// Line `index` of the table.
  Tile tile(Value index);
  /// row(r) of a row of a tile (i64). Rows from tile.rows on are those of the
  /// last row: nothing beyond it is read.
  Value row(const Tile &tile, Value r);

private:
  gpu::GPUModuleOp module;
  Value sharedMemory;
};

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_MOETOGPU_KERNELBUILDER_H
