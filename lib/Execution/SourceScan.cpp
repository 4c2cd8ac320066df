//===- SourceScan.cpp - A look at a text before it is parsed --------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The parser recurses on nesting and believes the alignment of resources, and
// aliases of aliases stand for texts that double with each line. One pass over
// the characters, which skips strings and comments as the lexer does, finds
// what would exhaust its stack, the memory or the time.
//
//===----------------------------------------------------------------------===//

#include "moe/Execution/Error.h"
#include "moe/Execution/Trust.h"
#include "moe/Tensor/HostTensor.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::moe;

namespace {

class SourceScan {
public:
  SourceScan(StringRef text, StringRef fileName)
      : text(text), fileName(fileName) {}

  llvm::Error run();

private:
  llvm::Error errorHere(const llvm::Twine &what) const;
  llvm::Error open(char bracket);
  void close(char bracket);
  llvm::Error scanString();
  llvm::Error checkResource(StringRef string) const;
  llvm::Error scanAlias();
  bool startsWith(StringRef token) const {
    return text.substr(position).starts_with(token);
  }

  StringRef text;
  StringRef fileName;
  size_t position = 0;
  std::string brackets;
  int64_t signs = 0; // unary signs in a row nest as well
  bool inResources = false;
  /// The references that each alias stands for, and the one being defined.
  llvm::StringMap<int64_t> aliases;
  StringRef defined;
  size_t valueStart = 0;
};

} // namespace

llvm::Error SourceScan::errorHere(const llvm::Twine &what) const {
  StringRef before = text.take_front(position);
  size_t line = before.count('\n') + 1;
  size_t lineStart = before.rfind('\n');
  size_t column =
      position - (lineStart == StringRef::npos ? 0 : lineStart + 1) + 1;
  return makeError(fileName + ":" + llvm::Twine(line) + ":" +
                   llvm::Twine(column) + ": " + what);
}

llvm::Error SourceScan::open(char bracket) {
  brackets.push_back(bracket);
  if (brackets.size() + signs > kMaxNesting)
    return errorHere("nested deeper than " + llvm::Twine(kMaxNesting) +
                     " levels");
  return llvm::Error::success();
}

void SourceScan::close(char bracket) {
  // A bracket that closes nothing is for the parser to report; ignoring it
  // keeps the depth an upper bound.
  if (!brackets.empty() && brackets.back() == bracket)
    brackets.pop_back();
}

/// A blob begins with the four bytes of its alignment.
llvm::Error SourceScan::checkResource(StringRef string) const {
  if (!string.consume_front("0x"))
    return llvm::Error::success();
  std::string head;
  if (!llvm::tryGetFromHex(string.take_front(8), head) || head.size() != 4)
    return errorHere("resource without an alignment");
  uint32_t alignment = 0;
  for (int i = 3; i >= 0; --i)
    alignment = alignment << 8 | static_cast<uint8_t>(head[i]);
  if (!llvm::isPowerOf2_32(alignment) || alignment > 4096)
    return errorHere("resource has alignment " + llvm::Twine(alignment) +
                     ", expected a power of 2 up to 4096");
  return llvm::Error::success();
}

llvm::Error SourceScan::scanString() {
  size_t end = position + 1;
  while (end < text.size() && text[end] != '"' && text[end] != '\n')
    end += text[end] == '\\' ? 2 : 1;
  if (inResources)
    if (llvm::Error error =
            checkResource(text.slice(position + 1, std::min(end, text.size()))))
      return error;
  position = std::min(end + 1, text.size());
  return llvm::Error::success();
}

static bool isNameCharacter(char c) {
  return llvm::isAlnum(c) || c == '_' || c == '$' || c == '.' || c == '-';
}

/// At the `#` or `!` of a name: an alias, or of a dialect, which has a period.
llvm::Error SourceScan::scanAlias() {
  StringRef name = text.substr(position, 1);
  StringRef rest = text.drop_front(position + 1);
  name = StringRef(name.data(), 1 + rest.take_while(isNameCharacter).size());
  rest = text.drop_front(position + name.size()).ltrim();
  if (brackets.empty() && rest.starts_with("=") && !rest.starts_with("==")) {
    defined = name;
    aliases[defined] = 1;
    valueStart = rest.drop_front().ltrim().data() - text.data();
  } else if (auto known = aliases.find(name);
             !defined.empty() && name != defined && known != aliases.end()) {
    int64_t &references = aliases[defined];
    references += known->second;
    if (references > kMaxAliasReferences)
      return errorHere("the alias '" + defined + "' stands for more than " +
                       llvm::Twine(kMaxAliasReferences) +
                       " others, those in others counted");
  }
  position += name.size();
  return llvm::Error::success();
}

llvm::Error SourceScan::run() {
  while (position < text.size()) {
    if (!inResources && position > kMaxSourceBytes)
      return errorHere("longer than " + llvm::Twine(kMaxSourceBytes) +
                       " bytes");
    char c = text[position];
    if (c == '-' && !startsWith("->")) {
      if (++signs + brackets.size() > kMaxNesting)
        return errorHere("nested deeper than " + llvm::Twine(kMaxNesting) +
                         " levels");
    } else if (!llvm::isSpace(c)) {
      signs = 0;
    }
    // Not where the value of an alias begins: this is an operation.
    if ((c == '{' || c == '@' || c == '"') && brackets.empty() &&
        position != valueStart)
      defined = "";
    if (c == '"') {
      if (llvm::Error error = scanString())
        return error;
      continue;
    }
    if (startsWith("//")) {
      position = std::min(text.find('\n', position), text.size());
      continue;
    }
    if (startsWith("->") || startsWith(">=") || startsWith("<=") ||
        startsWith("==")) {
      position += 2;
      continue;
    }
    if (startsWith("{-#"))
      inResources = true;
    if (!inResources && (c == '#' || c == '!')) {
      if (llvm::Error error = scanAlias())
        return error;
      continue;
    }
    if (c == '(' || c == '[' || c == '{' || c == '<')
      if (llvm::Error error = open(c))
        return error;
    if (c == ')')
      close('(');
    else if (c == ']' || c == '}')
      close(c - 2); // as the characters lie in ASCII
    else if (c == '>')
      close('<');
    else if (c == '\0')
      return errorHere("a zero byte in the text");
    ++position;
  }
  return llvm::Error::success();
}

bool moe::isBytecode(StringRef source) { return source.starts_with("ML\xefR"); }

llvm::Error moe::checkSource(StringRef source, StringRef fileName) {
  if (isBytecode(source))
    return makeError(fileName +
                     ": bytecode is refused, since reading it is not "
                     "safe; pass the text, or --trust-model");
  return SourceScan(source, fileName).run();
}
