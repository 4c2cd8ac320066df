//===- Interpret.cpp - Requests to interpret a module ---------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// {"module": "func.func @main...", "inputs": [{"shape": [2], "bits": "..."}],
//  "variants": [{"passes": "cse"}, {"from": 0, "passes": "canonicalize"}]}
// is answered by {"variants": [{"results": [...], "rows": [[2, 3]],
//   "remarks": [...]}]}: what @main gives after these passes, which begin with
// the module of another variant if they say so, and the rows that each dispatch
// gave to each expert. Bits are those of f64 and i64, in hexadecimal.
//
//===----------------------------------------------------------------------===//

#include "Interpret.h"
#include "Interpreter.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::moe;
namespace json = llvm::json;

static Array readArray(const json::Object &given) {
  auto array = std::make_shared<HostArray>();
  if (const json::Array *shape = given.getArray("shape"))
    for (const json::Value &size : *shape)
      array->shape.push_back(size.getAsInteger().value_or(0));
  std::string bytes = llvm::fromHex(given.getString("bits").value_or(""));
  array->elements.resize(bytes.size() / sizeof(Number));
  std::memcpy(array->elements.data(), bytes.data(),
              array->elements.size() * sizeof(Number));
  return array;
}

static json::Value writeArray(const HostArray &array) {
  StringRef bytes(reinterpret_cast<const char *>(array.elements.data()),
                  array.elements.size() * sizeof(Number));
  return json::Object{{"shape", json::Array(array.shape)},
                      {"bits", llvm::toHex(bytes)}};
}

namespace {
/// One module, what it gives, and what was said of it.
struct Variant {
  OwningOpRef<ModuleOp> module;
  json::Object answer;
};
} // namespace

static void evaluate(Variant &variant, ArrayRef<Array> inputs) {
  auto function = variant.module->lookupSymbol<func::FuncOp>("main");
  Interpreter interpreter;
  std::vector<Array> results;
  if (function)
    results = interpreter.run(function, inputs);
  else
    interpreter.error = "no function main";
  if (!interpreter.error.empty())
    variant.answer["error"] = interpreter.error;
  json::Array values, rows;
  for (const Array &result : results)
    values.push_back(writeArray(*result));
  for (const std::vector<int64_t> &each : interpreter.rows)
    rows.push_back(json::Array(each));
  variant.answer["results"] = std::move(values);
  variant.answer["rows"] = std::move(rows);
}

json::Value moe::interpret(const json::Object &request, MLIRContext &context) {
  std::vector<Array> inputs;
  if (const json::Array *given = request.getArray("inputs"))
    for (const json::Value &input : *given)
      inputs.push_back(readArray(*input.getAsObject()));

  std::vector<Variant> variants;
  OwningOpRef<ModuleOp> source;
  auto change = [&](const json::Object &given, Variant &variant) {
    json::Array remarks;
    std::string error;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
        error += diagnostic.str() + "\n";
      else
        remarks.push_back(diagnostic.str());
      return success();
    });
    if (!source)
      source = parseSourceString<ModuleOp>(
          request.getString("module").value_or(""), &context);
    ModuleOp from = source ? *source : ModuleOp();
    if (auto number = given.getInteger("from"))
      from = *variants[*number].module;
    if (from) {
      variant.module = from.clone();
      PassManager pm(&context);
      pm.enableVerifier(true);
      llvm::raw_string_ostream stream(error);
      if (failed(parsePassPipeline(given.getString("passes").value_or(""), pm,
                                   stream)) ||
          failed(pm.run(*variant.module)))
        stream << "passes failed";
    }
    if (!error.empty())
      variant.answer["error"] = llvm::json::fixUTF8(error);
    variant.answer["remarks"] = std::move(remarks);
    return error.empty();
  };
  if (const json::Array *given = request.getArray("variants"))
    for (const json::Value &each : *given) {
      Variant &variant = variants.emplace_back();
      if (!change(*each.getAsObject(), variant)) {
        variant.module = ModuleOp::create(UnknownLoc::get(&context));
        continue;
      }
      evaluate(variant, inputs);
      if (each.getAsObject()->getBoolean("print").value_or(false)) {
        std::string text;
        llvm::raw_string_ostream(text) << *variant.module;
        variant.answer["text"] = text;
      }
    }
  json::Array answers;
  for (Variant &variant : variants)
    answers.push_back(std::move(variant.answer));
  return json::Object{{"code", 0}, {"variants", std::move(answers)}};
}
