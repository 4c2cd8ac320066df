//===- CudaMemory.h - Memory of a CUDA device -------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Blocks of the device that are kept for reuse, and the memory of the host
// through which bytes come and go. Private to this room.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_RUNTIME_CUDAMEMORY_H
#define MOE_LIB_RUNTIME_CUDAMEMORY_H

#include "CudaDriver.h"

#include <map>
#include <vector>

namespace mlir::moe::rt {

/// Blocks of rounded sizes. A released block is the first to be taken again for
/// its size; all use is in the order of one stream, so it may be taken at once.
///
/// Each block belongs to the general store, 0, or to one graph.
class CudaBlocks {
public:
  explicit CudaBlocks(const CudaDriver &driver) : driver(driver) {}

  void *allocate(int64_t bytes, std::string &problem);
  void release(void *block);

  /// Until the capture ends, blocks that are allocated or released belong to
  /// this graph.
  void beginCapture(int64_t graph) { captured = graph; }
  void endCapture() { captured = 0; }
  /// Gives the blocks of a graph to the general store.
  void releaseGraph(int64_t graph);

  /// Gives all blocks back to the driver.
  void clear();

private:
  struct Block {
    int64_t bytes;
    int64_t graph;
  };
  /// Gives the unused blocks of the general store back to the driver; whether
  /// there were any.
  bool trim();
  void *takeUnused(int64_t graph, int64_t bytes);

  const CudaDriver &driver;
  int64_t captured = 0;
  std::map<void *, Block> blocks;
  /// By graph and size.
  std::map<std::pair<int64_t, int64_t>, std::vector<void *>> unused;
};

/// Memory of the host that the device can copy from and to by itself.
class PinnedMemory {
public:
  explicit PinnedMemory(const CudaDriver &driver) : driver(driver) {}
  PinnedMemory(PinnedMemory &&other);
  ~PinnedMemory();
  std::string allocate(int64_t bytes);
  char *data() const { return static_cast<char *>(memory); }

private:
  const CudaDriver &driver;
  void *memory = nullptr;
};

/// Copies between the device and memory of the host that the driver does not
/// know. Writes return when the bytes are in one of two pinned buffers in turn.
class CudaStaging {
public:
  explicit CudaStaging(const CudaDriver &driver)
      : driver(driver), outgoing(driver), incoming(driver) {}
  ~CudaStaging();
  std::string open();

  std::string write(cuda::Stream stream, cuda::Address target, const char *host,
                    int64_t bytes);
  /// Waits for the stream.
  std::string read(cuda::Stream stream, char *host, cuda::Address source,
                   int64_t bytes);

private:
  std::string turn(cuda::Stream stream);

  const CudaDriver &driver;
  PinnedMemory outgoing, incoming;
  /// When the device has read what is in a buffer.
  cuda::Event done[2] = {};
  int current = 0;
  int64_t used = 0;
};

} // namespace mlir::moe::rt

#endif // MOE_LIB_RUNTIME_CUDAMEMORY_H
