//===- Statistics.cpp - What a run did ------------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Joins the module's list of dispatches, the counters of a session, the kernels
// that its device was given, and the functions that the JIT compiled.
//
//===----------------------------------------------------------------------===//

#include "moe/Execution/Statistics.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "moe/Dialect/MoE/Transforms/Annotations.h"
#include "moe/Runtime/Device.h"
#include "moe/Tensor/HostTensor.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace mlir::moe;

/// Adds the kernels that were launched to the dispatches that launched them.
/// They are not told apart by instance.
static void addKernels(std::vector<DispatchStatistics> &dispatches,
                       const rt::DeviceCounters &counters) {
  for (DispatchStatistics &dispatch : dispatches)
    dispatch.kernelsLaunched = 0;
  for (const auto &[kernel, launches] : counters.launches) {
    StringRef name = kernel;
    bool unlike = name.consume_front(expertPrefix);
    int64_t number = 0, expert = 0;
    if ((!unlike && !name.consume_front(familyPrefix)) ||
        name.consumeInteger(10, number))
      continue;
    bool hasExpert =
        unlike && name.consume_front("_") && !name.consumeInteger(10, expert);
    for (DispatchStatistics &dispatch : dispatches) {
      if (dispatch.counters.dispatch != number)
        continue;
      *dispatch.kernelsLaunched += launches;
      if (!hasExpert || expert >= dispatch.experts)
        break;
      dispatch.kernelsPerExpert.resize(dispatch.experts);
      dispatch.kernelsPerExpert[expert] += launches;
      break;
    }
  }
}

/// "moe_expert_0_3" of "moe_expert_0_3.layer", nothing of other names: a body
/// may have become several functions.
static StringRef bodyName(StringRef function) {
  if (!function.starts_with(expertPrefix))
    return {};
  size_t underscore = function.find('_', expertPrefix.size());
  if (underscore == StringRef::npos)
    return {};
  size_t end = function.find_first_not_of("0123456789", underscore + 1);
  return function.take_front(end);
}

static std::optional<int64_t> getInteger(DictionaryAttr attributes,
                                         StringRef name) {
  if (auto value = attributes.getAs<IntegerAttr>(name))
    return value.getInt();
  return std::nullopt;
}

/// The descriptions in an attribute of the module.
static SmallVector<DictionaryAttr> getEntries(ModuleOp module, StringRef name) {
  auto list = module->getAttrOfType<ArrayAttr>(name);
  SmallVector<DictionaryAttr> entries;
  for (Attribute entry : list ? list.getValue() : ArrayRef<Attribute>())
    if (auto attributes = dyn_cast<DictionaryAttr>(entry))
      entries.push_back(attributes);
  return entries;
}

static DispatchPlace getPlace(DictionaryAttr attributes) {
  auto text = [&](StringRef name) {
    auto value = attributes.getAs<StringAttr>(name);
    return value ? value.str() : "";
  };
  return {text("location"), text("layer")};
}

/// The places of a dispatch, by the number of the layer that it runs for.
static std::vector<DispatchPlace> getPlaces(DictionaryAttr attributes) {
  std::vector<DispatchPlace> places;
  if (auto layers = attributes.getAs<ArrayAttr>("layers"))
    for (auto layer : layers.getAsRange<DictionaryAttr>())
      places.push_back(getPlace(layer));
  if (places.empty())
    places.push_back(getPlace(attributes));
  return places;
}

StatisticsTable::StatisticsTable(ModuleOp module) {
  for (DictionaryAttr attributes : getEntries(module, "moe.dispatches"))
    dispatches.push_back({getPlaces(attributes),
                          getInteger(attributes, "experts").value_or(0),
                          getInteger(attributes, "dense_flops_fixed"),
                          getInteger(attributes, "dense_flops_per_token"),
                          getInteger(attributes, "weight_bytes").value_or(0)});
  for (DictionaryAttr attributes : getEntries(module, "moe.conditionals")) {
    ConditionalStatistics conditional{getPlace(attributes), {}};
    if (auto sides = attributes.getAs<ArrayAttr>("sides"))
      for (auto name : sides.getAsRange<StringAttr>())
        conditional.sides.push_back({name.str(), 0});
    if (!conditional.sides.empty())
      conditionals.push_back(std::move(conditional));
  }
  llvm::StringSet<> bodies;
  for (auto function : module.getOps<FunctionOpInterface>())
    if (StringRef name = bodyName(function.getName());
        !name.empty() && !function.isExternal())
      bodies.insert(name);
  functionsTotal = bodies.size();
}

