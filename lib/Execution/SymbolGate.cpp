//===- SymbolGate.cpp - What compiled code may link -----------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Execution/SymbolGate.h"

#include "llvm/IR/InstIterator.h"
#include "llvm/IR/InstrTypes.h"
#include "llvm/IR/Intrinsics.h"
#include "llvm/IR/Module.h"

using namespace mlir;
using namespace llvm;

static Error refuse(const Twine &what, StringRef symbol) {
  return createStringError("compiled code may not " + what + " '" + symbol +
                           "'");
}

static Error checkName(const GlobalValue &value,
                       function_ref<bool(StringRef)> isAllowed) {
  bool allowed = isAllowed(value.getName());
  if (!value.isDeclaration())
    return allowed && !value.hasLocalLinkage()
               ? refuse("define the runtime's", value.getName())
               : Error::success();
  if (allowed)
    return Error::success();
  return refuse("link", value.getName());
}

static Error checkFunction(const Function &function,
                           function_ref<bool(StringRef)> isAllowed) {
  // An unknown name that begins as an intrinsic's is none.
  if (function.isDeclaration() &&
      function.getIntrinsicID() != Intrinsic::not_intrinsic)
    return Error::success();
  if (function.getAddressSpace() != 0)
    return refuse("use an address space for function", function.getName());
  for (const Instruction &instruction : instructions(function))
    if (const auto *call = dyn_cast<CallBase>(&instruction))
      if (call->isInlineAsm())
        return refuse("use inline assembly in", function.getName());
  return checkName(function, isAllowed);
}

static Error checkVariable(const GlobalVariable &variable,
                           function_ref<bool(StringRef)> isAllowed) {
  StringRef name = variable.getName();
  if (name == "llvm.global_ctors" || name == "llvm.global_dtors")
    return refuse("have", name);
  if (variable.isThreadLocal())
    return refuse("use thread-local variable", name);
  return checkName(variable, isAllowed);
}

Error moe::checkLinkage(const Module &module,
                        function_ref<bool(StringRef)> isAllowed) {
  if (!module.getModuleInlineAsm().empty())
    return refuse("use inline assembly in module", module.getName());
  for (const GlobalAlias &alias : module.aliases())
    return refuse("have alias", alias.getName());
  for (const GlobalIFunc &ifunc : module.ifuncs())
    return refuse("have ifunc", ifunc.getName());
  for (const GlobalVariable &variable : module.globals())
    if (Error error = checkVariable(variable, isAllowed))
      return error;
  for (const Function &function : module)
    if (Error error = checkFunction(function, isAllowed))
      return error;
  return Error::success();
}
