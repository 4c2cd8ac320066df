//===- JsonScanner.cpp - Strict pull scanner for JSON ---------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "JsonScanner.h"

#include "moe/Tensor/HostTensor.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/ConvertUTF.h"

using namespace mlir;
using namespace mlir::moe;
using llvm::createStringError;
using llvm::Error;
using llvm::Expected;

Error JsonScanner::error(const Twine &message) const {
  return createStringError(Twine(place) + " byte " + Twine(position) + ": " +
                           message);
}

void JsonScanner::skipSpace() {
  while (position < text.size() &&
         StringRef(" \t\n\r").contains(text[position]))
    ++position;
}

bool JsonScanner::peek(char opening) {
  skipSpace();
  return position < text.size() && text[position] == opening;
}

bool JsonScanner::peekUnsigned() {
  size_t start = position;
  Expected<uint64_t> value = readUnsigned();
  position = start;
  if (value)
    return true;
  llvm::consumeError(value.takeError());
  return false;
}

bool JsonScanner::consume(char c) {
  if (!peek(c))
    return false;
  ++position;
  return true;
}

Error JsonScanner::expect(char c) {
  if (consume(c))
    return Error::success();
  return error("expected '" + Twine(c) + "'");
}

Error JsonScanner::readObject(llvm::function_ref<Error(StringRef)> member) {
  if (Error failed = expect('{'))
    return failed;
  if (++depth > kMaxDepth)
    return error("nested deeper than " + Twine(kMaxDepth) + " levels");
  llvm::StringSet<> seen;
  if (!consume('}')) {
    do {
      Expected<std::string> key = readString();
      if (!key)
        return key.takeError();
      if (!seen.insert(*key).second)
        return error("duplicate key " + quote(*key));
      if (Error failed = expect(':'))
        return failed;
      if (Error failed = member(*key))
        return failed;
    } while (consume(','));
    if (Error failed = expect('}'))
      return failed;
  }
  --depth;
  return Error::success();
}

Error JsonScanner::readArray(llvm::function_ref<Error()> element) {
  if (Error failed = expect('['))
    return failed;
  if (++depth > kMaxDepth)
    return error("nested deeper than " + Twine(kMaxDepth) + " levels");
  if (!consume(']')) {
    do {
      if (Error failed = element())
        return failed;
    } while (consume(','));
    if (Error failed = expect(']'))
      return failed;
  }
  --depth;
  return Error::success();
}

Expected<unsigned> JsonScanner::readHexWord() {
  unsigned word = 0;
  for (unsigned i = 0; i < 4; ++i, ++position) {
    unsigned digit =
        position < text.size() ? llvm::hexDigitValue(text[position]) : ~0u;
    if (digit > 15)
      return error("expected four hexadecimal digits");
    word = word * 16 + digit;
  }
  return word;
}

/// Reads what follows a backslash.
Error JsonScanner::readEscape(std::string &value) {
  char c = position < text.size() ? text[position++] : '\0';
  size_t known = StringRef("\"\\/bfnrt").find(c);
  if (c != '\0' && known != StringRef::npos) {
    value += "\"\\/\b\f\n\r\t"[known];
    return Error::success();
  }
  if (c != 'u')
    return error("unknown escape in a string");
  Expected<unsigned> word = readHexWord();
  if (!word)
    return word.takeError();
  unsigned code = *word;
  if (code >= 0xd800 && code < 0xe000) {
    if (code >= 0xdc00 || !text.substr(position).starts_with("\\u"))
      return error("surrogate without its other half");
    position += 2;
    word = readHexWord();
    if (!word)
      return word.takeError();
    if (*word < 0xdc00 || *word >= 0xe000)
      return error("surrogate without its other half");
    code = 0x10000 + ((code - 0xd800) << 10) + (*word - 0xdc00);
  }
  char buffer[4];
  char *end = buffer;
  llvm::ConvertCodePointToUTF8(code, end);
  value.append(buffer, end);
  return Error::success();
}

Expected<std::string> JsonScanner::readString() {
  if (Error failed = expect('"'))
    return std::move(failed);
  std::string value;
  while (position < text.size()) {
    char c = text[position];
    if (static_cast<unsigned char>(c) < 0x20)
      return error("control character in a string");
    ++position;
    if (c == '"')
      return value;
    if (c != '\\') {
      value += c;
      continue;
    }
    if (Error failed = readEscape(value))
      return std::move(failed);
  }
  return error("string without its closing '\"'");
}

Expected<uint64_t> JsonScanner::readUnsigned() {
  skipSpace();
  StringRef digits = text.substr(position).take_while(llvm::isDigit);
  uint64_t value;
  if (digits.empty())
    return error("expected an unsigned integer");
  if (digits.size() > 1 && digits[0] == '0')
    return error("number with a leading zero");
  if (digits.getAsInteger(10, value))
    return error("number above 18446744073709551615");
  position += digits.size();
  if (position < text.size() && StringRef(".eE").contains(text[position]))
    return error("expected an unsigned integer");
  return value;
}

Error JsonScanner::skipNumber() {
  auto digits = [&] {
    size_t start = position;
    while (position < text.size() && llvm::isDigit(text[position]))
      ++position;
    return position - start;
  };
  auto skip = [&](StringRef any) {
    bool found = position < text.size() && any.contains(text[position]);
    position += found;
    return found;
  };
  skip("-");
  bool zero = position < text.size() && text[position] == '0';
  size_t whole = digits();
  if (whole == 0 || (zero && whole > 1))
    return error("expected a value");
  if (skip(".") && digits() == 0)
    return error("expected a digit");
  if (skip("eE")) {
    skip("+-");
    if (digits() == 0)
      return error("expected a digit");
  }
  return Error::success();
}

Error JsonScanner::skipValue() {
  if (peek('{'))
    return readObject([&](StringRef) { return skipValue(); });
  if (peek('['))
    return readArray([&] { return skipValue(); });
  if (peek('"'))
    return readString().takeError();
  for (StringRef word : {"true", "false", "null"})
    if (text.substr(position).starts_with(word)) {
      position += word.size();
      return Error::success();
    }
  return skipNumber();
}

Error JsonScanner::readEnd() {
  skipSpace();
  if (position == text.size())
    return Error::success();
  return error("expected the end");
}
