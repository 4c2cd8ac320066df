//===- MoEOps.cpp - Operations of the moe dialect -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Verifiers, type inference, region and assembly interfaces. The comments
// "op_cN" name the constraints of MoEOps.td.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/PatternMatch.h"
#include "moe/Dialect/MoE/IR/MoE.h"

using namespace mlir;
using namespace mlir::moe;

/// `@f`, or of several functions `[@f, @g]`.
static ParseResult parseCallees(OpAsmParser &parser, ArrayAttr &callees) {
  SmallVector<Attribute> symbols;
  auto parseOne = [&]() -> ParseResult {
    FlatSymbolRefAttr symbol;
    if (parser.parseAttribute(symbol))
      return failure();
    symbols.push_back(symbol);
    return success();
  };
  SMLoc place = parser.getCurrentLocation();
  StringAttr name;
  if (succeeded(parser.parseOptionalSymbolName(name)))
    symbols.push_back(FlatSymbolRefAttr::get(name));
  else if (parser.parseCommaSeparatedList(AsmParser::Delimiter::OptionalSquare,
                                          parseOne))
    return failure();
  if (symbols.empty())
    return parser.emitError(place, "expected a function, or several in []");
  callees = parser.getBuilder().getArrayAttr(symbols);
  return success();
}

static void printCallees(OpAsmPrinter &printer, Operation *,
                         ArrayAttr callees) {
  if (callees.size() == 1)
    printer << callees[0];
  else
    printer << callees;
}

/// weights(SOURCE), or nothing. An enum as TableGen prints it has a space.
static ParseResult parseWeightSource(OpAsmParser &parser,
                                     WeightSourceAttr &source) {
  if (parser.parseOptionalKeyword("weights"))
    return success();
  StringRef name;
  llvm::SMLoc location;
  if (parser.parseLParen() || parser.getCurrentLocation(&location) ||
      parser.parseKeyword(&name) || parser.parseRParen())
    return failure();
  std::optional<WeightSource> value = symbolizeWeightSource(name);
  if (!value)
    return parser.emitError(location, "expects score, softmax, sigmoid or one, "
                                      "got '")
           << name << "'";
  source = WeightSourceAttr::get(parser.getContext(), *value);
  return success();
}

static void printWeightSource(OpAsmPrinter &printer, Operation *,
                              WeightSourceAttr source) {
  if (source)
    printer << " weights(" << stringifyWeightSource(source.getValue()) << ')';
}

#define GET_OP_CLASSES
#include "moe/Dialect/MoE/IR/MoEOps.cpp.inc"

static RankedTensorType tensorOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// Rows of no elements: no slice of them is valid, be it as empty.
static bool hasEmptyRows(RankedTensorType type) {
  return type.getRank() > 1 &&
         llvm::is_contained(type.getShape().drop_front(), 0);
}

static RankedTensorType perToken(RoutingType routing, Type element) {
  return RankedTensorType::get({ShapedType::kDynamic, routing.getExperts()},
                               element);
}

//===----------------------------------------------------------------------===//
// GateOp
//===----------------------------------------------------------------------===//

int64_t GateOp::getNumExperts() { return getRouting().getType().getExperts(); }

std::optional<int64_t> GateOp::getSelectedPerToken() {
  if (getArgmax())
    return 1;
  if (getK())
    return static_cast<int64_t>(*getK());
  return std::nullopt;
}

/// The number of experts, or a diagnostic if the scores have none.
static FailureOr<int64_t> expertsOfScores(std::optional<Location> loc,
                                          Type type) {
  // gate_c1
  auto scores = dyn_cast<RankedTensorType>(type);
  if (!scores || scores.getRank() != 2)
    return emitOptionalError(loc, "expects scores of rank 2, got ", type);
  if (!isSupportedFloat(scores.getElementType()))
    return emitOptionalError(
        loc, "expects scores of f16, bf16, f32 or f64, got ", type);
  if (scores.isDynamicDim(1) || scores.getDimSize(1) < 1 ||
      scores.getDimSize(1) > kMaxExperts)
    return emitOptionalError(loc, "expects a static number of experts, 1 to ",
                             kMaxExperts, ", got ", type);
  return scores.getDimSize(1);
}

