//===- MoELocations.cpp - What a location says of a user's model ----------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Locations.h. Locations share parts, so that a short text can stand for a
// tree without end: no more than a few parts of one are looked at.
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "moe/Dialect/MoE/IR/Locations.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::moe;

std::string moe::placeOf(Location location) {
  auto file = location->findInstanceOf<FileLineColLoc>();
  if (!file || file.getFilename().empty())
    return "";
  return (file.getFilename().strref() + ":" + Twine(file.getLine()) + ":" +
          Twine(file.getColumn()))
      .str();
}

namespace {
/// The names in a location, outer ones first.
class Names {
public:
  void collect(Location location);
  SmallVector<StringRef> names;

private:
  unsigned parts = 256;
};
} // namespace

void Names::collect(Location location) {
  if (parts == 0)
    return;
  --parts;
  llvm::TypeSwitch<LocationAttr>(location)
      .Case([&](NameLoc named) {
        if (named.getName().empty())
          collect(named.getChildLoc());
        else
          names.push_back(named.getName());
      })
      .Case([&](CallSiteLoc call) {
        collect(call.getCaller());
        collect(call.getCallee());
      })
      .Case([&](FusedLoc fused) {
        // Of several layers the first one.
        size_t before = names.size();
        for (Location each : fused.getLocations())
          if (names.size() == before)
            collect(each);
      })
      .Case([&](OpaqueLoc opaque) { collect(opaque.getFallbackLocation()); });
}

std::string moe::layerOf(Location location) {
  Names found;
  found.collect(location);
  constexpr size_t longest = 200;
  std::string layer;
  for (StringRef name : found.names) {
    if (layer.size() > longest)
      return layer + "/...";
    layer += (layer.empty() ? "" : "/") + name.str();
  }
  return layer;
}

std::string moe::inLayer(Location location) {
  std::string layer = layerOf(location);
  return layer.empty() ? "" : "in layer '" + layer + "': ";
}

Location moe::fuseLayers(ArrayRef<Location> locations, MLIRContext *context) {
  auto count =
      IntegerAttr::get(IntegerType::get(context, 64), locations.size());
  return FusedLoc::get(locations, count, context);
}

SmallVector<Location> moe::getLayers(Location location) {
  auto fused = dyn_cast<FusedLoc>(location);
  auto count =
      fused ? dyn_cast_or_null<IntegerAttr>(fused.getMetadata()) : nullptr;
  // Locations that are the same are kept once.
  if (!count || count.getType().isInteger(1) ||
      count.getInt() != static_cast<int64_t>(fused.getLocations().size()))
    return {location};
  return llvm::to_vector(fused.getLocations());
}
