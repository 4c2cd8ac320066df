//===- LazyJITTest.cpp - Tests of compilation on first use ----------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Execution/LazyJIT.h"
#include "moe/Runtime/Runtime.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include "gtest/gtest.h"

#include <atomic>
#include <thread>

using namespace mlir;
using namespace llvm;

namespace {

using Names = std::vector<std::string>;

/// main picks an expert; each has a helper of its own and they share another;
/// expert 1 passes a local body to the parallel loop.
const char *program = R"(
@moe_w = external global [4 x float]
@moe_context = external global ptr
@a_constant = private constant float 0.5
declare void @moe_rt_parallel_for(ptr, ptr, ptr, i64)
declare float @expf(float)

define float @main(i32 %e, float %x) {
  %w = load float, ptr @moe_w
  %s = fadd float %x, %w
  switch i32 %e, label %none [i32 0, label %zero
                              i32 1, label %one]
zero:
  %y0 = call float @moe_expert_0(float %s)
  ret float %y0
one:
  %y1 = call float @moe_expert_1(float %s)
  ret float %y1
none:
  %y2 = call float @main_helper(float %s)
  ret float %y2
}
define internal float @main_helper(float %x) noinline {
  %y = fneg float %x
  ret float %y
}
define internal float @moe_expert_0(float %x) {
  %a = call float @helper_0(float %x)
  %y = call float @shared(float %a)
  ret float %y
}
define internal float @helper_0(float %x) noinline {
  %c = load float, ptr @a_constant
  %y = fmul float %x, %c
  ret float %y
}
define float @moe_expert_1(float %x) {
  %p = alloca float
  store float %x, ptr %p
  call void @moe_rt_parallel_for(ptr @moe_context, ptr @body_1, ptr %p, i64 3)
  %a = load float, ptr %p
  %y = call float @shared(float %a)
  ret float %y
}
define internal void @body_1(ptr %context, i64 %i, ptr %p) {
  %o = atomicrmw fadd ptr %p, float 1.0 seq_cst
  ret void
}
define internal float @shared(float %x) noinline {
  %y = fadd float %x, 100.0
  ret float %y
}
)";

class LazyJITTest : public ::testing::Test {
protected:
  void SetUp() override {
    for (const moe::rt::Symbol &symbol : moe::rt::symbols())
      options.symbols[symbol.name] = symbol.address;
    options.symbols["moe_w"] = weights;
    options.symbols["moe_context"] = static_cast<MoEContext *>(&context);
  }

  /// A JIT with `text`.
  std::unique_ptr<moe::LazyJIT> create(StringRef text) {
    std::unique_ptr<moe::LazyJIT> jit = cantFail(moe::LazyJIT::create(options));
    add(*jit, text);
    return jit;
  }

  void add(moe::LazyJIT &jit, StringRef text) {
    auto context = std::make_unique<LLVMContext>();
    SMDiagnostic diagnostic;
    std::unique_ptr<Module> module =
        parseAssemblyString(text, diagnostic, *context);
    ASSERT_TRUE(module) << diagnostic.getMessage().str();
    cantFail(jit.addModule(std::move(module), std::move(context)));
  }

  static float (*mainOf(moe::LazyJIT &jit))(int, float) {
    return reinterpret_cast<float (*)(int, float)>(
        cantFail(jit.lookup("main")));
  }

  moe::LazyJITOptions options;
  float weights[4] = {2, 0, 0, 0};
  moe::rt::Context context;
};

} // namespace

TEST_F(LazyJITTest, BodiesAreCompiledOnTheirFirstCall) {
  for (unsigned optLevel : {0, 1, 2, 3}) {
    options.optLevel = optLevel;
    std::unique_ptr<moe::LazyJIT> jit = create(program);
    EXPECT_TRUE(jit->compiledFunctions().empty());
    auto run = mainOf(*jit);
    EXPECT_EQ(jit->compiledFunctions(), (Names{"main", "main_helper"}));
    EXPECT_EQ(run(2, 5), -7);
    EXPECT_EQ(jit->compiledPartitions().size(), 1u);
    EXPECT_EQ(run(0, 6), 104);
    EXPECT_EQ(
        jit->compiledFunctions(),
        (Names{"main", "main_helper", "moe_expert_0", "helper_0", "shared"}));
    EXPECT_EQ(run(0, 8), 105);
    EXPECT_EQ(jit->compiledPartitions().size(), 3u);
    EXPECT_EQ(run(1, 8), 113);
    std::vector<moe::CompiledPartition> partitions = jit->compiledPartitions();
    ASSERT_EQ(partitions.size(), 4u);
    EXPECT_EQ(partitions[3].name, "moe_expert_1");
    EXPECT_EQ(partitions[3].functions, (Names{"moe_expert_1", "body_1"}));
    EXPECT_GT(partitions[3].seconds, 0);
    EXPECT_GT(partitions[3].objectBytes, 0u);
  }
}

