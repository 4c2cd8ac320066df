//===- PullIntoWhere.cpp - What is zero with its input --------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// silu(where m {x}) ==> where m {silu(x)}
// (where m {x}) @ w ==> where m {x @ w}
//
// Rows that several operations read are chosen for each of them if that leads
// to nothing otherwise: the products of a gate and of what it scales.
//
//===----------------------------------------------------------------------===//

#include "ExpertWork.h"
#include "Where.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Analysis/Elementwise.h"

using namespace mlir;
using namespace mlir::moe;

namespace {

/// Follows what is computed from a moe.where and nothing else.
class Puller {
public:
  Puller(WhereOp where, bool assumeFinite)
      : where(where), assumeFinite(assumeFinite) {}

  /// The operation whose result is zero where the moe.where is and without
  /// which nothing of that is read, the last one that there is.
  bool find();
  void pull();

private:
  /// What a value is where the mask does not hold, and along which dimensions
  /// the mask runs.
  struct Known {
    TypedAttr constant;
    Labels along;
  };
  bool follow(Operation *op);
  TypedAttr evaluate(Operation *op);
  TypedAttr evaluate(const Elementwise &op);
  TypedAttr constantOf(Value value) {
    auto found = known.find(value);
    return found == known.end() ? getSplat(value) : found->second.constant;
  }

  WhereOp where;
  bool assumeFinite;
  llvm::MapVector<Value, Known> known;
  /// Operations that were followed, and how many of them come with the last.
  SmallVector<Operation *> followed;
  size_t taken = 0;
};

} // namespace

TypedAttr Puller::evaluate(const Elementwise &op) {
  SmallVector<TypedAttr> constants;
  for (const ScalarOperand &operand : op.operands)
    constants.push_back(operand.tensor ? constantOf(operand.tensor)
                                       : operand.constant);
  if (isa<arith::SelectOp>(op.scalar)) {
    if (auto chosen = dyn_cast_or_null<IntegerAttr>(constants[0]))
      return constants[chosen.getValue().isZero() ? 2 : 1];
    return constants[1] == constants[2] ? constants[1] : nullptr;
  }
  bool all = llvm::all_of(constants, [](TypedAttr c) { return bool(c); });
  if (isa<arith::MulFOp, arith::DivFOp>(op.scalar) && !all) {
    if (!assumeFinite && !promisesFinite(op.scalar))
      return nullptr;
    if (isZero(constants[0]))
      return constants[0];
    return isa<arith::MulFOp>(op.scalar) && isZero(constants[1]) ? constants[1]
                                                                 : nullptr;
  }
  if (!all)
    return nullptr;
  SmallVector<Attribute> operands(constants.begin(), constants.end());
  SmallVector<OpFoldResult> folded;
  if (failed(op.scalar->fold(operands, folded)) || folded.size() != 1)
    return nullptr;
  if (auto attribute = dyn_cast<Attribute>(folded.front()))
    return dyn_cast_or_null<TypedAttr>(attribute);
  // Folded to one of its operands.
  for (auto [operand, constant] :
       llvm::zip_equal(op.scalar->getOperands(), constants))
    if (operand == cast<Value>(folded.front()))
      return constant;
  return nullptr;
}

/// The constant that the result of `op` is where the mask does not hold.
TypedAttr Puller::evaluate(Operation *op) {
  if (auto moved = getMovedTensors(op); moved.size() == 1)
    return constantOf(moved.front());
  if (auto elementwise = matchElementwise(op))
    return evaluate(*elementwise);
  if (auto sum = matchSum(op)) {
    Operation *product =
        sum->generic.getBody()->getTerminator()->getOperand(0).getDefiningOp();
    if (sum->factors.size() > 1 && !assumeFinite && !promisesFinite(product))
      return nullptr;
    for (OpOperand *factor : sum->factors)
      if (TypedAttr constant = constantOf(factor->get()); isZero(constant))
        return constant;
    return nullptr;
  }
  return nullptr;
}

bool Puller::follow(Operation *op) {
  if (op->getNumResults() != 1 ||
      !isa<RankedTensorType>(op->getResult(0).getType()))
    return false;
  TypedAttr constant = evaluate(op);
  if (!constant)
    return false;
  // Each dimension of a mask is one of the result.
  RowFlow flow = getRowFlow(op, getOwnLabels(op->getResult(0)));
  std::optional<Labels> along;
  for (const Read &read : flow.reads) {
    auto given = known.find(read.value);
    if (given == known.end())
      continue;
    Labels mine;
    for (int64_t dim : given->second.along)
      mine.push_back(read.labels[dim]);
    if (llvm::is_contained(mine, kInner) || (along && *along != mine))
      return false;
    along = mine;
  }
  if (!along)
    return false;
  for (const Obstacle &obstacle : flow.obstacles)
    for (int64_t label : obstacle.labels)
      if (llvm::is_contained(*along, label))
        return false;
  known[op->getResult(0)] = {constant, *along};
  followed.push_back(op);
  return true;
}

