//===- MoENames.cpp - Names of arguments and results ----------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The verifier of moe.name, moe.keyword_only and moe.donated.
//
//===----------------------------------------------------------------------===//

#include "mlir/Interfaces/FunctionInterfaces.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include "moe/Dialect/MoE/IR/State.h"
#include "llvm/Support/ConvertUTF.h"

using namespace mlir;
using namespace mlir::moe;

/// Why a text cannot be a name, or nothing.
static StringRef findFault(StringRef name) {
  if (name.empty())
    return "to be no empty text"; // name_c2
  if (name.starts_with("@"))
    return "not to begin with '@'"; // name_c2
  if (name.contains('='))
    return "to have no '='"; // name_c2
  bool isControl =
      llvm::any_of(name, [](unsigned char c) { return c < ' ' || c == 0x7f; });
  auto *begin = reinterpret_cast<const llvm::UTF8 *>(name.begin());
  auto *end = reinterpret_cast<const llvm::UTF8 *>(name.end());
  if (isControl || !llvm::isLegalUTF8String(&begin, end))
    return "to be UTF-8 without control characters"; // name_c2
  return {};
}

/// `value` is attribute number `index` of `all`, the attributes of the
/// arguments or of the results of a function.
static LogicalResult verifyAttribute(Operation *op, ArrayAttr all,
                                     unsigned index, StringRef kind,
                                     NamedAttribute attribute) {
  auto emitError = [&] {
    return op->emitOpError()
           << kind << " #" << index << ": " << attribute.getName();
  };
  auto nameOf = [&](unsigned i) -> Attribute {
    return cast<DictionaryAttr>(all[i]).get(nameAttr);
  };
  if (attribute.getName() == keywordOnlyAttr) {
    // keyword_only_c1
    if (!isa<UnitAttr>(attribute.getValue()))
      return emitError() << " expects no value";
    // keyword_only_c2
    if (!nameOf(index))
      return emitError() << " expects a " << nameAttr << " beside it";
    return success();
  }
  if (attribute.getName() == donatedAttr && kind == "argument") {
    // donated_c1
    if (!isa<UnitAttr>(attribute.getValue()))
      return emitError() << " expects no value";
    // donated_c2
    Type type = cast<FunctionOpInterface>(op).getArgumentTypes()[index];
    if (!isa<RankedTensorType, MemRefType>(type))
      return emitError() << " expects a tensor, got " << type;
    return success();
  }
  // name_c4
  if (attribute.getName() != nameAttr)
    return emitError() << " is no attribute of an argument or a result";
  // name_c1
  auto name = dyn_cast<StringAttr>(attribute.getValue());
  if (!name)
    return emitError() << " expects a text, got " << attribute.getValue();
  // name_c2
  if (StringRef fault = findFault(name); !fault.empty())
    return emitError() << " expects " << name << " " << fault;
  // name_c3
  for (unsigned i = 0; i < index; ++i)
    if (nameOf(i) == name)
      return emitError() << " expects a name of its own, but " << kind << " #"
                         << i << " has " << name << " as well";
  return success();
}

LogicalResult MoEDialect::verifyRegionArgAttribute(Operation *op, unsigned,
                                                   unsigned argument,
                                                   NamedAttribute attribute) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  if (!function)
    return success();
  return verifyAttribute(op, function.getAllArgAttrs(), argument, "argument",
                         attribute);
}

LogicalResult MoEDialect::verifyRegionResultAttribute(
    Operation *op, unsigned, unsigned result, NamedAttribute attribute) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  if (!function)
    return success();
  return verifyAttribute(op, function.getAllResultAttrs(), result, "result",
                         attribute);
}
