//===- InterpretExperts.cpp - Operations of the dialect -------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The Python of docs/Dialect.md.
//
//===----------------------------------------------------------------------===//

#include "Interpreter.h"

using namespace mlir;
using namespace mlir::moe;

std::pair<size_t, size_t> HostRouting::of(int64_t number) const {
  auto range = std::equal_range(expert.begin(), expert.end(), number);
  return {range.first - expert.begin(), range.second - expert.begin()};
}

static int64_t sizeOfRow(const Array &array) {
  int64_t size = 1;
  for (int64_t dim : ArrayRef(array->shape).drop_front())
    size *= dim;
  return size;
}

/// Some rows of a tensor.
static Array gather(const Array &from, ArrayRef<int64_t> rows) {
  auto result = std::make_shared<HostArray>();
  result->shape = from->shape;
  result->shape[0] = rows.size();
  int64_t width = sizeOfRow(from);
  for (int64_t row : rows)
    result->elements.insert(result->elements.end(),
                            from->elements.begin() + row * width,
                            from->elements.begin() + (row + 1) * width);
  return result;
}

void Interpreter::runWhere(WhereOp op) {
  auto yields = [&](Region &region) {
    SmallVector<Array> arrays;
    run(region.front());
    for (Value value : op.getYield(region).getOperands())
      arrays.push_back(array(value));
    return arrays;
  };
  SmallVector<SmallVector<Array>> cases;
  for (Region &region : op.getCases())
    cases.push_back(yields(region));
  SmallVector<Array> otherwise;
  if (!op.getOtherwise().empty())
    otherwise = yields(op.getOtherwise());
  if (!error.empty())
    return;
  for (unsigned number = 0; number < op.getNumResults(); ++number) {
    auto result = std::make_shared<HostArray>(*cases[0][number]);
    size_t at = 0;
    for (const SmallVector<Array> &each : cases)
      if (each[number]->shape != result->shape)
        return fail(op, "cases of several sizes");
    if (!otherwise.empty() && otherwise[number]->shape != result->shape)
      return fail(op, "else of another size");
    forEachPosition(result->shape, [&](ArrayRef<int64_t> position) {
      SmallVector<int64_t> key;
      for (int64_t dim : op.getAlong())
        key.push_back(position[dim]);
      Number chosen =
          otherwise.empty() ? whole(0) : otherwise[number]->elements[at];
      for (auto [mask, each] : llvm::zip_equal(op.getMasks(), cases)) {
        int64_t offset = offsetOf(array(mask)->shape, key);
        if (offset < 0)
          return fail(op, "a mask of another size");
        if (array(mask)->elements[offset].i) {
          chosen = each[number]->elements[at];
          break;
        }
      }
      result->elements[at++] = chosen;
    });
    define(op.getResult(number), result);
  }
}

void Interpreter::runRouteAll(RouteAllOp op) {
  auto result = std::make_shared<HostRouting>();
  result->tokens = number(op.getTokens()).i;
  result->experts = op.getRouting().getType().getExperts();
  if (result->tokens < 0)
    return fail(op, "a negative number of tokens");
  for (int64_t e = 0; e < result->experts; ++e)
    for (int64_t t = 0; t < result->tokens; ++t) {
      result->expert.push_back(e);
      result->token.push_back(t);
      result->weight.push_back(1.0);
    }
  routings[op.getResult()] = result;
}

void Interpreter::runRoute(RouteOp op) {
  Array choice = array(op.getChoice());
  Array weights = op.getWeights() ? array(op.getWeights()) : nullptr;
  auto result = std::make_shared<HostRouting>();
  result->tokens = choice->shape[0];
  result->experts = cast<RoutingType>(op.getType()).getExperts();
  int64_t columns = choice->shape[1];
  bool isMask = getElementTypeOrSelf(op.getChoice().getType()).isInteger(1);
  if (weights && weights->shape != choice->shape)
    return fail(op, "weights of another size");
  for (int64_t e = 0; e < result->experts; ++e)
    for (int64_t t = 0; t < result->tokens; ++t)
      for (int64_t c = 0; c < columns; ++c) {
        int64_t at = t * columns + c;
        int64_t number = choice->elements[at].i;
        if (isMask ? c != e || !number : number != e)
          continue;
        result->expert.push_back(e);
        result->token.push_back(t);
        result->weight.push_back(
            weights ? static_cast<float>(weights->elements[at].f) : 1.0);
      }
  routings[op.getResult()] = result;
}

