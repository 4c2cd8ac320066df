//===- HostTensor.h - Tensors in host memory --------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A tensor that owns its memory: element type, static shape, dense row-major
// little-endian storage aligned to 64 bytes. It is what inputs, outputs and
// expected values are on the host, whatever file or text they came from.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TENSOR_HOSTTENSOR_H
#define MOE_TENSOR_HOSTTENSOR_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <optional>
#include <string>

namespace llvm {
struct fltSemantics;
} // namespace llvm

namespace mlir::moe {

/// Element types of tensors outside the compiled code. An i1 takes one byte,
/// 0 or 1. The last four exist in weight files only: no HostTensor has them.
enum class ElementType : uint8_t {
  I1,
  I8,
  U8,
  I16,
  U16,
  I32,
  U32,
  I64,
  U64,
  F16,
  BF16,
  F32,
  F64,
  F8E5M2,
  F8E4M3FN,
  F8E8M0FNU,
  F8E4M3FNUZ,
  F8E5M2FNUZ,
  F4E2M1FN,
  F6E2M3FN,
  F6E3M2FN,
  C64,
};

/// The name of `type` as MLIR spells it, with u8 for ui8: "f32", "i1", "u8".
StringRef stringifyElementType(ElementType type);
/// Inverse of stringifyElementType; takes MLIR's "ui8", "si8" and "index" too.
std::optional<ElementType> parseElementType(StringRef name);
/// Bits that one element takes in storage (8 for i1).
unsigned bitWidth(ElementType type);
/// True if a HostTensor can have this element type.
bool isHostElementType(ElementType type);
bool isFloat(ElementType type);
bool isSignedInteger(ElementType type);
bool isUnsignedInteger(ElementType type);
/// The semantics of a floating-point type, null for the others.
const llvm::fltSemantics *floatSemantics(ElementType type);

/// Product of the sizes; nullopt where a size is negative or a partial product
/// overflows int64, even if a later size is zero.
std::optional<int64_t> checkedNumElements(ArrayRef<int64_t> shape);
/// Bytes of a dense tensor; nullopt where they overflow int64, or where the
/// bits are no whole number of bytes.
std::optional<int64_t> checkedSizeInBytes(ElementType type,
                                          ArrayRef<int64_t> shape);

/// "2x3xf32"; a scalar is "f32".
std::string stringifyTensorType(ElementType type, ArrayRef<int64_t> shape);
/// `text` in single quotes, shortened if long, nothing unprintable in it: for
/// names out of untrusted files in messages.
std::string quote(StringRef text);
/// An error with the code std::errc::not_enough_memory, by which a tool tells
/// that a limit was reached.
llvm::Error memoryError(const llvm::Twine &message);

class HostTensor {
public:
  static constexpr int64_t kAlignment = 64;
  static constexpr size_t kMaxRank = 64;
  static constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

  /// A scalar zero of type i8.
  HostTensor() : HostTensor(llvm::cantFail(create(ElementType::I8, {}))) {}
  HostTensor(HostTensor &&) = default;
  HostTensor &operator=(HostTensor &&) = default;

  /// A tensor of zeros. An error where the size overflows; where it exceeds
  /// `maxBytes` or memory is exhausted it is a
  /// memoryError.
  static llvm::Expected<HostTensor> create(ElementType type,
                                           ArrayRef<int64_t> shape,
                                           int64_t maxBytes = kNoLimit);
  HostTensor clone() const;

  ElementType elementType() const { return type; }
  ArrayRef<int64_t> shape() const { return sizes; }
  int64_t rank() const { return sizes.size(); }
  int64_t numElements() const { return count; }
  int64_t sizeInBytes() const { return bytes; }
  /// Never null, aligned to kAlignment.
  char *data() { return storage.get(); }
  const char *data() const { return storage.get(); }
  std::string typeString() const { return stringifyTensorType(type, sizes); }

  /// The storage bits of an element, by linear index.
  uint64_t readBits(int64_t index) const;
  void writeBits(int64_t index, uint64_t bits);
  /// The value as a double (rounded for 64-bit integers).
  double readDouble(int64_t index) const;
  /// Rounds to nearest, ties to even; an integer type truncates and saturates.
  void writeDouble(int64_t index, double value);
  /// The value as an integer; floats truncate and saturate. An u64 above
  /// INT64_MAX wraps.
  int64_t readInteger(int64_t index) const;
  /// Integers keep the low bits; i1 becomes value != 0.
  void writeInteger(int64_t index, int64_t value);

  /// An error if an i1 has a storage byte other than 0 and 1, which compiled
  /// code must not see. `place` leads the message.
  llvm::Error checkBooleans(StringRef place) const;

private:
  struct Free {
    void operator()(char *memory) const { std::free(memory); }
  };
  HostTensor(ElementType type, ArrayRef<int64_t> shape, int64_t count,
             int64_t bytes, char *memory)
      : type(type), sizes(shape), count(count), bytes(bytes), storage(memory) {}

  ElementType type;
  SmallVector<int64_t> sizes;
  int64_t count;
  int64_t bytes;
  std::unique_ptr<char, Free> storage;
};

/// The same check for `count` elements at `data`.
llvm::Error checkBooleans(const char *data, int64_t count, StringRef place);

} // namespace mlir::moe

#endif // MOE_TENSOR_HOSTTENSOR_H
