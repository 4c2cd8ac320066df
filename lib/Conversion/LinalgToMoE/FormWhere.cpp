//===- FormWhere.cpp - Selects and products become moe.where --------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// select(m, a, select(n, b, 0)) ==> where m {a}, n {b}
// f * a, where f is zero by choice ==> where f != 0 implied {f * a}
//
//===----------------------------------------------------------------------===//

#include "Where.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "moe/Analysis/Elementwise.h"
#include "moe/Analysis/Masks.h"

using namespace mlir;
using namespace mlir::moe;

Operation *moe::getOnlyReader(Value value) {
  Operation *only = nullptr;
  for (OpOperand &use : value.getUses()) {
    if (isa<tensor::DimOp>(use.getOwner()))
      continue;
    if (only)
      return nullptr;
    only = use.getOwner();
  }
  return only;
}

Value moe::conjoin(OpBuilder &b, Location loc, ArrayRef<Read> masks,
                   ArrayRef<int64_t> along) {
  if (masks.size() == 1 && ArrayRef(masks.front().labels) == along)
    return masks.front().value;
  SmallVector<OpFoldResult> sizes(along.size());
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (const auto &[mask, labels] : masks) {
    SmallVector<AffineExpr> indices;
    for (auto [dim, label] : llvm::enumerate(labels)) {
      size_t position = llvm::find(along, label) - along.begin();
      indices.push_back(b.getAffineDimExpr(position));
      if (!sizes[position])
        sizes[position] = tensor::getMixedSize(b, loc, mask, dim);
    }
    inputs.push_back(mask);
    maps.push_back(AffineMap::get(along.size(), 0, indices, b.getContext()));
  }
  return createElementwise(b, loc, sizes, b.getI1Type(), inputs, maps,
                           [](OpBuilder &b, Location loc, ValueRange args) {
                             Value all = args.front();
                             for (Value mask : args.drop_front().drop_back())
                               all = arith::AndIOp::create(b, loc, all, mask);
                             return all;
                           });
}

void moe::detachSizes(Operation *op) {
  for (OpResult result : op->getResults())
    for (OpOperand &use : llvm::make_early_inc_range(result.getUses())) {
      auto dim = dyn_cast<tensor::DimOp>(use.getOwner());
      std::optional<int64_t> index =
          dim ? dim.getConstantIndex() : std::nullopt;
      if (!index)
        continue;
      OpBuilder b(op);
      FailureOr<OpFoldResult> size =
          reifyDimOfResult(b, op, result.getResultNumber(), *index);
      if (failed(size))
        continue;
      dim.getResult().replaceAllUsesWith(
          getValueOrCreateConstantIndexOp(b, dim.getLoc(), *size));
      dim.erase();
    }
}

/// An operand of an elementwise operation, read by `map` from the dimensions of
/// what it computes.
static AffineMap fromResult(const Elementwise &op,
                            const ScalarOperand &operand) {
  return operand.map.compose(
      inversePermutation(op.generic.getIndexingMapsArray().back()));
}

/// Whether each element of an operand decides on a row of several elements, or
/// of one where there is one dimension of rows: it decides on rows.
static bool decidesRows(RankedTensorType type, AffineMap map) {
  if (!map.isProjectedPermutation() || map.getNumResults() == 0)
    return false;
  int64_t rows = 0;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    if (!map.isFunctionOfDim(dim))
      return true;
    rows += type.getDimSize(dim) != 1;
  }
  return rows == 1;
}

/// Whether a condition asks if a factor is zero that is so by choice. A select
/// by it was a product in the model, in which an infinite number shows.
static bool isProduct(Value condition, MaskAnalysis &masks) {
  while (Operation *op = condition.getDefiningOp()) {
    if (!isCopy(op) && !isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op))
      break;
    condition = op->getOperand(0);
  }
  auto op = matchElementwise(condition.getDefiningOp());
  auto compare = op ? dyn_cast<arith::CmpFOp>(op->scalar) : nullptr;
  return compare &&
         (compare.getPredicate() == arith::CmpFPredicate::UNE ||
          compare.getPredicate() == arith::CmpFPredicate::OEQ) &&
         op->operands[0].tensor && isZero(op->operands[1].constant) &&
         masks.isMask(op->operands[0].tensor);
}

namespace {

/// Cases of a nest of selects, in the order in which their masks are asked.
class SelectNest {
public:
  SelectNest(linalg::GenericOp root, MaskAnalysis *products)
      : root(root), products(products),
        type(cast<RankedTensorType>(root.getResult(0).getType())), b(root),
        loc(root.getLoc()) {}

