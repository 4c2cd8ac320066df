//===- SessionTest.cpp - Tests of sessions side by side -------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Execution/Session.h"

#include "../Support/CompiledModel.h"
#include "moe/Execution/Error.h"
#include "moe/Tensor/Literal.h"

#include "gtest/gtest.h"
#include <thread>

using namespace mlir;
using namespace mlir::moe;

static std::string example(const char *name) {
  return std::string(MOE_DOCS_DIR) + "/examples/" + name;
}

static std::string print(const HostTensor &tensor) {
  std::string text;
  llvm::raw_string_ostream os(text);
  printLiteral(os, tensor);
  return text;
}

static std::string print(ArrayRef<HostTensor> tensors) {
  std::string text;
  for (const HostTensor &tensor : tensors)
    text += print(tensor) + "; ";
  return text;
}

/// Calls `body` with 0, 1, ... on a thread each.
static void onThreads(int count, llvm::function_ref<void(int)> body) {
  std::vector<std::thread> threads;
  for (int number = 0; number < count; ++number)
    threads.emplace_back([=] { body(number); });
  for (std::thread &thread : threads)
    thread.join();
}

/// Row i of the inputs goes to expert i % 2, which adds or multiplies.
static constexpr const char *twoUnlike = R"(
ml_program.global private @w(#ml_program.extern<tensor<2xf32>>) : tensor<2xf32>
func.func @main(%x: tensor<?x2xf32>, %choice: tensor<?x2xi1>) -> tensor<?x2xf32> {
  %r = moe.route %choice : (tensor<?x2xi1>) -> !moe.routing<2>
  %y = moe.dispatch %x by %r : (tensor<?x2xf32>, !moe.routing<2>) -> tensor<?x2xf32> {
  ^add(%rows: tensor<?x2xf32>):
    %w = ml_program.global_load_const @w : tensor<2xf32>
    %s = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<2xf32>) outs(%rows : tensor<?x2xf32>) {
    ^bb0(%a: f32, %b: f32):
      %c = arith.addf %a, %b : f32
      linalg.yield %c : f32
    } -> tensor<?x2xf32>
    moe.yield %s : tensor<?x2xf32>
  }, {
  ^multiply(%rows: tensor<?x2xf32>):
    %w = ml_program.global_load_const @w : tensor<2xf32>
    %s = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<2xf32>) outs(%rows : tensor<?x2xf32>) {
    ^bb0(%a: f32, %b: f32):
      %c = arith.mulf %a, %b : f32
      linalg.yield %c : f32
    } -> tensor<?x2xf32>
    moe.yield %s : tensor<?x2xf32>
  }
  %z = moe.combine %y by %r : (tensor<?x2xf32>, !moe.routing<2>) -> tensor<?x2xf32>
  return %z : tensor<?x2xf32>
}
)";

/// A file with the weight of that model.
static std::string writeWeight(TestDirectory &files, const char *name,
                               const char *literal) {
  std::string path = files.path(name);
  HostTensor weight = orExit(parseLiteral(literal));
  TensorWriter writer;
  orExit(writer.add("@" + path + "[w]", weight));
  OutputFiles output;
  orExit(writer.write(output));
  orExit(output.commit());
  return path;
}

static std::vector<HostTensor> parse(ArrayRef<const char *> literals) {
  std::vector<HostTensor> tensors;
  for (const char *literal : literals)
    tensors.push_back(orExit(parseLiteral(literal)));
  return tensors;
}

static void testWeights(StringRef name) {
  OpenedDevice device = orExit(OpenedDevice::open(name));
  TestDirectory files;
  CompiledModel model(files.write("model.mlir", twoUnlike), device,
                      /*counts=*/true);
  Checkpoint ofFirst = orExit(
      Checkpoint::open({writeWeight(files, "a.safetensors", "2xf32=10 20")}));
  Checkpoint ofSecond = orExit(
      Checkpoint::open({writeWeight(files, "b.safetensors", "2xf32=3 5")}));
  auto firstWeights = model.bind(ofFirst), secondWeights = model.bind(ofSecond);
  auto first = model.newSession(*firstWeights);
  auto second = model.newSession(*secondWeights);
  // Row 0 and 2 are added to, row 1 is multiplied; the second has one row,
  // which is added to.
  auto rows = parse({"3x2xf32=1 2 3 4 5 6", "3x2xi1=1 0 0 1 1 0"});
  auto row = parse({"1x2xf32=7 8", "1x2xi1=1 0"});
  constexpr int runs = 20;
  onThreads(2, [&](int number) {
    for (int run = 0; run < runs; ++run)
      if (number == 0)
        EXPECT_EQ(print(orExit(first->run(rows))),
                  "3x2xf32=[[11 22][30 80][15 26]]; ");
      else
        EXPECT_EQ(print(orExit(second->run(row))), "1x2xf32=[[10 13]]; ");
  });
  auto counters = first->context().dispatchCounters();
  ASSERT_EQ(counters.size(), 1u);
  EXPECT_EQ(counters[0].runs, runs);
  EXPECT_EQ(counters[0].tokensPerExpert,
            (std::vector<int64_t>{2 * runs, runs}));
  counters = second->context().dispatchCounters();
  ASSERT_EQ(counters.size(), 1u);
  EXPECT_EQ(counters[0].tokensPerExpert, (std::vector<int64_t>{runs, 0}));
  EXPECT_EQ(counters[0].evaluated, (std::vector<bool>{true, false}));
  // Code is compiled for all.
  EXPECT_EQ(model.statistics(*second).functionsCompiled, 2);
  EXPECT_TRUE(model.session->context().dispatchCounters().empty());
  if (device.device())
    EXPECT_NE(first->context().deviceCounters().kernelsLaunched,
              second->context().deviceCounters().kernelsLaunched);
}

