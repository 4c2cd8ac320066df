//===- CountDispatches.cpp - Counting what dispatches do -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Calls of the runtime's counters are put right before the operations that they
// count, so that they follow loops and conditions inside an expert. The dense
// form's number of operations is worked out beside it, where it does not depend
// on data.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/MLProgram/IR/MLProgramAttributes.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "moe/Dialect/MoE/IR/Locations.h"
#include "moe/Dialect/MoE/Transforms/Annotations.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::moe;

/// Floating-point operations of one scalar operation: a multiply-add is two
/// operations, moving or converting a number none.
static int64_t scalarFlops(Operation *op) {
  if (op->getNumResults() != 1 || !isa<FloatType>(op->getResult(0).getType()))
    return 0;
  if (isa<math::FmaOp>(op))
    return 2;
  if (isa<math::MathDialect>(op->getDialect()))
    return 1;
  return isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp,
             arith::RemFOp, arith::NegFOp, arith::MaximumFOp, arith::MinimumFOp,
             arith::MaxNumFOp, arith::MinNumFOp>(op);
}

/// Bytes of a tensor of static shape.
static int64_t bytesOf(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return tensor.getNumElements() *
         llvm::divideCeil(tensor.getElementTypeBitWidth(), 8);
}

/// The weights that `value` may be a part of: extern globals and parameters.
static void collectWeights(Value value, SetVector<Operation *> &weights) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return;
  if (auto load = dyn_cast<ml_program::GlobalLoadConstOp>(op)) {
    auto global = SymbolTable::lookupNearestSymbolFrom<ml_program::GlobalOp>(
        load, load.getGlobalAttr());
    if (global &&
        isa_and_nonnull<ml_program::ExternAttr>(global.getValueAttr()))
      weights.insert(load);
    return;
  }
  if (isa<ParameterOp>(op)) {
    weights.insert(op);
    return;
  }
  if (auto pick = dyn_cast<PickOp>(op)) {
    // By another number than an expert's one of them is read, by whatever run.
    auto argument = dyn_cast<BlockArgument>(pick.getNumber());
    bool byExpert =
        argument && isa<DispatchOp>(argument.getOwner()->getParentOp());
    for (Value tensor :
         pick.getTensors().take_front(byExpert ? pick.getTensors().size() : 1))
      collectWeights(tensor, weights);
    return;
  }
  if (isa<tensor::ExtractSliceOp, tensor::CastOp, tensor::ExpandShapeOp,
          tensor::CollapseShapeOp>(op))
    collectWeights(op->getOperand(0), weights);
}

/// The largest part of a weight around `value` that lies in one piece: a slice
/// counts as itself if it is whole in all dimensions after the first that is
/// cut to more than one element.
static Value contiguousPart(Value value) {
  auto slice = value.getDefiningOp<tensor::ExtractSliceOp>();
  if (!slice)
    return value;
  ArrayRef<int64_t> source = slice.getSourceType().getShape();
  bool cut = false;
  for (auto [size, whole] :
       llvm::reverse(llvm::zip_equal(slice.getStaticSizes(), source))) {
    if (cut && size != 1)
      return contiguousPart(slice.getSource());
    cut |= size != whole;
  }
  bool unit = llvm::all_of(slice.getStaticStrides(),
                           [](int64_t stride) { return stride == 1; });
  return unit ? value : contiguousPart(slice.getSource());
}

namespace {

/// Counts in the bodies of one dispatch.
class BodyCounter {
public:
  explicit BodyCounter(DispatchOp op) : op(op), counting(op) {}

  DictionaryAttr count() {
    for (Region &region : op.getExperts())
      countBlock(region.front(), 1);
    countRun();
    return describe();
  }

private:
  void countRun();
  /// `trips` is how often the block runs for one run of the body, or none if
  /// that depends on data.
  void countBlock(Block &block, std::optional<int64_t> trips);
  void countLinalg(linalg::LinalgOp linalg, std::optional<int64_t> trips);
  void countReads(Operation *reader);
  /// Adds `flops` for each run of an operation over `ranges`.
  void addDense(int64_t flops, ArrayRef<int64_t> ranges,
                std::optional<int64_t> trips);
  DictionaryAttr describe();

  DispatchOp op;
  Counting counting;
  SetVector<Operation *> weights;
  int64_t fixed = 0, perToken = 0;
  bool dataDependent = false;
};

} // namespace

/// A run of the dispatch, and each of a body.
void BodyCounter::countRun() {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  counting.run(b, op.getRouting());
  b.setInsertionPointAfter(op);
  counting.endRun(b);
  for (Region &region : op.getExperts()) {
    b.setInsertionPointToStart(&region.front());
    Value expert =
        op.isFamily()
            ? op.getExpertArgument(region)
            : arith::ConstantIndexOp::create(b, region.getRegionNumber())
                  .getResult();
    counting.evaluate(b, expert);
    b.setInsertionPoint(region.front().getTerminator());
    counting.endEvaluate(b, expert);
  }
}

void BodyCounter::countBlock(Block &block, std::optional<int64_t> trips) {
  for (Operation &inner : llvm::make_early_inc_range(block)) {
    if (isa<DispatchOp>(inner))
      continue; // counts for itself
    if (auto linalg = dyn_cast<linalg::LinalgOp>(inner)) {
      countLinalg(linalg, trips);
      continue;
    }
    countReads(&inner);
    if (int64_t flops = scalarFlops(&inner)) {
      ImplicitLocOpBuilder b(inner.getLoc(), &inner);
      counting.flops(b, arith::ConstantIndexOp::create(b, flops));
      addDense(flops, {}, trips);
    }
    std::optional<int64_t> nested;
    if (auto loop = dyn_cast<scf::ForOp>(inner))
      if (std::optional<APInt> count = loop.getStaticTripCount();
          count && trips)
        nested = *trips * count->getSExtValue();
    for (Region &region : inner.getRegions())
      for (Block &nestedBlock : region)
        countBlock(nestedBlock, nested);
  }
}