  /// Takes the nest apart; false if it is none.
  bool collect();
  void build();
  ArrayRef<Operation *> getSelects() const { return selects; }

private:
  struct Case {
    /// Of a row, all have to hold.
    SmallVector<Read> masks;
    Value value;
    TypedAttr constant;
    AffineMap map;
  };
  std::optional<Elementwise> match(Value value, AffineMap map, bool isRoot);
  void visit(Value value, TypedAttr constant, AffineMap map,
             ArrayRef<Read> masks, bool isRoot);
  void fill(Region &region, const Case &each);

  linalg::GenericOp root;
  /// Tells products that were written as selects, unless those count.
  MaskAnalysis *products;
  RankedTensorType type;
  OpBuilder b;
  Location loc;
  /// The dimensions along which all masks run.
  Labels along;
  SmallVector<Case> cases;
  llvm::SmallVector<Operation *> selects;
};

} // namespace

std::optional<Elementwise> SelectNest::match(Value value, AffineMap map,
                                             bool isRoot) {
  auto op = matchElementwise(value.getDefiningOp());
  if (!op || !isa<arith::SelectOp>(op->scalar) ||
      op->generic->getBlock() != root->getBlock() ||
      (!isRoot && !getOnlyReader(value)) || !map.isPermutation())
    return std::nullopt;
  const ScalarOperand &condition = op->operands[0];
  if (!condition.tensor || condition.constant ||
      (products && isProduct(condition.tensor, *products)))
    return std::nullopt;
  AffineMap read = fromResult(*op, condition).compose(map);
  if (!decidesRows(type, read))
    return std::nullopt;
  Labels labels = getLabels(read);
  if (isRoot)
    along = labels;
  if (labels != along)
    return std::nullopt;
  for (const ScalarOperand &branch : ArrayRef(op->operands).drop_front())
    if (branch.tensor ? !branch.map.isProjectedPermutation(true)
                      : !branch.constant)
      return std::nullopt;
  return op;
}

void SelectNest::visit(Value value, TypedAttr constant, AffineMap map,
                       ArrayRef<Read> masks, bool isRoot) {
  auto op = value ? match(value, map, isRoot) : std::nullopt;
  if (!op) {
    cases.push_back({llvm::to_vector(masks), value, constant, map});
    return;
  }
  selects.push_back(op->generic);
  auto branch = [&](unsigned number, ArrayRef<Read> masks) {
    const ScalarOperand &operand = op->operands[number];
    AffineMap read =
        operand.tensor ? fromResult(*op, operand).compose(map) : AffineMap();
    visit(operand.tensor, operand.constant, read, masks, false);
  };
  SmallVector<Read> more(masks);
  more.push_back({op->operands[0].tensor, along});
  branch(1, more);
  // Rows that take the first branch are asked for no more.
  branch(2, masks);
}

bool SelectNest::collect() {
  AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
  if (!match(root.getResult(0), identity, true))
    return false;
  visit(root.getResult(0), nullptr, identity, {}, true);
  // Numbers that are chosen are rows only if they take work.
  bool features = false;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    features |= type.getDimSize(dim) != 1 && !llvm::is_contained(along, dim);
  return features || llvm::any_of(cases, [](const Case &each) {
           Operation *op = each.value ? each.value.getDefiningOp() : nullptr;
           return op && isWork(op);
         });
}

/// Yields the value of a case in the dimensions of the result.
void SelectNest::fill(Region &region, const Case &each) {
  OpBuilder::InsertionGuard guard(b);
  b.createBlock(&region);
  Value value = each.value;
  if (!value || value.getType() != type || !each.map.isIdentity()) {
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(b, loc, root.getDpsInits().front());
    value = value ? createCopy(b, loc, value, each.map, sizes)
                  : createSplat(b, loc, sizes, each.constant);
    if (value.getType() != type)
      value = tensor::CastOp::create(b, loc, type, value);
  }
  YieldOp::create(b, loc, value);
}

void SelectNest::build() {
  for (Operation *select : selects)
    detachSizes(select);
  Case last = cases.pop_back_val();
  auto isZeroCase = [](const Case &each) {
    return isZero(each.value ? getSplat(each.value) : each.constant);
  };
  SmallVector<Value> masks;
  for (const Case &each : cases)
    masks.push_back(conjoin(b, loc, each.masks, along));
  auto where = WhereOp::create(b, loc, TypeRange{type}, masks, along,
                               /*implied=*/false, cases.size());
  for (auto [region, each] : llvm::zip_equal(where.getCases(), cases))
    fill(region, each);
  if (!isZeroCase(last))
    fill(where.getOtherwise(), last);
  root.getResult(0).replaceAllUsesWith(where.getResult(0));
  for (Operation *select : selects)
    select->erase();
}

