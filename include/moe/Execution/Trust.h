//===- Trust.h - What a model file may hold ---------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A model file is data. Before it is parsed its text is checked for what would
// bring the parser down; after that, and before any pass, the module is held to
// a list of what a model may consist of. --trust-model lifts both.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_EXECUTION_TRUST_H
#define MOE_EXECUTION_TRUST_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/LLVM.h"
#include "llvm/Support/Error.h"

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace mlir::moe {

/// The deepest nesting of brackets in a model's text.
constexpr int64_t kMaxNesting = 256;
/// The longest text of a model, without its resources.
constexpr int64_t kMaxSourceBytes = 64 << 20;
/// The most bytes that one tensor type may stand for.
constexpr int64_t kMaxTensorBytes = int64_t(1) << 46;
/// The most bytes of all constants of a model together.
constexpr int64_t kMaxConstantBytes = int64_t(4) << 30;

/// The most references that an alias of a type or an attribute may stand for,
/// those of the aliases in it included.
constexpr int64_t kMaxAliasReferences = 1 << 16;
/// The most operations that calls may stand for, all functions together.
constexpr int64_t kMaxInlinedOperations = 1 << 17;

/// The dialects that a model may use, and no others.
void registerModelDialects(DialectRegistry &registry);

/// True if the text is bytecode.
bool isBytecode(StringRef source);

/// An error "FILE:line:col: what" if the parser must not see the text.
llvm::Error checkSource(StringRef source, StringRef fileName);

/// Emits an error at what a model may not hold.
LogicalResult checkModel(ModuleOp module);

/// Removes the annotations that front ends leave: nothing of a model's meaning
/// is in them, and passes that find their own must not take them for theirs.
/// The names of arguments and results stay: the dialect has verified them.
void dropAnnotations(ModuleOp module);

} // namespace mlir::moe

#endif // MOE_EXECUTION_TRUST_H
