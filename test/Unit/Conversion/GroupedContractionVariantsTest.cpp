//===- GroupedContractionVariantsTest.cpp - Tests of other kernels --------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels by mma.sync, by streams and without tensor cores: what they compute
// in the emulator, against f64, and what ptxas makes of them.
//
//===----------------------------------------------------------------------===//

#include "moe/Conversion/MoEToGPU/GroupedContraction.h"

#include "../Support/AssembledKernel.h"
#include "../Support/EmulatedKernel.h"
#include "../Support/GroupedStage.h"
#include "../Support/TestFiles.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/TargetSelect.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::moe;

namespace {

constexpr auto SIMT = ContractionVariant::SIMT;
constexpr auto MMA = ContractionVariant::MMA;
constexpr auto Streaming = ContractionVariant::Streaming;

class ContractionVariants : public testing::Test {
protected:
  ContractionVariants() : context(makeKernelContext()), b(context.get()) {
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    set(5, 72, 80, 1, TestEpilogue::Sum);
    types(b.getBF16Type(), b.getF32Type());
  }

  void set(int64_t experts, int64_t columns, int64_t depth,
           int64_t contractions, TestEpilogue ofStage) {
    spec.name = "stage";
    spec.experts = experts;
    spec.columns = columns;
    spec.depth = depth;
    spec.numContractions = contractions;
    epilogue = ofStage;
  }
  void types(FloatType element, Type result) {
    spec.elementType = element;
    spec.resultType = result;
  }

  static GPUTarget target(StringRef chip) {
    return llvm::cantFail(GPUTarget::fromName(chip));
  }

  ContractionKernel build(ContractionVariant variant,
                          StringRef chip = "sm_80") {
    setEpilogue(spec, epilogue);
    GPUTarget gpu = target(chip);
    std::string why;
    EXPECT_TRUE(canBuild(variant, spec, gpu, why)) << why;
    module = ModuleOp::create(b.getUnknownLoc());
    b.setInsertionPointToStart(module->getBody());
    ContractionKernel kernel =
        buildContraction(b, b.getUnknownLoc(), variant, spec, gpu);
    EXPECT_TRUE(succeeded(verify(*module)));
    EXPECT_LE(kernel.sharedBytes, gpu.sharedBytesPerBlock);
    return kernel;
  }

