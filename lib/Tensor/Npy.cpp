//===- Npy.cpp - NumPy's file format --------------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A file is "\x93NUMPY", two bytes of version, the header's length, the header
// (a Python dict literal with the keys descr, fortran_order and shape, padded
// with spaces, ended by a newline) and the data.
//
//===----------------------------------------------------------------------===//

#include "moe/Tensor/Npy.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <cstring>

using namespace mlir;
using namespace mlir::moe;
using llvm::createStringError;
using llvm::Error;
using llvm::Expected;

static constexpr StringLiteral kMagic("\x93NUMPY");
static constexpr uint32_t kMaxHeader = 10000; // NumPy's own limit

namespace {
struct TypeCode {
  const char *code;
  ElementType type;
};

/// What a header says.
struct NpyHeader {
  std::string descr;
  bool fortranOrder = false;
  SmallVector<int64_t> shape;
};

/// Reads the dict literal, which is ASCII wherever it is valid.
class HeaderParser {
public:
  HeaderParser(StringRef text, StringRef place) : rest(text), place(place) {}
  Expected<NpyHeader> parse();

private:
  Error error(const Twine &message) {
    return createStringError(Twine(place) + ": npy header: " + message);
  }
  bool consume(StringRef token) {
    rest = rest.ltrim(' ');
    return rest.consume_front(token);
  }
  Expected<std::string> parseString();
  Error parseShape(SmallVectorImpl<int64_t> &shape);
  Error parseMember(NpyHeader &header);

  StringRef rest;
  StringRef place;
  bool hasDescr = false, hasOrder = false, hasShape = false;
};
} // namespace

static constexpr TypeCode kTypeCodes[] = {
    {"|b1", ElementType::I1},  {"|i1", ElementType::I8},
    {"|u1", ElementType::U8},  {"<i2", ElementType::I16},
    {"<u2", ElementType::U16}, {"<i4", ElementType::I32},
    {"<u4", ElementType::U32}, {"<i8", ElementType::I64},
    {"<u8", ElementType::U64}, {"<f2", ElementType::F16},
    {"<f4", ElementType::F32}, {"<f8", ElementType::F64},
};

//===----------------------------------------------------------------------===//
// Header
//===----------------------------------------------------------------------===//

Expected<std::string> HeaderParser::parseString() {
  char mark = consume("'") ? '\'' : consume("\"") ? '"' : '\0';
  size_t end = mark ? rest.find(mark) : StringRef::npos;
  if (end == StringRef::npos)
    return error("expected a string");
  std::string value = rest.take_front(end).str();
  if (StringRef(value).contains('\\'))
    return error("escape in a string");
  rest = rest.drop_front(end + 1);
  return value;
}

/// Reads "()", "(3,)", "(2, 3)" or "(2, 3,)".
Error HeaderParser::parseShape(SmallVectorImpl<int64_t> &shape) {
  if (!consume("("))
    return error("the shape is not a tuple");
  bool comma = true;
  while (!consume(")")) {
    if (!comma)
      return error("expected ',' or ')' in the shape");
    if (consume("-"))
      return error("negative size in the shape");
    StringRef digits = rest.ltrim(' ').take_while(llvm::isDigit);
    int64_t size;
    if (digits.empty() || (digits.size() > 1 && digits[0] == '0'))
      return error("expected a size in the shape");
    if (digits.getAsInteger(10, size))
      return error("size " + digits + " exceeds 9223372036854775807");
    if (shape.size() == HostTensor::kMaxRank)
      return error("more than " + Twine(HostTensor::kMaxRank) + " dimensions");
    shape.push_back(size);
    consume(digits);
    comma = consume(",");
  }
  if (shape.size() == 1 && !comma)
    return error("the shape is not a tuple (a missing ',')");
  return Error::success();
}

Error HeaderParser::parseMember(NpyHeader &header) {
  Expected<std::string> key = parseString();
  if (!key)
    return key.takeError();
  bool *known = *key == "descr"           ? &hasDescr
                : *key == "fortran_order" ? &hasOrder
                : *key == "shape"         ? &hasShape
                                          : nullptr;
  if (!known)
    return error("unknown key " + quote(*key));
  if (*known)
    return error("duplicate key " + quote(*key));
  *known = true;
  if (!consume(":"))
    return error("expected ':' after " + quote(*key));
  if (known == &hasShape)
    return parseShape(header.shape);
  if (known == &hasOrder) {
    header.fortranOrder = consume("True");
    if (!header.fortranOrder && !consume("False"))
      return error("fortran_order is neither True nor False");
    return Error::success();
  }
  if (consume("["))
    return error("structured types are not supported");
  Expected<std::string> descr = parseString();
  if (!descr)
    return descr.takeError();
  header.descr = std::move(*descr);
  return Error::success();
}

Expected<NpyHeader> HeaderParser::parse() {
  NpyHeader header;
  if (!rest.consume_back("\n"))
    return error("does not end with a newline");
  if (!consume("{"))
    return error("expected '{'");
  bool comma = true;
  while (!consume("}")) {
    if (!comma)
      return error("expected ',' or '}'");
    if (Error failed = parseMember(header))
      return std::move(failed);
    comma = consume(",");
  }
  if (!rest.trim(' ').empty())
    return error("text after the closing '}'");
  if (!hasDescr || !hasOrder || !hasShape)
    return error(Twine("no key '") +
                 (!hasDescr   ? "descr"
                  : !hasOrder ? "fortran_order"
                              : "shape") +
                 "'");
  return header;
}

