//===- Model.cpp - A model file -------------------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reading a model, and the host's view of its functions.
//
//===----------------------------------------------------------------------===//

#include "moe/Execution/Model.h"
#include "ForeignDialects.h"
#include "Interface.h"
#include "SourceLocations.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "moe/Dialect/MoE/IR/Locations.h"
#include "moe/Execution/Error.h"
#include "moe/Execution/TrialParse.h"
#include "moe/Execution/Trust.h"
#include "moe/Tensor/File.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/thread.h"
#include <condition_variable>
#include <mutex>
#include <unistd.h>

using namespace mlir;
using namespace mlir::moe;

//===----------------------------------------------------------------------===//
// Diagnostics
//===----------------------------------------------------------------------===//

std::string moe::placeOf(Location location, StringRef fileName) {
  std::string place = placeOf(location);
  return place.empty() ? fileName.str() : place;
}

static std::string reword(Diagnostic &diagnostic, StringRef source) {
  if (auto foreign = explainForeignDialect(diagnostic, source))
    return *foreign;
  std::string message = diagnostic.str();
  StringRef text(message);
  if (size_t end = text.find(" (tried"); end != StringRef::npos)
    return text.take_front(end).str();
  // What follows the first line shows the operation.
  return text.take_until([](char c) { return c == '\n'; }).str();
}

DiagnosticCollector::DiagnosticCollector(MLIRContext *context,
                                         StringRef fileName,
                                         std::function<void()> onError,
                                         StringRef source)
    : ScopedDiagnosticHandler(context), fileName(fileName),
      onError(std::move(onError)), source(source) {
  setHandler([this](Diagnostic &diagnostic) {
    Location location = diagnostic.getLocation();
    std::string text = placeOf(location, this->fileName) + ": " +
                       inLayer(location) + reword(diagnostic, this->source);
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error) {
      if (!firstError.empty())
        return success();
      firstError = text;
      if (this->onError)
        this->onError();
    } else if (diagnostic.getSeverity() != DiagnosticSeverity::Note) {
      auto [line, code] = takeMessage(makeError(text));
      bool warning = diagnostic.getSeverity() == DiagnosticSeverity::Warning;
      llvm::errs() << "moe-run: " << (warning ? "warning: " : "remark: ")
                   << line << "\n";
    }
    return success();
  });
}

llvm::Error DiagnosticCollector::takeError(const llvm::Twine &otherwise) {
  if (firstError.empty())
    return makeError(fileName + ": " + otherwise);
  return makeError(std::exchange(firstError, {}));
}

//===----------------------------------------------------------------------===//
// Finding and parsing
//===----------------------------------------------------------------------===//

llvm::Expected<ModelSource> moe::findModel(StringRef model) {
  ModelSource source;
  if (model == "-") {
    auto text = llvm::MemoryBuffer::getSTDIN();
    if (!text)
      return makeError("-: " + text.getError().message());
    source.path = "-";
    source.text = std::move(*text);
    return source;
  }
  source.path = model.str();
  if (llvm::sys::fs::is_directory(model)) {
    SmallString<128> file(model);
    llvm::sys::path::append(file, "model.mlir");
    if (!llvm::sys::fs::exists(file)) {
      SmallString<128> config(model);
      llvm::sys::path::append(config, "config.json");
      if (llvm::sys::fs::exists(config))
        return usageError(model + ": running a checkpoint directory is not "
                                  "built yet; pass a model.mlir");
      return makeError(model + ": the directory holds no model.mlir");
    }
    source.path = file.str().str();
    source.weightsDirectory = model.str();
  } else {
    SmallString<128> file(model);
    llvm::sys::path::replace_extension(file, "safetensors");
    if (file != model && llvm::sys::fs::exists(file))
      source.weightsFile = file.str().str();
  }
  auto text = readFile(source.path);
  if (!text)
    return text.takeError();
  source.text = std::move(*text);
  return source;
}

namespace {
/// What the thread that parses hands over.
struct ParseOutcome {
  std::mutex lock;
  std::condition_variable delivered;
  std::optional<llvm::Expected<OwningOpRef<ModuleOp>>> module;

