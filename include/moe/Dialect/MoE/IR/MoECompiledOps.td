//===- MoECompiledOps.td - Operations of compilers ---------*- tablegen -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Part of MoEOps.td: what a model becomes on its way to a machine.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_MOE_IR_MOECOMPILEDOPS_TD
#define MOE_DIALECT_MOE_IR_MOECOMPILEDOPS_TD

include "moe/Dialect/MoE/IR/MoEBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

//===----------------------------------------------------------------------===//
// Work of an expert
//===----------------------------------------------------------------------===//

def MoE_ContractOp : MoE_Op<"contract", [
    AttrSizedOperandSegments, DestinationStyleOpInterface,
    RecursiveMemoryEffects, SingleBlock]> {
  let summary = "products of rows with weights, and what is done to each element";
  let description = [{
    What is one kernel: rows `[M, K]` times each of some weights `[N, K]`, summed
    up in f32, and a region that makes an element of the result `[M, N]` of the
    sums at its place and of the elements of other operands there. A map says
    which element of an operand that is: of (row, column) the identity, `(d0)`,
    `(d1)` or `()`. Without weights nothing is summed up.

    ```mlir
    %h = moe.contract rows(%x) weights(%gate, %up) with(%bias) outs(%init)
        maps [affine_map<(d0, d1) -> (d1)>]
        : (tensor<?x64xbf16>, tensor<96x64xbf16>, tensor<96x64xbf16>,
           tensor<96xf32>, tensor<?x96xbf16>) -> tensor<?x96xbf16> {
    ^bb0(%g: f32, %u: f32, %b: f32):
      ...
      moe.yield_element %y : bf16
    }
    ```

    In the body of a dispatch the weights are those of the expert; elsewhere it
    is the same with one group.

    Constraints:
    * C1: there are rows if and only if there are weights; rows are `[M, K]`, each
      of the weights is `[N, K]`, all with the same elements, f32, bf16 or f16.
    * C2: the result has the type of the destination, `[M, N]`; M, N and K are the
      same wherever they are static.
    * C3: there is a map for each operand of `with`: of (d0, d1) to both, one of
      them or none, in order. A tensor has the dimensions of its map, and their
      sizes where static; what is no tensor has no dimensions.
    * C4: the region has an f32 for each of the weights, then an element of each
      operand, and yields an element of the result.
  }];
  let arguments = (ins Optional<AnyRankedTensor>:$rows,
                       Variadic<AnyRankedTensor>:$weights,
                       Variadic<AnyType>:$others, AnyRankedTensor:$out,
                       AffineMapArrayAttr:$maps);
  let results = (outs AnyRankedTensor:$result);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    (`rows` `(` $rows^ `)`)? (`weights` `(` $weights^ `)`)?
    (`with` `(` $others^ `)`)? `outs` `(` $out `)` `maps` $maps attr-dict `:`
    functional-type(operands, results) $body
  }];
  let extraClassDeclaration = [{
    MutableOperandRange getDpsInitsMutable() { return getOutMutable(); }
    /// The sums in the region.
    ArrayRef<BlockArgument> getSums();
    /// The elements of the other operands in the region.
    ArrayRef<BlockArgument> getElements();
    /// Where an element of another operand is.
    AffineMap getMap(unsigned other);
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def MoE_YieldElementOp : MoE_Op<"yield_element", [
    Pure, Terminator, HasParent<"ContractOp">]> {
  let summary = "an element of the result of a moe.contract";
  let arguments = (ins AnyType:$value);
  let assemblyFormat = "$value `:` type($value) attr-dict";
}

//===----------------------------------------------------------------------===//
// Functions of a compiled program
//===----------------------------------------------------------------------===//

def MoE_CallOp : MoE_Op<"call", [
    AttrSizedOperandSegments, DestinationStyleOpInterface,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "call a function that writes its results in place";
  let description = [{
    Calls a function of this module, made by the compiler: the body of an expert,
    which is compiled when it is first called, or the code of a contraction that
    several places share. Of several functions a number chooses one, and beyond
    them the last. Reads and writes are those of its operands, whatever a function
    does: inputs are read only, and each result is its destination, which may be
    read before it is written.

    ```mlir
    %y = moe.call @moe_kernel_0(%x, %w) outs(%h)
        : (tensor<?x8xf32>, tensor<4x8xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
    %y = moe.call %e of [@moe_expert_0_0, @moe_expert_0_1](%x) outs(%packed)
        : (index, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    ```

    Constraints:
    * C1: each symbol names a function.
    * C2: its arguments are the inputs and then the destinations, its results
      those of the operation; of a tensor, more sizes may be static here than
      there.
    * C3: there is a result for each destination, and at least one.
    * C4: there is a number if and only if there are several functions.
  }];
  let arguments = (ins Optional<Index>:$number, FlatSymbolRefArrayAttr:$callees,
                       Variadic<AnyType>:$inputs,
                       Variadic<AnyRankedTensor>:$outs);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let builders = [OpBuilder<(ins "::mlir::TypeRange":$results,
                                 "::llvm::StringRef":$callee,
                                 "::mlir::ValueRange":$inputs,
                                 "::mlir::ValueRange":$outs)>];
  let assemblyFormat = [{
    ($number^ `of`)? custom<Callees>($callees) `(` $inputs `)`
    `outs` `(` $outs `)` attr-dict `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = [{
    MutableOperandRange getDpsInitsMutable() { return getOutsMutable(); }
  }];
  let hasVerifier = 1;
}

#endif // MOE_DIALECT_MOE_IR_MOECOMPILEDOPS_TD
