/*===- Context.h - what the two halves of the runtime share
 *-----------------===*
 *
 * The host half (open, run, the thread pool) makes a context for every run;
 * the kernel half, linked into each model, works on it. Its layout is part of
 * the ABI: change SSMRT_ABI_VERSION with it.
 *===----------------------------------------------------------------------===*/

#ifndef SSMRT_CONTEXT_H
#define SSMRT_CONTEXT_H

#include "ssmrt/ssmrt.h"

#include <setjmp.h>

/* Precedes each block of ssmrt_alloc; 64 bytes, so blocks are aligned. */
typedef struct ssmrt_block {
  struct ssmrt_block *next;
  char padding[56];
} ssmrt_block;

struct ssmrt_context {
  ssmrt_parallel_for_fn parallel_for;
  void *pool;
  int64_t num_threads;
  const char *error;       /* the first report; written atomically */
  int64_t found, expected; /* what it is about, or -1 */
  ssmrt_block *blocks;
  jmp_buf *end; /* where a run ends before its time, with a ssmrt_code */
};

#endif /* SSMRT_CONTEXT_H */
