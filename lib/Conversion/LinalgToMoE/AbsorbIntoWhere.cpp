//===- AbsorbIntoWhere.cpp - What is computed for a mask alone ------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An operation moves into a region if nothing else reads it and if its rows
// follow those of what the region yields. A moe.where that holds no work of its
// own narrows those that it reads.
//
//===----------------------------------------------------------------------===//

#include "ExpertWork.h"
#include "Where.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/RegionUtils.h"
#include "moe/Analysis/Elementwise.h"

using namespace mlir;
using namespace mlir::moe;

void Remark::emit() const {
  InFlightDiagnostic remark =
      emitRemark(loc, "masked, but computed for all tokens: ") << reason;
  if (where)
    remark.attachNote(*where) << "by this operation";
}

std::optional<int64_t> moe::getStackDim(WhereOp where) {
  // Something else has to number rows.
  if (where.getNumResults() != 1 || where.getAlong().size() < 2)
    return std::nullopt;
  Operation *reader = getOnlyReader(where.getResult(0));
  auto sum = reader ? matchSum(reader) : std::nullopt;
  if (!sum || sum->factors.size() != 1 ||
      sum->generic.getNumReductionLoops() != 1 ||
      !sum->generic.getIndexingMapsArray().back().isProjectedPermutation())
    return std::nullopt;
  SmallVector<unsigned> reductions;
  sum->generic.getReductionDims(reductions);
  AffineMap map = sum->generic.getMatchingIndexingMap(sum->factors.front());
  // A loop that runs once adds nothing.
  if (!map.isProjectedPermutation())
    return std::nullopt;
  for (auto [loop, size] : llvm::enumerate(sum->generic.getStaticLoopRanges()))
    if (size != 1 && !map.isFunctionOfDim(loop))
      return std::nullopt;
  for (int64_t dim : where.getAlong())
    if (map.getDimPosition(dim) == reductions.front())
      return dim;
  return std::nullopt;
}

namespace {

/// What kept an operation out of a region.
struct Stop {
  Operation *op;
  std::string reason;
};

/// Decides what is computed for `reader`, or for a region of it, alone.
class Absorption {
public:
  Absorption(Operation *reader, Region *region, RankedTensorType type,
             ArrayRef<int64_t> tokens, std::optional<int64_t> stack)
      : reader(reader), region(region), type(type), tokens(tokens),
        stack(stack) {}

  RowSlice run(ArrayRef<Read> roots);
  /// In the order they were met.
  SmallVector<Stop> stops;

private:
  bool mayEnter(const RowSlice &slice, Operation *op, const RowFlow &flow);
  std::string findOther(const RowSlice &slice, Operation *op);
  bool isShared(const RowSlice &slice, Operation *op);
  Operation *findNumber(const RowSlice &slice, Value value);

  /// What stays outside whatever it reads.
  llvm::SmallPtrSet<Operation *, 4> outside;
  Operation *reader;
  Region *region;
  RankedTensorType type;
  ArrayRef<int64_t> tokens;
  std::optional<int64_t> stack;
};

class Absorber {
public:
  Absorber(WhereOp where, std::vector<Remark> &remarks)
      : where(where), remarks(remarks), stack(getStackDim(where)) {
    for (int64_t dim : where.getAlong())
      if (dim != stack)
        tokens.push_back(dim);
  }

  /// How many experts the regions hold the work of now.
  int64_t run();

private:
  SmallVector<bool> absorb();
  void absorb(Region &region);
  void narrow(Value value, const Labels &labels, Value mask);
  void explain(Region &region, ArrayRef<Stop> stops);

  WhereOp where;
  std::vector<Remark> &remarks;
  std::optional<int64_t> stack;
  SmallVector<int64_t> tokens;
  /// Of each region.
  SmallVector<std::unique_ptr<RowSlice>> slices;
  SmallVector<SmallVector<Stop>> stops;
};

} // namespace