  void deliver(llvm::Expected<OwningOpRef<ModuleOp>> value) {
    std::lock_guard<std::mutex> guard(lock);
    module.emplace(std::move(value));
    delivered.notify_one();
  }
  llvm::Expected<OwningOpRef<ModuleOp>> take() {
    std::unique_lock<std::mutex> guard(lock);
    delivered.wait(guard, [&] { return module.has_value(); });
    return std::move(*module);
  }
};
} // namespace

/// The module of a text, not verified: what is said of it then has the places
/// that it gets here.
static OwningOpRef<ModuleOp> parseText(const llvm::SourceMgr &sources,
                                       MLIRContext &context) {
  ParserConfig config(&context, /*verifyAfterParse=*/false);
  const llvm::MemoryBuffer *text =
      sources.getMemoryBuffer(sources.getMainFileID());
  // Bytecode has locations of its own.
  if (isBytecode(text->getBuffer()))
    return parseSourceFile<ModuleOp>(sources, config);
  Block top;
  AsmParserState state;
  if (failed(parseAsmSourceFile(sources, &top, config, &state)))
    return nullptr;
  auto start = FileLineColLoc::get(&context, text->getBufferIdentifier(), 0, 0);
  OwningOpRef<ModuleOp> module =
      detail::constructContainerOpForParserIfNecessary<ModuleOp>(&top, &context,
                                                                 start);
  if (module)
    setSourceLocations(*module, state, sources);
  return module;
}

static void parseAndCheck(const ModelSource &source, MLIRContext &context,
                          bool trusted, ParseOutcome &outcome) {
  // After an error the parser of MLIR 22 frees operations that others still
  // refer to, if a value was used before a region that defines it. So it does
  // not come back from its first error.
  DiagnosticCollector *collector = nullptr;
  auto stop = [&] {
    outcome.deliver(collector->takeError("not a model"));
    while (true)
      pause();
  };
  DiagnosticCollector diagnostics(&context, source.path, stop,
                                  source.text->getBuffer());
  collector = &diagnostics;
  llvm::SourceMgr manager;
  manager.AddNewSourceBuffer(
      llvm::MemoryBuffer::getMemBuffer(source.text->getBuffer(), source.path,
                                       /*RequiresNullTerminator=*/false),
      {});
  OwningOpRef<ModuleOp> module = parseText(manager, context);
  if (!module || failed(verify(*module)) ||
      (!trusted && failed(checkModel(*module))))
    return outcome.deliver(diagnostics.takeError("not a model"));
  if (!trusted)
    dropAnnotations(*module);
  outcome.deliver(std::move(module));
}

