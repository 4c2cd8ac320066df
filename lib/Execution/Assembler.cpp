//===- Assembler.cpp - PTX to machine code of a GPU -----------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Assembler.h.
//
//===----------------------------------------------------------------------===//

#include "Assembler.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::moe;

/// In the path, or where the variables of the toolkit, or its installer, put
/// it. Empty if there is none.
static std::string findAssembler() {
  if (auto found = llvm::sys::findProgramByName("ptxas"))
    return *found;
  SmallVector<std::string> folders;
  for (const char *variable : {"CUDA_ROOT", "CUDA_HOME", "CUDA_PATH"})
    if (std::optional<std::string> folder =
            llvm::sys::Process::GetEnv(variable))
      folders.push_back(*folder);
  folders.push_back("/usr/local/cuda");
  for (const std::string &folder : folders) {
    SmallString<128> path(folder);
    llvm::sys::path::append(path, "bin", "ptxas");
    if (llvm::sys::fs::can_execute(path))
      return path.str().str();
  }
  return "";
}

/// The cubin, or nothing.
static std::string assemble(StringRef assembler, StringRef ptx,
                            StringRef chip) {
  SmallString<128> source, target;
  int file = -1;
  if (llvm::sys::fs::createTemporaryFile("moe-kernels", "ptx", file, source))
    return "";
  llvm::FileRemover removeSource(source);
  {
    llvm::raw_fd_ostream os(file, /*shouldClose=*/true);
    os << ptx;
    os.flush();
    if (os.has_error()) {
      os.clear_error();
      return "";
    }
  }
  if (llvm::sys::fs::createTemporaryFile("moe-kernels", "cubin", target))
    return "";
  llvm::FileRemover removeTarget(target);
  std::string arch = ("-arch=" + chip).str();
  // Silent: what it says is for whoever calls it.
  std::optional<StringRef> nowhere[] = {StringRef(), StringRef(), StringRef()};
  if (llvm::sys::ExecuteAndWait(
          assembler, {assembler, arch, source.str(), "-o", target.str()},
          /*Env=*/std::nullopt, nowhere))
    return "";
  auto cubin = llvm::MemoryBuffer::getFile(target);
  return cubin ? (*cubin)->getBuffer().str() : "";
}

void moe::assembleKernels(ModuleOp module, StringRef chip) {
  std::string assembler = findAssembler();
  if (assembler.empty())
    return;
  for (auto binary : module.getOps<gpu::BinaryOp>()) {
    auto object = cast<gpu::ObjectAttr>(binary.getObjects()[0]);
    if (object.getFormat() != gpu::CompilationTarget::Assembly)
      continue;
    std::string cubin =
        assemble(assembler, object.getObject().getValue(), chip);
    if (cubin.empty())
      continue;
    Builder b(module.getContext());
    auto assembled = gpu::ObjectAttr::get(
        b.getContext(), object.getTarget(), gpu::CompilationTarget::Binary,
        b.getStringAttr(cubin), object.getProperties(), object.getKernels());
    binary.setObjectsAttr(b.getArrayAttr({assembled}));
  }
}
