//===- Run.cpp - What moe-run does ----------------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The order of the steps. What can be told from the command line is told
// before anything is compiled.
//
//===----------------------------------------------------------------------===//

#include "moe/Execution/Run.h"
#include "NamedSpecs.h"
#include "Places.h"
#include "Results.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "moe/Dialect/MoE/Transforms/Annotations.h"
#include "moe/Execution/Benchmark.h"
#include "moe/Execution/Error.h"
#include "moe/Execution/Lowering.h"
#include "moe/Execution/Monitor.h"
#include "moe/Execution/Parameters.h"
#include "moe/Execution/Profile.h"
#include "moe/Execution/Session.h"
#include "moe/Execution/Statistics.h"
#include "moe/Execution/Trust.h"
#include "moe/Import/TensorSpec.h"
#include "moe/Runtime/Runtime.h"
#include "moe/Runtime/Trace.h"
#include "moe/Tensor/File.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"
#include <unistd.h>

using namespace mlir;
using namespace mlir::moe;

namespace {

class Run {
public:
  explicit Run(const RunOptions &options)
      : options(options), context(MLIRContext::Threading::DISABLED),
        monitor(options.model, options.timeout) {}

  llvm::Error run();

private:
  llvm::Error load();
  llvm::Error openWeights();
  llvm::Error describe();
  llvm::Error compileTo(Phase phase);
  llvm::Error bindSpecs();
  llvm::Error readTensors();
  llvm::Error bindWeights();
  llvm::Error checkWeights(llvm::Error outcome);
  void isolateEntry();
  llvm::Error lower();
  llvm::Error execute();
  llvm::Error runOnce(std::vector<HostTensor> &results);
  llvm::Error measureRuns(std::vector<HostTensor> &results);
  llvm::Error measureGraph();
  llvm::Error report(OutputFiles &files);
  llvm::Error reportTimes(OutputFiles &files);
  std::string benchmarkName() const;

  /// After bindSpecs(), inputs and outputs are those of the function, in order.
  RunOptions options;
  MLIRContext context;
  /// Null, if nobody asked for times.
  std::unique_ptr<rt::Trace> trace;
  Monitor monitor;
  /// Outlives whatever lies on the device.
  std::optional<OpenedDevice> device;
  ModelSource source;
  OwningOpRef<ModuleOp> module;
  EntryPoint entry;
  Requirements required;
  std::optional<Checkpoint> checkpoint;
  std::unique_ptr<BoundParameters> bound;
  std::vector<HostTensor> inputs;
  std::vector<std::optional<HostTensor>> expected;
  std::optional<StatisticsTable> table;
  std::unique_ptr<Executable> executable;
  std::unique_ptr<Session> session;
  std::optional<Benchmark> benchmark;
};

} // namespace

static int64_t defaultMemoryLimit() {
  int64_t bytes =
      int64_t(sysconf(_SC_PHYS_PAGES)) * int64_t(sysconf(_SC_PAGESIZE));
  return bytes / 10 * 8;
}

llvm::Error Run::load() {
  rt::TraceSpan span(trace.get(), "read the model");
  auto found = findModel(options.model);
  if (!found)
    return found.takeError();
  source = std::move(*found);
  if (llvm::Error error = checkPlaces(options, source))
    return error;
  DialectRegistry dialects;
  registerModelDialects(dialects);
  context.appendDialectRegistry(dialects);
  if (options.trustModel)
    context.appendDialectRegistry(*options.registry);
  auto parsed = parseModel(source, context, options.trustModel);
  if (!parsed)
    return parsed.takeError();
  module = std::move(*parsed);
  if (!options.trustModel)
    context.appendDialectRegistry(*options.registry);
  return llvm::Error::success();
}

llvm::Error Run::openWeights() {
  rt::TraceSpan span(trace.get(), "open the weights");
  std::vector<std::string> paths = findWeights(options, source);
  if (paths.empty())
    return llvm::Error::success();
  auto opened = Checkpoint::open(paths);
  if (!opened)
    return opened.takeError();
  checkpoint.emplace(std::move(*opened));
  for (const std::string &warning : checkpoint->warnings())
    llvm::errs() << "moe-run: warning: " << warning << "\n";
  return llvm::Error::success();
}

/// "main(?x8xf32, f32) -> (?x8xf32)", or why not.
static void describeFunction(raw_ostream &os, ModuleOp module, StringRef name,
                             StringRef fileName) {
  auto entry = findEntryPoint(module, name, fileName);
  bool plain = !name.empty() && llvm::all_of(name, llvm::isPrint);
  os << "function " << (plain ? name.str() : quote(name)) << "\n";
  if (!entry) {
    os << "  " << takeMessage(entry.takeError()).first << "\n";
    return;
  }
  for (size_t index = 0; index < entry->inputs.size(); ++index)
    os << "  " << entry->describeInput(index) << "\n";
  for (size_t index = 0; index < entry->results.size(); ++index)
    os << "  " << entry->describeResult(index) << "\n";
}

