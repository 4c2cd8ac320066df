//===- RunMany.cpp - Many models in one process ---------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// moe-run for tests that run thousands of small models: starting a process
// takes longer than most of them. It reads one request a line,
//   {"folder": "/tmp/x", "arguments": ["model.mlir", "--experts=all"]}
// with arguments of moe-run, and answers each in one line,
//   {"code": 1, "message": "model.mlir:3:4: ..."}
// with what moe-run would exit with and say. All that a run prints goes to
// standard error. Who asked knows which model it was when the process dies.
//
// A request that has a "module" is one to interpret it (Interpret.cpp).
//
// After each run the inputs must be as they were, and the results those of the
// run before (--benchmark makes several runs): anything else is code 70.
//
//===----------------------------------------------------------------------===//

#include "Interpret.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "moe/Execution/Error.h"
#include "moe/Execution/Run.h"
#include "moe/InitAll.h"
#include "moe/Tensor/HostTensor.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/JSON.h"
#include <iostream>
#include <unistd.h>

using namespace mlir;
using namespace mlir::moe;

/// The flags that tests of many models need.
static llvm::Error readArgument(StringRef argument, RunOptions &options) {
  if (!argument.starts_with("--")) {
    options.model = argument.str();
    return llvm::Error::success();
  }
  auto [flag, value] = argument.split('=');
  if (flag == "--function")
    options.function = value.str();
  else if (flag == "--input")
    options.inputs.push_back(value.str());
  else if (flag == "--output")
    options.outputs.push_back(value.str());
  else if (flag == "--parameters")
    options.parameters.push_back(value.str());
  else if (flag == "--experts")
    options.experts = value.str();
  else if (flag == "--device")
    options.device = value.str();
  else if (flag == "--stats-out")
    options.statsOut = value.str(), options.stats = RunOptions::Format::JSON;
  else if (flag == "--describe")
    options.describe = true;
  else if (flag == "--assume-finite")
    options.assumeFinite = true;
  else if (flag == "--trust-model")
    options.trustModel = true;
  else if (flag == "--benchmark-out")
    options.benchmarkOut = value.str(),
    options.benchmark = RunOptions::Format::JSON;
  else if (flag == "--opt-level") {
    if (value.getAsInteger(10, options.optLevel))
      return usageError(argument + ": expected an integer");
  } else if (flag == "--repetitions") {
    options.warmup = 0;
    if (value.getAsInteger(10, options.repetitions))
      return usageError(argument + ": expected an integer");
  } else if (flag == "--max-memory") {
    if (value.getAsInteger(10, options.maxMemory))
      return usageError(argument + ": expected bytes");
  } else if (flag == "--timeout") {
    if (value.getAsDouble(options.timeout))
      return usageError(argument + ": expected seconds");
  } else
    return usageError("no flag of many models: " + argument);
  return llvm::Error::success();
}

static std::string bytesOf(ArrayRef<HostTensor> tensors) {
  std::string bytes;
  for (const HostTensor &tensor : tensors)
    bytes.append(tensor.data(), tensor.sizeInBytes());
  return bytes;
}

/// Holds inputs and results to what they were.
class Repetitions {
public:
  void observe(ArrayRef<HostTensor> inputs, ArrayRef<HostTensor> results) {
    std::string given = bytesOf(inputs), made = bytesOf(results);
    if (runs++ == 0)
      firstGiven = given;
    if (runs == 2)
      firstMade = made;
    if (given != firstGiven)
      fault = "an input was changed by the run";
    else if (runs > 2 && made != firstMade)
      fault = "results of a further run differ from those of the first";
  }
  llvm::Error takeFault() const {
    return fault.empty() ? llvm::Error::success()
                         : llvm::make_error<CodedError>(ExitCode::Bug, fault);
  }

private:
  int runs = 0; // the first time nothing has run yet
  std::string firstGiven, firstMade, fault;
};

static llvm::Error answer(const llvm::json::Object &request,
                          const DialectRegistry &registry) {
  if (auto folder = request.getString("folder"))
    if (std::error_code error = llvm::sys::fs::set_current_path(*folder))
      return makeError(*folder + ": " + error.message());
  RunOptions options;
  options.registry = &registry;
  if (const llvm::json::Array *arguments = request.getArray("arguments"))
    for (const llvm::json::Value &argument : *arguments)
      if (llvm::Error error =
              readArgument(argument.getAsString().value_or(""), options))
        return error;
  Repetitions repetitions;
  options.observe = [&](ArrayRef<HostTensor> inputs,
                        ArrayRef<HostTensor> results) {
    repetitions.observe(inputs, results);
  };
  if (llvm::Error error = run(options))
    return error;
  return repetitions.takeFault();
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  // Answers alone go where the requests come from.
  llvm::raw_fd_ostream answers(dup(STDOUT_FILENO), /*shouldClose=*/true);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  // As in moe-run: without them a pass manager does not know its own defaults.
  registerAsmPrinterCLOptions();
  registerMLIRContextCLOptions();
  registerPassManagerCLOptions();
  DialectRegistry registry;
  moe::registerAllDialects(registry);
  moe::registerAllPasses();
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  for (std::string line; std::getline(std::cin, line);) {
    auto request = llvm::json::parse(line);
    const llvm::json::Object *object =
        request ? request->getAsObject() : nullptr;
    if (object && object->get("module")) {
      answers << interpret(*object, context) << "\n";
      answers.flush();
      continue;
    }
    auto [message, code] =
        takeMessage(!request ? request.takeError()
                    : object ? answer(*object, registry)
                             : usageError("a request is an object"));
    llvm::outs().flush();
    answers << llvm::json::Value(llvm::json::Object{
                   {"code", static_cast<int>(code)},
                   {"message", llvm::json::fixUTF8(message)}})
            << "\n";
    answers.flush();
  }
  return 0;
}
