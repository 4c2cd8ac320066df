//===- GuardTensors.cpp - Check accesses to tensors -------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The operations of the tensor and linalg dialects whose operands can be wrong,
// and when they are.
//
//===----------------------------------------------------------------------===//

#include "AccessChecks.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::moe;
using arith::CmpIPredicate;

static void checkElement(AccessChecks &checks, Value tensor,
                         ValueRange indices) {
  for (auto [dim, index] : llvm::enumerate(indices))
    checks.requireBelow(index, checks.size(tensor, dim),
                        "index out of bounds of tensor dimension " +
                            Twine(dim));
}

/// A slice of `tensor`. Neither of the sums and products wraps around: the
/// offset is checked first, then the size against what is left.
static void checkSlice(AccessChecks &checks, OffsetSizeAndStrideOpInterface op,
                       Value tensor) {
  SmallVector<OpFoldResult> offsets = op.getMixedOffsets(),
                            sizes = op.getMixedSizes(),
                            strides = op.getMixedStrides();
  for (auto [dim, offset, size, stride] :
       llvm::enumerate(offsets, sizes, strides)) {
    OpFoldResult length = checks.size(tensor, dim);
    auto message = [dim = dim](const char *what) {
      return (Twine(what) +
              " of a slice is out of bounds of tensor dimension " + Twine(dim))
          .str();
    };
    checks.requireAtMost(offset, length, message("offset"));
    if (!isConstantIntValue(stride, 1))
      checks.require(
          checks.compare(CmpIPredicate::sge, stride, checks.b.getIndexAttr(1)),
          "stride of a slice is not positive");
    OpFoldResult left = length;
    if (!isConstantIntValue(offset, 0))
      left = checks.b.createOrFold<arith::SubIOp>(checks.materialize(length),
                                                  checks.materialize(offset));
    if (!isConstantIntValue(stride, 1))
      left = checks.b.createOrFold<arith::CeilDivUIOp>(
          checks.materialize(left), checks.materialize(stride));
    checks.requireAtMost(size, left, message("size"));
  }
}

/// The tensor that is put into a slice has the sizes of the slice.
static void checkSliceSource(AccessChecks &checks,
                             OffsetSizeAndStrideOpInterface op,
                             OpOperand &source,
                             const llvm::SmallBitVector &dropped) {
  SmallVector<OpFoldResult> sizes;
  for (auto [position, size] : llvm::enumerate(op.getMixedSizes()))
    if (!dropped.test(position))
      sizes.push_back(size);
  checks.requireShape(source, sizes, [](int64_t dim) {
    return ("size of a slice is not that of dimension " + Twine(dim) +
            " of the tensor put there")
        .str();
  });
}

static constexpr const char *differentCounts =
    "shapes have different numbers of elements";

/// `sizes` multiply to `total`, without wrapping around: one unknown size is a
/// quotient, several are small.
static void checkProduct(AccessChecks &checks, ArrayRef<OpFoldResult> sizes,
                         OpFoldResult total) {
  const char *message = differentCounts;
  ImplicitLocOpBuilder &b = checks.b;
  int64_t rest = 1;
  SmallVector<OpFoldResult> dynamic;
  for (OpFoldResult size : sizes) {
    std::optional<int64_t> constant = getConstantIntValue(size);
    if (!constant)
      dynamic.push_back(size);
    else if (llvm::MulOverflow(rest, *constant, rest))
      rest = kMaxBytes;
  }
  if (rest == 1 && dynamic.size() == 1)
    return checks.requireEqual(dynamic[0], total, message);
  Value all = checks.materialize(total), known = checks.constant(rest);
  if (rest > 0 && dynamic.size() == 1) {
    Value left = b.createOrFold<arith::RemUIOp>(all, known);
    checks.requireEqual(getAsOpFoldResult(left), b.getIndexAttr(0), message);
    Value quotient = b.createOrFold<arith::DivUIOp>(all, known);
    return checks.requireEqual(dynamic[0], quotient, message);
  }
  int64_t bits = 62 - std::min<int64_t>(62, llvm::Log2_64_Ceil(rest + 1));
  for (OpFoldResult size : dynamic) {
    checks.requireAtMost(
        size, b.getIndexAttr(int64_t(1) << (bits / dynamic.size())), message);
    known = b.createOrFold<arith::MulIOp>(known, checks.materialize(size));
  }
  checks.requireEqual(known, total, message);
}

