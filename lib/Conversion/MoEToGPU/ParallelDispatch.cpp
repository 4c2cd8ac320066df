//===- ParallelDispatch.cpp - Dispatch to guarded regions -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Without kernels the host goes over the experts. Each runs under a condition
// on the number of its assignments, on its own rows: the operations of its body
// are parallel over them and need no tiles.
//
//===----------------------------------------------------------------------===//

#include "FamilyKernels.h"
#include "Parallel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "moe/Conversion/DeviceSymbols.h"
#include "moe/Conversion/MoEToSCF/ExpertRows.h"
#include "moe/Conversion/MoEToSCF/Loops.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include "moe/Dialect/MoE/Transforms/Annotations.h"
#include "moe/Dialect/MoE/Transforms/Contractions.h"

using namespace mlir;
using namespace mlir::moe;

namespace {

/// Lowers one dispatch.
class ParallelDispatch {
public:
  ParallelDispatch(DispatchOp op,
                   DispatchOp::GenericAdaptor<ArrayRef<ValueRange>> adaptor,
                   const GPUTarget *target, ConversionPatternRewriter &rewriter)
      : op(op), target(target), rewriter(rewriter), b(op.getLoc(), rewriter),
        routing(adaptor.getRouting()) {
    for (ValueRange token : adaptor.getTokens())
      tokens.push_back(token.front());
  }

  SmallVector<Value> lower();

private:
  /// As kernels over tiles of all experts, if the body has that form.
  std::optional<SmallVector<Value>> lowerToKernels();
  void countOnHost();
  /// Calls `run` for each expert that has rows; what it returns is carried.
  SmallVector<Value> forEachActive(
      ValueRange inits,
      function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, ExpertRows rows,
                                      ValueRange carried)>
          run);
  Value gather(ImplicitLocOpBuilder &b, Value tensor, ExpertRows rows);

  DispatchOp op;
  const GPUTarget *target;
  ConversionPatternRewriter &rewriter;
  ImplicitLocOpBuilder b;
  ParallelRouting routing;
  SmallVector<Value> tokens;
};

} // namespace

SmallVector<Value> ParallelDispatch::lower() {
  checkTokens(b, tokens, routing.numTokens);
  if (std::optional<SmallVector<Value>> rows = lowerToKernels())
    return *rows;
  op.walk([&](ContractOp stage) { decomposeContract(rewriter, stage); });
  SmallVector<Value> packed;
  for (Type type : op.getResultTypes())
    packed.push_back(emptyRows(b, routing.total, cast<RankedTensorType>(type)));
  return forEachActive(
      packed, [&](ImplicitLocOpBuilder &b, ExpertRows rows, ValueRange packed) {
        SmallVector<Value> gathered, outs;
        for (Value token : tokens)
          gathered.push_back(gather(b, token, rows));
        SmallVector<Value> results =
            runBody(b, rewriter, op, rows, gathered, routing.weights);
        for (auto [result, out] : llvm::zip(results, packed))
          outs.push_back(insertRows(b, result, out, rows.first, rows.count));
        return outs;
      });
}

std::optional<SmallVector<Value>> ParallelDispatch::lowerToKernels() {
  if (!target)
    return std::nullopt;
  Region &region = op.getExperts().front();
  FamilyKernels kernels(op, routing, tokens, *target);
  // moe-form-contractions has said why.
  if (!kernels.hasStages())
    return std::nullopt;
  std::string why = kernels.build();
  if (!why.empty()) {
    remark::missed(op.getLoc(), remark::RemarkOpts::name("FamilyNotGrouped")
                                    .category("moe-convert-to-parallel"))
        << remark::reason("the host launches each expert: {0}", why);
    return std::nullopt;
  }
  SmallVector<Value> packed = kernels.launch(b);
  if (op->hasAttr(countedAttr))
    countOnHost();
  rewriter.eraseBlock(&region.front());
  // Who reads the packed rows by the routing does not ask how many there are.
  bool byRouting = llvm::all_of(op->getUsers(), [&](Operation *user) {
    auto combine = dyn_cast<CombineOp>(user);
    return combine && combine.getRouting() == op.getRouting();
  });
  if (byRouting)
    return packed;
  for (Value &rows : packed)
    rows = sliceRows(b, rows, constantIndex(b, 0), routing.total);
  return packed;
}

/// What the bodies of the experts with rows count, from the number of their
/// rows: operations that compute rows themselves are left without a use.
void ParallelDispatch::countOnHost() {
  Region &region = op.getExperts().front();
  forEachActive({}, [&](ImplicitLocOpBuilder &b, ExpertRows rows, ValueRange) {
    IRMapping mapping;
    mapping.map(op.getExpertArgument(region), rows.expert);
    for (auto [argument, token] :
         llvm::zip_equal(op.getTokenArguments(region), tokens))
      mapping.map(argument, emptyRowsLike(b, rows.count, token));
    if (Value weights = op.getWeightsArgument(region))
      mapping.map(weights,
                  sliceRows(b, routing.weights, rows.first, rows.count));
    for (Operation &inner : region.front().without_terminator())
      if (!isa<ContractOp>(inner))
        b.clone(inner, mapping);
    return SmallVector<Value>();
  });
}