llvm::Error Run::describe() {
  auto print = [&](raw_ostream &os) {
    for (func::FuncOp function : getEntryPoints(*module))
      describeFunction(os, *module, function.getName(), source.path);
    for (auto global : module->getOps<ml_program::GlobalOp>())
      if (auto type = getValueType(global.getType());
          type && global.getIsMutable())
        os << "state " << global.getSymName() << ": " << type->str() << "\n";
    for (const RequiredParameter &parameter : required.parameters)
      os << "parameter " << parameter.name << ": "
         << stringifyTensorType(parameter.elementType, parameter.shape) << "\n";
    for (const RequiredFamily &family : required.families) {
      os << "parameters " << family.pattern << " [";
      llvm::interleaveComma(family.counts, os);
      os << "]: "
         << stringifyTensorType(family.members[0].elementType,
                                family.members[0].shape)
         << "\n";
    }
    for (const std::string &fault :
         findFaults(required, checkpoint ? &*checkpoint : nullptr, source.path))
      os << "lacks: " << fault << "\n";
  };
  OutputFiles none;
  return writeTo("", llvm::outs(), none, print);
}

llvm::Error Run::compileTo(Phase phase) {
  Phase from = options.compileFrom.value_or(Phase::Import);
  if (phase < from)
    return usageError("--compile-to=" + stringifyPhase(phase) +
                      " is before --compile-from=" + stringifyPhase(from));
  // What is compiled to the end keeps its names.
  for (func::FuncOp function : getEntryPoints(*module))
    if (phase == Phase::Machine && isReservedName(function.getName()))
      return makeError(placeOf(function.getLoc(), source.path) + ": function " +
                       quote(function.getName()) +
                       " has a name of the runtime; give it another one");
  LoweringOptions lowering;
  lowering.from = from;
  lowering.to = phase;
  lowering.experts = options.experts;
  lowering.assumeFinite = options.assumeFinite;
  lowering.stats = options.counts();
  lowering.checkAccesses = !options.trustModel;
  lowering.machine = *parseDevice(options.device);
  lowering.dumpPhasesDir = options.dumpPhasesDir;
  monitor.setActivity("compiling");
  if (llvm::Error error = lowerModule(*module, lowering, source.path))
    return error;
  monitor.stop();
  auto print = [&](raw_ostream &os) { os << *module << "\n"; };
  OutputFiles files;
  if (llvm::Error error = writeTo(options.output, llvm::outs(), files, print))
    return error;
  return files.commit();
}

/// From SPECs that may have names to one for each input and result.
llvm::Error Run::bindSpecs() {
  size_t given = options.inputs.size();
  if (given > entry.inputs.size())
    return entry.checkCount(given);
  // Results for which nothing is said are printed, or dropped where times are.
  bool prints = options.benchmark == RunOptions::Format::None;
  auto bind = [&](const NamedSpecs &names, std::vector<std::string> &specs,
                  StringRef otherwise) -> llvm::Error {
    auto bound = names.bind(specs);
    if (!bound)
      return bound.takeError();
    specs.clear();
    for (std::optional<std::string> &spec : *bound)
      specs.push_back(spec ? *spec : otherwise.str());
    return llvm::Error::success();
  };
  auto ofResults = [&](StringRef flag) {
    return NamedSpecs{flag, entry.name, "result", entry.results,
                      entry.resultNames};
  };
  if (llvm::Error error =
          bind({"--input", entry.name, "input", entry.inputs, entry.inputNames},
               options.inputs, ""))
    return error;
  // Each is for another one, so these are all, or too few.
  if (llvm::Error error = entry.checkCount(given))
    return error;
  if (llvm::Error error =
          bind(ofResults("--output"), options.outputs, prints ? "-" : ""))
    return error;
  return bind(ofResults("--expected-output"), options.expectedOutputs, "");
}

llvm::Error Run::readTensors() {
  if (llvm::Error error = bindSpecs())
    return error;
  if (llvm::Error error = checkOutputSpecs(options))
    return error;
  if (!options.maxMemory)
    options.maxMemory = defaultMemoryLimit();
  for (StringRef spec : options.inputs) {
    auto tensor = readTensor(spec, options.maxMemory);
    if (!tensor)
      return tensor.takeError();
    inputs.push_back(std::move(*tensor));
  }
  if (llvm::Error error = Executable::checkInputs(entry, inputs))
    return error;
  for (StringRef spec : options.expectedOutputs) {
    expected.emplace_back();
    if (spec.empty())
      continue;
    auto tensor = readTensor(spec, options.maxMemory);
    if (!tensor)
      return tensor.takeError();
    expected.back() = std::move(*tensor);
  }
  return llvm::Error::success();
}

