//===- SymbolGateTest.cpp - Tests of the last check -----------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Execution/SymbolGate.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SourceMgr.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace llvm;

/// What the gate says of `text`, where `expf` and `moe_w` may be linked.
static std::string check(StringRef text) {
  LLVMContext context;
  SMDiagnostic diagnostic;
  std::unique_ptr<Module> module =
      parseAssemblyString(text, diagnostic, context);
  if (!module)
    return diagnostic.getMessage().str();
  return toString(moe::checkLinkage(*module, [](StringRef name) {
    return name == "expf" || name == "moe_w";
  }));
}

TEST(SymbolGateTest, AcceptsTheTable) {
  EXPECT_EQ(check(R"(
    @moe_w = external global [4 x float]
    @local = private constant i32 7
    declare float @expf(float)
    declare float @llvm.sqrt.f32(float)
    define float @main(float %x) {
      %y = call float @expf(float %x)
      %z = call float @llvm.sqrt.f32(float %y)
      ret float %z
    })"),
            "");
}

TEST(SymbolGateTest, RefusesEverythingElse) {
  EXPECT_EQ(check("declare i32 @system(ptr)"),
            "compiled code may not link 'system'");
  EXPECT_EQ(check("@environ = external global ptr"),
            "compiled code may not link 'environ'");
  EXPECT_EQ(check("declare void @llvm.no.such.thing()"),
            "compiled code may not link 'llvm.no.such.thing'");
  EXPECT_EQ(check("define float @expf(float %x) { ret float %x }"),
            "compiled code may not define the runtime's 'expf'");
  EXPECT_EQ(check("module asm \"nop\""),
            "compiled code may not use inline assembly in module '<string>'");
  EXPECT_EQ(
      check("define void @f() { call void asm \"nop\", \"\"() ret void }"),
      "compiled code may not use inline assembly in 'f'");
  EXPECT_EQ(check("@t = thread_local global i32 0"),
            "compiled code may not use thread-local variable 't'");
  EXPECT_EQ(check(R"(
    @llvm.global_ctors = appending global [1 x { i32, ptr, ptr }]
        [{ i32, ptr, ptr } { i32 0, ptr @f, ptr null }]
    define void @f() { ret void })"),
            "compiled code may not have 'llvm.global_ctors'");
  EXPECT_EQ(check("@g = global i32 0\n@a = alias i32, ptr @g"),
            "compiled code may not have alias 'a'");
  EXPECT_EQ(check("@i = ifunc void (), ptr @r\n"
                  "define ptr @r() { ret ptr null }"),
            "compiled code may not have ifunc 'i'");
  EXPECT_EQ(check("define void @f() addrspace(1) { ret void }"),
            "compiled code may not use an address space for function 'f'");
}
