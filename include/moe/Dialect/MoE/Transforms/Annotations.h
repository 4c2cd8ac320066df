//===- Annotations.h - What passes say about a dispatch ------- -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Discardable attributes that passes put on operations of the dialect and that
// their lowering reads, and the calls of the runtime's counters.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_MOE_TRANSFORMS_ANNOTATIONS_H
#define MOE_DIALECT_MOE_TRANSFORMS_ANNOTATIONS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "moe/Dialect/MoE/IR/MoE.h"

namespace mlir::moe {

/// Functions and kernels of one dispatch have names that begin so, with the
/// number of the dispatch next, and the number of the expert if experts differ.
inline constexpr StringLiteral expertPrefix = "moe_expert_";
inline constexpr StringLiteral familyPrefix = "moe_family_";

/// On a dispatch that the compiler made: what its kernels are called.
inline constexpr StringLiteral kernelNameAttr = "moe.kernel";

/// Numbers of dispatches in program order.
inline constexpr StringLiteral dispatchNumberAttr = "moe.number";
/// One bool for each region, or for each expert: whether its body is row-wise.
inline constexpr StringLiteral rowWiseAttr = "moe.row_wise";
/// Present if the runtime counts what the dispatch does.
inline constexpr StringLiteral countedAttr = "moe.counted";
/// On the module: how many more experts would be raised if all numbers were
/// known to be finite.
inline constexpr StringLiteral wouldRaiseAttr = "moe.assume_finite_would_raise";
/// On the module: what is known about each dispatch before running.
inline constexpr StringLiteral dispatchesAttr = "moe.dispatches";
/// On the module: the conditionals of the model whose sides are counted.
inline constexpr StringLiteral conditionalsAttr = "moe.conditionals";

/// The number given to `op`, or 0.
int64_t getDispatchNumber(DispatchOp op);
/// Whether `region` of `op` was proved row-wise.
bool isRowWise(DispatchOp op, Region &region);
/// The same of each expert, of a family or not.
SmallVector<bool> getRowWiseExperts(DispatchOp op);

/// `location`, marked as that of a conditional that the model has.
Location markConditional(Location location);
/// Whether `location` is one that `markConditional` made, perhaps inlined
/// since.
bool isMarkedConditional(Location location);
/// The same of the end of one side: rewriting may exchange sides.
Location markSide(Location location, bool isElse);
/// Which side ends here, if `markSide` has said so.
std::optional<bool> isMarkedElse(Location location);

/// Emits calls of the runtime's counters for one dispatch; nothing if it is not
/// counted.
class Counting {
public:
  explicit Counting(DispatchOp op);

  /// Declares the counters' functions in `module`.
  static void declare(ModuleOp module);

  /// One run of the dispatch by `routing`.
  void run(ImplicitLocOpBuilder &b, Value routing) const;
  void endRun(ImplicitLocOpBuilder &b) const;
  /// A body is run for `expert`.
  void evaluate(ImplicitLocOpBuilder &b, Value expert) const;
  void endEvaluate(ImplicitLocOpBuilder &b, Value expert) const;
  /// `flops` (index) floating-point operations were done.
  void flops(ImplicitLocOpBuilder &b, Value flops) const;
  /// A kernel is given `tiles` (index) of `expert`.
  void tiles(ImplicitLocOpBuilder &b, Value expert, Value tiles) const;
  /// The elements of `tensor`, a weight or a contiguous part of one, were read.
  void touch(ImplicitLocOpBuilder &b, Value tensor) const;

private:
  void call(ImplicitLocOpBuilder &b, StringRef name, ValueRange operands) const;

  bool counted;
  int64_t number, experts;
  /// The layer, where layers are a loop: the induction variable of the loop
  /// around the dispatch that numbers parameters. Null if there is none.
  Value instance;
};

/// Inserts calls that count the floating-point operations and the weights read
/// in the bodies of the counted dispatches of `module`, and describes these in
/// its `moe.dispatches`.
void countDispatches(ModuleOp module);

} // namespace mlir::moe

#endif // MOE_DIALECT_MOE_TRANSFORMS_ANNOTATIONS_H
