#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "moe/Dialect/MoE/IR/MoE.h"

int main() {
  mlir::MLIRContext context;
  context.loadDialect<mlir::moe::MoEDialect, mlir::func::FuncDialect>();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      "func.func @f(%s: tensor<?x8xf32>) { %r = moe.gate %s softmax top_k(2)"
      " : (tensor<?x8xf32>) -> !moe.routing<8> return }",
      &context);
  module->walk([](mlir::moe::GateOp op) { op->print(llvm::outs()); });
}
