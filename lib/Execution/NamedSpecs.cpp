//===- NamedSpecs.cpp - SPECs that name what they are for -----------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A literal has a '=' too: "f32=1". What stands before the first '=' is a name
// if the function has it, whatever else it might be.
//
//===----------------------------------------------------------------------===//

#include "NamedSpecs.h"
#include "moe/Execution/Error.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::moe;

StringRef moe::fileSpecOf(StringRef argument) {
  StringRef spec =
      argument.starts_with("@") ? argument : argument.split('=').second;
  return spec.starts_with("@") ? spec : StringRef();
}

/// Whether some tensor is of both types.
static bool overlap(const ValueType &a, const ValueType &b) {
  return a.elementType == b.elementType && a.shape.size() == b.shape.size() &&
         llvm::all_of_zip(a.shape, b.shape, [](int64_t x, int64_t y) {
           return x == y || ShapedType::isDynamic(x) ||
                  ShapedType::isDynamic(y);
         });
}

std::optional<size_t> NamedSpecs::lookUp(StringRef name) const {
  for (auto [index, known] : llvm::enumerate(names))
    if (!known.text.empty() && known.text == name)
      return index;
  return std::nullopt;
}

/// An error if `argument` seems to have a name, which none of the values has.
llvm::Error NamedSpecs::unknown(StringRef argument) const {
  std::vector<std::string> known;
  for (const ValueName &name : names)
    if (!name.text.empty())
      known.push_back(name.text);
  auto [name, spec] = argument.split('=');
  bool isLiteral = !name.empty() && llvm::isDigit(name.front());
  bool isScalar = parseElementType(name).has_value();
  if (argument.starts_with("@") || !argument.contains('=') || isLiteral ||
      isScalar || known.empty())
    return llvm::Error::success();
  std::string nearest = didYouMean(name, known);
  if (nearest.empty())
    nearest = "; it has " + llvm::join(llvm::map_range(known, quote), ", ");
  return usageError(flag + "=" + argument + ": function " + quote(function) +
                    " has no " + kind + " " + quote(name) + nearest);
}

/// The first `positional` arguments have no names. An exchange that would go
/// through must change nothing.
llvm::Error NamedSpecs::checkPositions(ArrayRef<std::string> arguments,
                                       size_t positional) const {
  auto isNamed = [&](size_t index) {
    return llvm::any_of(arguments.drop_front(positional), [&](StringRef given) {
      return given.split('=').first == names[index].text;
    });
  };
  for (size_t i = 0; i < positional; ++i)
    for (size_t j = 0; j < names.size(); ++j) {
      bool same = j < positional && arguments[i] == arguments[j];
      if (i == j || same || !names[i].keywordOnly || !names[j].keywordOnly ||
          isNamed(j) || !overlap(types[i], types[j]))
        continue;
      auto [first, second] = std::minmax(i, j);
      return usageError(flag + "=" + arguments[i] + ": which " + kind + "? " +
                        quote(names[first].text) + " (" + types[first].str() +
                        ") and " + quote(names[second].text) + " (" +
                        types[second].str() + ") are given by name: " + flag +
                        "=" + names[first].text + "=" + arguments[i]);
    }
  return llvm::Error::success();
}

llvm::Expected<std::vector<std::optional<std::string>>>
NamedSpecs::bind(ArrayRef<std::string> arguments) const {
  std::vector<std::optional<std::string>> specs(names.size());
  size_t positional = 0;
  for (auto [number, argument] : llvm::enumerate(arguments)) {
    auto [name, spec] = StringRef(argument).split('=');
    bool hasEquals = name.size() < argument.size();
    std::optional<size_t> index;
    if (hasEquals)
      index = lookUp(name);
    if (index) {
      if (specs[*index])
        return usageError(flag + "=" + argument + ": " +
                          names[*index].str(kind, *index) + " is given twice");
      specs[*index] = spec.str();
      continue;
    }
    if (llvm::Error error = unknown(argument))
      return error;
    if (positional < number)
      return usageError(flag + "=" + argument +
                        ": one without a name comes after one with a name");
    if (positional == names.size())
      return usageError("function " + quote(function) + " has " +
                        llvm::Twine(names.size()) + " " + kind + "s, got " +
                        llvm::Twine(arguments.size()) + " " + flag);
    specs[positional++] = argument;
  }
  if (llvm::Error error = checkPositions(arguments, positional))
    return error;
  return specs;
}