RowSlice Absorption::run(ArrayRef<Read> roots) {
  SmallVector<Block *> blocks;
  if (region)
    blocks.push_back(&region->front());
  blocks.push_back(reader->getBlock());
  while (true) {
    stops.clear();
    RowSlice slice(
        roots, blocks,
        [&](const RowSlice &slice, Operation *op, const RowFlow &flow) {
          return mayEnter(slice, op, flow);
        });
    // A number for each row and expert is read as one, rather than what it is
    // computed from, of all rows and experts.
    ExpertWork work(slice, roots, tokens, stack);
    const Read *whole = work.findWhole();
    Operation *number = whole ? findNumber(slice, whole->value) : nullptr;
    if (!number || !outside.insert(number).second)
      return slice;
  }
}

/// The last operation of the slice that computes a number for each row and
/// expert from `value`, or null.
Operation *Absorption::findNumber(const RowSlice &slice, Value value) {
  llvm::SmallPtrSet<Operation *, 16> readers;
  Operation *last = nullptr;
  // From the first to the last.
  for (Operation *op : llvm::reverse(slice.getOperations())) {
    if (llvm::none_of(op->getOperands(), [&](Value operand) {
          return operand == value || readers.contains(operand.getDefiningOp());
        }))
      continue;
    readers.insert(op);
    bool number = llvm::all_of(op->getResults(), [&](Value result) {
      auto shape = cast<RankedTensorType>(result.getType()).getShape();
      return slice.knows(result) &&
             llvm::all_of(llvm::zip_equal(shape, slice.labelsOf(result)),
                          [&](auto sized) {
                            auto [size, label] = sized;
                            return size == 1 || label == stack ||
                                   llvm::is_contained(tokens, label);
                          });
    });
    if (number)
      last = op;
  }
  return last;
}

/// The name of what else reads `op`, or nothing.
std::string Absorption::findOther(const RowSlice &slice, Operation *op) {
  for (Operation *user : op->getUsers()) {
    if (isa<tensor::DimOp>(user) ||
        (region && region->isAncestor(user->getParentRegion())))
      continue;
    Operation *own = reader->getBlock()->findAncestorOpInBlock(*user);
    bool isReader = own == reader && !region;
    if (!own || (!isReader && !slice.contains(own))) {
      // What chooses between rows was written as a linalg operation.
      Operation *other = own ? own : user;
      return isa<WhereOp>(other) ? "linalg.generic"
                                 : other->getName().getStringRef().str();
    }
  }
  return "";
}

/// Whether each row of what `op` computes is that of several tokens, so that to
/// compute it for each that is chosen would be more work.
bool Absorption::isShared(const RowSlice &slice, Operation *op) {
  return llvm::any_of(op->getResults(), [&](Value result) {
    if (!slice.knows(result))
      return false;
    const Labels &labels = slice.labelsOf(result);
    auto has = [&](int64_t token) { return llvm::is_contained(labels, token); };
    return llvm::any_of(tokens, has) &&
           !llvm::all_of(tokens, [&](int64_t token) {
             return type.getDimSize(token) == 1 || has(token);
           });
  });
}

/// Whether `op` adds what masks need to something else: experts are added up
/// outside of what reads the sum.
static bool addsExperts(Operation *op) {
  auto sum = matchElementwise(op);
  bool adds = sum && isa<arith::AddFOp>(sum->scalar);
  return llvm::any_of(op->getOperands(), [&](Value value) {
    auto where = value.getDefiningOp<WhereOp>();
    return where && getOnlyReader(value) == op && (adds || getStackDim(where));
  });
}

bool Absorption::mayEnter(const RowSlice &slice, Operation *op,
                          const RowFlow &flow) {
  if (region && op->getBlock() == &region->front())
    return true;
  auto stop = [&](StringRef reason, Operation *by) {
    stops.push_back({by, reason.str()});
    return false;
  };
  if (outside.contains(op) || isa<WhereOp>(op) || addsExperts(op))
    return false;
  std::string other = findOther(slice, op);
  if (!other.empty())
    return stop("is also used by '" + other +
                    "'; give it the masked value, or compute it twice",
                op);
  if (!flow.isKnown)
    return stop("is not known to keep rows apart", op);
  for (const Obstacle &obstacle : flow.obstacles)
    for (int64_t label : obstacle.labels)
      if (llvm::is_contained(tokens, label) ||
          (label == stack && obstacle.kind != Obstacle::UsesPosition))
        return stop(obstacle.reason, obstacle.op);
  return !isShared(slice, op);
}

