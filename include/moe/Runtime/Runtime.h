//===- Runtime.h - What compiled code calls ---------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The C ABI of compiled code (moe_rt_*), and the host's side of it: run
// compiled code so that its failures come back as a value, bound its memory,
// set its threads, read its counters. docs/RuntimeABI.md lists every symbol.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_RUNTIME_H
#define MOE_RUNTIME_RUNTIME_H

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

extern "C" {

/// A memref of any rank, as MLIR passes it: `descriptor` points to the
/// allocated and aligned pointers, the offset, the sizes and the strides.
struct MoEUnrankedMemRef {
  int64_t rank;
  void *descriptor;
};

void *moe_rt_alloc(int64_t bytes, int64_t alignment);
void moe_rt_free(void *block);
void *_mlir_memref_to_llvm_alloc(uint64_t bytes);
void *_mlir_memref_to_llvm_aligned_alloc(uint64_t alignment, uint64_t bytes);
void _mlir_memref_to_llvm_free(void *block);
void memrefCopy(int64_t elementBytes, MoEUnrankedMemRef *source,
                MoEUnrankedMemRef *target);

/// The threads that a parallel loop would have here; 1 inside a body of one.
int64_t moe_rt_threads();
void moe_rt_parallel_for(void (*body)(int64_t index, void *context),
                         void *context, int64_t count);
[[noreturn]] void moe_rt_fail(const char *message, int64_t length);

void moe_rt_dispatch(int64_t dispatch, int64_t instance, int64_t tokens,
                     int64_t experts, const int64_t *offsets);
void moe_rt_dispatch_end(int64_t dispatch, int64_t instance);
void moe_rt_evaluate(int64_t dispatch, int64_t instance, int64_t expert);
void moe_rt_evaluate_end(int64_t dispatch, int64_t instance, int64_t expert);
void moe_rt_count_flops(int64_t dispatch, int64_t instance, int64_t flops);
void moe_rt_count_tiles(int64_t dispatch, int64_t instance, int64_t expert,
                        int64_t tiles);
void moe_rt_touch_weight(int64_t dispatch, int64_t instance,
                         const void *address, int64_t bytes);
void moe_rt_branch(int64_t conditional, int64_t side);

} // extern "C"

namespace mlir::moe::rt {

enum class Status { Ok, Error, Limit };

/// How an invocation ended.
struct Result {
  Status status = Status::Ok;
  std::string message;
};

/// Calls `body`, which runs compiled code. A failure in it, on whatever thread,
/// leaves `body` by longjmp (so `body` itself holds nothing that a destructor
/// must release), frees what the invocation had allocated, and is returned.
Result invoke(const std::function<void()> &body);

/// Bytes that compiled code may hold at a time; 0 is no limit.
void setMemoryLimit(int64_t bytes);
int64_t liveBytes();
int64_t peakBytes();
/// Makes the bytes alive now the peak.
void resetPeakBytes();

/// The threads of a parallel loop; 0 is what OpenMP says (OMP_NUM_THREADS).
void setThreads(int count);
int threads();

/// What compiled code counted for one instance of one dispatch, summed over
/// its runs. `instance` tells call paths and layers apart.
struct DispatchCounters {
  int64_t dispatch = 0;
  int64_t instance = 0;
  int64_t runs = 0;
  int64_t tokens = 0;
  int64_t assignments = 0;
  std::vector<int64_t> tokensPerExpert;
  std::vector<bool> evaluated;
  /// On a device: the tiles of each expert that kernels were given, summed over
  /// the stages of a family.
  std::vector<int64_t> tilesPerExpert;
  int64_t flops = 0;
  /// Distinct bytes per run, summed over runs.
  int64_t weightBytes = 0;

  int64_t evaluatedCount() const;
};

/// How often each side of a conditional ran; sides behind the last one that did
/// are left out.
struct ConditionalCounters {
  int64_t conditional = 0;
  std::vector<int64_t> sides;
};

/// The counters of the process; not to be used while compiled code runs.
struct Counters {
  /// Ordered by dispatch, then instance.
  static std::vector<DispatchCounters> read();
  /// Of the conditionals of which a side ran, ordered.
  static std::vector<ConditionalCounters> readConditionals();
  static void reset();
};

/// A name that compiled code may link, and what it means.
struct Symbol {
  const char *name;
  void *address;
};

/// All that compiled code may link; nothing else of the process is visible.
const std::vector<Symbol> &symbols();

} // namespace mlir::moe::rt

#endif // MOE_RUNTIME_RUNTIME_H
