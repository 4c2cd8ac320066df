//===- ParallelDispatch.cpp - Dispatch to guarded regions -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each expert runs under a condition on the number of its assignments, on its
// own rows: the operations of its body are parallel over them and need no
// tiles. The dense form runs a body on all tokens and takes the rows of its
// own.
//
// The body of an unlike expert stands in an scf.execute_region that is not to
// be inlined, as in the conversion to loops.
//
//===----------------------------------------------------------------------===//

#include "FamilyKernels.h"
#include "Parallel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "moe/Conversion/BodyNames.h"
#include "moe/Conversion/DeviceSymbols.h"
#include "moe/Conversion/MoEToSCF/InlineExpert.h"
#include "moe/Conversion/MoEToSCF/Loops.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include "moe/Dialect/MoE/Transforms/Annotations.h"
#include "moe/Dialect/MoE/Transforms/Contractions.h"

using namespace mlir;
using namespace mlir::moe;

namespace {

/// The assignments [begin, begin + count) of one expert.
struct Share {
  Value expert, begin, count;
};

/// Lowers one dispatch.
class ParallelDispatch {
public:
  ParallelDispatch(DispatchOp op,
                   DispatchOp::GenericAdaptor<ArrayRef<ValueRange>> adaptor,
                   bool allExperts, const GPUTarget *target,
                   ConversionPatternRewriter &rewriter)
      : op(op), allExperts(allExperts), target(target), rewriter(rewriter),
        b(op.getLoc(), rewriter), routing(adaptor.getRouting()), counting(op) {
    for (ValueRange token : adaptor.getTokens())
      tokens.push_back(token.front());
  }

  SmallVector<Value> lower();

private:
  /// As kernels over tiles of all experts, if the body has that form.
  std::optional<SmallVector<Value>> lowerToKernels();
  void countOnHost();
  SmallVector<Value> lowerFamily(ValueRange packed);
  SmallVector<Value> lowerUnlike(ValueRange packed);
  SmallVector<Value> guard(
      ImplicitLocOpBuilder &b, Share share, Region &region, ValueRange packed,
      function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, ValueRange)> run);
  /// The body as a function of its own, once it is in buffers.
  SmallVector<Value> runOutlined(ImplicitLocOpBuilder &b, const Twine &name,
                                 Share share, Region &region,
                                 ValueRange packed);
  SmallVector<Value> runExpert(ImplicitLocOpBuilder &b, Share share,
                               Region &region, ValueRange packed);
  SmallVector<Value> inlineBody(ImplicitLocOpBuilder &b, Share share,
                                Region &region);
  Value gather(ImplicitLocOpBuilder &b, Value tensor, Share share);
  Value weightsOf(ImplicitLocOpBuilder &b, Share share, Region &region);

  bool isDense(Region &region) {
    return allExperts && runsOnAllTokens(op, region);
  }
  Share shareOf(ImplicitLocOpBuilder &b, Value expert) {
    Value begin = extractAt(b, routing.offsets, expert);
    Value next = arith::AddIOp::create(b, expert, constantIndex(b, 1));
    Value end = extractAt(b, routing.offsets, next);
    return {expert, begin, arith::SubIOp::create(b, end, begin)};
  }

  DispatchOp op;
  bool allExperts;
  const GPUTarget *target;
  ConversionPatternRewriter &rewriter;
  ImplicitLocOpBuilder b;
  ParallelRouting routing;
  SmallVector<Value> tokens;
  Counting counting;
};

} // namespace

SmallVector<Value> ParallelDispatch::lower() {
  Value zero = constantIndex(b, 0);
  for (Value token : tokens)
    assertEqual(b, tensor::DimOp::create(b, token, zero), routing.numTokens,
                "moe.dispatch: the number of rows of a token operand differs "
                "from the number of tokens of the routing");
  counting.run(b, routing.numTokens, routing.offsets);
  SmallVector<Value> packed;
  if (std::optional<SmallVector<Value>> rows = lowerToKernels()) {
    packed = *rows;
  } else {
    Value total =
        extractAt(b, routing.offsets, constantIndex(b, op.getNumExperts()));
    for (Type type : op.getResultTypes())
      packed.push_back(emptyRows(b, total, cast<RankedTensorType>(type)));
    op.walk([&](ContractOp stage) { decomposeContract(rewriter, stage); });
    packed = op.isFamily() ? lowerFamily(packed) : lowerUnlike(packed);
  }
  counting.endRun(b);
  return packed;
}

std::optional<SmallVector<Value>> ParallelDispatch::lowerToKernels() {
  if (!op.isFamily() || allExperts || !target)
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
  Value total =
      extractAt(b, routing.offsets, constantIndex(b, op.getNumExperts()));
  for (Value &rows : packed)
    rows = sliceRows(b, rows, constantIndex(b, 0), total);
  return packed;
}

