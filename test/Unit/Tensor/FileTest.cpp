//===- FileTest.cpp - Tests of reading and writing files ------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Tensor/File.h"

#include "../Support/TestFiles.h"

#include <csignal>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace mlir;
using namespace mlir::moe;

TEST(File, ReadsRegularFilesOnly) {
  TestDirectory files;
  std::string name = files.write("x", "abc");
  EXPECT_EQ(llvm::cantFail(readFile(name))->getBuffer(), "abc");
  EXPECT_TRUE(isMemoryError(readFile(name, 2).takeError()));
  EXPECT_ERROR(readFile(files.path("y")), "cannot open: No such file");
  EXPECT_ERROR(readFile(files.path()), "not a regular file");
  EXPECT_ERROR(readFile("/dev/zero"), "/dev/zero: not a regular file");
  ASSERT_EQ(::mkfifo(files.path("pipe").c_str(), 0600), 0);
  EXPECT_ERROR(readFile(files.path("pipe")), "not a regular file");
  EXPECT_ERROR(InputFile::open(StringRef("a\0b", 3)), "null byte");
  InputFile file = llvm::cantFail(InputFile::open(name));
  char buffer[4];
  EXPECT_ERROR(file.read(buffer, 4, 1), "ends at byte 3, 2 bytes too early");
}

TEST(File, AppearsWholeOrNotAtAll) {
  TestDirectory files;
  files.write("x", "old");
  {
    OutputFile file = llvm::cantFail(OutputFile::create(files.path("x")));
    file.os() << "new";
    EXPECT_EQ(message(file.finish()), "");
    EXPECT_EQ(files.read("x"), "old");
  }
  EXPECT_EQ(files.read("x"), "old");
  EXPECT_EQ(files.list(), std::vector<std::string>{"x"});
  EXPECT_EQ(message(writeFile(files.path("x"), "new")), "");
  EXPECT_EQ(files.read("x"), "new");
  EXPECT_EQ(files.list(), std::vector<std::string>{"x"});
}

TEST(File, WritesThroughSymbolicLinks) {
  TestDirectory files;
  files.write("target", "old");
  ASSERT_EQ(::symlink("target", files.path("link").c_str()), 0);
  EXPECT_EQ(message(writeFile(files.path("link"), "new")), "");
  EXPECT_EQ(files.read("target"), "new");
  EXPECT_EQ(files.list(), (std::vector<std::string>{"link", "target"}));
}

TEST(File, ReportsWhatCannotBeWritten) {
  TestDirectory files;
  EXPECT_ERROR(writeFile(files.path("no/x"), "a"),
               "cannot write: No such file");
  EXPECT_ERROR(writeFile(files.path(), "a"), "is a directory");
  EXPECT_ERROR(writeFile("/dev/full", "a"),
               "/dev/full: cannot write: No space left on device");
  EXPECT_EQ(message(writeFile("/dev/null", "a")), "");
  // A large write fails before the commit.
  EXPECT_ERROR(writeFile("/dev/full", std::string(1 << 20, 'a')), "No space");
}

TEST(File, RefusesWhatNobodyMayWrite) {
  TestDirectory files;
  std::string name = files.write("x", "old");
  ASSERT_EQ(::chmod(name.c_str(), 0444), 0);
  EXPECT_ERROR(writeFile(name, "new"), "x: is read-only");
  EXPECT_EQ(files.read("x"), "old");
  ASSERT_EQ(::chmod(name.c_str(), 0600), 0);
  EXPECT_EQ(message(writeFile(name, "new")), "");
  EXPECT_EQ(files.read("x"), "new");
  struct stat status;
  ASSERT_EQ(::stat(name.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST(File, RemovesWhatKilledProcessesLeft) {
  TestDirectory files;
  pid_t child = ::fork();
  if (child == 0) {
    OutputFile file = llvm::cantFail(OutputFile::create(files.path("x")));
    ::raise(SIGKILL);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(files.list().size(), 1u);
  files.write("y.01234567.tmp", "of another file");
  files.write("x.tmp", "not ours");
  OutputFile other = llvm::cantFail(OutputFile::create(files.path("x")));
  EXPECT_EQ(files.list().size(), 3u);
  // What a living process writes stays.
  EXPECT_EQ(message(writeFile(files.path("x"), "new")), "");
  EXPECT_EQ(files.list().size(), 4u);
  EXPECT_EQ(message(other.commit()), "");
  EXPECT_EQ(files.list(),
            (std::vector<std::string>{"x", "x.tmp", "y.01234567.tmp"}));
}

TEST(File, KnowsTheSameFileByOtherNames) {
  TestDirectory files;
  std::string a = files.write("a", ""), b = files.write("b", "");
  ASSERT_EQ(::symlink("a", files.path("link").c_str()), 0);
  ASSERT_EQ(::link(a.c_str(), files.path("hard").c_str()), 0);
  EXPECT_TRUE(sameFile(a, a));
  EXPECT_TRUE(sameFile(a, files.path("link")));
  EXPECT_TRUE(sameFile(a, files.path("hard")));
  EXPECT_TRUE(sameFile(files.path("new"), files.path("./new")));
  EXPECT_FALSE(sameFile(a, b));
  EXPECT_FALSE(sameFile(a, files.path("new")));
}