LogicalResult GateOp::inferReturnTypes(MLIRContext *context,
                                       std::optional<Location> loc,
                                       Adaptor adaptor,
                                       SmallVectorImpl<Type> &types) {
  FailureOr<int64_t> experts =
      expertsOfScores(loc, adaptor.getScores().getType());
  if (failed(experts))
    return failure();
  types.push_back(RoutingType::get(context, *experts));
  return success();
}

static LogicalResult verifyGroups(GateOp op, int64_t experts) {
  // gate_c5: the text gives all three or none.
  bool some = op.getGroups() || op.getGroupsKept() || op.getGroupScore();
  if (some && !(op.getGroups() && op.getGroupsKept() && op.getGroupScore()))
    return op.emitOpError("expects groups, groups kept and group score "
                          "together");
  if (!some)
    return success();
  // gate_c6
  std::optional<int64_t> selected = op.getSelectedPerToken();
  if (!selected)
    return op.emitOpError("expects top_k or argmax with groups");
  // gate_c5
  int64_t groups = *op.getGroups(), kept = *op.getGroupsKept();
  if (groups < 1 || experts % groups != 0)
    return op.emitOpError("expects a number of groups that divides ")
           << experts << " experts, got " << groups;
  if (kept < 1 || kept > groups)
    return op.emitOpError("expects to keep 1 to ")
           << groups << " groups, got " << kept;
  int64_t size = experts / groups;
  if (*selected > kept * size)
    return op.emitOpError("selects ")
           << *selected << " experts, but the groups kept have " << kept * size;
  if (*op.getGroupScore() == GroupScore::top2_sum && size < 2)
    return op.emitOpError("expects groups of at least 2 experts for top2_sum");
  return success();
}

LogicalResult GateOp::verify() {
  RankedTensorType scores = tensorOf(getScores());
  FailureOr<int64_t> inferred = expertsOfScores(getLoc(), scores);
  if (failed(inferred))
    return failure();
  int64_t experts = *inferred;
  if (getBias()) { // gate_c2
    RankedTensorType expected =
        RankedTensorType::get({experts}, scores.getElementType());
    if (getBias().getType() != expected)
      return emitOpError("expects a bias of type ")
             << expected << ", got " << getBias().getType();
  }
  // gate_c3
  if (int(getK().has_value()) + int(getThreshold().has_value()) +
          int(getArgmax()) !=
      1)
    return emitOpError("expects exactly one of top_k, threshold and argmax");
  // gate_c4
  if (getK() && (int64_t(*getK()) < 0 || int64_t(*getK()) > experts))
    return emitOpError("expects top_k of 0 to ")
           << experts << " experts, got " << int64_t(*getK());
  if (failed(verifyGroups(*this, experts)))
    return failure();
  if (getEpsilon()) { // gate_c7
    if (!getNormalize())
      return emitOpError("expects normalize with epsilon");
    if (!getEpsilon()->isFinite() || getEpsilon()->isNegative())
      return emitOpError("expects a finite epsilon that is not negative");
  }
  // gate_c8
  if (getCapacity() && getCapacityFactor())
    return emitOpError("expects one of capacity and capacity_factor, got both");
  if (getCapacity() && int64_t(*getCapacity()) < 0)
    return emitOpError("expects a capacity that is not negative, got ")
           << int64_t(*getCapacity());
  if (getCapacityFactor()) {
    if (!getSelectedPerToken())
      return emitOpError("expects top_k or argmax with capacity_factor");
    if (!getCapacityFactor()->isFinite() || getCapacityFactor()->isNegative())
      return emitOpError(
          "expects a finite capacity_factor that is not negative");
  }
  // gate_c9
  if ((getThreshold() && getThreshold()->isNaN()) ||
      (getScale() && getScale()->isNaN()))
    return emitOpError("expects threshold and scale that are not NaN");
  return success();
}

