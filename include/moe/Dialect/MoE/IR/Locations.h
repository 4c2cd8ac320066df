//===- Locations.h - What a location says of a user's model -----*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The place in a file, and the layer of the model: a NameLoc is the path of the
// layer that an operation computes for, as its framework spells it.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_MOE_IR_LOCATIONS_H
#define MOE_DIALECT_MOE_IR_LOCATIONS_H

#include "mlir/IR/Location.h"

namespace mlir::moe {

/// "FILE:line:col" of the place that the user wrote, or nothing.
std::string placeOf(Location location);

/// The layer, or nothing. What was inlined from a function has the name of its
/// call in front, "CALL/LAYER": a name in a function is relative to the call.
std::string layerOf(Location location);

/// "in layer 'NAME': ", to stand before a message, or nothing.
std::string inLayer(Location location);

/// What an operation that stands for one of each layer has: `locations`, by the
/// number of the layer.
Location fuseLayers(ArrayRef<Location> locations, MLIRContext *context);
/// The locations of the layers that an operation stands for, by their number;
/// its own, if it stands for itself.
SmallVector<Location> getLayers(Location location);

} // namespace mlir::moe

#endif // MOE_DIALECT_MOE_IR_LOCATIONS_H