/// The outcome of work that read weights, if they were all there.
llvm::Error Run::checkWeights(llvm::Error outcome) {
  llvm::Error missing =
      checkpoint ? checkpoint->checkFiles() : llvm::Error::success();
  if (!missing)
    return outcome;
  llvm::consumeError(std::move(outcome));
  return missing;
}

llvm::Error Run::bindWeights() {
  rt::MappedReads reads;
  auto binding = BoundParameters::bind(
      required, checkpoint ? &*checkpoint : nullptr, device->device(),
      source.path, options.allowUnusedParameters || options.parameters.empty());
  if (!binding)
    return checkWeights(binding.takeError());
  bound = std::move(*binding);
  return checkWeights(llvm::Error::success());
}

/// Leaves the function that runs as the only public one, under a name that
/// means nothing else: a model may well call its function "exp".
void Run::isolateEntry() {
  for (func::FuncOp function : getEntryPoints(*module))
    if (function.getName() != entry.name)
      function.setPrivate();
  auto function = module->lookupSymbol<func::FuncOp>(entry.name);
  if (!function || !isReservedName(entry.name))
    return;
  SymbolTable symbols(*module);
  entry.symbol = "entry";
  while (symbols.lookup(entry.symbol))
    entry.symbol += "_";
  // Nothing but calls refers to a function.
  (void)symbols.rename(function, entry.symbol);
}

/// From the parsed module to one whose code can be linked.
llvm::Error Run::lower() {
  monitor.setActivity("compiling");
  isolateEntry();
  LoweringOptions lowering;
  lowering.from = options.compileFrom.value_or(Phase::Import);
  lowering.experts = options.experts;
  lowering.assumeFinite = options.assumeFinite;
  lowering.stats = options.counts();
  lowering.checkAccesses = !options.trustModel;
  for (const MisalignedTensor &tensor : bound->misaligned())
    lowering.misaligned.push_back(tensor.parameter->name);
  lowering.machine = device->kind();
  lowering.kernels = options.kernels;
  if (rt::Device *gpu = device->device()) {
    lowering.chip = gpu->chip();
    lowering.ptxVersion = static_cast<unsigned>(gpu->ptxVersion());
  }
  lowering.trace = trace.get();
  lowering.dumpPhasesDir = options.dumpPhasesDir;
  if (llvm::Error error = lowerModule(*module, lowering, source.path))
    return error;
  if (auto more = (*module)->getAttrOfType<IntegerAttr>(wouldRaiseAttr))
    llvm::errs() << "moe-run: note: " << source.path << ": " << more.getInt()
                 << " more experts would be computed only where they are "
                    "chosen with --assume-finite\n";
  table.emplace(*module);
  if (llvm::Error error = embedKernels(*module, lowering, source.path))
    return error;
  ExecutableOptions linking;
  linking.misaligned = lowering.misaligned;
  linking.dumpObjectsDir = options.dumpObjectsDir;
  linking.trusted = options.trustModel;
  linking.machine = device->kind();
  linking.optLevel = options.optLevel;
  linking.trace = trace.get();
  auto created = Executable::create(*module, entry, std::move(linking));
  if (!created)
    return created.takeError();
  executable = std::move(*created);
  auto begun = Session::create(
      *executable, *bound, {options.threads, options.maxMemory, trace.get()});
  if (!begun)
    return begun.takeError();
  session = std::move(*begun);
  return llvm::Error::success();
}

llvm::Error Run::runOnce(std::vector<HostTensor> &results) {
  rt::TraceSpan span(trace.get(), "run");
  auto made = session->run(inputs);
  if (!made)
    return checkWeights(made.takeError());
  results = std::move(*made);
  if (options.observe)
    options.observe(inputs, results);
  return checkWeights(llvm::Error::success());
}

llvm::Error Run::measureRuns(std::vector<HostTensor> &results) {
  if (options.observe)
    options.observe(inputs, results);
  auto once = [&] { return runOnce(results); };
  monitor.setActivity("running");
  auto first = measure(once);
  if (!first)
    return first.takeError();
  for (int64_t call = 1; call < options.calls; ++call)
    if (llvm::Error error = once())
      return error;
  if (!benchmark)
    return llvm::Error::success();
  benchmark->setFirst(*first);
  monitor.setActivity("measuring");
  for (int64_t i = 0; i < options.warmup; ++i)
    if (llvm::Error error = once())
      return error;
  for (int64_t i = 0; i < options.repetitions; ++i) {
    auto sample = measure(once);
    if (!sample)
      return sample.takeError();
    benchmark->addSteady(*sample);
  }
  return device->kind() == MachineKind::CUDA ? measureGraph()
                                             : llvm::Error::success();
}

