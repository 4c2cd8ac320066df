//===- JoinColumns.cpp - One tensor of what was computed for each ---------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Goes back from all columns at once, as long as they are made alike.
//
// A front end writes the mask of each expert as operations of its own. Where
// they differ in constants and slices only, all masks are computed by the
// operations of one, with one loop more: code and what reads it do not grow
// with the number of experts.
//
//===----------------------------------------------------------------------===//

#include "RootTensors.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "moe/Analysis/Elementwise.h"
#include "moe/Analysis/Extents.h"
#include "llvm/ADT/MapVector.h"
#include <numeric>

using namespace mlir;
using namespace mlir::moe;

namespace {

/// All columns of a value, one for each index of dimension `dim`, or a value
/// that is the same for all.
struct Joined {
  Value value;
  std::optional<int64_t> dim;
};

/// A constant of a body that differs from column to column.
using Constants = llvm::MapVector<Value, SmallVector<TypedAttr>>;

class ColumnJoiner {
public:
  ColumnJoiner(OpBuilder &b, Location loc, int64_t count)
      : b(b), loc(loc), count(count) {}

  std::optional<Joined> join(ArrayRef<Value> values);

private:
  std::optional<Joined> joinOperations(ArrayRef<Value> values);
  std::optional<Joined> joinSlices(ArrayRef<Value> values);
  std::optional<Joined> joinReshapes(ArrayRef<Value> values);
  std::optional<Joined> joinGenerics(ArrayRef<Value> values);
  bool areAlike(ArrayRef<Value> values, Constants &constants);
  bool startAlike(ArrayRef<Value> values, unsigned init);
  Value makeInit(Value init, bool isRead);

  OpBuilder &b;
  Location loc;
  int64_t count;
  unsigned depth = 0;
  /// By the first value.
  llvm::DenseMap<Value, std::pair<SmallVector<Value>, Joined>> known;
};

} // namespace

/// The difference of each integer to the one before it, if that is always the
/// same.
static std::optional<int64_t> getStep(ArrayRef<int64_t> numbers) {
  int64_t step = numbers[1] - numbers[0];
  for (size_t i = 1; i < numbers.size(); ++i)
    if (numbers[i] - numbers[i - 1] != step)
      return std::nullopt;
  return step;
}

static RankedTensorType append(RankedTensorType type, int64_t size) {
  SmallVector<int64_t> shape(type.getShape());
  shape.push_back(size);
  return RankedTensorType::get(shape, type.getElementType());
}

std::optional<Joined> ColumnJoiner::join(ArrayRef<Value> values) {
  // Masks are short; what is deeper is put together column by column.
  constexpr unsigned kMaxDepth = 64;
  if (llvm::all_equal(values))
    return Joined{values.front(), std::nullopt};
  auto found = known.find(values.front());
  if (found != known.end() && ArrayRef(found->second.first) == values)
    return found->second.second;
  if (depth > kMaxDepth)
    return std::nullopt;
  ++depth;
  std::optional<Joined> joined = joinOperations(values);
  --depth;
  if (joined)
    known[values.front()] = {SmallVector<Value>(values), *joined};
  return joined;
}

std::optional<Joined> ColumnJoiner::joinOperations(ArrayRef<Value> values) {
  auto first = dyn_cast<OpResult>(values.front());
  if (!first)
    return std::nullopt;
  for (Value value : values) {
    auto result = dyn_cast<OpResult>(value);
    if (!result || result.getType() != first.getType() ||
        result.getResultNumber() != first.getResultNumber() ||
        result.getOwner()->getName() != first.getOwner()->getName())
      return std::nullopt;
  }
  if (isa<tensor::ExtractSliceOp>(first.getOwner()))
    return joinSlices(values);
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(first.getOwner()))
    return joinReshapes(values);
  if (isa<linalg::GenericOp>(first.getOwner()))
    return joinGenerics(values);
  return std::nullopt;
}

