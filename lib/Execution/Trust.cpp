//===- Trust.cpp - What a model file may hold -----------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An allow-list: of operations, of the dialects of types and attributes, of the
// size of what a few characters can ask for. What is not listed is refused.
//
//===----------------------------------------------------------------------===//

#include "moe/Execution/Trust.h"
#include "mlir/Analysis/CallGraph.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tosa/IR/TosaOps.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include "moe/Tensor/HostTensor.h"
#include "llvm/ADT/SCCIterator.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mlir::moe;

void moe::registerModelDialects(DialectRegistry &registry) {
  registry
      .insert<affine::AffineDialect, arith::ArithDialect,
              cf::ControlFlowDialect, func::FuncDialect, linalg::LinalgDialect,
              math::MathDialect, ml_program::MLProgramDialect, MoEDialect,
              scf::SCFDialect, tensor::TensorDialect, tosa::TosaDialect>();
}

/// Whether every operation, type and attribute of the dialect is allowed.
static bool isAllowedDialect(StringRef name) {
  static const llvm::StringSet<> names = {"arith", "linalg",     "math",
                                          "moe",   "scf",        "tensor",
                                          "tosa",  "ml_program", "func"};
  return names.contains(name);
}

/// Whether one of a dialect of which only some operations are allowed, or none
/// of those that reach outside the values they are given.
static bool isAllowedOperation(Operation *op) {
  static const llvm::StringSet<> some = {"affine.apply",
                                         "affine.max",
                                         "affine.min",
                                         "builtin.module",
                                         "cf.assert",
                                         "func.call",
                                         "func.func",
                                         "func.return",
                                         "ml_program.global",
                                         "ml_program.global_load",
                                         "ml_program.global_load_const",
                                         "ml_program.global_store"};
  static const llvm::StringSet<> never = {"tosa.custom", "tosa.variable",
                                          "tosa.variable_read",
                                          "tosa.variable_write"};
  StringRef name = op->getName().getStringRef();
  if (some.contains(name))
    return true;
  StringRef dialect = op->getName().getDialectNamespace();
  return isAllowedDialect(dialect) && dialect != "func" &&
         dialect != "ml_program" && !never.contains(name);
}

namespace {

class ModelCheck {
public:
  ModelCheck();
  LogicalResult run(ModuleOp module);

private:
  LogicalResult checkOperation(Operation *op);
  LogicalResult checkAttributes(Operation *op);
  LogicalResult checkFunction(func::FuncOp function);
  LogicalResult checkConstant(Operation *op);
  LogicalResult checkCalls(ModuleOp module);
  std::string checkType(Type type) const;
  std::string checkAttribute(Attribute attribute) const;
  /// Nothing if `value` and all in it is allowed, else what is not.
  template <typename T> std::string walk(T value) {
    problem.clear();
    return walker.walk(value).wasInterrupted() ? problem : "";
  }

  AttrTypeWalker walker;
  std::string problem;
  int64_t constantBytes = 0;
};

} // namespace

ModelCheck::ModelCheck() {
  walker.addWalk([this](Type type) {
    problem = checkType(type);
    return problem.empty() ? WalkResult::advance() : WalkResult::interrupt();
  });
  walker.addWalk([this](Attribute attribute) {
    problem = checkAttribute(attribute);
    return problem.empty() ? WalkResult::advance() : WalkResult::interrupt();
  });
}

static std::optional<int64_t> elementBytes(Type type) {
  if (isa<IndexType>(type))
    return 8;
  if (auto complex = dyn_cast<ComplexType>(type))
    if (auto part = elementBytes(complex.getElementType()))
      return 2 * *part;
  if (!type.isIntOrFloat())
    return std::nullopt;
  return std::max<int64_t>(1, (type.getIntOrFloatBitWidth() + 7) / 8);
}

/// Bytes of the static dimensions, none if there are too many.
static std::optional<int64_t> staticBytes(ShapedType type) {
  std::optional<int64_t> element = elementBytes(type.getElementType());
  SmallVector<int64_t> sizes{element.value_or(1)};
  for (int64_t size : type.getShape())
    if (!ShapedType::isDynamic(size))
      sizes.push_back(size);
  std::optional<int64_t> bytes = checkedNumElements(sizes);
  return bytes && *bytes <= kMaxTensorBytes ? bytes : std::nullopt;
}

std::string ModelCheck::checkType(Type type) const {
  if (isa<BaseMemRefType>(type))
    return "a memref is not allowed in a model";
  if (isa<VectorType>(type))
    return "a vector is not allowed in a model";
  if (auto shaped = dyn_cast<RankedTensorType>(type))
    if (!staticBytes(shaped))
      return "the tensor has more than " + std::to_string(kMaxTensorBytes) +
             " bytes";
  StringRef dialect = type.getDialect().getNamespace();
  if (dialect == "builtin" || isAllowedDialect(dialect))
    return "";
  return "a type of dialect " + quote(dialect) + " is not allowed in a model";
}

std::string ModelCheck::checkAttribute(Attribute attribute) const {
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attribute)) {
    auto type = resource.getType();
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    std::optional<int64_t> bytes = staticBytes(type);
    if (!blob)
      return "the resource " + quote(resource.getRawHandle().getKey()) +
             " is not in the file";
    if (!type.hasStaticShape() || !bytes ||
        static_cast<int64_t>(blob->getData().size()) != *bytes)
      return "the resource " + quote(resource.getRawHandle().getKey()) +
             " has " + std::to_string(blob->getData().size()) +
             " bytes, its type " + std::to_string(bytes.value_or(0));
  }
  StringRef dialect = attribute.getDialect().getNamespace();
  if (dialect == "builtin" || isAllowedDialect(dialect))
    return "";
  return "an attribute of dialect " + quote(dialect) +
         " is not allowed in a model";
}

