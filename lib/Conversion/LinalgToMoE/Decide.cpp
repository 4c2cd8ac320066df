//===- Decide.cpp - Which terms are experts -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A term is an expert if it is needed in some rows only and each of its rows is
// computed by itself.
//
//===----------------------------------------------------------------------===//

#include "MaskedTerms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/RegionUtils.h"
#include "moe/Analysis/Elementwise.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::moe;

namespace {

/// The constant that values are where a mask does not hold.
class Evaluation {
public:
  Evaluation(const Cone &cone, const MaskUse &mask, bool condition)
      : cone(cone), mask(mask), condition(condition) {}

  TypedAttr of(Value value) {
    if (TypedAttr splat = getSplat(value))
      return splat;
    auto found = known.find(value);
    if (found != known.end())
      return found->second;
    TypedAttr result = compute(value);
    known[value] = result;
    return result;
  }

  /// Whether something was multiplied by zero, and so has to be finite.
  bool needsFinite = false;

private:
  TypedAttr compute(Value value);
  TypedAttr ofElementwise(const Elementwise &op);

  const Cone &cone;
  const MaskUse &mask;
  bool condition;
  llvm::SmallDenseMap<Value, TypedAttr> known;
};

} // namespace

static bool promisesFinite(Operation *op) {
  auto flags = dyn_cast<arith::ArithFastMathInterface>(op);
  return flags && arith::bitEnumContainsAll(
                      flags.getFastMathFlagsAttr().getValue(),
                      arith::FastMathFlags::nnan | arith::FastMathFlags::ninf);
}