/// Slices of one tensor that begin one step after each other along one of the
/// dimensions they drop.
std::optional<Joined> ColumnJoiner::joinSlices(ArrayRef<Value> values) {
  auto first = values.front().getDefiningOp<tensor::ExtractSliceOp>();
  llvm::SmallBitVector dropped = first.getDroppedDims();
  std::optional<int64_t> along;
  SmallVector<int64_t> starts;
  for (Value value : values) {
    auto slice = value.getDefiningOp<tensor::ExtractSliceOp>();
    if (slice.getSource() != first.getSource() ||
        slice.getMixedSizes() != first.getMixedSizes() ||
        slice.getMixedStrides() != first.getMixedStrides() ||
        slice.getDroppedDims() != dropped)
      return std::nullopt;
    for (auto [dim, mine, others] :
         llvm::enumerate(slice.getMixedOffsets(), first.getMixedOffsets())) {
      if (mine == others)
        continue;
      if ((along && *along != static_cast<int64_t>(dim)) || !dropped.test(dim))
        return std::nullopt;
      along = dim;
    }
  }
  if (!along)
    return Joined{values.front(), std::nullopt};
  for (Value value : values) {
    auto slice = value.getDefiningOp<tensor::ExtractSliceOp>();
    auto start = getConstantIntValue(slice.getMixedOffsets()[*along]);
    if (!start)
      return std::nullopt;
    starts.push_back(*start);
  }
  std::optional<int64_t> step = getStep(starts);
  if (!step || *step < 1)
    return std::nullopt;
  SmallVector<OpFoldResult> sizes = first.getMixedSizes(),
                            strides = first.getMixedStrides();
  sizes[*along] = b.getIndexAttr(count);
  strides[*along] = b.getIndexAttr(*step);
  SmallVector<int64_t> shape;
  std::optional<int64_t> position;
  int64_t next = 0;
  for (auto [dim, size] : llvm::enumerate(sizes)) {
    if (static_cast<int64_t>(dim) == *along) {
      position = shape.size();
      shape.push_back(count);
    } else if (!dropped.test(dim)) {
      shape.push_back(first.getType().getDimSize(next++));
    }
  }
  auto type = RankedTensorType::get(shape, first.getType().getElementType());
  Value all = tensor::ExtractSliceOp::create(
      b, loc, type, first.getSource(), first.getMixedOffsets(), sizes, strides);
  return Joined{all, position};
}

std::optional<Joined> ColumnJoiner::joinReshapes(ArrayRef<Value> values) {
  Operation *first = values.front().getDefiningOp();
  SmallVector<Value> sources;
  for (Value value : values) {
    Operation *op = value.getDefiningOp();
    if (op->getAttrDictionary() != first->getAttrDictionary() ||
        op->getOperands().drop_front() != first->getOperands().drop_front())
      return std::nullopt;
    sources.push_back(op->getOperand(0));
  }
  std::optional<Joined> source = join(sources);
  if (!source)
    return std::nullopt;
  if (!source->dim)
    return Joined{values.front(), std::nullopt};
  auto type = cast<RankedTensorType>(source->value.getType());
  if (*source->dim != type.getRank() - 1)
    return std::nullopt;
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(first)) {
    auto groups = collapse.getReassociationIndices();
    groups.push_back({*source->dim});
    Value all = tensor::CollapseShapeOp::create(
        b, loc, append(collapse.getResultType(), count), source->value, groups);
    return Joined{all, collapse.getResultType().getRank()};
  }
  auto expand = cast<tensor::ExpandShapeOp>(first);
  int64_t rank = expand.getResultType().getRank();
  auto groups = expand.getReassociationIndices();
  groups.push_back({rank});
  SmallVector<OpFoldResult> sizes = expand.getMixedOutputShape();
  sizes.push_back(b.getIndexAttr(count));
  Value all = tensor::ExpandShapeOp::create(
      b, loc, append(expand.getResultType(), count), source->value, groups,
      sizes);
  return Joined{all, rank};
}

/// Whether the operations of `values` are the same up to what they are given
/// and constants from outside of their bodies.
bool ColumnJoiner::areAlike(ArrayRef<Value> values, Constants &constants) {
  auto first = values.front().getDefiningOp<linalg::GenericOp>();
  Region &body = first.getRegion();
  for (size_t number = 1; number < values.size(); ++number) {
    auto other = values[number].getDefiningOp<linalg::GenericOp>();
    if (other->getNumOperands() != first->getNumOperands() ||
        other.getIndexingMaps() != first.getIndexingMaps() ||
        other.getIteratorTypes() != first.getIteratorTypes() ||
        other->getOperandTypes() != first->getOperandTypes())
      return false;
    llvm::SmallDenseMap<Value, Value> inside;
    auto isSame = [&](Value mine, Value others) -> LogicalResult {
      if (body.isAncestor(mine.getParentRegion()))
        return success(inside.lookup(mine) == others);
      Attribute a, c;
      if (!matchPattern(mine, m_Constant(&a)) ||
          !matchPattern(others, m_Constant(&c)))
        return success(mine == others);
      auto constant = dyn_cast<TypedAttr>(c);
      if (!constant || constant.getType() != mine.getType() ||
          !constant.getType().isIntOrIndexOrFloat())
        return failure();
      SmallVector<TypedAttr> &each = constants[mine];
      if (each.empty())
        each.push_back(cast<TypedAttr>(a));
      if (each.size() == number)
        each.push_back(constant);
      return success(each.size() == number + 1 && each.back() == constant);
    };
    if (!OperationEquivalence::isRegionEquivalentTo(
            &body, &other.getRegion(), isSame,
            [&](Value a, Value c) { inside[a] = c; },
            OperationEquivalence::IgnoreLocations))
      return false;
  }
  constants.remove_if([](auto &each) { return llvm::all_equal(each.second); });
  return true;
}

