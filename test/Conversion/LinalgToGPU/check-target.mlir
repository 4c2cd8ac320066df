// RUN: moe-opt %s --moe-check-target=chip=sm_90a | FileCheck %s
// RUN: not moe-opt %s --moe-check-target=chip=sm_91 2>&1 | FileCheck %s --check-prefix=CHIP
// RUN: not moe-opt %s --moe-check-target="chip=sm_90a ptx=78" 2>&1 | FileCheck %s --check-prefix=PTX
// RUN: not moe-opt %s --moe-check-target="chip=sm_90a ptx=91" 2>&1 | FileCheck %s --check-prefix=VERSION
// RUN: not moe-opt %s --moe-lower-to-ptx=chip=sm_70 2>&1 | FileCheck %s --check-prefix=OLD

// CHECK: module
// CHIP: error: unknown chip 'sm_91', known are sm_80, {{.*}}sm_90a
// PTX: error: chip 'sm_90a' needs PTX version 80 or newer, got 78
// VERSION: error: unknown PTX version 91, known are 70 to 90
// OLD: error: unknown chip 'sm_70'
module {}
