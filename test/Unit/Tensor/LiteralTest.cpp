//===- LiteralTest.cpp - Tests of tensors as text -------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Tensor/Literal.h"
#include "moe/Tensor/Random.h"

#include "../Support/TestFiles.h"

#include <cmath>

using namespace mlir;
using namespace mlir::moe;

static HostTensor parse(StringRef text) {
  llvm::Expected<HostTensor> tensor = parseLiteral(text);
  if (tensor)
    return std::move(*tensor);
  ADD_FAILURE() << llvm::toString(tensor.takeError());
  return HostTensor();
}

static std::string print(const HostTensor &tensor,
                         int64_t limit = HostTensor::kNoLimit) {
  std::string text;
  llvm::raw_string_ostream os(text);
  printLiteral(os, tensor, limit);
  return text;
}

TEST(Literal, ReadsValues) {
  HostTensor tensor = parse("2x3xf32=1 2 3 4 5 6");
  EXPECT_EQ(tensor.elementType(), ElementType::F32);
  EXPECT_EQ(tensor.shape(), (ArrayRef<int64_t>{2, 3}));
  for (int64_t i = 0; i < 6; ++i)
    EXPECT_EQ(tensor.readDouble(i), i + 1.0);
  EXPECT_EQ(print(parse("2x2xi32=[[1 2][3 4]]")), "2x2xi32=[[1 2][3 4]]");
  EXPECT_EQ(print(parse("2x2xi32=[[1, 2], [3, 4]]")), "2x2xi32=[[1 2][3 4]]");
  EXPECT_EQ(print(parse("3xi64=-9223372036854775808,0,9223372036854775807")),
            "3xi64=-9223372036854775808 0 9223372036854775807");
  EXPECT_EQ(print(parse("u64=18446744073709551615")),
            "u64=18446744073709551615");
  EXPECT_EQ(print(parse("4xi1=true false 1 0")), "4xi1=true false true false");
  EXPECT_EQ(print(parse("5xf32=nan inf -inf -0 1e-45")),
            "5xf32=nan inf -inf -0 1e-45");
  EXPECT_EQ(parse("2xindex=3 4").elementType(), ElementType::I64);
}

TEST(Literal, ReadsScalarsSplatsAndEmptyTensors) {
  EXPECT_EQ(print(parse("f32=1.5")), "f32=1.5");
  EXPECT_EQ(print(parse("2x2xbf16=0.5")), "2x2xbf16=[[0.5 0.5][0.5 0.5]]");
  for (StringRef text : {"0x4xf32=", "0x4xf32=0", "0x4xf32=[]"})
    EXPECT_EQ(print(parse(text)), "0x4xf32=");
  EXPECT_EQ(print(parse("9223372036854775807x0xi8=")),
            "9223372036854775807x0xi8=");
}

TEST(Literal, RoundsOnce) {
  // Just above halfway between two bf16; over f32 it would tie and round down.
  EXPECT_EQ(parse("bf16=1.003906250000000001").readBits(0), 0x3f81u);
  EXPECT_EQ(parse("f16=65519").readDouble(0), 65504.0);
}

TEST(Literal, PrintsTheFewestDigits) {
  EXPECT_EQ(print(parse("f32=0.1")), "f32=0.1");
  EXPECT_EQ(print(parse("f64=0.1")), "f64=0.1");
  EXPECT_EQ(print(parse("f64=0.30000000000000004")), "f64=0.30000000000000004");
  EXPECT_EQ(print(parse("f16=0.1")), "f16=0.1");
  EXPECT_EQ(print(parse("f32=16777216")), "f32=16777216");
  EXPECT_EQ(print(parse("4xf32=100 1e15 1e16 -0.00012")),
            "4xf32=100 1000000000000000 1e+16 -0.00012");
}

