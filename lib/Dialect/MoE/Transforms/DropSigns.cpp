//===- DropSigns.cpp - Drop the signs of integer types --------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Signs are for those who call a model: operations say themselves how they take
// an integer, and upstream computes with signless ones alone.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/PatternMatch.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"

namespace mlir::moe {
#define GEN_PASS_DEF_DROPSIGNSPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

static Type withoutSign(IntegerType type) {
  return IntegerType::get(type.getContext(), type.getWidth());
}

/// Numbers keep their bits.
static std::optional<std::pair<Attribute, WalkResult>>
replaceAttribute(Attribute attribute) {
  if (auto elements = dyn_cast<DenseElementsAttr>(attribute))
    if (auto type = dyn_cast<IntegerType>(elements.getElementType()))
      return std::pair(Attribute(elements.bitcast(withoutSign(type))),
                       WalkResult::skip());
  // Where values have types. Other attributes say what they always said.
  if (isa<DictionaryAttr, TypeAttr, ml_program::ExternAttr>(attribute))
    return std::nullopt;
  return std::pair(attribute, WalkResult::skip());
}

/// A bitcast between what is one type now is none; upstream has buffers for the
/// elements of others.
static void replaceBitcast(tensor::BitcastOp op) {
  IRRewriter rewriter(op);
  auto type = cast<TensorType>(op.getType());
  Value value = op.getSource();
  auto sourceType = cast<TensorType>(value.getType());
  if (sourceType.getElementType() != type.getElementType())
    value = arith::BitcastOp::create(
        rewriter, op.getLoc(), sourceType.clone(type.getElementType()), value);
  if (value.getType() != type)
    value = tensor::CastOp::create(rewriter, op.getLoc(), type, value);
  rewriter.replaceOp(op, value);
}

namespace {
struct DropSignsPass : moe::impl::DropSignsPassBase<DropSignsPass> {
  void runOnOperation() override {
    AttrTypeReplacer replacer;
    replacer.addReplacement([](IntegerType type) -> std::optional<Type> {
      return withoutSign(type);
    });
    replacer.addReplacement(replaceAttribute);
    replacer.recursivelyReplaceElementsIn(getOperation(), /*replaceAttrs=*/true,
                                          /*replaceLocs=*/false,
                                          /*replaceTypes=*/true);
    getOperation()->walk(replaceBitcast);
  }
};
} // namespace
