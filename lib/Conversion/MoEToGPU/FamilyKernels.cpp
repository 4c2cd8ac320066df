//===- FamilyKernels.cpp - A family as kernels over tiles -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which kernels run is chosen from the number of tokens, which the host knows;
// which tiles there are is in the table, which it does not know.
//
//===----------------------------------------------------------------------===//

#include "FamilyKernels.h"
#include "Scalars.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "moe/Conversion/DeviceSymbols.h"
#include "moe/Conversion/MoEToSCF/Loops.h"
#include "moe/Conversion/ParametersToMemRef/ParametersToMemRef.h"
#include "moe/Dialect/MoE/Transforms/Annotations.h"
#include "moe/Dialect/MoE/Transforms/Contractions.h"

using namespace mlir;
using namespace mlir::moe;

/// Up to this many rows for each expert, weights are better streamed once.
static constexpr int64_t fewRowsPerExpert = 16;

FamilyKernels::FamilyKernels(DispatchOp op, ParallelRouting routing,
                             ValueRange tokens, const GPUTarget &target)
    : op(op), routing(routing), tokens(tokens), target(target),
      stages(op.getExperts().front().getOps<ContractOp>()) {}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// A result of 16 bits hides what a division or a function loses by being
/// approximate, and exact ones would take longer than the product.
static void allowApproximation(Operation *op, Type element) {
  auto result = dyn_cast<FloatType>(element);
  auto approximable = dyn_cast<arith::ArithFastMathInterface>(op);
  if (!approximable || !result || result.getWidth() > 16 ||
      !isa<arith::DivFOp, math::ExpOp, math::TanhOp>(op))
    return;
  auto flags = approximable.getFastMathFlagsAttr();
  op->setAttr(approximable.getFastMathAttrName(),
              arith::FastMathFlagsAttr::get(
                  op->getContext(),
                  (flags ? flags.getValue() : arith::FastMathFlags::none) |
                      arith::FastMathFlags::afn));
}

bool FamilyKernels::isToken(Value value) const {
  return llvm::is_contained(op.getTokenArguments(op.getExperts().front()),
                            value);
}

EpilogueIndex FamilyKernels::indexOf(ContractOp stage, unsigned other) const {
  AffineMap map = stage.getMap(other);
  if (map.getNumResults() == 2)
    return isToken(stage.getOthers()[other]) ? EpilogueIndex::GatheredElement
                                             : EpilogueIndex::Element;
  return map.getDimPosition(0) == 0 ? EpilogueIndex::Row
                                    : EpilogueIndex::Column;
}

std::string FamilyKernels::check() const {
  Region &region = op.getExperts().front();
  auto isStage = [&](Value value) {
    auto stage = value.getDefiningOp<ContractOp>();
    return stage && stage->getBlock() == &region.front();
  };
  auto isOfExpert = [&](Value weight) {
    return moe::isOfExpert(op, region, weight);
  };
  for (Value result : region.front().getTerminator()->getOperands())
    if (!isStage(result))
      return "a result is not computed by a contraction";
  for (ContractOp stage : stages) {
    if (!llvm::all_of(stage.getWeights(), isOfExpert))
      return "a product is with other weights than the expert's parameters";
    if (stage.getRows() && !isToken(stage.getRows()) &&
        !isStage(stage.getRows()))
      return "the rows of a product are neither tokens nor a result";
    bool gathers = false;
    for (auto [number, other] : llvm::enumerate(stage.getOthers())) {
      if (stage.getMap(number).getNumResults() == 0)
        return "a number is computed while running";
      EpilogueIndex index = indexOf(stage, number);
      gathers |= index == EpilogueIndex::GatheredElement;
      if ((index == EpilogueIndex::Column && !isOfExpert(other)) ||
          (index == EpilogueIndex::Row &&
           other != op.getWeightsArgument(region)))
        return "a vector is neither a parameter of the expert nor the weights";
      if (index == EpilogueIndex::Element && !isStage(other))
        return "an element is neither of a token nor of a result";
    }
    if (gathers && stage.getRows() && !isToken(stage.getRows()))
      return "a stage reads both packed rows and tokens";
    if (stage.getOthers().empty() && stage.getWeights().empty())
      return "a stage reads nothing";
  }
  return "";
}

/// What the region of `stage` computes of its sums and of other elements.
static Value emitElement(ImplicitLocOpBuilder &b, ContractOp stage,
                         ValueRange sums, ValueRange elements) {
  IRMapping mapping;
  mapping.map(stage.getSums(), sums);
  mapping.map(stage.getElements(), elements);
  Block &block = stage.getBody().front();
  Type element = getElementTypeOrSelf(stage.getResult().getType());
  for (Operation &inner : block.without_terminator())
    allowApproximation(b.clone(inner, mapping), element);
  return mapping.lookupOrDefault(
      cast<YieldElementOp>(block.getTerminator()).getValue());
}