static void checkExpandShape(AccessChecks &checks, tensor::ExpandShapeOp op) {
  SmallVector<OpFoldResult> sizes = op.getMixedOutputShape();
  SmallVector<OpFoldResult> known;
  for (auto [dim, group] : llvm::enumerate(op.getReassociationIndices())) {
    SmallVector<OpFoldResult> parts;
    bool units = true;
    OpFoldResult only;
    int64_t product = 1;
    for (int64_t part : group) {
      parts.push_back(sizes[part]);
      std::optional<int64_t> size = getConstantIntValue(sizes[part]);
      if (!size || llvm::MulOverflow(product, *size, product))
        product = -1;
      if (size == 1)
        continue;
      units = units && !only;
      only = sizes[part];
    }
    known.push_back(product < 0 ? OpFoldResult()
                                : OpFoldResult(checks.b.getIndexAttr(product)));
    // Dimensions of size 1 do not count.
    if (units && only)
      parts = {only};
    if (product < 0)
      checkProduct(checks, parts, checks.size(op.getSrc(), dim));
  }
  if (!known.empty())
    checks.requireShape(op.getSrcMutable(), known,
                        [](int64_t) { return differentCounts; });
}

static void checkReshape(AccessChecks &checks, tensor::ReshapeOp op) {
  auto type = cast<RankedTensorType>(op.getType());
  auto source = cast<RankedTensorType>(op.getSource().getType());
  SmallVector<OpFoldResult> sizes;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    Value at = checks.constant(dim);
    Value size = tensor::ExtractOp::create(checks.b, op.getShape(), at);
    if (!size.getType().isIndex())
      size =
          arith::IndexCastOp::create(checks.b, checks.b.getIndexType(), size);
    OpFoldResult wanted = size;
    if (!type.isDynamicDim(dim)) {
      wanted = checks.b.getIndexAttr(type.getDimSize(dim));
      checks.requireEqual(size, wanted, "shape is not that of the result type");
    }
    sizes.push_back(wanted);
  }
  Value total = checks.constant(1);
  for (int64_t dim = 0; dim < source.getRank(); ++dim)
    total = checks.b.createOrFold<arith::MulIOp>(
        total, checks.materialize(checks.size(op.getSource(), dim)));
  // Also when it is one dimension, since the total is a product.
  checkProduct(checks, sizes, total);
}

static void checkPad(AccessChecks &checks, tensor::PadOp op) {
  SmallVector<OpFoldResult> sizes;
  // So large that no tensor can be, so small that the sum does not wrap.
  OpFoldResult limit = checks.b.getIndexAttr(int64_t(1) << 60);
  for (auto [dim, low, high] :
       llvm::enumerate(op.getMixedLowPad(), op.getMixedHighPad())) {
    OpFoldResult size = checks.size(op.getSource(), dim);
    if (isConstantIntValue(low, 0) && isConstantIntValue(high, 0)) {
      sizes.push_back(size);
      continue;
    }
    for (OpFoldResult padding : {low, high})
      checks.requireAtMost(padding, limit, "padding is negative or too large");
    Value sum = checks.b.createOrFold<arith::AddIOp>(checks.materialize(low),
                                                     checks.materialize(high));
    sizes.push_back(getAsOpFoldResult(
        checks.b.createOrFold<arith::AddIOp>(checks.materialize(size), sum)));
  }
  checks.requireSizes(sizes, op.getType().getElementType());
}

/// The operands that are tensors have one shape, but for dimension `except`.
static void checkSameShape(AccessChecks &checks, Operation *op,
                           int64_t except = -1) {
  auto typeOf = [](OpOperand *tensor) {
    return cast<RankedTensorType>(tensor->get().getType());
  };
  SmallVector<OpOperand *> tensors;
  for (OpOperand &operand : op->getOpOperands())
    if (isa<RankedTensorType>(operand.get().getType()))
      tensors.push_back(&operand);
  if (tensors.size() < 2)
    return;
  SmallVector<OpFoldResult> sizes;
  for (int64_t dim = 0; dim < typeOf(tensors.front()).getRank(); ++dim) {
    // A constant, where some operand has one.
    auto *known = llvm::find_if(tensors, [&](OpOperand *each) {
      return !typeOf(each).isDynamicDim(dim);
    });
    Value tensor = (known == tensors.end() ? tensors.front() : *known)->get();
    sizes.push_back(dim == except ? OpFoldResult() : checks.size(tensor, dim));
  }
  for (OpOperand *tensor : tensors)
    checks.requireShape(*tensor, sizes, [](int64_t dim) {
      return ("tensors differ in dimension " + Twine(dim)).str();
    });
}

