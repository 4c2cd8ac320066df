//===- InitAll.h - Registration of everything -------------- -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a tool needs registered: the dialects that a model and its lowering use,
// and every pass and pipeline.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_INITALL_H
#define MOE_INITALL_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace mlir::moe {

/// The moe dialect, upstream's dialects and extensions.
void registerAllDialects(DialectRegistry &registry);

/// Our passes and pipelines, and upstream's passes.
void registerAllPasses();

/// Those of our own.
void registerAllTranslations();

} // namespace mlir::moe

#endif // MOE_INITALL_H
