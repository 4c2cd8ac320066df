//===- Parameters.cpp - Weights for a model -------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Binding by name. The names of the symbols are those that
// moe-convert-parameters-to-memref gives.
//
//===----------------------------------------------------------------------===//

#include "moe/Execution/Parameters.h"
#include "Interface.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/MLProgram/IR/MLProgramAttributes.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "moe/Conversion/DeviceSymbols.h"
#include "moe/Conversion/ParametersToMemRef/ParametersToMemRef.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include "moe/Execution/Error.h"
#include "moe/Execution/Model.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mlir::moe;

/// More members than any checkpoint has, and few enough to list.
static constexpr int64_t maxFamilyMembers = 1 << 22;

//===----------------------------------------------------------------------===//
// What a model asks for
//===----------------------------------------------------------------------===//

SmallVector<const RequiredParameter *> Requirements::all() const {
  SmallVector<const RequiredParameter *> list;
  for (const RequiredParameter &parameter : parameters)
    list.push_back(&parameter);
  for (const RequiredFamily &family : families)
    for (const RequiredParameter &member : family.members)
      list.push_back(&member);
  return list;
}

static llvm::Expected<RequiredParameter>
makeParameter(StringRef name, Type type, StringRef fileName) {
  std::optional<ValueType> value = getValueType(type);
  auto tensor = dyn_cast<ShapedType>(type);
  if (value && tensor && tensor.hasStaticShape())
    return RequiredParameter{name.str(), type, value->elementType,
                             value->shape};
  std::string spelling;
  llvm::raw_string_ostream(spelling) << type;
  return makeError(fileName + ": parameter " + quote(name) + " has type " +
                   spelling + ", expected a tensor of static shape");
}

static llvm::Expected<RequiredFamily>
makeFamily(StringRef symbol, StringRef pattern, ArrayRef<int64_t> counts,
           Type type, StringRef fileName) {
  RequiredFamily family;
  family.symbol = symbol.str();
  family.pattern = pattern.str();
  family.counts = llvm::to_vector(counts);
  std::optional<int64_t> members = checkedNumElements(family.counts);
  if (!members || *members > maxFamilyMembers)
    return makeError(fileName + ": parameters " + quote(family.symbol) +
                     " stand for more than " + llvm::Twine(maxFamilyMembers) +
                     " tensors");
  SmallVector<int64_t> numbers(family.counts.size(), 0);
  for (int64_t member = 0; member < *members; ++member) {
    int64_t rest = member;
    for (size_t i = numbers.size(); i-- > 0; rest /= family.counts[i])
      numbers[i] = rest % family.counts[i];
    auto parameter = makeParameter(ParametersOp::formatName(pattern, numbers),
                                   type, fileName);
    if (!parameter)
      return parameter.takeError();
    family.members.push_back(std::move(*parameter));
  }
  return family;
}

/// The family that a table of offsets, or a stack of all tensors, stands for.
static llvm::Expected<RequiredFamily>
makeFamily(memref::GlobalOp global, StringRef symbol, StringRef fileName) {
  auto pattern = global->getAttrOfType<StringAttr>(parameterPatternAttr);
  auto type = global->getAttrOfType<TypeAttr>(parameterTypeAttr);
  auto member = type ? dyn_cast<MemRefType>(type.getValue()) : MemRefType();
  if (!pattern || !member)
    return makeError(fileName + ": the global " + quote(global.getSymName()) +
                     " does not say which tensors it is for");
  ArrayRef<int64_t> counts = global.getType().getShape();
  if (global.getSymName().starts_with(stackPrefix))
    counts =
        counts.drop_back(std::min<size_t>(member.getRank(), counts.size()));
  return makeFamily(symbol, pattern.getValue(), counts, type.getValue(),
                    fileName);
}

