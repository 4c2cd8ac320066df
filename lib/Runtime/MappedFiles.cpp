//===- MappedFiles.cpp - Files that shrink while they are read ------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See MappedFiles.h. The handler neither jumps nor allocates: it maps zeros
// where the file has nothing and lets the read go on, so that it does not
// matter who reads.
//
//===----------------------------------------------------------------------===//

#include "moe/Runtime/MappedFiles.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>

using namespace mlir::moe;

struct rt::MappedFile::Pages {
  char *begin;
  int64_t bytes;
  std::string path;
  /// The first byte that could not be read, -1 if there is none.
  std::atomic<int64_t> missing{-1};
  std::atomic<Pages *> next{nullptr};
};

using Pages = rt::MappedFile::Pages;

/// Guards what follows but for the list, which the handler reads at any time.
static std::mutex lock;
static std::atomic<Pages *> firstPages{nullptr};
static int activeReads = 0;
static struct sigaction previous;

static const int64_t pageBytes = sysconf(_SC_PAGESIZE);

/// Whether the address lies in a mapped file, of which the rest is now zeros.
static bool replaceByZeros(void *address) {
  auto *where = static_cast<char *>(address);
  for (Pages *pages = firstPages; pages; pages = pages->next) {
    if (where < pages->begin || where >= pages->begin + pages->bytes)
      continue;
    int64_t offset = (where - pages->begin) / pageBytes * pageBytes;
    void *mapped =
        mmap(pages->begin + offset, pages->bytes - offset, PROT_READ,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    pages->missing = offset;
    return mapped != MAP_FAILED;
  }
  return false;
}

static void onBusError(int signal, siginfo_t *info, void *context) {
  const int saved = errno;
  // Signals that were sent have no address.
  const bool isRead = info->si_code > 0;
  if (isRead && replaceByZeros(info->si_addr)) {
    errno = saved;
    return;
  }
  if (previous.sa_flags & SA_SIGINFO)
    return previous.sa_sigaction(signal, info, context);
  if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN)
    return previous.sa_handler(signal);
  // What the system does by default happens when the read is repeated.
  sigaction(signal, &previous, nullptr);
  if (!isRead)
    raise(signal);
}

rt::MappedFile::MappedFile(char *begin, int64_t bytes, const std::string &path)
    : pages(new Pages{begin, bytes, path}) {
  std::lock_guard<std::mutex> guard(lock);
  pages->next = firstPages.load();
  firstPages = pages.get();
}

rt::MappedFile::~MappedFile() {
  std::lock_guard<std::mutex> guard(lock);
  std::atomic<Pages *> *link = &firstPages;
  while (*link != pages.get())
    link = &link->load()->next;
  *link = pages->next.load();
}

static std::string failureOf(const Pages &pages) {
  const int64_t missing = pages.missing;
  if (missing < 0)
    return "";
  return pages.path + ": cannot be read from byte " + std::to_string(missing) +
         " on: it was shortened while it was in use, or its disk fails";
}

std::string rt::MappedFile::failure() const { return failureOf(*pages); }

std::string rt::MappedReads::failure() {
  std::lock_guard<std::mutex> guard(lock);
  for (Pages *pages = firstPages; pages; pages = pages->next)
    if (std::string failure = failureOf(*pages); !failure.empty())
      return failure;
  return "";
}

rt::MappedReads::MappedReads() : active(firstPages != nullptr) {
  if (!active)
    return;
  std::lock_guard<std::mutex> guard(lock);
  if (activeReads++ > 0)
    return;
  struct sigaction action = {};
  action.sa_sigaction = onBusError;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGBUS, &action, &previous);
}

rt::MappedReads::~MappedReads() {
  if (!active)
    return;
  std::lock_guard<std::mutex> guard(lock);
  if (--activeReads == 0)
    sigaction(SIGBUS, &previous, nullptr);
}
