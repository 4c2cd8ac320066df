//===- BufferizableOpInterfaceImpl.h - Buffers of the dialect --*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How operations of the moe dialect become operations on buffers.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_MOE_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H
#define MOE_DIALECT_MOE_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H

#include "mlir/IR/BuiltinTypes.h"

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace mlir::moe {

/// The buffer that a private function takes for a tensor: rows that may be
/// those of a larger tensor, one behind the other from any offset on.
MemRefType getInternalBufferType(RankedTensorType tensor,
                                 Attribute memorySpace = {});

void registerBufferizableOpInterfaceExternalModels(DialectRegistry &registry);

} // namespace mlir::moe

#endif // MOE_DIALECT_MOE_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H