llvm::Expected<Requirements> moe::collectRequirements(ModuleOp module,
                                                      StringRef fileName) {
  Requirements required;
  for (auto global : module.getOps<ml_program::GlobalOp>()) {
    if (!isa_and_nonnull<ml_program::ExternAttr>(global.getValueAttr()))
      continue;
    auto parameter =
        makeParameter(global.getSymName(), global.getType(), fileName);
    if (!parameter)
      return parameter.takeError();
    required.parameters.push_back(std::move(*parameter));
  }
  // From phase `regions` on, weights are these.
  for (auto global : module.getOps<memref::GlobalOp>()) {
    StringRef name = global.getSymName();
    if (global.isExternal() && name.consume_front(offsetsPrefix)) {
      auto family = makeFamily(global, name, fileName);
      if (!family)
        return family.takeError();
      required.families.push_back(std::move(*family));
      continue;
    }
    if (global.isExternal() && name.consume_front(stackPrefix)) {
      auto family = makeFamily(global, name, fileName);
      if (!family)
        return family.takeError();
      required.families.push_back(std::move(*family));
      continue;
    }
    if (!global.isExternal() || !name.consume_front(weightPrefix))
      continue;
    auto parameter = makeParameter(name, global.getType(), fileName);
    if (!parameter)
      return parameter.takeError();
    required.parameters.push_back(std::move(*parameter));
  }
  llvm::Error problem = llvm::Error::success();
  visitRecordedWeights(
      module,
      [&](StringRef name, Type type) {
        if (problem)
          return;
        auto parameter = makeParameter(name, type, fileName);
        if (parameter)
          required.parameters.push_back(std::move(*parameter));
        else
          problem = parameter.takeError();
      },
      [&](StringRef symbol, StringRef pattern, ArrayRef<int64_t> counts,
          Type type) {
        if (problem)
          return;
        auto family = makeFamily(symbol, pattern, counts, type, fileName);
        if (family)
          required.families.push_back(std::move(*family));
        else
          problem = family.takeError();
      });
  if (problem)
    return std::move(problem);
  for (auto op : module.getOps<ParametersOp>()) {
    auto family = makeFamily(op.getSymName(), op.getPattern(), op.getCounts(),
                             op.getType(), fileName);
    if (!family)
      return family.takeError();
    required.families.push_back(std::move(*family));
  }
  return required;
}

//===----------------------------------------------------------------------===//
// Binding
//===----------------------------------------------------------------------===//

/// What is wrong with one parameter, empty if nothing is.
static std::string findFault(const RequiredParameter &parameter,
                             const Checkpoint *checkpoint, StringRef fileName) {
  const Parameter *found =
      checkpoint ? checkpoint->lookup(parameter.name) : nullptr;
  std::string wanted =
      stringifyTensorType(parameter.elementType, parameter.shape);
  if (!checkpoint)
    return (fileName + ": no weights for parameter " + quote(parameter.name) +
            " of type " + wanted + "; name a file with --parameters")
        .str();
  if (!found) {
    std::string message = (fileName + ": parameter " + quote(parameter.name) +
                           " of type " + wanted + " is in no weight file")
                              .str();
    StringRef nearest = checkpoint->nearest(parameter.name);
    if (!nearest.empty())
      message += ", did you mean " + quote(nearest) + "?";
    return message;
  }
  if (found->elementType == parameter.elementType &&
      ArrayRef<int64_t>(found->shape) == ArrayRef<int64_t>(parameter.shape))
    return "";
  return checkpoint->files()[found->file].path + ": parameter " +
         quote(parameter.name) + " is " + found->typeString() +
         ", the model expects " + wanted;
}

std::vector<std::string> moe::findFaults(const Requirements &required,
                                         const Checkpoint *checkpoint,
                                         StringRef fileName) {
  std::vector<std::string> faults;
  SmallVector<const RequiredParameter *> all = required.all();
  if (!checkpoint && !all.empty())
    return {(fileName + ": no weights for " + llvm::Twine(all.size()) +
             (all.size() == 1 ? " parameter" : " parameters") +
             "; name a file with --parameters")
                .str()};
  for (const RequiredParameter *parameter : all)
    if (std::string fault = findFault(*parameter, checkpoint, fileName);
        !fault.empty())
      faults.push_back(std::move(fault));
  return faults;
}

