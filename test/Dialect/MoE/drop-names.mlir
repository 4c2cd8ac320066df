// RUN: moe-opt %s --moe-drop-names | FileCheck %s
// RUN: moe-opt %s --moe-lower-to-cpu | FileCheck %s --check-prefix=MACHINE

// One tensor becomes several arguments, which must not share its name.
// CHECK: func.func @main(%{{.*}}: tensor<?xf32>, %{{.*}}: tensor<?xf32>)
// CHECK-SAME: -> (tensor<?xf32> {other.note}, tensor<?xf32>) {
// MACHINE-NOT: moe.name
// MACHINE: llvm.func @main
// MACHINE-NOT: moe.name
// MACHINE-NOT: moe.keyword_only
func.func @main(%a: tensor<?xf32> {moe.name = "a", moe.keyword_only}, %b: tensor<?xf32> {moe.name = "b"})
    -> (tensor<?xf32> {moe.name = "a", other.note}, tensor<?xf32> {moe.keyword_only, moe.name = "pair/0"}) {
  return %a, %b : tensor<?xf32>, tensor<?xf32>
}
