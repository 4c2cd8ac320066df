//===- CompareTest.cpp - Tests of comparing tensors -----------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Tensor/Compare.h"
#include "moe/Tensor/Literal.h"

#include "../Support/TestFiles.h"

#include <cmath>

using namespace mlir;
using namespace mlir::moe;

static Comparison compare(StringRef got, StringRef expected, double rtol = 1e-5,
                          double atol = 1e-5) {
  return compareTensors(llvm::cantFail(parseLiteral(got)),
                        llvm::cantFail(parseLiteral(expected)), rtol, atol);
}

TEST(Compare, ToleranceIsAbsolutePlusRelative) {
  EXPECT_TRUE(compare("2xf32=1 100", "2xf32=1.000015 100.0009").equal);
  EXPECT_FALSE(compare("f32=1", "f32=1.00003").equal);
  EXPECT_FALSE(compare("f64=1", "f64=1.0000001", 0, 0).equal);
  EXPECT_TRUE(compare("f32=0", "f32=-0", 0, 0).equal);
  EXPECT_TRUE(compare("0x3xf32=", "0x3xf32=").equal);
}

TEST(Compare, SpecialValues) {
  EXPECT_TRUE(compare("3xf32=nan inf -inf", "3xf32=nan inf -inf").equal);
  for (StringRef got : {"f32=inf", "f32=nan", "f32=0"}) {
    Comparison result = compare(got, "f32=-inf", 1, 1e30);
    EXPECT_FALSE(result.equal);
    EXPECT_EQ(result.worstDifference, INFINITY);
  }
}

TEST(Compare, IntegersAreExact) {
  EXPECT_TRUE(compare("2xi64=1 -5", "2xi64=1 -5").equal);
  EXPECT_FALSE(compare("i64=1000001", "i64=1000000", 1, 1).equal);
  EXPECT_FALSE(
      compare("u64=18446744073709551615", "u64=18446744073709551614").equal);
  EXPECT_FALSE(compare("i1=true", "i1=false").equal);
}

TEST(Compare, SaysHowManyAndWhereMost) {
  Comparison result =
      compare("2x3xf32=1 2 3 4.5 5 7", "2x3xf32=1 2.25 3 4 5 6");
  EXPECT_EQ(result.differing, 3);
  EXPECT_EQ(result.worstIndex, 5);
  EXPECT_EQ(result.worstDifference, 1.0);
  EXPECT_EQ(result.message,
            "3 of 6 elements differ (50%), most at [1, 2]: 7, expected 6 "
            "(difference 1, allowed 7e-05)");
  EXPECT_EQ(compare("i8=3", "i8=5").message,
            "1 of 1 elements differ (100%), most at []: 3, expected 5 "
            "(difference 2)");
}

TEST(Compare, AnotherTypeOrShapeIsADifference) {
  EXPECT_EQ(compare("f32=1", "f64=1").message, "type f32, expected f64");
  EXPECT_EQ(compare("2x3xf32=0", "3x2xf32=0").message,
            "type 2x3xf32, expected 3x2xf32");
}