GroupedContraction FamilyKernels::describe(size_t index, StringRef purpose,
                                           int64_t expectedRows) const {
  ContractOp stage = stages[index];
  auto result = cast<RankedTensorType>(stage.getResult().getType());
  GroupedContraction spec;
  std::string name = (familyPrefix + Twine(getDispatchNumber(op))).str();
  if (auto given = op->getAttrOfType<StringAttr>(kernelNameAttr))
    name = given.str();
  spec.name = (name + "_" + Twine(index) + "_" + purpose).str();
  spec.resultType = result.getElementType();
  spec.elementType = Float32Type::get(op.getContext());
  spec.depth = 0;
  if (Value rows = stage.getRows()) {
    auto type = cast<RankedTensorType>(rows.getType());
    spec.elementType = cast<FloatType>(type.getElementType());
    spec.depth = type.getDimSize(1);
    spec.gather = isToken(rows);
  }
  spec.numContractions = stage.getWeights().size();
  spec.experts = op.getNumExperts();
  spec.columns = result.getDimSize(1);
  spec.expectedRows = expectedRows;
  for (auto [number, other] : llvm::enumerate(stage.getOthers())) {
    EpilogueIndex where = indexOf(stage, number);
    spec.operands.push_back({getElementTypeOrSelf(other.getType()), where});
    spec.gather |= where == EpilogueIndex::GatheredElement;
  }
  spec.epilogue = [stage](ImplicitLocOpBuilder &b, ValueRange accumulators,
                          ValueRange operands) {
    return emitElement(b, stage, accumulators, operands);
  };
  return spec;
}

std::optional<ContractionKernel>
FamilyKernels::buildFirst(ArrayRef<ContractionVariant> variants,
                          const GroupedContraction &spec, std::string &why) {
  auto module = op->getParentOfType<ModuleOp>();
  OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
  module->setAttr(gpu::GPUDialect::getContainerModuleAttrName(),
                  b.getUnitAttr());
  for (ContractionVariant variant : variants)
    if (canBuild(variant, spec, target, why))
      return buildContraction(b, op.getLoc(), variant, spec, target);
  return std::nullopt;
}

