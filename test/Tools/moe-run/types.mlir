// RUN: moe-run %s --input="3xbf16=1 2 3" --input=f16=1.5 --input="2xi1=1 0" --input=u8=200 --input=i64=-7 --input=0x4xi64= | FileCheck %s

// CHECK:      {{^}}3xbf16=2 4 6
// CHECK-NEXT: f16=1.5
// CHECK-NEXT: 2xi1=true false
// CHECK-NEXT: u8=200
// CHECK-NEXT: i64=-7
// CHECK-NEXT: 0x4xi64=
// CHECK-NEXT: i1=true
func.func @main(%b: tensor<3xbf16>, %h: tensor<f16>, %i: tensor<2xi1>, %u: ui8,
                %x: index, %e: tensor<0x4xi64>)
    -> (tensor<3xbf16>, tensor<f16>, tensor<2xi1>, ui8, index, tensor<0x4xi64>, i1) {
  %t = arith.constant true
  %y = arith.addf %b, %b : tensor<3xbf16>
  return %y, %h, %i, %u, %x, %e, %t
    : tensor<3xbf16>, tensor<f16>, tensor<2xi1>, ui8, index, tensor<0x4xi64>, i1
}