bool moe::isWorkOfExperts(Operation *reader, const Read &value,
                          RankedTensorType type, ArrayRef<int64_t> tokens,
                          std::optional<int64_t> stack) {
  Absorption absorption(reader, nullptr, type, tokens, stack);
  RowSlice slice = absorption.run(value);
  ExpertWork work(slice, value, tokens, stack);
  return work.isWorthIt() && !work.findWhole() && !work.findMixing();
}

/// The rows of `value`, dimensions of which are labelled by those of the
/// moe.where, that are needed where `mask` holds.
void Absorber::narrow(Value value, const Labels &labels, Value mask) {
  Operation *op = value.getDefiningOp();
  if (!op || op->getBlock() != where->getBlock())
    return;
  auto inner = dyn_cast<WhereOp>(op);
  if (!inner) {
    // Rows follow those of what it reads.
    RowFlow flow = getRowFlow(op, labels);
    for (const Obstacle &obstacle : flow.obstacles)
      for (int64_t label : obstacle.labels)
        if (llvm::is_contained(where.getAlong(), label))
          return;
    if (flow.isKnown && op->getNumResults() == 1)
      for (const Read &read : flow.reads)
        if (getOnlyReader(read.value))
          narrow(read.value, read.labels, mask);
    return;
  }
  if (inner.getNumResults() != 1)
    return;
  Labels along;
  for (int64_t dim : where.getAlong()) {
    auto position = llvm::find(labels, dim);
    if (position == labels.end())
      return;
    along.push_back(position - labels.begin());
  }
  OpBuilder b(inner);
  // Masks come before what they narrow.
  Operation *maker = mask.getDefiningOp();
  IRRewriter rewriter(b);
  if (maker && maker->getBlock() == inner->getBlock() &&
      !maker->isBeforeInBlock(inner) &&
      failed(moveValueDefinitions(rewriter, mask, inner)))
    return;
  SmallVector<int64_t> all(inner.getAlong());
  for (int64_t dim : along)
    if (!llvm::is_contained(all, dim))
      all.push_back(dim);
  SmallVector<Value> masks;
  for (Value own : inner.getMasks())
    masks.push_back(conjoin(b, inner.getLoc(),
                            {{own, Labels(inner.getAlong())}, {mask, along}},
                            all));
  bool otherwise = !inner.getOtherwise().empty();
  if (otherwise)
    masks.push_back(conjoin(b, inner.getLoc(),
                            {Read{mask, along}, Read{mask, along}}, all));
  auto narrowed = WhereOp::create(b, inner.getLoc(), inner.getResultTypes(),
                                  masks, all, inner.getImplied(), masks.size());
  for (auto [to, from] : llvm::zip(narrowed.getCases(), inner.getCases()))
    to.takeBody(from);
  if (otherwise)
    narrowed.getCases().back().takeBody(inner.getOtherwise());
  inner->replaceAllUsesWith(narrowed);
  inner->erase();
}

bool moe::isWork(Operation *op) {
  constexpr size_t kMaxVisited = 256;
  SetVector<Operation *> todo;
  todo.insert(op);
  for (size_t i = 0; i < todo.size() && i < kMaxVisited; ++i) {
    auto structured = dyn_cast<linalg::LinalgOp>(todo[i]);
    if (structured && structured.getNumReductionLoops() > 0)
      return true;
    for (Region &region : todo[i]->getRegions())
      for (Operation &nested : region.getOps())
        if (isa<math::MathDialect>(nested.getDialect()))
          return true;
    for (Value operand : todo[i]->getOperands())
      if (Operation *maker = operand.getDefiningOp();
          maker && getOnlyReader(operand))
        todo.insert(maker);
  }
  return false;
}