SmallVector<Value> ParallelDispatch::forEachActive(
    ValueRange inits,
    function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, ExpertRows rows,
                                    ValueRange carried)>
        run) {
  Value offsets;
  if (!isEverywhere(op)) {
    // Read at once, before the first expert runs and has to be waited for.
    auto read = bufferization::AllocTensorOp::create(
        b, cast<RankedTensorType>(routing.offsets.getType()), ValueRange(),
        routing.offsets);
    read.setMemorySpaceAttr(hostSpace(b));
    offsets = read;
  }
  auto rowsOfExpert = [&](ImplicitLocOpBuilder &b, Value expert) {
    if (offsets)
      return rowsOf(b, offsets, expert);
    Value tokens = routing.numTokens;
    return ExpertRows{expert, arith::MulIOp::create(b, expert, tokens), tokens};
  };
  return forEach(
      b, constantIndex(b, 0), constantIndex(b, op.getNumExperts()), inits,
      [&](ImplicitLocOpBuilder &b, Value expert, ValueRange carried) {
        ExpertRows rows = rowsOfExpert(b, expert);
        Value some = arith::CmpIOp::create(b, arith::CmpIPredicate::ugt,
                                           rows.count, constantIndex(b, 0));
        auto guarded = scf::IfOp::create(
            b, some,
            [&](OpBuilder &nested, Location loc) {
              ImplicitLocOpBuilder inner(loc, nested);
              scf::YieldOp::create(inner, run(inner, rows, carried));
            },
            [&](OpBuilder &nested, Location loc) {
              scf::YieldOp::create(nested, loc, carried);
            });
        return SmallVector<Value>(guarded.getResults());
      });
}

/// Rows of `tensor` at the tokens of an expert.
Value ParallelDispatch::gather(ImplicitLocOpBuilder &b, Value tensor,
                               ExpertRows rows) {
  if (isEverywhere(op))
    return sliceOfAll(b, routing, tensor, rows);
  return generateRows(
      b, rows.count, tensor, getElementTypeOrSelf(tensor.getType()),
      [&](ImplicitLocOpBuilder &b, ValueRange at) {
        Value place = arith::AddIOp::create(b, rows.first, at[0]);
        SmallVector<Value> from = llvm::to_vector(at);
        from[0] = extractAt(b, routing.ids, place);
        return extractAt(b, tensor, from);
      });
}

namespace {

struct ConvertDispatch : OpConversionPattern<DispatchOp> {
  ConvertDispatch(const TypeConverter &converter, MLIRContext *context,
                  const GPUTarget *target)
      : OpConversionPattern(converter, context), target(target) {}

  LogicalResult
  matchAndRewrite(DispatchOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const final {
    if (!op.isFamily())
      return rewriter.notifyMatchFailure(op, "moe-outline-experts comes first");
    rewriter.replaceOp(op,
                       ParallelDispatch(op, adaptor, target, rewriter).lower());
    return success();
  }

  const GPUTarget *target;
};

struct ConvertCombine : OpConversionPattern<CombineOp> {
  using Base::Base;

  LogicalResult
  matchAndRewrite(CombineOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const final {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    ParallelRouting routing(adaptor.getRouting());
    Value packed = adaptor.getPacked().front();
    Value init = op.getInit() ? adaptor.getInit().front() : Value();
    checkRows(b, op, routing, packed, init);
    Type element = getElementTypeOrSelf(packed.getType());
    Type sumType = getSumType(element);
    auto sumUp = [&](ImplicitLocOpBuilder &b, ValueRange at) {
      Value zero = arith::ConstantOp::create(b, b.getZeroAttr(sumType));
      Value sum = foldSlots(
          b, routing, at[0], zero,
          [&](ImplicitLocOpBuilder &b, Value slot, Value sum) {
            SmallVector<Value> from = llvm::to_vector(at);
            from[0] = slot;
            Value weight = op.getUnweighted()
                               ? Value()
                               : extractAt(b, routing.weights, slot);
            return addWeighted(b, sum, extractAt(b, packed, from), weight);
          });
      if (sumType != element)
        sum = arith::TruncFOp::create(b, element, sum);
      return sum;
    };
    Value result = generateRows(
        b, routing.numTokens, packed, element,
        [&](ImplicitLocOpBuilder &b, ValueRange at) {
          if (!init)
            return sumUp(b, at);
          Value some = isAssigned(b, routing, at[0]);
          return choose(
              b, some, [&](ImplicitLocOpBuilder &b) { return sumUp(b, at); },
              extractAt(b, init, at));
        });
    rewriter.replaceOp(op, result);
    return success();
  }

  static Value isAssigned(ImplicitLocOpBuilder &b, ParallelRouting routing,
                          Value token) {
    Value no = arith::ConstantOp::create(b, b.getBoolAttr(false));
    return foldSlots(b, routing, token, no,
                     [](ImplicitLocOpBuilder &b, Value, Value) -> Value {
                       return arith::ConstantOp::create(b, b.getBoolAttr(true));
                     });
  }
};

} // namespace

void mlir::moe::populateDispatchToParallelPatterns(
    const TypeConverter &converter, RewritePatternSet &patterns,
    const GPUTarget *target) {
  patterns.add<ConvertDispatch>(converter, patterns.getContext(), target);
  patterns.add<ConvertCombine>(converter, patterns.getContext());
}
