//===- SafeTensorsTest.cpp - Tests of the safetensors format --------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Import/SafeTensors.h"

#include "../Support/TestFiles.h"
#include "moe/Tensor/Literal.h"

using namespace mlir;
using namespace mlir::moe;

/// A file with this header and this many bytes of data.
static std::string file(const std::string &header, size_t data) {
  return bytesOf<uint64_t>({header.size()}) + header + std::string(data, '\1');
}

/// One entry of a header.
static std::string entry(const std::string &name, const std::string &dtype,
                         const std::string &shape, const std::string &offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
         ",\"data_offsets\":" + offsets + "}";
}

static llvm::Expected<SafeTensorsHeader> read(const std::string &bytes) {
  TestDirectory files;
  InputFile input =
      llvm::cantFail(InputFile::open(files.write("x.safetensors", bytes)));
  return readSafeTensorsHeader(input);
}

static const std::string kGood =
    "{" + entry("b", "F32", "[2,2]", "[4,20]") + "," +
    entry("a", "I16", "[2]", "[0,4]") +
    R"(,"__metadata__":{"format":"pt","x":"\u00e9\n\ud83d\ude00"}})";

TEST(SafeTensors, ReadsHeaders) {
  SafeTensorsHeader header = llvm::cantFail(read(file(kGood, 20)));
  ASSERT_EQ(header.tensors.size(), 2u);
  EXPECT_EQ(header.tensors[0].name, "a");
  EXPECT_EQ(header.tensors[0].elementType, ElementType::I16);
  const SafeTensorsEntry *b = header.lookup("b");
  ASSERT_TRUE(b);
  EXPECT_EQ(b->shape, (SmallVector<int64_t, 4>{2, 2}));
  EXPECT_EQ(b->offset, static_cast<int64_t>(8 + kGood.size() + 4));
  EXPECT_EQ(b->bytes, 16);
  EXPECT_FALSE(header.lookup("c"));
  ASSERT_EQ(header.metadata.size(), 2u);
  EXPECT_EQ(header.metadata[1].second, "\xc3\xa9\n\xf0\x9f\x98\x80");
}

TEST(SafeTensors, ReadsUnusualButValidHeaders) {
  EXPECT_EQ(message(read(file("{}", 0))), "");
  EXPECT_EQ(message(read(file(" \n\t{ } \r\n ", 0))), "");
  EXPECT_EQ(
      message(read(file("{" + entry("s", "F64", "[]", "[0,8]") + "}", 8))), "");
  // Tensors without elements share an offset, wherever it is.
  EXPECT_EQ(message(read(file("{" + entry("a", "F32", "[0,4]", "[0,0]") + "," +
                                  entry("b", "U8", "[3]", "[0,3]") + "," +
                                  entry("c", "F32", "[0]", "[3,3]") + "}",
                              3))),
            "");
  EXPECT_EQ(
      message(read(file("{" + entry("a", "F4", "[3,4]", "[0,6]") + "}", 6))),
      "");
}

TEST(SafeTensors, ReadsEveryDtype) {
  struct {
    const char *name;
    int bits;
  } known[] = {
      {"F4", 4},      {"F6_E2M3", 6},     {"F6_E3M2", 6},     {"BOOL", 8},
      {"U8", 8},      {"I8", 8},          {"F8_E5M2", 8},     {"F8_E4M3", 8},
      {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},
      {"U16", 16},    {"F16", 16},        {"BF16", 16},       {"I32", 32},
      {"U32", 32},    {"F32", 32},        {"F64", 64},        {"I64", 64},
      {"U64", 64},    {"C64", 64}};
  for (auto [name, bits] : known)
    EXPECT_EQ(
        message(read(file("{" +
                              entry("a", name, "[4]",
                                    "[0," + std::to_string(bits / 2) + "]") +
                              "}",
                          bits / 2))),
        "")
        << name;
}

//===----------------------------------------------------------------------===//
// The rules, in the order in which they are checked
//===----------------------------------------------------------------------===//

