//===- HostTensor.cpp - Tensors in host memory ----------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Element types, checked sizes, storage, and access to single elements. Speed
// matters only where a whole tensor is compared or printed, so access is by
// one switch, not by templates.
//
//===----------------------------------------------------------------------===//

#include "moe/Tensor/HostTensor.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>
#include <cstring>

using namespace mlir;
using namespace mlir::moe;
using llvm::APFloat;
using llvm::APInt;
using llvm::createStringError;
using llvm::Error;
using llvm::Expected;

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "files and storage are little-endian");

//===----------------------------------------------------------------------===//
// Element types
//===----------------------------------------------------------------------===//

namespace {
struct TypeInfo {
  ElementType type;
  const char *name;
  unsigned bits;
};
} // namespace

static constexpr TypeInfo kTypes[] = {
    {ElementType::I1, "i1", 8},
    {ElementType::I8, "i8", 8},
    {ElementType::U8, "u8", 8},
    {ElementType::I16, "i16", 16},
    {ElementType::U16, "u16", 16},
    {ElementType::I32, "i32", 32},
    {ElementType::U32, "u32", 32},
    {ElementType::I64, "i64", 64},
    {ElementType::U64, "u64", 64},
    {ElementType::F16, "f16", 16},
    {ElementType::BF16, "bf16", 16},
    {ElementType::F32, "f32", 32},
    {ElementType::F64, "f64", 64},
    {ElementType::F8E5M2, "f8E5M2", 8},
    {ElementType::F8E4M3FN, "f8E4M3FN", 8},
    {ElementType::F8E8M0FNU, "f8E8M0FNU", 8},
    {ElementType::F8E4M3FNUZ, "f8E4M3FNUZ", 8},
    {ElementType::F8E5M2FNUZ, "f8E5M2FNUZ", 8},
    {ElementType::F4E2M1FN, "f4E2M1FN", 4},
    {ElementType::F6E2M3FN, "f6E2M3FN", 6},
    {ElementType::F6E3M2FN, "f6E3M2FN", 6},
    {ElementType::C64, "complex<f32>", 64},
};

static const TypeInfo &infoOf(ElementType type) {
  return kTypes[static_cast<unsigned>(type)];
}

StringRef mlir::moe::stringifyElementType(ElementType type) {
  return infoOf(type).name;
}

std::optional<ElementType> mlir::moe::parseElementType(StringRef name) {
  if (name == "index")
    return ElementType::I64;
  std::string spelled = name.str();
  if (name.starts_with("ui"))
    spelled = ("u" + name.drop_front(2)).str();
  else if (name.starts_with("si"))
    spelled = name.drop_front().str();
  for (const TypeInfo &info : kTypes)
    if (spelled == info.name)
      return info.type;
  return std::nullopt;
}

unsigned mlir::moe::bitWidth(ElementType type) { return infoOf(type).bits; }

bool mlir::moe::isHostElementType(ElementType type) {
  return type < ElementType::F4E2M1FN;
}

bool mlir::moe::isFloat(ElementType type) {
  return floatSemantics(type) != nullptr;
}

bool mlir::moe::isSignedInteger(ElementType type) {
  return type == ElementType::I8 || type == ElementType::I16 ||
         type == ElementType::I32 || type == ElementType::I64;
}

bool mlir::moe::isUnsignedInteger(ElementType type) {
  return type == ElementType::U8 || type == ElementType::U16 ||
         type == ElementType::U32 || type == ElementType::U64;
}

const llvm::fltSemantics *mlir::moe::floatSemantics(ElementType type) {
  switch (type) {
  case ElementType::F16:
    return &APFloat::IEEEhalf();
  case ElementType::BF16:
    return &APFloat::BFloat();
  case ElementType::F32:
    return &APFloat::IEEEsingle();
  case ElementType::F64:
    return &APFloat::IEEEdouble();
  case ElementType::F8E5M2:
    return &APFloat::Float8E5M2();
  case ElementType::F8E4M3FN:
    return &APFloat::Float8E4M3FN();
  case ElementType::F8E8M0FNU:
    return &APFloat::Float8E8M0FNU();
  case ElementType::F8E4M3FNUZ:
    return &APFloat::Float8E4M3FNUZ();
  case ElementType::F8E5M2FNUZ:
    return &APFloat::Float8E5M2FNUZ();
  case ElementType::F4E2M1FN:
    return &APFloat::Float4E2M1FN();
  case ElementType::F6E2M3FN:
    return &APFloat::Float6E2M3FN();
  case ElementType::F6E3M2FN:
    return &APFloat::Float6E3M2FN();
  default:
    return nullptr;
  }
}

