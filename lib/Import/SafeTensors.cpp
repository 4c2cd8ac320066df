//===- SafeTensors.cpp - The safetensors file format ----------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A file is the header's length N (8 bytes, little-endian), N bytes of JSON,
// and the tensors' bytes without holes, overlaps or anything behind them.
//
//===----------------------------------------------------------------------===//

#include "moe/Import/SafeTensors.h"

#include "JsonScanner.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/JSON.h"

#include <cstring>
#include <tuple>

using namespace mlir;
using namespace mlir::moe;
using llvm::createStringError;
using llvm::Error;
using llvm::Expected;

static constexpr int64_t kLengthBytes = 8;
static constexpr uint64_t kMaxHeader = 100000000;
static constexpr size_t kMaxTensors = 1000000;

namespace {
struct TypeName {
  const char *name;
  ElementType type;
};

/// An entry as the header spells it.
struct RawEntry {
  std::string name;
  ElementType type;
  SmallVector<uint64_t, 4> shape;
  uint64_t begin;
  uint64_t end;
};
} // namespace

static constexpr TypeName kTypeNames[] = {
    {"BOOL", ElementType::I1},
    {"I8", ElementType::I8},
    {"U8", ElementType::U8},
    {"I16", ElementType::I16},
    {"U16", ElementType::U16},
    {"I32", ElementType::I32},
    {"U32", ElementType::U32},
    {"I64", ElementType::I64},
    {"U64", ElementType::U64},
    {"F16", ElementType::F16},
    {"BF16", ElementType::BF16},
    {"F32", ElementType::F32},
    {"F64", ElementType::F64},
    {"F8_E5M2", ElementType::F8E5M2},
    {"F8_E4M3", ElementType::F8E4M3FN},
    {"F8_E8M0", ElementType::F8E8M0FNU},
    {"F8_E4M3FNUZ", ElementType::F8E4M3FNUZ},
    {"F8_E5M2FNUZ", ElementType::F8E5M2FNUZ},
    {"F4", ElementType::F4E2M1FN},
    {"F6_E2M3", ElementType::F6E2M3FN},
    {"F6_E3M2", ElementType::F6E3M2FN},
    {"C64", ElementType::C64},
};

StringRef mlir::moe::stringifySafeTensorsType(ElementType type) {
  for (const TypeName &known : kTypeNames)
    if (known.type == type)
      return known.name;
  return "";
}

