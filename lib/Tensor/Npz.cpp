//===- Npz.cpp - NumPy's archives -----------------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sizes are taken from the central directory alone: NumPy writes zip64 local
// headers for small members too, with ordinary entries in the directory.
//
//===----------------------------------------------------------------------===//

#include "moe/Tensor/Npz.h"

#include "moe/Tensor/Npy.h"

#include "llvm/Support/Endian.h"

#include <cstring>
#include <vector>
#include <zlib.h>

using namespace mlir;
using namespace mlir::moe;
using llvm::createStringError;
using llvm::Error;
using llvm::Expected;
using llvm::support::endian::read16le;
using llvm::support::endian::read32le;

static constexpr size_t kEndSize = 22;
static constexpr size_t kEntrySize = 46;
static constexpr size_t kLocalSize = 30;
static constexpr uint32_t kZip64 = 0xffffffff;
// A member may not claim to be this large and this much larger than its bytes.
static constexpr uint64_t kBombBytes = uint64_t(1) << 30;
static constexpr uint64_t kBombRatio = 100;

namespace {
/// A member as the central directory describes it.
struct Member {
  StringRef name;
  uint16_t flags;
  uint16_t method;
  uint32_t crc;
  uint32_t stored;
  uint32_t size;
  uint32_t offset;
};
} // namespace

static Expected<std::vector<Member>> readDirectory(StringRef archive,
                                                   StringRef place) {
  // The end record is followed by a comment of at most 65535 bytes.
  size_t end = archive.rfind(StringRef("PK\5\6", 4));
  if (!archive.starts_with("PK") || end == StringRef::npos ||
      archive.size() - end < kEndSize)
    return createStringError(place + ": not an npz file");
  const char *record = archive.data() + end;
  size_t count = read16le(record + 10);
  uint64_t bytes = read32le(record + 12), start = read32le(record + 16);
  if (count == 0xffff || bytes == kZip64 || start == kZip64)
    return createStringError(place + ": zip64 archives are not supported");
  if (read16le(record + 4) != 0 || read16le(record + 8) != count)
    return createStringError(place + ": split archives are not supported");
  if (start + bytes > end)
    return createStringError(place + ": the zip directory ends at byte " +
                             Twine(start + bytes) +
                             ", past its end record at " + Twine(end));
  StringRef directory = archive.substr(start, bytes);
  std::vector<Member> members;
  for (size_t i = 0; i < count; ++i) {
    const char *entry = directory.data();
    if (directory.size() < kEntrySize ||
        !directory.starts_with(StringRef("PK\1\2", 4)))
      return createStringError(place + ": entry " + Twine(i) + " of " +
                               Twine(count) +
                               " is missing in the zip directory");
    size_t nameSize = read16le(entry + 28);
    size_t total =
        kEntrySize + nameSize + read16le(entry + 30) + read16le(entry + 32);
    if (total > directory.size())
      return createStringError(place + ": entry " + Twine(i) +
                               " exceeds the zip directory");
    members.push_back({directory.substr(kEntrySize, nameSize),
                       read16le(entry + 8), read16le(entry + 10),
                       read32le(entry + 16), read32le(entry + 20),
                       read32le(entry + 24), read32le(entry + 42)});
    directory = directory.drop_front(total);
  }
  return members;
}

/// Inflates exactly `target.size()` bytes.
static bool inflateInto(StringRef source, std::vector<char> &target) {
  z_stream stream = {};
  // Negative window bits: a raw deflate stream, as zip has it.
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
    return false;
  stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(source.data()));
  stream.avail_in = source.size();
  stream.next_out = reinterpret_cast<Bytef *>(target.data());
  stream.avail_out = target.size();
  int result = inflate(&stream, Z_FINISH);
  bool whole = result == Z_STREAM_END && stream.avail_out == 0;
  inflateEnd(&stream);
  return whole;
}

/// The bytes that a member stores.
static Expected<StringRef> storedBytes(StringRef archive, const Member &member,
                                       StringRef place) {
  StringRef local = archive.substr(member.offset);
  if (local.size() < kLocalSize || !local.starts_with(StringRef("PK\3\4", 4)))
    return createStringError(place + ": no zip member at byte " +
                             Twine(member.offset));
  local = local.drop_front(
      std::min<size_t>(local.size(), kLocalSize + read16le(local.data() + 26) +
                                         read16le(local.data() + 28)));
  if (local.size() < member.stored)
    return createStringError(place + ": takes " + Twine(member.stored) +
                             " bytes, the archive holds " +
                             Twine(local.size()) + " after its header");
  return local.take_front(member.stored);
}

static Expected<HostTensor> readMember(StringRef archive, const Member &member,
                                       StringRef place, int64_t maxBytes) {
  if (member.stored == kZip64 || member.size == kZip64 ||
      member.offset == kZip64)
    return createStringError(place + ": zip64 members are not supported");
  if (member.flags & 1)
    return createStringError(place + ": encrypted members are not supported");
  if (member.method != 0 && member.method != Z_DEFLATED)
    return createStringError(place + ": zip method " + Twine(member.method) +
                             ", expected 0 (stored) or 8 (deflated)");
  Expected<StringRef> stored = storedBytes(archive, member, place);
  if (!stored)
    return stored.takeError();
  if (member.method == 0) {
    if (member.size != member.stored)
      return createStringError(place + ": stored in " + Twine(member.stored) +
                               " bytes, but " + Twine(member.size) + " long");
  } else if (member.size > kBombBytes &&
             member.size / kBombRatio > member.stored) {
    return createStringError(place + ": claims to inflate from " +
                             Twine(member.stored) + " to " +
                             Twine(member.size) + " bytes, more than " +
                             Twine(kBombRatio) + " times as many");
  }
  // The header of the npy file comes on top of the limit.
  if (static_cast<int64_t>(member.size) - 10240 > maxBytes)
    return memoryError(place + ": " + Twine(member.size) +
                       " bytes, the limit is " + Twine(maxBytes));
  std::vector<char> inflated;
  StringRef contents = *stored;
  if (member.method == Z_DEFLATED) {
    inflated.resize(member.size);
    if (!inflateInto(*stored, inflated))
      return createStringError(place + ": does not inflate to its " +
                               Twine(member.size) + " bytes");
    contents = StringRef(inflated.data(), inflated.size());
  }
  uint32_t crc = crc32(0, reinterpret_cast<const Bytef *>(contents.data()),
                       contents.size());
  if (crc != member.crc)
    return createStringError(place + ": checksum " + Twine::utohexstr(crc) +
                             ", expected " + Twine::utohexstr(member.crc));
  return readNpy(contents, place, maxBytes);
}

Expected<HostTensor> mlir::moe::readNpz(StringRef archive, StringRef key,
                                        StringRef place, int64_t maxBytes) {
  Expected<std::vector<Member>> members = readDirectory(archive, place);
  if (!members)
    return members.takeError();
  const Member *found = nullptr;
  std::string withEnding = (key + ".npy").str();
  for (const Member &member : *members) {
    if (!key.empty() && member.name != key && member.name != withEnding)
      continue;
    if (found)
      return createStringError(
          key.empty() ? place + ": holds " + Twine(members->size()) +
                            " arrays, name one in brackets"
                      : place + ": holds two members " + quote(key));
    found = &member;
  }
  if (!found)
    return createStringError(place + ": holds no array " + quote(key));
  return readMember(archive, *found,
                    (place + "[" + quote(found->name) + "]").str(), maxBytes);
}