void moe::formSelects(func::FuncOp function, bool assumeFinite) {
  SmallVector<linalg::GenericOp> candidates;
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isa<WhereOp, DispatchOp>(op))
      return WalkResult::skip();
    auto select = matchElementwise(op);
    if (select && isa<arith::SelectOp>(select->scalar) &&
        isa<FloatType, IntegerType>(
            getElementTypeOrSelf(op->getResult(0).getType())))
      candidates.push_back(select->generic);
    return WalkResult::advance();
  });
  // The outermost of a nest first.
  llvm::SmallPtrSet<Operation *, 16> erased;
  for (linalg::GenericOp op : llvm::reverse(candidates)) {
    if (erased.contains(op))
      continue;
    // Not kept: operations are erased, and others take their addresses.
    MaskAnalysis masks;
    SelectNest nest(op, assumeFinite ? nullptr : &masks);
    if (!nest.collect())
      continue;
    erased.insert_range(nest.getSelects());
    nest.build();
  }
}

Value moe::isNotZero(OpBuilder &b, Location loc, Value factor) {
  if (auto number = matchElementwise(factor.getDefiningOp());
      number && isa<arith::UIToFPOp>(number->scalar) &&
      number->operands[0].tensor && number->operands[0].map.isIdentity() &&
      number->generic.getIndexingMapsArray().back().isIdentity() &&
      getElementTypeOrSelf(number->operands[0].tensor).isInteger(1))
    return number->operands[0].tensor;
  int64_t rank = cast<RankedTensorType>(factor.getType()).getRank();
  return createElementwise(
      b, loc, tensor::getMixedSizes(b, loc, factor), b.getI1Type(), factor,
      b.getMultiDimIdentityMap(rank),
      [](OpBuilder &b, Location loc, ValueRange args) -> Value {
        Value zero =
            arith::ConstantOp::create(b, loc, b.getZeroAttr(args[0].getType()));
        // NaN is not zero.
        return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNE, args[0],
                                     zero);
      });
}

namespace {

/// A product, what it multiplies, and so on, as far as nothing else reads it.
class ProductChain {
public:
  ProductChain(linalg::GenericOp root, bool assumeFinite,
               llvm::function_ref<bool(Value)> isMask)
      : root(root), type(cast<RankedTensorType>(root.getResult(0).getType())),
        isMask(isMask), assumeFinite(assumeFinite) {}

  /// Takes the chain apart; false if nothing in it scales rows.
  bool collect();
  void build();
  ArrayRef<Operation *> getProducts() const { return products; }

private:
  void visit(Value value, AffineMap map);

  linalg::GenericOp root;
  RankedTensorType type;
  llvm::function_ref<bool(Value)> isMask;
  bool assumeFinite;
  SmallVector<Read> factors;
  SmallVector<Operation *> products;
};

} // namespace

/// Whether each element of a factor scales a row of several elements.
static bool scalesRows(RankedTensorType type, AffineMap map) {
  bool several = false;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    several |= type.getDimSize(dim) != 1 && !map.isFunctionOfDim(dim);
  return several && decidesRows(type, map);
}

void ProductChain::visit(Value value, AffineMap map) {
  auto product = matchElementwise(value.getDefiningOp());
  bool isRoot = value == root.getResult(0);
  if (!product || !isa<arith::MulFOp>(product->scalar) ||
      product->generic->getBlock() != root->getBlock() ||
      !map.isPermutation() || (!isRoot && !getOnlyReader(value)) ||
      !(assumeFinite || promisesFinite(product->scalar)))
    return;
  products.push_back(product->generic);
  for (const ScalarOperand &operand : product->operands) {
    if (!operand.tensor || operand.constant)
      continue;
    AffineMap read = fromResult(*product, operand).compose(map);
    if (scalesRows(type, read) && isMask(operand.tensor))
      factors.push_back({operand.tensor, getLabels(read)});
    else
      visit(operand.tensor, read);
  }
}

bool ProductChain::collect() {
  AffineMap identity =
      AffineMap::getMultiDimIdentityMap(type.getRank(), root.getContext());
  visit(root.getResult(0), identity);
  // Masks of different dimensions may leave nothing of a row.
  llvm::SmallBitVector free(type.getRank(), true);
  for (const Read &factor : factors)
    for (int64_t label : factor.labels)
      free.reset(label);
  return !factors.empty() && llvm::any_of(free.set_bits(), [&](unsigned dim) {
    return type.getDimSize(dim) != 1;
  });
}