//===----------------------------------------------------------------------===//
// Sizes and names
//===----------------------------------------------------------------------===//

std::optional<int64_t> mlir::moe::checkedNumElements(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    if (size < 0 || __builtin_mul_overflow(count, size, &count))
      return std::nullopt;
  return count;
}

std::optional<int64_t> mlir::moe::checkedSizeInBytes(ElementType type,
                                                     ArrayRef<int64_t> shape) {
  std::optional<int64_t> bits = checkedNumElements(shape);
  int64_t width = bitWidth(type);
  if (!bits)
    return std::nullopt;
  // Whole bytes first: 2^62 bytes are representable, their bits are not.
  if (width % 8 == 0) {
    int64_t bytes;
    if (__builtin_mul_overflow(*bits, width / 8, &bytes))
      return std::nullopt;
    return bytes;
  }
  if (__builtin_mul_overflow(*bits, width, &*bits) || *bits % 8 != 0)
    return std::nullopt;
  return *bits / 8;
}

std::string mlir::moe::stringifyTensorType(ElementType type,
                                           ArrayRef<int64_t> shape) {
  std::string text;
  for (int64_t size : shape)
    text += std::to_string(size) + "x";
  return text + stringifyElementType(type).str();
}

std::string mlir::moe::quote(StringRef text) {
  constexpr size_t kLongest = 200;
  std::string quoted;
  llvm::raw_string_ostream os(quoted);
  os << "'";
  for (unsigned char c : text.take_front(kLongest)) {
    // Control characters could steer a terminal; UTF-8 passes.
    if (c < 0x20 || c == 0x7f)
      os << "\\x" << llvm::hexdigit(c >> 4, true)
         << llvm::hexdigit(c & 15, true);
    else
      os << c;
  }
  os << (text.size() > kLongest ? "...'" : "'");
  return quoted;
}

Error mlir::moe::memoryError(const llvm::Twine &message) {
  return createStringError(std::make_error_code(std::errc::not_enough_memory),
                           message);
}

//===----------------------------------------------------------------------===//
// HostTensor
//===----------------------------------------------------------------------===//

Expected<HostTensor> HostTensor::create(ElementType type,
                                        ArrayRef<int64_t> shape,
                                        int64_t maxBytes) {
  if (!isHostElementType(type))
    return createStringError("element type " + stringifyElementType(type) +
                             " is not supported outside of weight files");
  if (shape.size() > kMaxRank)
    return createStringError(Twine(shape.size()) +
                             " dimensions, the limit is " + Twine(kMaxRank));
  std::optional<int64_t> bytes = checkedSizeInBytes(type, shape);
  int64_t padded;
  if (!bytes || __builtin_add_overflow(*bytes, kAlignment, &padded))
    return createStringError(stringifyTensorType(type, shape) +
                             " takes more than 9223372036854775807 bytes");
  if (*bytes > maxBytes)
    return memoryError(stringifyTensorType(type, shape) + " takes " +
                       Twine(*bytes) + " bytes, the limit is " +
                       Twine(maxBytes));
  padded -= padded % kAlignment;
  char *memory = static_cast<char *>(std::aligned_alloc(kAlignment, padded));
  if (!memory)
    return memoryError("out of memory: " + stringifyTensorType(type, shape) +
                       " takes " + Twine(*bytes) + " bytes");
  std::memset(memory, 0, padded);
  return HostTensor(type, shape, *checkedNumElements(shape), *bytes, memory);
}

