//===- MoEWhere.cpp - Values that are needed where a mask holds -----------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Verifier, regions and assembly of moe.where. The comments "where_cN" name the
// constraints of MoEOps.td.
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"
#include "moe/Dialect/MoE/IR/MoE.h"

using namespace mlir;
using namespace mlir::moe;

YieldOp WhereOp::getYield(Region &region) {
  return cast<YieldOp>(region.front().getTerminator());
}

Value WhereOp::getOtherwise(unsigned result) {
  return getOtherwise().empty() ? Value()
                                : getYield(getOtherwise()).getOperand(result);
}

LogicalResult WhereOp::verify() {
  // where_c1
  if (getMasks().empty() || getMasks().size() != getCases().size())
    return emitOpError("expects a case for each of its masks, got ")
           << getMasks().size() << " masks and " << getCases().size()
           << " cases";
  // where_c6
  if (getResults().empty())
    return emitOpError("expects at least one result");
  // where_c5
  if (getImplied() && (getCases().size() != 1 || !getOtherwise().empty()))
    return emitOpError("expects one case and no else if it is implied");
  ArrayRef<int64_t> along = getAlong();
  for (auto [number, dim] : llvm::enumerate(along))
    if (llvm::is_contained(along.take_front(number), dim))
      return emitOpError("expects each dimension once, got ") << along;
  for (Type result : getResultTypes()) {
    auto type = cast<RankedTensorType>(result);
    // where_c2
    for (int64_t dim : along)
      if (dim < 0 || dim >= type.getRank())
        return emitOpError("expects dimensions of its results, got ")
               << dim << " of " << type;
    // where_c6
    if (getOtherwise().empty() && !type.getElementType().isIntOrFloat())
      return emitOpError("expects numbers where there is no else, got ")
             << type;
    for (Value mask : getMasks()) {
      auto maskType = cast<RankedTensorType>(mask.getType());
      // where_c2
      if (maskType.getRank() != static_cast<int64_t>(along.size()))
        return emitOpError("expects masks of ")
               << along.size() << " dimensions, got " << maskType;
      // where_c3
      for (auto [size, dim] : llvm::zip_equal(maskType.getShape(), along))
        if (!ShapedType::isDynamic(size) && !type.isDynamicDim(dim) &&
            size != type.getDimSize(dim))
          return emitOpError("expects a mask of ")
                 << type.getDimSize(dim) << " along dimension " << dim
                 << ", got " << maskType;
    }
  }
  return success();
}

LogicalResult WhereOp::verifyRegions() {
  // where_c4
  for (Region &region : getOperation()->getRegions()) {
    if (region.empty())
      continue;
    if (region.getNumArguments() != 0)
      return emitOpError("expects regions without arguments, got ")
             << region.getNumArguments();
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

// Nothing is forwarded: results are rows of several regions.
void WhereOp::getSuccessorRegions(
    RegionBranchPoint point, SmallVectorImpl<RegionSuccessor> &successors) {
  for (Region &region : getOperation()->getRegions())
    if (!region.empty())
      successors.push_back(RegionSuccessor(&region));
  successors.push_back(RegionSuccessor(
      getOperation(), getOperation()->getResults().take_front(0)));
}

// moe.where %a, %b along [0] implied {attributes} : (types) -> types
//   { ... }, { ... } else { ... }
void WhereOp::print(OpAsmPrinter &p) {
  p << ' ' << getMasks() << " along [";
  llvm::interleaveComma(getAlong(), p);
  p << ']';
  if (getImplied())
    p << " implied";
  p.printOptionalAttrDictWithKeyword(
      (*this)->getAttrs(), {getAlongAttrName(), getImpliedAttrName()});
  p << " : ";
  p.printFunctionalType(getOperation());
  p << ' ';
  llvm::interleaveComma(getCases(), p, [&](Region &region) {
    p.printRegion(region, /*printEntryBlockArgs=*/false);
  });
  if (getOtherwise().empty())
    return;
  p << " else ";
  p.printRegion(getOtherwise(), /*printEntryBlockArgs=*/false);
}

ParseResult WhereOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::UnresolvedOperand> masks;
  SmallVector<int64_t> along;
  FunctionType type;
  Builder &b = parser.getBuilder();
  llvm::SMLoc location = parser.getCurrentLocation();
  auto parseDim = [&] { return parser.parseInteger(along.emplace_back()); };
  if (parser.parseOperandList(masks) || parser.parseKeyword("along") ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseDim))
    return failure();
  StringRef implied = getImpliedAttrName(result.name);
  if (succeeded(parser.parseOptionalKeyword("implied")))
    result.addAttribute(implied, b.getUnitAttr());
  result.addAttribute(getAlongAttrName(result.name),
                      b.getDenseI64ArrayAttr(along));
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
      parser.parseColonType(type) ||
      parser.resolveOperands(masks, type.getInputs(), location,
                             result.operands))
    return failure();
  result.addTypes(type.getResults());
  auto otherwise = std::make_unique<Region>();
  SmallVector<std::unique_ptr<Region>> cases;
  do {
    cases.push_back(std::make_unique<Region>());
    if (parser.parseRegion(*cases.back()))
      return failure();
  } while (succeeded(parser.parseOptionalComma()));
  llvm::SMLoc last = parser.getCurrentLocation();
  if (succeeded(parser.parseOptionalKeyword("else"))) {
    if (parser.parseRegion(*otherwise))
      return failure();
    // An empty one would be none.
    if (otherwise->empty())
      return parser.emitError(
          last, "expected a region that ends in moe.yield behind else");
  }
  result.addRegion(std::move(otherwise));
  for (auto &region : cases)
    result.addRegion(std::move(region));
  return success();
}
