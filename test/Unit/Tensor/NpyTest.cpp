//===- NpyTest.cpp - Tests of npy and npz ---------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Tensor/Npy.h"
#include "moe/Tensor/Compare.h"
#include "moe/Tensor/File.h"
#include "moe/Tensor/Literal.h"
#include "moe/Tensor/Npz.h"

#include "../Support/TestFiles.h"

using namespace mlir;
using namespace mlir::moe;

/// The bytes of a file that NumPy wrote.
static std::string input(const std::string &name) {
  auto buffer =
      readFile(std::string(MOE_UNIT_SOURCE) + "/Tensor/Inputs/" + name);
  EXPECT_TRUE(static_cast<bool>(buffer));
  return buffer ? (*buffer)->getBuffer().str() : "";
}

/// A file with this header, padded as NumPy does.
static std::string npy(std::string header, const std::string &data,
                       std::string version = std::string("\1\0", 2)) {
  header.resize((header.size() + 10) / 64 * 64 + 64 - 11, ' ');
  header += '\n';
  return "\x93NUMPY" + version +
         bytesOf<uint16_t>({static_cast<uint16_t>(header.size())}) + header +
         data;
}

static std::string describe(const std::string &bytes) {
  llvm::Expected<HostTensor> tensor = readNpy(bytes, "x.npy");
  if (!tensor)
    return llvm::toString(tensor.takeError());
  std::string text;
  llvm::raw_string_ostream os(text);
  printLiteral(os, *tensor);
  return text;
}

TEST(Npy, ReadsWhatNumPyWrites) {
  EXPECT_EQ(describe(input("f32.npy")), "2x3xf32=[[1.5 -2 3.25][0.1 inf -0]]");
  EXPECT_EQ(describe(input("f16.npy")), "2x3xf16=[[1.5 -2 3.25][0.1 inf -0]]");
  for (const char *name : {"f64_version2.npy", "f64_version3.npy"})
    EXPECT_EQ(describe(input(name)), "2x3xf64=[[1.5 -2 3.25][0.1 inf -0]]");
  EXPECT_EQ(describe(input("fortran.npy")),
            "2x3x4xi32=[[[0 1 2 3][4 5 6 7][8 9 10 11]]"
            "[[12 13 14 15][16 17 18 19][20 21 22 23]]]");
  EXPECT_EQ(describe(input("bool.npy")), "3xi1=true false true");
  EXPECT_EQ(describe(input("u8.npy")), "2xu8=0 255");
  EXPECT_EQ(describe(input("i64_scalar.npy")), "i64=-7");
  EXPECT_EQ(describe(input("empty.npy")), "0x4xu16=");
}

TEST(Npy, WritesWhatNumPyWrites) {
  for (const char *name : {"f32.npy", "f16.npy", "bool.npy", "u8.npy",
                           "i64_scalar.npy", "empty.npy"}) {
    std::string bytes = input(name), written;
    llvm::raw_string_ostream os(written);
    EXPECT_EQ(message(writeNpy(os, *readNpy(bytes, name))), "");
    EXPECT_EQ(written, bytes) << name;
  }
  HostTensor tensor = llvm::cantFail(parseLiteral("2xbf16=0"));
  EXPECT_ERROR(writeNpy(llvm::nulls(), tensor), "npy has no type bf16");
}

TEST(Npy, HeadersMayBeSpeltOtherwise) {
  std::string data = bytesOf<uint8_t>({7, 8});
  for (const char *header :
       {"{'descr':'|u1','fortran_order':False,'shape':(2,)}",
        "{'shape': (2, ), 'fortran_order': True, 'descr': '|u1', }",
        "{\"shape\": (2,), \"descr\": \"|u1\", \"fortran_order\": False}"})
    EXPECT_EQ(describe(npy(header, data)), "2xu8=7 8");
  EXPECT_EQ(describe(npy("{'descr': '|u1', 'fortran_order': False, "
                         "'shape': (1, 2,)}",
                         data)),
            "1x2xu8=[[7 8]]");
}