TEST_F(LazyJITTest, ThreadsCompileAtTheSameTime) {
  // Sixteen experts, each called first by some worker.
  std::string text = R"(
    declare void @moe_rt_parallel_for(ptr, ptr, ptr, i64)
    define void @main(ptr %context, ptr %out) {
      call void @moe_rt_parallel_for(ptr %context, ptr @body, ptr %out, i64 64)
      ret void
    }
    define internal void @body(ptr %context, i64 %i, ptr %out) {
      %e = and i64 %i, 15
      %p = getelementptr [16 x ptr], ptr @table, i64 0, i64 %e
      %f = load ptr, ptr %p
      call void %f(i64 %i, ptr %out)
      ret void
    }
    @table = internal constant [16 x ptr] [)";
  for (int i = 0; i < 16; ++i)
    text += (i ? ", ptr @moe_expert_" : "ptr @moe_expert_") + std::to_string(i);
  text += "]\n";
  for (int i = 0; i < 16; ++i)
    text += "define void @moe_expert_" + std::to_string(i) +
            "(i64 %i, ptr %out) {\n"
            "  %p = getelementptr i64, ptr %out, i64 %i\n"
            "  store i64 " +
            std::to_string(i) + ", ptr %p\n  ret void\n}\n";
  moe::rt::Context context;
  context.setThreads(8);
  for (int repetition = 0; repetition < 5; ++repetition) {
    std::unique_ptr<moe::LazyJIT> jit = create(text);
    auto run = reinterpret_cast<void (*)(MoEContext *, int64_t *)>(
        cantFail(jit->lookup("main")));
    int64_t out[64] = {};
    run(&context, out);
    for (int i = 0; i < 64; ++i)
      EXPECT_EQ(out[i], i % 16);
    EXPECT_EQ(jit->compiledPartitions().size(), 17u);
  }
}

TEST_F(LazyJITTest, TheWorldIsClosed) {
  std::unique_ptr<moe::LazyJIT> jit = create(R"(
    declare i32 @system(ptr)
    define i32 @main(ptr %command) {
      %r = call i32 @system(ptr %command)
      ret i32 %r
    })");
  Expected<void *> address = jit->lookup("main");
  ASSERT_FALSE(address);
  EXPECT_NE(toString(address.takeError()).find("system"), std::string::npos);
  Expected<void *> other = jit->lookup("malloc");
  ASSERT_FALSE(other);
  consumeError(other.takeError());
}

TEST_F(LazyJITTest, AFailedBodyFailsTheInvocation) {
  std::unique_ptr<moe::LazyJIT> jit = create(R"(
    declare float @nowhere(float)
    define float @main(i32 %e, float %x) {
      %y = call float @moe_expert_0(float %x)
      ret float %y
    }
    define float @moe_expert_0(float %x) {
      %y = call float @nowhere(float %x)
      ret float %y
    })");
  auto run = mainOf(*jit);
  moe::rt::Result result = moe::rt::Context().invoke([&] { run(0, 1); });
  EXPECT_EQ(result.status, moe::rt::Status::Error);
  EXPECT_NE(result.message.find("nowhere"), std::string::npos)
      << result.message;
}

TEST_F(LazyJITTest, WhoeverWaitsForAFailedBodyIsToldWhy) {
  // Many times: who comes second is up to the threads.
  for (int round = 0; round < 20; ++round) {
    std::unique_ptr<moe::LazyJIT> jit = create(R"(
      declare float @nowhere(float)
      define float @main(i32 %e, float %x) {
        %y = call float @moe_expert_0(float %x)
        ret float %y
      }
      define float @moe_expert_0(float %x) {
        %y = call float @nowhere(float %x)
        ret float %y
      })");
    auto run = mainOf(*jit);
    std::atomic<int> ready = 0;
    std::vector<moe::rt::Result> results(4);
    std::vector<std::thread> threads;
    for (moe::rt::Result &result : results)
      threads.emplace_back([&] {
        moe::rt::Context context;
        ++ready;
        while (ready < 4)
          std::this_thread::yield();
        result = context.invoke([&] { run(0, 1); });
      });
    for (std::thread &thread : threads)
      thread.join();
    for (const moe::rt::Result &result : results)
      EXPECT_NE(result.message.find("nowhere"), std::string::npos)
          << result.message;
  }
}

