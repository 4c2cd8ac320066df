//===- Symbols.cpp - All that compiled code may link ----------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one table: the runtime's own functions, and those that LLVM and MLIR call
// without being asked (copies, mathematics, conversions, wide division).
//
//===----------------------------------------------------------------------===//

#include "Conversions.h"
#include "moe/Runtime/Runtime.h"

#include <cstring>
#include <math.h>

using namespace mlir::moe;

/// Names one of several overloads by its type.
template <typename Function> static void *address(Function *function) {
  return reinterpret_cast<void *>(function);
}

using Wide = __int128;
using UnsignedWide = unsigned __int128;
static Wide divide(Wide a, Wide b) { return a / b; }
static Wide remainderOf(Wide a, Wide b) { return a % b; }
static UnsignedWide divideUnsigned(UnsignedWide a, UnsignedWide b) {
  return a / b;
}
static UnsignedWide remainderUnsigned(UnsignedWide a, UnsignedWide b) {
  return a % b;
}

// A function of mathematics in double and in float.
#define UNARY(name)                                                            \
  {#name, address<double(double)>(::name)}, {                                  \
    #name "f", address<float(float)>(::name##f)                                \
  }
#define BINARY(name)                                                           \
  {#name, address<double(double, double)>(::name)}, {                          \
    #name "f", address<float(float, float)>(::name##f)                         \
  }

static std::vector<rt::Symbol> makeSymbols() {
  return {
      {"moe_rt_alloc", address(moe_rt_alloc)},
      {"moe_rt_free", address(moe_rt_free)},
      {"moe_rt_threads", address(moe_rt_threads)},
      {"moe_rt_parallel_for", address(moe_rt_parallel_for)},
      {"moe_rt_fail", address(moe_rt_fail)},
      {"moe_rt_align", address(moe_rt_align)},
      {"moe_rt_dispatch", address(moe_rt_dispatch)},
      {"moe_rt_dispatch_end", address(moe_rt_dispatch_end)},
      {"moe_rt_evaluate", address(moe_rt_evaluate)},
      {"moe_rt_evaluate_end", address(moe_rt_evaluate_end)},
      {"moe_rt_branch", address(moe_rt_branch)},
      {"moe_rt_count_copy", address(moe_rt_count_copy)},
      {"moe_rt_count_flops", address(moe_rt_count_flops)},
      {"moe_rt_count_tiles", address(moe_rt_count_tiles)},
      {"moe_rt_touch_weight", address(moe_rt_touch_weight)},
      {"memrefCopy", address(memrefCopy)},
      {"memcpy", address<void *(void *, const void *, size_t)>(::memcpy)},
      {"memmove", address<void *(void *, const void *, size_t)>(::memmove)},
      {"memset", address<void *(void *, int, size_t)>(::memset)},
      {"memcmp", address<int(const void *, const void *, size_t)>(::memcmp)},
      {"bcmp", address<int(const void *, const void *, size_t)>(::memcmp)},
      UNARY(exp),
      UNARY(exp2),
      UNARY(exp10),
      UNARY(expm1),
      UNARY(log),
      UNARY(log2),
      UNARY(log10),
      UNARY(log1p),
      UNARY(sin),
      UNARY(cos),
      UNARY(tan),
      UNARY(sinh),
      UNARY(cosh),
      UNARY(tanh),
      UNARY(asin),
      UNARY(acos),
      UNARY(atan),
      UNARY(asinh),
      UNARY(acosh),
      UNARY(atanh),
      UNARY(erf),
      UNARY(erfc),
      UNARY(sqrt),
      UNARY(cbrt),
      UNARY(floor),
      UNARY(ceil),
      UNARY(round),
      UNARY(roundeven),
      UNARY(trunc),
      UNARY(rint),
      UNARY(nearbyint),
      BINARY(pow),
      BINARY(atan2),
      BINARY(fmod),
      BINARY(fmin),
      BINARY(fmax),
      {"fma", address<double(double, double, double)>(::fma)},
      {"fmaf", address<float(float, float, float)>(::fmaf)},
      {"ldexp", address<double(double, int)>(::ldexp)},
      {"ldexpf", address<float(float, int)>(::ldexpf)},
      {"frexp", address<double(double, int *)>(::frexp)},
      {"frexpf", address<float(float, int *)>(::frexpf)},
      {"sincos", address<void(double, double *, double *)>(::sincos)},
      {"sincosf", address<void(float, float *, float *)>(::sincosf)},
      {"__truncsfbf2", address(rt::truncateFloatToBF16)},
      {"__truncdfbf2", address(rt::truncateDoubleToBF16)},
      {"__truncsfhf2", address(rt::truncateFloatToHalf)},
      {"__truncdfhf2", address(rt::truncateDoubleToHalf)},
      {"__extendhfsf2", address(rt::extendHalfToFloat)},
      {"__extendhfdf2", address(rt::extendHalfToDouble)},
      {"__divti3", address(divide)},
      {"__modti3", address(remainderOf)},
      {"__udivti3", address(divideUnsigned)},
      {"__umodti3", address(remainderUnsigned)},
  };
}

const std::vector<rt::Symbol> &rt::symbols() {
  static const std::vector<Symbol> table = makeSymbols();
  return table;
}