llvm::Error BoundParameters::add(const RequiredParameter &parameter,
                                 const Checkpoint &checkpoint,
                                 const void *&address) {
  const Parameter *found = checkpoint.lookup(parameter.name);
  if (parameter.elementType == ElementType::I1)
    if (llvm::Error error = checkpoint.checkBooleans(*found))
      return error;
  address = found->alignedAddress;
  if (found->misaligned)
    toAlign.push_back({&checkpoint, found, address});
  return llvm::Error::success();
}

llvm::Error BoundParameters::checkUnused(const Requirements &required,
                                         const Checkpoint &checkpoint,
                                         bool allowUnused) {
  llvm::StringSet<> used;
  for (const RequiredParameter *parameter : required.all())
    used.insert(parameter->name);
  for (const Parameter &parameter : checkpoint.parameters()) {
    if (used.contains(parameter.name))
      continue;
    ++unused;
    const CheckpointFile &file = checkpoint.files()[parameter.file];
    if (!allowUnused && !file.fromDirectory)
      return makeError(file.path + ": the model does not use tensor " +
                       quote(parameter.name) +
                       "; --allow-unused-parameters permits that");
  }
  return llvm::Error::success();
}

llvm::Expected<std::unique_ptr<BoundParameters>>
BoundParameters::bind(const Requirements &required,
                      const Checkpoint *checkpoint, rt::Device *device,
                      StringRef fileName, bool allowUnused) {
  std::unique_ptr<BoundParameters> bound(new BoundParameters);
  bound->target = device;
  for (const RequiredParameter *parameter : required.all())
    if (std::string fault = findFault(*parameter, checkpoint, fileName);
        !fault.empty())
      return makeError(fault);
  if (!checkpoint)
    return bound;
  if (llvm::Error error =
          bound->checkUnused(required, *checkpoint, allowUnused))
    return error;
  for (const RequiredParameter &parameter : required.parameters)
    if (llvm::Error error =
            bound->add(parameter, *checkpoint,
                       bound->table[(weightPrefix + parameter.name).str()]))
      return error;
  if (device) {
    if (llvm::Error error = bound->stack(required, *checkpoint))
      return error;
    return bound;
  }
  bound->table["moe.arena"] = checkpoint->base();
  for (const RequiredFamily &family : required.families) {
    std::vector<int64_t> &offsets = bound->offsets.emplace_back();
    for (const RequiredParameter &member : family.members) {
      const void *address = nullptr;
      if (llvm::Error error = bound->add(member, *checkpoint, address))
        return error;
      offsets.push_back(static_cast<const char *>(address) -
                        checkpoint->base());
    }
    bound->table[(offsetsPrefix + family.symbol).str()] = offsets.data();
  }
  return bound;
}

/// Families lie on the device in one piece. Other tensors follow when they are
/// first used, from aligned memory.
llvm::Error BoundParameters::stack(const Requirements &required,
                                   const Checkpoint &checkpoint) {
  for (const RequiredParameter *parameter : required.all())
    if (const Parameter *found = checkpoint.lookup(parameter->name);
        found->misaligned)
      checkpoint.copyAligned(*found);
  toAlign.clear();
  for (const RequiredFamily &family : required.families) {
    int64_t bytes = checkpoint.lookup(family.members[0].name)->bytes;
    int64_t total = bytes * static_cast<int64_t>(family.members.size());
    std::string problem;
    auto *base = static_cast<char *>(
        target->allocate(std::max<int64_t>(total, 1), problem));
    if (!base)
      return limitError("cannot allocate " + std::to_string(total) +
                        " bytes for parameters " + quote(family.pattern) +
                        " on " + target->name() + ": " + problem);
    stacks.push_back(base);
    table[(stackPrefix + family.symbol).str()] = base;
    for (auto [index, member] : llvm::enumerate(family.members)) {
      const void *address = nullptr;
      if (llvm::Error error = add(member, checkpoint, address))
        return error;
      if (bytes)
        problem = target->write(base + index * bytes, address, bytes);
      if (!problem.empty())
        return makeError("device " + target->name() + ": " + problem);
    }
  }
  toAlign.clear();
  return llvm::Error::success();
}

BoundParameters::~BoundParameters() {
  for (void *block : stacks)
    target->release(block);
}