/// Whether results are of the same sizes, and reductions start from one
/// constant, if they read where they start.
bool ColumnJoiner::startAlike(ArrayRef<Value> values, unsigned init) {
  auto first = values.front().getDefiningOp<linalg::GenericOp>();
  Value start = first.getDpsInits()[init];
  auto type = cast<RankedTensorType>(start.getType());
  for (Value value : values.drop_front()) {
    auto other = value.getDefiningOp<linalg::GenericOp>();
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      if (!(getExtent(other.getDpsInits()[init], dim) == getExtent(start, dim)))
        return false;
  }
  if (!first.payloadUsesValueFromOperand(first.getDpsInitOperand(init)))
    return true;
  TypedAttr constant = getSplat(start);
  return constant && llvm::all_of(values, [&](Value value) {
           auto other = value.getDefiningOp<linalg::GenericOp>();
           return getSplat(other.getDpsInits()[init]) == constant;
         });
}

/// The init of an operation with a loop over columns.
Value ColumnJoiner::makeInit(Value init, bool isRead) {
  auto sizes = tensor::getMixedSizes(b, loc, init);
  sizes.push_back(b.getIndexAttr(count));
  if (isRead)
    return createSplat(b, loc, sizes, getSplat(init));
  return tensor::EmptyOp::create(b, loc, sizes,
                                 getElementTypeOrSelf(init.getType()));
}

/// The first of integers that grow by the same step, and the step.
static std::optional<std::pair<int64_t, int64_t>>
getProgression(ArrayRef<TypedAttr> values) {
  Type type = values.front().getType();
  SmallVector<int64_t> numbers;
  for (TypedAttr value : values) {
    auto number = dyn_cast<IntegerAttr>(value);
    if (!number || (!type.isIndex() && type.getIntOrFloatBitWidth() < 32))
      return std::nullopt;
    numbers.push_back(number.getInt());
  }
  std::optional<int64_t> step = getStep(numbers);
  if (!step)
    return std::nullopt;
  return std::make_pair(numbers.front(), *step);
}

/// The number of a progression that loop `loop` is at.
static Value makeNumber(OpBuilder &b, Location loc, Type type,
                        std::pair<int64_t, int64_t> progression,
                        unsigned loop) {
  auto [start, step] = progression;
  Value number = linalg::IndexOp::create(b, loc, loop);
  if (!type.isIndex())
    number = arith::IndexCastOp::create(b, loc, type, number);
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, value));
  };
  if (step != 1)
    number = arith::MulIOp::create(b, loc, number, constant(step));
  if (start != 0)
    number = arith::AddIOp::create(b, loc, number, constant(start));
  return number;
}

