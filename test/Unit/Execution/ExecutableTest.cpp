//===- ExecutableTest.cpp - Tests of running models -----------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Support/CompiledModel.h"
#include "moe/Tensor/Literal.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mlir::moe;

static std::vector<std::string> contentsOf(ArrayRef<HostTensor> tensors) {
  std::vector<std::string> bytes;
  for (const HostTensor &tensor : tensors)
    bytes.emplace_back(tensor.data(), tensor.sizeInBytes());
  return bytes;
}

static std::string print(const HostTensor &tensor) {
  std::string text;
  llvm::raw_string_ostream os(text);
  printLiteral(os, tensor);
  return text;
}

/// Runs a model again and again: its inputs stay, and so do its results, also
/// those that were handed out before.
static std::vector<HostTensor> runRepeatedly(CompiledModel &model,
                                             ArrayRef<HostTensor> inputs) {
  std::vector<std::string> given = contentsOf(inputs);
  std::vector<HostTensor> first = model.run(inputs);
  std::vector<std::string> computed = contentsOf(first);
  EXPECT_EQ(contentsOf(inputs), given);
  for (int repetition = 0; repetition < 2; ++repetition) {
    EXPECT_EQ(contentsOf(model.run(inputs)), computed);
    EXPECT_EQ(contentsOf(inputs), given);
  }
  EXPECT_EQ(contentsOf(first), computed);
  return first;
}

TEST(Executable, RunsEveryExampleAgain) {
  OpenedDevice cpu = orExit(OpenedDevice::open("cpu"));
  std::error_code code;
  unsigned models = 0;
  std::string examples = std::string(MOE_DOCS_DIR) + "/examples";
  for (llvm::sys::fs::recursive_directory_iterator it(examples, code), end;
       it != end && !code; it.increment(code)) {
    if (llvm::sys::path::extension(it->path()) != ".mlir")
      continue;
    SCOPED_TRACE(it->path());
    CompiledModel model(it->path(), cpu);
    runRepeatedly(model, model.makeInputs());
    ++models;
  }
  EXPECT_GE(models, 17u);
}

namespace {
/// A function that could compute its result in the place of an argument.
struct InPlace {
  const char *name;
  const char *body;
  std::vector<std::string> inputs;
  std::vector<std::string> results;
};
} // namespace

static const std::vector<InPlace> inPlace = {
    {"sums products into an argument",
     R"(func.func @main(%acc: tensor<2x2xf32>, %a: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %y = linalg.matmul ins(%a, %a : tensor<2x2xf32>, tensor<2x2xf32>) outs(%acc : tensor<2x2xf32>) -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
})",
     {"2x2xf32=1 2 3 4", "2x2xf32=1 1 0 1"},
     {"2x2xf32=[[2 4][3 5]]"}},
    {"updates a row of a cache",
     R"(func.func @main(%cache: tensor<3x2xf32>, %x: tensor<1x2xf32>, %at: index) -> tensor<3x2xf32> {
  %y = tensor.insert_slice %x into %cache[%at, 0] [1, 2] [1, 1] : tensor<1x2xf32> into tensor<3x2xf32>
  return %y : tensor<3x2xf32>
})",
     {"3x2xf32=1 2 3 4 5 6", "1x2xf32=8 9", "i64=1"},
     {"3x2xf32=[[1 2][8 9][5 6]]"}},
    {"computes each element from what was there",
     R"(func.func @main(%x: tensor<?xi32>) -> tensor<?xi32> {
  %y = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%x : tensor<?xi32>) {
  ^bb0(%a: i32):
    %s = arith.addi %a, %a : i32
    linalg.yield %s : i32
  } -> tensor<?xi32>
  return %y : tensor<?xi32>
})",
     {"3xi32=1 2 3"},
     {"3xi32=2 4 6"}},
    {"begins a loop with an argument",
     R"(func.func @main(%x: tensor<3xf64>) -> tensor<3xf64> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %y = scf.for %i = %c0 to %c3 step %c1 iter_args(%t = %x) -> (tensor<3xf64>) {
    %a = tensor.extract %t[%c0] : tensor<3xf64>
    %b = tensor.extract %t[%i] : tensor<3xf64>
    %s = arith.addf %a, %b : f64
    %n = tensor.insert %s into %t[%i] : tensor<3xf64>
    scf.yield %n : tensor<3xf64>
  }
  return %y : tensor<3xf64>
})",
     {"3xf64=1 2 3"},
     {"3xf64=2 4 5"}},
    {"returns arguments, whole, in part, in another shape, and changed",
     R"(func.func @main(%x: tensor<2x2xf32>) -> (tensor<2x2xf32>, tensor<1x2xf32>, tensor<4xf32>, tensor<2x2xf32>, tensor<2x2xf32>) {
  %part = tensor.extract_slice %x[1, 0] [1, 2] [1, 1] : tensor<2x2xf32> to tensor<1x2xf32>
  %flat = tensor.collapse_shape %x [[0, 1]] : tensor<2x2xf32> into tensor<4xf32>
  %y = tensor.insert_slice %part into %x[0, 0] [1, 2] [1, 1] : tensor<1x2xf32> into tensor<2x2xf32>
  return %x, %part, %flat, %y, %x : tensor<2x2xf32>, tensor<1x2xf32>, tensor<4xf32>, tensor<2x2xf32>, tensor<2x2xf32>
})",
     {"2x2xf32=1 2 3 4"},
     {"2x2xf32=[[1 2][3 4]]", "1x2xf32=[[3 4]]", "4xf32=1 2 3 4",
      "2x2xf32=[[3 4][3 4]]", "2x2xf32=[[1 2][3 4]]"}},
    {"changes an argument in one branch",
     R"(func.func @main(%x: tensor<2xf32>, %c: i1) -> tensor<2xf32> {
  %c0 = arith.constant 0 : index
  %v = arith.constant 7.0 : f32
  %y = scf.if %c -> tensor<2xf32> {
    %n = tensor.insert %v into %x[%c0] : tensor<2xf32>
    scf.yield %n : tensor<2xf32>
  } else {
    scf.yield %x : tensor<2xf32>
  }
  return %y : tensor<2xf32>
})",
     {"2xf32=1 2", "i1=true"},
     {"2xf32=7 2"}},
};

static void testInPlace(StringRef device) {
  OpenedDevice opened = orExit(OpenedDevice::open(device));
  TestDirectory files;
  for (const InPlace &test : inPlace) {
    SCOPED_TRACE(test.name);
    CompiledModel model(files.write("model.mlir", test.body), opened);
    std::vector<HostTensor> inputs;
    for (const std::string &input : test.inputs)
      inputs.push_back(orExit(parseLiteral(input)));
    std::vector<std::string> results;
    for (const HostTensor &result : runRepeatedly(model, inputs))
      results.push_back(print(result));
    EXPECT_EQ(results, test.results);
    EXPECT_EQ(model.session->context().liveBytes(), 0);
  }
}

TEST(Executable, WritesIntoNoArgument) { testInPlace("cpu"); }
TEST(Executable, WritesIntoNoArgumentOfADevice) {
  testInPlace("cuda-emulator");
}