HostTensor HostTensor::clone() const {
  HostTensor copy = llvm::cantFail(create(type, sizes));
  std::memcpy(copy.data(), data(), bytes);
  return copy;
}

uint64_t HostTensor::readBits(int64_t index) const {
  uint64_t bits = 0;
  unsigned width = bitWidth(type) / 8;
  std::memcpy(&bits, data() + index * width, width);
  return bits;
}

void HostTensor::writeBits(int64_t index, uint64_t bits) {
  unsigned width = bitWidth(type) / 8;
  std::memcpy(data() + index * width, &bits, width);
}

/// Bits of a float no wider than f32, widened exactly.
static double widen(ElementType type, uint64_t bits) {
  if (type == ElementType::BF16 || type == ElementType::F32) {
    uint32_t word = type == ElementType::BF16 ? bits << 16 : bits;
    float value;
    std::memcpy(&value, &word, sizeof(value));
    return value;
  }
  if (type == ElementType::F16) {
    double sign = bits >> 15 ? -1.0 : 1.0;
    int exponent = (bits >> 10) & 31;
    int fraction = bits & 1023;
    if (exponent == 0)
      return sign * std::ldexp(fraction, -24);
    if (exponent < 31)
      return sign * std::ldexp(fraction + 1024, exponent - 25);
    return fraction ? std::nan("") : sign * INFINITY;
  }
  APFloat value(*floatSemantics(type), APInt(bitWidth(type), bits));
  bool losesInfo;
  value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                &losesInfo);
  return value.convertToDouble();
}

double HostTensor::readDouble(int64_t index) const {
  if (type == ElementType::U64)
    return static_cast<double>(readBits(index));
  if (!isFloat(type))
    return static_cast<double>(readInteger(index));
  uint64_t bits = readBits(index);
  if (type != ElementType::F64)
    return widen(type, bits);
  double value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

void HostTensor::writeDouble(int64_t index, double value) {
  if (const llvm::fltSemantics *semantics = floatSemantics(type)) {
    APFloat rounded(value);
    bool losesInfo;
    rounded.convert(*semantics, APFloat::rmNearestTiesToEven, &losesInfo);
    return writeBits(index, rounded.bitcastToAPInt().getZExtValue());
  }
  if (type == ElementType::I1)
    return writeBits(index, value != 0);
  llvm::APSInt integer(bitWidth(type), isUnsignedInteger(type));
  bool exact;
  APFloat(value).convertToInteger(integer, APFloat::rmTowardZero, &exact);
  writeBits(index, integer.getZExtValue());
}

int64_t HostTensor::readInteger(int64_t index) const {
  if (isFloat(type)) {
    llvm::APSInt integer(64, /*isUnsigned=*/false);
    bool exact;
    APFloat(readDouble(index))
        .convertToInteger(integer, APFloat::rmTowardZero, &exact);
    return integer.getSExtValue();
  }
  uint64_t bits = readBits(index);
  if (isSignedInteger(type))
    return llvm::SignExtend64(bits, bitWidth(type));
  return static_cast<int64_t>(bits);
}

void HostTensor::writeInteger(int64_t index, int64_t value) {
  if (const llvm::fltSemantics *semantics = floatSemantics(type)) {
    APFloat rounded(*semantics);
    rounded.convertFromAPInt(APInt(64, value, /*isSigned=*/true), true,
                             APFloat::rmNearestTiesToEven);
    return writeBits(index, rounded.bitcastToAPInt().getZExtValue());
  }
  writeBits(index, type == ElementType::I1 ? value != 0 : value);
}

Error HostTensor::checkBooleans(StringRef place) const {
  if (type != ElementType::I1)
    return Error::success();
  return moe::checkBooleans(data(), count, place);
}

Error mlir::moe::checkBooleans(const char *data, int64_t count,
                               StringRef place) {
  for (int64_t i = 0; i < count; ++i)
    if (static_cast<unsigned char>(data[i]) > 1)
      return createStringError(
          place + ": element " + Twine(i) + " of a boolean tensor is " +
          Twine(static_cast<unsigned>(static_cast<unsigned char>(data[i]))) +
          ", neither 0 nor 1");
  return Error::success();
}