  /// Builds, runs on several routings and orders of threads, and compares.
  /// `unit` is what a result of 1 may differ by.
  void check(ContractionVariant variant, double unit,
             StringRef chip = "sm_80") {
    ContractionKernel kernel = build(variant, chip);
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

  std::string whyNot(ContractionVariant variant, StringRef chip = "sm_80") {
    setEpilogue(spec, epilogue);
    std::string why = "it can be built";
    EXPECT_FALSE(canBuild(variant, spec, target(chip), why));
    return why;
  }

  std::unique_ptr<MLIRContext> context;
  OpBuilder b;
  OwningOpRef<ModuleOp> module;
  GroupedContraction spec;
  TestEpilogue epilogue;
};

/// What results of each type may differ by.
constexpr double f32Unit = 2e-5, f16Unit = 1e-3, bf16Unit = 8e-3;

//===----------------------------------------------------------------------===//
// What they compute
//===----------------------------------------------------------------------===//

TEST_F(ContractionVariants, SIMTTakesSizesOfAnyKind) {
  types(b.getF32Type(), b.getF32Type());
  spec.gather = true;
  for (auto [columns, depth] :
       {std::pair(77, 45), std::pair(1, 1), std::pair(128, 64)}) {
    set(4, columns, depth, 1, TestEpilogue::EveryOperand);
    check(SIMT, f32Unit);
  }
}

TEST_F(ContractionVariants, SIMTTakesShortTypes) {
  set(4, 66, 36, 2, TestEpilogue::SwiGLU);
  for (int64_t expectedRows : {0, 16, 32}) {
    spec.expectedRows = expectedRows;
    types(b.getBF16Type(), b.getBF16Type());
    check(SIMT, bf16Unit);
  }
  types(b.getF16Type(), b.getF16Type());
  set(4, 30, 7, 1, TestEpilogue::RowWeight);
  check(SIMT, f16Unit);
}

TEST_F(ContractionVariants, SIMTTakesManyContractions) {
  types(b.getF32Type(), b.getF32Type());
  set(3, 33, 20, 5, TestEpilogue::Sum);
  check(SIMT, f32Unit);
}

TEST_F(ContractionVariants, SIMTAppliesAnElementwiseStage) {
  types(b.getF32Type(), b.getF32Type());
  spec.gather = true;
  for (int64_t columns : {1, 77, 132}) {
    set(4, columns, 0, 0, TestEpilogue::EveryOperand);
    check(SIMT, f32Unit);
  }
  EXPECT_EQ(build(SIMT).sharedBytes, 0);
}

TEST_F(ContractionVariants, MMATakesTailsOfAllSizes) {
  for (auto [columns, depth, gather] :
       {std::tuple(192, 72, true), std::tuple(77, 8, false),
        std::tuple(130, 328, true)}) {
    spec.gather = gather;
    set(4, columns, depth, 1, TestEpilogue::EveryOperand);
    check(MMA, f32Unit);
  }
}

TEST_F(ContractionVariants, MMAHasBothAccumulatorsInOneThread) {
  spec.gather = true;
  types(b.getBF16Type(), b.getBF16Type());
  set(4, 136, 160, 2, TestEpilogue::SwiGLU);
  check(MMA, bf16Unit);
  check(MMA, bf16Unit, "sm_90a");
}

TEST_F(ContractionVariants, MMAHasSmallTiles) {
  types(b.getF16Type(), b.getF16Type());
  set(5, 64, 264, 1, TestEpilogue::RowWeight);
  spec.expectedRows = 40;
  EXPECT_EQ(build(MMA).tileRows, 64);
  check(MMA, f16Unit);
  spec.expectedRows = 65;
  EXPECT_EQ(build(MMA).tileRows, 128);
}

TEST_F(ContractionVariants, StreamingTakesTailsOfAllSizes) {
  for (int64_t expectedRows : {0, 8})
    for (auto [columns, depth, gather] :
         {std::tuple(72, 1032, true), std::tuple(77, 8, false),
          std::tuple(2, 320, true)}) {
      spec.gather = gather;
      spec.expectedRows = expectedRows;
      set(4, columns, depth, 1, TestEpilogue::EveryOperand);
      check(Streaming, f32Unit);
    }
}

TEST_F(ContractionVariants, StreamingTakesSeveralContractions) {
  spec.gather = true;
  spec.expectedRows = 1;
  types(b.getBF16Type(), b.getBF16Type());
  set(6, 40, 264, 2, TestEpilogue::SwiGLU);
  check(Streaming, bf16Unit);
  check(Streaming, bf16Unit, "sm_90a");
  types(b.getF16Type(), b.getF32Type());
  set(3, 24, 136, 3, TestEpilogue::Sum);
  check(Streaming, f32Unit);
}

TEST_F(ContractionVariants, ResultsDoNotDependOnTheOrderOfThreads) {
  set(4, 48, 520, 1, TestEpilogue::RowWeight);
  for (ContractionVariant variant : {SIMT, MMA, Streaming}) {
    ContractionKernel kernel = build(variant);
    std::unique_ptr<EmulatedKernel> code = EmulatedKernel::create(*module);
    ASSERT_TRUE(code);
    GroupedStage stage(spec, epilogue, kernel.tileRows, 3);
    std::vector<std::vector<double>> results;
    for (uint64_t seed : {5, 6}) {
      auto device = createEmulatorDevice({seed});
      results.push_back(
          runStage(spec, stage, kernel, *device, [&](const rt::Launch &l) {
            return code->launch(*device, l);
          }).values);
    }
    EXPECT_EQ(results[0], results[1]);
  }
}

//===----------------------------------------------------------------------===//
// What they are made of
//===----------------------------------------------------------------------===//

struct Model {
  int64_t experts, used, hidden, inner;
};
constexpr Model models[] = {
    {8, 2, 4096, 14336}, {64, 8, 2048, 1024}, {128, 8, 2048, 768}};

class ContractionResources : public ContractionVariants {
protected:
  /// Both stages of all models, on chips old and new. Blocks of the sizes that
  /// are given have these registers and this shared memory at most.
  void check(ContractionVariant variant, int64_t registers,
             int64_t sharedBytes) {
    for (StringRef chip : {"sm_80", "sm_90a"})
      for (const Model &model : models) {
        spec.gather = true;
        set(model.experts, model.inner, model.hidden, 2, TestEpilogue::SwiGLU);
        checkStage(variant, chip, registers, sharedBytes);
        spec.gather = false;
        set(model.experts, model.hidden, model.inner, 1,
            TestEpilogue::RowWeight);
        checkStage(variant, chip, registers, sharedBytes);
      }
  }