void Interpreter::runDispatch(DispatchOp op) {
  std::shared_ptr<HostRouting> routing = routings[op.getRouting()];
  SmallVector<Array> packed;
  for (Value result : op.getResults()) {
    auto type = cast<RankedTensorType>(result.getType());
    SmallVector<int64_t> shape(type.getShape());
    shape[0] = 0;
    packed.push_back(makeEmpty(type.getElementType(), shape));
  }
  std::vector<int64_t> &counts = rows.emplace_back();
  size_t entry = rows.size() - 1;
  counts.assign(routing->experts, 0);
  for (Value tokens : op.getTokens())
    if (array(tokens)->shape[0] != routing->tokens)
      return fail(op, "another number of rows than tokens");
  for (int64_t e = 0; e < routing->experts; ++e) {
    auto [begin, end] = routing->of(e);
    rows[entry][e] = end - begin;
    // An expert without tokens does not run.
    if (begin == end)
      continue;
    Region &region = op.getExperts()[op.isFamily() ? 0 : e];
    if (Value number = op.getExpertArgument(region))
      numbers[number].i = e;
    ArrayRef<int64_t> mine = ArrayRef(routing->token).slice(begin, end - begin);
    for (auto [tokens, argument] :
         llvm::zip_equal(op.getTokens(), op.getTokenArguments(region)))
      arrays[argument] = gather(array(tokens), mine);
    if (Value weights = op.getWeightsArgument(region)) {
      auto given = std::make_shared<HostArray>();
      given->shape.push_back(end - begin);
      for (size_t i = begin; i < end; ++i)
        given->elements.push_back(real(routing->weight[i]));
      arrays[weights] = given;
    }
    run(region.front());
    if (!error.empty())
      return;
    for (auto [result, value] : llvm::zip_equal(
             packed, region.front().getTerminator()->getOperands())) {
      Array part = array(value);
      if (part->shape[0] != int64_t(end - begin))
        return fail(op, "an expert yields another number of rows");
      result->shape[0] += part->shape[0];
      llvm::append_range(result->elements, part->elements);
    }
  }
  for (auto [result, value] : llvm::zip_equal(op.getResults(), packed))
    define(result, value);
}

void Interpreter::runCombine(CombineOp op) {
  std::shared_ptr<HostRouting> routing = routings[op.getRouting()];
  Array packed = array(op.getPacked());
  Type element = getElementTypeOrSelf(op.getPacked().getType());
  Type sumType = isa<FloatType>(element) && !element.isF64()
                     ? Type(Float32Type::get(op.getContext()))
                     : element;
  bool isFloat = isa<FloatType>(element);
  auto result = std::make_shared<HostArray>();
  result->shape = packed->shape;
  result->shape[0] = routing->tokens;
  int64_t width = sizeOfRow(packed);
  result->elements.assign(routing->tokens * width, whole(0));
  std::vector<bool> idle(routing->tokens, true);
  if (packed->shape[0] != int64_t(routing->token.size()))
    return fail(op, "another number of rows than assignments");
  for (size_t row = 0; row < routing->token.size(); ++row) {
    idle[routing->token[row]] = false;
    for (int64_t i = 0; i < width; ++i) {
      Number &sum = result->elements[routing->token[row] * width + i];
      Number term = packed->elements[row * width + i];
      if (!op.getUnweighted())
        term = roundTo(sumType, real(term.f * routing->weight[row]));
      sum = roundTo(sumType,
                    isFloat ? real(sum.f + term.f) : whole(sum.i + term.i));
    }
  }
  Array init = op.getInit() ? array(op.getInit()) : nullptr;
  if (init && init->shape != result->shape)
    return fail(op, "init of another size");
  for (size_t i = 0; i < result->elements.size(); ++i)
    result->elements[i] = init && idle[i / width]
                              ? init->elements[i]
                              : roundTo(element, result->elements[i]);
  define(op.getResult(), result);
}

bool Interpreter::runReader(Operation *op) {
  if (!isa<MaskOp, WeightsOp, CountsOp, NumTokensOp>(op))
    return false;
  std::shared_ptr<HostRouting> routing = routings[op->getOperand(0)];
  auto result = std::make_shared<HostArray>();
  if (isa<NumTokensOp>(op)) {
    numbers[op->getResult(0)].i = routing->tokens;
    return true;
  }
  if (isa<CountsOp>(op))
    result->shape = {routing->experts};
  else
    result->shape = {routing->tokens, routing->experts};
  int64_t count = 1;
  for (int64_t size : result->shape)
    count *= size;
  result->elements.assign(count, whole(0));
  for (size_t row = 0; row < routing->token.size(); ++row) {
    int64_t e = routing->expert[row];
    int64_t at = routing->token[row] * routing->experts + e;
    if (isa<CountsOp>(op))
      ++result->elements[e].i;
    else if (isa<MaskOp>(op))
      result->elements[at].i = 1;
    else
      result->elements[at].f =
          static_cast<float>(result->elements[at].f + routing->weight[row]);
  }
  define(op->getResult(0), result);
  return true;
}

bool Interpreter::runExperts(Operation *op) {
  if (auto where = dyn_cast<WhereOp>(op))
    runWhere(where);
  else if (auto route = dyn_cast<RouteOp>(op))
    runRoute(route);
  else if (auto all = dyn_cast<RouteAllOp>(op))
    runRouteAll(all);
  else if (auto dispatch = dyn_cast<DispatchOp>(op))
    runDispatch(dispatch);
  else if (auto combine = dyn_cast<CombineOp>(op))
    runCombine(combine);
  else if (auto rows = dyn_cast<RowsOp>(op)) {
    auto [begin, end] = routings[rows.getRouting()]->of(rows.getExpert());
    define(rows.getResult(),
           gather(array(rows.getPacked()),
                  llvm::to_vector(llvm::seq<int64_t>(begin, end))));
  } else if (auto pick = dyn_cast<PickOp>(op)) {
    uint64_t number = this->number(pick.getNumber()).i;
    if (number < pick.getTensors().size())
      define(pick.getResult(), array(pick.getTensors()[number]));
    else
      fail(op, "no such tensor");
  } else {
    return runReader(op);
  }
  return true;
}
