//===- ExportPTX.cpp - Kernels as one PTX file
//---------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each gpu.binary is a file of its own, with a header, and names in it need not
// differ from those in another. Names are found as the back end writes them: a
// definition stands at the start of a line, its directives before it.
//
//===----------------------------------------------------------------------===//

#include "moe/Conversion/ExportPTX.h"
#include "mlir/Dialect/DLTI/DLTI.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Regex.h"

using namespace mlir;
using namespace mlir::moe;

namespace {
/// One PTX module.
struct PTX {
  /// .version, .target and .address_size
  std::string header;
  std::string body;
};
} // namespace

static PTX split(StringRef text) {
  PTX result;
  while (!text.empty()) {
    StringRef line;
    std::tie(line, text) = text.split('\n');
    StringRef directive = line.ltrim().take_until(llvm::isSpace);
    if (directive == ".version" || directive == ".target" ||
        directive == ".address_size")
      result.header += (line + "\n").str();
    else if (!line.ltrim().starts_with("//"))
      result.body += (line + "\n").str();
  }
  return result;
}

static bool isNameCharacter(char c) {
  return llvm::isAlnum(c) || c == '_' || c == '$';
}

/// The names that are defined outside of functions.
static llvm::StringSet<> findDefinitions(StringRef body) {
  static const llvm::Regex function(
      "^\\.(visible |weak |extern )?\\.?(entry|func)[ \t]+(\\([^)]*\\)[ \t]*)?"
      "([A-Za-z_$][A-Za-z0-9_$]*)");
  static const llvm::Regex variable(
      "^\\.(visible |weak |extern )?\\.?(shared|global|const)[ \t].*"
      "\\.[bfus][0-9]+[ \t]+([A-Za-z_$][A-Za-z0-9_$]*)");
  llvm::StringSet<> names;
  SmallVector<StringRef> lines, matches;
  body.split(lines, '\n');
  for (StringRef line : lines) {
    if (function.match(line, &matches))
      names.insert(matches[4]);
    else if (variable.match(line, &matches))
      names.insert(matches[3]);
  }
  return names;
}

/// `body` with `prefix` in front of all `names`.
static void writeRenamed(StringRef body, const llvm::StringSet<> &names,
                         StringRef prefix, raw_ostream &os) {
  while (!body.empty()) {
    StringRef other = body.take_until(isNameCharacter);
    os << other;
    body = body.drop_front(other.size());
    StringRef name = body.take_while(isNameCharacter);
    if (names.contains(name))
      os << prefix;
    os << name;
    body = body.drop_front(name.size());
  }
}

/// The name of a module as a part of a name in PTX.
static std::string makePrefix(StringRef module) {
  std::string prefix = module.str();
  for (char &c : prefix)
    if (!isNameCharacter(c))
      c = '_';
  return prefix + "__";
}

LogicalResult mlir::moe::exportPTX(ModuleOp module, raw_ostream &os) {
  std::string header;
  for (auto binary : module.getOps<gpu::BinaryOp>()) {
    auto object = cast<gpu::ObjectAttr>(binary.getObjects()[0]);
    if (object.getFormat() != gpu::CompilationTarget::Assembly)
      return binary.emitError("expects PTX, holds '")
             << gpu::stringifyEnum(object.getFormat()) << "'";
    PTX ptx = split(object.getObject().getValue());
    if (header.empty())
      os << (header = ptx.header);
    else if (header != ptx.header)
      return binary.emitError("expects the target of the other kernels, '")
             << StringRef(header).trim() << "', has '"
             << StringRef(ptx.header).trim() << "'";
    writeRenamed(ptx.body, findDefinitions(ptx.body),
                 makePrefix(binary.getSymName()), os);
  }
  if (header.empty())
    return module.emitError("expects kernels, that is gpu.binary operations; "
                            "moe-opt --moe-lower-to-ptx makes them");
  return success();
}

void mlir::moe::registerExportPTX() {
  TranslateFromMLIRRegistration(
      "export-ptx", "Write the PTX of all kernels as one file",
      [](ModuleOp module, raw_ostream &os) { return exportPTX(module, os); },
      [](DialectRegistry &registry) {
        registry.insert<DLTIDialect, gpu::GPUDialect, LLVM::LLVMDialect,
                        NVVM::NVVMDialect>();
      });
}
