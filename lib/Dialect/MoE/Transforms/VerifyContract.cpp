//===- VerifyContract.cpp - What holds after each phase ---------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compares a module with what its phase promises, so that a mistake shows at
// the end of the phase that made it. The table below is that promise.
//
//===----------------------------------------------------------------------===//

#include "moe/Dialect/MoE/IR/MoE.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"

#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace mlir::moe {
#define GEN_PASS_DEF_VERIFYCONTRACTPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

namespace {
enum class Values { Routings, Tensors, Buffers, Machine };

/// What may occur after a phase. Each name is a dialect or an operation.
struct Contract {
  StringLiteral phase;
  Values values;
  ArrayRef<StringLiteral> allowed;
  ArrayRef<StringLiteral> forbidden = {};
  ArrayRef<StringLiteral> allowedOnDevice = {};
};
} // namespace

// Upstream's own rewriting computes sizes with affine maps.
static constexpr StringLiteral modelNames[] = {
    "builtin",   "func",         "moe",        "linalg",    "tensor",
    "arith",     "math",         "scf",        "ub",        "ml_program",
    "cf.assert", "affine.apply", "affine.max", "affine.min"};

// Counters read the address of a weight.
static constexpr StringLiteral groupedNames[] = {
    "builtin",
    "func",
    "moe",
    "linalg",
    "tensor",
    "arith",
    "math",
    "scf",
    "ub",
    "ml_program",
    "cf.assert",
    "affine.apply",
    "affine.max",
    "affine.min",
    "bufferization.to_buffer",
    "memref.extract_aligned_pointer_as_index"};

static constexpr StringLiteral regionsNames[] = {
    "builtin", "func", "linalg", "tensor",    "arith",         "math",    "scf",
    "affine",  "ub",   "memref", "cf.assert", "bufferization", "moe.call"};

static constexpr StringLiteral tiledNames[] = {
    "builtin",       "func",      "linalg", "tensor",  "arith",
    "math",          "scf",       "affine", "ub",      "memref",
    "bufferization", "cf.assert", "vector", "moe.call"};

static constexpr StringLiteral buffersNames[] = {
    "builtin", "func", "linalg", "arith",  "math",     "scf",
    "affine",  "ub",   "memref", "vector", "cf.assert"};

static constexpr StringLiteral machineNames[] = {"builtin.module", "llvm"};

/// Beside these, on the road to a device.
static constexpr StringLiteral regionsOnDeviceNames[] = {"gpu", "llvm", "nvvm",
                                                         "vector"};
static constexpr StringLiteral buffersOnDeviceNames[] = {"gpu", "llvm", "nvvm"};
static constexpr StringLiteral machineOnDeviceNames[] = {"gpu.module",
                                                         "gpu.binary", "nvvm"};

/// Of the moe dialect, what is left behind, and what is not there yet.
static constexpr StringLiteral notInMasked[] = {"moe.call", "moe.contract"};
static constexpr StringLiteral notInRouted[] = {"moe.call", "moe.contract",
                                                "moe.where"};
static constexpr StringLiteral notInGrouped[] = {"moe.call", "moe.contract",
                                                 "moe.where", "moe.gate"};

static const Contract contracts[] = {
    {"import", Values::Routings, modelNames},
    {"masked", Values::Routings, modelNames, notInMasked},
    {"routed", Values::Routings, modelNames, notInRouted},
    {"grouped", Values::Routings, groupedNames, notInGrouped},
    {"regions", Values::Tensors, regionsNames, {}, regionsOnDeviceNames},
    {"tiled", Values::Tensors, tiledNames, {}, regionsOnDeviceNames},
    {"buffers", Values::Buffers, buffersNames, {}, buffersOnDeviceNames},
    {"machine", Values::Machine, machineNames, {}, machineOnDeviceNames}};