std::vector<std::vector<DispatchPlace>> StatisticsTable::locations() const {
  std::vector<std::vector<DispatchPlace>> places;
  for (const Dispatch &dispatch : dispatches)
    places.push_back(dispatch.places);
  return places;
}

DispatchStatistics StatisticsTable::join(const Dispatch &dispatch,
                                         rt::DispatchCounters counters) const {
  DispatchStatistics joined;
  // Layers of a loop that was written as one have no places of their own.
  size_t layer = counters.instance;
  joined.place = dispatch.places[layer < dispatch.places.size() ? layer : 0];
  joined.experts = dispatch.experts;
  if (dispatch.denseFixed && dispatch.densePerToken)
    joined.denseFlops = *dispatch.denseFixed * counters.runs +
                        *dispatch.densePerToken * counters.tokens;
  joined.totalWeightBytes = dispatch.weightBytes * counters.runs;
  counters.tokensPerExpert.resize(dispatch.experts);
  counters.evaluated.resize(dispatch.experts);
  joined.counters = std::move(counters);
  return joined;
}

std::vector<ConditionalStatistics>
StatisticsTable::collectConditionals(const rt::Context &context) const {
  std::vector<ConditionalStatistics> counted = conditionals;
  for (const rt::ConditionalCounters &counters :
       context.conditionalCounters()) {
    // Whoever edits a lowered module may list fewer than it counts.
    if (static_cast<size_t>(counters.conditional) >= counted.size())
      continue;
    auto &sides = counted[counters.conditional].sides;
    for (auto [side, runs] : llvm::zip(sides, counters.sides))
      side.second = runs;
  }
  return counted;
}

Statistics StatisticsTable::collect(const Session &session) const {
  const rt::Context &context = session.context();
  Statistics statistics;
  std::vector<rt::DispatchCounters> counted = context.dispatchCounters();
  for (auto [number, dispatch] : llvm::enumerate(dispatches)) {
    bool ran = false;
    for (const rt::DispatchCounters &counters : counted)
      if (counters.dispatch == static_cast<int64_t>(number)) {
        statistics.dispatches.push_back(join(dispatch, counters));
        ran = true;
      }
    if (ran)
      continue;
    rt::DispatchCounters none;
    none.dispatch = number;
    statistics.dispatches.push_back(join(dispatch, none));
  }
  statistics.conditionals = collectConditionals(context);
  if (context.device())
    addKernels(statistics.dispatches, context.deviceCounters());
  llvm::StringSet<> bodies;
  for (StringRef name : session.executable().jit().compiledFunctions())
    if (StringRef body = bodyName(name); !body.empty())
      bodies.insert(body);
  statistics.functionsCompiled = bodies.size();
  statistics.functionsTotal = functionsTotal;
  statistics.copiedBytes = context.copiedBytes();
  return statistics;
}

/// On one line: a line for each of hundreds of experts hides everything else.
static void printPerExpert(llvm::json::OStream &json, StringRef name,
                           ArrayRef<int64_t> numbers) {
  json.attributeBegin(name);
  json.rawValue([&](llvm::raw_ostream &os) {
    os << '[';
    llvm::interleaveComma(numbers, os);
    os << ']';
  });
  json.attributeEnd();
}

static void printPlace(llvm::json::OStream &json, const DispatchPlace &place) {
  json.attribute("location", llvm::json::fixUTF8(place.location));
  if (place.layer.empty())
    json.attribute("layer", nullptr);
  else
    json.attribute("layer", llvm::json::fixUTF8(place.layer));
}

static void printConditional(llvm::json::OStream &json,
                             const ConditionalStatistics &conditional) {
  printPlace(json, conditional.place);
  json.attributeObject("runs", [&] {
    for (const auto &[side, runs] : conditional.sides)
      json.attribute(side, runs);
  });
}

static void printDispatch(llvm::json::OStream &json,
                          const DispatchStatistics &dispatch) {
  const rt::DispatchCounters &counters = dispatch.counters;
  printPlace(json, dispatch.place);
  json.attribute("runs", counters.runs);
  json.attribute("experts", dispatch.experts);
  json.attribute("evaluated", counters.evaluatedCount());
  json.attribute("tokens", counters.tokens);
  json.attribute("assignments", counters.assignments);
  printPerExpert(json, "tokens_per_expert", counters.tokensPerExpert);
  json.attribute("kernels_launched", dispatch.kernelsLaunched.value_or(0));
  if (!dispatch.kernelsPerExpert.empty())
    printPerExpert(json, "kernels_per_expert", dispatch.kernelsPerExpert);
  if (!counters.tilesPerExpert.empty())
    printPerExpert(json, "tiles_per_expert", counters.tilesPerExpert);
  json.attributeObject("flops", [&] {
    json.attribute("done", counters.flops);
    if (dispatch.denseFlops)
      json.attribute("dense", *dispatch.denseFlops);
    else
      json.attribute("dense", nullptr);
  });
  json.attributeObject("weight_bytes", [&] {
    json.attribute("touched", counters.weightBytes);
    json.attribute("total", dispatch.totalWeightBytes);
  });
}