const SafeTensorsEntry *SafeTensorsHeader::lookup(StringRef name) const {
  for (const SafeTensorsEntry &entry : tensors)
    if (entry.name == name)
      return &entry;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Reading the header
//===----------------------------------------------------------------------===//

static Error readUnsignedArray(JsonScanner &json,
                               SmallVectorImpl<uint64_t> &values) {
  return json.readArray([&]() -> Error {
    Expected<uint64_t> value = json.readUnsigned();
    if (!value)
      return value.takeError();
    values.push_back(*value);
    return Error::success();
  });
}

static Error readType(JsonScanner &json, RawEntry &entry) {
  Expected<std::string> name = json.readString();
  if (!name)
    return name.takeError();
  for (const TypeName &known : kTypeNames)
    if (*name == known.name) {
      entry.type = known.type;
      return Error::success();
    }
  return json.error("tensor " + quote(entry.name) + " has the unknown dtype " +
                    quote(*name));
}

/// Reads {"dtype": ..., "shape": ..., "data_offsets": ...}.
static Error readEntry(JsonScanner &json, RawEntry &entry) {
  bool hasType = false, hasShape = false;
  SmallVector<uint64_t> offsets;
  Error failed = json.readObject([&](StringRef key) -> Error {
    if (key == "dtype") {
      hasType = true;
      return readType(json, entry);
    }
    if (key == "shape") {
      hasShape = true;
      return readUnsignedArray(json, entry.shape);
    }
    if (key == "data_offsets")
      return readUnsignedArray(json, offsets);
    return json.error("tensor " + quote(entry.name) + " has the unknown key " +
                      quote(key));
  });
  if (failed)
    return failed;
  const char *missing = !hasType ? "dtype" : !hasShape ? "shape" : nullptr;
  if (missing)
    return json.error("tensor " + quote(entry.name) + " has no " + missing);
  if (offsets.size() != 2)
    return json.error("tensor " + quote(entry.name) + " has " +
                      Twine(offsets.size()) + " data_offsets, expected 2");
  entry.begin = offsets[0];
  entry.end = offsets[1];
  return Error::success();
}

static Error readMetadata(JsonScanner &json, SafeTensorsHeader &header) {
  return json.readObject([&](StringRef key) -> Error {
    Expected<std::string> value = json.readString();
    if (!value)
      return value.takeError();
    header.metadata.emplace_back(key.str(), std::move(*value));
    return Error::success();
  });
}

static Error readJson(StringRef text, StringRef place,
                      SafeTensorsHeader &header,
                      std::vector<RawEntry> &entries) {
  JsonScanner json(text, place);
  Error failed = json.readObject([&](StringRef key) -> Error {
    if (key == "__metadata__")
      return readMetadata(json, header);
    if (entries.size() == kMaxTensors)
      return json.error("more than " + Twine(kMaxTensors) + " tensors");
    RawEntry entry;
    entry.name = key.str();
    if (Error failed = readEntry(json, entry))
      return failed;
    entries.push_back(std::move(entry));
    return Error::success();
  });
  return failed ? std::move(failed) : json.readEnd();
}

/// Checks one tensor's shape against its bytes.
static Error checkShape(const RawEntry &raw, const Twine &place,
                        SafeTensorsEntry &entry) {
  uint64_t bits = 1;
  bool overflow = false;
  for (uint64_t size : raw.shape)
    overflow |= __builtin_mul_overflow(bits, size, &bits);
  overflow |= __builtin_mul_overflow(bits, bitWidth(raw.type), &bits);
  if (overflow)
    return createStringError(place + ": the size overflows 64 bits");
  for (uint64_t size : raw.shape) {
    if (size > static_cast<uint64_t>(INT64_MAX))
      return createStringError(place + ": dimension " + Twine(size) +
                               " exceeds 9223372036854775807");
    entry.shape.push_back(size);
  }
  if (bits % 8 != 0)
    return createStringError(place + ": takes " + Twine(bits) +
                             " bits, not a whole number of bytes");
  if (raw.end - raw.begin != bits / 8)
    return createStringError(place + ": data_offsets span " +
                             Twine(raw.end - raw.begin) + " bytes, " +
                             stringifyTensorType(raw.type, entry.shape) +
                             " takes " + Twine(bits / 8));
  return Error::success();
}

/// The tensors must fill the data without holes and overlaps, to the file's
/// end.
static Error checkLayout(std::vector<RawEntry> &entries, uint64_t dataStart,
                         int64_t fileSize, StringRef path,
                         SafeTensorsHeader &header) {
  llvm::sort(entries, [](const RawEntry &a, const RawEntry &b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  uint64_t start = 0;
  header.tensors.reserve(entries.size());
  for (RawEntry &raw : entries) {
    std::string place = (path + ": tensor " + quote(raw.name)).str();
    if (raw.begin != start)
      return createStringError(
          Twine(place) + ": data_offsets begin at " + Twine(raw.begin) +
          ", expected " + Twine(start) +
          (raw.begin > start ? " (a hole)" : " (an overlap)"));
    if (raw.end < raw.begin)
      return createStringError(Twine(place) + ": data_offsets end at " +
                               Twine(raw.end) + ", before their begin " +
                               Twine(raw.begin));
    SafeTensorsEntry entry;
    if (Error failed = checkShape(raw, place, entry))
      return failed;
    entry.name = std::move(raw.name);
    entry.elementType = raw.type;
    // In range once the end is found equal to the file's size below.
    entry.offset = static_cast<int64_t>(dataStart + raw.begin);
    entry.bytes = static_cast<int64_t>(raw.end - raw.begin);
    header.tensors.push_back(std::move(entry));
    start = raw.end;
  }
  uint64_t end;
  if (__builtin_add_overflow(start, dataStart, &end) ||
      end != static_cast<uint64_t>(fileSize))
    return createStringError(path + ": the tensors take " + Twine(start) +
                             " bytes, the file has " +
                             Twine(fileSize - static_cast<int64_t>(dataStart)) +
                             " after the header");
  return Error::success();
}

Expected<SafeTensorsHeader> mlir::moe::parseSafeTensorsHeader(StringRef json,
                                                              int64_t fileSize,
                                                              StringRef path) {
  auto *start = reinterpret_cast<const llvm::UTF8 *>(json.data());
  const llvm::UTF8 *bad = start;
  if (!llvm::isLegalUTF8String(&bad, start + json.size()))
    return createStringError(path + ": the header is not UTF-8 at byte " +
                             Twine(bad - start));
  SafeTensorsHeader header;
  std::vector<RawEntry> entries;
  std::string place = (path + ": header").str();
  if (Error failed = readJson(json, place, header, entries))
    return std::move(failed);
  if (Error failed = checkLayout(entries, kLengthBytes + json.size(), fileSize,
                                 path, header))
    return std::move(failed);
  return header;
}

Expected<SafeTensorsHeader>
mlir::moe::readSafeTensorsHeader(const InputFile &file) {
  std::string wrong = (file.path() + ": not a safetensors file: ").str();
  if (file.size() < kLengthBytes)
    return createStringError(Twine(wrong) + Twine(file.size()) +
                             " bytes, the header length alone takes " +
                             Twine(kLengthBytes));
  uint64_t length;
  if (Error failed =
          file.read(reinterpret_cast<char *>(&length), kLengthBytes, 0))
    return std::move(failed);
  if (length > kMaxHeader)
    return createStringError(Twine(wrong) + "header length " + Twine(length) +
                             " exceeds the limit of " + Twine(kMaxHeader));
  if (length > static_cast<uint64_t>(file.size() - kLengthBytes))
    return createStringError(Twine(wrong) + "header length " + Twine(length) +
                             " exceeds file size " + Twine(file.size()));
  std::string json(length, '\0');
  if (Error failed = file.read(json.data(), length, kLengthBytes))
    return std::move(failed);
  return parseSafeTensorsHeader(json, file.size(), file.path());
}

Expected<HostTensor> mlir::moe::readSafeTensor(const InputFile &file,
                                               const SafeTensorsEntry &entry,
                                               int64_t maxBytes) {
  std::string place = (file.path() + ": tensor " + quote(entry.name)).str();
  if (!isHostElementType(entry.elementType))
    return createStringError(Twine(place) + " has the element type " +
                             stringifyElementType(entry.elementType) +
                             ", which is supported only in weights");
  Expected<HostTensor> tensor =
      HostTensor::create(entry.elementType, entry.shape, maxBytes);
  if (!tensor)
    return tensor.takeError();
  if (Error failed = file.read(tensor->data(), entry.bytes, entry.offset))
    return std::move(failed);
  if (Error failed = tensor->checkBooleans(place))
    return std::move(failed);
  return tensor;
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

Error mlir::moe::writeSafeTensors(
    raw_ostream &os,
    ArrayRef<std::pair<std::string, const HostTensor *>> tensors) {
  auto ordered = llvm::to_vector(tensors);
  llvm::sort(ordered, [](const auto &a, const auto &b) {
    unsigned left = bitWidth(a.second->elementType());
    unsigned right = bitWidth(b.second->elementType());
    return left != right ? left > right : a.first < b.first;
  });
  std::string header;
  llvm::raw_string_ostream text(header);
  llvm::json::OStream json(text);
  int64_t offset = 0;
  json.object([&] {
    for (const auto &[name, tensor] : ordered) {
      json.attributeObject(llvm::json::fixUTF8(name), [&, tensor = tensor] {
        json.attribute("dtype",
                       stringifySafeTensorsType(tensor->elementType()));
        json.attributeArray("shape", [&] {
          for (int64_t size : tensor->shape())
            json.value(size);
        });
        json.attributeArray("data_offsets", [&] {
          json.value(offset);
          offset += tensor->sizeInBytes();
          json.value(offset);
        });
      });
    }
  });
  header.resize(llvm::alignTo(header.size(), 8), ' ');
  uint64_t length = header.size();
  if (length > kMaxHeader)
    return createStringError("a header of " + Twine(length) +
                             " bytes exceeds the limit of " +
                             Twine(kMaxHeader));
  os.write(reinterpret_cast<const char *>(&length), kLengthBytes);
  os << header;
  for (const auto &[name, tensor] : ordered)
    os.write(tensor->data(), tensor->sizeInBytes());
  return Error::success();
}
