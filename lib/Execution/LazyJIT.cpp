//===- LazyJIT.cpp - Machine code on first use ----------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Three symbol tables. `code` holds the definitions, one materialization unit
// for each partition. `stubs` holds, under the names of lazy functions, stubs
// that compile on their first call; code is linked against it before `code`.
// The main table holds what the embedder allows.
//
// ORC's own CompileOnDemandLayer makes every helper a symbol and moves all
// variables of a module into the first partition that has one, so partitions
// are cut here.
//
//===----------------------------------------------------------------------===//

#include "moe/Execution/LazyJIT.h"

#include "Codegen.h"
#include "Partition.h"
#include "moe/Runtime/Runtime.h"
#include "moe/Runtime/Trace.h"
#include "moe/Tensor/File.h"

#include "llvm/ExecutionEngine/Orc/AbsoluteSymbols.h"
#include "llvm/ExecutionEngine/Orc/IndirectionUtils.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/ExecutionEngine/Orc/LazyReexports.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <utility>

using namespace mlir;
using namespace llvm;
using namespace llvm::orc;

/// Why the last compilation of this thread failed. ORC reports an error where
/// it happens, and answers a lookup only with the names that are missing.
static thread_local std::string compileError;

namespace {
/// The last error of all threads: what one waits for, another one compiles, and
/// it is there that ORC reports why that failed.
struct LastError {
  std::mutex lock;
  std::string message;
};
} // namespace

static LastError &lastError() {
  static LastError error;
  return error;
}

/// Called in place of a lazy function that could not be compiled.
[[noreturn]] static void failLazyCall() {
  // Outlives the failure, which leaves without destructors.
  static thread_local std::string message;
  message = std::exchange(compileError, {});
  if (message.empty()) {
    LastError &last = lastError();
    std::lock_guard<std::mutex> guard(last.lock);
    message = last.message;
  }
  moe::rt::fail(moe::rt::Status::Error, message);
}

namespace {
/// A module that was added, from which partitions are cut.
struct Source {
  std::mutex lock;
  std::unique_ptr<LLVMContext> context;
  std::unique_ptr<Module> module;
  SmallVector<moe::Partition, 0> partitions;
};
} // namespace

class moe::LazyJIT::Impl {
public:
  Impl(LazyJITOptions options, JITTargetMachineBuilder target)
      : options(std::move(options)), target(std::move(target)) {}

  Error initialize();
  Error addModule(std::unique_ptr<Module> module,
                  std::unique_ptr<LLVMContext> context);
  void emit(Source &source, const Partition &partition,
            std::unique_ptr<MaterializationResponsibility> responsibility);

  bool isLazy(StringRef name) const {
    return llvm::any_of(options.lazyPrefixes, [&](StringRef prefix) {
      return name.starts_with(prefix);
    });
  }

  LazyJITOptions options;
  std::unique_ptr<LLJIT> jit;
  JITDylib *code = nullptr;

  std::mutex compiledLock;
  std::vector<CompiledPartition> compiled;

private:
  Error defineTable();
  SymbolFlagsMap getSymbols(const Partition &partition);
  Expected<std::unique_ptr<MemoryBuffer>> compile(Source &source,
                                                  const Partition &partition);
  Error dumpObject(const Partition &partition, const MemoryBuffer &object);

  const JITTargetMachineBuilder target;
  JITDylib *stubs = nullptr;
  std::unique_ptr<LazyCallThroughManager> callThrough;
  std::unique_ptr<IndirectStubsManager> stubsManager;
  std::atomic<unsigned> modulesAdded{0};
  std::atomic<unsigned> objectsDumped{0};
};

namespace {
/// The definitions of one partition, until somebody needs one of them.
class PartitionUnit : public MaterializationUnit {
public:
  PartitionUnit(moe::LazyJIT::Impl &jit, std::shared_ptr<Source> source,
                const moe::Partition &partition, SymbolFlagsMap symbols)
      : MaterializationUnit(Interface(std::move(symbols), nullptr)), jit(jit),
        source(std::move(source)), partition(partition) {}

  StringRef getName() const override { return partition.name; }

private:
  void materialize(
      std::unique_ptr<MaterializationResponsibility> responsibility) override {
    jit.emit(*source, partition, std::move(responsibility));
  }
  void discard(const JITDylib &, const SymbolStringPtr &) override {}

  moe::LazyJIT::Impl &jit;
  std::shared_ptr<Source> source;
  const moe::Partition &partition;
};
} // namespace

//===----------------------------------------------------------------------===//
// Setting up
//===----------------------------------------------------------------------===//

