//===- FakeCuda.cpp - A CUDA driver without a device ----------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A library to be loaded in the place of libcuda.so.1. Memory of its devices is
// memory of the host. As in the real one, what goes to a stream is done late:
// here, when somebody waits for it. Kernels are not run, but logged.
//
// MOE_FAKE_CUDA has words, separated by spaces:
//   devices=N       how many there are (1)
//   version=N       what cuDriverGetVersion says (13000)
//   capability=N    major and minor version, 90 is 9.0 (90)
//   memory=BYTES    what cuMemAlloc gives in all
//   fail=NAME:CODE:K  the Kth call of NAME fails; codes from 700 to 719 break
//                   the device: whatever is called afterwards fails, too
// Calls are counted from cuDriverGetVersion on, which comes first.
//
// MOE_FAKE_CUDA_LOG is a file to which each call is appended as a line, all but
// cuCtxSetCurrent, which comes before every other.
//
//===----------------------------------------------------------------------===//

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

enum Code {
  success = 0,
  invalidValue = 1,
  outOfMemory = 2,
  noDevice = 100,
  invalidContext = 201,
  notFound = 500,
  captureUnsupported = 900,
  captureInvalidated = 901
};

struct Failure {
  std::string name;
  int code, call;
};

struct Settings {
  int devices = 1, version = 13000, capability = 90;
  uint64_t memory = uint64_t(80) << 30;
  std::vector<Failure> failures;
};

using Work = std::vector<std::function<void()>>;

struct Stream {
  Work waiting;
  uint64_t begun = 0;
  bool captures = false, invalid = false;
  Work captured;
};

/// Where in the stream it was recorded.
struct Event {
  Stream *stream = nullptr;
  uint64_t position = 0;
};

struct Module {
  std::string image;
};

struct Function {
  std::string name;
  int sharedBytes = 48 << 10;
};

struct Graph {
  Work work;
};

/// What is alive in the context of the device.
struct State {
  std::map<std::string, int> calls;
  int broken = success;
  std::map<char *, uint64_t> blocks, pinned;
  uint64_t bytes = 0;
  std::set<Stream *> streams;
  std::set<Event *> events;
  std::set<Module *> modules;
  std::vector<Function *> functions;
  std::set<Graph *> graphs;
};

} // namespace

static State state;
static thread_local bool isCurrent = false;

static Settings readSettings() {
  Settings settings;
  const char *text = std::getenv("MOE_FAKE_CUDA");
  std::istringstream words(text ? text : "");
  for (std::string word; words >> word;) {
    size_t equals = word.find('=');
    std::string key = word.substr(0, equals), value = word.substr(equals + 1);
    if (key == "devices")
      settings.devices = std::stoi(value);
    if (key == "version")
      settings.version = std::stoi(value);
    if (key == "capability")
      settings.capability = std::stoi(value);
    if (key == "memory")
      settings.memory = std::stoull(value);
    if (key == "fail") {
      size_t first = value.find(':'), second = value.find(':', first + 1);
      settings.failures.push_back({value.substr(0, first),
                                   std::stoi(value.substr(first + 1)),
                                   std::stoi(value.substr(second + 1))});
    }
  }
  return settings;
}

static void log(const std::string &line) {
  const char *path = std::getenv("MOE_FAKE_CUDA_LOG");
  std::FILE *file = path ? std::fopen(path, "a") : nullptr;
  if (!file)
    return;
  std::fprintf(file, "%s\n", line.c_str());
  std::fclose(file);
}

/// What the call of a function begins with: the code it fails with, if it does.
static int begin(const std::string &name, const std::string &details = "") {
  if (name != "cuCtxSetCurrent")
    log(details.empty() ? name : name + " " + details);
  int call = ++state.calls[name];
  if (state.broken)
    return state.broken;
  for (const Failure &failure : readSettings().failures)
    if (failure.name == name && failure.call == call) {
      if (failure.code >= 700 && failure.code < 720)
        state.broken = failure.code;
      return failure.code;
    }
  return success;
}

/// The same for what needs a context.
static int beginInContext(const std::string &name,
                          const std::string &details = "") {
  int code = begin(name, details);
  return code || isCurrent ? code : invalidContext;
}

template <typename... Values> static std::string join(Values... values) {
  std::ostringstream text;
  const char *separator = "";
  ((text << separator << values, separator = " "), ...);
  return text.str();
}

static void run(Stream &stream, uint64_t until) {
  size_t count = until > stream.begun ? until - stream.begun : 0;
  count = std::min(count, stream.waiting.size());
  for (size_t i = 0; i < count; ++i)
    stream.waiting[i]();
  stream.waiting.erase(stream.waiting.begin(), stream.waiting.begin() + count);
  stream.begun += count;
}

