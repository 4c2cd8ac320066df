//===- Fiber.cpp - Stacks that take turns ---------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A switch saves the registers that a callee must preserve on the stack that is
// left; where we have no code for the processor, ucontext does it, some hundred
// times slower.
//
//===----------------------------------------------------------------------===//

#include "Fiber.h"

#include <cstdint>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MOE_EMULATOR_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define MOE_EMULATOR_ASAN 1
#endif
#ifdef MOE_EMULATOR_ASAN
// As in the headers of the sanitizers, which not every Clang comes with.
extern "C" void __asan_unpoison_memory_region(const volatile void *address,
                                              size_t bytes);
extern "C" void __sanitizer_start_switch_fiber(void **left, const void *bottom,
                                               size_t bytes);
extern "C" void __sanitizer_finish_switch_fiber(void *entered,
                                                const void **bottom,
                                                size_t *bytes);
#endif

using namespace mlir::moe;
using namespace mlir::moe::emu;

/// Pages are only occupied once they are touched.
static constexpr size_t stackBytes = 256 << 10;

struct Fiber::Context {
  /// What runs first on a new stack, given its context.
  static void start(void *context);

  void (*body)(void *) = nullptr;
  void *argument = nullptr;
  char *stack = nullptr;
  size_t guardBytes = 0;
#if defined(__x86_64__)
  void *stackPointer = nullptr;
#else
  ucontext_t registers;
#endif
#ifdef MOE_EMULATOR_ASAN
  void *fakeStack = nullptr;
  const void *bottom = nullptr;
  size_t bytes = 0;
#endif
};

#ifdef MOE_EMULATOR_ASAN
/// The stack that was left last, to learn the bounds of the host's.
static thread_local const void **leftBottom;
static thread_local size_t *leftBytes;
static void arrive(void *fakeStack) {
  __sanitizer_finish_switch_fiber(fakeStack, leftBottom, leftBytes);
}
/// Frames that were left for good do not take their guards with them.
static void forgetFrames(void *stack, size_t bytes) {
  __asan_unpoison_memory_region(stack, bytes);
}
#else
static void arrive(void *) {}
static void forgetFrames(void *, size_t) {}
#endif

void Fiber::Context::start(void *context) {
  arrive(nullptr);
  auto *self = static_cast<Context *>(context);
  self->body(self->argument);
}

Fiber::Fiber() : context(std::make_unique<Context>()) {}

Fiber::Fiber(void (*body)(void *), void *argument)
    : context(std::make_unique<Context>()) {
  context->body = body;
  context->argument = argument;
  context->guardBytes = sysconf(_SC_PAGESIZE);
  void *memory =
      mmap(nullptr, stackBytes + context->guardBytes, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    return;
  context->stack = static_cast<char *>(memory);
  mprotect(memory, context->guardBytes, PROT_NONE);
#ifdef MOE_EMULATOR_ASAN
  context->bottom = context->stack + context->guardBytes;
  context->bytes = stackBytes;
#endif
  reset();
}

Fiber::~Fiber() {
  if (context->stack)
    munmap(context->stack, stackBytes + context->guardBytes);
}

bool Fiber::valid() const { return context->stack; }

#if defined(__x86_64__)

extern "C" void moe_emu_switch_stack(void **left, void *entered);
extern "C" void moe_emu_enter_stack();

// A new stack holds body and argument where saved registers are popped.
asm(R"(
.text
.p2align 4
.local moe_emu_switch_stack
.type moe_emu_switch_stack, @function
moe_emu_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  retq
.size moe_emu_switch_stack, .-moe_emu_switch_stack
.p2align 4
.local moe_emu_enter_stack
.type moe_emu_enter_stack, @function
moe_emu_enter_stack:
  movq %r12, %rdi
  callq *%rbx
  ud2
.size moe_emu_enter_stack, .-moe_emu_enter_stack
)");

void Fiber::reset() {
  forgetFrames(context->stack + context->guardBytes, stackBytes);
  auto *top = reinterpret_cast<void **>(context->stack + context->guardBytes +
                                        stackBytes);
  // The body's frame must begin at a multiple of 16 less a return address.
  *--top = nullptr;
  *--top = nullptr;
  *--top = reinterpret_cast<void *>(moe_emu_enter_stack);
  *--top = nullptr;                                  // rbp
  *--top = reinterpret_cast<void *>(Context::start); // rbx
  *--top = context.get();                            // r12
  for (int i = 0; i < 3; ++i)
    *--top = nullptr; // r13 to r15
  context->stackPointer = top;
#ifdef MOE_EMULATOR_ASAN
  context->fakeStack = nullptr;
#endif
}

static_assert(sizeof(void *) == 8);

#else

void Fiber::reset() {
  forgetFrames(context->stack + context->guardBytes, stackBytes);
  getcontext(&context->registers);
  context->registers.uc_stack.ss_sp = context->stack + context->guardBytes;
  context->registers.uc_stack.ss_size = stackBytes;
  context->registers.uc_link = nullptr;
  // Its arguments are as wide as int; an address takes two.
  void (*entry)(unsigned, unsigned) = [](unsigned low, unsigned high) {
    Context::start(
        reinterpret_cast<void *>(uintptr_t(low) | uint64_t(high) << 32));
  };
  auto address = reinterpret_cast<uint64_t>(context.get());
  makecontext(&context->registers, reinterpret_cast<void (*)()>(entry), 2,
              unsigned(address), unsigned(address >> 32));
}

#endif

void Fiber::switchTo(Fiber &from, Fiber &to) {
#ifdef MOE_EMULATOR_ASAN
  leftBottom = &from.context->bottom;
  leftBytes = &from.context->bytes;
  __sanitizer_start_switch_fiber(&from.context->fakeStack, to.context->bottom,
                                 to.context->bytes);
#endif
#if defined(__x86_64__)
  moe_emu_switch_stack(&from.context->stackPointer, to.context->stackPointer);
#else
  swapcontext(&from.context->registers, &to.context->registers);
#endif
#ifdef MOE_EMULATOR_ASAN
  arrive(from.context->fakeStack);
#endif
}