std::string FamilyKernels::build() {
  std::string why = check();
  if (!why.empty())
    return why;
  bool streams = false;
  for (size_t index = 0; index < stages.size(); ++index) {
    auto kernel =
        buildFirst({ContractionVariant::WGMMA, ContractionVariant::MMA,
                    ContractionVariant::SIMT},
                   describe(index, "many"), why);
    if (!kernel)
      return why;
    streams |= kernel->variant != ContractionVariant::SIMT;
    many.push_back(*kernel);
  }
  if (!streams)
    return "";
  for (size_t index = 0; index < stages.size(); ++index) {
    auto kernel =
        buildFirst({ContractionVariant::Streaming, ContractionVariant::SIMT},
                   describe(index, "few", fewRowsPerExpert), why);
    if (!kernel)
      return why;
    few.push_back(*kernel);
  }
  return "";
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

static Value divideUp(ImplicitLocOpBuilder &b, Value value, int64_t divisor) {
  return arith::CeilDivUIOp::create(b, value, constantIndex(b, divisor));
}

/// The number of assignments of an expert.
static Value countOf(ImplicitLocOpBuilder &b, Value offsets, Value expert) {
  Value next = add(b, expert, constantIndex(b, 1));
  return arith::SubIOp::create(b, extractAt(b, offsets, next),
                               extractAt(b, offsets, expert));
}

/// The numbers of `tile`: expert, first row, rows; all 0 beyond the last one.
static SmallVector<Value> findTile(ImplicitLocOpBuilder &b, Value offsets,
                                   Value experts, Value tile,
                                   int64_t tileRows) {
  Value zero = constantIndex(b, 0);
  Value size = constantIndex(b, tileRows);
  return forEach(
      b, zero, experts, {zero, zero, zero, zero},
      [&](ImplicitLocOpBuilder &b, Value expert, ValueRange carried) {
        Value count = countOf(b, offsets, expert);
        Value next = add(b, carried[0], divideUp(b, count, tileRows));
        Value here = within(b, tile, carried[0], next);
        Value before = arith::MulIOp::create(
            b, arith::SubIOp::create(b, tile, carried[0]), size);
        Value first = add(b, extractAt(b, offsets, expert), before);
        Value rows = arith::MinUIOp::create(
            b, arith::SubIOp::create(b, count, before), size);
        auto keep = [&](Value value, unsigned field) {
          return arith::SelectOp::create(b, here, value, carried[field])
              .getResult();
        };
        return SmallVector<Value>{next, keep(expert, 1), keep(first, 2),
                                  keep(rows, 3)};
      });
}

SmallVector<Value> FamilyKernels::makeTable(ImplicitLocOpBuilder &b,
                                            int64_t tileRows) {
  Type i32 = b.getI32Type();
  Value experts = constantIndex(b, op.getNumExperts());
  Value places = tensor::DimOp::create(b, routing.ids, constantIndex(b, 0));
  // Each expert with rows may have one tile that is not full.
  Value most = arith::MinUIOp::create(
      b, places, add(b, divideUp(b, places, tileRows), experts));
  Value table = generate(
      b, {most, b.getIndexAttr(4)}, i32,
      [&](ImplicitLocOpBuilder &b, ValueRange at) -> Value {
        SmallVector<Value> tile =
            findTile(b, routing.offsets, experts, at[0], tileRows);
        Value field = constantIndex(b, 0);
        for (int64_t number = 0; number < 3; ++number) {
          Value mine = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, at[1],
                                             constantIndex(b, number));
          field = arith::SelectOp::create(b, mine, tile[number + 1], field);
        }
        return arith::IndexCastOp::create(b, i32, field);
      });
  Value count = generate(
      b, {b.getIndexAttr(1)}, i32,
      [&](ImplicitLocOpBuilder &b, ValueRange) -> Value {
        Value zero = constantIndex(b, 0);
        Value tiles = forEach(
            b, zero, experts, zero,
            [&](ImplicitLocOpBuilder &b, Value expert, ValueRange carried) {
              Value rows = countOf(b, routing.offsets, expert);
              return SmallVector<Value>{
                  add(b, carried[0], divideUp(b, rows, tileRows))};
            })[0];
        return arith::IndexCastOp::create(b, i32, tiles);
      });
  return {bufferOf(b, table), bufferOf(b, count), most};
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

/// The buffer of a tensor that is only read.
Value FamilyKernels::bufferOf(ImplicitLocOpBuilder &b, Value value) const {
  auto type = cast<RankedTensorType>(value.getType());
  return bufferization::ToBufferOp::create(
      b, MemRefType::get(type.getShape(), type.getElementType()), value,
      /*read_only=*/true);
}

Value FamilyKernels::stackOf(ImplicitLocOpBuilder &b, Value weight) const {
  ParameterOp parameter =
      getParameterOfExpert(op, op.getExperts().front(), weight);
  if (!parameter) {
    // Of the only expert.
    auto type = cast<RankedTensorType>(weight.getType());
    SmallVector<int64_t> shape{1};
    llvm::append_range(shape, type.getShape());
    SmallVector<ReassociationIndices> dims{{0, 1}};
    for (int64_t dim = 2; dim <= type.getRank(); ++dim)
      dims.push_back({dim});
    return bufferOf(
        b, tensor::ExpandShapeOp::create(b, type.clone(shape), weight, dims));
  }
  return makeStackView(b, op->getParentOfType<ModuleOp>(), parameter,
                       parameter.getNumbers().drop_back());
}

Value FamilyKernels::rowsOf(ImplicitLocOpBuilder &b, Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument)
    return buffers.lookup(value);
  ArrayRef<BlockArgument> arguments =
      op.getTokenArguments(op.getExperts().front());
  return bufferOf(
      b, tokens[argument.getArgNumber() - arguments.front().getArgNumber()]);
}

