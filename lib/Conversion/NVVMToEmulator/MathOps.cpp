//===- MathOps.cpp - Arithmetic and lines of PTX --------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Approximate functions are computed exactly enough by those of C; functions of
// libdevice become those of the same name.
//
//===----------------------------------------------------------------------===//

#include "CallBuilder.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::moe;

static LogicalResult replace(Operation *op, Value value) {
  op->getResult(0).replaceAllUsesWith(value);
  op->erase();
  return success();
}

//===----------------------------------------------------------------------===//
// PTX
//===----------------------------------------------------------------------===//

/// A function of f32 that an instruction computes; empty if it is another.
static StringRef functionOf(StringRef instruction) {
  for (StringRef suffix : {".f32", ".f", ".ftz", ".approx", ".rn"})
    instruction.consume_back(suffix);
  return llvm::StringSwitch<StringRef>(instruction)
      .Case("ex2", "exp2f")
      .Case("lg2", "log2f")
      .Case("sin", "sinf")
      .Case("cos", "cosf")
      .Case("tanh", "tanhf")
      .Case("sqrt", "sqrtf")
      .Case("rcp", "moe_emu_rcp")
      .Case("rsqrt", "moe_emu_rsqrt")
      .Default("");
}

/// Converts one instruction of PTX, whose operands stand in the usual order.
static LogicalResult convertInstruction(Operation *op, StringRef instruction,
                                        ValueRange operands, CallBuilder &b) {
  auto unknown = [&] {
    return op->emitError() << "PTX instruction '" << instruction
                           << "' is not emulated";
  };
  if (instruction == "trap" || instruction == "exit") {
    b.call(instruction == "trap" ? "moe_emu_trap" : "moe_emu_exit", {});
    op->erase();
    return success();
  }
  if (op->getNumResults() != 1)
    return unknown();
  Type type = op->getResult(0).getType();
  StringRef function = functionOf(instruction);
  if (!function.empty() && operands.size() == 1 && type.isF32() &&
      operands[0].getType().isF32())
    return replace(op, b.call(function, type, operands));
  function = llvm::StringSwitch<StringRef>(instruction)
                 .Case("cvt.rn.bf16x2.f32", "moe_emu_cvt_bf16x2")
                 .Case("cvt.rn.f16x2.f32", "moe_emu_cvt_f16x2")
                 .Case("cvt.rna.tf32.f32", "moe_emu_cvt_tf32")
                 .Default("");
  if (function.empty() || !type.isInteger(32))
    return unknown();
  return replace(op, b.call(function, type, operands));
}

/// Of text such as "ex2.approx.f32 $0, $1;" the instruction, if its `results`
/// and `operands` stand in order and it is alone; else empty.
static StringRef singleInstruction(StringRef text, size_t results,
                                   size_t operands) {
  text = text.trim();
  text.consume_back(";");
  auto [instruction, rest] = text.split(' ');
  if (rest.contains(';'))
    return "";
  SmallVector<StringRef> parts;
  if (!rest.trim().empty())
    rest.split(parts, ',');
  if (parts.size() != results + operands)
    return "";
  for (auto [i, part] : llvm::enumerate(parts)) {
    part = part.trim(" {}$");
    // nvvm.inline_ptx writes {$w0} for results and {$r0} for operands.
    size_t number = i;
    if (part.consume_front("r"))
      number = i - results;
    else
      part.consume_front("w");
    if (part != std::to_string(number))
      return "";
  }
  return instruction.trim();
}

static LogicalResult convertText(Operation *op, StringRef text,
                                 ValueRange operands, CallBuilder &b) {
  StringRef instruction =
      singleInstruction(text, op->getNumResults(), operands.size());
  if (instruction.empty())
    return op->emitError() << "PTX '" << text << "' is not emulated";
  return convertInstruction(op, instruction, operands, b);
}

static LogicalResult convertIntrinsic(LLVM::CallIntrinsicOp op,
                                      CallBuilder &b) {
  StringRef name = op.getIntrin();
  // Others are LLVM's own, which any target has.
  if (!name.consume_front("llvm.nvvm."))
    return success();
  StringRef function = functionOf(name);
  if (function.empty() || op->getNumResults() != 1 ||
      op.getArgs().size() != 1 || !op.getResult(0).getType().isF32())
    return op->emitError() << "'" << op.getIntrin() << "' is not emulated";
  return replace(op, b.call(function, op.getResult(0).getType(), op.getArgs()));
}

