//===- unreadable.c - Takes away pages of a mapped file ---------*- C -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Preloaded into a process, makes the ranges of UNREADABLE ("begin-end ...",
// offsets in the file, whole pages) of every mapping of UNREADABLE_FILE
// unreadable: whoever touches them dies.
//
//===----------------------------------------------------------------------===//

#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int isTheFile(int fd) {
  const char *path = getenv("UNREADABLE_FILE");
  struct stat wanted, mapped;
  return path && fd >= 0 && !stat(path, &wanted) && !fstat(fd, &mapped) &&
         wanted.st_ino == mapped.st_ino && wanted.st_dev == mapped.st_dev;
}

void *mmap(void *address, size_t length, int protection, int flags, int fd,
           off_t offset) {
  char *mapped =
      (char *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
  if (mapped == MAP_FAILED || !isTheFile(fd))
    return mapped;
  const char *ranges = getenv("UNREADABLE");
  while (ranges && *ranges) {
    char *end;
    long from = strtol(ranges, &end, 10);
    long to = strtol(end + 1, &end, 10);
    ranges = *end ? end + 1 : end;
    if (from >= offset && to <= offset + (long)length &&
        mprotect(mapped + (from - offset), to - from, PROT_NONE))
      abort();
  }
  return mapped;
}

void *mmap64(void *address, size_t length, int protection, int flags, int fd,
             off_t offset) {
  return mmap(address, length, protection, flags, fd, offset);
}