TEST(SafeTensorsRules, R1TooSmall) {
  EXPECT_ERROR(read(""), "x.safetensors: not a safetensors file: 0 bytes");
  EXPECT_ERROR(read("1234567"), "7 bytes, the header length alone takes 8");
}

TEST(SafeTensorsRules, R2HeaderTooLarge) {
  for (uint64_t length : {UINT64_MAX, uint64_t(100000001), uint64_t(1) << 63})
    EXPECT_ERROR(read(bytesOf<uint64_t>({length}) + "{}"),
                 "header length " + std::to_string(length) +
                     " exceeds the limit of 100000000");
}

TEST(SafeTensorsRules, R3HeaderExceedsFile) {
  EXPECT_ERROR(read(bytesOf<uint64_t>({100000000}) + "{}"),
               "header length 100000000 exceeds file size 10");
  EXPECT_ERROR(read(bytesOf<uint64_t>({3}) + "{}"),
               "header length 3 exceeds file size 10");
  // Content is never shown: the file may be any file.
  EXPECT_FALSE(contains(message(read("root:x:0:0:root:/bin/sh\n")), "root"));
}

TEST(SafeTensorsRules, R4NotUtf8) {
  EXPECT_ERROR(read(file("{\"\xff\":1}", 0)), "not UTF-8 at byte 2");
  EXPECT_ERROR(read(file("{\"\xc0\x80\":1}", 0)), "not UTF-8");
  EXPECT_ERROR(read(file("{\"\xed\xa0\x80\":1}", 0)), "not UTF-8");
}

TEST(SafeTensorsRules, R5NotJson) {
  auto reject = [](const std::string &header, const char *why) {
    EXPECT_ERROR(read(file(header, 4)), why);
  };
  reject("", "header byte 0: expected '{'");
  reject("[]", "expected '{'");
  reject("{", "expected '\"'");
  reject("{} x", "expected the end");
  reject("{}\1", "expected the end");
  reject("{,}", "expected '\"'");
  reject("{" + entry("a", "F32", "[1]", "[0,4]") + ",}", "expected '\"'");
  reject("{\"a\" 1}", "expected ':'");
  reject("{\"a", "without its closing");
  reject("{\"a\n\":1}", "control character");
  reject("{\"\\x\":1}", "unknown escape");
  reject("{\"\\ud800\":1}", "surrogate");
  reject("{\"\\udc00\":1}", "surrogate");
  reject("{\"\\ud800\\u0041\":1}", "surrogate");
  reject("{\"\\u12g4\":1}", "hexadecimal");
  reject("'a'", "expected '{'");
}

TEST(SafeTensorsRules, R5DuplicateKeys) {
  std::string a = entry("a", "F32", "[1]", "[0,4]");
  EXPECT_ERROR(read(file("{" + a + "," + a + "}", 4)), "duplicate key 'a'");
  EXPECT_ERROR(read(file("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", 0)),
               "duplicate key 'dtype'");
  EXPECT_ERROR(
      read(file("{\"__metadata__\":{\"a\":\"b\",\"\\u0061\":\"b\"}}", 0)),
      "duplicate key 'a'");
}

