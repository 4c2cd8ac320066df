//===- TrialParseTest.cpp - Tests of the parse in another process ---------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// With operations of a dialect of its own, which break down on purpose.
//
//===----------------------------------------------------------------------===//

#include "moe/Execution/TrialParse.h"

#include "mlir/IR/BuiltinDialect.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "gtest/gtest.h"
#include <csignal>

using namespace mlir;

namespace {

/// `trial.parse` breaks down when it is parsed, `trial.verify` when it is
/// verified, `trial.fine` never.
template <typename ConcreteOp>
class TrialOp
    : public Op<ConcreteOp, OpTrait::ZeroRegions, OpTrait::ZeroResults,
                OpTrait::ZeroSuccessors, OpTrait::ZeroOperands> {
public:
  using Op<ConcreteOp, OpTrait::ZeroRegions, OpTrait::ZeroResults,
           OpTrait::ZeroSuccessors, OpTrait::ZeroOperands>::Op;
  static ArrayRef<StringRef> getAttributeNames() { return {}; }
  static ParseResult parse(OpAsmParser &, OperationState &) {
    return success();
  }
  void print(OpAsmPrinter &) {}
};

struct ParseOp : TrialOp<ParseOp> {
  using TrialOp::TrialOp;
  static StringRef getOperationName() { return "trial.parse"; }
  static ParseResult parse(OpAsmParser &, OperationState &) {
    std::raise(SIGSEGV);
    return success();
  }
};

struct VerifyOp : TrialOp<VerifyOp> {
  using TrialOp::TrialOp;
  static StringRef getOperationName() { return "trial.verify"; }
  LogicalResult verify() {
    std::raise(SIGABRT);
    return success();
  }
};

struct FineOp : TrialOp<FineOp> {
  using TrialOp::TrialOp;
  static StringRef getOperationName() { return "trial.fine"; }
};

struct TrialDialect : Dialect {
  explicit TrialDialect(MLIRContext *context)
      : Dialect("trial", context, TypeID::get<TrialDialect>()) {
    addOperations<ParseOp, VerifyOp, FineOp>();
  }
  static StringRef getDialectNamespace() { return "trial"; }
};

std::string tryText(StringRef text) {
  DialectRegistry dialects;
  dialects.insert<TrialDialect>();
  return llvm::toString(moe::tryToParse(text, "model.mlir", dialects));
}

} // namespace

TEST(TrialParseTest, SaysNothingOfWhatCanBeParsed) {
  EXPECT_EQ(tryText("module {\n  trial.fine\n}\n"), "");
}

TEST(TrialParseTest, LeavesErrorsToTheParse) {
  EXPECT_EQ(tryText("module {\n  trial.nothing\n}\n"), "");
  EXPECT_EQ(tryText("module {\n  trial.nothing\n  trial.parse\n}\n"), "");
}

TEST(TrialParseTest, SaysWhereTheParserBreaksDown) {
  std::string error =
      tryText("module {\n  trial.fine\n  trial.fine\n  trial.parse\n}\n");
  EXPECT_EQ(StringRef(error).take_until([](char c) { return c == ' '; }),
            "model.mlir:3:");
}

TEST(TrialParseTest, SaysWhereTheVerifierBreaksDown) {
  std::string error = tryText("module {\n  trial.fine\n  trial.verify\n"
                              "  trial.fine\n}\n");
  EXPECT_EQ(StringRef(error).take_until([](char c) { return c == ' '; }),
            "model.mlir:3:");
}
