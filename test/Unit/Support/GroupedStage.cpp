//===- GroupedStage.cpp - A grouped contraction on random data ------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GroupedStage.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "gtest/gtest.h"

#include <cmath>
#include <cstring>
#include <limits>

using namespace mlir;
using namespace mlir::moe;

//===----------------------------------------------------------------------===//
// Epilogues
//===----------------------------------------------------------------------===//

static Value widen(ImplicitLocOpBuilder &b, Value value) {
  return value.getType().isF32()
             ? value
             : arith::ExtFOp::create(b, b.getF32Type(), value);
}

static Value sumOf(ImplicitLocOpBuilder &b, ValueRange values) {
  Value sum = arith::ConstantOp::create(b, b.getF32FloatAttr(0));
  for (Value value : values)
    sum = arith::AddFOp::create(b, sum, value);
  return sum;
}

static Value emitEpilogue(ImplicitLocOpBuilder &b, TestEpilogue epilogue,
                          ValueRange accumulators, ValueRange operands) {
  switch (epilogue) {
  case TestEpilogue::Sum:
    return sumOf(b, accumulators);
  case TestEpilogue::SwiGLU: {
    Value one = arith::ConstantOp::create(b, b.getF32FloatAttr(1));
    Value gate = accumulators[0];
    Value negated = arith::NegFOp::create(b, gate);
    Value power = math::ExpOp::create(b, negated, arith::FastMathFlags::fast);
    Value sum = arith::AddFOp::create(b, one, power);
    Value activated = arith::DivFOp::create(b, gate, sum);
    return arith::MulFOp::create(b, activated, accumulators[1]);
  }
  case TestEpilogue::RowWeight:
    return arith::MulFOp::create(b, accumulators[0], operands[0]);
  case TestEpilogue::EveryOperand: {
    Value biased =
        arith::AddFOp::create(b, sumOf(b, accumulators), widen(b, operands[0]));
    Value scaled = arith::MulFOp::create(b, biased, widen(b, operands[1]));
    Value sum = arith::AddFOp::create(b, scaled, widen(b, operands[2]));
    return arith::AddFOp::create(b, sum, widen(b, operands[3]));
  }
  }
  llvm_unreachable("an epilogue without a case");
}

static double meaningOf(TestEpilogue epilogue,
                        const std::vector<double> &accumulators,
                        const std::vector<double> &operands) {
  double sum = 0;
  for (double accumulator : accumulators)
    sum += accumulator;
  switch (epilogue) {
  case TestEpilogue::Sum:
    return sum;
  case TestEpilogue::SwiGLU:
    return accumulators[0] / (1 + std::exp(-accumulators[0])) * accumulators[1];
  case TestEpilogue::RowWeight:
    return accumulators[0] * operands[0];
  case TestEpilogue::EveryOperand:
    return (sum + operands[0]) * operands[1] + operands[2] + operands[3];
  }
  llvm_unreachable("an epilogue without a case");
}