//===----------------------------------------------------------------------===//
// RouteOp and the readers
//===----------------------------------------------------------------------===//

bool RouteOp::isMask() {
  return tensorOf(getChoice()).getElementType().isInteger(1);
}

LogicalResult RouteOp::verify() {
  // route_c1
  RankedTensorType choice = tensorOf(getChoice());
  if (choice.getRank() != 2 || choice.isDynamicDim(1) ||
      choice.getDimSize(1) > kMaxExperts ||
      !(choice.getElementType().isIndex() ||
        isSupportedInteger(choice.getElementType())))
    return emitOpError(
               "expects a mask or expert numbers of shape [N, up to 65536], "
               "signless integers of at most 64 bits or index, got ")
           << choice;
  // route_c2
  int64_t experts = getRouting().getType().getExperts();
  if (isMask() && choice.getDimSize(1) != experts)
    return emitOpError("expects a mask with ")
           << experts << " columns, got " << choice.getDimSize(1);
  // route_c4
  if (std::optional<int64_t> most = getMost();
      most && (*most < 0 || *most > choice.getDimSize(1)))
    return emitOpError("expects at most 0 to ")
           << choice.getDimSize(1) << " assignments per token, got " << *most;
  // route_c3
  if (!getWeights())
    return success();
  RankedTensorType weights = tensorOf(getWeights());
  if (weights.getShape() != choice.getShape() ||
      !isSupportedFloat(weights.getElementType()))
    return emitOpError(
               "expects weights of f16, bf16, f32 or f64 of the shape of ")
           << choice << ", got " << weights;
  return success();
}

int64_t RouteOp::getMostPerToken() {
  return getMost().value_or(tensorOf(getChoice()).getDimSize(1));
}

LogicalResult MaskOp::inferReturnTypes(MLIRContext *context,
                                       std::optional<Location>, Adaptor adaptor,
                                       SmallVectorImpl<Type> &types) {
  types.push_back(perToken(cast<RoutingType>(adaptor.getRouting().getType()),
                           IntegerType::get(context, 1)));
  return success();
}

LogicalResult WeightsOp::inferReturnTypes(MLIRContext *context,
                                          std::optional<Location>,
                                          Adaptor adaptor,
                                          SmallVectorImpl<Type> &types) {
  types.push_back(perToken(cast<RoutingType>(adaptor.getRouting().getType()),
                           Float32Type::get(context)));
  return success();
}

LogicalResult CountsOp::inferReturnTypes(MLIRContext *context,
                                         std::optional<Location>,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  auto routing = cast<RoutingType>(adaptor.getRouting().getType());
  types.push_back(RankedTensorType::get({routing.getExperts()},
                                        IntegerType::get(context, 64)));
  return success();
}

LogicalResult IndicesOp::verify() {
  // indices_c1
  RankedTensorType type = tensorOf(getResult());
  if (type.getRank() != 2 || !type.isDynamicDim(0) || type.isDynamicDim(1) ||
      !type.getElementType().isInteger(64))
    return emitOpError("expects a result of type tensor<?xkxi64>, got ")
           << type;
  return success();
}

//===----------------------------------------------------------------------===//
// DispatchOp
//===----------------------------------------------------------------------===//

int64_t DispatchOp::getNumExperts() {
  return getRouting().getType().getExperts();
}

bool DispatchOp::isFamily() {
  if (getExperts().size() != 1)
    return false;
  Block &body = getExperts().front().front();
  return body.getNumArguments() > 0 && body.getArgument(0).getType().isIndex();
}

Value DispatchOp::getExpertArgument(Region &region) {
  return isFamily() ? region.getArgument(0) : Value();
}

ArrayRef<BlockArgument> DispatchOp::getTokenArguments(Region &region) {
  return region.getArguments().slice(isFamily() ? 1 : 0, getTokens().size());
}