/// What the bodies of the experts with rows count, from the number of their
/// rows: operations that compute rows themselves are left without a use.
void ParallelDispatch::countOnHost() {
  Region &region = op.getExperts().front();
  forEach(b, constantIndex(b, 0), constantIndex(b, op.getNumExperts()), {},
          [&](ImplicitLocOpBuilder &b, Value expert, ValueRange none) {
            Share share = shareOf(b, expert);
            guard(
                b, share, region, none,
                [&](ImplicitLocOpBuilder &b, ValueRange) -> SmallVector<Value> {
                  counting.evaluate(b, expert);
                  IRMapping mapping;
                  mapping.map(op.getExpertArgument(region), expert);
                  for (auto [argument, token] :
                       llvm::zip_equal(op.getTokenArguments(region), tokens))
                    mapping.map(argument, emptyRowsLike(b, share.count, token));
                  if (Value weights = op.getWeightsArgument(region))
                    mapping.map(weights, sliceRows(b, routing.weights,
                                                   share.begin, share.count));
                  for (Operation &inner : region.front().without_terminator())
                    if (!isa<ContractOp>(inner))
                      b.clone(inner, mapping);
                  return {};
                });
            return SmallVector<Value>();
          });
}

/// `run`, if there are rows for the body.
SmallVector<Value> ParallelDispatch::guard(
    ImplicitLocOpBuilder &b, Share share, Region &region, ValueRange packed,
    function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, ValueRange)> run) {
  Value rows = isDense(region) ? routing.numTokens : share.count;
  Value some = arith::CmpIOp::create(b, arith::CmpIPredicate::ugt, rows,
                                     constantIndex(b, 0));
  auto guarded = scf::IfOp::create(
      b, some,
      [&](OpBuilder &nested, Location loc) {
        ImplicitLocOpBuilder inner(loc, nested);
        scf::YieldOp::create(inner, run(inner, packed));
      },
      [&](OpBuilder &nested, Location loc) {
        scf::YieldOp::create(nested, loc, packed);
      });
  return SmallVector<Value>(guarded.getResults());
}

SmallVector<Value> ParallelDispatch::lowerFamily(ValueRange packed) {
  Region &region = op.getExperts().front();
  return forEach(
      b, constantIndex(b, 0), constantIndex(b, op.getNumExperts()), packed,
      [&](ImplicitLocOpBuilder &b, Value expert, ValueRange carried) {
        Share share = shareOf(b, expert);
        return guard(
            b, share, region, carried,
            [&](ImplicitLocOpBuilder &b, ValueRange packed) {
              return runOutlined(
                  b, familyPrefix + Twine(getDispatchNumber(op)) + "_each",
                  share, region, packed);
            });
      });
}

SmallVector<Value> ParallelDispatch::lowerUnlike(ValueRange packed) {
  // All offsets are asked for before the first expert runs.
  SmallVector<Share> shares;
  for (int64_t index = 0; index < op.getNumExperts(); ++index)
    shares.push_back(shareOf(b, constantIndex(b, index)));
  SmallVector<Value> outs = llvm::to_vector(packed);
  for (Region &body : op.getExperts()) {
    int64_t index = body.getRegionNumber();
    auto outlined = [&](ImplicitLocOpBuilder &b, ValueRange packed) {
      return runOutlined(
          b, expertPrefix + Twine(getDispatchNumber(op)) + "_" + Twine(index),
          shares[index], body, packed);
    };
    outs = guard(b, shares[index], body, outs, outlined);
  }
  return outs;
}

SmallVector<Value> ParallelDispatch::runOutlined(ImplicitLocOpBuilder &b,
                                                 const Twine &name, Share share,
                                                 Region &region,
                                                 ValueRange packed) {
  auto execute = scf::ExecuteRegionOp::create(b, TypeRange(packed),
                                              /*no_inline=*/true);
  execute->setDiscardableAttr(bodyNameAttr, b.getStringAttr(name));
  OpBuilder::InsertionGuard guard(b);
  b.createBlock(&execute.getRegion());
  scf::YieldOp::create(b,
                       putInto(b, runExpert(b, share, region, packed), packed));
  return SmallVector<Value>(execute.getResults());
}

SmallVector<Value> ParallelDispatch::runExpert(ImplicitLocOpBuilder &b,
                                               Share share, Region &region,
                                               ValueRange packed) {
  counting.evaluate(b, share.expert);
  bool dense = isDense(region); // inlining takes the region's arguments
  bool rowWise = isRowWise(op, region);
  SmallVector<Value> rows = inlineBody(b, share, region);
  SmallVector<Value> outs;
  for (auto [result, out] : llvm::zip(rows, packed)) {
    if (!rowWise)
      assertEqual(b, tensor::DimOp::create(b, result, constantIndex(b, 0)),
                  share.count,
                  "moe.dispatch: an expert yields another number of rows than "
                  "it was given");
    Value kept = dense ? gather(b, result, share) : result;
    outs.push_back(insertRows(b, kept, out, share.begin, share.count));
  }
  counting.endEvaluate(b, share.expert);
  return outs;
}

