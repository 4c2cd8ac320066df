//===- Pipelines.h - The road down --------------------------- -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The phases of a compilation, in order, and the pipelines that lead through
// them. docs/Pipelines.md says what holds after each phase.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_PIPELINES_PIPELINES_H
#define MOE_PIPELINES_PIPELINES_H

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"
#include <optional>

namespace mlir::moe {

/// The state of a module after a phase.
enum class Phase {
  Import,
  Masked,
  Routed,
  Grouped,
  Regions,
  Tiled,
  Buffers,
  Machine
};

/// Which experts compute what: each its own tokens, or all of them all tokens.
enum class ExpertsForm { Active, All };

/// The name of a phase on the command line.
StringRef stringifyPhase(Phase phase);
/// The phase of that name, or none.
std::optional<Phase> parsePhase(StringRef name);

/// What the roads to all machines have as options.
template <typename Derived> struct RoadOptions : PassPipelineOptions<Derived> {
  template <typename T>
  using Option = typename PassPipelineOptions<Derived>::template Option<T>;

  Option<ExpertsForm> experts{
      *this, "experts", llvm::cl::desc("Which experts compute what"),
      llvm::cl::init(ExpertsForm::Active),
      llvm::cl::values(
          clEnumValN(ExpertsForm::Active, "active",
                     "each expert on its own tokens"),
          clEnumValN(ExpertsForm::All, "all",
                     "every expert on every token, the dense form"))};
  Option<bool> stats{
      *this, "stats",
      llvm::cl::desc("count evaluations, FLOPs and weight bytes while running"),
      llvm::cl::init(false)};
  Option<bool> checkAccesses{
      *this, "check-accesses",
      llvm::cl::desc("check every access of the model that is not proved in "
                     "bounds"),
      llvm::cl::init(false)};
  Option<bool> assumeFinite{
      *this, "assume-finite",
      llvm::cl::desc("nothing that a mask multiplies by zero is infinite or "
                     "NaN"),
      llvm::cl::init(false)};
  Option<Phase> from{*this, "from", llvm::cl::desc("The phase of the module"),
                     llvm::cl::init(Phase::Import), phaseValues()};
  Option<Phase> to{*this, "to", llvm::cl::desc("The phase to stop after"),
                   llvm::cl::init(Phase::Machine), phaseValues()};

private:
  static llvm::cl::ValuesClass phaseValues() {
    return llvm::cl::values(clEnumValN(Phase::Import, "import", ""),
                            clEnumValN(Phase::Masked, "masked", ""),
                            clEnumValN(Phase::Routed, "routed", ""),
                            clEnumValN(Phase::Grouped, "grouped", ""),
                            clEnumValN(Phase::Regions, "regions", ""),
                            clEnumValN(Phase::Tiled, "tiled", ""),
                            clEnumValN(Phase::Buffers, "buffers", ""),
                            clEnumValN(Phase::Machine, "machine", ""));
  }
};

struct CPUPipelineOptions : RoadOptions<CPUPipelineOptions> {
  Option<std::string> target{*this, "target",
                             llvm::cl::desc("host, avx512, avx2 or sse"),
                             llvm::cl::init("host")};
  ListOption<std::string> misaligned{
      *this, "misaligned",
      llvm::cl::desc("names of tensors to copy to aligned memory before their "
                     "first use")};
};

struct GPUPipelineOptions : RoadOptions<GPUPipelineOptions> {
  Option<std::string> chip{*this, "chip",
                           llvm::cl::desc("the GPU, such as sm_90a"),
                           llvm::cl::init("sm_80")};
  Option<unsigned> ptxVersion{
      *this, "ptx", llvm::cl::desc("version of PTX times ten; 90 is PTX 9.0"),
      llvm::cl::init(90)};
  Option<std::string> kernels{
      *this, "kernels",
      llvm::cl::desc("the best that families may use: wgmma, mma, simt"),
      llvm::cl::init("wgmma")};
};

/// Adds the passes that take a module from phase `from` to phase `to`.
void buildCPUPipeline(OpPassManager &pm, const CPUPipelineOptions &options,
                      Phase from = Phase::Import, Phase to = Phase::Machine);

/// The same for a GPU. After phase `machine` the module holds the host's code
/// in the llvm dialect and a gpu.module of the nvvm dialect for each kernel.
void buildGPUPipeline(OpPassManager &pm, const GPUPipelineOptions &options,
                      Phase from = Phase::Import, Phase to = Phase::Machine);

/// Adds the passes that turn each gpu.module into a gpu.binary with its PTX.
void addKernelSerialization(OpPassManager &pm);

/// Registers `moe-lower-to-cpu` and `moe-lower-to-ptx`.
void registerCPUPipeline();
void registerGPUPipeline();

} // namespace mlir::moe

#endif // MOE_PIPELINES_PIPELINES_H