/// The same without the host's part, if the host has none while it runs.
llvm::Error Run::measureGraph() {
  auto step = session->capture(inputs);
  if (!step) {
    llvm::errs() << "moe-run: note: no " << benchmarkName()
                 << "/graph: " << takeMessage(step.takeError()).first << "\n";
    return llvm::Error::success();
  }
  for (int64_t i = -options.warmup; i < options.repetitions; ++i) {
    auto sample = measure([&] { return (*step)->replay(); });
    if (!sample)
      return sample.takeError();
    if (i >= 0)
      benchmark->addGraph(*sample);
  }
  // What a step takes once the device has more than one to do.
  constexpr int64_t inARow = 20;
  for (int64_t i = 0; i < options.repetitions; ++i) {
    auto sample = measure([&] { return (*step)->replay(inARow); });
    if (!sample)
      return sample.takeError();
    benchmark->addQueued({sample->real / inARow, sample->cpu / inARow});
  }
  return llvm::Error::success();
}

llvm::Error Run::report(OutputFiles &files) {
  if (options.stats != RunOptions::Format::None) {
    Statistics statistics = table->collect(*session);
    statistics.alignedCopies = checkpoint ? checkpoint->numAlignedCopies() : 0;
    statistics.unusedParameters = bound->numUnused();
    auto print = [&](raw_ostream &os) {
      if (options.stats == RunOptions::Format::JSON)
        statistics.printJSON(os);
      else
        statistics.printText(os);
    };
    if (llvm::Error error =
            writeTo(options.statsOut, llvm::errs(), files, print))
      return error;
  }
  if (llvm::Error error = reportTimes(files))
    return error;
  if (!benchmark)
    return llvm::Error::success();
  auto print = [&](raw_ostream &os) {
    if (options.benchmark == RunOptions::Format::JSON)
      benchmark->printJSON(os);
    else
      benchmark->printConsole(os);
  };
  return writeTo(options.benchmarkOut, llvm::outs(), files, print);
}

llvm::Error Run::reportTimes(OutputFiles &files) {
  if (!trace)
    return llvm::Error::success();
  Profile profile(trace->events(), trace->dropped(), table->locations());
  if (options.profile)
    if (llvm::Error error =
            writeTo("", llvm::errs(), files,
                    [&](raw_ostream &os) { profile.printTable(os); }))
      return error;
  if (options.traceOut.empty())
    return llvm::Error::success();
  return writeTo(options.traceOut, llvm::outs(), files,
                 [&](raw_ostream &os) { profile.printTrace(os); });
}

std::string Run::benchmarkName() const {
  StringRef stem = llvm::sys::path::stem(source.path);
  if (!source.weightsDirectory.empty())
    stem = llvm::sys::path::filename(llvm::sys::path::parent_path(source.path));
  return (stem == "-" ? "stdin" : stem.str()) + "/" + entry.name;
}

llvm::Error Run::execute() {
  auto opened = OpenedDevice::open(options.device);
  if (!opened)
    return opened.takeError();
  device.emplace(std::move(*opened));
  auto found = findEntryPoint(*module, options.function, source.path);
  if (!found)
    return found.takeError();
  entry = std::move(*found);
  if (llvm::Error error = readTensors())
    return error;
  if (llvm::Error error = bindWeights())
    return error;

  if (options.benchmark != RunOptions::Format::None)
    benchmark.emplace(benchmarkName());
  auto compiled = measure([&] { return lower(); });
  if (!compiled)
    return compiled.takeError();
  if (benchmark)
    benchmark->setCompile(*compiled);

  std::vector<HostTensor> results;
  if (llvm::Error error = measureRuns(results))
    return error;
  // What is written from here on is written whole.
  monitor.stop();
  OutputFiles files;
  if (llvm::Error error =
          writeResults(options, entry.resultNames, results, files))
    return error;
  if (llvm::Error error = report(files))
    return error;
  if (llvm::Error error = files.commit())
    return error;
  return compareResults(options, entry.resultNames, results, expected);
}

llvm::Error Run::run() {
  if (options.profile || !options.traceOut.empty())
    trace = std::make_unique<rt::Trace>();
  if (llvm::Error error = load())
    return error;
  bool wantsWeights = !options.compileTo;
  auto requirements = collectRequirements(*module, source.path);
  if (!requirements)
    return requirements.takeError();
  required = std::move(*requirements);
  if (wantsWeights)
    if (llvm::Error error = openWeights())
      return error;
  if (options.describe)
    return describe();
  if (options.compileTo)
    return compileTo(*options.compileTo);
  return execute();
}

llvm::Error moe::run(const RunOptions &options) { return Run(options).run(); }
