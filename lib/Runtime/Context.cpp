//===- Context.cpp - All that compiled code works with --------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What of a context belongs to no other part of the runtime: where the data
// lies, and where times go.
//
//===----------------------------------------------------------------------===//

#include "ContextState.h"

using namespace mlir::moe;

rt::Context::Context() : MoEContext{nullptr}, state(new State) {}

rt::Context::~Context() { setDevice(nullptr); }

void rt::Context::setData(std::vector<const void *> addresses) {
  state->data = std::move(addresses);
  data = state->data.data();
}

void rt::Context::copyBeforeUse(const void *address,
                                std::function<void()> copy) {
  state->misaligned[address] = std::move(copy);
}

void rt::Context::setTrace(Trace *trace) { state->trace = trace; }

extern "C" void moe_rt_align(MoEContext *context, int64_t address) {
  auto &misaligned = rt::Context::stateOf(context).misaligned;
  auto found = misaligned.find(reinterpret_cast<const void *>(address));
  if (found != misaligned.end())
    found->second();
}