bool Puller::find() {
  constexpr size_t kMaxFollowed = 64;
  Value start = where.getResult(0);
  Type element = getElementTypeOrSelf(start.getType());
  known[start] = {
      cast<TypedAttr>(Builder(element.getContext()).getZeroAttr(element)),
      Labels(where.getAlong())};
  llvm::SmallPtrSet<Operation *, 16> inside;
  auto readersOf = [&](Value value) {
    SmallVector<Operation *> readers;
    for (Operation *user : value.getUsers())
      if (!isa<tensor::DimOp>(user) && !inside.contains(user))
        readers.push_back(user);
    return readers;
  };
  while (followed.size() < kMaxFollowed) {
    // The first of those that read what is known: what it reads is known too,
    // or does not depend on the mask.
    Operation *next = nullptr;
    for (auto &[value, each] : known) {
      for (Operation *reader : readersOf(value)) {
        if (reader->getBlock() != where->getBlock())
          return taken > 0;
        if (!next || reader->isBeforeInBlock(next))
          next = reader;
      }
    }
    if (!next || !follow(next))
      return taken > 0;
    inside.insert(next);
    Value result = next->getResult(0);
    bool alone = llvm::all_of(known, [&](auto &entry) {
      return entry.first == result || readersOf(entry.first).empty();
    });
    if (alone && isZero(known[result].constant))
      taken = followed.size();
  }
  return taken > 0;
}

void Puller::pull() {
  for (Operation *op : ArrayRef(followed).take_front(taken))
    detachSizes(op);
  Operation *last = followed[taken - 1];
  Value result = last->getResult(0);
  OpBuilder b(last->getContext());
  b.setInsertionPointAfter(last);
  auto pulled = WhereOp::create(b, last->getLoc(), TypeRange{result.getType()},
                                where.getMasks(), known[result].along,
                                where.getImplied(), 1);
  result.replaceAllUsesWith(pulled.getResult(0));
  // Its result is read by what moves into the region.
  Region &region = pulled.getCases().front();
  region.takeBody(where.getCases().front());
  YieldOp yield = pulled.getYield(region);
  where.getResult(0).replaceAllUsesWith(yield.getOperand(0));
  for (Operation *op : ArrayRef(followed).take_front(taken))
    op->moveBefore(yield);
  yield->setOperand(0, result);
}

/// Whether a region may be computed again for another reader: it chooses from
/// rows that are there anyway.
static bool isCheap(WhereOp where) {
  Region &region = where.getCases().front();
  Block *blocks[] = {&region.front(), where->getBlock()};
  RowSlice slice(getYielded(where, region), blocks,
                 [&](const RowSlice &, Operation *op, const RowFlow &flow) {
                   return flow.isKnown &&
                          (op->getBlock() == blocks[0] ||
                           (isCopy(op) && getOnlyReader(op->getResult(0))));
                 });
  for (Operation &op : region.front())
    if (auto structured = dyn_cast<linalg::LinalgOp>(op);
        structured && structured.getNumReductionLoops() > 0)
      return false;
  return llvm::all_of(slice.getInputs(), [&](const Read &input) {
    Operation *maker = input.value.getDefiningOp();
    // What is the same for all experts is computed once in any case.
    bool ofEach = llvm::all_of(where.getAlong(), [&](int64_t dim) {
      return llvm::is_contained(input.labels, dim);
    });
    return !maker || !ofEach || !getOnlyReader(input.value) || !isWork(maker);
  });
}

static bool pull(WhereOp where, bool assumeFinite) {
  Puller puller(where, assumeFinite);
  if (!puller.find())
    return false;
  puller.pull();
  where.erase();
  return true;
}

/// Chooses for each reader anew and follows each by itself.
static void pullForEach(WhereOp where, bool assumeFinite) {
  detachSizes(where);
  llvm::SmallSetVector<Operation *, 4> readers(llvm::from_range,
                                               where->getUsers());
  if (readers.size() < 2 || !isCheap(where))
    return;
  OpBuilder b(where);
  for (Operation *reader : readers.getArrayRef().drop_front()) {
    if (reader->getBlock() != where->getBlock())
      continue;
    auto own = cast<WhereOp>(b.clone(*where));
    auto isReader = [&](OpOperand &use) { return use.getOwner() == reader; };
    where.getResult(0).replaceUsesWithIf(own.getResult(0), isReader);
    if (pull(own, assumeFinite))
      continue;
    own.getResult(0).replaceAllUsesWith(where.getResult(0));
    own.erase();
  }
  pull(where, assumeFinite);
}

void moe::pullIntoWheres(func::FuncOp function, bool assumeFinite) {
  SmallVector<WhereOp> wheres;
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (auto where = dyn_cast<WhereOp>(op)) {
      wheres.push_back(where);
      return WalkResult::skip();
    }
    return WalkResult::advance();
  });
  for (WhereOp where : wheres)
    if (where.getCases().size() == 1 && where.getOtherwise().empty() &&
        where.getNumResults() == 1 && !pull(where, assumeFinite))
      pullForEach(where, assumeFinite);
}