void Statistics::printJSON(raw_ostream &os) const {
  llvm::json::OStream json(os, 2);
  json.object([&] {
    json.attributeArray("dispatches", [&] {
      for (const DispatchStatistics &dispatch : dispatches)
        json.object([&] { printDispatch(json, dispatch); });
    });
    json.attributeArray("conditionals", [&] {
      for (const ConditionalStatistics &conditional : conditionals)
        json.object([&] { printConditional(json, conditional); });
    });
    json.attribute("functions_compiled", functionsCompiled);
    json.attribute("functions_total", functionsTotal);
    json.attribute("copied_bytes", copiedBytes);
    json.attribute("aligned_copies", alignedCopies);
    json.attribute("unused_parameters", unusedParameters);
  });
  os << "\n";
}

/// ", 25.0% of DENSE in the dense form"
static void printShare(raw_ostream &os, int64_t part, int64_t whole) {
  if (whole > 0)
    os << llvm::format(" (%.1f%% of %lld)", 100.0 * part / whole,
                       static_cast<long long>(whole));
}

static void printBars(raw_ostream &os, const rt::DispatchCounters &counters) {
  constexpr int64_t width = 40;
  constexpr size_t maxLines = 256;
  int64_t most = 1;
  for (int64_t tokens : counters.tokensPerExpert)
    most = std::max(most, tokens);
  for (auto [expert, tokens] : llvm::enumerate(counters.tokensPerExpert)) {
    if (expert == maxLines) {
      os << "  ... " << counters.tokensPerExpert.size() - maxLines
         << " more experts\n";
      return;
    }
    int64_t length = tokens ? std::max<int64_t>(1, tokens * width / most) : 0;
    os << llvm::format("  expert %4zu |", expert) << std::string(length, '#')
       << std::string(width - length, ' ') << "| " << tokens
       << (counters.evaluated[expert] ? "" : ", not run") << "\n";
  }
}

/// What a device was given.
static void printKernels(raw_ostream &os, const DispatchStatistics &dispatch) {
  auto print = [&](StringRef name, ArrayRef<int64_t> perExpert) {
    if (perExpert.empty())
      return;
    os << "; " << name << " of each expert: ";
    llvm::interleaveComma(perExpert, os);
  };
  if (!dispatch.kernelsLaunched)
    return;
  os << "  kernels launched " << *dispatch.kernelsLaunched;
  print("those", dispatch.kernelsPerExpert);
  print("tiles", dispatch.counters.tilesPerExpert);
  os << "\n";
}

static void printPlace(raw_ostream &os, const DispatchPlace &place) {
  os << place.location << ": ";
  if (!place.layer.empty())
    os << "in layer " << quote(place.layer) << ": ";
}

void Statistics::printText(raw_ostream &os) const {
  for (const DispatchStatistics &dispatch : dispatches) {
    const rt::DispatchCounters &counters = dispatch.counters;
    printPlace(os, dispatch.place);
    os << counters.evaluatedCount() << " of " << dispatch.experts
       << " experts run, " << counters.tokens << " tokens, "
       << counters.assignments << " assignments, " << counters.runs
       << (counters.runs == 1 ? " run" : " runs") << "\n";
    printBars(os, counters);
    os << "  flops " << counters.flops;
    printShare(os, counters.flops, dispatch.denseFlops.value_or(0));
    os << ", weight bytes " << counters.weightBytes;
    printShare(os, counters.weightBytes, dispatch.totalWeightBytes);
    os << "\n";
    printKernels(os, dispatch);
  }
  for (const ConditionalStatistics &conditional : conditionals) {
    printPlace(os, conditional.place);
    // "then 3, else 0", but "case 1: 3, default: 0".
    bool numbered = conditional.sides.front().first != "then";
    os << "conditional: ";
    llvm::interleaveComma(conditional.sides, os, [&](const auto &side) {
      os << side.first << (numbered ? ": " : " ") << side.second;
    });
    os << "\n";
  }
  if (functionsTotal)
    os << "functions compiled: " << functionsCompiled << " of "
       << functionsTotal << "\n";
}
