//===- ExpertWork.cpp - Whether an expert pays ----------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExpertWork.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "moe/Analysis/Elementwise.h"

using namespace mlir;
using namespace mlir::moe;

/// What a size counts as that no type tells: large enough for work to pay.
static constexpr double kUnknownSize = 64;

static double sizeOf(int64_t size) {
  return ShapedType::isDynamic(size) ? kUnknownSize : size;
}

double ExpertWork::sizeOfRow(RankedTensorType type,
                             const Labels &labels) const {
  double elements = 1;
  for (auto [size, label] : llvm::zip_equal(type.getShape(), labels))
    if (!isRow(label))
      elements *= sizeOf(size);
  return elements;
}

/// Of one row.
double ExpertWork::countOperations(linalg::GenericOp op) const {
  if (isCopy(op))
    return 0;
  double operations = 0;
  for (Operation &scalar : op.getBody()->without_terminator()) {
    if (isa<math::MathDialect>(scalar.getDialect()))
      operations += 10;
    else if (isa<arith::DivFOp, arith::RemFOp>(scalar))
      operations += 4;
    else if (isa<arith::ArithDialect>(scalar.getDialect()) &&
             !isa<arith::ConstantOp>(scalar))
      operations += 1;
    else
      operations += scalar.getNumRegions() > 0 ? 4 : 1;
  }
  // Loops over rows and experts run once.
  SmallVector<bool> ofRows(op.getNumLoops(), false);
  for (OpResult result : op->getResults()) {
    if (!slice.knows(result))
      continue;
    AffineMap map = op.getIndexingMapMatchingResult(result);
    for (auto [label, index] :
         llvm::zip_equal(slice.labelsOf(result), map.getResults()))
      if (auto dim = dyn_cast<AffineDimExpr>(index))
        ofRows[dim.getPosition()] = isRow(label);
  }
  for (auto [size, isRow] : llvm::zip_equal(op.getStaticLoopRanges(), ofRows))
    if (!isRow)
      operations *= sizeOf(size);
  return operations;
}

bool ExpertWork::isWorthIt() const {
  double operations = 0;
  for (Operation *op : slice.getOperations()) {
    auto generic = dyn_cast<linalg::GenericOp>(op);
    if (generic && llvm::any_of(op->getResults(), [&](Value result) {
          return slice.knows(result) && hasTokens(slice.labelsOf(result));
        }))
      operations += countOperations(generic);
  }
  // For F operations on a row of R elements read and W written, code for all
  // rows costs F + R + W. An expert costs F + 3R + 3W (inputs are gathered, and
  // results are packed) for its rows and W for all of them: less, where no more
  // than half of the rows are active, if F is at least R + 3W.
  Labels all = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
  double moved = 3 * sizeOfRow(type, all);
  for (const Read &input : slice.getInputs())
    if (hasTokens(input.labels))
      moved += sizeOfRow(cast<RankedTensorType>(input.value.getType()),
                         input.labels);
  return operations >= moved;
}

const Read *ExpertWork::findWhole() const {
  for (const Read &input : slice.getInputs()) {
    auto inputType = cast<RankedTensorType>(input.value.getType());
    if (stack && llvm::is_contained(input.labels, *stack) &&
        hasTokens(input.labels) && sizeOfRow(inputType, input.labels) != 1)
      return &input;
  }
  return nullptr;
}
