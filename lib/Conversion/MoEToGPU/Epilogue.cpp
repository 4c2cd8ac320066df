//===- Epilogue.cpp - The epilogue at places of the result ----------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Epilogue.h"

using namespace mlir;
using namespace mlir::moe;

static bool isBy(const EpilogueOperand &operand, EpilogueIndex index) {
  return operand.index == index;
}

SmallVector<Value> EpilogueEmitter::load(Value base, Type type, Value index,
                                         int64_t width) {
  Value pointer = k.element(base, type, index);
  int64_t bits = type.getIntOrFloatBitWidth();
  // Vectors of less than bytes are packed, arrays of them are not.
  if (width == 1 || bits < 8) {
    SmallVector<Value> elements;
    for (int64_t i = 0; i < width; ++i)
      elements.push_back(
          k.loadConstant(type, k.element(pointer, type, k.i64(i))));
    return elements;
  }
  Value vector =
      k.loadConstant(VectorType::get(width, type), pointer, width * bits / 8);
  SmallVector<Value> elements;
  for (int64_t i = 0; i < width; ++i)
    elements.push_back(LLVM::ExtractElementOp::create(k.b, vector, k.i32(i)));
  return elements;
}

EpilogueRow EpilogueEmitter::row(Value r) {
  EpilogueRow row;
  row.exists = k.less(r, tile.rows);
  Value last = k.subtract(tile.rows, 1);
  row.position = k.extend(k.add(tile.first, k.minimum(r, last)));
  if (llvm::any_of(k.spec.operands, [](const EpilogueOperand &operand) {
        return isBy(operand, EpilogueIndex::GatheredElement);
      }))
    row.gathered = k.row(tile, r);
  for (auto [operand, base] : llvm::zip_equal(k.spec.operands, k.operands))
    row.operands.push_back(
        isBy(operand, EpilogueIndex::Row)
            ? load(base, operand.elementType, row.position, 1).front()
            : Value());
  return row;
}

EpilogueColumns EpilogueEmitter::columns(Value first, int64_t width,
                                         int64_t blockColumns) {
  EpilogueColumns columns;
  columns.width = width;
  columns.first = first;
  if (k.spec.columns % blockColumns != 0) {
    columns.exist = k.less(first, k.spec.columns);
    columns.first = k.minimum(first, k.spec.columns - width);
  }
  for (auto [operand, base] : llvm::zip_equal(k.spec.operands, k.operands)) {
    columns.operands.emplace_back();
    if (!isBy(operand, EpilogueIndex::Column))
      continue;
    Value index = k.add(k.multiply(k.extend(tile.expert), k.spec.columns),
                        k.extend(columns.first));
    columns.operands.back() = load(base, operand.elementType, index, width);
  }
  return columns;
}

SmallVector<Value>
EpilogueEmitter::apply(const EpilogueRow &row, const EpilogueColumns &columns,
                       ArrayRef<SmallVector<Value>> accumulators) {
  SmallVector<SmallVector<Value>> operands(columns.width);
  for (auto [i, operand] : llvm::enumerate(k.spec.operands)) {
    SmallVector<Value> elements = columns.operands[i];
    if (isBy(operand, EpilogueIndex::Row)) {
      elements.assign(columns.width, row.operands[i]);
    } else if (elements.empty()) {
      Value position =
          isBy(operand, EpilogueIndex::Element) ? row.position : row.gathered;
      Value index =
          k.add(k.multiply(position, k.spec.columns), k.extend(columns.first));
      elements = load(k.operands[i], operand.elementType, index, columns.width);
    }
    for (auto [all, element] : llvm::zip_equal(operands, elements))
      all.push_back(element);
  }
  SmallVector<Value> results;
  for (auto [ofColumn, own] : llvm::zip_equal(accumulators, operands))
    results.push_back(k.spec.epilogue(k.b, ofColumn, own));
  return results;
}

void EpilogueEmitter::store(const EpilogueRow &row,
                            const EpilogueColumns &columns,
                            ArrayRef<Value> results) {
  Value exists = columns.exist ? k.both(row.exists, columns.exist) : row.exists;
  k.ifThen(exists, [&] {
    Type type = k.spec.resultType;
    Value index = k.add(k.multiply(row.position, k.spec.columns),
                        k.extend(columns.first));
    Value pointer = k.element(k.out, type, index);
    if (columns.width == 1) {
      LLVM::StoreOp::create(k.b, results.front(), pointer);
      return;
    }
    Value vector =
        LLVM::PoisonOp::create(k.b, VectorType::get(columns.width, type));
    for (auto [i, result] : llvm::enumerate(results))
      vector = LLVM::InsertElementOp::create(k.b, vector, result, k.i32(i));
    LLVM::StoreOp::create(k.b, vector, pointer,
                          columns.width * type.getIntOrFloatBitWidth() / 8);
  });
}