//===----------------------------------------------------------------------===//
// libdevice
//===----------------------------------------------------------------------===//

/// Functions that compiled code may link, for double; for float with an f.
static bool isFunctionOfC(StringRef name) {
  static const llvm::StringSet<> names = {
      "exp",   "exp2", "exp10", "expm1", "pow",   "log",   "log2", "log10",
      "log1p", "sin",  "cos",   "tan",   "asin",  "acos",  "atan", "atan2",
      "sinh",  "cosh", "tanh",  "asinh", "acosh", "atanh", "erf",  "erfc",
      "sqrt",  "cbrt", "floor", "ceil",  "round", "trunc", "rint", "nearbyint",
      "fma",   "fmod", "fmin",  "fmax",  "ldexp"};
  return names.contains(name) ||
         (name.consume_back("f") && names.contains(name));
}

static LogicalResult convertCall(LLVM::CallOp op, CallBuilder &b) {
  std::optional<StringRef> callee = op.getCallee();
  if (!callee || !callee->starts_with("__nv_") || op->getNumResults() != 1)
    return success();
  StringRef name = callee->drop_front(5);
  name.consume_front("fast_");
  ValueRange operands = op.getArgOperands();
  Type type = op.getResult().getType();
  if (name == "fabs" || name == "fabsf")
    return replace(op, LLVM::FAbsOp::create(b, type, operands[0]));
  if (name == "copysign" || name == "copysignf")
    return replace(op,
                   LLVM::CopySignOp::create(b, type, operands[0], operands[1]));
  if (name == "rsqrtf")
    return replace(op, b.call("moe_emu_rsqrt", type, operands));
  if (name == "rsqrt")
    return replace(op, b.call("moe_emu_rsqrt_f64", type, operands));
  if (!isFunctionOfC(name))
    return op->emitError() << "'" << *callee << "' is not emulated";
  return replace(op, b.call(name, type, operands));
}

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

template <typename Op>
static LogicalResult convertPair(Op op, StringRef function, CallBuilder &b) {
  if (op.getRnd() != NVVM::FPRoundingMode::RN ||
      op.getSat() != NVVM::SaturationMode::NONE || op.getRelu())
    return notEmulated(op, "but to nearest even");
  Value pair = b.call(function, b.getI32Type(), {op.getSrcHi(), op.getSrcLo()});
  return replace(op, LLVM::BitcastOp::create(b, op.getType(), pair));
}

std::optional<LogicalResult> mlir::moe::convertMathOp(Operation *op,
                                                      CallBuilder &b) {
  using Result = std::optional<LogicalResult>;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case([&](NVVM::ConvertF32x2ToBF16x2Op op) {
        return convertPair(op, "moe_emu_cvt_bf16x2", b);
      })
      .Case([&](NVVM::ConvertF32x2ToF16x2Op op) {
        return convertPair(op, "moe_emu_cvt_f16x2", b);
      })
      .Case([&](NVVM::ConvertFloatToTF32Op op) -> Result {
        if (op.getRnd() != NVVM::FPRoundingMode::RNA || op.getRelu())
          return notEmulated(op, "but to nearest");
        return replace(
            op, b.call("moe_emu_cvt_tf32", b.getI32Type(), {op.getSrc()}));
      })
      .Case([&](NVVM::RcpApproxFtzF32Op op) -> Result {
        return replace(op, b.call("moe_emu_rcp", op.getType(), {op.getArg()}));
      })
      .Case([&](NVVM::InlinePtxOp op) -> Result {
        if (op.getPredicate() || !op.getReadWriteArgs().empty())
          return notEmulated(op, "with a predicate or operands that it writes");
        return convertText(op, op.getPtxCode(), op.getReadOnlyArgs(), b);
      })
      .Case([&](LLVM::InlineAsmOp op) -> Result {
        return convertText(op, op.getAsmString(), op.getOperands(), b);
      })
      .Case([&](LLVM::CallIntrinsicOp op) -> Result {
        return convertIntrinsic(op, b);
      })
      .Case([&](LLVM::CallOp op) -> Result { return convertCall(op, b); })
      .Default([](Operation *) { return std::nullopt; });
}