TypedAttr Evaluation::ofElementwise(const Elementwise &op) {
  Builder b(op.scalar->getContext());
  SmallVector<TypedAttr> constants;
  for (const ScalarOperand &operand : op.operands) {
    TypedAttr constant = operand.constant;
    if (operand.tensor &&
        Read{operand.tensor, cone.labelsBy(op.generic, operand.map)} ==
            mask.mask) {
      Type type = getElementTypeOrSelf(operand.tensor.getType());
      constant = mask.isNumber ? cast<TypedAttr>(b.getZeroAttr(type))
                               : b.getIntegerAttr(type, condition);
    } else if (operand.tensor && !constant) {
      constant = of(operand.tensor);
    }
    constants.push_back(constant);
  }
  if (isa<arith::SelectOp>(op.scalar)) {
    if (auto chosen = dyn_cast_or_null<IntegerAttr>(constants[0])) {
      Value condition = op.operands[0].tensor;
      needsFinite |= condition && isEqualityWithConstant(condition);
      return constants[chosen.getValue().isZero() ? 2 : 1];
    }
    return constants[1] == constants[2] ? constants[1] : nullptr;
  }
  bool all = llvm::all_of(constants, [](TypedAttr c) { return bool(c); });
  if (isa<arith::MulFOp, arith::DivFOp>(op.scalar) && !all) {
    bool quotient = isa<arith::DivFOp>(op.scalar);
    if (isZero(constants[0]) || (!quotient && isZero(constants[1]))) {
      needsFinite |= !promisesFinite(op.scalar);
      return isZero(constants[0]) ? constants[0] : constants[1];
    }
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

TypedAttr Evaluation::compute(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || !cone.contains(op))
    return nullptr;
  if (isCopy(op))
    return of(cast<linalg::GenericOp>(op).getDpsInputs().front());
  if (auto elementwise = matchElementwise(op))
    return ofElementwise(*elementwise);
  if (auto sum = matchSum(op)) {
    for (OpOperand *factor : sum->factors)
      if (TypedAttr constant = of(factor->get()); isZero(constant)) {
        Operation *product = sum->generic.getBody()
                                 ->getTerminator()
                                 ->getOperand(0)
                                 .getDefiningOp();
        needsFinite |= sum->factors.size() > 1 && !promisesFinite(product);
        return constant;
      }
    return nullptr;
  }
  Value source = llvm::TypeSwitch<Operation *, Value>(op)
                     .Case<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(
                         [](auto op) { return op.getSrc(); })
                     .Case<tensor::ExtractSliceOp, tensor::CastOp>(
                         [](auto op) { return op.getSource(); })
                     .Default(Value());
  return source ? of(source) : nullptr;
}

/// The masks without which `value` is zero.
static SmallVector<MaskUse, 2> findMasks(const Cone &cone, Value value,
                                         bool assumeFinite) {
  SmallVector<MaskUse, 2> masks;
  for (MaskUse use : cone.getMasks())
    for (bool needed : {true, false}) {
      if (use.isNumber && !needed)
        continue;
      Evaluation evaluation(cone, use, !needed);
      if (!isZero(evaluation.of(value)) ||
          (evaluation.needsFinite && !assumeFinite))
        continue;
      use.needed = needed;
      masks.push_back(use);
      break;
    }
  return masks;
}

static void refuse(Term &term, Operation *where, const Twine &reason) {
  if (!term.reason.empty())
    return;
  term.where = where;
  term.reason = reason.str();
}

/// A term that is zero where a factor is, if the factor ever is.
static void checkNearMasks(Term &term) {
  for (const MaskUse &use : term.cone->getNearMasks()) {
    Evaluation evaluation(*term.cone, use, false);
    if (isZero(evaluation.of(term.value)))
      return refuse(term, use.mask.value.getDefiningOp(),
                    "gives a factor that is not known to be zero");
  }
}

/// Whether something `op` reads is a row of the cone.
static bool readsRows(const MaskedTerms &terms, const Cone &cone,
                      Operation *op) {
  SmallVector<Operation *> todo{op};
  llvm::SmallPtrSet<Operation *, 16> seen;
  while (!todo.empty()) {
    Operation *next = todo.pop_back_val();
    if (!seen.insert(next).second || seen.size() > 256)
      continue;
    llvm::SetVector<Value> reads(next->operand_begin(), next->operand_end());
    getUsedValuesDefinedAbove(next->getRegions(), reads);
    for (Value value : reads) {
      if (llvm::any_of(cone.readingsOf(value), [&](auto &reading) {
            return terms.hasRows(reading.labels);
          }))
        return true;
      if (Operation *producer = value.getDefiningOp())
        if (producer->getBlock() == op->getBlock())
          todo.push_back(producer);
    }
  }
  return false;
}

/// The first obstacle to rows along the loops of tokens and experts, or null.
static const Cone::Obstacle *findObstacle(const MaskedTerms &terms,
                                          const Cone &cone) {
  for (const Cone::Obstacle &obstacle : cone.getObstacles()) {
    bool unknown = false;
    for (const Read &input : cone.getInputs()) {
      if (input.value.getDefiningOp() != obstacle.op)
        continue;
      unknown = true;
      bool rows = terms.hasRows(input.labels);
      if ((rows && !terms.isRowLevel(input)) ||
          (!rows && readsRows(terms, cone, obstacle.op)))
        return &obstacle;
    }
    if (unknown)
      continue;
    for (int64_t loop : obstacle.loops) {
      bool expert = loop == terms.expertLoop;
      if (expert && obstacle.kind == Cone::Obstacle::UsesPosition)
        continue;
      if (expert || terms.isToken(loop))
        return &obstacle;
    }
  }
  return nullptr;
}

/// The first value that a cone would need of all experts and tokens, or null.
static const Read *findWhole(const MaskedTerms &terms, const Cone &cone) {
  for (const Read &input : cone.getInputs())
    if (llvm::is_contained(input.labels, terms.expertLoop) &&
        terms.hasRows(input.labels) && !terms.isRowLevel(input))
      return &input;
  return nullptr;
}

/// Whether each row of something in the cone is a sum.
static bool reducesRows(const MaskedTerms &terms, const Cone &cone) {
  return llvm::any_of(cone.getOperations(), [&](Operation *op) {
    auto structured = dyn_cast<linalg::LinalgOp>(op);
    return structured && structured.getNumReductionLoops() > 0 &&
           terms.hasRows(cone.labelsOf(op->getResult(0)));
  });
}

/// Whether each row of what `op` computes is that of several tokens.
static bool isShared(const MaskedTerms &terms, const Cone &cone,
                     Operation *op) {
  return llvm::any_of(op->getResults(), [&](Value result) {
    if (!cone.knows(result) || !terms.hasRows(cone.labelsOf(result)))
      return false;
    return !llvm::all_of(terms.tokens, [&](int64_t token) {
      return llvm::is_contained(cone.labelsOf(result), token);
    });
  });
}

/// Leaves outside what would be computed several times there, and rows that are
/// read by position, where sums are computed from them.
static void leaveOut(const MaskedTerms &terms, Term &term, bool assumeFinite,
                     ConeAnalyses &analyses) {
  constexpr size_t kMaxOutside = 16;
  llvm::SmallPtrSet<Operation *, 4> outside;
  std::unique_ptr<Cone> smaller;
  auto rebuild = [&] {
    smaller = std::make_unique<Cone>(term.value, getLabels(term.map),
                                     terms.sinks, analyses,
                                     /*isGiven=*/nullptr, &outside);
  };
  auto isMaskedAlike = [&] {
    return findMasks(*smaller, term.value, assumeFinite).size() ==
           term.masks.size();
  };
  Operation *shared = nullptr;
  for (Operation *op : term.cone->getOperations())
    if (isShared(terms, *term.cone, op)) {
      outside.insert(op);
      shared = op;
    }
  if (shared) {
    rebuild();
    if (!smaller->computes() || !isMaskedAlike())
      return refuse(term, shared, "computes rows that several tokens share");
    term.cone = std::move(smaller);
  }
  const Cone *cone = term.cone.get();
  while (const Cone::Obstacle *obstacle = findObstacle(terms, *cone)) {
    if (obstacle->kind == Cone::Obstacle::Mixes ||
        !cone->contains(obstacle->op) || outside.size() >= kMaxOutside)
      return;
    outside.insert(obstacle->op);
    rebuild();
    cone = smaller.get();
  }
  if (smaller && reducesRows(terms, *smaller) && !findWhole(terms, *smaller) &&
      isMaskedAlike())
    term.cone = std::move(smaller);
}

static void checkRows(const MaskedTerms &terms, Term &term) {
  if (const Cone::Obstacle *obstacle = findObstacle(terms, *term.cone))
    return refuse(term, obstacle->op, obstacle->reason);
  if (const Read *whole = findWhole(terms, *term.cone)) {
    Operation *op = whole->value.getDefiningOp();
    refuse(term, op ? op : term.where,
           "is needed as a whole, for all experts and tokens");
  }
}

/// Loops that may run over tokens as well: those along which all experts
/// compute row by row, and something is left of a row.
static void addTokenLoops(MaskedTerms &terms) {
  auto type = cast<RankedTensorType>(terms.result.getType());
  SmallVector<int64_t> tokens, others;
  bool features = false;
  for (auto indexed : llvm::enumerate(getLabels(terms.out))) {
    size_t dim = indexed.index();
    int64_t loop = indexed.value();
    if (terms.isToken(loop)) {
      tokens.push_back(loop);
      continue;
    }
    bool may = llvm::all_of(terms.terms, [&](const Term &term) {
      if (!term.isExpert)
        return true;
      for (const Cone::Obstacle &obstacle : term.cone->getObstacles())
        if (llvm::is_contained(obstacle.loops, loop))
          return false;
      return llvm::all_of(term.cone->getInputs(), [&](const Read &input) {
        return !llvm::is_contained(input.labels, loop) ||
               llvm::all_of(terms.tokens, [&](int64_t token) {
                 return llvm::is_contained(input.labels, token);
               });
      });
    });
    if (may)
      tokens.push_back(loop);
    else
      features |= type.getDimSize(dim) != 1;
  }
  if (features)
    terms.tokens = tokens;
  else
    llvm::sort(terms.tokens, [&](int64_t a, int64_t b) {
      Labels order = getLabels(terms.out);
      return llvm::find(order, a) < llvm::find(order, b);
    });
}

/// A term without work of its own is an expert beside others: the input of one
/// of them, an argument, or the same for all tokens.
static void decideTrivial(MaskedTerms &terms, Term &term) {
  Operation *op = term.value.getDefiningOp();
  bool rows =
      term.cone->knows(term.value) && terms.hasRows(getLabels(term.map));
  bool shared = llvm::any_of(terms.terms, [&](const Term &other) {
    return other.isExpert && other.cone->isInput(term.value);
  });
  if (!op || !rows || shared) {
    term.isExpert = true;
    return;
  }
  auto refuseUse = [&](Value value, function_ref<bool(Operation *)> isOwn) {
    for (Operation *user : value.getUsers())
      if (!isOwn(user))
        return refuse(term, value.getDefiningOp(),
                      ("is also used by '" + user->getName().getStringRef() +
                       "'; give it the masked value, or compute it twice")
                          .str());
  };
  refuseUse(term.value,
            [&](Operation *user) { return terms.sinks.contains(user); });
  // The rows that the mask scales.
  for (const Read &input : term.cone->getInputs())
    if (input.value.getDefiningOp() && !terms.isRowLevel(input))
      refuseUse(input.value,
                [&](Operation *user) { return term.cone->contains(user); });
  refuse(term, op,
         "is the result of an operation that is not moved; mask what is "
         "computed from it");
}

void moe::decide(MaskedTerms &terms, bool assumeFinite,
                 ConeAnalyses &analyses) {
  for (Term &term : terms.terms) {
    term.where = *terms.sinks.begin();
    term.cone = std::make_unique<Cone>(term.value, getLabels(term.map),
                                       terms.sinks, analyses);
    term.masks = findMasks(*term.cone, term.value, assumeFinite);
    auto addTokens = [&](const MaskUse &use) {
      for (int64_t loop : use.mask.labels)
        if (loop != kInner && loop != terms.expertLoop && !terms.isToken(loop))
          terms.tokens.push_back(loop);
    };
    for (const MaskUse &use : term.masks)
      addTokens(use);
    for (const Guard *guard : term.guards)
      for (; guard; guard = guard->parent)
        addTokens(guard->use);
  }
  auto overExperts = [&](const MaskUse &use) {
    return llvm::is_contained(use.mask.labels, terms.expertLoop);
  };
  for (Term &term : terms.terms) {
    bool masked = !term.guards.empty() || !term.masks.empty();
    if (!masked && term.cone->computes())
      checkNearMasks(term);
    if (!masked || (terms.expertLoop && llvm::none_of(term.masks, overExperts)))
      continue;
    if (terms.expertLoop && !terms.getNumStacked())
      refuse(term, term.where, "has a number of experts that is not static");
    leaveOut(terms, term, assumeFinite, analyses);
    checkRows(terms, term);
    term.isExpert = term.reason.empty() && term.cone->computes();
  }
  for (Term &term : terms.terms) {
    bool masked = !term.guards.empty() || !term.masks.empty();
    if (masked && !terms.expertLoop && !term.isExpert && term.reason.empty() &&
        !term.cone->computes())
      decideTrivial(terms, term);
  }
  bool works = llvm::any_of(terms.terms, [](const Term &term) {
    return term.isExpert && term.cone->computes();
  });
  if (!works)
    for (Term &term : terms.terms)
      term.isExpert = false;
  if (works)
    addTokenLoops(terms);
  // The sizes of a row are those of a type.
  auto type = cast<RankedTensorType>(terms.result.getType());
  bool isStatic = true, some = !terms.tokens.empty();
  for (auto [dim, loop] : llvm::enumerate(getLabels(terms.out)))
    isStatic &= terms.isToken(loop) || !type.isDynamicDim(dim);
  if (!isStatic || !some)
    for (Term &term : terms.terms)
      if (term.isExpert) {
        term.isExpert = false;
        refuse(term, terms.result.getDefiningOp(),
               some ? "has rows of a size that is not static"
                    : "has no tokens");
      }
}