Error moe::LazyJIT::Impl::defineTable() {
  SymbolMap table;
  for (const auto &entry : options.symbols)
    table[jit->mangleAndIntern(entry.getKey())] = {
        ExecutorAddr::fromPtr(entry.getValue()), JITSymbolFlags::Exported};
  return jit->getMainJITDylib().define(absoluteSymbols(std::move(table)));
}

Error moe::LazyJIT::Impl::initialize() {
  if (!options.dumpObjectsDir.empty())
    if (std::error_code error =
            sys::fs::create_directories(options.dumpObjectsDir))
      return createFileError(options.dumpObjectsDir, error);
  // Without process symbols the default platform cannot be set up.
  Expected<std::unique_ptr<LLJIT>> created =
      LLJITBuilder()
          .setJITTargetMachineBuilder(target)
          .setLinkProcessSymbolsByDefault(false)
          .setPlatformSetUp(setUpInactivePlatform)
          .create();
  if (!created)
    return created.takeError();
  jit = std::move(*created);

  ExecutionSession &session = jit->getExecutionSession();
  session.setErrorReporter([](Error error) {
    bool ofAnother = error.isA<FailedToMaterialize>();
    std::string message = toString(std::move(error));
    LastError &last = lastError();
    std::lock_guard<std::mutex> guard(last.lock);
    // Why a compilation failed was reported before that it did.
    if (ofAnother && !last.message.empty())
      message = last.message;
    if (compileError.empty())
      compileError = message;
    last.message = std::move(message);
  });
  Expected<std::unique_ptr<LazyCallThroughManager>> manager =
      createLocalLazyCallThroughManager(jit->getTargetTriple(), session,
                                        ExecutorAddr::fromPtr(&failLazyCall));
  if (!manager)
    return manager.takeError();
  callThrough = std::move(*manager);
  stubsManager =
      createLocalIndirectStubsManagerBuilder(jit->getTargetTriple())();

  stubs = &session.createBareJITDylib("stubs");
  code = &session.createBareJITDylib("code");
  code->setLinkOrder({{stubs, JITDylibLookupFlags::MatchExportedSymbolsOnly},
                      {code, JITDylibLookupFlags::MatchAllSymbols},
                      {&jit->getMainJITDylib(),
                       JITDylibLookupFlags::MatchExportedSymbolsOnly}},
                     /*LinkAgainstThisJITDylibFirst=*/false);
  return defineTable();
}

/// The symbols that the object of `partition` defines.
SymbolFlagsMap moe::LazyJIT::Impl::getSymbols(const Partition &partition) {
  SymbolFlagsMap symbols;
  for (GlobalValue *value : partition.definitions)
    if (!value->hasLocalLinkage() && !value->hasAvailableExternallyLinkage() &&
        !value->getName().starts_with("llvm."))
      symbols[jit->mangleAndIntern(value->getName())] =
          JITSymbolFlags::fromGlobalValue(*value);
  return symbols;
}

Error moe::LazyJIT::Impl::addModule(std::unique_ptr<Module> module,
                                    std::unique_ptr<LLVMContext> context) {
  module->setDataLayout(jit->getDataLayout());
  module->setTargetTriple(jit->getTargetTriple());
  auto source = std::make_shared<Source>();
  source->context = std::move(context);
  source->module = std::move(module);
  source->partitions = partitionModule(
      *source->module, [&](StringRef name) { return isLazy(name); });
  exposeAcrossPartitions(source->partitions,
                         formatv(".{0}", modulesAdded++).str());

  SymbolAliasMap lazy;
  for (const Partition &partition : source->partitions) {
    if (partition.definitions.empty())
      continue;
    SymbolFlagsMap symbols = getSymbols(partition);
    if (&partition != source->partitions.begin())
      for (auto &[name, flags] : symbols)
        if (flags.isCallable())
          lazy[name] = {name, flags};
    if (Error error = code->define(std::make_unique<PartitionUnit>(
            *this, source, partition, std::move(symbols))))
      return error;
  }
  if (lazy.empty())
    return Error::success();
  return stubs->define(
      lazyReexports(*callThrough, *stubsManager, *code, std::move(lazy)));
}

//===----------------------------------------------------------------------===//
// Compiling
//===----------------------------------------------------------------------===//