void BodyCounter::countLinalg(linalg::LinalgOp linalg,
                              std::optional<int64_t> trips) {
  countReads(linalg);
  int64_t flops = 0;
  linalg.getBlock()->walk([&](Operation *op) { flops += scalarFlops(op); });
  if (flops == 0)
    return;
  ImplicitLocOpBuilder b(linalg.getLoc(), linalg);
  Value total = arith::ConstantIndexOp::create(b, flops);
  for (Range range : linalg.createLoopRanges(b, linalg.getLoc()))
    total = arith::MulIOp::create(
        b, total, getValueOrCreateConstantIndexOp(b, b.getLoc(), range.size));
  counting.flops(b, total);
  addDense(flops, linalg.getStaticLoopRanges(), trips);
}

void BodyCounter::countReads(Operation *reader) {
  auto linalg = dyn_cast<linalg::LinalgOp>(reader);
  auto extract = dyn_cast<tensor::ExtractOp>(reader);
  if (!linalg && !extract)
    return;
  ImplicitLocOpBuilder b(reader->getLoc(), reader);
  SetVector<Value> read;
  if (linalg) {
    for (OpOperand *input : linalg.getDpsInputOperands())
      read.insert(input->get());
    for (OpOperand &init : linalg.getDpsInitsMutable())
      if (linalg.payloadUsesValueFromOperand(&init))
        read.insert(init.get());
    linalg.getBlock()->walk(
        [&](tensor::ExtractOp gather) { read.insert(gather.getTensor()); });
  } else {
    read.insert(extract.getTensor());
  }
  for (Value value : read) {
    SetVector<Operation *> sources;
    if (isa<RankedTensorType>(value.getType()))
      collectWeights(value, sources);
    if (sources.empty())
      continue;
    weights.insert_range(sources);
    Value part = contiguousPart(value);
    if (extract) {
      SmallVector<OpFoldResult> offsets(extract.getIndices());
      SmallVector<OpFoldResult> ones(offsets.size(), b.getIndexAttr(1));
      part = tensor::ExtractSliceOp::create(b, value, offsets, ones, ones);
    }
    counting.touch(b, part);
  }
}

void BodyCounter::addDense(int64_t flops, ArrayRef<int64_t> ranges,
                           std::optional<int64_t> trips) {
  int64_t dynamic = llvm::count(ranges, ShapedType::kDynamic);
  if (!trips || dynamic > 1) {
    dataDependent = true;
    return;
  }
  int64_t total = flops * *trips;
  for (int64_t range : ranges)
    if (range != ShapedType::kDynamic)
      total *= range;
  (dynamic ? perToken : fixed) += total;
}

/// Distinct bytes of `weight` over all experts of `op`.
static int64_t weightBytes(Operation *weight, DispatchOp op) {
  int64_t bytes = bytesOf(weight->getResult(0).getType());
  auto parameter = dyn_cast<ParameterOp>(weight);
  bool byExpert =
      parameter && op.isFamily() &&
      llvm::is_contained(parameter.getNumbers(),
                         op.getExpertArgument(op.getExperts().front()));
  return byExpert ? bytes * op.getNumExperts() : bytes;
}

DictionaryAttr BodyCounter::describe() {
  Builder b(op.getContext());
  // Two loads of one global are one weight.
  llvm::SmallDenseSet<std::pair<Attribute, Operation *>> seen;
  int64_t bytes = 0;
  for (Operation *weight : weights) {
    auto load = dyn_cast<ml_program::GlobalLoadConstOp>(weight);
    Operation *key = load ? nullptr : weight;
    Attribute name = load ? Attribute(load.getGlobalAttr()) : Attribute();
    if (seen.insert({name, key}).second)
      bytes += weightBytes(weight, op);
  }
  int64_t times = op.isFamily() ? op.getNumExperts() : 1;
  NamedAttrList entry;
  entry.set("location", b.getStringAttr(placeOf(op.getLoc())));
  if (std::string layer = layerOf(op.getLoc()); !layer.empty())
    entry.set("layer", b.getStringAttr(layer));
  if (SmallVector<Location> layers = getLayers(op.getLoc());
      layers.size() > 1) {
    SmallVector<Attribute> places;
    for (Location layer : layers)
      places.push_back(b.getDictionaryAttr(
          {b.getNamedAttr("location", b.getStringAttr(placeOf(layer))),
           b.getNamedAttr("layer", b.getStringAttr(layerOf(layer)))}));
    entry.set("layers", b.getArrayAttr(places));
  }
  entry.set("experts", b.getI64IntegerAttr(op.getNumExperts()));
  entry.set("weight_bytes", b.getI64IntegerAttr(bytes));
  if (!op.isFamily())
    entry.set("unlike", b.getUnitAttr());
  if (!dataDependent) {
    entry.set("dense_flops_fixed", b.getI64IntegerAttr(fixed * times));
    entry.set("dense_flops_per_token", b.getI64IntegerAttr(perToken * times));
  }
  return entry.getDictionary(op.getContext());
}

void mlir::moe::countDispatches(ModuleOp module) {
  Counting::declare(module);
  SmallVector<Attribute> entries;
  module.walk<WalkOrder::PreOrder>(
      [&](DispatchOp op) { entries.push_back(BodyCounter(op).count()); });
  module->setAttr(dispatchesAttr, ArrayAttr::get(module.getContext(), entries));
}
