//===- CheckpointTest.cpp - Tests of checkpoints --------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Import/Checkpoint.h"

#include "../Support/TestFiles.h"
#include "moe/Runtime/Runtime.h"

#include <csignal>
#include <fstream>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

using namespace mlir;
using namespace mlir::moe;

/// A file with one f32 tensor of one element for each name, its value the
/// number of the tensor. `pad` spaces in the header shift the data.
static std::string weights(const std::vector<std::string> &names,
                           unsigned pad = 0) {
  std::string header = "{", data;
  for (size_t i = 0; i < names.size(); ++i) {
    header += (i ? ",\"" : "\"") + names[i] +
              "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[" +
              std::to_string(4 * i) + "," + std::to_string(4 * i + 4) + "]}";
    data += bytesOf<float>({static_cast<float>(i)});
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8 + pad, ' ');
  return bytesOf<uint64_t>({header.size()}) + header + data;
}

static std::string index(const std::string &map, const std::string &more = "") {
  return "{\"weight_map\":{" + map + "}" + more + "}";
}

static float valueOf(const char *address) {
  float value;
  std::memcpy(&value, address, sizeof(value));
  return value;
}

static const char *const kIndex = "model.safetensors.index.json";

TEST(Checkpoint, MapsFilesIntoOneRegion) {
  TestDirectory files;
  std::string directory = files.makeDirectory("d");
  files.write("d/b.safetensors", weights({"c", "d"}));
  files.write("d/a.safetensors", weights({"b"}));
  files.write("d/readme.txt", "no weights");
  std::string single = files.write("x.bin", weights({"a"}));
  Checkpoint checkpoint = llvm::cantFail(Checkpoint::open({single, directory}));
  ASSERT_EQ(checkpoint.files().size(), 3u);
  EXPECT_FALSE(checkpoint.files()[0].fromDirectory);
  EXPECT_TRUE(checkpoint.files()[1].fromDirectory);
  EXPECT_EQ(checkpoint.files()[1].path, directory + "/a.safetensors");
  ASSERT_EQ(checkpoint.parameters().size(), 4u);
  for (const Parameter &parameter : checkpoint.parameters()) {
    EXPECT_GE(parameter.address, checkpoint.base());
    EXPECT_LE(parameter.address + parameter.bytes,
              checkpoint.base() + checkpoint.sizeInBytes());
    EXPECT_EQ(parameter.alignedAddress, parameter.address);
    EXPECT_EQ(parameter.typeString(), "1xf32");
  }
  const Parameter *d = checkpoint.lookup("d");
  ASSERT_TRUE(d);
  EXPECT_EQ(valueOf(d->address), 1.0f);
  EXPECT_EQ(d->file, 2u);
  EXPECT_FALSE(checkpoint.lookup("e"));
  // Moving leaves addresses as they are.
  const char *address = d->address;
  Checkpoint moved = std::move(checkpoint);
  EXPECT_EQ(moved.lookup("d")->address, address);
}

TEST(Checkpoint, IsAnAddressWithoutFilesToo) {
  Checkpoint checkpoint = llvm::cantFail(Checkpoint::open({}));
  EXPECT_TRUE(checkpoint.base());
  EXPECT_TRUE(checkpoint.parameters().empty());
  EXPECT_EQ(checkpoint.nearest("a"), "");
}

TEST(Checkpoint, CopiesMisalignedParametersOnce) {
  TestDirectory files;
  std::string path = files.write("x", weights({"a", "b", "c"}, /*pad=*/3));
  Checkpoint checkpoint = llvm::cantFail(Checkpoint::open({path}));
  const Parameter &b = *checkpoint.lookup("b");
  EXPECT_TRUE(b.misaligned);
  EXPECT_NE(reinterpret_cast<uintptr_t>(b.address) % 4, 0u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(b.alignedAddress) % 64, 0u);
  EXPECT_EQ(checkpoint.numAlignedCopies(), 0);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] { checkpoint.copyAligned(b); });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(checkpoint.numAlignedCopies(), 1);
  EXPECT_EQ(valueOf(b.alignedAddress), 1.0f);
  checkpoint.copyAligned(*checkpoint.lookup("c"));
  EXPECT_EQ(checkpoint.numAlignedCopies(), 2);
  EXPECT_EQ(valueOf(b.alignedAddress), 1.0f);
}

