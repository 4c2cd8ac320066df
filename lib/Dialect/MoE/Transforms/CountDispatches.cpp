#include "moe/Dialect/MoE/Transforms/Annotations.h"
using namespace mlir;
void mlir::moe::countDispatches(ModuleOp module) {}