Value DispatchOp::getWeightsArgument(Region &region) {
  unsigned without = getTokens().size() + (isFamily() ? 1 : 0);
  return region.getNumArguments() > without ? region.getArgument(without)
                                            : Value();
}

LogicalResult DispatchOp::verify() {
  int64_t rows = ShapedType::kDynamic;
  for (Value token : getTokens()) {
    // dispatch_c1
    RankedTensorType type = tensorOf(token);
    if (type.getRank() < 1 || hasEmptyRows(type))
      return emitOpError("expects token operands of rank 1 or more whose rows "
                         "are not empty, got ")
             << type;
    // dispatch_c7
    if (type.isDynamicDim(0))
      continue;
    if (rows != ShapedType::kDynamic && rows != type.getDimSize(0))
      return emitOpError("expects token operands with the same number of rows, "
                         "got ")
             << rows << " and " << type.getDimSize(0);
    rows = type.getDimSize(0);
  }
  // dispatch_c6
  if (getResults().empty())
    return emitOpError("expects at least one result");
  for (Value result : getResults()) {
    // dispatch_c1, dispatch_c5
    RankedTensorType type = tensorOf(result);
    if (type.getRank() < 1 || !type.isDynamicDim(0) ||
        type.getNumDynamicDims() != 1 || hasEmptyRows(type))
      return emitOpError("expects results with ? as dimension 0 and static "
                         "other dimensions that are not 0, got ")
             << type;
  }
  return success();
}

/// dispatch_c3 for the arguments from `next` on, which are not the expert's.
static LogicalResult verifyTokenArguments(DispatchOp op, Region &region,
                                          unsigned next) {
  unsigned expected = next + op.getTokens().size();
  unsigned actual = region.getNumArguments();
  if (actual != expected && actual != expected + 1)
    return op.emitOpError("expects regions with ")
           << expected << " or, with weights, " << expected + 1
           << " arguments, got " << actual;
  for (Value token : op.getTokens()) {
    RankedTensorType type = tensorOf(token);
    SmallVector<int64_t> shape(type.getShape());
    shape[0] = ShapedType::kDynamic;
    Type rows = RankedTensorType::get(shape, type.getElementType());
    Type got = region.getArgument(next++).getType();
    if (got != rows)
      return op.emitOpError("expects an argument of type ")
             << rows << " for the rows of " << type << ", got " << got;
  }
  if (actual == expected)
    return success();
  Type weights = RankedTensorType::get({ShapedType::kDynamic},
                                       Float32Type::get(op.getContext()));
  if (region.getArgument(next).getType() != weights)
    return op.emitOpError("expects weights of type ")
           << weights << ", got " << region.getArgument(next).getType();
  return success();
}

LogicalResult DispatchOp::verifyRegions() {
  // dispatch_c2
  int64_t regions = getExperts().size();
  if (!isFamily() && regions != getNumExperts())
    return emitOpError("expects ")
           << getNumExperts()
           << " regions, one for each expert, or one region whose first "
              "argument is an index, got "
           << regions << " regions";
  for (Region &region : getExperts()) {
    if (failed(verifyTokenArguments(*this, region, isFamily() ? 1 : 0)))
      return failure();
    // dispatch_c4
    auto yield = dyn_cast<YieldOp>(region.front().getTerminator());
    if (!yield)
      return emitOpError("expects regions that end in moe.yield");
    if (TypeRange(yield.getResults()) != TypeRange(getResults()))
      return yield.emitOpError("expects values of types ")
             << TypeRange(getResults()) << ", got "
             << TypeRange(yield.getResults());
  }
  return success();
}

// Nothing is forwarded: arguments are gathered rows, results concatenations.
void DispatchOp::getSuccessorRegions(
    RegionBranchPoint point, SmallVectorImpl<RegionSuccessor> &successors) {
  // A family's region may run again for the next expert.
  for (Region &region : getExperts())
    successors.push_back(RegionSuccessor(&region));
  successors.push_back(RegionSuccessor(
      getOperation(), getOperation()->getResults().take_front(0)));
}

