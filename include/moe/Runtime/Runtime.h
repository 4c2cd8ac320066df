//===- Runtime.h - What compiled code calls ---------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The C ABI of compiled code (moe_rt_*), and the host's side of it: a context,
// which code gets as its first argument and which holds all that is not code.
// Of one program there may be several at a time, each with its own weights,
// memory, threads, counters and device. docs/RuntimeABI.md lists every symbol.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_RUNTIME_H
#define MOE_RUNTIME_RUNTIME_H

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

extern "C" {

/// A memref of any rank, as MLIR passes it: `descriptor` points to the
/// allocated and aligned pointers, the offset, the sizes and the strides.
struct MoEUnrankedMemRef {
  int64_t rank;
  void *descriptor;
};

/// What compiled code runs in: the first argument of every compiled function
/// and of every function here that begins with moe_rt_. This much of it is read
/// by compiled code itself.
struct MoEContext {
  /// The addresses of weights and of what comes with them, in the order in
  /// which the module names them.
  const void *const *data;
};

void *moe_rt_alloc(MoEContext *context, int64_t bytes, int64_t alignment);
void moe_rt_free(MoEContext *context, void *block);
void memrefCopy(int64_t elementBytes, MoEUnrankedMemRef *source,
                MoEUnrankedMemRef *target);
/// Before a tensor of which the place in its file is misaligned is read.
void moe_rt_align(MoEContext *context, int64_t address);

/// The threads that a parallel loop would have here; 1 inside a body of one.
int64_t moe_rt_threads(MoEContext *context);
/// `captured` is what the body has of its surroundings.
void moe_rt_parallel_for(MoEContext *context,
                         void (*body)(MoEContext *context, int64_t index,
                                      void *captured),
                         void *captured, int64_t count);
[[noreturn]] void moe_rt_fail(MoEContext *context, const char *message,
                              int64_t length);

void moe_rt_dispatch(MoEContext *context, int64_t dispatch, int64_t instance,
                     int64_t tokens, int64_t experts, const int64_t *counts);
void moe_rt_dispatch_end(MoEContext *context, int64_t dispatch,
                         int64_t instance);
void moe_rt_evaluate(MoEContext *context, int64_t dispatch, int64_t instance,
                     int64_t expert);
void moe_rt_evaluate_end(MoEContext *context, int64_t dispatch,
                         int64_t instance, int64_t expert);
void moe_rt_count_flops(MoEContext *context, int64_t dispatch, int64_t instance,
                        int64_t flops);
void moe_rt_count_tiles(MoEContext *context, int64_t dispatch, int64_t instance,
                        int64_t expert, int64_t tiles);
void moe_rt_touch_weight(MoEContext *context, int64_t dispatch,
                         int64_t instance, const void *address, int64_t bytes);
void moe_rt_branch(MoEContext *context, int64_t conditional, int64_t side);
void moe_rt_count_copy(MoEContext *context, int64_t bytes);

} // extern "C"

namespace mlir::moe::rt {

enum class Status { Ok, Error, Limit };

/// How an invocation ended.
struct Result {
  Status status = Status::Ok;
  std::string message;
};

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

class Device;
class Trace;
struct DeviceCounters;

/// Ends the innermost invocation, or body of a parallel loop, of this thread.
/// Callers hold nothing that needs a destructor.
[[noreturn]] void fail(Status status, std::string_view message);

/// All that compiled code works with and that is not code. Contexts know
/// nothing of each other. A context is used by one caller at a time, whose
/// threads are its own affair; its settings are not changed while code runs.
/// Blocks of memory are freed before their context ends.
class Context : public MoEContext {
public:
  Context();
  Context(const Context &) = delete;
  Context &operator=(const Context &) = delete;
  ~Context();

  /// Calls `body`, which runs compiled code in this context. A failure in it,
  /// on whatever thread, leaves `body` by longjmp (so `body` itself holds
  /// nothing that a destructor must release), frees what the invocation had
  /// allocated, and is returned.
  Result invoke(const std::function<void()> &body);

  /// Where the data lies that the module names, in its order.
  void setData(std::vector<const void *> addresses);
  /// `copy` is called whenever code is about to read the tensor at `address`.
  void copyBeforeUse(const void *address, std::function<void()> copy);

  /// Bytes that compiled code may hold at a time; 0 is no limit.
  void setMemoryLimit(int64_t bytes);
  int64_t liveBytes() const;
  int64_t peakBytes() const;
  /// Makes the bytes alive now the peak.
  void resetPeakBytes();

  /// The threads of a parallel loop; 0 is what OpenMP says (OMP_NUM_THREADS).
  void setThreads(int count);
  int threads() const;

  /// Where times are recorded (moe/Runtime/Trace.h), or null: nowhere.
  void setTrace(Trace *trace);

  /// Makes a device (moe/Runtime/Device.h) the one that code uses, or none.
  /// Constants uploaded to the one before are freed first, so that no device is
  /// closed while a context has it. Blocks that are still alive are to be freed
  /// before it is closed.
  void setDevice(Device *device);
  Device *device() const;
  /// Device::replay and Device::synchronize, with what a kernel says of its
  /// failure as from `invoke`. Kernels that an invocation launched may fail
  /// after it has ended well: `synchronize` or the next read tells.
  Result replay(int64_t graph);
  Result synchronize();

  /// Ordered by dispatch, then instance. Counters are not to be used while
  /// compiled code runs.
  std::vector<DispatchCounters> dispatchCounters() const;
  /// Of the conditionals of which a side ran, ordered.
  std::vector<ConditionalCounters> conditionalCounters() const;
  /// Bytes that were copied from buffer to buffer.
  int64_t copiedBytes() const;
  DeviceCounters deviceCounters() const;
  void resetCounters();

  /// What the runtime keeps.
  struct State;
  static State &stateOf(MoEContext *context) {
    return *static_cast<Context *>(context)->state;
  }

private:
  std::unique_ptr<State> state;
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
