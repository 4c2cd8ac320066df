//===- Results.cpp - Where results go -------------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Outputs, printed results and comparisons.
//
//===----------------------------------------------------------------------===//

#include "Results.h"
#include "moe/Execution/Error.h"
#include "moe/Import/TensorSpec.h"
#include "moe/Tensor/Compare.h"
#include "moe/Tensor/File.h"
#include "moe/Tensor/Literal.h"

using namespace mlir;
using namespace mlir::moe;

/// Longer results are for files.
static constexpr int64_t maxPrintedElements = 1024;

static bool isFile(StringRef spec) { return spec.starts_with("@"); }

std::string moe::fileOfSpec(StringRef spec) {
  if (!isFile(spec))
    return "";
  auto parsed = parseTensorSpec(spec);
  if (parsed)
    return parsed->path;
  llvm::consumeError(parsed.takeError());
  return "";
}

static llvm::Error checkOutputSpecs(const RunOptions &options) {
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

llvm::Error moe::checkPlaces(const RunOptions &options, size_t numResults,
                             ArrayRef<std::string> inputs) {
  auto tooMany = [&](StringRef flag, size_t count) {
    return usageError("function " + quote(options.function) + " has " +
                      llvm::Twine(numResults) + " results, got " +
                      llvm::Twine(count) + " " + flag);
  };
  if (options.outputs.size() > numResults)
    return tooMany("--output", options.outputs.size());
  if (options.expectedOutputs.size() > numResults)
    return tooMany("--expected-output", options.expectedOutputs.size());
  if (llvm::Error error = checkOutputSpecs(options))
    return error;

  std::vector<std::string> written = {options.statsOut, options.benchmarkOut,
                                      options.traceOut};
  for (StringRef spec : options.outputs)
    written.push_back(fileOfSpec(spec));
  for (StringRef output : written)
    for (StringRef input : inputs)
      if (!output.empty() && !input.empty() && sameFile(output, input))
        return usageError(output + ": would be overwritten, though the run "
                                   "reads it");
  return llvm::Error::success();
}

llvm::Error moe::writeTo(StringRef path, raw_ostream &otherwise,
                         llvm::function_ref<void(raw_ostream &)> print) {
  if (path.empty() || path == "-") {
    print(otherwise);
    otherwise.flush();
    auto *file = static_cast<llvm::raw_fd_ostream *>(&otherwise);
    std::error_code error = file->error();
    file->clear_error();
    return error ? makeError("standard output: " + error.message())
                 : llvm::Error::success();
  }
  auto file = OutputFile::create(path);
  if (!file)
    return file.takeError();
  print(file->os());
  return file->commit();
}

llvm::Error moe::writeResults(const RunOptions &options,
                              ArrayRef<HostTensor> results) {
  TensorWriter writer;
  bool benchmarking = options.benchmark != RunOptions::Format::None;
  llvm::Error problem = llvm::Error::success();
  for (auto [index, tensor] : llvm::enumerate(results)) {
    StringRef spec = "-";
    if (index < options.outputs.size())
      spec = options.outputs[index];
    else if (benchmarking)
      continue;
    if (spec.empty() || problem)
      continue;
    if (isFile(spec)) {
      problem = writer.add(spec, tensor);
      continue;
    }
    const HostTensor &result = tensor;
    problem = writeTo("", llvm::outs(), [&](raw_ostream &os) {
      printLiteral(os, result, maxPrintedElements);
      os << "\n";
    });
  }
  if (problem)
    return problem;
  return writer.flush();
}

llvm::Error moe::compareResults(const RunOptions &options,
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
      message += (message.empty() ? "result " : "; result ") +
                 std::to_string(index) + ": " + comparison.message;
  }
  if (message.empty())
    return llvm::Error::success();
  return llvm::make_error<CodedError>(ExitCode::Mismatch, message);
}
