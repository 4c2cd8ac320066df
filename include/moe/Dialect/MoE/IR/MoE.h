//===- MoE.h - The moe dialect ----------------------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one header for users of the dialect: its type, enums and operations.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_MOE_IR_MOE_H
#define MOE_DIALECT_MOE_IR_MOE_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::moe {

/// The most experts of a routing.
constexpr int64_t kMaxExperts = 65536;
/// The most tensors of a moe.parameters.
constexpr int64_t kMaxParameters = 1048576;

/// Whether the operations of this dialect compute with numbers of the type.
bool isSupportedFloat(Type type);
/// The same for integers, index not being one.
bool isSupportedInteger(Type type);

LogicalResult verifyOutsideElementBodies(Operation *op);

/// Verifies routing_c2.
template <typename ConcreteType>
class OutsideElementBodies
    : public OpTrait::TraitBase<ConcreteType, OutsideElementBodies> {
public:
  static LogicalResult verifyTrait(Operation *op) {
    return verifyOutsideElementBodies(op);
  }
};

} // namespace mlir::moe

#include "moe/Dialect/MoE/IR/MoEDialect.h.inc"
#include "moe/Dialect/MoE/IR/MoEEnums.h.inc"

#define GET_TYPEDEF_CLASSES
#include "moe/Dialect/MoE/IR/MoETypes.h.inc"

#define GET_ATTRDEF_CLASSES
#include "moe/Dialect/MoE/IR/MoEAttributes.h.inc"

#define GET_OP_CLASSES
#include "moe/Dialect/MoE/IR/MoEOps.h.inc"

namespace mlir::moe {
/// On an argument or a result of a function: a name by which it may be given.
inline constexpr StringLiteral nameAttr = "moe.name";
/// Beside that: its place among the others is no fact of the model, so that
/// only the name says which it is.
inline constexpr StringLiteral keywordOnlyAttr = "moe.keyword_only";
} // namespace mlir::moe

#endif // MOE_DIALECT_MOE_IR_MOE_H