/// The body of `region` on the rows of an expert, at the insertion point of
/// `b`.
SmallVector<Value> ParallelDispatch::inlineBody(ImplicitLocOpBuilder &b,
                                                Share share, Region &region) {
  SmallVector<Value> arguments;
  if (op.isFamily())
    arguments.push_back(share.expert);
  for (Value token : tokens)
    arguments.push_back(
        isDense(region)
            ? sliceRows(b, token, constantIndex(b, 0), routing.numTokens)
            : gather(b, token, share));
  if (op.getWeightsArgument(region))
    arguments.push_back(weightsOf(b, share, region));
  return inlineExpert(b, rewriter, region, arguments);
}

/// Rows of `tensor` at the tokens of an expert.
Value ParallelDispatch::gather(ImplicitLocOpBuilder &b, Value tensor,
                               Share share) {
  return generateRows(
      b, share.count, tensor, getElementTypeOrSelf(tensor.getType()),
      [&](ImplicitLocOpBuilder &b, ValueRange at) {
        Value place = arith::AddIOp::create(b, share.begin, at[0]);
        SmallVector<Value> from = llvm::to_vector(at);
        from[0] = extractAt(b, routing.ids, place);
        return extractAt(b, tensor, from);
      });
}

Value ParallelDispatch::weightsOf(ImplicitLocOpBuilder &b, Share share,
                                  Region &region) {
  if (!isDense(region))
    return sliceRows(b, routing.weights, share.begin, share.count);
  // By token: 0 for the tokens whose rows are not kept.
  return generate(
      b, {routing.numTokens}, b.getF32Type(),
      [&](ImplicitLocOpBuilder &b, ValueRange at) {
        Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0.0f));
        return foldSlots(
            b, routing, at[0], zero,
            [&](ImplicitLocOpBuilder &b, Value slot, Value carried) -> Value {
              // Unsigned: an assignment before `begin` is out of range as well.
              Value inside = arith::CmpIOp::create(
                  b, arith::CmpIPredicate::ult,
                  arith::SubIOp::create(b, slot, share.begin), share.count);
              return arith::SelectOp::create(
                  b, inside, extractAt(b, routing.weights, slot), carried);
            });
      });
}

namespace {

struct ConvertDispatch : OpConversionPattern<DispatchOp> {
  ConvertDispatch(const TypeConverter &converter, MLIRContext *context,
                  bool allExperts, const GPUTarget *target)
      : OpConversionPattern(converter, context), allExperts(allExperts),
        target(target) {}

  LogicalResult
  matchAndRewrite(DispatchOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const final {
    rewriter.replaceOp(
        op,
        ParallelDispatch(op, adaptor, allExperts, target, rewriter).lower());
    return success();
  }

  bool allExperts;
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
    Type sumType =
        isa<FloatType>(element) && !element.isF64() ? b.getF32Type() : element;
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

  static void checkRows(ImplicitLocOpBuilder &b, CombineOp op,
                        ParallelRouting routing, Value packed, Value init) {
    Value zero = constantIndex(b, 0);
    // The rows of a dispatch by the same routing are as many as there are
    // assignments, and the host need not wait to learn how many.
    auto dispatch = op.getPacked().getDefiningOp<DispatchOp>();
    if (!dispatch || dispatch.getRouting() != op.getRouting())
      assertEqual(
          b, tensor::DimOp::create(b, packed, zero),
          extractAt(b, routing.offsets,
                    constantIndex(b, op.getRouting().getType().getExperts())),
          "moe.combine: the number of packed rows differs from the number of "
          "assignments");
    if (init)
      assertEqual(b, tensor::DimOp::create(b, init, zero), routing.numTokens,
                  "moe.combine: the number of rows of init differs from the "
                  "number of tokens");
  }

  static Value isAssigned(ImplicitLocOpBuilder &b, ParallelRouting routing,
                          Value token) {
    Value no = arith::ConstantOp::create(b, b.getBoolAttr(false));
    return foldSlots(b, routing, token, no,
                     [](ImplicitLocOpBuilder &b, Value, Value) -> Value {
                       return arith::ConstantOp::create(b, b.getBoolAttr(true));
                     });
  }

  /// sum + value * weight in the type of the sum; without a weight sum + value.
  static Value addWeighted(ImplicitLocOpBuilder &b, Value sum, Value value,
                           Value weight) {
    Type type = sum.getType();
    if (!isa<FloatType>(type))
      return arith::AddIOp::create(b, sum, value);
    auto widen = [&](Value narrow) -> Value {
      if (narrow.getType() == type)
        return narrow;
      return arith::ExtFOp::create(b, type, narrow);
    };
    value = widen(value);
    if (weight)
      value = arith::MulFOp::create(b, value, widen(weight));
    return arith::AddFOp::create(b, sum, value);
  }
};

} // namespace

void mlir::moe::populateDispatchToParallelPatterns(
    const TypeConverter &converter, RewritePatternSet &patterns,
    bool allExperts, const GPUTarget *target) {
  patterns.add<ConvertDispatch>(converter, patterns.getContext(), allExperts,
                                target);
  patterns.add<ConvertCombine>(converter, patterns.getContext());
}