TEST(Literal, EveryHalfReadsBack) {
  HostTensor tensor =
      llvm::cantFail(HostTensor::create(ElementType::F16, {65536}));
  for (int64_t i = 0; i < 65536; ++i)
    tensor.writeBits(i, i);
  HostTensor back = parse(print(tensor));
  for (int64_t i = 0; i < 65536; ++i)
    if (!std::isnan(tensor.readDouble(i)))
      ASSERT_EQ(back.readBits(i), static_cast<uint64_t>(i));
}

TEST(Literal, ShortensLongTensors) {
  EXPECT_EQ(print(parse("9xi8=1 2 3 4 5 6 7 8 9"), 3), "9xi8=1 2 3 ...");
  EXPECT_EQ(print(parse("2x2xi8=1 2 3 4"), 3), "2x2xi8=[[1 2][3 ...]]");
  EXPECT_EQ(print(parse("2x2xi8=1 2 3 4"), 2), "2x2xi8=[[1 2]...]");
  EXPECT_EQ(print(parse("2x2xi8=1 2 3 4"), 4), "2x2xi8=[[1 2][3 4]]");
}

TEST(Literal, RejectsWrongTypes) {
  EXPECT_ERROR(parseLiteral("1 2 3"), "expected TYPE=VALUES");
  EXPECT_ERROR(parseLiteral("2x3xf31=0"), "unknown element type 'f31'");
  EXPECT_ERROR(parseLiteral("=0"), "unknown element type ''");
  EXPECT_ERROR(parseLiteral("2x?xf32=0"), "a size is '?'");
  EXPECT_ERROR(parseLiteral("-2xf32=0"), "negative size");
  EXPECT_ERROR(parseLiteral("2x-3xf32=0"), "negative size");
  EXPECT_ERROR(parseLiteral("2f32=0"), "expected 'x' after 2");
  EXPECT_ERROR(parseLiteral("18446744073709551616xf32=0"), "exceeds");
  EXPECT_ERROR(parseLiteral("4611686018427387904x4xf32=0"), "takes more than");
  EXPECT_ERROR(parseLiteral("2xf4E2M1FN=0"), "unknown element type");
  EXPECT_TRUE(
      isMemoryError(parseLiteral("100000000x100000000xf32=0").takeError()));
  EXPECT_TRUE(isMemoryError(parseLiteral("100xf32=0", 399).takeError()));
}

TEST(Literal, RejectsWrongValues) {
  EXPECT_ERROR(parseLiteral("2x3xf32=1 2 3 4 5"), "5 values, expected 6");
  EXPECT_ERROR(parseLiteral("2xf32=1 2 3"), "3 values, expected 2");
  EXPECT_ERROR(parseLiteral("2xf32="), "0 values, expected 2");
  EXPECT_ERROR(parseLiteral("i8=128"), "'128' is outside the range of i8");
  EXPECT_ERROR(parseLiteral("i8=-129"), "outside the range");
  EXPECT_ERROR(parseLiteral("u8=-1"), "outside the range");
  EXPECT_ERROR(parseLiteral("i64=9223372036854775808"), "outside the range");
  EXPECT_ERROR(parseLiteral("u64=99999999999999999999"), "outside the range");
  EXPECT_ERROR(parseLiteral("i32=1.5"), "'1.5' is no value of type i32");
  EXPECT_ERROR(parseLiteral("i32=-"), "no value");
  EXPECT_ERROR(parseLiteral("i1=2"), "no value");
  EXPECT_ERROR(parseLiteral("f32=1e39"), "outside the range of f32");
  EXPECT_ERROR(parseLiteral("f16=65520"), "outside the range of f16");
  for (StringRef text : {"f32=abc", "f32=1e", "f32=1.5.2", "f32=--1", "f32=.",
                         "f32=0x10", "f32=Infinity", "f32=1-2", "f32=snan"})
    EXPECT_ERROR(parseLiteral(text), "is no value of type f32");
  EXPECT_ERROR(parseLiteral("3xf32=1 2 ..."), "'...' is no value");
}

