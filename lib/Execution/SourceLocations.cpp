//===- SourceLocations.cpp - Locations of a model that was read -----------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See SourceLocations.h. What a text nests in its locations ends here.
//
//===----------------------------------------------------------------------===//

#include "SourceLocations.h"
#include "mlir/IR/Location.h"
#include "moe/Dialect/MoE/IR/Locations.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace mlir::moe;

/// The first place in a location, in the order in which it is written. Without
/// recursion: a text may chain as many locations as it has lines.
static FileLineColLoc findPlace(Location location) {
  SmallVector<Location> open{location};
  llvm::SmallPtrSet<const void *, 8> seen;
  while (!open.empty()) {
    Location part = open.pop_back_val();
    if (!seen.insert(part.getAsOpaquePointer()).second)
      continue;
    if (auto file = dyn_cast<FileLineColLoc>(part))
      return file;
    llvm::TypeSwitch<LocationAttr>(part)
        .Case([&](NameLoc named) { open.push_back(named.getChildLoc()); })
        .Case([&](CallSiteLoc call) {
          open.push_back(call.getCaller());
          open.push_back(call.getCallee());
        })
        .Case([&](FusedLoc fused) {
          llvm::append_range(open, llvm::reverse(fused.getLocations()));
        });
  }
  return {};
}

/// A name that can be printed: of a length that a line takes, UTF-8, without
/// control characters.
static std::string printable(StringRef name) {
  constexpr size_t longest = 200;
  std::string text = llvm::json::fixUTF8(name.take_front(longest));
  for (char &c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f)
      c = '?';
  return name.size() > longest ? text + "..." : text;
}

namespace {
class SourceLocations {
public:
  SourceLocations(const AsmParserState &state, const llvm::SourceMgr &sources)
      : state(state), sources(sources) {}

  void set(Operation *op);

private:
  /// `given` with a name and a place, those of `around` where it has none;
  /// `place` is that in the text, if it is known.
  Location complete(Location given, FileLineColLoc place, Location around);
  FileLineColLoc placeInText(Operation *op);

  const AsmParserState &state;
  const llvm::SourceMgr &sources;
};
} // namespace

Location SourceLocations::complete(Location given, FileLineColLoc place,
                                   Location around) {
  std::string name = printable(layerOf(given));
  if (auto outer = dyn_cast<NameLoc>(around); name.empty() && outer)
    name = outer.getName().str();
  if (FileLineColLoc own = findPlace(given))
    place = own;
  else if (!place)
    place = findPlace(around);
  Location found =
      place ? Location(place) : UnknownLoc::get(given.getContext());
  if (name.empty())
    return found;
  return NameLoc::get(StringAttr::get(given.getContext(), name), found);
}

FileLineColLoc SourceLocations::placeInText(Operation *op) {
  const AsmParserState::OperationDefinition *definition = state.getOpDef(op);
  if (!definition)
    return {};
  llvm::SMLoc start = definition->loc.Start;
  unsigned file = sources.FindBufferContainingLoc(start);
  auto [line, column] = sources.getLineAndColumn(start, file);
  return FileLineColLoc::get(
      op->getContext(), sources.getMemoryBuffer(file)->getBufferIdentifier(),
      line, column);
}

void SourceLocations::set(Operation *op) {
  Location around = op->getParentOp() ? op->getParentOp()->getLoc()
                                      : UnknownLoc::get(op->getContext());
  FileLineColLoc place;
  if (!isa<FileLineColLoc>(op->getLoc()))
    place = placeInText(op);
  op->setLoc(complete(op->getLoc(), place, around));
  for (Region &region : op->getRegions())
    for (Block &block : region)
      for (BlockArgument argument : block.getArguments())
        argument.setLoc(complete(argument.getLoc(), {}, op->getLoc()));
}

void moe::setSourceLocations(Operation *top, const AsmParserState &state,
                             const llvm::SourceMgr &sources) {
  SourceLocations locations(state, sources);
  top->walk<WalkOrder::PreOrder>([&](Operation *op) { locations.set(op); });
}
