//===- Results.cpp - Where results go -------------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Outputs, printed results and comparisons.
//
//===----------------------------------------------------------------------===//

#include "Results.h"
#include "NamedSpecs.h"
#include "moe/Execution/Error.h"
#include "moe/Import/TensorSpec.h"
#include "moe/Tensor/Compare.h"
#include "moe/Tensor/Literal.h"

using namespace mlir;
using namespace mlir::moe;

/// Longer results are for files.
static constexpr int64_t maxPrintedElements = 1024;

static bool isFile(StringRef spec) { return spec.starts_with("@"); }

llvm::Error moe::checkOutputSpecs(const RunOptions &options) {
  // The writer knows which specs do not go together.
  TensorWriter writer;
  HostTensor tensor;
  for (StringRef spec : options.outputs) {
    if (spec.empty() || spec == "-")
      continue;
    auto parsed = parseOutputSpec(spec);
    if (!parsed)
      return usageError(takeMessage(parsed.takeError()).first);
    if (llvm::Error error = writer.add(spec, tensor))
      return usageError(takeMessage(std::move(error)).first);
  }
  return llvm::Error::success();
}

llvm::Error moe::writeTo(StringRef path, raw_ostream &otherwise,
                         OutputFiles &files,
                         llvm::function_ref<void(raw_ostream &)> print) {
  if (path.empty() || path == "-") {
    print(otherwise);
    otherwise.flush();
    auto *file = static_cast<llvm::raw_fd_ostream *>(&otherwise);
    std::error_code error = file->error();
    file->clear_error();
    StringRef name = &otherwise == &llvm::errs() ? "error" : "output";
    return error ? makeError("standard " + name + ": " + error.message())
                 : llvm::Error::success();
  }
  return files.add(path, [&](raw_ostream &os) {
    print(os);
    return llvm::Error::success();
  });
}

llvm::Error moe::writeResults(const RunOptions &options,
                              ArrayRef<ValueName> names,
                              ArrayRef<HostTensor> results,
                              OutputFiles &files) {
  TensorWriter writer;
  llvm::Error problem = llvm::Error::success();
  for (auto [index, tensor] : llvm::enumerate(results)) {
    StringRef spec = options.outputs[index];
    if (spec.empty() || problem)
      continue;
    if (isFile(spec)) {
      problem = writer.add(spec, tensor);
      continue;
    }
    const HostTensor &result = tensor;
    StringRef name = names[index].text;
    problem = writeTo("", llvm::outs(), files, [&](raw_ostream &os) {
      if (!name.empty())
        os << name << "=";
      printLiteral(os, result, maxPrintedElements);
      os << "\n";
    });
  }
  if (problem)
    return problem;
  return writer.write(files);
}

llvm::Error moe::compareResults(const RunOptions &options,
                                ArrayRef<ValueName> names,
                                ArrayRef<HostTensor> results,
                                ArrayRef<std::optional<HostTensor>> expected) {
  std::string message;
  for (auto [index, pair] : llvm::enumerate(llvm::zip(results, expected))) {
    auto &[result, wanted] = pair;
    if (!wanted)
      continue;
    Comparison comparison =
        compareTensors(result, *wanted, options.rtol, options.atol);
    if (!comparison.equal)
      message += (message.empty() ? "" : "; ") +
                 names[index].str("result", index) + ": " + comparison.message;
  }
  if (message.empty())
    return llvm::Error::success();
  return llvm::make_error<CodedError>(ExitCode::Mismatch, message);
}
