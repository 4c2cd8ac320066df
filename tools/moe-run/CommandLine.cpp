//===- CommandLine.cpp - The flags of moe-run -----------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every flag, its help, and the values it takes.
//
//===----------------------------------------------------------------------===//

#include "CommandLine.h"
#include "../Version.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/Timing.h"
#include "moe/Execution/Devices.h"
#include "moe/Execution/Error.h"
#include "moe/Tensor/HostTensor.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/CommandLine.h"
#include <cmath>

using namespace mlir;
using namespace mlir::moe;
namespace cl = llvm::cl;

namespace {

cl::OptionCategory &category() {
  static cl::OptionCategory category("Options");
  return category;
}

/// LLVM's libraries may have a flag of that name, such as --stats: it gives way
/// to ours.
StringRef claim(StringRef name) {
  auto &known = cl::getRegisteredOptions();
  if (auto found = known.find(name); found != known.end()) {
    static std::vector<std::unique_ptr<std::string>> renamed;
    renamed.push_back(std::make_unique<std::string>(("llvm-" + name).str()));
    found->second->setArgStr(*renamed.back());
  }
  return name;
}

struct Text : cl::opt<std::string> {
  Text(const char *name, const char *value, const char *help,
       const char *initial = "", cl::ValueExpected expected = cl::ValueRequired)
      : opt(claim(name), cl::desc(help), cl::value_desc(value),
            cl::cat(category()), cl::init(initial), expected) {}
};

struct Texts : cl::list<std::string> {
  Texts(const char *name, const char *value, const char *help)
      : list(claim(name), cl::desc(help), cl::value_desc(value),
             cl::cat(category())) {}
};

struct Switch : cl::opt<bool> {
  Switch(const char *name, const char *help)
      : opt(claim(name), cl::desc(help), cl::cat(category())) {}
};

struct Flags {
  cl::opt<std::string> model{cl::Positional, cl::desc("MODEL"),
                             cl::cat(category())};
  Text function{"function", "name", "Function to run (main)", "main"};
  Switch describe{"describe", "Print functions, types and parameters; no run"};
  Texts input{"input", "spec",
              "In argument order: 2x3xf32=1 2 3 4 5 6, 2x3xf32=0, f32=1.5, "
              "4x8xf32=random(seed=1), @x.npy, @x.npz[key], "
              "@x.safetensors[key]"};
  Texts output{"output", "spec",
               "In result order: - (print), @y.npy, @y.safetensors[key], empty "
               "to drop; results without one are printed"};
  Texts expected{"expected-output", "spec",
                 "In result order, as --input, empty to skip one; exit 3 if a "
                 "result differs"};
  Text rtol{"rtol", "number", "Relative tolerance (1e-5)", "1e-5"};
  Text atol{"atol", "number", "Absolute tolerance (1e-5)", "1e-5"};
  Texts parameters{"parameters", "path",
                   "A safetensors file or a directory of them; otherwise the "
                   "files beside the model"};
  Switch allowUnused{"allow-unused-parameters",
                     "Permit tensors that the model does not use"};
  Text device{"device", "name", "cpu (the default); see --list-devices", "cpu"};
  Switch listDevices{"list-devices", "Print the devices"};
  Text kernels{"gpu-kernels", "wgmma|mma|simt",
               "The best that kernels of a GPU may use (wgmma)", "wgmma"};
  Text experts{"experts", "active|all",
               "Experts with tokens, or all: the dense form (active)",
               "active"};
  Switch assumeFinite{"assume-finite",
                      "A value that a mask multiplies by zero may be left "
                      "uncomputed"};
  Text stats{"stats", "text|json", "Count and print what was done", "",
             cl::ValueOptional};
  Text statsOut{"stats-out", "file", "Where --stats goes (standard error)"};
  Text calls{"calls", "n",
             "Calls of the function with these inputs; states stay from call "
             "to call (1)",
             "1"};
  Switch benchmark{"benchmark", "Measure compilation, first and further runs"};
  Text warmup{"warmup", "n", "Runs before measuring (1)", "1"};
  Text repetitions{"repetitions", "n", "Runs measured (10)", "10"};
  Text benchmarkFormat{"benchmark-format", "console|json",
                       "Format of --benchmark (console)", "console"};
  Text benchmarkOut{"benchmark-out", "file",
                    "Where --benchmark goes (standard output)"};
  Switch profile{"profile",
                 "Print a table of times: steps, dispatches, experts"};
  Text trace{"trace", "file", "Write these times in Chrome's trace format"};
  Text compileTo{"compile-to", "phase",
                 "Print the module after import, masked, routed, grouped, "
                 "regions, tiled, buffers or machine; no run"};
  Text compileFrom{"compile-from", "phase",
                   "The module is in that phase; needs --trust-model"};
  Text o{"o", "file", "Where --compile-to goes (standard output)"};
  Text dumpPhases{"dump-phases-to", "dir", "Write the module after each phase"};
  Text dumpObjects{"dump-objects-to", "dir",
                   "Write each object file when it is generated"};
  Text optLevel{"opt-level", "0|1|2|3",
                "Work on code of the CPU; 0 compiles in a fraction of the "
                "time (3)"};
  Text threads{"threads", "n",
               "Threads of a parallel loop (OMP_NUM_THREADS, "
               "else one for each core)"};
  Text maxMemory{
      "max-memory", "size",
      "Memory of a run, such as 1GiB (80% of the machine's); exit 4"};
  Text timeout{"timeout", "seconds", "Time for everything; exit 4"};
  Switch trustModel{"trust-model",
                    "Lift the limits on what a model may hold and reach"};
};

} // namespace

