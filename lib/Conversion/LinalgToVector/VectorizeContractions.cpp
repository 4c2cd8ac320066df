//===- VectorizeContractions.cpp - Contractions to vector kernels ---------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Recognises contractions among linalg operations on tensors by their maps and
// bodies, names their loops, and replaces them by kernels.
//
//===----------------------------------------------------------------------===//

#include "AbsorbMoves.h"
#include "ContractionKernel.h"

#include "moe/Conversion/Passes.h"
#include "moe/Dialect/MoE/IR/MoE.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/TypeUtilities.h"

namespace mlir::moe {
#define GEN_PASS_DEF_VECTORIZECONTRACTIONSPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

//===----------------------------------------------------------------------===//
// Recognition
//===----------------------------------------------------------------------===//

static ContractionOperand operandOf(linalg::LinalgOp op, OpOperand &operand) {
  ContractionOperand result{operand.get(), {}};
  for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults())
    result.loops.push_back(cast<AffineDimExpr>(expr).getPosition());
  return result;
}

/// Finds the loops of `op` as a contraction; returns why it is none that can
/// be vectorized, or null.
static const char *recognize(linalg::LinalgOp op, Contraction &contraction) {
  if (!op.hasPureTensorSemantics())
    return "not on tensors";
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1)
    return "not two inputs and one result";
  if (!isMultiplyAdd(op))
    return "body is not a multiply-add";
  Type accumulator = getElementTypeOrSelf(op.getDpsInits()[0]);
  if (!accumulator.isF32() && !accumulator.isF64())
    return "accumulator is neither f32 nor f64";
  for (AffineMap map : op.getIndexingMapsArray())
    if (!map.isProjectedPermutation())
      return "an operand is not indexed by loops alone";

  contraction.lhs = operandOf(op, *op.getDpsInputOperand(0));
  contraction.rhs = operandOf(op, *op.getDpsInputOperand(1));
  contraction.result = operandOf(op, *op.getDpsInitOperand(0));
  if (contraction.result.loops.empty())
    return "result is a scalar";

  // Vectors run along the last dimension of the result; the operand that has
  // it is the right-hand side. Multiplication commutes.
  unsigned columns = contraction.result.loops.back();
  if (llvm::is_contained(contraction.lhs.loops, columns))
    std::swap(contraction.lhs, contraction.rhs);
  if (llvm::is_contained(contraction.lhs.loops, columns))
    return "last dimension of the result runs over both inputs";
  if (!llvm::is_contained(contraction.rhs.loops, columns))
    return "last dimension of the result runs over neither input";
  contraction.columns = columns;

  // Rows of the panel are contiguous, or columns are: a depth that is last in
  // the right-hand side is preferred.
  std::optional<unsigned> depth;
  for (unsigned loop : contraction.rhs.loops)
    if (!llvm::is_contained(contraction.result.loops, loop) &&
        llvm::is_contained(contraction.lhs.loops, loop))
      depth = loop;
  if (!depth)
    return "no reduction runs over both inputs";
  contraction.depth = *depth;
  for (unsigned loop : contraction.result.loops)
    if (llvm::is_contained(contraction.lhs.loops, loop) &&
        !llvm::is_contained(contraction.rhs.loops, loop))
      contraction.rows = loop;
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
    if (loop != contraction.columns && loop != contraction.depth &&
        loop != contraction.rows)
      contraction.outer.push_back(loop);
  return nullptr;
}

/// Whether a remark is due when `op` is left alone.
static bool looksLikeContraction(linalg::LinalgOp op) {
  return op.getNumReductionLoops() > 0 && op.getNumDpsInputs() == 2;
}

//===----------------------------------------------------------------------===//
// Rewriting
//===----------------------------------------------------------------------===//