TEST(SafeTensorsRules, R5WrongTypes) {
  auto reject = [](const std::string &header, const char *why) {
    EXPECT_ERROR(read(file(header, 4)), why);
  };
  reject("{" + entry("a", "F31", "[1]", "[0,4]") + "}",
         "tensor 'a' has the unknown dtype 'F31'");
  reject("{" + entry("a", "f32", "[1]", "[0,4]") + "}", "unknown dtype");
  reject("{" + entry("a", "F32", "1", "[0,4]") + "}", "expected '['");
  reject("{" + entry("a", "F32", "[-1]", "[0,4]") + "}", "unsigned integer");
  reject("{" + entry("a", "F32", "[1.0]", "[0,4]") + "}", "unsigned integer");
  reject("{" + entry("a", "F32", "[1e0]", "[0,4]") + "}", "unsigned integer");
  reject("{" + entry("a", "F32", "[01]", "[0,4]") + "}", "leading zero");
  reject("{" + entry("a", "F32", "[\"1\"]", "[0,4]") + "}", "unsigned");
  reject("{" + entry("a", "F32", "[1,]", "[0,4]") + "}", "unsigned");
  reject("{" + entry("a", "F32", "[18446744073709551616]", "[0,4]") + "}",
         "above 18446744073709551615");
  reject("{" + entry("a", "F32", "[1]", "[0]") + "}",
         "has 1 data_offsets, expected 2");
  reject("{" + entry("a", "F32", "[1]", "[0,4,4]") + "}", "has 3 data_offsets");
  reject("{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", "has no dtype");
  reject("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", "has no shape");
  reject("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", "has 0 data_offsets");
  reject("{\"a\":{\"strides\":[1]}}", "unknown key 'strides'");
  reject("{\"a\":null}", "expected '{'");
  reject("{\"__metadata__\":{\"a\":1}}", "expected '\"'");
  reject("{\"__metadata__\":\"a\"}", "expected '{'");
}

TEST(SafeTensorsRules, R5Nesting) {
  std::string deep(1000000, '[');
  EXPECT_ERROR(read(file("{\"a\":" + deep, 0)), "expected '{'");
  EXPECT_ERROR(read(file("{\"a\":{\"shape\":" + deep, 0)), "unsigned integer");
}

TEST(SafeTensorsRules, R6HolesAndOverlaps) {
  std::string a = entry("a", "F32", "[1]", "[0,4]");
  EXPECT_ERROR(read(file("{" + entry("a", "F32", "[1]", "[4,8]") + "}", 8)),
               "tensor 'a': data_offsets begin at 4, expected 0 (a hole)");
  EXPECT_ERROR(
      read(file("{" + a + "," + entry("b", "F32", "[1]", "[5,9]") + "}", 9)),
      "tensor 'b': data_offsets begin at 5, expected 4 (a hole)");
  EXPECT_ERROR(
      read(file("{" + a + "," + entry("b", "F32", "[1]", "[2,6]") + "}", 6)),
      "tensor 'b': data_offsets begin at 2, expected 4 (an overlap)");
  EXPECT_ERROR(
      read(file("{" + a + "," + entry("b", "F32", "[1]", "[0,4]") + "}", 4)),
      "tensor 'b': data_offsets begin at 0, expected 4 (an overlap)");
  EXPECT_ERROR(
      read(file("{" + a + "," + entry("b", "F32", "[1]", "[4,3]") + "}", 4)),
      "data_offsets end at 3, before their begin 4");
  EXPECT_ERROR(
      read(file(
          "{" + entry("a", "F32", "[1]", "[18446744073709551612,0]") + "}", 4)),
      "(a hole)");
}

TEST(SafeTensorsRules, R7Sizes) {
  auto reject = [](const char *dtype, const char *shape, const char *offsets,
                   const char *why) {
    EXPECT_ERROR(read(file("{" + entry("a", dtype, shape, offsets) + "}", 8)),
                 why);
  };
  reject("F32", "[3]", "[0,8]",
         "tensor 'a': data_offsets span 8 bytes, 3xf32 takes 12");
  reject("F32", "[]", "[0,8]", "span 8 bytes, f32 takes 4");
  reject("F32", "[4294967296,4294967296]", "[0,8]", "overflows 64 bits");
  reject("F32", "[1152921504606846976]", "[0,8]", "overflows 64 bits");
  reject("F32", "[9223372036854775808,4,0]", "[0,0]", "overflows 64 bits");
  reject("F32", "[18446744073709551615,0]", "[0,0]",
         "dimension 18446744073709551615 exceeds 9223372036854775807");
  reject("F32", "[0,9223372036854775808]", "[0,0]", "exceeds");
  reject("F4", "[3]", "[0,2]", "takes 12 bits, not a whole number of bytes");
  reject("F6_E2M3", "[5]", "[0,4]", "takes 30 bits");
}