void FamilyKernels::launchStage(ImplicitLocOpBuilder &b,
                                const ContractionKernel &kernel,
                                ContractOp stage, ValueRange table, Value out) {
  Value none = arith::ConstantOp::create(b, b.getI64IntegerAttr(0));
  SmallVector<Value> arguments{stage.getRows() ? rowsOf(b, stage.getRows())
                                               : none};
  for (Value weight : stage.getWeights())
    arguments.push_back(stackOf(b, weight));
  arguments.push_back(bufferOf(b, routing.ids));
  arguments.append({table[0], table[1]});
  for (auto [number, other] : llvm::enumerate(stage.getOthers())) {
    EpilogueIndex where = indexOf(stage, number);
    if (where == EpilogueIndex::Column)
      arguments.push_back(stackOf(b, other));
    else if (where == EpilogueIndex::Row)
      arguments.push_back(bufferOf(b, routing.weights));
    else
      arguments.push_back(rowsOf(b, other));
  }
  arguments.push_back(out);

  auto size = [&](int64_t value) { return constantIndex(b, value); };
  Value one = size(1);
  gpu::KernelDim3 grid{size(kernel.columnBlocks), table[2], one};
  if (kernel.persistent) {
    Value processors = func::CallOp::create(b, multiprocessorsFunction,
                                            b.getI64Type(), ValueRange())
                           .getResult(0);
    grid = {arith::IndexCastOp::create(b, b.getIndexType(), processors), one,
            one};
  }
  gpu::KernelDim3 block{size(kernel.threads), one, one};
  Value shared =
      arith::ConstantOp::create(b, b.getI32IntegerAttr(kernel.sharedBytes));
  gpu::GPUModuleOp module = kernel.module;
  auto function = *module.getOps<LLVM::LLVMFuncOp>().begin();
  for (auto candidate : module.getOps<LLVM::LLVMFuncOp>())
    if (candidate->hasAttr(gpu::GPUDialect::getKernelFuncAttrName()))
      function = candidate;
  auto launch = gpu::LaunchFuncOp::create(
      b,
      SymbolRefAttr::get(module.getNameAttr(),
                         {FlatSymbolRefAttr::get(function.getNameAttr())}),
      grid, block, shared, arguments, /*asyncTokenType=*/Type());
  // How operands are passed: the addresses of buffers, and maps of some.
  SmallVector<Attribute> maps;
  auto map = [&](int64_t operand, ArrayRef<int64_t> box) {
    SmallVector<int64_t> entry{operand};
    llvm::append_range(entry, box);
    maps.push_back(b.getDenseI64ArrayAttr(entry));
  };
  if (kernel.mapsLhs)
    map(0, {kernel.boxDepth, kernel.tileRows});
  if (kernel.mapsRhs)
    for (size_t i = 0; i < stage.getWeights().size(); ++i)
      map(i + 1, {kernel.boxDepth, kernel.boxColumns, 1});
  launch->setAttr(launchMapsAttr, b.getArrayAttr(maps));
}

void FamilyKernels::launchAll(ImplicitLocOpBuilder &b, const Kernels &kernels,
                              ValueRange outs) {
  DenseMap<int64_t, SmallVector<Value>> tables;
  for (auto [kernel, stage, out] : llvm::zip_equal(kernels, stages, outs)) {
    SmallVector<Value> &table = tables[kernel.tileRows];
    if (table.empty())
      table = makeTable(b, kernel.tileRows);
    launchStage(b, kernel, stage, table, out);
    if (op->hasAttr(countedAttr))
      countTiles(b, kernel.tileRows);
  }
}

void FamilyKernels::countTiles(ImplicitLocOpBuilder &b, int64_t tileRows) {
  Counting counting(op);
  forEach(b, constantIndex(b, 0), constantIndex(b, op.getNumExperts()), {},
          [&](ImplicitLocOpBuilder &b, Value expert, ValueRange) {
            Value rows = countOf(b, routing.offsets, expert);
            counting.tiles(b, expert, divideUp(b, rows, tileRows));
            return SmallVector<Value>();
          });
}

SmallVector<Value> FamilyKernels::launch(ImplicitLocOpBuilder &b) {
  Value places = tensor::DimOp::create(b, routing.ids, constantIndex(b, 0));
  // Never none: with no column of assignments the size is a constant, and no
  // offset into a dimension of constant size 0 is valid, not even 0.
  Value rows = arith::MaxUIOp::create(b, places, constantIndex(b, 1));
  SmallVector<Value> outs;
  for (ContractOp stage : stages) {
    auto type = cast<RankedTensorType>(stage.getResult().getType());
    outs.push_back(memref::AllocOp::create(
        b,
        MemRefType::get({ShapedType::kDynamic, type.getDimSize(1)},
                        type.getElementType()),
        rows));
    buffers[stage.getResult()] = outs.back();
  }
  if (few.empty()) {
    launchAll(b, many, outs);
  } else {
    Value bound = constantIndex(b, fewRowsPerExpert * op.getNumExperts());
    Value isFew =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ule, places, bound);
    auto launchIn = [&](const Kernels &kernels) {
      return [&](OpBuilder &nested, Location loc) {
        ImplicitLocOpBuilder inner(loc, nested);
        launchAll(inner, kernels, outs);
        scf::YieldOp::create(inner);
      };
    };
    scf::IfOp::create(b, isFew, launchIn(few), launchIn(many));
  }
  auto yield = cast<YieldOp>(op.getExperts().front().front().getTerminator());
  return llvm::map_to_vector(yield.getResults(), [&](Value result) -> Value {
    return bufferization::ToTensorOp::create(
        b, result.getType(), buffers.lookup(result), /*restrict=*/true,
        /*writable=*/true);
  });
}
