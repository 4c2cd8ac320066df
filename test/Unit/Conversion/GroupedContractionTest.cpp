//===- GroupedContractionTest.cpp - Tests of kernels of wgmma -------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// That kernels are built of what the machine has, and fit it. What they compute
// is for tests that run them.
//
//===----------------------------------------------------------------------===//

#include "moe/Conversion/MoEToGPU/GroupedContraction.h"

#include "../Support/AssembledKernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/TargetSelect.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::moe;

namespace {

Value constant(ImplicitLocOpBuilder &b, float value) {
  return arith::ConstantOp::create(b, b.getF32FloatAttr(value));
}

/// The result of an epilogue that is computed in f32.
Value narrow(ImplicitLocOpBuilder &b, Value value, Type type) {
  return type == value.getType() ? value
                                 : arith::TruncFOp::create(b, type, value);
}

class GroupedContractionTest : public testing::Test {
protected:
  GroupedContractionTest()
      : context(makeKernelContext()), builder(context.get()),
        target(llvm::cantFail(GPUTarget::fromName("sm_90a"))) {
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    spec.name = "stage";
    spec.elementType = builder.getBF16Type();
    spec.experts = 6;
    spec.columns = 264;
    spec.depth = 328;
    setPlain(builder.getBF16Type());
  }

  void setPlain(Type result) {
    spec.numContractions = 1;
    spec.resultType = result;
    spec.operands.clear();
    spec.epilogue = [result](ImplicitLocOpBuilder &b, ValueRange accumulators,
                             ValueRange) {
      return narrow(b, accumulators[0], result);
    };
  }
  void setBiasReLU(Type result) {
    setPlain(result);
    spec.operands = {{builder.getF32Type(), EpilogueIndex::Column}};
    spec.epilogue = [result](ImplicitLocOpBuilder &b, ValueRange accumulators,
                             ValueRange operands) {
      Value sum = arith::AddFOp::create(b, accumulators[0], operands[0]);
      return narrow(b, arith::MaximumFOp::create(b, sum, constant(b, 0)),
                    result);
    };
  }
  void setRowWeight(Type result) {
    setPlain(result);
    spec.operands = {{builder.getF32Type(), EpilogueIndex::Row}};
    spec.epilogue = [result](ImplicitLocOpBuilder &b, ValueRange accumulators,
                             ValueRange operands) {
      return narrow(b, arith::MulFOp::create(b, accumulators[0], operands[0]),
                    result);
    };
  }
  void setSwiGLU(Type result) {
    setPlain(result);
    spec.numContractions = 2;
    spec.epilogue = [result](ImplicitLocOpBuilder &b, ValueRange accumulators,
                             ValueRange) {
      auto fast = arith::FastMathFlags::fast;
      Value gate = accumulators[0];
      Value power =
          math::ExpOp::create(b, arith::NegFOp::create(b, gate), fast);
      Value sum = arith::AddFOp::create(b, power, constant(b, 1));
      Value silu = arith::DivFOp::create(b, gate, sum, fast);
      return narrow(b, arith::MulFOp::create(b, silu, accumulators[1]), result);
    };
  }

  std::string whyNot() {
    std::string why = "it can be built";
    EXPECT_FALSE(canBuild(ContractionVariant::WGMMA, spec, target, why));
    return why;
  }

  ContractionKernel build() {
    std::string why;
    if (!canBuild(ContractionVariant::WGMMA, spec, target, why)) {
      ADD_FAILURE() << why;
      return {};
    }
    module = ModuleOp::create(builder.getUnknownLoc());
    builder.setInsertionPointToStart(module->getBody());
    ContractionKernel kernel =
        buildContraction(builder, builder.getUnknownLoc(),
                         ContractionVariant::WGMMA, spec, target);
    EXPECT_TRUE(succeeded(verify(*module)));
    EXPECT_LE(kernel.sharedBytes, target.sharedBytesPerBlock);
    return kernel;
  }

  /// Builds and assembles, and checks what holds of every kernel of wgmma.
  AssembledKernel buildAndAssemble(int64_t mostRegisters,
                                   int64_t mostShared = 227 * 1024) {
    EXPECT_LE(build().sharedBytes, mostShared);
    std::string ptx = lowerToPTX(*module);
    EXPECT_NE(ptx.find("wgmma.mma_async.sync.aligned"), std::string::npos);
    AssembledKernel assembled;
    if (!findCUDAToolkit())
      return assembled;
    assembled = assemble(ptx, target.chip);
    EXPECT_EQ(assembled.spilledBytes, 0);
    EXPECT_EQ(assembled.opcodes[LDL] + assembled.opcodes[STL], 0);
    EXPECT_LE(assembled.registers, mostRegisters);
    // Advice about wgmma that waits, and about registers.
    EXPECT_EQ(assembled.log.find("(C7"), std::string::npos) << assembled.log;
    // The first of the steps through the depth is peeled.
    EXPECT_GE(assembled.opcodes[HGMMA], spec.depth > 64 ? 8 : 4);
    EXPECT_GE(assembled.opcodes[UTMALDG], spec.numContractions);
    EXPECT_EQ(assembled.opcodes[LDGSTS] > 0, spec.gather);
    return assembled;
  }