std::optional<Joined> ColumnJoiner::joinGenerics(ArrayRef<Value> values) {
  auto first = values.front().getDefiningOp<linalg::GenericOp>();
  Constants constants;
  if (!first.hasPureTensorSemantics() || !areAlike(values, constants))
    return std::nullopt;
  SmallVector<Joined> inputs;
  bool differ = !constants.empty();
  for (unsigned number = 0; number < first.getNumDpsInputs(); ++number) {
    SmallVector<Value> given;
    for (Value value : values)
      given.push_back(value.getDefiningOp()->getOperand(number));
    std::optional<Joined> input = join(given);
    if (!input)
      return std::nullopt;
    differ |= input->dim.has_value();
    inputs.push_back(*input);
  }
  for (unsigned number = 0; number < first.getNumDpsInits(); ++number)
    if (!startAlike(values, number))
      return std::nullopt;
  if (!differ)
    return Joined{values.front(), std::nullopt};

  unsigned loop = first.getNumLoops();
  MLIRContext *context = b.getContext();
  AffineExpr column = b.getAffineDimExpr(loop);
  auto extend = [&](AffineMap map, std::optional<int64_t> dim) {
    SmallVector<AffineExpr> indices(map.getResults());
    if (dim)
      indices.insert(indices.begin() + *dim, column);
    return AffineMap::get(loop + 1, 0, indices, context);
  };
  SmallVector<AffineMap> old = first.getIndexingMapsArray(), maps;
  SmallVector<Value> given, inits;
  for (auto [input, map] : llvm::zip(inputs, old)) {
    given.push_back(input.value);
    maps.push_back(extend(map, input.dim));
  }
  // Numbers that count up are computed in the body, others looked up.
  for (auto &[value, each] : constants) {
    if (getProgression(each))
      continue;
    auto type = RankedTensorType::get({count}, value.getType());
    SmallVector<Attribute> elements(each.begin(), each.end());
    given.push_back(arith::ConstantOp::create(
        b, loc, DenseElementsAttr::get(type, elements)));
    maps.push_back(AffineMap::get(loop + 1, 0, column));
  }
  SmallVector<Type> types;
  for (auto [number, init] : llvm::enumerate(first.getDpsInits())) {
    bool isRead =
        first.payloadUsesValueFromOperand(first.getDpsInitOperand(number));
    Value all = makeInit(init, isRead);
    inits.push_back(all);
    types.push_back(all.getType());
    AffineMap map = old[first.getNumDpsInputs() + number];
    maps.push_back(extend(map, map.getNumResults()));
  }
  SmallVector<utils::IteratorType> iterators = first.getIteratorTypesArray();
  iterators.push_back(utils::IteratorType::parallel);
  auto joined =
      linalg::GenericOp::create(b, loc, types, given, inits, maps, iterators);
  IRMapping mapping;
  first.getRegion().cloneInto(&joined.getRegion(), mapping);
  Block *body = joined.getBody();
  OpBuilder inner = OpBuilder::atBlockBegin(body);
  unsigned at = first.getNumDpsInputs();
  for (auto &[value, each] : constants) {
    auto progression = getProgression(each);
    Value own = progression ? makeNumber(inner, loc, value.getType(),
                                         *progression, loop)
                            : body->insertArgument(at++, value.getType(), loc);
    value.replaceUsesWithIf(own, [&](OpOperand &use) {
      return joined.getRegion().isAncestor(use.getOwner()->getParentRegion());
    });
  }
  unsigned result = cast<OpResult>(values.front()).getResultNumber();
  Value all = joined.getResult(result);
  return Joined{all, cast<RankedTensorType>(all.getType()).getRank() - 1};
}

/// Columns, or several side by side. Blocks first, and then blocks of blocks:
/// what a chain of insertions costs bufferization grows faster than its length.
static Value insertColumns(OpBuilder &b, Location loc, ArrayRef<Value> columns,
                           Type element) {
  constexpr size_t longest = 8;
  OpFoldResult tokens = tensor::getMixedSize(b, loc, columns.front(), 0);
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  SmallVector<Value> blocks(columns);
  SmallVector<int64_t> widths;
  for (Value column : columns) {
    auto type = cast<RankedTensorType>(column.getType());
    widths.push_back(type.getRank() == 1 ? 1 : type.getDimSize(1));
  }
  do {
    SmallVector<Value> wider;
    SmallVector<int64_t> widerWidths;
    for (size_t first = 0; first < blocks.size(); first += longest) {
      size_t count = std::min(longest, blocks.size() - first);
      ArrayRef<int64_t> parts = ArrayRef(widths).slice(first, count);
      int64_t width = std::accumulate(parts.begin(), parts.end(), int64_t(0));
      Value joined = tensor::EmptyOp::create(
          b, loc, {tokens, b.getIndexAttr(width)}, element);
      int64_t offset = 0;
      for (size_t i = 0; i < count; offset += parts[i++])
        joined = tensor::InsertSliceOp::create(
            b, loc, blocks[first + i], joined,
            ArrayRef<OpFoldResult>{zero, b.getIndexAttr(offset)},
            ArrayRef<OpFoldResult>{tokens, b.getIndexAttr(parts[i])},
            ArrayRef<OpFoldResult>{one, one});
      wider.push_back(joined);
      widerWidths.push_back(width);
    }
    blocks = wider;
    widths = widerWidths;
  } while (blocks.size() > 1);
  return blocks.front();
}

Value moe::joinColumns(OpBuilder &b, Location loc, ArrayRef<Value> columns,
                       Type element) {
  auto join = [&](ArrayRef<Value> some) -> Value {
    if (some.size() < 2)
      return nullptr;
    auto joined = ColumnJoiner(b, loc, some.size()).join(some);
    return joined && joined->dim == 1 ? joined->value : Value();
  };
  if (Value all = join(columns))
    return all;
  // The last one is often what the others are not.
  SmallVector<Value> blocks(columns);
  for (bool last : {true, false}) {
    Value most = join(last ? columns.drop_back() : columns.drop_front());
    if (!most)
      continue;
    blocks = last ? SmallVector<Value>{most, columns.back()}
                  : SmallVector<Value>{columns.front(), most};
    break;
  }
  return insertColumns(b, loc, blocks, element);
}