/// A cast to a more static type, which rewrites take for a fact, becomes a
/// checked slice.
static void checkCast(AccessChecks &checks, tensor::CastOp op) {
  SmallVector<OpFoldResult> sizes;
  for (int64_t size : cast<RankedTensorType>(op.getType()).getShape())
    sizes.push_back(ShapedType::isDynamic(size)
                        ? OpFoldResult()
                        : OpFoldResult(checks.b.getIndexAttr(size)));
  if (!sizes.empty())
    checks.requireShape(op.getSourceMutable(), sizes, [](int64_t dim) {
      return ("tensor does not have the size of its type in dimension " +
              Twine(dim))
          .str();
    });
}

static void checkNewTensor(AccessChecks &checks, Value tensor,
                           ValueRange dynamic) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<OpFoldResult> sizes;
  for (int64_t size : type.getShape()) {
    if (!ShapedType::isDynamic(size)) {
      sizes.push_back(checks.b.getIndexAttr(size));
      continue;
    }
    sizes.push_back(dynamic.front());
    dynamic = dynamic.drop_front();
  }
  checks.requireSizes(sizes, type.getElementType());
}

/// Types whose accesses no check here knows.
static bool isOpaque(Type type) {
  return isa<UnrankedTensorType, BaseMemRefType, VectorType>(type);
}

static LogicalResult cannotBeChecked(Operation *op) {
  return op->emitOpError("cannot be checked while running, so that only a "
                         "trusted model may have it");
}

LogicalResult moe::checkTensorAccesses(Operation *op) {
  if (llvm::any_of(op->getOperandTypes(), isOpaque) ||
      llvm::any_of(op->getResultTypes(), isOpaque))
    return cannotBeChecked(op);
  AccessChecks checks(op);
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](tensor::ExtractOp op) {
        checkElement(checks, op.getTensor(), op.getIndices());
        return success();
      })
      .Case([&](tensor::InsertOp op) {
        checkElement(checks, op.getDest(), op.getIndices());
        return success();
      })
      .Case([&](tensor::DimOp op) {
        auto type = cast<RankedTensorType>(op.getSource().getType());
        checks.requireBelow(op.getIndex(),
                            checks.b.getIndexAttr(type.getRank()),
                            "tensor has no such dimension");
        return success();
      })
      .Case([&](tensor::ExtractSliceOp op) {
        checkSlice(checks, op, op.getSource());
        return success();
      })
      .Case<tensor::InsertSliceOp, tensor::ParallelInsertSliceOp>([&](auto op) {
        checkSlice(checks, op, op.getDest());
        checkSliceSource(checks, op, op.getSourceMutable(),
                         op.getDroppedDims());
        return success();
      })
      .Case([&](tensor::EmptyOp op) {
        checkNewTensor(checks, op, op.getDynamicSizes());
        return success();
      })
      .Case([&](tensor::SplatOp op) {
        checkNewTensor(checks, op, op.getDynamicSizes());
        return success();
      })
      .Case([&](tensor::GenerateOp op) {
        checkNewTensor(checks, op, op.getDynamicExtents());
        return success();
      })
      .Case([&](tensor::CastOp op) {
        checkCast(checks, op);
        return success();
      })
      .Case([&](tensor::ExpandShapeOp op) {
        checkExpandShape(checks, op);
        return success();
      })
      .Case([&](tensor::ReshapeOp op) {
        checkReshape(checks, op);
        return success();
      })
      .Case([&](tensor::PadOp op) {
        checkPad(checks, op);
        return success();
      })
      .Case([&](tensor::ConcatOp op) {
        checkSameShape(checks, op, op.getDim());
        return success();
      })
      .Case([&](linalg::SoftmaxOp op) {
        checkSameShape(checks, op);
        return success();
      })
      .Case<tensor::CollapseShapeOp, tensor::FromElementsOp, tensor::BitcastOp,
            tensor::RankOp, tensor::YieldOp, linalg::IndexOp, linalg::YieldOp>(
          [](auto) { return success(); })
      .Default([&](Operation *op) -> LogicalResult {
        if (isa_and_present<tensor::TensorDialect, linalg::LinalgDialect>(
                op->getDialect()))
          return cannotBeChecked(op);
        if (OpTrait::hasElementwiseMappableTraits(op))
          checkSameShape(checks, op);
        return success();
      });
}
