//===- Where.h - Forming, absorbing and lowering moe.where ------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The steps from dense code to masked regions, and back.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_LINALGTOMOE_WHERE_H
#define MOE_LIB_CONVERSION_LINALGTOMOE_WHERE_H

#include "RowSlice.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "moe/Dialect/MoE/IR/MoE.h"

namespace mlir::moe {

/// Why a masked value is computed for all tokens.
struct Remark {
  Location loc;
  std::string reason;
  std::optional<Location> where;

  void emit() const;
};

/// Makes rows that a function lists, gathers and scatters itself masked ones.
/// Returns how many scatters were rewritten. What keeps one from it is told in
/// a remark if `report`.
unsigned maskGatheredRows(func::FuncOp function, bool report);
/// Makes results that are gathered by the number of an expert a masked sum.
/// Returns how many gathers were rewritten.
unsigned maskGatheredExperts(func::FuncOp function);
/// Selects between rows, and their nests, become moe.where. What they choose
/// from is read from outside yet. One that was a product with a mask counts
/// with `assumeFinite`.
void formSelects(func::FuncOp function, bool assumeFinite);
/// Products of rows with numbers that are zero by choice become moe.where, if
/// they promise that all numbers are finite, or with `assumeFinite`.
void formProducts(func::FuncOp function, bool assumeFinite,
                  std::vector<Remark> &remarks);
/// Rows of experts and their slots that a mask brings back to tokens are not
/// needed where no token has them: y[t, h] = sum over e, c of mask[t, e, c] *
/// rows[e, c, h]. The product counts as others with zero do.
void formSlots(func::FuncOp function, bool assumeFinite);
/// Experts whose sum is multiplied by an input for each row, as padding is
/// masked, are not needed where that is zero. All numbers are taken as finite.
void formPaddings(func::FuncOp function);
/// What is computed from a moe.where alone, and zero where that is, moves into
/// it. A product with zero is zero with `assumeFinite`.
void pullIntoWheres(func::FuncOp function, bool assumeFinite);
/// Results that the same masks choose become results of one moe.where, if they
/// are computed from the same work. Integers alone are selected for all rows.
void shareWheres(func::FuncOp function);
/// What is computed for a moe.where alone, row by row, moves into it. Those in
/// which nothing is worth it become what they were, with a remark each. Returns
/// the number of experts that there will be.
int64_t absorbIntoWheres(func::FuncOp function, std::vector<Remark> &remarks);
/// Where values that take a contraction are chosen between, or multiplied by a
/// mask, while the contraction is not needed to know the choice: outside of
/// dispatches, at most a handful, in the order of the program. `function` is in
/// dense form.
std::vector<Remark> findUnexplainedMasks(func::FuncOp function);
/// Whether `value`, as `reader` reads it, would be computed by experts worth
/// it, if masks chose rows along `tokens`, and experts along `stack`, of a
/// tensor of type `type`.
bool isWorkOfExperts(Operation *reader, const Read &value,
                     RankedTensorType type, ArrayRef<int64_t> tokens,
                     std::optional<int64_t> stack);
/// Whether `op`, or what is computed for it alone, is work to skip.
bool isWork(Operation *op);
/// The dimension of `where` that a sum, its only reader, adds up: that of
/// stacked experts.
std::optional<int64_t> getStackDim(WhereOp where);
/// Where all `masks` hold, as a tensor of the dimensions `along`, each of which
/// labels a dimension of one of them.
Value conjoin(OpBuilder &b, Location loc, ArrayRef<Read> masks,
              ArrayRef<int64_t> along);
/// Where `factor` is not zero. A truth value that became a number is itself.
Value isNotZero(OpBuilder &b, Location loc, Value factor);
/// Sizes of what `op` computes are computed without it.
void detachSizes(Operation *op);
/// The only operation that reads more of `value` than its sizes, or null.
Operation *getOnlyReader(Value value);

/// Computes all regions for all rows and selects, as moe-lower-where does.
void lowerWhere(RewriterBase &rewriter, WhereOp where, bool selectImplied);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_LINALGTOMOE_WHERE_H