llvm::Expected<OwningOpRef<ModuleOp>>
moe::parseModel(const ModelSource &source, MLIRContext &context, bool trusted) {
  if (!trusted) {
    StringRef text = source.text->getBuffer();
    if (llvm::Error error = checkSource(text, source.path))
      return error;
    DialectRegistry dialects;
    registerModelDialects(dialects);
    if (llvm::Error error = tryToParse(text, source.path, dialects))
      return error;
  }
  // What nests in other ways than by brackets, such as aliases of types, has
  // this much stack.
  constexpr unsigned stackBytes = 256 << 20;
  auto outcome = std::make_shared<ParseOutcome>();
  llvm::thread parser(std::optional<unsigned>(stackBytes),
                      [&source, &context, trusted, outcome] {
                        parseAndCheck(source, context, trusted, *outcome);
                      });
  llvm::Expected<OwningOpRef<ModuleOp>> module = outcome->take();
  if (module)
    parser.join();
  else
    parser.detach();
  return module;
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

std::string ValueType::str() const {
  std::string text;
  for (int64_t size : shape)
    text += (ShapedType::isDynamic(size) ? "?" : std::to_string(size)) + "x";
  return text + stringifyElementType(elementType).str();
}

bool ValueType::accepts(const HostTensor &tensor) const {
  if (tensor.elementType() != elementType ||
      tensor.shape().size() != shape.size())
    return false;
  return llvm::all_of_zip(tensor.shape(), shape, [](int64_t has, int64_t size) {
    return ShapedType::isDynamic(size) || has == size;
  });
}

std::string ValueName::str(StringRef kind, size_t index) const {
  return (kind + " " + (text.empty() ? std::to_string(index) : quote(text)))
      .str();
}

std::optional<ValueType> moe::getValueType(Type type) {
  ValueType value{ElementType::I8, {}, false};
  auto buffer = dyn_cast<MemRefType>(type);
  // A tensor is this buffer from phase `buffers` on.
  if (isa<RankedTensorType>(type) ||
      (buffer && buffer.getLayout().isIdentity() && !buffer.getMemorySpace())) {
    auto shaped = cast<ShapedType>(type);
    value.isTensor = true;
    value.shape = llvm::to_vector(shaped.getShape());
    type = shaped.getElementType();
  }
  std::string name;
  llvm::raw_string_ostream(name) << type;
  std::optional<ElementType> element = parseElementType(name);
  if (!element || !isHostElementType(*element))
    return std::nullopt;
  value.elementType = *element;
  return value;
}

/// The name whole: a program may read it, and none has a control character.
static std::string describe(StringRef kind, size_t index,
                            ArrayRef<ValueType> types,
                            ArrayRef<ValueName> names) {
  std::string text = (kind + " " + llvm::Twine(index)).str();
  if (index < names.size() && !names[index].text.empty())
    text += " '" + names[index].text + "'";
  return text + ": " + types[index].str();
}

std::string EntryPoint::describeInput(size_t index) const {
  return describe("input", index, inputs, inputNames);
}

std::string EntryPoint::describeResult(size_t index) const {
  return describe("result", index, results, resultNames);
}

llvm::Error EntryPoint::checkCount(size_t count) const {
  if (count == inputs.size())
    return llvm::Error::success();
  std::string message = "function " + quote(name) + " takes " +
                        std::to_string(inputs.size()) +
                        (inputs.size() == 1 ? " input" : " inputs") + ", got " +
                        std::to_string(count);
  for (size_t index = 0; index < inputs.size(); ++index)
    message += (index ? ", " : "; ") + describeInput(index);
  return usageError(message);
}

SmallVector<func::FuncOp> moe::getEntryPoints(ModuleOp module) {
  return llvm::to_vector(llvm::make_filter_range(
      module.getOps<func::FuncOp>(),
      [](func::FuncOp f) { return f.isPublic() && !f.isDeclaration(); }));
}

llvm::Expected<EntryPoint> moe::findEntryPoint(ModuleOp module, StringRef name,
                                               StringRef fileName) {
  std::vector<std::string> names;
  for (Signature &signature : getSignatures(module)) {
    names.push_back(signature.function);
    if (signature.function != name)
      continue;
    FunctionType type = signature.type;
    EntryPoint entry;
    entry.name = entry.symbol = name.str();
    entry.inputNames = std::move(signature.inputNames);
    entry.resultNames = std::move(signature.resultNames);
    auto add = [&](TypeRange types, std::vector<ValueType> &values) {
      for (Type type : types)
        if (std::optional<ValueType> value = getValueType(type))
          values.push_back(*value);
    };
    add(type.getInputs(), entry.inputs);
    add(type.getResults(), entry.results);
    if (entry.inputs.size() == type.getNumInputs() &&
        entry.results.size() == type.getNumResults())
      return entry;
    Operation *symbol = module.lookupSymbol(name);
    std::string spelling;
    llvm::raw_string_ostream(spelling) << type;
    return makeError(
        placeOf(symbol ? symbol->getLoc() : module.getLoc(), fileName) +
        ": function " + quote(name) +
        " cannot be run: inputs and results are "
        "ranked tensors and numbers, its type is " +
        spelling);
  }
  if (names.empty())
    return makeError(fileName + ": no public function to run");
  std::string nearest = didYouMean(name, names);
  if (nearest.empty())
    nearest = "; there is " + quote(names.front());
  return makeError(fileName + ": no public function " + quote(name) + nearest);
}
