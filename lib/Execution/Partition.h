//===- Partition.h - Which functions are compiled together ------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Divides the definitions of a module into one eager partition and lazy ones.
// Private to this room.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_EXECUTION_PARTITION_H
#define MOE_LIB_EXECUTION_PARTITION_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/GlobalValue.h"

#include <string>
#include <vector>

namespace llvm {
class Module;
} // namespace llvm

namespace mlir::moe {

/// Definitions that become one object file.
struct Partition {
  /// The function that stands for it.
  std::string name;
  llvm::SmallVector<llvm::GlobalValue *> definitions;
  /// The functions among them, as the module names them.
  std::vector<std::string> functions;
};

/// The partitions of `module`. The first is eager (and may be empty). A
/// function that `isLazy` has a partition, together with the local definitions
/// that only it reaches; a local definition that several of those reach, and
/// nothing eager, has a partition of its own.
llvm::SmallVector<Partition, 0>
partitionModule(llvm::Module &module,
                llvm::function_ref<bool(llvm::StringRef)> isLazy);

/// Gives public linkage, and a name that ends in `suffix`, to the local
/// definitions that another partition refers to.
void exposeAcrossPartitions(llvm::ArrayRef<Partition> partitions,
                            llvm::StringRef suffix);

} // namespace mlir::moe

#endif // MOE_LIB_EXECUTION_PARTITION_H