static Expected<ElementType> parseDescr(StringRef descr, StringRef place) {
  for (const TypeCode &known : kTypeCodes)
    if (descr == known.code)
      return known.type;
  std::string wrong = (place + ": npy type " + quote(descr)).str();
  if (descr.starts_with(">"))
    return createStringError(Twine(wrong) + " is big-endian, expected '<" +
                             descr.drop_front() + "'");
  if (descr.contains('O'))
    return createStringError(Twine(wrong) +
                             " holds pickled objects, which are never read");
  if (descr == "|V2" || descr == "<V2")
    return createStringError(
        Twine(wrong) + " is not supported; bf16 is read from safetensors");
  return createStringError(Twine(wrong) + " is not supported");
}

//===----------------------------------------------------------------------===//
// File
//===----------------------------------------------------------------------===//

/// Splits magic, version and header length off `contents`; returns the header.
static Expected<StringRef> takeHeader(StringRef &contents, StringRef place) {
  if (!contents.consume_front(kMagic))
    return createStringError(place + ": not an npy file");
  if (contents.size() < 2)
    return createStringError(place + ": npy file ends in its version");
  unsigned major = contents[0], minor = contents[1];
  contents = contents.drop_front(2);
  if (major < 1 || major > 3 || minor != 0)
    return createStringError(place + ": npy version " + Twine(major & 255) +
                             "." + Twine(minor & 255) +
                             ", expected 1.0, 2.0 or 3.0");
  size_t width = major == 1 ? 2 : 4;
  if (contents.size() < width)
    return createStringError(place + ": npy file ends in its header length");
  uint32_t length = major == 1
                        ? llvm::support::endian::read16le(contents.data())
                        : llvm::support::endian::read32le(contents.data());
  contents = contents.drop_front(width);
  if (length > kMaxHeader)
    return createStringError(place + ": npy header of " + Twine(length) +
                             " bytes exceeds the limit of " +
                             Twine(kMaxHeader));
  if (length > contents.size())
    return createStringError(place + ": npy header of " + Twine(length) +
                             " bytes, only " + Twine(contents.size()) +
                             " bytes are left");
  StringRef header = contents.take_front(length);
  contents = contents.drop_front(length);
  return header;
}

/// Copies column-major `source` into row-major `target`.
static void copyTransposed(const char *source, HostTensor &target) {
  ArrayRef<int64_t> shape = target.shape();
  int64_t rank = target.rank(), width = bitWidth(target.elementType()) / 8;
  SmallVector<int64_t> strides(rank, width), index(rank, 0);
  for (int64_t d = rank - 2; d >= 0; --d)
    strides[d] = strides[d + 1] * shape[d + 1];
  int64_t offset = 0;
  for (int64_t i = 0; i < target.numElements(); ++i) {
    std::memcpy(target.data() + offset, source + i * width, width);
    // The first index runs fastest in the source.
    for (int64_t d = 0; d < rank; ++d) {
      offset += strides[d];
      if (++index[d] < shape[d])
        break;
      offset -= strides[d] * shape[d];
      index[d] = 0;
    }
  }
}

Expected<HostTensor> mlir::moe::readNpy(StringRef contents, StringRef place,
                                        int64_t maxBytes) {
  Expected<StringRef> text = takeHeader(contents, place);
  if (!text)
    return text.takeError();
  Expected<NpyHeader> header = HeaderParser(*text, place).parse();
  if (!header)
    return header.takeError();
  Expected<ElementType> type = parseDescr(header->descr, place);
  if (!type)
    return type.takeError();
  std::optional<int64_t> bytes = checkedSizeInBytes(*type, header->shape);
  std::string spelled = stringifyTensorType(*type, header->shape);
  if (!bytes)
    return createStringError(place + ": " + spelled +
                             " takes more than 9223372036854775807 bytes");
  if (static_cast<uint64_t>(*bytes) != contents.size())
    return createStringError(place + ": " + spelled + " takes " +
                             Twine(*bytes) + " bytes, the file holds " +
                             Twine(contents.size()) + " after its header");
  Expected<HostTensor> tensor =
      HostTensor::create(*type, header->shape, maxBytes);
  if (!tensor)
    return tensor.takeError();
  if (header->fortranOrder)
    copyTransposed(contents.data(), *tensor);
  else
    std::memcpy(tensor->data(), contents.data(), *bytes);
  if (Error failed = tensor->checkBooleans(place))
    return std::move(failed);
  return tensor;
}

static const char *typeCode(ElementType type) {
  for (const TypeCode &known : kTypeCodes)
    if (known.type == type)
      return known.code;
  return nullptr;
}

Error mlir::moe::checkNpyType(ElementType type) {
  if (typeCode(type))
    return Error::success();
  return createStringError("npy has no type " + stringifyElementType(type) +
                           "; safetensors has");
}

Error mlir::moe::writeNpy(raw_ostream &os, const HostTensor &tensor) {
  if (Error failed = checkNpyType(tensor.elementType()))
    return failed;
  std::string header =
      (Twine("{'descr': '") + typeCode(tensor.elementType()) +
       "', 'fortran_order': False, 'shape': (" +
       llvm::join(llvm::map_range(tensor.shape(),
                                  [](int64_t n) { return std::to_string(n); }),
                  ", ") +
       (tensor.rank() == 1 ? ",), }" : "), }"))
          .str();
  // Magic, version, length and header together are a multiple of 64 bytes.
  size_t before = kMagic.size() + 4;
  header.resize(llvm::alignTo(before + header.size() + 1, 64) - before - 1,
                ' ');
  header += '\n';
  char length[2];
  llvm::support::endian::write16le(length, header.size());
  os << kMagic << '\x01' << '\0';
  os.write(length, sizeof(length));
  os << header;
  os.write(tensor.data(), tensor.sizeInBytes());
  return Error::success();
}