static bool isAllowed(const Contract &contract, bool device, Operation *op) {
  StringRef name = op->getName().getStringRef();
  auto isNamed = [&](ArrayRef<StringLiteral> names) {
    return llvm::is_contained(names, name) ||
           llvm::is_contained(names, op->getName().getDialectNamespace());
  };
  return !llvm::is_contained(contract.forbidden, name) &&
         (isNamed(contract.allowed) ||
          (device && isNamed(contract.allowedOnDevice)));
}

/// What is wrong with a type after a phase, or nothing.
static StringRef problemOf(Values values, Type type) {
  if (isa<UnrankedTensorType>(type))
    return "the unranked type";
  if (values != Values::Routings && isa<MoEDialect>(type.getDialect()))
    return "the type of the moe dialect";
  if (values >= Values::Buffers && isa<TensorType>(type))
    return "the tensor type";
  return "";
}

namespace {
struct VerifyContract : moe::impl::VerifyContractPassBase<VerifyContract> {
  using Base::Base;

  LogicalResult initialize(MLIRContext *context) final {
    const Contract *found = llvm::find_if(
        contracts, [&](const Contract &c) { return c.phase == phase; });
    if (found == std::end(contracts))
      return emitError(UnknownLoc::get(context), "unknown phase '")
             << phase << "'";
    contract = found;
    return success();
  }

  void runOnOperation() final {
    // A pass manager may not do that after each pass.
    if (failed(mlir::verify(getOperation())))
      return signalPassFailure();
    AttrTypeWalker walker;
    std::string problem;
    walker.addWalk([&](Type type) {
      return report(problemOf(contract->values, type), type, problem);
    });
    walker.addWalk([&](Attribute attribute) {
      // A constant of a buffer is given as the elements of a tensor.
      if (isa<ElementsAttr, DenseResourceElementsAttr>(attribute))
        return WalkResult::skip();
      bool left = contract->values != Values::Routings &&
                  isa<MoEDialect>(attribute.getDialect());
      return report(left ? "the attribute of the moe dialect" : "", attribute,
                    problem);
    });
    WalkResult result = getOperation()->walk<WalkOrder::PreOrder>(
        [&](Operation *op) { return WalkResult(verify(op, walker, problem)); });
    if (result.wasInterrupted())
      signalPassFailure();
    markAllAnalysesPreserved();
  }

private:
  template <typename T>
  static WalkResult report(StringRef kind, T subject, std::string &problem) {
    if (kind.empty())
      return WalkResult::advance();
    llvm::raw_string_ostream(problem) << kind << " " << subject;
    return WalkResult::interrupt();
  }

  LogicalResult verify(Operation *op, AttrTypeWalker &walker,
                       std::string &problem) {
    if (!isAllowed(*contract, device, op))
      return op->emitOpError(
                 "cannot be compiled: nothing lowers it beyond phase '")
             << phase << "'";
    bool clean = !walker.walk<WalkOrder::PreOrder>(op->getAttrDictionary())
                      .wasInterrupted();
    auto check = [&](Type type) {
      clean = clean && !walker.walk(type).wasInterrupted();
    };
    llvm::for_each(op->getResultTypes(), check);
    for (Region &region : op->getRegions())
      for (Block &block : region)
        llvm::for_each(block.getArgumentTypes(), check);
    if (!clean)
      return op->emitOpError("has ")
             << problem << " after phase '" << phase << "'";
    if (contract->values == Values::Buffers)
      return verifyBoundary(op);
    return success();
  }

  /// Callers know shapes, not strides.
  LogicalResult verifyBoundary(Operation *op) {
    auto function = dyn_cast<FunctionOpInterface>(op);
    if (!function || !function.isPublic())
      return success();
    auto hasLayout = [](Type type) {
      auto buffer = dyn_cast<MemRefType>(type);
      return buffer && !buffer.getLayout().isIdentity();
    };
    for (TypeRange types : {TypeRange(function.getArgumentTypes()),
                            TypeRange(function.getResultTypes())})
      for (Type type : types)
        if (hasLayout(type))
          return op->emitOpError("has ")
                 << type << " without identity layout at its boundary after "
                 << "phase '" << phase << "'";
    return success();
  }

  const Contract *contract = nullptr;
};
} // namespace
