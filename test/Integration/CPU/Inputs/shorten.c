//===- shorten.c - Takes the end off a mapped file --------------*- C -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Preloaded into a process, shortens the file SHORTEN to SHORTEN_TO bytes as
// soon as it has been mapped.
//
//===----------------------------------------------------------------------===//

#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int isTheFile(int fd) {
  const char *path = getenv("SHORTEN");
  struct stat wanted, mapped;
  return path && fd >= 0 && !stat(path, &wanted) && !fstat(fd, &mapped) &&
         wanted.st_ino == mapped.st_ino && wanted.st_dev == mapped.st_dev;
}

void *mmap(void *address, size_t length, int protection, int flags, int fd,
           off_t offset) {
  char *mapped =
      (char *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
  if (mapped != MAP_FAILED && isTheFile(fd) &&
      truncate(getenv("SHORTEN"), atol(getenv("SHORTEN_TO"))))
    abort();
  return mapped;
}

void *mmap64(void *address, size_t length, int protection, int flags, int fd,
             off_t offset) {
  return mmap(address, length, protection, flags, fd, offset);
}
