//===- HostTensorTest.cpp - Tests of host tensors -------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Tensor/HostTensor.h"

#include "../Support/TestFiles.h"

#include <cmath>

using namespace mlir;
using namespace mlir::moe;

static HostTensor make(ElementType type, ArrayRef<int64_t> shape) {
  return llvm::cantFail(HostTensor::create(type, shape));
}

TEST(ElementType, NamesReadBack) {
  for (unsigned i = 0; i <= static_cast<unsigned>(ElementType::C64); ++i) {
    ElementType type = static_cast<ElementType>(i);
    EXPECT_EQ(parseElementType(stringifyElementType(type)), type);
  }
  EXPECT_EQ(parseElementType("index"), ElementType::I64);
  EXPECT_EQ(parseElementType("ui8"), ElementType::U8);
  EXPECT_EQ(parseElementType("si16"), ElementType::I16);
  EXPECT_FALSE(parseElementType("f31"));
  EXPECT_FALSE(parseElementType(""));
}

TEST(ElementType, Widths) {
  EXPECT_EQ(bitWidth(ElementType::I1), 8u);
  EXPECT_EQ(bitWidth(ElementType::BF16), 16u);
  EXPECT_EQ(bitWidth(ElementType::F64), 64u);
  EXPECT_EQ(bitWidth(ElementType::F6E2M3FN), 6u);
}

TEST(HostTensor, SizesAreChecked) {
  EXPECT_EQ(checkedNumElements({2, 3}), 6);
  EXPECT_EQ(checkedNumElements({}), 1);
  EXPECT_EQ(checkedNumElements({INT64_MAX, 0}), 0);
  EXPECT_FALSE(checkedNumElements({-1}));
  // The product overflows before the zero comes.
  EXPECT_FALSE(checkedNumElements({INT64_MAX, 4, 0}));
  EXPECT_EQ(checkedSizeInBytes(ElementType::I8, {INT64_MAX}), INT64_MAX);
  EXPECT_FALSE(checkedSizeInBytes(ElementType::I16, {INT64_MAX}));
  EXPECT_EQ(checkedSizeInBytes(ElementType::F4E2M1FN, {4}), 2);
  EXPECT_FALSE(checkedSizeInBytes(ElementType::F4E2M1FN, {3}));
}

TEST(HostTensor, CreateReportsWhatCannotBe) {
  EXPECT_ERROR(HostTensor::create(ElementType::I16, {INT64_MAX}),
               "9223372036854775807xi16 takes more than");
  EXPECT_ERROR(HostTensor::create(ElementType::C64, {}), "complex<f32>");
  EXPECT_ERROR(HostTensor::create(ElementType::I8, SmallVector<int64_t>(65, 1)),
               "65 dimensions, the limit is 64");
  auto limited = HostTensor::create(ElementType::F32, {1000}, 3999);
  EXPECT_TRUE(isMemoryError(limited.takeError()));
  auto vast = HostTensor::create(ElementType::I8, {INT64_MAX / 2});
  EXPECT_TRUE(isMemoryError(vast.takeError()));
}

TEST(HostTensor, StorageIsAlignedAndZero) {
  for (int64_t size : {0, 1, 63, 1000}) {
    HostTensor tensor = make(ElementType::F16, {size});
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.data()) % 64, 0u);
    EXPECT_EQ(tensor.sizeInBytes(), 2 * size);
    for (int64_t i = 0; i < size; ++i)
      EXPECT_EQ(tensor.readBits(i), 0u);
  }
}

TEST(HostTensor, EveryHalfReadsAsIts754Value) {
  HostTensor tensor = make(ElementType::F16, {5});
  uint16_t bits[] = {0x3c00, 0x0001, 0xfbff, 0x7c00, 0x8000};
  std::memcpy(tensor.data(), bits, sizeof(bits));
  EXPECT_EQ(tensor.readDouble(0), 1.0);
  EXPECT_EQ(tensor.readDouble(1), std::ldexp(1, -24));
  EXPECT_EQ(tensor.readDouble(2), -65504.0);
  EXPECT_EQ(tensor.readDouble(3), INFINITY);
  EXPECT_TRUE(std::signbit(tensor.readDouble(4)));
  HostTensor back = make(ElementType::F16, {1});
  for (unsigned half = 0; half < 65536; ++half) {
    back.writeBits(0, half);
    double value = back.readDouble(0);
    if (std::isnan(value))
      continue;
    back.writeDouble(0, value);
    ASSERT_EQ(back.readBits(0), half);
  }
}

TEST(HostTensor, NarrowFloatsRoundToNearestEven) {
  HostTensor tensor = make(ElementType::BF16, {3});
  tensor.writeDouble(0, 1.00390625); // halfway between 1 and 1.0078125
  tensor.writeDouble(1, 1.01171875); // halfway, the even one is above
  tensor.writeDouble(2, -1e39);
  EXPECT_EQ(tensor.readBits(0), 0x3f80u);
  EXPECT_EQ(tensor.readBits(1), 0x3f82u);
  EXPECT_EQ(tensor.readDouble(2), -INFINITY);
  HostTensor tiny = make(ElementType::F8E4M3FN, {1});
  tiny.writeDouble(0, 448);
  EXPECT_EQ(tiny.readBits(0), 0x7eu);
  EXPECT_EQ(tiny.readDouble(0), 448.0);
}

TEST(HostTensor, IntegersSaturateAndWrap) {
  HostTensor tensor = make(ElementType::I8, {3});
  tensor.writeDouble(0, 1000.0);
  tensor.writeDouble(1, -2.9);
  tensor.writeInteger(2, 257);
  EXPECT_EQ(tensor.readInteger(0), 127);
  EXPECT_EQ(tensor.readInteger(1), -2);
  EXPECT_EQ(tensor.readInteger(2), 1);
  HostTensor unsign = make(ElementType::U64, {1});
  unsign.writeInteger(0, -1);
  EXPECT_EQ(unsign.readDouble(0), 18446744073709551616.0);
  HostTensor truth = make(ElementType::I1, {2});
  truth.writeInteger(0, 256);
  truth.writeDouble(1, 0.5);
  EXPECT_EQ(truth.readBits(0), 1u);
  EXPECT_EQ(truth.readBits(1), 1u);
}

TEST(HostTensor, BooleansAreZeroOrOne) {
  HostTensor tensor = make(ElementType::I1, {3});
  EXPECT_FALSE(tensor.checkBooleans("x"));
  tensor.data()[1] = 2;
  EXPECT_ERROR(tensor.checkBooleans("x"),
               "x: element 1 of a boolean tensor is 2, neither 0 nor 1");
}

TEST(HostTensor, NamesInMessagesCannotSteerATerminal) {
  EXPECT_EQ(quote("a\x1b]0;\n"), "'a\\x1b]0;\\x0a'");
  EXPECT_EQ(quote(std::string(300, 'a')).size(), 205u);
}
