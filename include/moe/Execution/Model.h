//===- Model.h - A model file -----------------------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finds the text of a model, parses it with errors in one line each, and says
// which functions it offers.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_EXECUTION_MODEL_H
#define MOE_EXECUTION_MODEL_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OwningOpRef.h"
#include "moe/Tensor/HostTensor.h"
#include "llvm/Support/MemoryBuffer.h"
#include <functional>

namespace mlir::moe {

/// "FILE:line:col" where a location has it, otherwise `fileName`.
std::string placeOf(Location location, StringRef fileName);

/// Keeps the first error that is emitted while it lives, in the form
/// "FILE:line:col: what"; prints remarks and warnings.
class DiagnosticCollector : public ScopedDiagnosticHandler {
public:
  /// `fileName` stands where a location names no file. `onError` is called
  /// when there is a first error; it need not return. `source` is the text that
  /// is parsed, if any is.
  DiagnosticCollector(MLIRContext *context, StringRef fileName,
                      std::function<void()> onError = nullptr,
                      StringRef source = {});
  /// The first error, or, if there is none, `otherwise`.
  llvm::Error takeError(const llvm::Twine &otherwise);

private:
  std::string fileName;
  std::string firstError;
  std::function<void()> onError;
  StringRef source;
};

/// Where a model was found.
struct ModelSource {
  /// The file, "-" for standard input.
  std::string path;
  /// Where its weights are looked for if nobody says: *.safetensors of this
  /// directory ...
  std::string weightsDirectory;
  /// ... or this file.
  std::string weightsFile;
  std::unique_ptr<llvm::MemoryBuffer> text;
};

/// `model` is a file, "-", or a directory with model.mlir.
llvm::Expected<ModelSource> findModel(StringRef model);

/// Parses and verifies. Unless it is trusted, the text is held to what a model
/// may be, and `context` must know no more than registerModelDialects. After an
/// error `context` is good for nothing but its end.
llvm::Expected<OwningOpRef<ModuleOp>>
parseModel(const ModelSource &source, MLIRContext &context, bool trusted);

/// The type of an input or result on the host. A size may be dynamic.
struct ValueType {
  ElementType elementType;
  SmallVector<int64_t> shape;
  /// Whether a tensor, and not a scalar.
  bool isTensor;

  /// "?x8xf32"
  std::string str() const;
  /// Whether a tensor of that type may stand for this.
  bool accepts(const HostTensor &tensor) const;
};

/// None if no host tensor has such a type.
std::optional<ValueType> getValueType(Type type);

/// What an input or result is called; the text is empty if it has no name.
struct ValueName {
  std::string text;
  /// Whether only the name says which it is (moe.keyword_only).
  bool keywordOnly = false;
  /// Whether an input is given away (moe.donated).
  bool donated = false;

  /// "input 0", or "input 'x'".
  std::string str(StringRef kind, size_t index) const;
};

/// A function that can be run.
struct EntryPoint {
  std::string name;
  std::vector<ValueType> inputs;
  std::vector<ValueType> results;
  std::vector<ValueName> inputNames;
  std::vector<ValueName> resultNames;
  /// What the function is called in the module: not its name, if the runtime
  /// has one of that name.
  std::string symbol;

  /// "input 0: ?x8xf32", "result 1 'score': f32"
  std::string describeInput(size_t index) const;
  std::string describeResult(size_t index) const;
  /// An error that says what the function takes, if that is not `count` inputs.
  llvm::Error checkCount(size_t count) const;
};

/// The public functions, in the order of the file.
SmallVector<func::FuncOp> getEntryPoints(ModuleOp module);
/// The one named `name`.
llvm::Expected<EntryPoint> findEntryPoint(ModuleOp module, StringRef name,
                                          StringRef fileName);

} // namespace mlir::moe

#endif // MOE_EXECUTION_MODEL_H
