//===- Partition.cpp - Which functions are compiled together --------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Partition.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/IR/Instruction.h"
#include "llvm/IR/Module.h"

using namespace mlir;
using namespace llvm;

/// The definitions whose code or initialiser mentions `value`.
static SmallSetVector<GlobalValue *, 4> getUsers(GlobalValue &value) {
  SmallSetVector<GlobalValue *, 4> users;
  SmallVector<User *> worklist(value.users());
  SmallPtrSet<User *, 8> seen;
  while (!worklist.empty()) {
    User *user = worklist.pop_back_val();
    if (!seen.insert(user).second)
      continue;
    if (auto *instruction = dyn_cast<Instruction>(user))
      users.insert(instruction->getFunction());
    else if (auto *global = dyn_cast<GlobalValue>(user))
      users.insert(global);
    else
      llvm::append_range(worklist, user->users());
  }
  return users;
}

namespace {
/// Who reaches a definition: nobody, one lazy function, several, or eager code.
/// Only ever grows.
struct Reach {
  enum Kind { Nobody, One, Several, Eager } kind = Nobody;
  GlobalValue *root = nullptr;

  /// Returns whether this grew.
  bool join(const Reach &other) {
    Reach before = *this;
    if (kind == One && other.kind == One && root != other.root)
      *this = {Several, nullptr};
    else if (other.kind > kind)
      *this = other;
    return kind != before.kind;
  }
};
} // namespace

/// Who reaches each definition of `module`.
static MapVector<GlobalValue *, Reach>
computeReach(Module &module, function_ref<bool(StringRef)> isLazy) {
  MapVector<GlobalValue *, Reach> reach;
  SmallVector<GlobalValue *> locals;
  for (GlobalValue &value : module.global_values()) {
    if (value.isDeclaration())
      continue;
    if (isa<Function>(value) && isLazy(value.getName()))
      reach[&value] = {Reach::One, &value};
    else if (!value.hasLocalLinkage())
      reach[&value] = {Reach::Eager, nullptr};
    else
      locals.push_back(&value);
  }
  DenseMap<GlobalValue *, SmallSetVector<GlobalValue *, 4>> users;
  for (GlobalValue *local : locals) {
    reach[local] = {};
    users[local] = getUsers(*local);
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (GlobalValue *local : locals)
      for (GlobalValue *user : users[local])
        changed |= reach[local].join(reach[user]);
  }
  return reach;
}

SmallVector<moe::Partition, 0>
moe::partitionModule(Module &module, function_ref<bool(StringRef)> isLazy) {
  SmallVector<Partition, 0> partitions(1);
  DenseMap<GlobalValue *, size_t> partitionOf;
  auto startPartition = [&](GlobalValue *value) {
    partitionOf[value] = partitions.size();
    partitions.push_back({value->getName().str(), {}, {}});
  };
  MapVector<GlobalValue *, Reach> reach = computeReach(module, isLazy);
  for (auto &[value, reached] : reach)
    if (reached.kind == Reach::Several || reached.root == value)
      startPartition(value);
  for (auto &[value, reached] : reach) {
    GlobalValue *first = reached.kind == Reach::One ? reached.root : value;
    Partition &partition = partitions[partitionOf.lookup(first)];
    partition.definitions.push_back(value);
    if (isa<Function>(value))
      partition.functions.push_back(value->getName().str());
  }
  // The eager partition carries the name of an entry point.
  for (GlobalValue *value : partitions[0].definitions)
    if (isa<Function>(value) && !value->hasLocalLinkage()) {
      partitions[0].name = value->getName().str();
      break;
    }
  return partitions;
}

void moe::exposeAcrossPartitions(ArrayRef<Partition> partitions,
                                 StringRef suffix) {
  DenseMap<GlobalValue *, size_t> partitionOf;
  for (size_t i = 0; i < partitions.size(); ++i)
    for (GlobalValue *value : partitions[i].definitions)
      partitionOf[value] = i;
  auto isReferredToFromElsewhere = [&](GlobalValue &value) {
    return llvm::any_of(getUsers(value), [&](GlobalValue *user) {
      return partitionOf.lookup(user) != partitionOf.lookup(&value);
    });
  };
  for (const Partition &partition : partitions)
    for (GlobalValue *value : partition.definitions) {
      if (!value->hasLocalLinkage())
        continue;
      // A lazy function is called through a stub, whoever calls it.
      bool isRoot = partition.definitions.front() == value &&
                    &partition != partitions.begin();
      if (!isRoot && !isReferredToFromElsewhere(*value))
        continue;
      value->setName(value->getName() + suffix);
      value->setLinkage(GlobalValue::ExternalLinkage);
      value->setVisibility(GlobalValue::DefaultVisibility);
      value->setDSOLocal(false);
    }
}