TEST_F(LazyJITTest, ModulesDoNotShareLocals) {
  const char *text = R"(
    define float @main{0}(i32 %e, float %x) {
      %y = call float @moe_expert_{0}(float %x)
      %z = call float @shared(float %y)
      ret float %z
    }
    define float @moe_expert_{0}(float %x) {
      %y = call float @shared(float %x)
      ret float %y
    }
    define internal float @shared(float %x) noinline {
      %y = fadd float %x, {0}.0
      ret float %y
    })";
  std::string first = text, second = text;
  for (auto [module, number] : {std::pair(&first, "1"), {&second, "2"}})
    for (size_t at; (at = module->find("{0}")) != std::string::npos;)
      module->replace(at, 3, number);
  std::unique_ptr<moe::LazyJIT> jit = create(first);
  add(*jit, second);
  for (auto [name, expected] : {std::pair("main1", 2.f), {"main2", 4.f}}) {
    auto run =
        reinterpret_cast<float (*)(int, float)>(cantFail(jit->lookup(name)));
    EXPECT_EQ(run(0, 0), expected);
  }
}

TEST_F(LazyJITTest, OptimisationStaysInTheTable) {
  // A loop that LLVM turns into memset, which this table lacks.
  options.symbols.erase("memset");
  std::unique_ptr<moe::LazyJIT> jit = create(R"(
    define void @main(ptr %p, i64 %n) {
    entry:
      br label %loop
    loop:
      %i = phi i64 [0, %entry], [%j, %loop]
      %q = getelementptr i8, ptr %p, i64 %i
      store i8 7, ptr %q
      %j = add i64 %i, 1
      %c = icmp ult i64 %j, %n
      br i1 %c, label %loop, label %end
    end:
      ret void
    })");
  auto run = reinterpret_cast<void (*)(char *, int64_t)>(
      cantFail(jit->lookup("main")));
  char bytes[300] = {};
  run(bytes, 299);
  EXPECT_EQ(bytes[298], 7);
  EXPECT_EQ(bytes[299], 0);
}

TEST_F(LazyJITTest, ShortFloatsWithoutHardware) {
  // On any machine, the conversions of the runtime serve this target.
  options.cpu = "x86-64";
  std::unique_ptr<moe::LazyJIT> jit = create(R"(
    define float @main(i32 %e, float %x) {
      %b = fptrunc float %x to bfloat
      %f = fpext bfloat %b to float
      %h = fptrunc float %f to half
      %y = fpext half %h to float
      ret float %y
    })");
#ifdef __x86_64__
  EXPECT_EQ(mainOf(*jit)(0, 1.00390625f * 3), 3.015625f);
#endif
}

TEST_F(LazyJITTest, ObjectsAreWrittenWhenGenerated) {
  SmallString<128> directory;
  ASSERT_FALSE(sys::fs::createUniqueDirectory("moe-objects", directory));
  options.dumpObjectsDir = (directory + "/new/objects").str();
  std::unique_ptr<moe::LazyJIT> jit = create(program);
  auto list = [&] {
    Names names;
    std::error_code error;
    for (sys::fs::directory_iterator it(options.dumpObjectsDir, error), end;
         it != end && !error; it.increment(error))
      names.push_back(sys::path::filename(it->path()).str());
    llvm::sort(names);
    return names;
  };
  EXPECT_EQ(list(), Names());
  auto run = mainOf(*jit);
  EXPECT_EQ(list(), Names{"000-main.o"});
  run(1, 1);
  EXPECT_EQ(list(),
            (Names{"000-main.o", "001-moe_expert_1.o", "002-shared.o"}));
  for (const std::string &name : list())
    cantFail(object::ObjectFile::createObjectFile(options.dumpObjectsDir + "/" +
                                                  name));
  sys::fs::remove_directories(directory);
}

TEST_F(LazyJITTest, UnwritableDirectoryIsAnError) {
  options.dumpObjectsDir = "/dev/null/objects";
  Expected<std::unique_ptr<moe::LazyJIT>> jit = moe::LazyJIT::create(options);
  ASSERT_FALSE(jit);
  EXPECT_NE(toString(jit.takeError()).find("/dev/null/objects"),
            std::string::npos);
}
