//===- MoEOps.td - Operations of the moe dialect -----------*- tablegen -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The meaning of each operation in NumPy is in docs/Dialect.md. Constraints are
// numbered; the verifier, the negative tests and that page use the numbers.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_MOE_IR_MOEOPS_TD
#define MOE_DIALECT_MOE_IR_MOEOPS_TD

include "moe/Dialect/MoE/IR/MoEBase.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

/// Fails for some operands, which are seen not to occur in some places: there
/// alone may the operation run where it would not have.
def MoE_MayFail : DeclareOpInterfaceMethods<ConditionallySpeculatable>;

//===----------------------------------------------------------------------===//
// Making a routing
//===----------------------------------------------------------------------===//

def MoE_GateOp : MoE_RoutingOp<"gate", [Pure, InferTypeOpAdaptor]> {
  let summary = "choose experts from scores";
  let description = [{
    Turns scores `[N, E]` into a routing, by the rules that published routers
    use. In this order:

    1. the score function is applied to each row: `softmax`, `sigmoid` or
       `identity`;
    2. experts are ranked by that value, plus `bias` if there is one (it counts
       in the ranking only). NaN ranks as minus infinity, and of equal values
       the lowest expert wins;
    3. `groups(n keep m by how)` leaves only experts of the m best of n groups
       of consecutive experts, a group being ranked by its `max` or by its
       `top2_sum`;
    4. `top_k(k)`, `argmax` (the same as `top_k(1)`) or `threshold(t)`
       (strictly greater) selects;
    5. `capacity(c)` keeps the first c tokens of each expert, in token order;
       `capacity_factor(f)` is the capacity ceil(f * N * k / E). A token that
       is dropped simply has one expert fewer;
    6. the weight is the value of step 1 without the bias, or with
       `weights(softmax)` and `weights(sigmoid)` that function over the scores
       of the experts selected, or with `weights(one)` 1;
    7. `normalize` divides by the sum over the token's experts plus `epsilon`;
       `scale(s)` multiplies.

    Computed in f32 (f64 for f64 scores); weights are f32.

    ```mlir
    %r = moe.gate %scores softmax top_k(2) normalize
       : (tensor<?x8xf32>) -> !moe.routing<8>
    %r = moe.gate %scores sigmoid bias(%b) groups(8 keep 4 by top2_sum) top_k(8)
           normalize epsilon(1.0e-20) scale(2.5)
       : (tensor<?x256xf32>, tensor<256xf32>) -> !moe.routing<256>
    ```

    Constraints:
    * C1: `scores` has rank 2, a static number of experts, 1 to 65536, and
      elements of f16, bf16, f32 or f64.
    * C2: `bias` has shape [E] and the element type of `scores`.
    * C3: exactly one of `top_k`, `threshold` and `argmax` is given.
    * C4: 0 <= k <= E.
    * C5: the number of groups divides E, 1 <= groups kept <= groups, k is at
      most the number of experts in the groups kept, and `top2_sum` needs
      groups of at least two experts.
    * C6: groups go with `top_k` or `argmax`, not with `threshold`.
    * C7: `epsilon` goes with `normalize`; it is finite and not negative.
    * C8: at most one of `capacity` and `capacity_factor`; neither is negative;
      `capacity_factor` goes with `top_k` or `argmax`.
    * C9: `threshold` and `scale` are not NaN.
    * C10: the result has the number of experts of `scores`.
  }];
  let arguments = (ins
    AnyRankedTensor:$scores,
    MoE_ScoreFunctionAttr:$function,
    Optional<AnyRankedTensor>:$bias,
    OptionalAttr<I64Attr>:$groups,
    OptionalAttr<I64Attr>:$groups_kept,
    OptionalAttr<MoE_GroupScoreAttr>:$group_score,
    OptionalAttr<I64Attr>:$k,
    OptionalAttr<F64Attr>:$threshold,
    UnitAttr:$argmax,
    OptionalAttr<MoE_WeightSourceAttr>:$weights,
    UnitAttr:$normalize,
    OptionalAttr<F64Attr>:$epsilon,
    OptionalAttr<F64Attr>:$scale,
    OptionalAttr<I64Attr>:$capacity,
    OptionalAttr<F64Attr>:$capacity_factor);
  let results = (outs MoE_RoutingType:$routing);
  let assemblyFormat = [{
    $scores `` $function
    (`bias` `(` $bias^ `)`)?
    (`groups` `(` $groups^ `keep` $groups_kept `by` `` $group_score `)`)?
    (`top_k` `(` $k^ `)`)?
    (`threshold` `(` $threshold^ `)`)?
    (`argmax` $argmax^)?
    `` custom<WeightSource>($weights)
    (`normalize` $normalize^)?
    (`epsilon` `(` $epsilon^ `)`)?
    (`scale` `(` $scale^ `)`)?
    (`capacity` `(` $capacity^ `)`)?
    (`capacity_factor` `(` $capacity_factor^ `)`)?
    attr-dict `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = [{
    /// Number of experts E.
    int64_t getNumExperts();
    /// k of `top_k`, 1 for `argmax`, none for `threshold`.
    std::optional<int64_t> getSelectedPerToken();
  }];
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

def MoE_RouteOp : MoE_RoutingOp<"route", [NoMemoryEffect, MoE_MayFail]> {
  let summary = "make a routing from plain tensors";
  let description = [{
    For rules that `moe.gate` does not know: any computation that ends in
    tensors makes a routing. Two forms:

    * a mask `[N, E]` of i1, with weights `[N, E]`;
    * expert numbers `[N, k]` (integer or index), with weights `[N, k]`. A
      number outside [0, E) means no expert; a number that occurs twice in a
      row is two assignments, the one further left first.

    Without weights every weight is 1. Weights are converted to f32.

    With `most(n)` no token has more than n assignments, which is checked while
    running: a device makes room for no more of them.

    ```mlir
    %r = moe.route %mask, %weights most(2)
       : (tensor<?x8xi1>, tensor<?x8xf32>) -> !moe.routing<8>
    %r = moe.route %experts : (tensor<?x1xi64>) -> !moe.routing<16>
    ```

    Constraints:
    * C1: `choice` has rank 2 and a static second dimension up to 65536, and
      elements of i1, another signless integer type of at most 64 bits, or index.
    * C2: a mask has as many columns as the routing has experts.
    * C3: `weights` has the shape of `choice` (its number of rows is checked
      while running) and elements of f16, bf16, f32 or f64.
    * C4: `most` is not negative and at most the number of columns.
  }];
  let arguments = (ins AnyRankedTensor:$choice,
                       Optional<AnyRankedTensor>:$weights,
                       OptionalAttr<I64Attr>:$most);
  let results = (outs MoE_RoutingType:$routing);
  let assemblyFormat = [{
    $choice (`,` $weights^)? (`most` `(` $most^ `)`)? attr-dict `:`
    functional-type(operands, results)
  }];
  let extraClassDeclaration = [{
    /// Whether `choice` is a mask [N, E] and not expert numbers [N, k].
    bool isMask();
    /// A bound of the assignments of a token.
    int64_t getMostPerToken();
  }];
  let hasVerifier = 1;
}

def MoE_RouteAllOp : MoE_RoutingOp<"route_all", [NoMemoryEffect]> {
  let summary = "send every token to every expert";
  let description = [{
    The routing of dense code, each weight 1. A number of tokens that is negative
    or more than 2^40 is a run-time error.

    ```mlir
    %r = moe.route_all %n : !moe.routing<8>
    ```
  }];
  let arguments = (ins Index:$tokens);
  let results = (outs MoE_RoutingType:$routing);
  let assemblyFormat = "$tokens attr-dict `:` qualified(type($routing))";
}

//===----------------------------------------------------------------------===//
// Reading a routing
//===----------------------------------------------------------------------===//

class MoE_ReaderOp<string mnemonic, list<Trait> traits = []>
    : MoE_RoutingOp<mnemonic, traits> {
  let arguments = (ins MoE_RoutingType:$routing);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    $routing attr-dict `:` functional-type(operands, results)
  }];
}

def MoE_MaskOp : MoE_ReaderOp<"mask", [Pure, InferTypeOpAdaptor]> {
  let summary = "whether each token goes to each expert";
  let description = [{
    ```mlir
    %mask = moe.mask %r : (!moe.routing<8>) -> tensor<?x8xi1>
    ```

    Constraint C1: the result is `tensor<?xExi1>`.
  }];
}

def MoE_WeightsOp : MoE_ReaderOp<"weights", [Pure, InferTypeOpAdaptor]> {
  let summary = "the weight of each token with each expert, 0 where not chosen";
  let description = [{
    Weights of repeated assignments are summed.

    ```mlir
    %w = moe.weights %r : (!moe.routing<8>) -> tensor<?x8xf32>
    ```

    Constraint C1: the result is `tensor<?xExf32>`.
  }];
}

def MoE_IndicesOp : MoE_ReaderOp<"indices", [NoMemoryEffect]> {
  let summary = "the experts of each token, ascending";
  let description = [{
    Row t lists the experts of token t in ascending order and is filled up with
    E. A token with more experts than the result has columns is a run-time
    error.

    ```mlir
    %i = moe.indices %r : (!moe.routing<8>) -> tensor<?x2xi64>
    ```

    Constraint C1: the result is `tensor<?xkxi64>` with a static k.
  }];
  let hasVerifier = 1;
}

def MoE_CountsOp : MoE_ReaderOp<"counts", [Pure, InferTypeOpAdaptor]> {
  let summary = "the number of assignments of each expert";
  let description = [{
    ```mlir
    %c = moe.counts %r : (!moe.routing<8>) -> tensor<8xi64>
    ```

    Constraint C1: the result is `tensor<Exi64>`.
  }];
}

def MoE_NumTokensOp : MoE_RoutingOp<"num_tokens", [Pure]> {
  let summary = "the number of tokens of a routing";
  let description = [{
    ```mlir
    %n = moe.num_tokens %r : !moe.routing<8>
    ```
  }];
  let arguments = (ins MoE_RoutingType:$routing);
  let results = (outs Index:$result);
  let assemblyFormat = "$routing attr-dict `:` qualified(type($routing))";
  let hasCanonicalizeMethod = 1;
}

//===----------------------------------------------------------------------===//
// Before a routing
//===----------------------------------------------------------------------===//

def MoE_WhereOp : MoE_Op<"where", [
    DeclareOpInterfaceMethods<RegionBranchOpInterface>,
    RecursiveMemoryEffects, SingleBlock]> {
  let summary = "values that are needed where a mask holds";
  let description = [{
    Each position along the dimensions `along` takes what the case of the first
    mask yields that holds there, or what the region behind `else` does; without
    one, zero. It is `scf.if` for rows, and what a dense program means by
    selecting between rows or by multiplying them with zero.

    ```mlir
    %y = moe.where %first, %second along [0]
        : (tensor<?xi1>, tensor<?xi1>) -> tensor<?x4xf32> {
      %a = ...
      moe.yield %a : tensor<?x4xf32>
    }, {
      %b = ...
      moe.yield %b : tensor<?x4xf32>
    } else {
      moe.yield %x : tensor<?x4xf32>
    }
    ```

    Regions compute whole tensors, of which some rows are taken. What a region
    computes by rows, for nothing else, may be computed for these rows alone:
    then it is an expert.

    With `implied` the values that the case yields are zero already where the
    mask does not hold, as far as its numbers are finite: a product with the
    mask, say. Code for all rows takes them as they are.

    Constraints:
    * C1: there is a case for each mask, and at least one.
    * C2: the dimensions of each mask are those of `along`, each of which is a
      dimension of every result, none twice.
    * C3: a dimension of a mask has the size of that of the result, where both
      are static.
    * C4: a region has no arguments and ends in `moe.yield` of values that have
      the types of the results.
    * C5: `implied` has one case and no `else`.
    * C6: there is at least one result, and none of index type or the like
      without `else`: zero is a number.
  }];
  let arguments = (ins Variadic<RankedTensorOf<[I1]>>:$masks,
                       DenseI64ArrayAttr:$along, UnitAttr:$implied);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let regions = (region MaxSizedRegion<1>:$otherwise,
                        VariadicRegion<SizedRegion<1>>:$cases);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// What each result is where none of the masks holds: null for zero.
    Value getOtherwise(unsigned result);
    YieldOp getYield(Region &region);
    /// A position along `along`, then the others.
    int64_t getDimOfMask(unsigned dim) { return getAlong()[dim]; }
  }];
}

//===----------------------------------------------------------------------===//
// Using a routing
//===----------------------------------------------------------------------===//

def MoE_DispatchOp : MoE_RoutingOp<"dispatch", [
    DeclareOpInterfaceMethods<RegionBranchOpInterface,
      ["getRegionInvocationBounds"]>,
    DeclareOpInterfaceMethods<OpAsmOpInterface,
      ["getAsmBlockNames", "getAsmBlockArgumentNames"]>,
    RecursiveMemoryEffects, SingleBlock]> {
  let summary = "run each expert on its own tokens";
  let description = [{
    Runs the body of each expert on the rows of the tokens that go to it, in
    ascending order of tokens, and on nothing else. A body whose expert has no
    token is not run.

    Experts that are alike (a *family*) share one region, whose first argument
    is the number of the expert:

    ```mlir
    %rows = moe.dispatch %x by %r
        : (tensor<?x64xf32>, !moe.routing<8>) -> tensor<?x64xf32> {
    ^each(%expert: index, %mine: tensor<?x64xf32>):
      ...
      moe.yield %out : tensor<?x64xf32>
    }
    ```

    Experts that differ have a region each:

    ```mlir
    %rows = moe.dispatch %x by %r
        : (tensor<?x8xf32>, !moe.routing<2>) -> tensor<?x8xf32> {
    ^expert0(%mine: tensor<?x8xf32>):
      ...
    }, {
    ^expert1(%mine: tensor<?x8xf32>):
      ...
    }
    ```

    The arguments of a region are the expert's number (in a family), the
    expert's rows of each token operand, and, if there is one argument more, the
    weights of these rows as a `tensor<?xf32>`. Values from outside are the same
    for all tokens. Results are *packed*: row j belongs to assignment j of the
    routing (ordered by expert, then token).

    Constraints:
    * C1: token operands and results are tensors of rank 1 or more whose rows are
      not empty.
    * C2: there is one region for each expert, or a single region for all whose
      first argument is an index.
    * C3: a region's arguments are the expert's number in a family, one tensor
      for each token operand with `?` as dimension 0 and the operand's other
      dimensions and element type, and optionally a `tensor<?xf32>`.
    * C4: a region ends in `moe.yield` of values that have the types of the
      results.
    * C5: dimension 0 of each result is `?`, the others are static and not 0.
    * C6: there is at least one result.
    * C7: dimension 0 of the token operands is the same where it is static.
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$tokens,
                       MoE_RoutingType:$routing);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let regions = (region VariadicRegion<SizedRegion<1>>:$experts);
  let assemblyFormat = [{
    ($tokens^)? `by` $routing attr-dict-with-keyword `:`
    functional-type(operands, results) $experts
  }];
  let extraClassDeclaration = [{
    /// Whether one region serves all experts.
    bool isFamily();
    int64_t getNumExperts();
    /// The expert's number in a region of a family.
    Value getExpertArgument(Region &region);
    /// The expert's rows of each token operand.
    ArrayRef<BlockArgument> getTokenArguments(Region &region);
    /// The weights of the expert's rows, or null.
    Value getWeightsArgument(Region &region);
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasCanonicalizer = 1;
}

def MoE_YieldOp : MoE_Op<"yield", [
    Pure, Terminator, ParentOneOf<["DispatchOp", "WhereOp"]>,
    DeclareOpInterfaceMethods<RegionBranchTerminatorOpInterface,
      ["getMutableSuccessorOperands"]>]> {
  let summary = "the results of an expert for its rows, or of a case";
  let description = [{
    Constraint C1: in a `moe.dispatch`, each value's dimension 0 is the number
    of the expert's rows (checked while running where it cannot be seen in the
    types).
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = "($results^ `:` type($results))? attr-dict";
}

def MoE_RowsOp : MoE_RoutingOp<"rows", [
    NoMemoryEffect, MoE_MayFail, InferTypeOpAdaptor]> {
  let summary = "the packed rows of one expert";
  let description = [{
    ```mlir
    %a = moe.rows %rows by %r[0]
       : (tensor<?x8xf32>, !moe.routing<2>) -> tensor<?x8xf32>
    ```

    Constraints:
    * C1: 0 <= expert < E.
    * C2: `packed` has `?` as dimension 0, rows that are not empty, and the type
      of the result.
  }];
  let arguments = (ins AnyRankedTensor:$packed, MoE_RoutingType:$routing,
                       I64Attr:$expert);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    $packed `by` $routing `[` $expert `]` attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def MoE_CombineOp : MoE_RoutingOp<"combine", [
    NoMemoryEffect, MoE_MayFail, InferTypeOpAdaptor,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
      ["reifyResultShapes"]>]> {
  let summary = "bring packed rows back into the order of the tokens";
  let description = [{
    Row t of the result is the sum of the packed rows of token t, each times its
    weight, in ascending order of experts, starting from +0. Floating-point rows
    are summed in f32 (f64 for f64) and rounded once. With `unweighted` the
    weights are left out. With `into`, a token without any expert keeps its row
    of `init`; otherwise its row is 0.

    ```mlir
    %y = moe.combine %rows by %r
       : (tensor<?x64xf32>, !moe.routing<8>) -> tensor<?x64xf32>
    %h = moe.combine %rows by %r into %x unweighted
       : (tensor<?x64xf32>, !moe.routing<1>, tensor<?x64xf32>) -> tensor<?x64xf32>
    ```

    Constraints:
    * C1: `packed` has rank 1 or more, `?` as dimension 0, rows that are not
      empty, and the type of the result.
    * C2: `init` has the type of `packed`.
    * C3: rows of integers are combined `unweighted`.
    * C4: elements are f16, bf16, f32, f64 or signless integers of at most 64
      bits.
  }];
  let arguments = (ins AnyRankedTensor:$packed, MoE_RoutingType:$routing,
                       Optional<AnyRankedTensor>:$init, UnitAttr:$unweighted);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    $packed `by` $routing (`into` $init^)? (`unweighted` $unweighted^)?
    attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Weights of a family
//===----------------------------------------------------------------------===//

def MoE_PickOp : MoE_Op<"pick", [NoMemoryEffect, MoE_MayFail]> {
  let summary = "one of several tensors, by number";
  let description = [{
    No tensor is copied. A number outside the list is a run-time error.

    ```mlir
    %w = moe.pick %expert [%w0, %w1, %w2] : tensor<32x8xf32>
    ```

    Constraints:
    * C1: there is at least one tensor.
    * C2: all have the same, static type.
  }];
  let arguments = (ins Index:$number, Variadic<AnyStaticShapeTensor>:$tensors);
  let results = (outs AnyStaticShapeTensor:$result);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasFolder = 1;
}

def MoE_ParametersOp : MoE_Op<"parameters", [Symbol]> {
  let summary = "weights that lie in a checkpoint under numbered names";
  let description = [{
    Declares one symbol for a family of tensors of one type. `{0}`, `{1}`, ...
    in the pattern stand for the numbers that `moe.parameter` gives.

    ```mlir
    moe.parameters @gate "layers.{0}.experts.{1}.gate_proj.weight" [32, 8]
      : tensor<96x64xf32>
    ```

    Constraints:
    * C1: there is at least one count, each is at least 1, and there are at most
      1048576 tensors.
    * C2: each of {0} ... {n-1} occurs in the pattern, and no other number.
    * C3: the type is a tensor of static shape whose elements are integers or
      floating-point numbers.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$pattern,
                       DenseI64ArrayAttr:$counts,
                       TypeAttrOf<AnyStaticShapeTensor>:$type);
  let assemblyFormat = [{
    $sym_name $pattern $counts attr-dict `:` $type
  }];
  let extraClassDeclaration = [{
    /// Name in the checkpoint of the tensor with the given numbers.
    std::string getParameterName(ArrayRef<int64_t> numbers);
    /// The same for any pattern; {n} without a number stays as it is.
    static std::string formatName(StringRef pattern, ArrayRef<int64_t> numbers);
  }];
  let hasVerifier = 1;
}

def MoE_ParameterOp : MoE_Op<"parameter", [
    NoMemoryEffect, MoE_MayFail,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "one tensor of a family of weights";
  let description = [{
    The tensor is where the checkpoint has it; nothing is copied. A number that
    is out of range is a run-time error.

    ```mlir
    %w = moe.parameter @gate[%layer, %expert] : tensor<96x64xf32>
    ```

    Constraints:
    * C1: the symbol names a `moe.parameters`.
    * C2: there are as many numbers as that has counts.
    * C3: the result has its type.
  }];
  let arguments = (ins FlatSymbolRefAttr:$parameters,
                       Variadic<Index>:$numbers);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = [{
    $parameters `[` $numbers `]` attr-dict `:` type($result)
  }];
}

include "moe/Dialect/MoE/IR/MoECompiledOps.td"

#endif // MOE_DIALECT_MOE_IR_MOEOPS_TD