static bool isLLVMName(StringRef name) { return name.starts_with("llvm."); }

LogicalResult ModelCheck::checkAttributes(Operation *op) {
  for (NamedAttribute attribute : op->getAttrs()) {
    StringRef name = attribute.getName().strref();
    if (isLLVMName(name))
      return op->emitError()
             << "the attribute " << quote(name) << " is not allowed in a model";
    // The annotations of front ends are dropped unread.
    if (op->getDiscardableAttr(name) && name.contains('.'))
      continue;
    // Those of arguments and results are dropped as well.
    if (name == "arg_attrs" || name == "res_attrs")
      continue;
    std::string what = walk(attribute.getValue());
    if (!what.empty())
      return op->emitError(what);
  }
  return success();
}

LogicalResult ModelCheck::checkFunction(func::FuncOp function) {
  if (function.isDeclaration())
    return function.emitError() << "the function " << quote(function.getName())
                                << " has no body; a model may not call out";
  for (ArrayAttr lists :
       {function.getArgAttrsAttr(), function.getResAttrsAttr()})
    if (lists)
      for (auto list : lists.getAsRange<DictionaryAttr>())
        for (NamedAttribute each : list)
          if (isLLVMName(each.getName().strref()))
            return function.emitError()
                   << "the attribute " << quote(each.getName().strref())
                   << " is not allowed in a model";
  return success();
}

LogicalResult ModelCheck::checkConstant(Operation *op) {
  ElementsAttr value;
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    value = dyn_cast<ElementsAttr>(constant.getValue());
  else if (auto constant = dyn_cast<tosa::ConstOp>(op))
    value = constant.getValues();
  else if (auto global = dyn_cast<ml_program::GlobalOp>(op))
    value = dyn_cast_or_null<ElementsAttr>(global.getValueAttr());
  if (!value)
    return success();
  constantBytes += staticBytes(value.getShapedType()).value_or(0);
  if (constantBytes > kMaxConstantBytes)
    return op->emitError() << "the constants have more than "
                           << kMaxConstantBytes << " bytes";
  return success();
}

LogicalResult ModelCheck::checkOperation(Operation *op) {
  if (!isAllowedOperation(op))
    return op->emitError() << "operation "
                           << quote(op->getName().getStringRef())
                           << " is not allowed in a model";
  if (failed(checkAttributes(op)))
    return failure();
  for (Type type : op->getResultTypes())
    if (std::string what = walk(type); !what.empty())
      return op->emitError(what);
  for (Region &region : op->getRegions())
    for (Block &block : region)
      for (BlockArgument argument : block.getArguments())
        if (std::string what = walk(argument.getType()); !what.empty())
          return op->emitError(what);
  if (auto function = dyn_cast<func::FuncOp>(op))
    if (failed(checkFunction(function)))
      return failure();
  return checkConstant(op);
}

/// Callees come before their callers. `sizes` are the operations that functions
/// have once all calls are inlined.
LogicalResult ModelCheck::checkCalls(ModuleOp module) {
  CallGraph graph(module);
  llvm::StringMap<int64_t> sizes;
  int64_t inlined = 0;
  for (auto cycle = llvm::scc_begin<const CallGraph *>(&graph);
       !cycle.isAtEnd(); ++cycle) {
    CallGraphNode *node = cycle->front();
    if (node->isExternal())
      continue;
    Operation *function = node->getCallableRegion()->getParentOp();
    if (cycle.hasCycle())
      return function->emitError() << "the function calls itself; recursion is "
                                      "not allowed in a model";
    int64_t size = 0, called = 0;
    node->getCallableRegion()->walk([&](Operation *op) {
      ++size;
      if (auto call = dyn_cast<func::CallOp>(op))
        called = std::min(called + sizes.lookup(call.getCallee()),
                          kMaxInlinedOperations + 1);
    });
    sizes[SymbolTable::getSymbolName(function)] = size + called;
    inlined += called;
    if (inlined > kMaxInlinedOperations)
      return function->emitError()
             << "calls up to this function stand for more than "
             << kMaxInlinedOperations << " operations";
  }
  return success();
}

LogicalResult ModelCheck::run(ModuleOp module) {
  WalkResult result = module->walk<WalkOrder::PreOrder>([&](Operation *op) {
    return failed(checkOperation(op)) ? WalkResult::interrupt()
                                      : WalkResult::advance();
  });
  return result.wasInterrupted() ? failure() : checkCalls(module);
}

LogicalResult moe::checkModel(ModuleOp module) {
  return ModelCheck().run(module);
}

/// The attributes of the dialect in a list of dictionaries; it verifies them.
static ArrayAttr onlyNames(ArrayAttr lists) {
  auto kept = llvm::map_to_vector(lists, [](Attribute list) -> Attribute {
    NamedAttrList names;
    for (NamedAttribute each : cast<DictionaryAttr>(list))
      if (each.getName().strref().starts_with("moe."))
        names.append(each);
    return names.getDictionary(list.getContext());
  });
  return ArrayAttr::get(lists.getContext(), kept);
}

void moe::dropAnnotations(ModuleOp module) {
  module->walk([](Operation *op) {
    op->setDiscardableAttrs(ArrayRef<NamedAttribute>());
    if (auto function = dyn_cast<func::FuncOp>(op)) {
      if (ArrayAttr lists = function.getArgAttrsAttr())
        function.setArgAttrsAttr(onlyNames(lists));
      if (ArrayAttr lists = function.getResAttrsAttr())
        function.setResAttrsAttr(onlyNames(lists));
    }
  });
}