/// Converts a whole tensor to `element`, once.
static Value widenTensor(OpBuilder &b, Location loc, Value tensor,
                         Type element) {
  auto type = cast<RankedTensorType>(tensor.getType());
  Value init = tensor::EmptyOp::create(
      b, loc, tensor::getMixedSizes(b, loc, tensor), element);
  SmallVector<AffineMap> maps(2, b.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> iterators(type.getRank(),
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, loc, init.getType(), tensor, init, maps, iterators,
             [&](OpBuilder &nested, Location at, ValueRange args) {
               Value wide =
                   arith::ExtFOp::create(nested, at, element, args.front());
               linalg::YieldOp::create(nested, at, wide);
             })
      .getResult(0);
}

/// Starts from the value of a fill instead of filling a tensor and reading it:
/// what several contractions start from is then not copied either.
static void absorbFill(Contraction &contraction) {
  // The kernel is run several times for a result if an outer loop reduces.
  if (!llvm::all_of(contraction.outer, [&](unsigned loop) {
        return llvm::is_contained(contraction.result.loops, loop);
      }))
    return;
  auto fill = contraction.result.tensor.getDefiningOp<linalg::FillOp>();
  if (!fill || fill.value().getType() != getElementTypeOrSelf(fill.output()))
    return;
  contraction.initial = fill.value();
  contraction.result.tensor = fill.output();
}

/// The extent of a loop, asked of the operands as they are read: asked of a
/// transposed copy, it would keep the copy alive.
static OpFoldResult extentOf(OpBuilder &b, Location loc,
                             const Contraction &contraction, unsigned loop) {
  OpFoldResult extent;
  for (const ContractionOperand *operand :
       {&contraction.result, &contraction.lhs, &contraction.rhs}) {
    auto *found = llvm::find(operand->loops, loop);
    if (found == operand->loops.end())
      continue;
    OpFoldResult size = tensor::getMixedSize(b, loc, operand->tensor,
                                             found - operand->loops.begin());
    if (!extent || isa<Attribute>(size))
      extent = size;
  }
  return extent;
}

namespace {
/// The functions that compute contractions, one for all that are alike.
class Kernels {
public:
  Kernels(ModuleOp module, const CPUTarget &target)
      : symbols(module), target(target) {}

  /// Replaces `op`, which is `contraction`, by a call.
  void replace(IRRewriter &rewriter, linalg::LinalgOp op,
               Contraction contraction);

private:
  func::FuncOp create(OpBuilder &b, Location loc, TypeRange types,
                      const Contraction &contraction);

  SymbolTable symbols;
  const CPUTarget &target;
  llvm::StringMap<func::FuncOp> known;
};
} // namespace

/// What the code of `contraction` depends on.
static std::string keyOf(const Contraction &contraction) {
  std::string key;
  llvm::raw_string_ostream os(key);
  for (const ContractionOperand *operand :
       {&contraction.lhs, &contraction.rhs, &contraction.result}) {
    os << operand->tensor.getType() << ' ';
    llvm::interleaveComma(operand->loops, os);
    os << ';';
  }
  // The others follow from these.
  os << contraction.columns << ' ' << contraction.depth << ' ';
  Attribute initial;
  if (contraction.initial &&
      matchPattern(contraction.initial, m_Constant(&initial)))
    os << initial;
  else if (contraction.initial)
    os << "given";
  return key;
}

func::FuncOp Kernels::create(OpBuilder &b, Location loc, TypeRange types,
                             const Contraction &contraction) {
  auto function = func::FuncOp::create(
      loc, "moe_kernel_" + std::to_string(known.size() - 1),
      b.getFunctionType(types, contraction.result.tensor.getType()));
  function.setPrivate();
  Block *body = function.addEntryBlock();
  OpBuilder inside = OpBuilder::atBlockBegin(body);
  Value destination = body->getArguments().back();
  Contraction mine = contraction;
  mine.lhs.tensor = body->getArgument(0);
  mine.rhs.tensor = body->getArgument(1);
  mine.result.tensor = destination;
  if (body->getNumArguments() > 3)
    mine.initial = body->getArgument(2);
  else if (mine.initial)
    mine.initial = inside.clone(*mine.initial.getDefiningOp())->getResult(0);
  for (unsigned loop = 0; loop < mine.outer.size() + 2 + mine.rows.has_value();
       ++loop)
    mine.extents.push_back(extentOf(inside, loc, mine, loop));
  Value result = createContractionKernel(inside, loc, mine, target);
  func::ReturnOp::create(inside, loc, result);
  for (unsigned i = 0; i + 1 < types.size(); ++i)
    if (isa<TensorType>(types[i]))
      function.setArgAttr(
          i, bufferization::BufferizationDialect::kWritableAttrName,
          inside.getBoolAttr(false));
  symbols.insert(function);
  return function;
}

void Kernels::replace(IRRewriter &rewriter, linalg::LinalgOp op,
                      Contraction contraction) {
  Location loc = op.getLoc();
  rewriter.setInsertionPoint(op);
  absorbFill(contraction);
  // A row of the left-hand side is read once for every panel; an element of
  // the right-hand side is widened while it is packed.
  Type accumulator = getElementTypeOrSelf(contraction.result.tensor);
  Value &lhs = contraction.lhs.tensor;
  if (getElementTypeOrSelf(lhs) != accumulator)
    lhs = widenTensor(rewriter, loc, lhs, accumulator);
  SmallVector<Value> inputs{lhs, contraction.rhs.tensor};
  if (contraction.initial && !matchPattern(contraction.initial, m_Constant()))
    inputs.push_back(contraction.initial);
  Value destination = contraction.result.tensor;
  func::FuncOp &kernel = known[keyOf(contraction)];
  if (!kernel) {
    SmallVector<Type> types = llvm::to_vector(ValueRange(inputs).getTypes());
    types.push_back(destination.getType());
    kernel = create(rewriter, loc, types, contraction);
  }
  rewriter.replaceOpWithNewOp<CallOp>(op, destination.getType(),
                                      kernel.getName(), inputs, destination);
}

namespace {
struct VectorizeContractionsPass
    : moe::impl::VectorizeContractionsPassBase<VectorizeContractionsPass> {
  using Base::Base;

  LogicalResult initialize(MLIRContext *context) override {
    llvm::Expected<CPUTarget> parsed = CPUTarget::fromName(targetName);
    if (!parsed)
      return emitError(UnknownLoc::get(context))
             << llvm::toString(parsed.takeError());
    target = *parsed;
    return success();
  }

  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> candidates;
    getOperation()->walk(
        [&](linalg::LinalgOp op) { candidates.push_back(op); });
    IRRewriter rewriter(&getContext());
    Kernels kernels(getOperation(), target);
    for (linalg::LinalgOp op : candidates) {
      op = absorbMoves(rewriter, op);
      Contraction contraction;
      const char *reason = recognize(op, contraction);
      if (!reason) {
        kernels.replace(rewriter, op, contraction);
        continue;
      }
      if (looksLikeContraction(op))
        remark::missed(
            op.getLoc(),
            remark::RemarkOpts::name("NotVectorized").category(getArgument()))
            << remark::reason("{0}", reason);
    }
  }

private:
  CPUTarget target;
};
} // namespace