/// A copy of the definitions of `partition` in a context of its own, so that
/// threads can compile at the same time.
static ThreadSafeModule cutPartition(Source &source,
                                     const moe::Partition &partition) {
  SmallPtrSet<const GlobalValue *, 16> definitions(
      partition.definitions.begin(), partition.definitions.end());
  std::lock_guard<std::mutex> guard(source.lock);
  ThreadSafeModule copy = cloneExternalModuleToContext(
      *source.module, ThreadSafeContext(std::make_unique<LLVMContext>()),
      [&](const GlobalValue &value) { return definitions.contains(&value); });
  copy.withModuleDo([](Module &module) {
    for (GlobalValue &value : make_early_inc_range(module.global_values()))
      if (value.isDeclaration() && value.use_empty())
        value.eraseFromParent();
  });
  return copy;
}

/// `name` as a part of a file name.
static std::string makeFileName(StringRef name) {
  std::string result = name.take_front(120).str();
  for (char &c : result)
    if (!isAlnum(c) && c != '_' && c != '-' && c != '.')
      c = '_';
  return result;
}

Error moe::LazyJIT::Impl::dumpObject(const Partition &partition,
                                     const MemoryBuffer &object) {
  if (options.dumpObjectsDir.empty())
    return Error::success();
  SmallString<128> path(options.dumpObjectsDir);
  sys::path::append(path, formatv("{0:d3}-{1}.o", objectsDumped++,
                                  makeFileName(partition.name)));
  return writeFile(path, object.getBuffer());
}

Expected<std::unique_ptr<MemoryBuffer>>
moe::LazyJIT::Impl::compile(Source &source, const Partition &partition) {
  rt::TraceSpan span(options.trace, "code of " + partition.name);
  auto begin = std::chrono::steady_clock::now();
  ThreadSafeModule copy = cutPartition(source, partition);
  Expected<std::unique_ptr<MemoryBuffer>> object =
      copy.withModuleDo([&](Module &module) {
        return generateObject(
            module, target, options.optLevel,
            [&](StringRef name) { return options.symbols.contains(name); });
      });
  if (!object)
    return object;
  std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
  if (Error error = dumpObject(partition, **object))
    return std::move(error);
  std::lock_guard<std::mutex> guard(compiledLock);
  compiled.push_back({partition.name, partition.functions, time.count(),
                      (*object)->getBufferSize()});
  return object;
}

void moe::LazyJIT::Impl::emit(
    Source &source, const Partition &partition,
    std::unique_ptr<MaterializationResponsibility> responsibility) {
  compileError.clear();
  Expected<std::unique_ptr<MemoryBuffer>> object = compile(source, partition);
  if (!object) {
    jit->getExecutionSession().reportError(object.takeError());
    responsibility->failMaterialization();
    return;
  }
  jit->getObjLinkingLayer().emit(std::move(responsibility), std::move(*object));
}

//===----------------------------------------------------------------------===//
// The public face
//===----------------------------------------------------------------------===//

moe::LazyJIT::LazyJIT(std::unique_ptr<Impl> impl) : impl(std::move(impl)) {}
moe::LazyJIT::~LazyJIT() = default;

Expected<std::unique_ptr<moe::LazyJIT>>
moe::LazyJIT::create(LazyJITOptions options) {
  Expected<JITTargetMachineBuilder> target =
      createTarget(options.cpu, options.features, options.optLevel);
  if (!target)
    return target.takeError();
  auto impl = std::make_unique<Impl>(std::move(options), std::move(*target));
  if (Error error = impl->initialize())
    return std::move(error);
  return std::unique_ptr<LazyJIT>(new LazyJIT(std::move(impl)));
}

Error moe::LazyJIT::addModule(std::unique_ptr<Module> module,
                              std::unique_ptr<LLVMContext> context) {
  return impl->addModule(std::move(module), std::move(context));
}

Expected<void *> moe::LazyJIT::lookup(StringRef name) {
  compileError.clear();
  Expected<ExecutorAddr> address = impl->jit->lookup(*impl->code, name);
  if (address)
    return address->toPtr<void *>();
  if (compileError.empty())
    return address.takeError();
  consumeError(address.takeError());
  return createStringError(compileError);
}

const DataLayout &moe::LazyJIT::getDataLayout() const {
  return impl->jit->getDataLayout();
}

std::vector<moe::CompiledPartition> moe::LazyJIT::compiledPartitions() const {
  std::lock_guard<std::mutex> guard(impl->compiledLock);
  return impl->compiled;
}

std::vector<std::string> moe::LazyJIT::compiledFunctions() const {
  std::vector<std::string> functions;
  for (const CompiledPartition &partition : compiledPartitions())
    llvm::append_range(functions, partition.functions);
  return functions;
}
