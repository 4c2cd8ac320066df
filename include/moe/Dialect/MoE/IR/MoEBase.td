//===- MoEBase.td - The moe dialect, its type and its enums ---*- tablegen -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_MOE_IR_MOEBASE_TD
#define MOE_DIALECT_MOE_IR_MOEBASE_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def MoE_Dialect : Dialect {
  let name = "moe";
  let cppNamespace = "::mlir::moe";
  let summary = "mixtures of experts: who computes what, and for whom";
  let description = [{
    A *routing* says which experts each token goes to, and with which weight.
    `moe.gate` and `moe.route` make one, `moe.dispatch` runs the experts on
    their own tokens and on nothing else, `moe.combine` brings the results back
    into the order of the tokens. An expert is a region of ordinary MLIR.

    All operations are pure functions of tensors. Tokens are dimension 0.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let dependentDialects = ["::mlir::tensor::TensorDialect"];
}

class MoE_Op<string mnemonic, list<Trait> traits = []>
    : Op<MoE_Dialect, mnemonic, traits>;

/// Of operations that make or take a routing.
def MoE_OutsideElementBodies : NativeOpTrait<"OutsideElementBodies"> {
  let cppNamespace = "::mlir::moe";
}
class MoE_RoutingOp<string mnemonic, list<Trait> traits = []>
    : MoE_Op<mnemonic, !listconcat([MoE_OutsideElementBodies], traits)>;

def MoE_RoutingType : TypeDef<MoE_Dialect, "Routing"> {
  let mnemonic = "routing";
  let summary = "which experts each token goes to, and with which weight";
  let description = [{
    `!moe.routing<E>` is an assignment of N tokens to E experts: a list of
    (token, expert, weight), ordered by expert and within an expert by token.
    N is part of the value, because a token may have no expert at all.

    Constraints:
    * C1: 1 <= E <= 65536.
    * C2: no operation that makes or takes a routing stands in the body of a
      linalg or tensor operation, which computes one element.
  }];
  let parameters = (ins "int64_t":$experts);
  let assemblyFormat = "`<` $experts `>`";
  let genVerifyDecl = 1;
}

def MoE_ScoreFunction : I32Enum<"ScoreFunction",
    "how scores become comparable", [
      I32EnumCase<"identity", 0>,
      I32EnumCase<"softmax", 1>,
      I32EnumCase<"sigmoid", 2>]> {
  let cppNamespace = "::mlir::moe";
}
def MoE_ScoreFunctionAttr
    : EnumAttr<MoE_Dialect, MoE_ScoreFunction, "score_function">;

def MoE_GroupScore : I32Enum<"GroupScore",
    "how a group of experts is ranked", [
      I32EnumCase<"max", 0>,
      I32EnumCase<"top2_sum", 1>]> {
  let cppNamespace = "::mlir::moe";
}
def MoE_GroupScoreAttr : EnumAttr<MoE_Dialect, MoE_GroupScore, "group_score">;

def MoE_WeightSource : I32Enum<"WeightSource",
    "where the weight of a chosen expert comes from", [
      I32EnumCase<"score", 0>,
      I32EnumCase<"softmax", 1>,
      I32EnumCase<"sigmoid", 2>,
      I32EnumCase<"one", 3>]> {
  let cppNamespace = "::mlir::moe";
}
def MoE_WeightSourceAttr
    : EnumAttr<MoE_Dialect, MoE_WeightSource, "weight_source">;

#endif // MOE_DIALECT_MOE_IR_MOEBASE_TD
