//===- RowLists.cpp - Which tensors list the rows of a mask ---------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One symbol for each tensor: what its element of a row is. Bodies of
// operations are followed operation by operation, so that it does not matter
// how many a front end fuses.
//
//===----------------------------------------------------------------------===//

#include "moe/Analysis/RowLists.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "moe/Analysis/Elementwise.h"
#include "moe/Analysis/ScatterLoops.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::moe;

/// Float types hold all whole numbers up to two to the power of this.
static int64_t getExactBits(Type type) {
  auto number = dyn_cast<FloatType>(type);
  return number ? number.getFPMantissaWidth() : 63;
}

/// The only dimension of a tensor that is no unit, none if all are units.
/// Fails for a tensor of several.
static FailureOr<std::optional<int64_t>> getRowDim(Value tensor) {
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  if (!type)
    return failure();
  std::optional<int64_t> rows;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    if (type.getDimSize(dim) == 1)
      continue;
    if (rows)
      return failure();
    rows = dim;
  }
  return rows;
}

/// The number of times a loop of `op` runs.
static Extent getLoopExtent(linalg::GenericOp op, unsigned loop) {
  for (OpOperand &operand : op->getOpOperands())
    for (auto [dim, index] :
         llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
      if (auto expr = dyn_cast<AffineDimExpr>(index))
        if (expr.getPosition() == loop)
          return getExtent(operand.get(), dim);
  return {};
}

/// Whether a loop of `op` is known to run once.
static bool isUnitLoop(linalg::GenericOp op, unsigned loop) {
  AffineExpr index = getAffineDimExpr(loop, op.getContext());
  return llvm::any_of(op->getOpOperands(), [&](OpOperand &operand) {
    auto type = dyn_cast<RankedTensorType>(operand.get().getType());
    AffineMap map = op.getMatchingIndexingMap(&operand);
    return type &&
           llvm::any_of(llvm::seq(0u, map.getNumResults()), [&](unsigned dim) {
             return map.getResult(dim) == index && type.getDimSize(dim) == 1;
           });
  });
}

bool RowListAnalysis::Symbol::operator==(const Symbol &other) const {
  return kind == other.kind && mask == other.mask && extent == other.extent &&
         constant == other.constant;
}

std::optional<int64_t> RowListAnalysis::Symbol::getNumber() const {
  if (auto integer = dyn_cast_or_null<IntegerAttr>(constant))
    return integer.getValue().getSExtValue();
  if (auto real = dyn_cast_or_null<FloatAttr>(constant)) {
    double value = real.getValueAsDouble();
    if (value == static_cast<int32_t>(value))
      return static_cast<int32_t>(value);
  }
  return std::nullopt;
}

RowListAnalysis::Symbol RowListAnalysis::makeConstant(TypedAttr constant) {
  Symbol symbol;
  symbol.kind = Kind::Constant;
  symbol.constant = constant;
  return symbol;
}

RowListAnalysis::Symbol RowListAnalysis::ofSize(const Extent &size) {
  Symbol symbol;
  if (!size.constant && size.value && size.dim == Extent::kIndex)
    symbol = of(size.value);
  if (symbol.kind == Kind::Unknown && (size.constant || size.value)) {
    symbol.kind = Kind::Size;
    symbol.extent = size;
  }
  return symbol;
}

/// The size of what a position points into.
Extent RowListAnalysis::getRange(const Symbol &position) {
  if (position.kind == Kind::Row)
    return position.extent;
  if (!position.mask)
    return {};
  return getExtent(position.mask, **getRowDim(position.mask));
}

bool RowListAnalysis::isBelow(const Symbol &position, const Symbol &size) {
  if (position.kind != Kind::Row && position.kind != Kind::Listed &&
      position.kind != Kind::Rank && position.kind != Kind::ChosenRow)
    return false;
  Extent range = getRange(position);
  if (range.constant && size.getNumber())
    return *range.constant <= *size.getNumber();
  return size.kind == Kind::Size && size.extent == range;
}

/// Whether a position cannot be after `last`.
bool RowListAnalysis::isAtMost(const Symbol &position, const Symbol &last) {
  if (position.kind != Kind::Row && position.kind != Kind::Listed)
    return false;
  Extent range = getRange(position);
  if (range.constant && last.getNumber())
    return *range.constant <= *last.getNumber() + 1;
  return last.kind == Kind::Last && last.extent == range;
}

/// Whether two sizes are one, or count one mask. Where a mask holds nowhere
/// there is no element that anyone may read.
bool RowListAnalysis::isSameSize(const Extent &a, const Extent &b) {
  if (a == b)
    return true;
  Symbol lhs = ofSize(a), rhs = ofSize(b);
  auto counts = [](const Symbol &size) {
    return size.kind == Kind::Count || size.kind == Kind::CountOrOne;
  };
  return counts(lhs) && counts(rhs) && lhs.mask == rhs.mask;
}

RowListAnalysis::Symbol RowListAnalysis::of(Value value) {
  // Lists are short chains; what is deeper is something else.
  constexpr unsigned kMaxDepth = 256;
  auto [place, isNew] = known.try_emplace(value, Symbol());
  if (!isNew || depth > kMaxDepth)
    return place->second;
  ++depth;
  Symbol symbol = compute(value);
  --depth;
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (symbol.kind == Kind::Unknown && type &&
      type.getElementType().isInteger(1)) {
    auto rows = getRowDim(value);
    if (succeeded(rows) && *rows) {
      symbol.kind = Kind::Holds;
      symbol.mask = value;
    }
  }
  return known[value] = symbol;
}

RowListAnalysis::Symbol RowListAnalysis::compute(Value value) {
  if (isa<RankedTensorType>(value.getType()))
    return ofTensor(value);
  if (auto argument = dyn_cast<BlockArgument>(value))
    return ofArgument(argument);
  Operation *op = value.getDefiningOp();
  Attribute constant;
  if (matchPattern(value, m_Constant(&constant)))
    if (auto number = dyn_cast<TypedAttr>(constant))
      return makeConstant(number);
  return llvm::TypeSwitch<Operation *, Symbol>(op)
      .Case([&](tensor::DimOp dim) {
        return ofSize(getExtent(OpFoldResult(dim.getResult())));
      })
      .Case([&](tensor::ExtractOp read) {
        return ofElement(read.getTensor(), read.getIndices());
      })
      .Case([&](scf::ForOp) { return ofLoop(cast<OpResult>(value)); })
      .Case([&](linalg::IndexOp index) {
        Symbol row;
        auto generic = index->getParentOfType<linalg::GenericOp>();
        row.kind = Kind::Row;
        row.extent = getLoopExtent(generic, index.getDim());
        return row;
      })
      .Default([&](Operation *scalar) {
        if (scalar->getNumRegions() > 0 || scalar->getNumResults() != 1 ||
            !isPure(scalar))
          return Symbol();
        SmallVector<Symbol> operands;
        for (Value operand : scalar->getOperands())
          operands.push_back(of(operand));
        return apply(scalar, operands);
      });
}

/// What a body of a linalg.generic reads.
RowListAnalysis::Symbol RowListAnalysis::ofArgument(BlockArgument argument) {
  auto generic =
      dyn_cast<linalg::GenericOp>(argument.getOwner()->getParentOp());
  if (!generic)
    return {};
  OpOperand *operand = generic.getMatchingOpOperand(argument);
  if (!generic.isDpsInput(operand))
    return {};
  if (!isa<RankedTensorType>(operand->get().getType()))
    return of(operand->get());
  auto rows = getRowDim(operand->get());
  if (failed(rows))
    return {};
  if (*rows) {
    AffineMap map = generic.getMatchingIndexingMap(operand);
    auto loop = dyn_cast<AffineDimExpr>(map.getResult(**rows));
    if (!loop || isUnitLoop(generic, loop.getPosition()))
      return {};
  }
  return of(operand->get());
}

RowListAnalysis::Symbol RowListAnalysis::ofElement(Value tensor,
                                                   ValueRange indices) {
  auto rows = getRowDim(tensor);
  if (failed(rows))
    return {};
  if (*rows) {
    Symbol row = of(indices[**rows]);
    if (row.kind != Kind::Row ||
        !isSameSize(row.extent, getExtent(tensor, **rows)))
      return {};
  }
  return of(tensor);
}

RowListAnalysis::Symbol RowListAnalysis::ofTensor(Value tensor) {
  if (TypedAttr constant = getSplat(tensor))
    return makeConstant(constant);
  auto result = dyn_cast<OpResult>(tensor);
  if (!result || failed(getRowDim(tensor)))
    return {};
  return llvm::TypeSwitch<Operation *, Symbol>(result.getOwner())
      .Case<tensor::ExpandShapeOp, tensor::CollapseShapeOp>([&](auto op) {
        return succeeded(getRowDim(op.getSrc())) ? of(op.getSrc()) : Symbol();
      })
      .Case([&](tensor::CastOp op) {
        return succeeded(getRowDim(op.getSource())) ? of(op.getSource())
                                                    : Symbol();
      })
      .Case([&](tensor::FromElementsOp op) {
        return op.getElements().size() == 1 ? of(op.getElements().front())
                                            : Symbol();
      })
      .Case([&](tensor::ExtractSliceOp op) { return ofSlice(op); })
      .Case([&](tensor::InsertSliceOp op) {
        // All of it is written.
        if (op.getSourceType().getRank() != op.getDestType().getRank())
          return Symbol();
        for (int64_t dim = 0; dim < op.getSourceType().getRank(); ++dim)
          if (!isConstantIntValue(op.getMixedOffsets()[dim], 0) ||
              !isConstantIntValue(op.getMixedStrides()[dim], 1) ||
              !(getExtent(op.getSource(), dim) == getExtent(op.getDest(), dim)))
            return Symbol();
        return of(op.getSource());
      })
      .Case([&](linalg::GenericOp) { return ofGeneric(result); })
      .Case([&](scf::ForOp) { return ofLoop(result); })
      .Default(Symbol());
}

RowListAnalysis::Symbol RowListAnalysis::ofSlice(Value value) {
  auto slice = value.getDefiningOp<tensor::ExtractSliceOp>();
  auto rows = getRowDim(slice.getSource());
  if (failed(rows) || !*rows)
    return {};
  for (auto [offset, stride] :
       llvm::zip_equal(slice.getMixedOffsets(), slice.getMixedStrides()))
    if (!isConstantIntValue(offset, 0) || !isConstantIntValue(stride, 1))
      return {};
  Symbol source = of(slice.getSource());
  Extent size = getExtent(slice.getMixedSizes()[**rows]);
  if (source.kind == Kind::Compacted) {
    Symbol count = ofSize(size);
    if (count.kind == Kind::Count && count.mask == source.mask)
      source.kind = Kind::Listed;
    return source;
  }
  return isSameSize(size, getExtent(slice.getSource(), **rows)) ? source
                                                                : Symbol();
}

RowListAnalysis::Symbol RowListAnalysis::ofLoop(OpResult result) {
  auto loop = cast<scf::ForOp>(result.getOwner());
  if (auto sum = matchPrefixSumLoop(loop)) {
    Symbol elements = of(sum->elements);
    if (elements.kind != Kind::Mask || of(sum->start).getNumber() != 0)
      return {};
    elements.kind = result == sum->prefixes ? Kind::Prefix : Kind::Count;
    return elements;
  }
  auto scatter = matchScatterLoop(loop);
  if (!scatter || !scatter->adds || !isZero(getSplat(scatter->target)))
    return {};
  Symbol places = of(scatter->places), updates = of(scatter->updates);
  if (places.kind != Kind::Rank || updates.kind != Kind::ChosenRow ||
      places.mask != updates.mask ||
      !(getExtent(scatter->target, 0) == getRange(places)))
    return {};
  updates.kind = Kind::Compacted;
  return updates;
}

RowListAnalysis::Symbol RowListAnalysis::ofGeneric(OpResult result) {
  auto generic = cast<linalg::GenericOp>(result.getOwner());
  Value yielded =
      generic.getBody()->getTerminator()->getOperand(result.getResultNumber());
  auto rows = getRowDim(result);
  if (generic.getNumParallelLoops() == generic.getNumLoops()) {
    // One row for each time one loop runs.
    for (unsigned loop = 0; loop < generic.getNumLoops(); ++loop) {
      AffineMap map = generic.getIndexingMapMatchingResult(result);
      bool isRow = *rows && map.getResult(**rows) ==
                                getAffineDimExpr(loop, generic.getContext());
      if (!isRow && !isUnitLoop(generic, loop))
        return {};
    }
    return of(yielded);
  }
  // The sum of a mask.
  auto add = yielded.getDefiningOp<arith::AddIOp>();
  if (generic.getNumLoops() != 1 || *rows || !add ||
      !isZero(getSplat(generic.getDpsInits()[result.getResultNumber()])))
    return {};
  Value before = generic.getRegionOutputArgs()[result.getResultNumber()];
  Symbol term = of(add.getLhs() == before ? add.getRhs() : add.getLhs());
  if (!llvm::is_contained(add->getOperands(), before) ||
      term.kind != Kind::Mask)
    return {};
  term.kind = Kind::Count;
  return term;
}

RowListAnalysis::Symbol RowListAnalysis::applyCompare(Operation *op,
                                                      const Symbol &lhs,
                                                      const Symbol &rhs) {
  auto truth = [&](bool value) {
    return makeConstant(BoolAttr::get(op->getContext(), value));
  };
  auto isNatural = [](const Symbol &symbol) {
    return symbol.kind != Kind::Unknown && symbol.kind != Kind::Constant &&
           symbol.kind != Kind::Holds && symbol.kind != Kind::Before &&
           symbol.kind != Kind::Last && symbol.kind != Kind::CountIsOne;
  };
  bool zero = rhs.getNumber() == 0;
  bool inside = isBelow(lhs, rhs);
  bool most = (lhs.kind == Kind::Count &&
               (ofSize(getRange(lhs)) == rhs ||
                (getRange(lhs).constant && rhs.getNumber() &&
                 *getRange(lhs).constant <= *rhs.getNumber())));
  bool same = lhs == rhs && isNatural(lhs) &&
              (lhs.kind == Kind::Size || lhs.kind == Kind::Count ||
               lhs.kind == Kind::CountOrOne);
  switch (cast<arith::CmpIOp>(op).getPredicate()) {
  case arith::CmpIPredicate::slt:
    if (zero && isNatural(lhs))
      return truth(false);
    return inside ? truth(true) : Symbol();
  case arith::CmpIPredicate::ult:
    return inside ? truth(true) : Symbol();
  case arith::CmpIPredicate::sge:
    if (zero && isNatural(lhs))
      return truth(true);
    return inside ? truth(false) : same ? truth(true) : Symbol();
  case arith::CmpIPredicate::uge:
    return inside ? truth(false) : same ? truth(true) : Symbol();
  case arith::CmpIPredicate::sle:
  case arith::CmpIPredicate::ule:
    return inside || most || same ? truth(true) : Symbol();
  case arith::CmpIPredicate::eq:
    if (same)
      return truth(true);
    if (lhs.kind == Kind::Count && rhs.getNumber() == 1) {
      Symbol one = lhs;
      one.kind = Kind::CountIsOne;
      return one;
    }
    return {};
  default:
    return {};
  }
}

RowListAnalysis::Symbol
RowListAnalysis::applySelect(ArrayRef<Symbol> operands) {
  const Symbol &condition = operands[0];
  if (std::optional<int64_t> chosen = condition.getNumber())
    return operands[*chosen != 0 ? 1 : 2];
  if (condition.kind == Kind::Holds) {
    Symbol chosen = operands[1];
    if (operands[2].getNumber() != 0)
      return {};
    if (chosen.getNumber() == 1)
      chosen = {Kind::Mask, condition.mask, {}, {}};
    else if (chosen.kind == Kind::Row && chosen.extent == getRange(condition))
      chosen = {Kind::ChosenRow, condition.mask, {}, {}};
    else
      return {};
    return chosen;
  }
  // Of one row, row 0 is its own.
  if (condition.kind == Kind::CountIsOne && operands[1].getNumber() == 0 &&
      operands[2].kind == Kind::Row) {
    Symbol size = ofSize(operands[2].extent);
    if ((size.kind == Kind::Count || size.kind == Kind::CountOrOne) &&
        size.mask == condition.mask)
      return operands[2];
  }
  return operands[1] == operands[2] ? operands[1] : Symbol();
}

/// Whether an integer type holds what a symbol is: any number of rows that a
/// front end counts in 32 bits, fewer where it counts in less.
bool RowListAnalysis::holdsRows(Type type, const Symbol &symbol) {
  if (type.isIndex() || type.getIntOrFloatBitWidth() >= 32)
    return true;
  unsigned bits = type.getIntOrFloatBitWidth() - 1;
  std::optional<int64_t> most = getRange(symbol).constant;
  return symbol.kind == Kind::Mask ? bits > 0
                                   : most && *most < (int64_t(1) << bits);
}

RowListAnalysis::Symbol RowListAnalysis::apply(Operation *op,
                                               ArrayRef<Symbol> operands) {
  if (operands.empty())
    return {};
  if (llvm::all_of(operands,
                   [](const Symbol &s) { return s.kind == Kind::Constant; })) {
    SmallVector<Attribute> constants;
    for (const Symbol &symbol : operands)
      constants.push_back(symbol.constant);
    SmallVector<OpFoldResult> folded;
    if (failed(op->fold(constants, folded)) || folded.size() != 1)
      return {};
    if (auto number =
            dyn_cast_or_null<TypedAttr>(dyn_cast<Attribute>(folded.front())))
      return makeConstant(number);
    for (OpOperand &operand : op->getOpOperands())
      if (folded.front() == OpFoldResult(operand.get()))
        return operands[operand.getOperandNumber()];
    return {};
  }
  const Symbol &lhs = operands.front();
  const Symbol &rhs = operands.back();
  std::optional<int64_t> number = rhs.getNumber();
  auto as = [&](Kind kind) {
    Symbol symbol = lhs;
    symbol.kind = kind;
    return symbol;
  };
  auto keepIf = [&](bool kept) { return kept ? lhs : Symbol(); };
  bool isPosition = lhs.kind == Kind::Row || lhs.kind == Kind::Listed ||
                    lhs.kind == Kind::Rank || lhs.kind == Kind::ChosenRow;
  bool isSize = lhs.kind == Kind::Size || lhs.kind == Kind::Count ||
                lhs.kind == Kind::CountOrOne;
  return llvm::TypeSwitch<Operation *, Symbol>(op)
      .Case([&](arith::ExtUIOp) {
        return lhs.kind == Kind::Holds ? as(Kind::Mask) : lhs;
      })
      .Case<arith::IndexCastOp, arith::IndexCastUIOp, arith::ExtSIOp,
            arith::FPToSIOp, arith::FPToUIOp>([&](auto cast) {
        return keepIf(lhs.kind != Kind::Holds &&
                      holdsRows(cast.getType(), lhs));
      })
      .Case<arith::SIToFPOp, arith::UIToFPOp>([&](auto cast) {
        // A double holds any number of rows that a machine could.
        int64_t bits = getExactBits(cast.getType());
        std::optional<int64_t> most = getRange(lhs).constant;
        return keepIf(isPosition &&
                      (bits > 50 || (most && *most < (int64_t(1) << bits))));
      })
      .Case<math::FloorOp, math::CeilOp, math::RoundOp, math::RoundEvenOp,
            math::TruncOp>([&](auto) { return keepIf(isPosition); })
      .Case<arith::DivFOp, arith::DivSIOp, arith::DivUIOp, arith::FloorDivSIOp>(
          [&](auto) { return keepIf(number == 1); })
      .Case<arith::RemSIOp, arith::RemUIOp>(
          [&](auto) { return keepIf(isBelow(lhs, rhs)); })
      .Case([&](arith::SubIOp) {
        if (lhs.kind == Kind::Prefix && number == 1)
          return as(Kind::Before);
        if (lhs.kind == Kind::Size && number == 1)
          return as(Kind::Last);
        return keepIf(number == 0);
      })
      .Case([&](arith::AddIOp) {
        if (lhs.kind == Kind::Prefix && number == -1)
          return as(Kind::Before);
        return keepIf(number == 0);
      })
      .Case([&](arith::MaxSIOp) {
        if (lhs.kind == Kind::Before && number == 0)
          return as(Kind::Rank);
        if (lhs.kind == Kind::Count && number == 1)
          return as(Kind::CountOrOne);
        return keepIf(number && *number <= 0 && (isPosition || isSize));
      })
      .Case([&](arith::MinSIOp) {
        Symbol all = ofSize(getRange(lhs));
        bool most = rhs == all || (all.extent.constant && number &&
                                   *all.extent.constant <= *number);
        return keepIf((lhs.kind == Kind::Count && most) || isAtMost(lhs, rhs));
      })
      .Case([&](arith::MulIOp) {
        for (bool swapped : {false, true}) {
          const Symbol &row = swapped ? rhs : lhs;
          Symbol mask = swapped ? lhs : rhs;
          if (row.kind == Kind::Row && mask.kind == Kind::Mask &&
              row.extent == getRange(mask)) {
            mask.kind = Kind::ChosenRow;
            return mask;
          }
        }
        return keepIf(number == 1);
      })
      .Case([&](arith::AndIOp) {
        for (const Symbol &symbol : operands)
          if (symbol.kind == Kind::Constant && isZero(symbol.constant))
            return symbol;
        return Symbol();
      })
      .Case([&](arith::CmpIOp) { return applyCompare(op, lhs, rhs); })
      .Case([&](arith::SelectOp) { return applySelect(operands); })
      .Default(Symbol());
}

Value RowListAnalysis::getListedMask(Value value) {
  Symbol symbol = of(value);
  return symbol.kind == Kind::Listed ? symbol.mask : Value();
}

bool RowListAnalysis::isOwnRow(Value index, Value mask) {
  Symbol symbol = of(index);
  return symbol.kind == Kind::Row && counts(symbol.extent, mask);
}

std::optional<unsigned> RowListAnalysis::getOwnLoop(Value index,
                                                    const Extent &size) {
  Symbol symbol = of(index);
  if (symbol.kind != Kind::Row || !(symbol.extent == size))
    return std::nullopt;
  // All that is read on the way is read at one loop.
  std::optional<unsigned> loop;
  SmallVector<Value> todo{index};
  llvm::SmallPtrSet<Operation *, 8> seen;
  bool same = true;
  auto meet = [&](unsigned position) {
    same &= !loop || *loop == position;
    loop = position;
  };
  while (!todo.empty()) {
    Value value = todo.pop_back_val();
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      auto generic =
          dyn_cast<linalg::GenericOp>(argument.getOwner()->getParentOp());
      if (!generic)
        continue;
      OpOperand *operand = generic.getMatchingOpOperand(argument);
      for (AffineExpr dim :
           generic.getMatchingIndexingMap(operand).getResults())
        if (auto position = dyn_cast<AffineDimExpr>(dim))
          meet(position.getPosition());
      continue;
    }
    Operation *op = value.getDefiningOp();
    if (!op->getParentOfType<linalg::GenericOp>() || !seen.insert(op).second)
      continue;
    if (auto position = dyn_cast<linalg::IndexOp>(op))
      meet(position.getDim());
    llvm::append_range(todo, op->getOperands());
  }
  if (!same)
    return std::nullopt;
  return loop;
}

bool RowListAnalysis::counts(const Extent &size, Value mask) {
  Symbol symbol = ofSize(size);
  return (symbol.kind == Kind::Count || symbol.kind == Kind::CountOrOne) &&
         symbol.mask == mask;
}

bool RowListAnalysis::isTrue(Value condition) {
  Symbol symbol = of(condition);
  return symbol.kind == Kind::Constant && !isZero(symbol.constant);
}
