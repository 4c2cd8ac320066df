//===- TensorSpecTest.cpp - Tests of where tensors come from and go -------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Import/TensorSpec.h"

#include "../Support/TestFiles.h"
#include "moe/Tensor/Literal.h"

using namespace mlir;
using namespace mlir::moe;

static HostTensor literal(StringRef text) {
  return llvm::cantFail(parseLiteral(text));
}

static std::string readAndPrint(const std::string &spec) {
  llvm::Expected<HostTensor> tensor = readTensor(spec);
  if (!tensor)
    return llvm::toString(tensor.takeError());
  std::string text;
  llvm::raw_string_ostream os(text);
  printLiteral(os, *tensor);
  return text;
}

TEST(TensorSpec, Parses) {
  TensorSpec spec =
      llvm::cantFail(parseTensorSpec("@dir[1]/x.safetensors[a.b[0]"));
  EXPECT_EQ(spec.kind, TensorSpec::Kind::SafeTensors);
  EXPECT_EQ(spec.path, "dir[1]/x.safetensors");
  EXPECT_EQ(spec.key, "a.b[0");
}

TEST(TensorSpec, ReadsWhatItWrote) {
  TestDirectory files;
  HostTensor a = literal("2x2xf32=1 2 3 4"), b = literal("2xbf16=0.5 -1");
  TensorWriter writer;
  std::string npy = "@" + files.path("a.npy");
  std::string both = "@" + files.path("b.safetensors");
  EXPECT_EQ(message(writer.add(npy, a)), "");
  EXPECT_EQ(message(writer.add(both + "[x]", a)), "");
  EXPECT_EQ(message(writer.add(both + "[y z]", b)), "");
  EXPECT_TRUE(files.list().empty());
  OutputFiles output;
  EXPECT_EQ(message(writer.write(output)), "");
  EXPECT_EQ(message(output.commit()), "");
  EXPECT_EQ(files.list(), (std::vector<std::string>{"a.npy", "b.safetensors"}));
  EXPECT_EQ(readAndPrint(npy), "2x2xf32=[[1 2][3 4]]");
  EXPECT_EQ(readAndPrint(both + "[x]"), "2x2xf32=[[1 2][3 4]]");
  EXPECT_EQ(readAndPrint(both + "[y z]"), "2xbf16=0.5 -1");
  EXPECT_ERROR(readTensor(both), "holds 2 tensors, name one in brackets");
  EXPECT_ERROR(readTensor(both + "[q]"), "holds no tensor 'q'");
  EXPECT_TRUE(isMemoryError(readTensor(npy, 15).takeError()));
  EXPECT_TRUE(isMemoryError(readTensor(both + "[x]", 15).takeError()));
  std::string one = "@" + files.path("one.safetensors");
  EXPECT_EQ(message(writeTensor(one + "[only]", b)), "");
  EXPECT_EQ(readAndPrint(one), "2xbf16=0.5 -1");
  EXPECT_EQ(readAndPrint("i8=3"), "i8=3");
  std::string npz =
      "@" + std::string(MOE_UNIT_SOURCE) + "/Tensor/Inputs/stored.npz";
  EXPECT_EQ(readAndPrint(npz + "[b]"), "3xi64=0 1 2");
}

TEST(TensorSpec, RejectsOtherForms) {
  EXPECT_ERROR(readTensor("@x.bin"), "expected a file name in .npy");
  EXPECT_ERROR(readTensor("@x.npy[a]"), "holds one tensor");
  EXPECT_ERROR(readTensor("@x.npz[]"), "empty key");
  EXPECT_ERROR(readTensor("@no.npy"), "no.npy: cannot open");
  EXPECT_ERROR(readTensor("no.npy"), "expected TYPE=VALUES");
  EXPECT_ERROR(parseOutputSpec("x.npy"), "expected @FILE.npy");
  EXPECT_ERROR(parseOutputSpec("@x.npz[a]"), "npz is only read");
  EXPECT_ERROR(parseOutputSpec("@x.safetensors"), "expected a key");
  EXPECT_ERROR(parseOutputSpec("@x.safetensors[__metadata__]"), "reserved");
}

TEST(TensorWriter, RejectsWhatWouldNotSurvive) {
  TestDirectory files;
  HostTensor wide = literal("f32=1"), narrow = literal("bf16=1");
  TensorWriter writer;
  std::string npy = "@" + files.path("a.npy");
  std::string key = "@" + files.path("b.safetensors") + "[k]";
  EXPECT_ERROR(writer.add(npy, narrow), "npy has no type bf16");
  EXPECT_EQ(message(writer.add(npy, wide)), "");
  EXPECT_ERROR(writer.add("@" + files.path("./a.npy"), wide),
               "another output goes to the same file");
  EXPECT_EQ(message(writer.add(key, wide)), "");
  EXPECT_ERROR(writer.add(key, wide), "another output has the same key");
}

TEST(TensorWriter, WritesAllOrNothing) {
  TestDirectory files;
  HostTensor tensor = literal("f32=1");
  files.write("a.npy", "old");
  TensorWriter writer;
  EXPECT_EQ(message(writer.add("@" + files.path("a.npy"), tensor)), "");
  EXPECT_EQ(message(writer.add("@" + files.path("no/b.npy"), tensor)), "");
  {
    OutputFiles output;
    EXPECT_ERROR(writer.write(output), "no/b.npy: cannot write");
  }
  EXPECT_EQ(files.read("a.npy"), "old");
  EXPECT_EQ(files.list(), std::vector<std::string>{"a.npy"});
}