/// Leaves the flags of LLVM and MLIR to --help-hidden.
static void hideOthers() {
  static const llvm::StringSet<> general = {"help", "help-list", "version"};
  for (const auto &known : cl::getRegisteredOptions())
    if (!llvm::is_contained(known.second->Categories, &category()) &&
        !general.contains(known.first))
      if (known.second->getOptionHiddenFlag() == cl::NotHidden)
        known.second->setHiddenFlag(cl::Hidden);
}

/// The reason in one line, with the nearest of our flags for an unknown one.
static llvm::Error explain(StringRef text) {
  StringRef line = text.take_until([](char c) { return c == '\n'; });
  line = line.substr(line.find(": ") + 2); // the name of the program
  StringRef marker = "Unknown command line argument '";
  if (!line.consume_front(marker))
    return usageError(line);
  StringRef argument = line.take_until([](char c) { return c == '\''; });
  StringRef name = argument.ltrim('-').split('=').first;
  std::vector<std::string> names;
  for (const auto &known : cl::getRegisteredOptions())
    if (llvm::is_contained(known.second->Categories, &category()))
      names.push_back("--" + known.first.str());
  return usageError("unknown flag " + quote(argument) +
                    didYouMean("--" + name.str(), names));
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

static llvm::Error badValue(const Text &flag, const llvm::Twine &expected) {
  return usageError("--" + flag.ArgStr + "=" + StringRef(flag.getValue()) +
                    ": expected " + expected);
}

static llvm::Error readNumber(const Text &flag, double &value) {
  if (StringRef(flag.getValue()).getAsDouble(value) || !(value >= 0) ||
      std::isinf(value))
    return badValue(flag, "a number that is not negative");
  return llvm::Error::success();
}

static llvm::Error readCount(const Text &flag, int64_t least, int64_t &value) {
  if (StringRef(flag.getValue()).getAsInteger(10, value) || value < least)
    return badValue(flag, "an integer of at least " + llvm::Twine(least));
  return llvm::Error::success();
}

static llvm::Error readThreads(const Text &flag, int &threads) {
  // More than any machine has, and few enough that a system starts them.
  constexpr int most = 4096;
  if (StringRef(flag.getValue()).getAsInteger(10, threads) || threads < 1 ||
      threads > most)
    return badValue(flag, "an integer from 1 to " + llvm::Twine(most));
  return llvm::Error::success();
}

static llvm::Error readLevel(const Text &flag, unsigned &level) {
  if (StringRef(flag.getValue()).getAsInteger(10, level) || level > 3)
    return badValue(flag, "0, 1, 2 or 3");
  return llvm::Error::success();
}

/// "1GiB", "512MB", "4096".
static llvm::Error readSize(const Text &flag, int64_t &bytes) {
  static constexpr std::pair<StringLiteral, int64_t> units[] = {
      {"KiB", 1ll << 10}, {"MiB", 1ll << 20},    {"GiB", 1ll << 30},
      {"TiB", 1ll << 40}, {"kB", 1000},          {"MB", 1000 * 1000},
      {"GB", 1000000000}, {"TB", 1000000000000}, {"B", 1}};
  StringRef text = flag.getValue();
  int64_t unit = 1;
  for (auto [suffix, size] : units)
    if (text.consume_back(suffix)) {
      unit = size;
      break;
    }
  double number = 0;
  if (text.getAsDouble(number) || !(number * unit >= 1) ||
      !(number * unit < 9e18))
    return badValue(flag, "a size such as 512MiB or 1GiB");
  bytes = static_cast<int64_t>(number * unit);
  return llvm::Error::success();
}

static llvm::Error readPhase(const Text &flag, std::optional<Phase> &phase) {
  if (flag.getValue().empty() && !flag.getNumOccurrences())
    return llvm::Error::success();
  phase = parsePhase(flag.getValue());
  if (!phase)
    return badValue(flag, "import, masked, routed, grouped, regions, tiled, "
                          "buffers or machine");
  return llvm::Error::success();
}

static llvm::Error readFormat(const Text &flag, StringRef text,
                              RunOptions::Format &format) {
  StringRef value = flag.getValue();
  if (value == "json")
    format = RunOptions::Format::JSON;
  else if (value == text || value.empty())
    format = RunOptions::Format::Text;
  else
    return badValue(flag, text + " or json");
  return llvm::Error::success();
}

static llvm::Error readDevice(const Text &flag, std::string &device) {
  if (!parseDevice(flag.getValue()))
    return badValue(flag, "cpu, cuda, cuda:N or cuda-emulator");
  device = flag.getValue();
  return llvm::Error::success();
}

static llvm::Error readValues(const Flags &flags, RunOptions &run) {
  if (flags.stats.getNumOccurrences() || flags.statsOut.getNumOccurrences())
    if (llvm::Error error = readFormat(flags.stats, "text", run.stats))
      return error;
  if (flags.benchmark || flags.benchmarkFormat.getNumOccurrences() ||
      flags.benchmarkOut.getNumOccurrences())
    if (llvm::Error error =
            readFormat(flags.benchmarkFormat, "console", run.benchmark))
      return error;
  if (flags.experts != "active" && flags.experts != "all")
    return badValue(flags.experts, "active or all");
  if (llvm::Error error = readDevice(flags.device, run.device))
    return error;
  run.kernels = flags.kernels;
  if (!llvm::is_contained({"wgmma", "mma", "simt"}, run.kernels))
    return badValue(flags.kernels, "wgmma, mma or simt");
  if (flags.optLevel.getNumOccurrences())
    if (llvm::Error error = readLevel(flags.optLevel, run.optLevel))
      return error;
  if (flags.threads.getNumOccurrences())
    if (llvm::Error error = readThreads(flags.threads, run.threads))
      return error;
  if (flags.maxMemory.getNumOccurrences())
    if (llvm::Error error = readSize(flags.maxMemory, run.maxMemory))
      return error;
  if (flags.timeout.getNumOccurrences())
    if (llvm::Error error = readNumber(flags.timeout, run.timeout))
      return error;
  if (llvm::Error error = readNumber(flags.rtol, run.rtol))
    return error;
  if (llvm::Error error = readNumber(flags.atol, run.atol))
    return error;
  if (llvm::Error error = readCount(flags.calls, 1, run.calls))
    return error;
  if (llvm::Error error = readCount(flags.warmup, 0, run.warmup))
    return error;
  if (llvm::Error error = readCount(flags.repetitions, 1, run.repetitions))
    return error;
  if (llvm::Error error = readPhase(flags.compileTo, run.compileTo))
    return error;
  return readPhase(flags.compileFrom, run.compileFrom);
}

/// Flags that do not go together, or ask for what there is not.
static llvm::Error checkFlags(const Flags &flags, const CommandLine &line) {
  if ((flags.profile || flags.trace.getNumOccurrences()) &&
      (line.run.compileTo || line.run.describe))
    return usageError("--profile and --trace need a run; there is none with "
                      "--compile-to and --describe");
  if (line.run.compileFrom && !line.run.trustModel)
    return usageError("--compile-from needs --trust-model");
  if (flags.o.getNumOccurrences() && !line.run.compileTo)
    return usageError("-o goes with --compile-to; results go to --output");
  if (line.run.model.empty() && !line.listDevices)
    return usageError("no MODEL given; see --help");
  return llvm::Error::success();
}

llvm::Expected<CommandLine> moe::parseCommandLine(int argc, char **argv) {
  Flags flags;
  registerAsmPrinterCLOptions();
  registerMLIRContextCLOptions();
  registerPassManagerCLOptions();
  registerDefaultTimingManagerCLOptions();
  hideOthers();
  setVersion();
  std::string text;
  llvm::raw_string_ostream errors(text);
  if (!cl::ParseCommandLineOptions(
          argc, argv, "Compiles and runs a mixture-of-experts model\n", &errors,
          nullptr, nullptr, /*LongOptionsUseDoubleDash=*/true))
    return explain(text);

  CommandLine line;
  RunOptions &run = line.run;
  run.model = flags.model;
  run.function = flags.function;
  run.describe = flags.describe;
  run.inputs = flags.input;
  run.outputs = flags.output;
  run.expectedOutputs = flags.expected;
  run.parameters = flags.parameters;
  run.allowUnusedParameters = flags.allowUnused;
  run.experts = flags.experts;
  run.assumeFinite = flags.assumeFinite;
  run.statsOut = flags.statsOut;
  run.benchmarkOut = flags.benchmarkOut;
  run.profile = flags.profile;
  run.traceOut = flags.trace;
  run.output = flags.o;
  run.dumpPhasesDir = flags.dumpPhases;
  run.dumpObjectsDir = flags.dumpObjects;
  run.trustModel = flags.trustModel;
  line.listDevices = flags.listDevices;
  if (llvm::Error error = readValues(flags, run))
    return error;
  if (llvm::Error error = checkFlags(flags, line))
    return error;
  return line;
}