  void checkStage(ContractionVariant variant, StringRef chip, int64_t registers,
                  int64_t sharedBytes) {
    ContractionKernel kernel = build(variant, chip);
    EXPECT_LE(kernel.sharedBytes, sharedBytes);
    EXPECT_EQ(kernel.variant, variant);
    EXPECT_FALSE(kernel.persistent || kernel.mapsLhs || kernel.mapsRhs);
    std::string ptx = lowerToPTX(*module);
    bool hasMMA = variant != SIMT;
    EXPECT_EQ(contains(ptx, "mma.sync.aligned.m16n8k16.row.col.f32.bf16"),
              hasMMA);
    EXPECT_EQ(contains(ptx, "ldmatrix.sync"), hasMMA);
    EXPECT_EQ(contains(ptx, "cp.async.cg"), hasMMA);
    EXPECT_EQ(contains(ptx, "fma.rn.f32"), !hasMMA);
    if (!findCUDAToolkit())
      return;
    AssembledKernel assembled = assemble(ptx, chip.str());
    EXPECT_EQ(assembled.spilledBytes, 0);
    EXPECT_EQ(assembled.opcodes[LDL] + assembled.opcodes[STL], 0);
    EXPECT_LE(assembled.registers, registers);
    EXPECT_EQ(assembled.opcodes[HMMA] > 0, hasMMA);
    EXPECT_EQ(assembled.opcodes[LDGSTS] > 0, hasMMA);
  }
};

TEST_F(ContractionResources, SIMT) {
  types(b.getF32Type(), b.getF32Type());
  check(SIMT, 104, 26112);
  spec.expectedRows = 1;
  check(SIMT, 96, 19968);
  types(b.getBF16Type(), b.getBF16Type());
  check(SIMT, 96, 19968);
}

TEST_F(ContractionResources, MMA) {
  types(b.getBF16Type(), b.getBF16Type());
  // Two blocks of 256 threads on a multiprocessor.
  check(MMA, 128, 65536);
  // Three of 128.
  spec.expectedRows = 64;
  check(MMA, 168, 49152);
}

TEST_F(ContractionResources, Streaming) {
  types(b.getBF16Type(), b.getBF16Type());
  // Three blocks of 128 threads on a multiprocessor of sm_90a.
  check(Streaming, 112, 73728);
  spec.expectedRows = 8;
  check(Streaming, 88, 61440);
}

TEST_F(ContractionVariants, StreamingFillsTheChipWithOneToken) {
  types(b.getBF16Type(), b.getBF16Type());
  spec.expectedRows = 1;
  for (const Model &model : models) {
    set(model.experts, model.inner, model.hidden, 2, TestEpilogue::SwiGLU);
    int64_t sms = target("sm_90a").multiprocessors;
    EXPECT_GE(build(Streaming, "sm_90a").columnBlocks * model.used, 2 * sms);
    set(model.experts, model.hidden, model.inner, 1, TestEpilogue::RowWeight);
    EXPECT_GE(build(Streaming, "sm_90a").columnBlocks * model.used, 2 * sms);
  }
}

TEST_F(ContractionVariants, TilesFollowTheExpectedRows) {
  auto rows = [&](ContractionVariant variant, int64_t expectedRows) {
    spec.expectedRows = expectedRows;
    return build(variant).tileRows;
  };
  EXPECT_EQ(rows(SIMT, 0), 64);
  EXPECT_EQ(rows(SIMT, 16), 16);
  EXPECT_EQ(rows(SIMT, 17), 32);
  EXPECT_EQ(rows(SIMT, 33), 64);
  EXPECT_EQ(rows(MMA, 0), 128);
  EXPECT_EQ(rows(MMA, 64), 64);
  EXPECT_EQ(rows(Streaming, 0), 16);
  EXPECT_EQ(rows(Streaming, 8), 8);
  EXPECT_EQ(rows(Streaming, 9), 16);
}

//===----------------------------------------------------------------------===//
// What they refuse
//===----------------------------------------------------------------------===//

TEST_F(ContractionVariants, SaysWhyNot) {
  for (ContractionVariant variant : {MMA, Streaming}) {
    spec.depth = 45;
    EXPECT_EQ(whyNot(variant), "rows of 90 bytes are not aligned to 16, which "
                               "cp.async needs");
    spec.depth = 80;
    types(b.getF32Type(), b.getF32Type());
    EXPECT_EQ(whyNot(variant), "mma.sync multiplies bf16 and f16 here");
    types(b.getBF16Type(), b.getF64Type());
    EXPECT_EQ(whyNot(variant), "results of mma.sync are stored as f32, bf16 or "
                               "f16");
    types(b.getBF16Type(), b.getF32Type());
    spec.numContractions = 0;
    EXPECT_TRUE(contains(whyNot(variant), "right-hand sides"));
    spec.numContractions = 5;
    EXPECT_TRUE(contains(whyNot(variant), "right-hand sides"));
    spec.numContractions = 1;
  }
  spec.numContractions = 17;
  EXPECT_EQ(whyNot(SIMT),
            "there are registers for at most 16 right-hand sides, got 17");
  spec.numContractions = 16;
  EXPECT_TRUE(contains(whyNot(SIMT, "sm_86"), "too little shared memory"));
  spec.numContractions = 1;
  spec.elementType = b.getF64Type();
  EXPECT_EQ(whyNot(SIMT), "operands of a product are f32, bf16 or f16");
}

TEST_F(ContractionVariants, RefusesWhatIsIncomplete) {
  for (ContractionVariant variant : {SIMT, MMA, Streaming}) {
    spec.depth = 0;
    EXPECT_EQ(whyNot(variant), "there is nothing to multiply");
    spec.depth = int64_t(1) << 40;
    EXPECT_TRUE(contains(whyNot(variant), "columns and depth are at most"));
    spec.depth = 80;
    spec.numContractions = -1;
    EXPECT_EQ(whyNot(variant), "a stage has no -1 right-hand sides");
    spec.numContractions = 1;
    types(b.getBF16Type(), b.getIndexType());
    spec.epilogue = [](ImplicitLocOpBuilder &, ValueRange accumulators,
                       ValueRange) { return accumulators[0]; };
    std::string why;
    EXPECT_FALSE(canBuild(variant, spec, target("sm_80"), why));
    EXPECT_TRUE(contains(why, "integers or floats")) << why;
    types(b.getBF16Type(), b.getF32Type());
    spec.epilogue = nullptr;
    EXPECT_FALSE(canBuild(variant, spec, target("sm_80"), why));
    EXPECT_EQ(why, "there is no epilogue");
  }
}

} // namespace
