//===- CompiledModel.h - A model that tests run -----------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_UNIT_SUPPORT_COMPILEDMODEL_H
#define MOE_TEST_UNIT_SUPPORT_COMPILEDMODEL_H

#include "TestFiles.h"
#include "mlir/Pass/PassManager.h"
#include "moe/Execution/Lowering.h"
#include "moe/Execution/Session.h"
#include "moe/Execution/Statistics.h"
#include "moe/Import/TensorSpec.h"
#include "moe/InitAll.h"
#include "moe/Tensor/Random.h"

namespace mlir::moe {

/// Without a model there is nothing to test.
inline const llvm::ExitOnError orExit("CompiledModel: ");

/// A model from a file, compiled for a device, with random weights.
class CompiledModel {
public:
  CompiledModel(const std::string &path, const OpenedDevice &device,
                bool counts = false)
      : context(MLIRContext::Threading::DISABLED) {
    // Lowering asks for what the command line says of passes.
    registerPassManagerCLOptions();
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    source = orExit(findModel(path));
    module = orExit(parseModel(source, context, /*trusted=*/false));
    required = orExit(collectRequirements(*module, path));
    if (!required.empty())
      checkpoint.emplace(makeWeights());
    bound = orExit(BoundParameters::bind(required,
                                         checkpoint ? &*checkpoint : nullptr,
                                         device.device(), path, false));
    entry = orExit(findEntryPoint(*module, "main", path));
    LoweringOptions lowering;
    lowering.machine = device.kind();
    lowering.stats = counts;
    orExit(lowerModule(*module, lowering, path));
    table.emplace(*module);
    orExit(embedKernels(*module, lowering, path));
    ExecutableOptions linking;
    linking.machine = device.kind();
    executable = orExit(Executable::create(*module, entry, std::move(linking)));
    session = newSession();
  }

  /// A session beside the model's own.
  std::unique_ptr<Session> newSession(SessionOptions options = {}) const {
    return orExit(Session::create(*executable, *bound, options));
  }
  /// One with other weights: those of a file.
  std::unique_ptr<Session> newSession(const BoundParameters &weights) const {
    return orExit(Session::create(*executable, weights));
  }
  std::unique_ptr<BoundParameters> bind(const Checkpoint &weights) const {
    return orExit(BoundParameters::bind(required, &weights, bound->device(),
                                        source.path, false));
  }
  const BoundParameters *weights() const { return bound.get(); }
  Statistics statistics(const Session &of) const { return table->collect(of); }

  /// Five rows of random numbers, and of numbers of the first two experts.
  std::vector<HostTensor> makeInputs() const {
    std::vector<HostTensor> inputs;
    for (const ValueType &type : entry.inputs) {
      SmallVector<int64_t> shape(type.shape);
      for (int64_t &size : shape)
        size = ShapedType::isDynamic(size) ? 5 : size;
      HostTensor input = orExit(HostTensor::create(type.elementType, shape));
      if (isFloat(type.elementType))
        fillRandom(input, inputs.size());
      else
        for (int64_t i = 0; i < input.numElements(); ++i)
          input.writeBits(i, i % 2);
      inputs.push_back(std::move(input));
    }
    return inputs;
  }

  std::vector<HostTensor> run(ArrayRef<HostTensor> inputs) {
    return orExit(session->run(inputs));
  }

private:
  Checkpoint makeWeights() {
    std::string path = files.path("w.safetensors");
    TensorWriter writer;
    std::vector<HostTensor> tensors;
    for (const RequiredParameter *parameter : required.all()) {
      tensors.push_back(
          orExit(HostTensor::create(parameter->elementType, parameter->shape)));
      fillRandom(tensors.back(), tensors.size());
    }
    for (auto [parameter, tensor] : llvm::zip(required.all(), tensors))
      orExit(writer.add("@" + path + "[" + parameter->name + "]", tensor));
    OutputFiles output;
    orExit(writer.write(output));
    orExit(output.commit());
    return orExit(Checkpoint::open({path}));
  }

  TestDirectory files;
  DialectRegistry registry;
  MLIRContext context;
  ModelSource source;
  OwningOpRef<ModuleOp> module;
  Requirements required;
  std::optional<Checkpoint> checkpoint;
  std::unique_ptr<BoundParameters> bound;
  EntryPoint entry;
  std::optional<StatisticsTable> table;
  std::unique_ptr<Executable> executable;

public:
  std::unique_ptr<Session> session;
};

} // namespace mlir::moe

#endif // MOE_TEST_UNIT_SUPPORT_COMPILEDMODEL_H