TEST(Literal, ReadsOneCommaBetweenTwoItems) {
  EXPECT_EQ(print(parse("4xi8=1,2, 3 ,4")), "4xi8=1 2 3 4");
  EXPECT_EQ(print(parse("2x2xi8=[[1, 2], [3, 4]]")), "2x2xi8=[[1 2][3 4]]");
  EXPECT_EQ(print(parse("2x2xi8=[[1 2][3,4]]")), "2x2xi8=[[1 2][3 4]]");
  EXPECT_EQ(print(parse("2x0xi8=[[],[]]")), "2x0xi8=");
  for (StringRef text : {"4xf32=1,,2 3 4", "4xf32=1, ,2 3 4", "4xf32=,1 2 3 4",
                         "4xf32=1 2 3 4,", "4xf32=,", "0xf32=,", "2xf32=[,1 2]",
                         "2xf32=[1 2,]", "2xf32=[1 2],", "2x1xf32=[[1],,[2]]"})
    EXPECT_ERROR(parseLiteral(text),
                 "a ',' has no value before it or none after it");
}

TEST(Literal, BracketsMustShowTheShape) {
  EXPECT_ERROR(parseLiteral("2x3xf32=[[1 2][3 4][5 6]]"),
               "a bracket of dimension 1 holds 2 elements, expected 3");
  EXPECT_ERROR(parseLiteral("4xf32=[[1 2][3 4]]"), "nested deeper");
  EXPECT_ERROR(parseLiteral("2x2xf32=[1 2 3 4]"), "within 1 brackets");
  EXPECT_ERROR(parseLiteral("2xf32=[1 2"), "'[' without ']'");
  EXPECT_ERROR(parseLiteral("2xf32=1 2]"), "']' without '['");
  EXPECT_ERROR(parseLiteral("2xf32=[1 2] 3"), "text after");
  EXPECT_ERROR(parseLiteral("2xf32=1 [2]"), "'[' after values");
  EXPECT_ERROR(parseLiteral("f32=[1]"), "nested deeper");
}

TEST(Random, IsSplitMix64) {
  // Published outputs for the seed 1234567.
  EXPECT_EQ(randomBits(1234567, 0), 6457827717110365317u);
  EXPECT_EQ(randomBits(1234567, 1), 3203168211198807973u);
  EXPECT_EQ(randomBits(1234567, 2), 9817491932198370423u);
}

TEST(Random, IndependentOfShapeAndNearlyOfType) {
  HostTensor wide = parse("4x8xf32=random(seed=1)");
  HostTensor flat = parse("32xf64=random(seed=1)");
  HostTensor narrow = parse("32xbf16=random(seed=1)");
  double sum = 0;
  for (int64_t i = 0; i < 32; ++i) {
    double value = wide.readDouble(i);
    EXPECT_EQ(value, flat.readDouble(i));
    EXPECT_EQ(value, (randomBits(1, i) >> 40) * std::ldexp(1, -23) - 1);
    EXPECT_GE(value, -1);
    EXPECT_LT(value, 1);
    EXPECT_LE(std::fabs(narrow.readDouble(i)), std::fabs(value));
    EXPECT_NEAR(narrow.readDouble(i), value, 1.0 / 128);
    sum += value;
  }
  EXPECT_LT(std::fabs(sum), 16);
  EXPECT_NE(print(wide), print(parse("4x8xf32=random(seed=2)")));
  EXPECT_EQ(parse("2xu8=random(seed=1234567)").readBits(0),
            6457827717110365317u >> 56);
  EXPECT_EQ(parse("2xi1=random(seed=1234567)").readBits(1),
            3203168211198807973u >> 63);
}

TEST(Random, RejectsOtherForms) {
  EXPECT_ERROR(parseLiteral("2xf32=random"), "random(seed=NUMBER)");
  EXPECT_ERROR(parseLiteral("2xf32=random(seed=-1)"), "random(seed=NUMBER)");
  EXPECT_ERROR(parseLiteral("2xf32=random(seed=1) 2"), "random(seed=NUMBER)");
  EXPECT_ERROR(parseLiteral("2xf32=random(seed=18446744073709551616)"),
               "exceeds 18446744073709551615");
}
