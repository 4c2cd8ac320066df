/* Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
   SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

   What one core can do: multiply-adds per second on registers, bytes per second
   read from memory. Prints "GFLOP/s GB/s". Times are ratios to these, measured
   in the same run, because the clock and the neighbours of a virtual machine
   change by the minute. */
#include <immintrin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

#ifdef __AVX512F__
typedef __m512 vec;
#define WIDTH 16
#define SET _mm512_set1_ps
#define FMA _mm512_fmadd_ps
#else
typedef __m256 vec;
#define WIDTH 8
#define SET _mm256_set1_ps
#define FMA _mm256_fmadd_ps
#endif

static double flops(void) {
  enum { CHAINS = 16, ROUNDS = 2000000 };
  vec x = SET(0.999f), y = SET(0.001f), sums[CHAINS];
  for (int i = 0; i < CHAINS; ++i)
    sums[i] = SET(1.0f + i);
  double start = now();
  for (long round = 0; round < ROUNDS; ++round)
#pragma clang loop unroll(full)
    for (int i = 0; i < CHAINS; ++i)
      sums[i] = FMA(sums[i], x, y);
  double seconds = now() - start;
  float total = 0;
  for (int i = 0; i < CHAINS; ++i)
    total += ((float *)&sums[i])[0];
  if (total == 42)
    puts("");
  return 2.0 * WIDTH * CHAINS * ROUNDS / seconds;
}

static double bytes(void) {
  size_t size = 512u << 20;
  long *data = malloc(size), total = 0;
  memset(data, 1, size);
  double start = now();
  for (size_t i = 0; i < size / sizeof(long); ++i)
    total += data[i];
  double seconds = now() - start;
  if (total == 42)
    puts("");
  free(data);
  return size / seconds;
}

int main(void) {
  printf("%.1f %.1f\n", flops() * 1e-9, bytes() * 1e-9);
  return 0;
}
