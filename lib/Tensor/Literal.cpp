//===- Literal.cpp - Tensors as text --------------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Tensor/Literal.h"

#include "moe/Tensor/Random.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/APSInt.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace mlir;
using namespace mlir::moe;
using llvm::APFloat;
using llvm::createStringError;
using llvm::Error;
using llvm::Expected;

//===----------------------------------------------------------------------===//
// Types and elements
//===----------------------------------------------------------------------===//

Expected<std::pair<ElementType, SmallVector<int64_t>>>
mlir::moe::parseTensorType(StringRef text) {
  SmallVector<int64_t> shape;
  StringRef rest = text;
  while (true) {
    if (rest.starts_with("?"))
      return createStringError("type " + quote(text) +
                               ": a size is '?', expected a number");
    if (rest.starts_with("-"))
      return createStringError("type " + quote(text) + ": negative size");
    StringRef digits = rest.take_while(llvm::isDigit);
    if (digits.empty())
      break;
    int64_t size;
    if (digits.getAsInteger(10, size))
      return createStringError("type " + quote(text) + ": size " + digits +
                               " exceeds 9223372036854775807");
    shape.push_back(size);
    rest = rest.drop_front(digits.size());
    if (!rest.consume_front("x"))
      return createStringError("type " + quote(text) + ": expected 'x' after " +
                               digits);
  }
  std::optional<ElementType> type = parseElementType(rest);
  if (!type || !isHostElementType(*type))
    return createStringError("type " + quote(text) + ": unknown element type " +
                             quote(rest));
  return std::make_pair(*type, std::move(shape));
}

static Error badElement(StringRef token, StringRef why, ElementType type) {
  return createStringError(quote(token) + " is " + why + " " +
                           stringifyElementType(type));
}

static Expected<uint64_t> parseFloat(StringRef token, ElementType type) {
  APFloat value(*floatSemantics(type));
  StringRef magnitude = token.ltrim("+-");
  bool named = magnitude == "nan" || magnitude == "inf";
  // APFloat takes more for a number: hexadecimal, "Infinity", "snan", "1e".
  bool decimal =
      !magnitude.empty() &&
      (llvm::isDigit(magnitude[0]) || magnitude[0] == '.') &&
      !StringRef("eE+-").contains(magnitude.back()) &&
      magnitude.find_first_not_of("0123456789.eE+-") == StringRef::npos;
  if ((!named && !decimal) || token.size() - magnitude.size() > 1)
    return badElement(token, "no value of type", type);
  auto status = value.convertFromString(token, APFloat::rmNearestTiesToEven);
  if (!status) {
    llvm::consumeError(status.takeError());
    return badElement(token, "no value of type", type);
  }
  if (decimal && (*status & APFloat::opOverflow))
    return badElement(token, "outside the range of", type);
  return value.bitcastToAPInt().getZExtValue();
}