TEST(Checkpoint, OpeningReadsNoPagesOfWeights) {
  TestDirectory files;
  int64_t elements = 16 << 20;
  std::string header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[" +
                       std::to_string(elements) + "],\"data_offsets\":[0," +
                       std::to_string(4 * elements) + "]}}";
  std::string path =
      files.write("x", bytesOf<uint64_t>({header.size()}) + header);
  ASSERT_EQ(::truncate(path.c_str(), 8 + header.size() + 4 * elements), 0);
  Checkpoint checkpoint = llvm::cantFail(Checkpoint::open({path}));
  // What this process has touched of the mapping, not what the file system
  // caches.
  std::ifstream maps("/proc/self/smaps");
  std::string line;
  int64_t resident = -1;
  bool inside = false;
  while (std::getline(maps, line)) {
    if (contains(line, path))
      inside = true;
    if (inside && line.rfind("Rss:", 0) == 0) {
      resident = std::stoll(line.substr(4));
      break;
    }
  }
  EXPECT_EQ(resident, 0);
}

TEST(Checkpoint, ADoubledTensorNamesBothFiles) {
  TestDirectory files;
  std::string a = files.write("a", weights({"x", "w"}));
  std::string b = files.write("b", weights({"w"}));
  EXPECT_ERROR(Checkpoint::open({a, b}), b + ": tensor 'w' is also in " + a);
  EXPECT_ERROR(Checkpoint::open({a, a}), "is also in");
}

TEST(Checkpoint, SuggestsNearNames) {
  TestDirectory files;
  std::string path = files.write(
      "x", weights({"model.layers.0.gate.weight", "model.layers.0.up.weight"}));
  Checkpoint checkpoint = llvm::cantFail(Checkpoint::open({path}));
  EXPECT_EQ(checkpoint.nearest("layers.0.gate.weight"),
            "model.layers.0.gate.weight");
  EXPECT_EQ(checkpoint.nearest("model.layers.0.up.weihgt"),
            "model.layers.0.up.weight");
  EXPECT_EQ(checkpoint.nearest("something.else"), "");
}

TEST(Checkpoint, ChecksBooleans) {
  TestDirectory files;
  std::string header = R"({"m":{"dtype":"BOOL","shape":[2],)"
                       R"("data_offsets":[0,2]}})";
  std::string path =
      files.write("x", bytesOf<uint64_t>({header.size()}) + header + "\1\3");
  Checkpoint checkpoint = llvm::cantFail(Checkpoint::open({path}));
  EXPECT_ERROR(checkpoint.checkBooleans(*checkpoint.lookup("m")),
               "tensor 'm': element 1 of a boolean tensor is 3");
}

TEST(Checkpoint, RejectsWhatIsNoFile) {
  TestDirectory files;
  EXPECT_ERROR(Checkpoint::open({files.path("no")}), "cannot open");
  EXPECT_ERROR(Checkpoint::open({files.path()}), "holds no *.safetensors file");
  EXPECT_ERROR(Checkpoint::open({"/dev/zero"}), "not a regular file");
  files.write("bad.safetensors", "abc");
  EXPECT_ERROR(Checkpoint::open({files.path()}),
               "bad.safetensors: not a safetensors file");
}

//===----------------------------------------------------------------------===//
// Index files
//===----------------------------------------------------------------------===//

TEST(CheckpointIndex, NamesTheFiles) {
  TestDirectory files;
  files.write("one", weights({"a"}));
  files.write("two", weights({"b", "c"}));
  files.write("not-mine.safetensors", "abc");
  files.write(kIndex,
              index(R"("a":"one","b":"two","c":"two")",
                    R"(,"metadata":{"total_size":12,"x":[1,{}]},"y":null)"));
  Checkpoint checkpoint = llvm::cantFail(Checkpoint::open({files.path()}));
  EXPECT_EQ(checkpoint.parameters().size(), 3u);
  EXPECT_TRUE(checkpoint.files()[0].fromDirectory);
  EXPECT_TRUE(checkpoint.warnings().empty());
}

TEST(CheckpointIndex, OdditiesAreWarnings) {
  TestDirectory files;
  files.write("one", weights({"a", "b"}));
  files.write(kIndex, index(R"("a":"one")", R"(,"metadata":{"total_size":4})"));
  Checkpoint checkpoint = llvm::cantFail(Checkpoint::open({files.path()}));
  ASSERT_EQ(checkpoint.warnings().size(), 2u);
  EXPECT_TRUE(contains(checkpoint.warnings()[0],
                       "does not mention 1 tensors of its files"));
  EXPECT_TRUE(contains(checkpoint.warnings()[1],
                       "total_size is 4, the tensors take 8 bytes"));
  files.write(kIndex, index(R"("a":"one","b":"one")",
                            R"(,"metadata":{"total_size":8.0})"));
  EXPECT_TRUE(
      llvm::cantFail(Checkpoint::open({files.path()})).warnings().empty());
}

TEST(CheckpointIndex, FileNamesStayInTheDirectory) {
  TestDirectory files;
  files.makeDirectory("sub");
  files.write("outside", weights({"a"}));
  for (const char *name : {"../outside", "/etc/passwd", "sub/x", "..", ".", "",
                           ".hidden", "a\\\\b", "a\\u0000b"}) {
    files.write(std::string("sub/") + kIndex,
                index("\"a\":\"" + std::string(name) + "\""));
    EXPECT_ERROR(Checkpoint::open({files.path("sub")}), "not a plain name");
  }
}

TEST(CheckpointIndex, MustAgreeWithTheFiles) {
  TestDirectory files;
  files.write("one", weights({"a"}));
  files.write("two", weights({"b"}));
  auto reject = [&](const std::string &text, const char *why) {
    files.write(kIndex, text);
    EXPECT_ERROR(Checkpoint::open({files.path()}), why);
  };
  reject(index(R"("a":"one","c":"one")"),
         "maps tensor 'c' to 'one', which does not hold it");
  reject(index(R"("a":"two","b":"one")"), "to 'two', it is in one");
  reject(index(R"("a":"three")"), "three: cannot open");
  reject(index(R"("a":{"file":"one"})"),
         "weight_map of 'a' is not the name of a file");
  reject(index(R"("a":"one","a":"two")"), "duplicate key 'a'");
  reject(index(""), "names no tensors");
  reject("{}", "names no tensors");
  reject("[]", "expected '{'");
  reject("{\"weight_map\":{\"a\":\"one\"}} x", "expected the end");
  reject("{\"x\":" + std::string(100000, '[') + "}", "nested deeper than 64");
  reject("{\"x\":-01}", "expected a value");
  reject("{\"x\":1.}", "expected a digit");
  reject("{\"x\":nul}", "expected a value");
  reject("\xff", "not UTF-8");
  files.write("two", weights({"a"}));
  reject(index(R"("a":"one","b":"two")"), "tensor 'a' is also in");
}

TEST(CheckpointIndex, SpecialFilesAreRefused) {
  TestDirectory files;
  files.makeDirectory("folder");
  ASSERT_EQ(::mkfifo(files.path("pipe").c_str(), 0600), 0);
  ASSERT_EQ(::symlink("/dev/zero", files.path("zero").c_str()), 0);
  ASSERT_EQ(::symlink("nowhere", files.path("dangling").c_str()), 0);
  auto reject = [&](const char *name, const char *why) {
    files.write(kIndex, index("\"a\":\"" + std::string(name) + "\""));
    EXPECT_ERROR(Checkpoint::open({files.path()}), why);
  };
  reject("folder", "not a regular file");
  reject("pipe", "not a regular file");
  reject("zero", "a symbolic link out of its directory");
  reject("dangling", "dangling: cannot open");
}

TEST(CheckpointIndex, LinksMayLeadIntoTheHubsCacheOnly) {
  TestDirectory files;
  std::string snapshot = files.makeDirectory("repo/snapshots/1a2b");
  files.makeDirectory("repo/blobs");
  files.makeDirectory("other/blobs");
  files.write("repo/blobs/00ff", weights({"a"}));
  files.write("repo/blobs/not-hex", weights({"a"}));
  files.write("other/blobs/00ff", weights({"a"}));
  files.write("repo/snapshots/1a2b/target", weights({"a"}));
  auto open = [&](const char *target) {
    std::string link = snapshot + "/model.safetensors";
    ::unlink(link.c_str());
    EXPECT_EQ(::symlink(target, link.c_str()), 0);
    return message(Checkpoint::open({snapshot}));
  };
  EXPECT_EQ(open("../../blobs/00ff"), "");
  EXPECT_EQ(open("target"), "");
  EXPECT_TRUE(contains(open("../../blobs/not-hex"), "symbolic link out of"));
  EXPECT_TRUE(contains(open("../../../other/blobs/00ff"),
                       "symbolic link out of its directory"));
  // Whoever names a file may name any.
  EXPECT_EQ(message(Checkpoint::open({snapshot + "/model.safetensors"})), "");
  // A hard link is a file of the directory.
  ::unlink((snapshot + "/model.safetensors").c_str());
  ASSERT_EQ(::link(files.path("other/blobs/00ff").c_str(),
                   (snapshot + "/model.safetensors").c_str()),
            0);
  EXPECT_EQ(message(Checkpoint::open({snapshot})), "");
}

/// One tensor of so many zeros, from the start of a page on.
static std::string pages(int64_t bytes) {
  std::string header = "{\"w\":{\"dtype\":\"U8\",\"shape\":[" +
                       std::to_string(bytes) + "],\"data_offsets\":[0," +
                       std::to_string(bytes) + "]}}";
  header.resize(::sysconf(_SC_PAGESIZE) - 8, ' ');
  return bytesOf<uint64_t>({header.size()}) + header + std::string(bytes, 1);
}

TEST(Checkpoint, NamesAFileThatIsShortenedWhileItIsRead) {
  int64_t page = ::sysconf(_SC_PAGESIZE);
  TestDirectory files;
  std::string name = files.write("x.safetensors", pages(3 * page));
  Checkpoint checkpoint = llvm::cantFail(Checkpoint::open({name}));
  const char *data = checkpoint.lookup("w")->address;
  EXPECT_EQ(message(checkpoint.checkFiles()), "");
  EXPECT_EQ(rt::Context().invoke([] {}).message, "");

  // Within its last page the rest reads as zeros, without a signal.
  ASSERT_EQ(::truncate(name.c_str(), 4 * page - 1), 0);
  EXPECT_ERROR(checkpoint.checkFiles(),
               "x.safetensors: was shortened from " + std::to_string(4 * page) +
                   " to " + std::to_string(4 * page - 1) + " bytes");

  ASSERT_EQ(::truncate(name.c_str(), 2 * page), 0);
  {
    rt::MappedReads reads;
    EXPECT_EQ(data[0], 1);
    EXPECT_EQ(data[2 * page], 0);
    EXPECT_EQ(data[page], 0);
  }
  EXPECT_ERROR(checkpoint.checkFiles(), "x.safetensors: was shortened");
}

/// Set by what another part of the process does about SIGBUS.
static volatile std::sig_atomic_t others = 0;

TEST(Checkpoint, FailsARunWhoseWeightsAreGone) {
  int64_t page = ::sysconf(_SC_PAGESIZE);
  TestDirectory files;
  std::string name = files.write("x.safetensors", pages(64 * page));
  Checkpoint checkpoint = llvm::cantFail(Checkpoint::open({name}));
  const char *data = checkpoint.lookup("w")->address;
  ASSERT_EQ(::truncate(name.c_str(), 5 * page), 0);

  // On any thread, whatever the code makes of the zeros; results are freed.
  struct Work {
    const char *data;
    int64_t page;
  } work = {data, page};
  auto body = [](MoEContext *in, int64_t index, void *captured) {
    auto *work = static_cast<Work *>(captured);
    if (work->data[index * work->page] == 0)
      moe_rt_fail(in, "no", 2);
  };
  rt::Context context;
  context.setThreads(2);
  rt::Result result = context.invoke([&] {
    moe_rt_alloc(&context, 100, 64);
    moe_rt_parallel_for(&context, body, &work, 64);
  });
  EXPECT_EQ(result.status, rt::Status::Error);
  EXPECT_ERROR(llvm::createStringError(result.message),
               "x.safetensors: cannot be read from byte ");
  EXPECT_EQ(context.liveBytes(), 0);

  // What is no read of a weight goes where it went before.
  auto *previous = ::signal(SIGBUS, [](int) { others = others + 1; });
  EXPECT_EQ(context.invoke([] { ::raise(SIGBUS); }).status, rt::Status::Error);
  EXPECT_EQ(others, 1);
  ::raise(SIGBUS);
  EXPECT_EQ(others, 2);
  ::signal(SIGBUS, previous);
}
