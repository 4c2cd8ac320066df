// RUN: not moe-opt %s --moe-lower-to-cpu=to=nonsense 2>&1 | FileCheck %s --check-prefix=PHASE
// RUN: not moe-opt %s --moe-lower-to-cpu=from=nonsense 2>&1 | FileCheck %s --check-prefix=PHASE
// RUN: not moe-opt %s --moe-lower-to-cpu=experts=nonsense 2>&1 | FileCheck %s --check-prefix=FORM
// RUN: not moe-opt %s --moe-lower-to-cpu=target=nonsense 2>&1 | FileCheck %s --check-prefix=TARGET

// A value outside the set is an error, not the default.
// PHASE: Cannot find option named 'nonsense'
// FORM: Cannot find option named 'nonsense'
// TARGET: unknown CPU target 'nonsense'
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  return %x : tensor<2xf32>
}