  template <typename Op> int64_t count() {
    int64_t count = 0;
    module->walk([&](Op) { ++count; });
    return count;
  }

  LLVM::LLVMFuncOp function() {
    return *(*module->getOps<gpu::GPUModuleOp>().begin())
                .getOps<LLVM::LLVMFuncOp>()
                .begin();
  }

  std::unique_ptr<MLIRContext> context;
  OpBuilder builder;
  GPUTarget target;
  GroupedContraction spec;
  OwningOpRef<ModuleOp> module;
};

//===----------------------------------------------------------------------===//
// What can be built
//===----------------------------------------------------------------------===//

TEST_F(GroupedContractionTest, SaysWhyNot) {
  target = llvm::cantFail(GPUTarget::fromName("sm_80"));
  EXPECT_EQ(whyNot(), "chip 'sm_80' has no wgmma");
  target = llvm::cantFail(GPUTarget::fromName("sm_90a", 80));
  EXPECT_EQ(whyNot(), "TMA into the block's own shared memory needs PTX "
                      "version 86 or newer, got 80");
  target = llvm::cantFail(GPUTarget::fromName("sm_90a"));
  spec.depth = 45;
  EXPECT_EQ(whyNot(),
            "rows of 90 bytes are not aligned to 16, which TMA needs");
  spec.depth = 48;
  spec.numContractions = 3;
  EXPECT_EQ(whyNot(), "wgmma takes one or two right-hand sides, got 3");
  spec.numContractions = 0;
  EXPECT_EQ(whyNot(), "wgmma takes one or two right-hand sides, got 0");
  spec.numContractions = 1;
  spec.elementType = builder.getF32Type();
  EXPECT_EQ(whyNot(), "wgmma multiplies bf16 and f16 here");
  spec.elementType = builder.getF16Type();
  spec.resultType = builder.getF64Type();
  EXPECT_EQ(whyNot(), "results of wgmma are stored as f32, bf16 or f16");
  spec.resultType = builder.getF16Type();
  target.sharedBytesPerBlock = 48 * 1024;
  EXPECT_EQ(whyNot(), "chip 'sm_90a' has too little shared memory: 49152 "
                      "bytes for a block");
  target.sharedBytesPerBlock = 227 * 1024;
  std::string why;
  EXPECT_TRUE(canBuild(ContractionVariant::WGMMA, spec, target, why)) << why;
}

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

TEST_F(GroupedContractionTest, TilesFollowTheColumns) {
  struct {
    int64_t contractions, columns, boxColumns, columnBlocks;
  } cases[] = {{1, 1, 64, 1},       {1, 64, 64, 1},   {1, 65, 128, 1},
               {1, 256, 256, 1},    {1, 264, 128, 3}, {1, 4096, 256, 16},
               {2, 1, 32, 1},       {2, 128, 128, 1}, {2, 768, 128, 6},
               {2, 14336, 128, 112}};
  for (auto [contractions, columns, boxColumns, columnBlocks] : cases) {
    SCOPED_TRACE(testing::Message() << contractions << " x " << columns);
    contractions == 2 ? setSwiGLU(builder.getBF16Type())
                      : setPlain(builder.getBF16Type());
    spec.columns = columns;
    ContractionKernel kernel = build();
    EXPECT_EQ(kernel.boxColumns, boxColumns);
    EXPECT_EQ(kernel.columnBlocks, columnBlocks);
    EXPECT_EQ(kernel.boxDepth, 64);
    EXPECT_TRUE(kernel.persistent);
  }
}

TEST_F(GroupedContractionTest, TilesFollowTheRows) {
  spec.columns = 2048;
  ContractionKernel large = build();
  EXPECT_EQ(large.tileRows, 128);
  EXPECT_EQ(large.threads, 384);
  spec.expectedRows = 20;
  ContractionKernel small = build();
  EXPECT_EQ(small.tileRows, 64);
  EXPECT_EQ(small.threads, 256);
  // Two blocks share a multiprocessor, which keeps 1 KiB for each.
  EXPECT_LE(2 * (small.sharedBytes + 1024), 228 * 1024);
  spec.expectedRows = 65;
  EXPECT_EQ(build().tileRows, 128);
}

TEST_F(GroupedContractionTest, TilesFitTheSharedMemory) {
  spec.columns = 2048;
  for (int64_t kibibytes : {72, 96, 128, 163, 227}) {
    target.sharedBytesPerBlock = kibibytes * 1024;
    ContractionKernel kernel = build();
    // Less would leave a producer and consumers in step.
    int64_t stage = (kernel.tileRows + kernel.boxColumns) * 128;
    EXPECT_GE(kernel.sharedBytes, 2 * stage) << kibibytes;
  }
}

TEST_F(GroupedContractionTest, ArgumentsComeInTheDocumentedOrder) {
  setSwiGLU(builder.getBF16Type());
  spec.operands = {{builder.getF32Type(), EpilogueIndex::Row}};
  for (bool gather : {false, true}) {
    spec.gather = gather;
    ContractionKernel kernel = build();
    EXPECT_EQ(kernel.mapsLhs, !gather);
    EXPECT_TRUE(kernel.mapsRhs);
    EXPECT_EQ(kernel.module.getName(), "stage_module");
    // lhs, two rhs, ids, table, count, an operand, out; then tensor maps.
    unsigned pointers = 8, maps = gather ? 2 : 3;
    ASSERT_EQ(function().getNumArguments(), pointers + maps);
    for (unsigned i = 0; i < pointers + maps; ++i) {
      bool isMap = i >= pointers;
      EXPECT_EQ(bool(function().getArgAttr(i, "llvm.byval")), isMap);
      EXPECT_EQ(bool(function().getArgAttr(i, "nvvm.grid_constant")), isMap);
    }
    EXPECT_EQ(function().getArgument(3).use_empty(), !gather);
    EXPECT_EQ(count<NVVM::CpAsyncOp>() > 0, gather);
  }
}

TEST_F(GroupedContractionTest, OnlyTailsAreGuarded) {
  spec.gather = true;
  spec.columns = 256;
  spec.depth = 128;
  auto copiesOfPart = [&] {
    build();
    int64_t parts = 0;
    module->walk(
        [&](NVVM::CpAsyncOp copy) { parts += bool(copy.getCpSize()); });
    return parts;
  };
  EXPECT_EQ(copiesOfPart(), 0);
  spec.depth = 136;
  EXPECT_EQ(copiesOfPart(), 8);
}

TEST_F(GroupedContractionTest, RowsAreStoredByChunksWhereTheyAreAligned) {
  struct {
    Type type;
    int64_t columns;
    bool staged;
  } cases[] = {{builder.getBF16Type(), 72, true},
               {builder.getF16Type(), 72, true},
               {builder.getBF16Type(), 76, false},
               {builder.getF32Type(), 72, false}};
  for (auto [type, columns, staged] : cases) {
    setPlain(type);
    spec.columns = columns;
    build();
    EXPECT_EQ(count<NVVM::StMatrixOp>() > 0, staged) << columns;
  }
}

TEST_F(GroupedContractionTest, OperandsAreLoadedOnce) {
  auto loads = [&] {
    build();
    int64_t loads = 0;
    module->walk([&](LLVM::LoadOp load) {
      auto type = dyn_cast<VectorType>(load.getType());
      Type element = type ? type.getElementType() : load.getType();
      loads += element.isF32();
    });
    return loads;
  };
  spec.columns = 256;
  setBiasReLU(builder.getBF16Type());
  // A pair in each of 32 blocks of 8 columns.
  EXPECT_EQ(loads(), 32);
  setRowWeight(builder.getBF16Type());
  EXPECT_EQ(loads(), 2);
}

//===----------------------------------------------------------------------===//
// Machine code
//===----------------------------------------------------------------------===//

// 65536 registers in three warpgroups, and in two blocks of two.
constexpr int64_t registersOfThree = 168, registersOfTwo = 128;

TEST_F(GroupedContractionTest, AssemblesStagesOfModels) {
  struct {
    int64_t experts, hidden, inner;
  } models[] = {{8, 4096, 14336}, {64, 2048, 1024}, {128, 2048, 768}};
  for (auto [experts, hidden, inner] : models) {
    spec.experts = experts;
    for (int64_t rows : {0, 64}) {
      SCOPED_TRACE(testing::Message() << experts << " experts, " << rows);
      spec.expectedRows = rows;
      int64_t registers = rows ? registersOfTwo : registersOfThree;
      int64_t shared = rows ? 107584 : 215104;
      setSwiGLU(builder.getBF16Type());
      spec.gather = true;
      spec.columns = inner;
      spec.depth = hidden;
      AssembledKernel up = buildAndAssemble(registers, shared);
      setRowWeight(builder.getBF16Type());
      spec.gather = false;
      spec.columns = hidden;
      spec.depth = inner;
      AssembledKernel down = buildAndAssemble(registers, shared);
      if (!findCUDAToolkit())
        GTEST_SKIP() << "without a CUDA toolkit";
      EXPECT_GT(up.opcodes[STSM], 0);
      EXPECT_GT(down.opcodes[STSM], 0);
    }
  }
}

TEST_F(GroupedContractionTest, AssemblesOddSizes) {
  for (bool gather : {false, true})
    for (int64_t columns : {1, 77, 264})
      for (int64_t depth : {8, 72, 1000}) {
        SCOPED_TRACE(testing::Message()
                     << gather << ' ' << columns << ' ' << depth);
        spec.gather = gather;
        spec.columns = columns;
        spec.depth = depth;
        spec.elementType = builder.getF16Type();
        setBiasReLU(builder.getF32Type());
        buildAndAssemble(registersOfThree);
        spec.elementType = builder.getBF16Type();
        setSwiGLU(builder.getBF16Type());
        buildAndAssemble(registersOfThree);
      }
  if (!findCUDAToolkit())
    GTEST_SKIP() << "without a CUDA toolkit";
}

} // namespace