void DispatchOp::getRegionInvocationBounds(
    ArrayRef<Attribute>, SmallVectorImpl<InvocationBounds> &bounds) {
  InvocationBounds each = isFamily() ? InvocationBounds(0, getNumExperts())
                                     : InvocationBounds(0, 1);
  bounds.append(getExperts().size(), each);
}

MutableOperandRange YieldOp::getMutableSuccessorOperands(RegionSuccessor) {
  return MutableOperandRange(getOperation(), 0, 0);
}

void DispatchOp::getAsmBlockNames(OpAsmSetBlockNameFn setName) {
  if (isFamily())
    return setName(&getExperts().front().front(), "each");
  for (auto [index, region] : llvm::enumerate(getExperts()))
    if (!region.empty())
      setName(&region.front(), ("expert" + Twine(index)).str());
}

void DispatchOp::getAsmBlockArgumentNames(Region &region,
                                          OpAsmSetValueNameFn setName) {
  if (Value expert = getExpertArgument(region))
    setName(expert, "expert");
  if (region.getNumArguments() < getTokens().size() + (isFamily() ? 1 : 0))
    return;
  for (BlockArgument rows : getTokenArguments(region))
    setName(rows, "mine");
  if (Value weights = getWeightsArgument(region))
    setName(weights, "weights");
}

//===----------------------------------------------------------------------===//
// RowsOp and CombineOp
//===----------------------------------------------------------------------===//

LogicalResult RowsOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                                       Adaptor adaptor,
                                       SmallVectorImpl<Type> &types) {
  types.push_back(adaptor.getPacked().getType());
  return success();
}

LogicalResult RowsOp::verify() {
  // rows_c1
  int64_t experts = getRouting().getType().getExperts();
  int64_t expert = getExpert();
  if (expert < 0 || expert >= experts)
    return emitOpError("expects an expert of 0 to ")
           << experts - 1 << ", got " << expert;
  // rows_c2
  RankedTensorType type = tensorOf(getPacked());
  if (type.getRank() < 1 || !type.isDynamicDim(0) || hasEmptyRows(type))
    return emitOpError("expects packed rows with ? as dimension 0 that are not "
                       "empty, got ")
           << type;
  return success();
}

LogicalResult CombineOp::inferReturnTypes(MLIRContext *,
                                          std::optional<Location>,
                                          Adaptor adaptor,
                                          SmallVectorImpl<Type> &types) {
  types.push_back(adaptor.getPacked().getType());
  return success();
}

/// The number of tokens is in the routing alone, unless there is an init.
LogicalResult
CombineOp::reifyResultShapes(OpBuilder &builder,
                             ReifiedRankedShapedTypeDims &shapes) {
  Value like = getInit() ? getInit() : getPacked();
  shapes = {tensor::getMixedSizes(builder, getLoc(), like)};
  if (!getInit())
    shapes[0][0] =
        NumTokensOp::create(builder, getLoc(), getRouting()).getResult();
  return success();
}

LogicalResult CombineOp::verify() {
  // combine_c1
  RankedTensorType type = tensorOf(getPacked());
  if (type.getRank() < 1 || !type.isDynamicDim(0) || hasEmptyRows(type))
    return emitOpError("expects packed rows with ? as dimension 0 that are not "
                       "empty, got ")
           << type;
  // combine_c2
  if (getInit() && getInit().getType() != type)
    return emitOpError("expects an init of type ")
           << type << ", got " << getInit().getType();
  // combine_c4
  Type element = type.getElementType();
  if (!isSupportedFloat(element) && !isSupportedInteger(element))
    return emitOpError(
               "expects rows of f16, bf16, f32, f64 or signless integers "
               "of at most 64 bits, got ")
           << type;
  // combine_c3
  if (!isa<FloatType>(element) && !getUnweighted())
    return emitOpError("expects unweighted with rows of integers");
  return success();
}
