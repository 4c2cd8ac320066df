// RUN: moe-opt %s --moe-attach-target=chip=sm_90a | FileCheck %s
// RUN: not moe-opt %s --moe-attach-target=chip=sm_91 2>&1 | FileCheck %s --check-prefix=CHIP
// RUN: not moe-opt %s --moe-attach-target="chip=sm_90a ptx=78" 2>&1 | FileCheck %s --check-prefix=PTX
// RUN: not moe-opt %s --moe-attach-target="chip=sm_90a ptx=91" 2>&1 | FileCheck %s --check-prefix=VERSION
// RUN: not moe-opt %s --moe-lower-to-ptx=chip=sm_70 2>&1 | FileCheck %s --check-prefix=OLD
// RUN: not moe-opt %s --moe-attach-target=target=none 2>&1 | FileCheck %s --check-prefix=CPU

// CHECK: module attributes {dlti.target_system_spec = #dlti.target_system_spec<"GPU" = #dlti.target_device_spec<"chip" = "sm_90a", "ptx" = 90 : i32, "kernels" = "wgmma">>}
// CHIP: error: unknown chip 'sm_91', known are sm_80, {{.*}}sm_90a
// PTX: error: chip 'sm_90a' needs PTX version 80 or newer, got 78
// VERSION: error: unknown PTX version 91, known are 70 to 90
// OLD: error: unknown chip 'sm_70'
// CPU: error: unknown {{.*}}'none'

// What a printed module is compiled for stays; what its author says of it does
// not.
// RUN: moe-opt %s --moe-lower-to-cpu="to=tiled target=avx512" -o %t
// RUN: FileCheck %s --check-prefix=TILED <%t
// RUN: moe-opt %t --moe-lower-to-cpu="from=tiled target=avx512" -o /dev/null
// RUN: not moe-opt %t --moe-lower-to-cpu="from=tiled target=sse" 2>&1 | FileCheck %s --check-prefix=OTHER
// RUN: not moe-opt %t --moe-lower-to-ptx="from=tiled" 2>&1 | FileCheck %s --check-prefix=OTHER
// RUN: moe-opt %t --moe-lower-to-cpu="target=sse" | FileCheck %s --check-prefix=SSE
// TILED: "CPU" = #dlti.target_device_spec<"vector_bits" = 512 : i32, "vector_registers" = 32 : i32, "fma" = true>
// OTHER: error: was compiled for {{.*}}512{{.*}} so far, and cannot go on for
// SSE: "vector_bits" = 128 : i32
module {}