void mlir::moe::setEpilogue(GroupedContraction &spec, TestEpilogue epilogue) {
  Type f32 = Float32Type::get(spec.resultType.getContext());
  spec.operands.clear();
  if (epilogue == TestEpilogue::RowWeight)
    spec.operands = {{f32, EpilogueIndex::Row}};
  if (epilogue == TestEpilogue::EveryOperand)
    spec.operands = {{spec.elementType, EpilogueIndex::Column},
                     {f32, EpilogueIndex::Row},
                     {spec.elementType, EpilogueIndex::Element},
                     {f32, EpilogueIndex::GatheredElement}};
  Type type = spec.resultType;
  spec.epilogue = [epilogue, type](ImplicitLocOpBuilder &b,
                                   ValueRange accumulators,
                                   ValueRange operands) {
    Value result = emitEpilogue(b, epilogue, accumulators, operands);
    return type.isF32() ? result : arith::TruncFOp::create(b, type, result);
  };
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

static llvm::APFloat rounded(double value, Type type) {
  llvm::APFloat number(value);
  bool losesInfo;
  number.convert(cast<FloatType>(type).getFloatSemantics(),
                 llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  return number;
}

static double roundTo(double value, Type type) {
  llvm::APFloat number = rounded(value, type);
  bool losesInfo;
  number.convert(llvm::APFloat::IEEEdouble(),
                 llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  return number.convertToDouble();
}

std::vector<uint8_t> StageTensor::bytes() const {
  size_t width = type.getIntOrFloatBitWidth() / 8;
  std::vector<uint8_t> bytes(values.size() * width);
  for (auto [i, value] : llvm::enumerate(values)) {
    uint64_t bits = rounded(value, type).bitcastToAPInt().getZExtValue();
    std::memcpy(bytes.data() + i * width, &bits, width);
  }
  return bytes;
}

void StageTensor::assignBytes(const std::vector<uint8_t> &bytes) {
  size_t width = type.getIntOrFloatBitWidth() / 8;
  values.clear();
  for (size_t i = 0; i < bytes.size(); i += width) {
    uint64_t bits = 0;
    std::memcpy(&bits, bytes.data() + i, width);
    llvm::APFloat number(cast<FloatType>(type).getFloatSemantics(),
                         llvm::APInt(width * 8, bits));
    bool losesInfo;
    number.convert(llvm::APFloat::IEEEdouble(),
                   llvm::APFloat::rmNearestTiesToEven, &losesInfo);
    values.push_back(number.convertToDouble());
  }
}

//===----------------------------------------------------------------------===//
// The stage
//===----------------------------------------------------------------------===//

GroupedStage::GroupedStage(const GroupedContraction &spec,
                           TestEpilogue epilogue, int64_t tileRows,
                           unsigned seed)
    : spec(spec), epilogue(epilogue) {
  std::mt19937 random(seed);
  auto below = [&](int64_t limit) { return int64_t(random() % limit); };
  for (int64_t expert = 0; expert < spec.experts; ++expert) {
    const int64_t some[] = {0, 1 + below(3), tileRows + below(3),
                            1 + below(tileRows)};
    // One expert at least has rows, and one has none.
    int64_t rows = some[expert == 0 ? 1 : expert == 1 ? 0 : below(4)];
    for (int64_t first = 0; first < rows; first += tileRows) {
      int64_t begin = experts.size() + first;
      for (int64_t field :
           {expert, begin, std::min(tileRows, rows - first), int64_t(0)})
        table.push_back(static_cast<int32_t>(field));
    }
    experts.insert(experts.end(), rows, expert);
  }
  assignments = experts.size();
  tokens = spec.gather ? assignments / 2 + 3 : assignments;
  std::vector<bool> hasRow(tokens), hasExpert(spec.experts);
  for (int64_t i = 0; i < assignments; ++i) {
    ids.push_back(spec.gather ? below(tokens) : i);
    hasRow[ids[i]] = true;
    hasExpert[experts[i]] = true;
  }

  std::uniform_real_distribution<double> uniform(-1, 1);
  auto fill = [&](Type type, int64_t lines, int64_t length, double scale,
                  const std::vector<bool> *lineExists) {
    StageTensor tensor = {type, {}};
    tensor.values.reserve(lines * length);
    for (int64_t i = 0; i < lines * length; ++i)
      tensor.values.push_back(!lineExists || (*lineExists)[i / length]
                                  ? roundTo(scale * uniform(random), type)
                                  : std::numeric_limits<double>::quiet_NaN());
    return tensor;
  };
  if (spec.numContractions > 0)
    lhs = fill(spec.elementType, tokens, spec.depth, 1, &hasRow);
  for (int64_t i = 0; i < spec.numContractions; ++i)
    rhs.push_back(fill(spec.elementType, spec.experts,
                       spec.columns * spec.depth, 3 / std::sqrt(spec.depth),
                       &hasExpert));
  for (const EpilogueOperand &operand : spec.operands) {
    Type type = operand.elementType;
    switch (operand.index) {
    case EpilogueIndex::Column:
      operands.push_back(fill(type, spec.experts, spec.columns, 1, &hasExpert));
      break;
    case EpilogueIndex::Row:
      operands.push_back(fill(type, assignments, 1, 1, nullptr));
      break;
    case EpilogueIndex::Element:
      operands.push_back(fill(type, assignments, spec.columns, 1, nullptr));
      break;
    case EpilogueIndex::GatheredElement:
      operands.push_back(fill(type, tokens, spec.columns, 1, &hasRow));
      break;
    }
  }
}

double GroupedStage::operandAt(size_t operand, int64_t expert, int64_t position,
                               int64_t column) const {
  const std::vector<double> &values = operands[operand].values;
  switch (spec.operands[operand].index) {
  case EpilogueIndex::Column:
    return values[expert * spec.columns + column];
  case EpilogueIndex::Row:
    return values[position];
  case EpilogueIndex::Element:
    return values[position * spec.columns + column];
  case EpilogueIndex::GatheredElement:
    return values[ids[position] * spec.columns + column];
  }
  llvm_unreachable("an index without a case");
}

std::vector<double> GroupedStage::expected() const {
  std::vector<double> results;
  for (int64_t i = 0; i < assignments; ++i)
    for (int64_t n = 0; n < spec.columns; ++n) {
      std::vector<double> sums, own;
      for (const StageTensor &weights : rhs) {
        const double *left = &lhs.values[ids[i] * spec.depth];
        const double *right =
            &weights.values[(experts[i] * spec.columns + n) * spec.depth];
        double sum = 0;
        for (int64_t k = 0; k < spec.depth; ++k)
          sum += left[k] * right[k];
        sums.push_back(sum);
      }
      for (size_t operand = 0; operand < operands.size(); ++operand)
        own.push_back(operandAt(operand, experts[i], i, n));
      results.push_back(meaningOf(epilogue, sums, own));
    }
  return results;
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

namespace {
/// Memory of a device for as long as a kernel runs.
class DeviceBuffers {
public:
  explicit DeviceBuffers(rt::Device &device) : device(device) {}
  ~DeviceBuffers() {
    for (void *block : blocks)
      device.release(block);
    EXPECT_EQ(device.synchronize(), "");
  }

  void *allocate(int64_t bytes) {
    std::string problem;
    blocks.push_back(device.allocate(bytes, problem));
    EXPECT_EQ(problem, "");
    return blocks.back();
  }
  void *upload(const void *bytes, int64_t count) {
    void *block = allocate(count);
    EXPECT_EQ(device.write(block, bytes, count), "");
    return block;
  }
  void *upload(const StageTensor &tensor) {
    std::vector<uint8_t> bytes = tensor.bytes();
    return upload(bytes.data(), bytes.size());
  }

private:
  rt::Device &device;
  std::vector<void *> blocks;
};

struct alignas(64) TensorMap {
  uint8_t bytes[MoETensorMapBytes];
};
} // namespace

StageTensor mlir::moe::runStage(const GroupedContraction &spec,
                                const GroupedStage &stage,
                                const ContractionKernel &kernel,
                                rt::Device &device, LaunchFunction launch) {
  DeviceBuffers buffers(device);
  std::vector<void *> pointers;
  bool multiplies = spec.numContractions > 0;
  pointers.push_back(multiplies ? buffers.upload(stage.lhs) : nullptr);
  for (const StageTensor &weights : stage.rhs)
    pointers.push_back(buffers.upload(weights));
  pointers.push_back(
      spec.gather ? buffers.upload(stage.ids.data(), stage.ids.size() * 8)
                  : nullptr);
  pointers.push_back(
      buffers.upload(stage.table.data(), stage.table.size() * 4));
  int32_t count = stage.tiles();
  pointers.push_back(buffers.upload(&count, sizeof(count)));
  for (const StageTensor &operand : stage.operands)
    pointers.push_back(buffers.upload(operand));
  StageTensor result = {spec.resultType, {}};
  std::vector<uint8_t> bytes(stage.assignments * spec.columns *
                             spec.resultType.getIntOrFloatBitWidth() / 8);
  void *out = buffers.allocate(bytes.size());
  pointers.push_back(out);

  int64_t width = spec.elementType.getIntOrFloatBitWidth() / 8;
  std::vector<TensorMap> maps(1 + spec.numContractions);
  std::vector<void *> arguments;
  for (void *&pointer : pointers)
    arguments.push_back(&pointer);
  if (kernel.mapsLhs) {
    int64_t sizes[] = {spec.depth, stage.tokens};
    int64_t strides[] = {spec.depth * width};
    int64_t box[] = {kernel.boxDepth, kernel.tileRows};
    EXPECT_EQ(device.makeTensorMap(
                  &maps[0], {pointers[0], width, 2, sizes, strides, box}),
              "");
    arguments.push_back(&maps[0]);
  }
  for (int64_t i = 0; kernel.mapsRhs && i < spec.numContractions; ++i) {
    int64_t sizes[] = {spec.depth, spec.columns, spec.experts};
    int64_t strides[] = {spec.depth * width, spec.columns * spec.depth * width};
    int64_t box[] = {kernel.boxDepth, kernel.boxColumns, 1};
    EXPECT_EQ(device.makeTensorMap(&maps[1 + i], {pointers[1 + i], width, 3,
                                                  sizes, strides, box}),
              "");
    arguments.push_back(&maps[1 + i]);
  }

  constexpr int64_t tooManyTiles = 2;
  rt::Launch shape = {{kernel.columnBlocks, count + tooManyTiles, 1},
                      {kernel.threads, 1, 1},
                      kernel.sharedBytes,
                      arguments.data()};
  if (kernel.persistent) {
    shape.grid[0] = device.multiprocessors();
    shape.grid[1] = 1;
  }
  EXPECT_EQ(launch(shape), "");
  EXPECT_EQ(device.read(bytes.data(), out, bytes.size()), "");
  result.assignBytes(bytes);
  return result;
}