TEST(SafeTensorsRules, R8Incomplete) {
  std::string header = "{" + entry("a", "F32", "[2]", "[0,8]") + "}";
  EXPECT_ERROR(read(file(header, 7)),
               "the tensors take 8 bytes, the file has 7 after the header");
  EXPECT_ERROR(read(file(header, 9)), "the file has 9");
  EXPECT_ERROR(read(file("{}", 1)), "the tensors take 0 bytes");
  EXPECT_ERROR(read(file("{" +
                             entry("a", "U8", "[2305843009213693951]",
                                   "[0,2305843009213693951]") +
                             "}",
                         4)),
               "the tensors take 2305843009213693951 bytes, the file has 4");
}

TEST(SafeTensorsRules, EveryTruncationIsAnError) {
  std::string bytes = file(kGood, 20);
  for (size_t size = 0; size < bytes.size(); ++size)
    ASSERT_NE(message(read(bytes.substr(0, size))), "") << size;
}

TEST(SafeTensorsRules, EverySingleByteChangeIsHandled) {
  std::string bytes = file(kGood, 20);
  for (size_t at = 0; at < bytes.size() - 20; ++at)
    for (char c : {'\0', '"', '{', '0', '9', '\xff'}) {
      std::string changed = bytes;
      changed[at] = c;
      EXPECT_FALSE(contains(message(read(changed)), "\n"));
    }
}

TEST(SafeTensorsRules, NamesAreEscapedInMessages) {
  EXPECT_ERROR(
      read(file("{" + entry("\\u001b]0;\\n", "F32", "[1]", "[4,8]") + "}", 8)),
      "tensor '\\x1b]0;\\x0a'");
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

TEST(SafeTensors, WritesAlignedFiles) {
  HostTensor bytes = llvm::cantFail(parseLiteral("3xi8=1 2 3"));
  HostTensor wide = llvm::cantFail(parseLiteral("2xf64=0.5 -1"));
  HostTensor empty = llvm::cantFail(parseLiteral("0x3xbf16="));
  std::string written;
  llvm::raw_string_ostream os(written);
  EXPECT_EQ(message(writeSafeTensors(
                os, {{"a\"", &bytes}, {"z", &wide}, {"e", &empty}})),
            "");
  std::string header =
      R"({"z":{"dtype":"F64","shape":[2],"data_offsets":[0,16]},)"
      R"("e":{"dtype":"BF16","shape":[0,3],"data_offsets":[16,16]},)"
      R"("a\"":{"dtype":"I8","shape":[3],"data_offsets":[16,19]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  EXPECT_EQ(written, bytesOf<uint64_t>({header.size()}) + header +
                         bytesOf<double>({0.5, -1}) + "\1\2\3");
  EXPECT_EQ(message(read(written)), "");
}

TEST(SafeTensors, ReadsTensors) {
  TestDirectory files;
  std::string header = "{" + entry("a", "I16", "[2]", "[0,4]") + "," +
                       entry("b", "BOOL", "[2]", "[4,6]") + "," +
                       entry("c", "C64", "[1]", "[6,14]") + "}";
  std::string bytes = bytesOf<uint64_t>({header.size()}) + header +
                      bytesOf<int16_t>({-5, 300}) + std::string("\1\2") +
                      std::string(8, '\0');
  InputFile input = llvm::cantFail(InputFile::open(files.write("x", bytes)));
  SafeTensorsHeader read = llvm::cantFail(readSafeTensorsHeader(input));
  HostTensor a = llvm::cantFail(readSafeTensor(input, *read.lookup("a")));
  EXPECT_EQ(a.readInteger(0), -5);
  EXPECT_EQ(a.readInteger(1), 300);
  EXPECT_ERROR(readSafeTensor(input, *read.lookup("b")),
               "x: tensor 'b': element 1 of a boolean tensor is 2");
  EXPECT_ERROR(readSafeTensor(input, *read.lookup("c")),
               "supported only in weights");
  EXPECT_TRUE(
      isMemoryError(readSafeTensor(input, *read.lookup("a"), 3).takeError()));
}
