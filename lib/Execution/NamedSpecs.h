//===- NamedSpecs.h - SPECs that name what they are for ---------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// --input, --output and --expected-output take SPEC or NAME=SPEC. Private to
// this room.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_EXECUTION_NAMEDSPECS_H
#define MOE_LIB_EXECUTION_NAMEDSPECS_H

#include "moe/Execution/Model.h"

namespace mlir::moe {

/// The SPEC of SPEC or NAME=SPEC if it is a file, else empty. A name has
/// neither '=' nor a leading '@'.
StringRef fileSpecOf(StringRef argument);

/// One flag and what it is for.
struct NamedSpecs {
  StringRef flag;     // "--input"
  StringRef function; // its name
  StringRef kind;     // "input"
  ArrayRef<ValueType> types;
  ArrayRef<ValueName> names;

  /// The arguments of the flag as the SPECs of the inputs or results, in order;
  /// none where there is none. A usage error if an argument names nothing, if
  /// two are for one value, if there are more than values, or if a position
  /// does not say which of several keyword-only values is meant.
  llvm::Expected<std::vector<std::optional<std::string>>>
  bind(ArrayRef<std::string> arguments) const;

private:
  std::optional<size_t> lookUp(StringRef name) const;
  llvm::Error unknown(StringRef argument) const;
  llvm::Error checkPositions(ArrayRef<std::string> arguments,
                             size_t positional) const;
};

} // namespace mlir::moe

#endif // MOE_LIB_EXECUTION_NAMEDSPECS_H