TEST(Session, HasWeightsAndCountersOfItsOwn) { testWeights("cpu"); }
TEST(Session, HasWeightsAndCountersOfItsOwnOnADevice) {
  testWeights("cuda-emulator");
}

TEST(Session, RunsBesideOthersOfTheSameAndOfOtherModels) {
  OpenedDevice cpu = orExit(OpenedDevice::open("cpu"));
  CompiledModel one(example("mlp_top2.mlir"), cpu, /*counts=*/true);
  CompiledModel other(example("two_experts.mlir"), cpu, /*counts=*/true);
  auto oneInputs = one.makeInputs(), otherInputs = other.makeInputs();
  std::string oneResults = print(one.run(oneInputs));
  std::string otherResults = print(other.run(otherInputs));
  int64_t flops = one.session->context().dispatchCounters()[0].flops;
  ASSERT_GT(flops, 0);

  constexpr int sessions = 6, runs = 10;
  onThreads(sessions, [&](int number) {
    CompiledModel &model = number % 2 ? other : one;
    std::unique_ptr<Session> session =
        model.newSession({/*threads=*/1 + number % 3, /*memoryLimit=*/0});
    for (int run = 0; run < runs; ++run)
      EXPECT_EQ(
          print(orExit(session->run(number % 2 ? otherInputs : oneInputs))),
          number % 2 ? otherResults : oneResults);
    EXPECT_EQ(session->context().liveBytes(), 0);
    auto counters = session->context().dispatchCounters();
    ASSERT_EQ(counters.size(), 1u);
    EXPECT_EQ(counters[0].runs, runs);
    if (number % 2 == 0)
      EXPECT_EQ(counters[0].flops, flops * runs);
  });
  EXPECT_EQ(one.session->context().dispatchCounters()[0].runs, 1);
}

TEST(Session, LimitsItsOwnMemory) {
  OpenedDevice cpu = orExit(OpenedDevice::open("cpu"));
  CompiledModel model(example("mlp_top2.mlir"), cpu);
  auto inputs = model.makeInputs();
  std::string results = print(model.run(inputs));
  onThreads(4, [&](int number) {
    auto session = model.newSession({0, number % 2 ? 64 : 0});
    for (int run = 0; run < 10; ++run) {
      auto made = session->run(inputs);
      if (number % 2 == 0) {
        EXPECT_EQ(print(orExit(std::move(made))), results);
        continue;
      }
      ASSERT_FALSE(bool(made));
      auto [message, code] = takeMessage(made.takeError());
      EXPECT_EQ(code, ExitCode::Limit) << message;
      EXPECT_EQ(session->context().liveBytes(), 0);
    }
  });
}

TEST(Session, RefusesDataThatNobodyHas) {
  OpenedDevice cpu = orExit(OpenedDevice::open("cpu"));
  CompiledModel model(example("two_experts.mlir"), cpu);
  CompiledModel other(example("mlp_top2.mlir"), cpu);
  auto session = Session::create(model.session->executable(), *other.weights());
  ASSERT_FALSE(bool(session));
  EXPECT_NE(takeMessage(session.takeError())
                .first.find("compiled code may not read 'moe.weight."),
            std::string::npos);
}

/// Adds to what it has, and fails for a negative number, having changed it.
static constexpr const char *adder = R"(
ml_program.global private mutable @sum(dense<[100, 0]> : tensor<2xi64>) : tensor<2xi64>
func.func @main(%x: i64) -> i64 {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0 : i64
  %old = ml_program.global_load @sum : tensor<2xi64>
  %a = tensor.extract %old[%c0] : tensor<2xi64>
  %b = arith.addi %a, %x : i64
  %new = tensor.insert %b into %old[%c0] : tensor<2xi64>
  ml_program.global_store @sum = %new : tensor<2xi64>
  %ok = arith.cmpi sge, %x, %zero : i64
  cf.assert %ok, "negative"
  return %b : i64
}
)";

static void testState(StringRef name) {
  OpenedDevice device = orExit(OpenedDevice::open(name));
  TestDirectory files;
  CompiledModel model(files.write("model.mlir", adder), device);
  constexpr int runs = 25;
  onThreads(3, [&](int number) {
    auto session = model.newSession();
    std::string step = "i64=" + std::to_string(number + 1);
    auto input = parse({step.c_str()});
    for (int run = 1; run <= runs; ++run)
      EXPECT_EQ(print(orExit(session->run(input))),
                "i64=" + std::to_string(100 + run * (number + 1)) + "; ");
    auto failing = session->run(parse({"i64=-1"}));
    ASSERT_FALSE(bool(failing));
    EXPECT_NE(takeMessage(failing.takeError()).first.find("negative"),
              std::string::npos);
    orExit(session->resetStates());
    EXPECT_EQ(print(orExit(session->run(parse({"i64=5"})))), "i64=105; ");
    // Nothing but the state is kept.
    EXPECT_EQ(session->context().liveBytes(), 16);
  });
}

TEST(Session, HasStateOfItsOwn) { testState("cpu"); }
TEST(Session, HasStateOfItsOwnOnADevice) { testState("cuda-emulator"); }