static Expected<uint64_t> parseElement(StringRef token, ElementType type) {
  if (isFloat(type))
    return parseFloat(token, type);
  if (type == ElementType::I1) {
    if (token == "true" || token == "1")
      return 1;
    if (token == "false" || token == "0")
      return 0;
    return badElement(token, "no value of type", type);
  }
  StringRef digits = token;
  bool negative = digits.consume_front("-");
  if (digits.empty() || !llvm::all_of(digits, llvm::isDigit))
    return badElement(token, "no value of type", type);
  unsigned width = bitWidth(type);
  bool isSigned = isSignedInteger(type);
  uint64_t highest = (~uint64_t(0) >> (64 - width)) >> isSigned;
  uint64_t magnitude;
  uint64_t limit = negative ? (isSigned ? highest + 1 : 0) : highest;
  if (digits.getAsInteger(10, magnitude) || magnitude > limit)
    return badElement(token, "outside the range of", type);
  return negative ? -magnitude : magnitude;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

namespace {
/// Reads values, separated by spaces, single commas and brackets. Where there
/// are brackets they must show the shape.
class ValueParser {
public:
  ValueParser(StringRef text, HostTensor &tensor)
      : rest(text), tensor(tensor) {}
  Error parse();

private:
  Error error(const Twine &message) {
    return createStringError("literal " + tensor.typeString() + ": " + message);
  }
  Error open();
  Error close();
  Error parseValue();
  Error finish();

  StringRef rest;
  HostTensor &tensor;
  int64_t count = 0;
  bool bracketed = false;
  SmallVector<int64_t> items; // in each open bracket
};
} // namespace

Error ValueParser::open() {
  if (count > 0 && !bracketed)
    return error("'[' after values without brackets");
  bracketed = true;
  if (static_cast<int64_t>(items.size()) == tensor.rank())
    return error("brackets nested deeper than the " + Twine(tensor.rank()) +
                 " dimensions");
  if (!items.empty())
    ++items.back();
  items.push_back(0);
  return Error::success();
}

Error ValueParser::close() {
  if (items.empty())
    return error("']' without '['");
  int64_t size = tensor.shape()[items.size() - 1];
  if (items.back() != size)
    return error("a bracket of dimension " + Twine(items.size() - 1) +
                 " holds " + Twine(items.back()) + " elements, expected " +
                 Twine(size));
  items.pop_back();
  return Error::success();
}

Error ValueParser::parseValue() {
  StringRef token = rest.take_until(
      [](char c) { return StringRef(" \t\n\r,[]").contains(c); });
  rest = rest.drop_front(token.size());
  if (bracketed) {
    if (static_cast<int64_t>(items.size()) != tensor.rank())
      return error(quote(token) + " stands within " + Twine(items.size()) +
                   " brackets, expected " + Twine(tensor.rank()));
    ++items.back();
  }
  Expected<uint64_t> bits = parseElement(token, tensor.elementType());
  if (!bits)
    return error(llvm::toString(bits.takeError()));
  if (count < tensor.numElements())
    tensor.writeBits(count, *bits);
  ++count;
  return Error::success();
}

Error ValueParser::finish() {
  if (!items.empty())
    return error("'[' without ']'");
  int64_t expected = tensor.numElements();
  if (count == 1 && !bracketed && expected != 1) {
    if (expected > 0)
      for (int64_t i = 1, bits = tensor.readBits(0); i < expected; ++i)
        tensor.writeBits(i, bits);
    return Error::success();
  }
  if (count != expected)
    return error(Twine(count) + (count == 1 ? " value" : " values") +
                 ", expected " + Twine(expected));
  return Error::success();
}

Error ValueParser::parse() {
  bool ended = false;
  // What stands right before: an item that a comma may follow, or a comma that
  // an item must follow.
  bool afterItem = false, afterComma = false;
  while (true) {
    rest = rest.ltrim(" \t\n\r");
    if (afterItem && rest.consume_front(",")) {
      afterItem = false;
      afterComma = true;
      continue;
    }
    if (rest.starts_with(",") ||
        (afterComma && (rest.empty() || rest.starts_with("]"))))
      return error("a ',' has no value before it or none after it");
    if (rest.empty())
      return finish();
    if (ended)
      return error("text after the closing ']'");
    Error failed = Error::success();
    afterItem = true;
    afterComma = false;
    if (rest.consume_front("[")) {
      afterItem = false;
      failed = open();
    } else if (rest.consume_front("]")) {
      failed = close();
    } else {
      failed = parseValue();
    }
    if (failed)
      return failed;
    ended = bracketed && items.empty();
  }
}

/// Reads "random(seed=1)".
static Expected<uint64_t> parseRandom(StringRef values) {
  StringRef digits = values;
  uint64_t seed;
  if (!digits.consume_front("random(seed=") || !digits.consume_back(")") ||
      digits.empty() || !llvm::all_of(digits, llvm::isDigit))
    return createStringError(quote(values) + " is not of the form " +
                             "random(seed=NUMBER)");
  if (digits.getAsInteger(10, seed))
    return createStringError("seed " + digits +
                             " exceeds 18446744073709551615");
  return seed;
}

Expected<HostTensor> mlir::moe::parseLiteral(StringRef text, int64_t maxBytes) {
  size_t equals = text.find('=');
  if (equals == StringRef::npos)
    return createStringError("literal " + quote(text) +
                             ": expected TYPE=VALUES, such as 2x3xf32=0");
  auto type = parseTensorType(text.take_front(equals).trim());
  if (!type)
    return type.takeError();
  Expected<HostTensor> tensor =
      HostTensor::create(type->first, type->second, maxBytes);
  if (!tensor)
    return tensor.takeError();
  StringRef values = text.drop_front(equals + 1).trim();
  if (values.starts_with("random")) {
    Expected<uint64_t> seed = parseRandom(values);
    if (!seed)
      return seed.takeError();
    fillRandom(*tensor, *seed);
    return tensor;
  }
  if (Error failed = ValueParser(values, *tensor).parse())
    return std::move(failed);
  return tensor;
}

//===----------------------------------------------------------------------===//
// Printing
//===----------------------------------------------------------------------===//

std::string mlir::moe::printElement(const HostTensor &tensor, int64_t index) {
  ElementType type = tensor.elementType();
  if (type == ElementType::I1)
    return tensor.readBits(index) ? "true" : "false";
  if (isUnsignedInteger(type))
    return std::to_string(tensor.readBits(index));
  if (!isFloat(type))
    return std::to_string(tensor.readInteger(index));
  double value = tensor.readDouble(index);
  if (std::isnan(value))
    return "nan";
  if (std::isinf(value))
    return value < 0 ? "-inf" : "inf";
  // 17 digits tell all doubles apart.
  char text[64];
  int digits = 0;
  bool same = false;
  while (!same && digits < 17) {
    std::snprintf(text, sizeof(text), "%.*e", digits++, value);
    Expected<uint64_t> bits = parseFloat(text, type);
    same = bits && *bits == tensor.readBits(index);
    llvm::consumeError(bits.takeError());
  }
  // Without an exponent where that stays short: 100 and 0.01, but 1e+20.
  int exponent = std::atoi(std::strchr(text, 'e') + 1);
  if (exponent < -5 || exponent >= 16)
    return text;
  if (exponent < digits) {
    std::snprintf(text, sizeof(text), "%.*f",
                  std::max(digits - 1 - exponent, 0), value);
    return text;
  }
  // More places than digits: zeros, not the digits of the exact value.
  std::string spelled = StringRef(text).split('e').first.str();
  llvm::erase(spelled, '.');
  return spelled + std::string(exponent + 1 - digits, '0');
}

namespace {
/// Prints nested brackets from dimension 2 up.
struct Printer {
  raw_ostream &os;
  const HostTensor &tensor;
  int64_t limit;
  int64_t next = 0;

  void print(int64_t dimension) {
    if (dimension == tensor.rank()) {
      os << printElement(tensor, next++);
      return;
    }
    bool brackets = tensor.rank() > 1;
    os << (brackets ? "[" : "");
    for (int64_t i = 0; i < tensor.shape()[dimension]; ++i) {
      os << (i > 0 && dimension + 1 == tensor.rank() ? " " : "");
      if (next >= limit) {
        os << "...";
        break;
      }
      print(dimension + 1);
    }
    os << (brackets ? "]" : "");
  }
};
} // namespace

void mlir::moe::printLiteral(raw_ostream &os, const HostTensor &tensor,
                             int64_t limit) {
  os << tensor.typeString() << '=';
  // Without elements there is nothing to nest, however large the other sizes.
  if (tensor.numElements() > 0)
    Printer{os, tensor, limit}.print(0);
}