TEST(Npy, RejectsMalformedHeaders) {
  auto reject = [](const std::string &header, const char *why) {
    EXPECT_ERROR(readNpy(npy(header, "12"), "x.npy"), why);
  };
  auto shaped = [](const std::string &shape) {
    return "{'descr': '|u1', 'fortran_order': False, 'shape': " + shape + "}";
  };
  reject(shaped("(2)"), "missing ','");
  reject(shaped("2"), "not a tuple");
  reject(shaped("(-2,)"), "negative size");
  reject(shaped("(1 2)"), "expected ',' or ')'");
  reject(shaped("(02,)"), "expected a size");
  reject(shaped("(,)"), "expected a size");
  reject(shaped("(2,,)"), "expected a size");
  reject(shaped("(2"), "expected ',' or ')'");
  reject(shaped("(9223372036854775808,)"), "exceeds 9223372036854775807");
  reject(shaped("(4294967296, 4294967296)"), "takes more than");
  reject(shaped("(2,)} {"), "text after the closing '}'");
  reject("", "expected '{'");
  reject("{", "expected a string");
  reject("{'descr': '|u1', 'shape': (2,)}", "no key 'fortran_order'");
  reject("{'fortran_order': False, 'shape': (2,)}", "no key 'descr'");
  reject("{'descr': '|u1', 'fortran_order': False}", "no key 'shape'");
  reject("{'descr': '|u1', 'descr': '|u1'}", "duplicate key 'descr'");
  reject("{'descr': '|u1', 'order': 'C'}", "unknown key 'order'");
  reject("{'descr' '|u1'}", "expected ':'");
  reject("{'descr': '|u1' 'shape': (2,)}", "expected ',' or '}'");
  reject("{'fortran_order': 0}", "neither True nor False");
  reject("{'descr': [('a', '<f4')]}", "structured types");
}

TEST(Npy, RejectsOtherTypes) {
  auto reject = [](const std::string &descr, const char *why) {
    EXPECT_ERROR(readNpy(npy("{'descr': '" + descr +
                                 "', 'fortran_order': False, 'shape': (1,)}",
                             "12"),
                         "x.npy"),
                 why);
  };
  reject("|O", "pickled objects");
  reject(">f4", "is big-endian, expected '<f4'");
  reject("|V2", "bf16 is read from safetensors");
  reject("<c8", "'<c8' is not supported");
  reject("<U3", "is not supported");
  EXPECT_ERROR(readNpy(input("object.npy"), "x.npy"), "pickled objects");
  EXPECT_ERROR(readNpy(input("big_endian.npy"), "x.npy"), "big-endian");
}

TEST(Npy, RejectsMalformedFiles) {
  std::string header =
      "{'descr': '|u1', 'fortran_order': False, 'shape': (2,)}";
  EXPECT_ERROR(readNpy("", "x.npy"), "x.npy: not an npy file");
  EXPECT_ERROR(readNpy("PK\3\4", "x.npy"), "not an npy file");
  EXPECT_ERROR(readNpy(npy(header, "12", std::string("\4\0", 2)), "x.npy"),
               "npy version 4.0");
  EXPECT_ERROR(readNpy(npy(header, "12", std::string("\1\1", 2)), "x.npy"),
               "npy version 1.1");
  EXPECT_ERROR(readNpy(npy(header, "123"), "x.npy"),
               "2xu8 takes 2 bytes, the file holds 3");
  EXPECT_ERROR(readNpy(npy(header, "1"), "x.npy"), "the file holds 1");
  EXPECT_ERROR(readNpy("\x93NUMPY" + std::string("\2\0", 2) +
                           bytesOf<uint32_t>({1u << 30}),
                       "x.npy"),
               "header of 1073741824 bytes exceeds the limit of 10000");
  std::string unended = npy(header, "");
  unended.back() = ' ';
  EXPECT_ERROR(readNpy(unended + "12", "x.npy"), "does not end with a newline");
  std::string truth = npy("{'descr': '|b1', 'fortran_order': False, "
                          "'shape': (2,)}",
                          bytesOf<uint8_t>({1, 2}));
  EXPECT_ERROR(readNpy(truth, "x.npy"), "neither 0 nor 1");
  EXPECT_TRUE(isMemoryError(readNpy(npy(header, "12"), "x", 1).takeError()));
}

