//===- MaskedTerms.h - Sums and selects of masked terms -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A sum or a nest of selects whose terms are needed in some rows only, and what
// can be said about each of them.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_LINALGTOMOE_MASKEDTERMS_H
#define MOE_LIB_CONVERSION_LINALGTOMOE_MASKEDTERMS_H

#include "Cone.h"
#include <memory>
#include <optional>

namespace mlir::moe {

/// Conditions on a row, all of which have to hold. Those of nested selects
/// share what they have in common.
struct Guard {
  const Guard *parent;
  MaskUse use;
};

/// A value that is added, or selected where one of `guards` holds.
struct Term {
  Value value;
  /// From the loops of the root to the elements of the value.
  AffineMap map;
  /// Nothing for a term that is always added.
  SmallVector<const Guard *, 2> guards;
  /// Conditions without which the value is zero, in addition to the guards.
  SmallVector<MaskUse, 2> masks;
  std::unique_ptr<Cone> cone;

  /// Why it stays where it is; empty if it is an expert.
  std::string reason;
  Operation *where = nullptr;
  bool isExpert = false;

  /// What a truth value is, as it is read there, wherever the expert runs.
  std::optional<bool> getKnown(const Read &condition) const;
};

/// A tree of selects or additions over terms.
struct Node {
  enum Kind { Zero, Leaf, Add, Select } kind;
  const Node *lhs = nullptr, *rhs = nullptr;
  MaskUse condition;
  size_t term = 0;
};

struct MaskedTerms {
  /// What is replaced.
  Value result;
  /// From the loops to the dimensions of the result.
  AffineMap out;
  /// The loop of a sum over stacked experts.
  std::optional<int64_t> expertLoop;
  const Node *tree = nullptr;
  bool isSelect = false;
  llvm::SmallPtrSet<Operation *, 8> sinks;
  std::vector<Term> terms;
  /// Loops over tokens, in the order of the dimensions of the result.
  SmallVector<int64_t> tokens;

  std::vector<std::unique_ptr<Guard>> guards;
  std::vector<std::unique_ptr<Node>> nodes;

  /// Whether all dimensions of a value are loops over tokens or experts.
  bool isRowLevel(const Read &read) const;
  /// Whether a value has a row for each token.
  bool hasRows(const Labels &labels) const;
  bool isToken(int64_t loop) const { return llvm::is_contained(tokens, loop); }
  /// What tells readings of a value from outside apart where tokens are known:
  /// the loops over tokens and experts alone.
  Read getRowRead(const Read &read) const;
  /// Loops over the elements of a row, in the order of the result.
  SmallVector<int64_t> getFeatures() const;
  int64_t countExperts() const;
  /// How often the loop over stacked experts runs, if a type says so.
  std::optional<int64_t> getNumStacked() const;
};

/// The masked terms that end in `op`, whatever comes of them, or null. A term
/// of a sum is decided there; `alone` takes it by itself.
std::unique_ptr<MaskedTerms> findMaskedTerms(Operation *op, bool alone);

/// Decides which terms are experts, and along which loops tokens run. What is
/// only zero if all numbers are finite counts with `assumeFinite`.
void decide(MaskedTerms &terms, bool assumeFinite, ConeAnalyses &analyses);

/// The loops that index the dimensions of a value.
Labels getLabels(AffineMap map);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_LINALGTOMOE_MASKEDTERMS_H
