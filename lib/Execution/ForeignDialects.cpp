//===- ForeignDialects.cpp - Models that are not lowered yet --------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names the command that makes linalg of what a framework has written.
//
//===----------------------------------------------------------------------===//

#include "ForeignDialects.h"
#include "moe/Tensor/HostTensor.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace mlir::moe;

static StringRef adviseOn(StringRef dialect) {
  return llvm::StringSwitch<StringRef>(dialect)
      .Case("stablehlo",
            "export with moe_export.jax or moe_export.keras, or lower it with "
            "'stablehlo-opt --stablehlo-legalize-to-linalg'")
      .Case("chlo",
            "export with moe_export.jax or moe_export.keras, or lower it with "
            "'stablehlo-opt --chlo-legalize-to-stablehlo "
            "--stablehlo-legalize-to-linalg'")
      .Case("vhlo", "lower it with 'stablehlo-opt --vhlo-legalize-to-stablehlo "
                    "--stablehlo-legalize-to-linalg'")
      .Case("mhlo", "lower it with 'mlir-hlo-opt --hlo-legalize-to-stablehlo', "
                    "then 'stablehlo-opt --stablehlo-legalize-to-linalg'")
      .Cases({"torch", "torch_c"},
             "export with moe_export.torch, or lower it with 'torch-mlir-opt "
             "--torch-backend-to-linalg-on-tensors-backend-pipeline'")
      .Case("tm_tensor", "export with moe_export.torch, which makes loops of "
                         "it")
      .Case("onnx",
            "import the ONNX file with 'torch-mlir-import-onnx', then lower it "
            "with 'torch-mlir-opt --torch-onnx-to-torch-backend-pipeline "
            "--torch-backend-to-linalg-on-tensors-backend-pipeline'")
      .Cases({"tf", "tf_executor", "tfl"},
             "export the Keras model with moe_export.keras")
      .Cases({"iree_linalg_ext", "iree_input", "util", "flow", "hal"},
             "stop IREE earlier, with 'iree-compile --compile-to=input', and "
             "write util.func as func.func")
      .Default("");
}

/// What stands in quotes in front of a place in the text.
static StringRef nameBefore(FileLineColLoc place, StringRef source) {
  for (unsigned line = 1; line < place.getLine(); ++line)
    source = source.split('\n').second;
  source = source.split('\n').first.take_front(place.getColumn() - 1);
  return source.rsplit('"').first.rsplit('"').second;
}

std::optional<std::string> moe::explainForeignDialect(Diagnostic &diagnostic,
                                                      StringRef source) {
  std::string message = diagnostic.str();
  StringRef text(message), dialect;
  std::string what;
  if (text.consume_front("Dialect `")) {
    dialect = text.take_until([](char c) { return c == '\''; });
    if (text.contains("for custom op '"))
      what = "operation " +
             quote(text.split("for custom op '").second.split('\'').first);
  } else if (text.starts_with("operation being parsed with an unregistered")) {
    StringRef operation;
    if (auto place = diagnostic.getLocation()->findInstanceOf<FileLineColLoc>())
      operation = nameBefore(place, source);
    dialect = operation.split('.').first;
    what = "operation " + quote(operation);
  } else if (text.contains("type created with unregistered dialect") &&
             text.consume_front("`!")) {
    text.consume_front("\"");
    dialect = text.take_until([](char c) { return c == '"' || c == '.'; });
    what = "a type of dialect " + quote(dialect);
  } else {
    return std::nullopt;
  }
  StringRef advice = adviseOn(dialect);
  if (advice.empty() || what.empty())
    return "dialect " + quote(dialect) + " is not allowed in a model";
  return what + " is not lowered yet: " + advice.str();
}