/// A case that is computed for all rows, if there is anything to compute. What
/// a mask is made of is not masked.
void Absorber::explain(Region &region, ArrayRef<Stop> stops) {
  Value value = where.getYield(region).getOperand(0);
  Operation *op = value.getDefiningOp();
  auto found = llvm::find_if(stops, [&](const Stop &stop) {
    bool makesMask = llvm::any_of(where.getMasks(), [&](Value mask) {
      Operation *maker = mask.getDefiningOp();
      return maker && (maker == stop.op ||
                       llvm::any_of(maker->getOperands(), [&](Value factor) {
                         return factor.getDefiningOp() == stop.op;
                       }));
    });
    return !makesMask && isWork(stop.op);
  });
  if (!op || found == stops.end())
    return;
  const Stop &first = *found;
  Remark remark{op->getLoc(), first.reason, {}};
  if (first.op != op) {
    remark.reason =
        ("'" + first.op->getName().getStringRef() + "' " + first.reason).str();
    remark.where = first.op->getLoc();
  }
  remarks.push_back(remark);
}

/// Moves what is computed for a region alone into it.
void Absorber::absorb(Region &region) {
  auto type = cast<RankedTensorType>(where.getResult(0).getType());
  Absorption absorption(where, &region, type, tokens, stack);
  slices.push_back(
      std::make_unique<RowSlice>(absorption.run(getYielded(where, region))));
  stops.push_back(std::move(absorption.stops));
  Block &body = region.front();
  for (Operation *op : slices.back()->getOperations()) {
    if (op->getBlock() == &body)
      continue;
    detachSizes(op);
    op->moveBefore(&body, body.begin());
  }
}

/// Which regions hold the work of experts once what can moves into them.
SmallVector<bool> Absorber::absorb() {
  slices.clear();
  stops.clear();
  for (Region *region : getRegions(where))
    absorb(*region);
  SmallVector<const RowSlice *> all;
  for (auto &slice : slices)
    all.push_back(slice.get());
  return chooseExperts(where, all, tokens, stack);
}

int64_t Absorber::run() {
  SmallVector<bool> chosen = absorb();
  // What is added up may be rows, rather than experts.
  if (stack && !llvm::is_contained(chosen, true)) {
    stack = std::nullopt;
    tokens.assign(where.getAlong().begin(), where.getAlong().end());
    chosen = absorb();
  }
  // Weights are never copied for each row.
  if (!stack) {
    SmallVector<const RowSlice *> all;
    for (auto &slice : slices)
      all.push_back(slice.get());
    stack = findExpertsOfRows(where, all, tokens);
    if (stack)
      chosen.assign(chosen.size(), true);
  }
  SmallVector<Region *> regions = getRegions(where);
  for (auto [number, region] : llvm::enumerate(regions)) {
    if (chosen[number])
      continue;
    SmallVector<Read> results = getYielded(where, *region);
    ExpertWork work(*slices[number], results, tokens, stack);
    if (const Read *whole = work.isWorthIt() ? work.findWhole() : nullptr)
      if (Operation *op = whole->value.getDefiningOp())
        stops[number].insert(
            stops[number].begin(),
            {op, "is needed as a whole, for all experts and tokens"});
    if (Operation *op = work.findMixing())
      stops[number].insert(stops[number].begin(),
                           {op, "combines different rows"});
    explain(*region, stops[number]);
  }
  for (auto [number, mask] : llvm::enumerate(where.getMasks()))
    for (const Read &input : slices[number]->getInputs()) {
      Operation *reader = getOnlyReader(input.value);
      if (reader && where->isAncestor(reader))
        narrow(input.value, input.labels, mask);
    }
  int64_t experts = llvm::count(chosen, true);
  auto type = cast<RankedTensorType>(where.getResult(0).getType());
  return experts > 0 && stack ? type.getDimSize(*stack) : experts;
}

int64_t moe::absorbIntoWheres(func::FuncOp function,
                              std::vector<Remark> &remarks) {
  SmallVector<WhereOp> wheres;
  function.walk([&](WhereOp where) { wheres.push_back(where); });
  IRRewriter rewriter(function.getContext());
  int64_t experts = 0;
  for (WhereOp where : wheres) {
    int64_t own = Absorber(where, remarks).run();
    experts += own;
    if (own > 0)
      continue;
    SmallVector<Value> masks(where.getMasks());
    lowerWhere(rewriter, where, /*selectImplied=*/false);
    // A mask that was made for it is no use of what it is made of.
    for (Value mask : masks)
      if (Operation *op = mask.getDefiningOp(); op && isOpTriviallyDead(op))
        op->erase();
  }
  return experts;
}
