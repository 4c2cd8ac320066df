//===- Parameters.h - Weights for a model -----------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What weights a model asks for, and where compiled code finds them: every
// parameter is set exactly once, or an error names it.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_EXECUTION_PARAMETERS_H
#define MOE_EXECUTION_PARAMETERS_H

#include "mlir/IR/BuiltinOps.h"
#include "moe/Import/Checkpoint.h"
#include "moe/Runtime/Device.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::moe {

/// One tensor that a model asks for.
struct RequiredParameter {
  std::string name;
  Type type;
  ElementType elementType;
  SmallVector<int64_t> shape;
};

/// Tensors that a model asks for under one symbol, a number apart.
struct RequiredFamily {
  std::string symbol;
  std::string pattern;
  SmallVector<int64_t> counts;
  /// In the order of the numbers, the last one fastest.
  std::vector<RequiredParameter> members;
};

struct Requirements {
  std::vector<RequiredParameter> parameters;
  std::vector<RequiredFamily> families;

  bool empty() const { return parameters.empty() && families.empty(); }
  /// All tensors, those of families included.
  SmallVector<const RequiredParameter *> all() const;
};

/// Reads the module as it was imported, before any pass. `fileName` is for
/// messages.
llvm::Expected<Requirements> collectRequirements(ModuleOp module,
                                                 StringRef fileName);

/// What is wrong with the weights at hand, a line for each parameter.
std::vector<std::string> findFaults(const Requirements &required,
                                    const Checkpoint *checkpoint,
                                    StringRef fileName);

/// A tensor of which the place in its file is misaligned.
struct MisalignedTensor {
  const Checkpoint *checkpoint;
  const Parameter *parameter;
  /// Where code reads it, once it is copied there.
  const void *address;

  void copy() const { checkpoint->copyAligned(*parameter); }
};

/// Weights where compiled code finds them. They do not change, so that several
/// sessions may use them.
class BoundParameters {
public:
  /// On `device`, if that is not null: families at once, other tensors
  /// when they are first used. An error for a parameter that is missing or of
  /// another type, and for a tensor of a file named by the user that the model
  /// does not use, unless that is allowed.
  static llvm::Expected<std::unique_ptr<BoundParameters>>
  bind(const Requirements &required, const Checkpoint *checkpoint,
       rt::Device *device, StringRef fileName, bool allowUnused);
  ~BoundParameters();

  /// The device on which they are, or null.
  rt::Device *device() const { return target; }
  /// What compiled code reads, by name.
  const llvm::StringMap<const void *> &data() const { return table; }
  /// Tensors to copy to aligned memory before they are used.
  ArrayRef<MisalignedTensor> misaligned() const { return toAlign; }
  /// Tensors at hand that the model does not use.
  int64_t numUnused() const { return unused; }

private:
  BoundParameters() = default;
  llvm::Error checkUnused(const Requirements &required,
                          const Checkpoint &checkpoint, bool allowUnused);
  llvm::Error stack(const Requirements &required, const Checkpoint &checkpoint);
  llvm::Error add(const RequiredParameter &parameter,
                  const Checkpoint &checkpoint, const void *&address);

  llvm::StringMap<const void *> table;
  std::vector<std::vector<int64_t>> offsets;
  std::vector<MisalignedTensor> toAlign;
  rt::Device *target = nullptr;
  /// On the device.
  std::vector<void *> stacks;
  int64_t unused = 0;
};

} // namespace mlir::moe

#endif // MOE_EXECUTION_PARAMETERS_H