void ProductChain::build() {
  for (Operation *product : products)
    detachSizes(product);
  OpBuilder b(root);
  Location loc = root.getLoc();
  SmallVector<int64_t> along;
  SmallVector<Read> holds;
  for (const auto &[factor, labels] : factors) {
    holds.push_back({isNotZero(b, loc, factor), labels});
    for (int64_t label : labels)
      if (!llvm::is_contained(along, label))
        along.push_back(label);
  }
  if (holds.size() > 1)
    llvm::sort(along);
  auto where = WhereOp::create(b, loc, TypeRange{type},
                               conjoin(b, loc, holds, along), along,
                               /*implied=*/true, 1);
  root.getResult(0).replaceAllUsesWith(where.getResult(0));
  Block *block = b.createBlock(&where.getCases().front());
  for (Operation *product : llvm::reverse(products))
    product->moveBefore(block, block->end());
  YieldOp::create(b, loc, root.getResult(0));
}

/// A factor that looks like a mask to a reader, if what it scales is work.
static void explainFactor(const Elementwise &product, MaskAnalysis &masks,
                          std::vector<Remark> &remarks) {
  auto type = cast<RankedTensorType>(product.generic.getResult(0).getType());
  for (auto [number, operand] : llvm::enumerate(product.operands)) {
    const ScalarOperand &other = product.operands[1 - number];
    if (!operand.tensor || operand.constant || !other.tensor ||
        !scalesRows(type, fromResult(product, operand)) ||
        masks.isMask(operand.tensor) || !masks.isNearMask(operand.tensor))
      continue;
    Operation *factor = operand.tensor.getDefiningOp();
    Operation *scaled = other.tensor.getDefiningOp();
    if (factor && scaled && getOnlyReader(other.tensor) && isWork(scaled))
      remarks.push_back({product.generic.getLoc(),
                         ("'" + factor->getName().getStringRef() +
                          "' gives a factor that is not known to be zero")
                             .str(),
                         factor->getLoc()});
  }
}

void moe::formProducts(func::FuncOp function, bool assumeFinite,
                       std::vector<Remark> &remarks) {
  SmallVector<linalg::GenericOp> candidates;
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isa<WhereOp, DispatchOp>(op))
      return WalkResult::skip();
    auto product = matchElementwise(op);
    if (product && isa<arith::MulFOp>(product->scalar))
      candidates.push_back(product->generic);
    return WalkResult::advance();
  });
  MaskAnalysis masks;
  llvm::SmallPtrSet<Operation *, 16> moved;
  for (linalg::GenericOp op : llvm::reverse(candidates)) {
    if (moved.contains(op))
      continue;
    ProductChain chain(op, assumeFinite,
                       [&](Value factor) { return masks.isMask(factor); });
    if (!chain.collect()) {
      explainFactor(*matchElementwise(op), masks, remarks);
      continue;
    }
    moved.insert_range(chain.getProducts());
    chain.build();
  }
}

/// Whether a value is what masks need, or is added up from such values alone.
static bool isOfExperts(Value value, unsigned depth = 0) {
  constexpr unsigned kMaxDepth = 64;
  Operation *op = value.getDefiningOp();
  if (!op || depth == kMaxDepth || !getOnlyReader(value))
    return false;
  if (isa<WhereOp>(op))
    return true;
  auto sum = matchElementwise(op);
  if (!(sum && isa<arith::AddFOp>(sum->scalar)) && !matchSum(op) &&
      !isCopy(op) && !isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op))
    return false;
  return llvm::any_of(op->getOperands(), [&](Value operand) {
    return isa<RankedTensorType>(operand.getType()) &&
           isOfExperts(operand, depth + 1);
  });
}

/// Whether a value is an argument of the function, in whatever shape.
static bool isArgument(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isCopy(op) && !isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op))
      return false;
    value = op->getOperand(0);
  }
  return isa<func::FuncOp>(value.getParentRegion()->getParentOp());
}

void moe::formPaddings(func::FuncOp function) {
  SmallVector<linalg::GenericOp> candidates;
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isa<WhereOp, DispatchOp>(op))
      return WalkResult::skip();
    auto product = matchElementwise(op);
    if (product && isa<arith::MulFOp>(product->scalar) &&
        llvm::any_of(product->operands, [](const ScalarOperand &operand) {
          return operand.tensor && isOfExperts(operand.tensor);
        }))
      candidates.push_back(product->generic);
    return WalkResult::advance();
  });
  for (linalg::GenericOp op : candidates) {
    ProductChain chain(op, /*assumeFinite=*/true, isArgument);
    if (chain.collect())
      chain.build();
  }
}
