//===- GroupedContraction.h - Kernels over tiles of experts ----*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A stage of a family of experts as one GPU kernel. A table, made on the
// device, lists the tiles of the experts that have rows; an expert without rows
// has no line in it, so that none of its weights is read. For each row r of a
// tile of expert e and each column n:
//
//   acc_i  = sum over k of lhs[row(r), k] * rhs_i[e, n, k]         in f32
//   out[first + r, n] = epilogue(acc_0, ..., operands at (r, n))
//
// where row(r) is the token ids[first + r] if rows are gathered, and first + r
// otherwise.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CONVERSION_MOETOGPU_GROUPEDCONTRACTION_H
#define MOE_CONVERSION_MOETOGPU_GROUPEDCONTRACTION_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "moe/Target/GPUTarget.h"

namespace mlir::moe {

/// What an operand of the epilogue is indexed by.
enum class EpilogueIndex {
  /// [E, N]: e * N + n, such as a bias.
  Column,
  /// [assignments]: first + r, such as the weights of the routing.
  Row,
  /// [assignments, N]: (first + r) * N + n.
  Element,
  /// [tokens, N]: row(r) * N + n, such as a residual.
  GatheredElement,
};

struct EpilogueOperand {
  Type elementType;
  EpilogueIndex index;
};

/// The elements of the accumulators (f32) and of the operands (each in its own
/// type) at one (r, n), to the element of the result.
using Epilogue = std::function<Value(
    ImplicitLocOpBuilder &, ValueRange accumulators, ValueRange operands)>;

/// How the product is computed.
enum class ContractionVariant {
  /// wgmma with TMA, warp-specialised and persistent (sm_90a).
  WGMMA,
  /// mma.sync with cp.async (sm_80 and newer).
  MMA,
  /// mma.sync, the weights streamed once: 1 to 16 rows for each tile.
  Streaming,
  /// Without tensor cores: f32, and what the others cannot take.
  SIMT,
};

struct GroupedContraction {
  /// Of the kernel; the module is named NAME_module.
  std::string name;
  /// Of lhs and rhs: bf16, f16 or f32.
  FloatType elementType;
  Type resultType;
  /// Right-hand sides that share lhs; 0 for an elementwise stage.
  int64_t numContractions = 1;
  int64_t experts, columns, depth;
  bool gather = false;
  /// Rows that the experts of a tile are expected to have; 0 if nothing is
  /// known. A variant with tiles of several sizes picks one by it.
  int64_t expectedRows = 0;
  SmallVector<EpilogueOperand> operands;
  Epilogue epilogue;
};

/// A kernel and how to launch it. Its arguments, in this order, pointers to
/// global memory unless said otherwise:
///
///   lhs, rhs_0 ... rhs_m-1, ids (i64; null without gather), table, count,
///   operands ..., out,
///   tensor map of lhs (only if `mapsLhs`), of each rhs (only if `mapsRhs`)
///
/// `table` has four i32 for each tile, {expert, first, rows, 0}, aligned to 16
/// bytes; `count` is one i32, the number of tiles. A tensor map is passed by
/// value, as MoETensorMapBytes bytes aligned to 64. lhs is mapped as
/// {depth, rows} with box {boxDepth, tileRows}, each rhs as
/// {depth, columns, experts} with box {boxDepth, boxColumns, 1}.
struct ContractionKernel {
  gpu::GPUModuleOp module;
  ContractionVariant variant;
  /// The most rows that a tile of the table may have.
  int64_t tileRows = 0;
  int64_t threads = 0;
  int64_t sharedBytes = 0;
  bool mapsLhs = false, mapsRhs = false;
  int64_t boxDepth = 0, boxColumns = 0;
  /// Blocks of columns. A persistent kernel takes any one-dimensional grid;
  /// another is launched on {columnBlocks, tiles}, tiles at least `count`.
  bool persistent = false;
  int64_t columnBlocks = 1;
};

/// Whether `variant` can compute `spec` on `target`; if not, `why` says why
/// not.
bool canBuild(ContractionVariant variant, const GroupedContraction &spec,
              const GPUTarget &target, std::string &why);

/// Builds the kernel into a new gpu.module at the insertion point.
ContractionKernel buildContraction(OpBuilder &builder, Location loc,
                                   ContractionVariant variant,
                                   const GroupedContraction &spec,
                                   const GPUTarget &target);

} // namespace mlir::moe

#endif // MOE_CONVERSION_MOETOGPU_GROUPEDCONTRACTION_H
