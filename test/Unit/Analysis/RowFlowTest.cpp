//===- RowFlowTest.cpp - An operation of another dialect moves rows -------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Analysis/RowFlow.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include "moe/InitAll.h"
#include "gmock/gmock.h"

using namespace mlir;
using namespace mlir::moe;
using testing::HasSubstr;

namespace {

/// Turns each row around, of which this project knows nothing.
struct TurnOp : Op<TurnOp, OpTrait::OneResult, OpTrait::OneOperand,
                   OpTrait::ZeroRegions, MemoryEffectOpInterface::Trait> {
  using Op::Op;
  static StringRef getOperationName() { return "other.turn"; }
  static ArrayRef<StringRef> getAttributeNames() { return {}; }
  void getEffects(
      SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &) {}
};

struct OtherDialect : Dialect {
  explicit OtherDialect(MLIRContext *context)
      : Dialect(getDialectNamespace(), context, TypeID::get<OtherDialect>()) {
    addOperations<TurnOp>();
  }
  static StringRef getDialectNamespace() { return "other"; }
};

/// Elements of a row change places: none of it but the rows stays.
struct TurnFlow : RowFlowOpInterface::ExternalModel<TurnFlow, TurnOp> {
  RowFlow getRowFlow(Operation *op, ArrayRef<Labels> results) const {
    RowFlow flow;
    flow.add(op, results.front().back(), "turns rows around");
    flow.reads.push_back({op->getOperand(0), results.front()});
    return flow;
  }
  SmallVector<Value> rebuildRows(Operation *op, RowRebuilder &rebuilder,
                                 ArrayRef<Labels> results) const {
    Value rows = rebuilder.get(op->getOperand(0), results.front());
    OperationState turned(op->getLoc(), TurnOp::getOperationName(), rows,
                          rows.getType());
    return {rebuilder.b.create(turned)->getResult(0)};
  }
};

class RowFlowTest : public testing::Test {
protected:
  explicit RowFlowTest() {
    moe::registerAllDialects(registry);
    static bool once = (moe::registerAllPasses(), true);
    (void)once;
    registry.insert<OtherDialect>();
  }

  /// The module once its masks are raised, and what was said of it.
  std::string raise(bool isTaught) {
    if (isTaught)
      registry.addExtension(+[](MLIRContext *context, OtherDialect *) {
        TurnOp::attachInterface<TurnFlow>(*context);
      });
    MLIRContext context(registry);
    context.loadAllAvailableDialects();
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      remarks += diagnostic.str() + "\n";
      return success();
    });
    auto module = parseSourceString<ModuleOp>(R"(
      #rows = affine_map<(d0, d1) -> (d0)>
      #all = affine_map<(d0, d1) -> (d0, d1)>
      func.func @main(%x: tensor<?x4xf32>, %chosen: tensor<?xi1>)
          -> tensor<?x4xf32> {
        %0 = arith.constant 0 : index
        %n = tensor.dim %x, %0 : tensor<?x4xf32>
        %out = tensor.empty(%n) : tensor<?x4xf32>
        %a = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
        ^bb0(%e: f32, %o: f32):
          %t = math.tanh %e : f32
          linalg.yield %t : f32
        } -> tensor<?x4xf32>
        %turned = "other.turn"(%a) : (tensor<?x4xf32>) -> tensor<?x4xf32>
        %y = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%chosen, %turned, %x : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
        ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
          %s = arith.select %c, %e, %f : f32
          linalg.yield %s : f32
        } -> tensor<?x4xf32>
        return %y : tensor<?x4xf32>
      })",
                                              &context);
    EXPECT_TRUE(module);
    PassManager passes(&context);
    EXPECT_TRUE(succeeded(
        parsePassPipeline("moe-raise-dense,moe-raise-where", passes)));
    EXPECT_TRUE(succeeded(passes.run(*module)));
    std::string text;
    llvm::raw_string_ostream stream(text);
    module->print(stream);
    return text;
  }

  DialectRegistry registry;
  std::string remarks;
};

} // namespace

MLIR_DECLARE_EXPLICIT_TYPE_ID(OtherDialect)
MLIR_DEFINE_EXPLICIT_TYPE_ID(OtherDialect)
MLIR_DECLARE_EXPLICIT_TYPE_ID(TurnOp)
MLIR_DEFINE_EXPLICIT_TYPE_ID(TurnOp)

TEST_F(RowFlowTest, StaysDenseWithoutTheInterface) {
  EXPECT_THAT(raise(false), Not(HasSubstr("moe.dispatch")));
  EXPECT_THAT(remarks, HasSubstr("is not known to keep rows apart"));
}

TEST_F(RowFlowTest, MovesIntoTheExpertWithIt) {
  std::string text = raise(true);
  size_t dispatch = text.find("moe.dispatch");
  ASSERT_NE(dispatch, std::string::npos);
  EXPECT_EQ(remarks, "");
  // Once, of the rows of the expert.
  size_t turn = text.find("other.turn");
  EXPECT_GT(turn, dispatch);
  EXPECT_EQ(text.find("other.turn", turn + 1), std::string::npos);
}