TEST(Npy, RejectsEveryTruncation) {
  for (const char *name : {"f32.npy", "fortran.npy", "f64_version2.npy"}) {
    std::string bytes = input(name);
    for (size_t size = 0; size < bytes.size(); ++size)
      ASSERT_NE(message(readNpy(StringRef(bytes).take_front(size), "x")), "");
  }
}

//===----------------------------------------------------------------------===//
// Npz
//===----------------------------------------------------------------------===//

TEST(Npz, ReadsWhatNumPyWrites) {
  std::string stored = input("stored.npz");
  HostTensor table = llvm::cantFail(readNpz(stored, "a", "x.npz"));
  EXPECT_EQ(table.typeString(), "2x3xf64");
  EXPECT_EQ(table.readDouble(2), 3.25);
  EXPECT_EQ(llvm::cantFail(readNpz(stored, "b.npy", "x.npz")).readInteger(2),
            2);
  HostTensor zeros =
      llvm::cantFail(readNpz(input("deflated.npz"), "", "x.npz"));
  EXPECT_EQ(zeros.typeString(), "100x3xf32");
}

TEST(Npz, NamesWhatIsMissing) {
  std::string stored = input("stored.npz");
  EXPECT_ERROR(readNpz(stored, "c", "x.npz"), "x.npz: holds no array 'c'");
  EXPECT_ERROR(readNpz(stored, "", "x.npz"), "holds 2 arrays, name one");
  EXPECT_ERROR(readNpz("", "a", "x.npz"), "not an npz file");
  EXPECT_ERROR(readNpz(input("f32.npy"), "a", "x.npz"), "not an npz file");
  EXPECT_TRUE(isMemoryError(
      readNpz(input("deflated.npz"), "", "x.npz", 1199).takeError()));
}

/// Overwrites bytes of the last entry of an archive's directory.
static std::string patch(std::string archive, size_t at, uint32_t value,
                         size_t width) {
  size_t entry = archive.rfind(std::string("PK\1\2", 4));
  std::memcpy(&archive[entry + at], &value, width);
  return archive;
}

TEST(Npz, RejectsMalformedArchives) {
  std::string good = input("deflated.npz");
  auto reject = [](const std::string &archive, const char *why) {
    EXPECT_ERROR(readNpz(archive, "", "x.npz"), why);
  };
  reject(patch(good, 8, 1, 2), "encrypted");
  reject(patch(good, 10, 9, 2), "zip method 9");
  reject(patch(good, 10, 0, 2), "but 1328 long");
  reject(patch(good, 16, 0, 4), "checksum");
  reject(patch(good, 20, 100000, 4), "takes 100000 bytes");
  reject(patch(good, 20, 10, 4), "does not inflate");
  reject(patch(good, 24, 1327, 4), "does not inflate to its 1327 bytes");
  reject(patch(good, 24, 1329, 4), "does not inflate to its 1329 bytes");
  reject(patch(good, 24, 0x7fffffff, 4), "more than 100 times as many");
  reject(patch(good, 24, 0xffffffff, 4), "zip64");
  reject(patch(good, 28, 60000, 2), "exceeds the zip directory");
  reject(patch(good, 42, 3, 4), "no zip member at byte 3");
  reject(patch(good, 42, 0x10000000, 4), "no zip member");
}

TEST(Npz, RejectsEveryTruncation) {
  for (const char *name : {"stored.npz", "deflated.npz"}) {
    std::string bytes = input(name);
    for (size_t size = 0; size < bytes.size(); ++size)
      ASSERT_NE(message(readNpz(StringRef(bytes).take_front(size), "a", "x")),
                "");
  }
}