static uint64_t endOf(const Stream &stream) {
  return stream.begun + stream.waiting.size();
}

static void push(Stream &stream, std::function<void()> work) {
  (stream.captures ? stream.captured : stream.waiting)
      .push_back(std::move(work));
}

static bool isIn(const std::map<char *, uint64_t> &blocks, const char *address,
                 uint64_t bytes) {
  auto block = blocks.upper_bound(const_cast<char *>(address));
  if (block == blocks.begin())
    return false;
  --block;
  return static_cast<uint64_t>(address - block->first) + bytes <= block->second;
}

template <typename Type> static int destroy(std::set<Type *> &all, Type *one) {
  if (!all.erase(one))
    return invalidValue;
  delete one;
  return success;
}

template <typename Type> static void destroyAll(std::set<Type *> &all) {
  for (Type *one : all)
    delete one;
}

extern "C" {

//===----------------------------------------------------------------------===//
// Devices
//===----------------------------------------------------------------------===//

int cuDriverGetVersion(int *version) {
  state.calls.clear();
  *version = readSettings().version;
  return begin("cuDriverGetVersion");
}

int cuInit(unsigned) {
  int code = begin("cuInit");
  return code || readSettings().devices ? code : noDevice;
}

int cuDeviceGetCount(int *count) {
  *count = readSettings().devices;
  return begin("cuDeviceGetCount");
}

int cuDeviceGet(int *device, int ordinal) {
  *device = 100 + ordinal;
  return begin("cuDeviceGet", join(ordinal));
}

int cuDeviceGetName(char *name, int bytes, int device) {
  std::snprintf(name, bytes, "Fake %d", device - 100);
  return begin("cuDeviceGetName");
}

int cuDeviceGetAttribute(int *value, int attribute, int) {
  int capability = readSettings().capability;
  *value = attribute == 16   ? 132
           : attribute == 75 ? capability / 10
           : attribute == 76 ? capability % 10
                             : -1;
  return begin("cuDeviceGetAttribute", join(attribute));
}

int cuDeviceTotalMem_v2(size_t *bytes, int) {
  *bytes = readSettings().memory;
  return begin("cuDeviceTotalMem");
}

int cuDevicePrimaryCtxRetain(void **context, int device) {
  *context = &state;
  return begin("cuDevicePrimaryCtxRetain", join(device - 100));
}

/// Says what was alive, and frees it.
int cuDevicePrimaryCtxRelease_v2(int) {
  begin("cuDevicePrimaryCtxRelease");
  log("alive: " + join(state.blocks.size(), "blocks", state.pinned.size(),
                       "pinned", state.streams.size(), "streams",
                       state.events.size(), "events", state.modules.size(),
                       "modules", state.graphs.size(), "graphs"));
  for (auto &[block, bytes] : state.blocks)
    std::free(block);
  for (auto &[block, bytes] : state.pinned)
    std::free(block);
  destroyAll(state.streams);
  destroyAll(state.events);
  destroyAll(state.modules);
  destroyAll(state.graphs);
  for (Function *function : state.functions)
    delete function;
  state = {};
  isCurrent = false;
  return success;
}

int cuCtxSetCurrent(void *context) {
  // A broken context can be made current, but for nothing.
  int code = begin("cuCtxSetCurrent");
  if (code && !state.broken)
    return code;
  isCurrent = context == &state;
  return success;
}

//===----------------------------------------------------------------------===//
// Streams and events
//===----------------------------------------------------------------------===//

int cuStreamCreate(Stream **stream, unsigned flags) {
  int code = beginInContext("cuStreamCreate", join(flags));
  if (!code)
    state.streams.insert(*stream = new Stream);
  return code;
}

int cuStreamDestroy_v2(Stream *stream) {
  int code = beginInContext("cuStreamDestroy");
  return code ? code : destroy(state.streams, stream);
}

int cuStreamSynchronize(Stream *stream) {
  int code = beginInContext("cuStreamSynchronize");
  if (code)
    return code;
  if (stream->captures) {
    stream->invalid = true;
    return captureUnsupported;
  }
  run(*stream, endOf(*stream));
  return success;
}

int cuEventCreate(Event **event, unsigned flags) {
  int code = beginInContext("cuEventCreate", join(flags));
  if (!code)
    state.events.insert(*event = new Event);
  return code;
}

int cuEventDestroy_v2(Event *event) {
  int code = beginInContext("cuEventDestroy");
  return code ? code : destroy(state.events, event);
}

int cuEventRecord(Event *event, Stream *stream) {
  int code = beginInContext("cuEventRecord");
  if (code)
    return code;
  *event = {stream, endOf(*stream)};
  return success;
}

int cuEventSynchronize(Event *event) {
  int code = beginInContext("cuEventSynchronize");
  if (!code && event->stream)
    run(*event->stream, event->position);
  return code;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
  int code = beginInContext("cuMemAlloc", join(bytes));
  if (code)
    return code;
  if (state.bytes + bytes > readSettings().memory)
    return outOfMemory;
  void *block = std::aligned_alloc(512, (bytes + 511) / 512 * 512);
  state.blocks[static_cast<char *>(block)] = bytes;
  state.bytes += bytes;
  *address = reinterpret_cast<uint64_t>(block);
  return success;
}

int cuMemFree_v2(uint64_t address) {
  auto block = state.blocks.find(reinterpret_cast<char *>(address));
  bool known = block != state.blocks.end();
  int code = beginInContext("cuMemFree", join(known ? block->second : 0));
  if (code)
    return code;
  if (!known)
    return invalidValue;
  for (Stream *stream : state.streams)
    run(*stream, endOf(*stream));
  state.bytes -= block->second;
  std::free(block->first);
  state.blocks.erase(block);
  return success;
}

int cuMemHostAlloc(void **host, size_t bytes, unsigned flags) {
  int code = beginInContext("cuMemHostAlloc", join(bytes, flags));
  if (code)
    return code;
  *host = std::malloc(bytes);
  state.pinned[static_cast<char *>(*host)] = bytes;
  return success;
}

int cuMemFreeHost(void *host) {
  int code = beginInContext("cuMemFreeHost");
  if (code)
    return code;
  if (!state.pinned.erase(static_cast<char *>(host)))
    return invalidValue;
  std::free(host);
  return success;
}

int cuMemHostGetDevicePointer_v2(uint64_t *address, void *host, unsigned) {
  *address = reinterpret_cast<uint64_t>(host);
  return beginInContext("cuMemHostGetDevicePointer");
}

static int copy(Stream *stream, void *to, const void *from, size_t bytes,
                const void *device, const void *host) {
  if (!isIn(state.blocks, static_cast<const char *>(device), bytes))
    return invalidValue;
  // Other memory of the host would be copied now, or not be there later.
  if (!isIn(state.pinned, static_cast<const char *>(host), bytes))
    return invalidValue;
  push(*stream, [=] { std::memcpy(to, from, bytes); });
  return success;
}

int cuMemcpyHtoDAsync_v2(uint64_t target, const void *host, size_t bytes,
                         Stream *stream) {
  int code = beginInContext("cuMemcpyHtoDAsync", join(bytes));
  void *device = reinterpret_cast<void *>(target);
  return code ? code : copy(stream, device, host, bytes, device, host);
}

int cuMemcpyDtoHAsync_v2(void *host, uint64_t source, size_t bytes,
                         Stream *stream) {
  int code = beginInContext("cuMemcpyDtoHAsync", join(bytes));
  const void *device = reinterpret_cast<const void *>(source);
  return code ? code : copy(stream, host, device, bytes, device, host);
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// The bytes of PTX text or of a cubin, a 64-bit ELF file that ends in the
/// table of its sections or of its segments.
static std::string readImage(const void *image) {
  auto *bytes = static_cast<const char *>(image);
  if (std::strncmp(bytes,
                   "\x7f"
                   "ELF",
                   4))
    return bytes;
  auto at = [&](size_t offset, size_t size) {
    uint64_t value = 0;
    std::memcpy(&value, bytes + offset, size);
    return value;
  };
  size_t segments = at(32, 8) + at(54, 2) * at(56, 2);
  size_t sections = at(40, 8) + at(58, 2) * at(60, 2);
  return std::string(bytes, std::max(segments, sections));
}

int cuModuleLoadDataEx(Module **module, const void *image, unsigned count,
                       int *options, void **values) {
  int code = beginInContext("cuModuleLoadDataEx");
  if (!code) {
    state.modules.insert(*module = new Module{readImage(image)});
    return success;
  }
  char *buffer = nullptr;
  size_t bytes = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (options[i] == 5)
      buffer = static_cast<char *>(values[i]);
    if (options[i] == 6)
      bytes = reinterpret_cast<size_t>(values[i]);
  }
  // Only the JIT has something to say.
  if (code == 218 || code == 222)
    std::snprintf(buffer, bytes, "\nline 9; fatal : no such thing\nline 10\n");
  return code;
}

int cuModuleUnload(Module *module) {
  int code = beginInContext("cuModuleUnload");
  return code ? code : destroy(state.modules, module);
}

int cuModuleGetFunction(Function **function, Module *module, const char *name) {
  int code = beginInContext("cuModuleGetFunction", name);
  if (code)
    return code;
  if (module->image.find(name) == std::string::npos)
    return notFound;
  state.functions.push_back(*function = new Function{name});
  return success;
}

int cuFuncSetAttribute(Function *function, int attribute, int value) {
  int code = beginInContext("cuFuncSetAttribute",
                            join(function->name, attribute, value));
  if (code)
    return code;
  constexpr int maximumDynamicSharedBytes = 8, preferredCarveout = 9;
  if (attribute == preferredCarveout && value >= -1 && value <= 100)
    return success;
  if (attribute != maximumDynamicSharedBytes || value > 227 << 10)
    return invalidValue;
  function->sharedBytes = value;
  return success;
}

int cuLaunchKernel(Function *function, unsigned gridX, unsigned gridY,
                   unsigned gridZ, unsigned blockX, unsigned blockY,
                   unsigned blockZ, unsigned sharedBytes, Stream *stream,
                   void **, void **) {
  int code =
      beginInContext("cuLaunchKernel",
                     join(function->name, "grid", gridX, gridY, gridZ, "block",
                          blockX, blockY, blockZ, "shared", sharedBytes));
  if (code)
    return code;
  if (static_cast<int>(sharedBytes) > function->sharedBytes)
    return invalidValue;
  push(*stream, [name = function->name] { log("run " + name); });
  return success;
}

/// The map is filled with zeros.
int cuTensorMapEncodeTiled(void *map, int type, unsigned rank, void *base,
                           const uint64_t *sizes, const uint64_t *strides,
                           const uint32_t *box, const uint32_t *steps,
                           int interleave, int swizzle, int promotion,
                           int fill) {
  std::ostringstream text;
  text << "type " << type << " sizes";
  for (unsigned i = 0; i < rank; ++i)
    text << " " << sizes[i];
  text << " strides";
  for (unsigned i = 1; i < rank; ++i)
    text << " " << strides[i - 1];
  text << " box";
  for (unsigned i = 0; i < rank; ++i)
    text << " " << box[i] << "/" << steps[i];
  text << " modes " << join(interleave, swizzle, promotion, fill);
  int code = begin("cuTensorMapEncodeTiled", text.str());
  if (code)
    return code;
  if (reinterpret_cast<uintptr_t>(map) % 64)
    return invalidValue;
  std::memset(map, 0, 128);
  return success;
}

//===----------------------------------------------------------------------===//
// Graphs
//===----------------------------------------------------------------------===//

int cuStreamBeginCapture_v2(Stream *stream, int mode) {
  int code = beginInContext("cuStreamBeginCapture", join(mode));
  if (code)
    return code;
  stream->captures = true;
  return success;
}

int cuStreamEndCapture(Stream *stream, Graph **graph) {
  int code = beginInContext("cuStreamEndCapture");
  Graph recorded{std::move(stream->captured)};
  bool invalid = stream->invalid;
  stream->captured.clear();
  stream->captures = stream->invalid = false;
  *graph = nullptr;
  if (code || invalid)
    return code ? code : captureInvalidated;
  state.graphs.insert(*graph = new Graph(std::move(recorded)));
  return success;
}

int cuGraphInstantiateWithFlags(Graph **executable, Graph *graph,
                                unsigned long long) {
  int code = beginInContext("cuGraphInstantiate", join(graph->work.size()));
  if (!code)
    state.graphs.insert(*executable = new Graph(*graph));
  return code;
}

int cuGraphLaunch(Graph *executable, Stream *stream) {
  int code = beginInContext("cuGraphLaunch");
  for (const std::function<void()> &work : executable->work)
    if (!code)
      push(*stream, work);
  return code;
}

int cuGraphExecDestroy(Graph *executable) {
  int code = beginInContext("cuGraphExecDestroy");
  return code ? code : destroy(state.graphs, executable);
}

int cuGraphDestroy(Graph *graph) {
  int code = beginInContext("cuGraphDestroy");
  return code ? code : destroy(state.graphs, graph);
}

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

struct ErrorText {
  int code;
  const char *name, *text;
};
static const ErrorText errorTexts[] = {
    {1, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {201, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {209, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image"},
    {218, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "unsupported toolchain"},
    {500, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {700, "CUDA_ERROR_ILLEGAL_ADDRESS", "illegal memory access"},
    {719, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {900, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "stream is capturing"},
    {901, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "capture is invalid"},
};

static const ErrorText *findError(int code) {
  for (const ErrorText &error : errorTexts)
    if (error.code == code)
      return &error;
  return nullptr;
}

int cuGetErrorName(int code, const char **name) {
  const ErrorText *error = findError(code);
  *name = error ? error->name : nullptr;
  return error ? success : invalidValue;
}

int cuGetErrorString(int code, const char **text) {
  const ErrorText *error = findError(code);
  *text = error ? error->text : nullptr;
  return error ? success : invalidValue;
}

} // extern "C"
