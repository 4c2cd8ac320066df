//===- WGMMAResultsTest.cpp - Tests of what kernels of wgmma compute ------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Support/AssembledKernel.h"
#include "../Support/EmulatedKernel.h"
#include "../Support/GroupedStage.h"

#include "mlir/IR/Verifier.h"
#include "gtest/gtest.h"

#include <cmath>

using namespace mlir;
using namespace mlir::moe;

namespace {

class WGMMAResults : public testing::Test {
protected:
  WGMMAResults()
      : context(makeKernelContext()), builder(context.get()),
        target(llvm::cantFail(GPUTarget::fromName("sm_90a"))) {
    spec.name = "stage";
    spec.experts = 4;
    set(72, 104, 1, TestEpilogue::Sum);
    setTypes(builder.getBF16Type(), builder.getF32Type());
  }

  void set(int64_t columns, int64_t depth, int64_t contractions,
           TestEpilogue ofStage) {
    spec.columns = columns;
    spec.depth = depth;
    spec.numContractions = contractions;
    epilogue = ofStage;
  }
  void setTypes(FloatType element, Type result) {
    spec.elementType = element;
    spec.resultType = result;
    // What a result of 1 may differ by.
    unit = result.isF32() ? 2e-5 : result.isF16() ? 1e-3 : 8e-3;
  }

  ContractionKernel build() {
    setEpilogue(spec, epilogue);
    module = ModuleOp::create(builder.getUnknownLoc());
    builder.setInsertionPointToStart(module->getBody());
    std::string why;
    if (!canBuild(ContractionVariant::WGMMA, spec, target, why)) {
      ADD_FAILURE() << why;
      return {};
    }
    return buildContraction(builder, builder.getUnknownLoc(),
                            ContractionVariant::WGMMA, spec, target);
  }

  /// Compares on several routings and orders of threads.
  void check() {
    SCOPED_TRACE(testing::Message()
                 << spec.columns << " columns, depth " << spec.depth);
    ContractionKernel kernel = build();
    std::unique_ptr<EmulatedKernel> code = EmulatedKernel::create(*module);
    ASSERT_TRUE(code);
    for (unsigned seed : {1, 2}) {
      GroupedStage stage(spec, epilogue, kernel.tileRows, seed);
      auto device = createEmulatorDevice({seed});
      StageTensor result =
          runStage(spec, stage, kernel, *device, [&](const rt::Launch &l) {
            return code->launch(*device, l);
          });
      std::vector<double> expected = stage.expected();
      ASSERT_EQ(result.values.size(), expected.size());
      int64_t wrong = 0;
      for (auto [value, right] : llvm::zip_equal(result.values, expected))
        wrong += !(std::abs(value - right) <= unit * (1 + std::abs(right)));
      EXPECT_EQ(wrong, 0) << "of " << expected.size() << ", seed " << seed;
    }
  }

  std::unique_ptr<MLIRContext> context;
  OpBuilder builder;
  GPUTarget target;
  GroupedContraction spec;
  TestEpilogue epilogue;
  double unit;
  OwningOpRef<ModuleOp> module;
};

TEST_F(WGMMAResults, TailsOfAllSizes) {
  for (bool gather : {false, true}) {
    spec.gather = gather;
    for (auto [columns, depth] :
         {std::pair(1, 8), std::pair(77, 72), std::pair(264, 328)}) {
      set(columns, depth, 1, TestEpilogue::EveryOperand);
      check();
    }
  }
}

TEST_F(WGMMAResults, BothRightHandSides) {
  setTypes(builder.getBF16Type(), builder.getBF16Type());
  spec.gather = true;
  set(136, 200, 2, TestEpilogue::SwiGLU);
  check();
  spec.gather = false;
  set(33, 640, 2, TestEpilogue::EveryOperand);
  check();
}

TEST_F(WGMMAResults, ShortTypes) {
  for (FloatType type :
       {FloatType(builder.getF16Type()), FloatType(builder.getBF16Type())}) {
    setTypes(type, type);
    for (int64_t columns : {63, 66, 72}) {
      set(columns, 136, 1, TestEpilogue::RowWeight);
      check();
    }
  }
}

TEST_F(WGMMAResults, SmallTiles) {
  setTypes(builder.getF16Type(), builder.getF16Type());
  spec.expectedRows = 20;
  for (bool gather : {false, true}) {
    spec.gather = gather;
    set(200, 392, 1, TestEpilogue::EveryOperand);
    check();
  }
}

TEST_F(WGMMAResults, FewStages) {
  spec.gather = true;
  for (int64_t kibibytes : {72, 96, 128}) {
    target.sharedBytesPerBlock = kibibytes * 1024;
    set(264, 520, 1, TestEpilogue::RowWeight);
    check();
  }
}

// More tiles than go through the blocks of columns together.
TEST_F(WGMMAResults, ManyTiles) {
  setTypes(builder.getBF16Type(), builder.getBF16Type());
  spec.experts = 40;
  set(136, 72, 1, TestEpilogue::RowWeight);
  check();
}

} // namespace
