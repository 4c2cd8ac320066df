//===- Session.h - One use of a compiled model ------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Code and what it works with are apart: an executable is shared, a session has
// weights, memory, threads, counters, states and a device of its own.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_EXECUTION_SESSION_H
#define MOE_EXECUTION_SESSION_H

#include "moe/Execution/Executable.h"
#include "moe/Execution/Parameters.h"
#include "moe/Runtime/Device.h"
#include <mutex>

namespace mlir::moe {

struct SessionOptions {
  /// Of a parallel loop; 0 is what OpenMP says.
  int threads = 0;
  /// Bytes that a run may hold at a time; 0 is no limit.
  int64_t memoryLimit = 0;
  /// Where times are recorded, or null.
  rt::Trace *trace = nullptr;
};

class Session {
public:
  /// On the device on which the weights are. Executable and weights outlive the
  /// session; other sessions may use them as well, on other threads. An error
  /// names data of the code that is not among the weights.
  static llvm::Expected<std::unique_ptr<Session>>
  create(const Executable &executable, const BoundParameters &weights,
         SessionOptions options = {});

  /// Calls the function once. Inputs are as Executable::checkInputs wants them.
  /// Calls from several threads run one after the other.
  llvm::Expected<std::vector<HostTensor>> run(ArrayRef<HostTensor> inputs);

  /// A run that was captured on the device, to be repeated at the price of one
  /// launch. It ends before the session does.
  class Step;
  /// The function must have run before. An error says why a run cannot be
  /// captured, such as that the host must wait for the device in it.
  llvm::Expected<std::unique_ptr<Step>> capture(ArrayRef<HostTensor> inputs);

  /// Makes the states what they were at the beginning. A call that failed may
  /// have left them changed in part.
  llvm::Error resetStates();

  const Executable &executable() const { return code; }
  /// What code runs in; its counters are those of all runs.
  rt::Context &context() { return runtime; }
  const rt::Context &context() const { return runtime; }

  ~Session();

private:
  explicit Session(const Executable &code) : code(code) {}
  llvm::Error bind(const BoundParameters &weights);
  llvm::Error beginState(const StateType &type,
                         std::vector<int64_t> &descriptor);

  const Executable &code;
  std::mutex running;
  rt::Context runtime;
  /// allocated, aligned, offset, sizes, strides of each state.
  std::vector<std::vector<int64_t>> states;
};

class Session::Step {
public:
  ~Step();
  /// Runs the step so many times on the inputs of the capture, and waits.
  llvm::Error replay(int64_t times = 1);

private:
  friend class Session;
  struct Frame;
  explicit Step(std::unique_ptr<Frame> frame);

  std::unique_ptr<Frame> frame;
};

} // namespace mlir::moe

#endif // MOE_EXECUTION_SESSION_H
