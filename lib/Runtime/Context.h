/*===- Context.h - what the two halves of the runtime share
 *-----------------===*
 *
 * The host half (open, run, the thread pool) makes a context for every run;
 * the kernel half, linked into each model, works on it. Its layout is part of
 * the ABI: change SSMRT_ABI_VERSION with it.
 *===----------------------------------------------------------------------===*/

#ifndef SSMRT_CONTEXT_H
#define SSMRT_CONTEXT_H

#include "ssmrt/kernel.h"

#include <setjmp.h>

/* Precedes each block of ssmrt_alloc; 64 bytes, so blocks are aligned. */
typedef struct ssmrt_block {
  struct ssmrt_block *next;
  char padding[56];
} ssmrt_block;

/* What a run on a GPU can do: the host half's answers to kernel.h. A function
 * that fails gives the code with which the run ends; it has said why. */
typedef struct ssmrt_device_calls {
  int32_t (*launch)(ssmrt_context *context, int32_t kernel,
                    const int64_t *sizes, int32_t shared_bytes, void **args,
                    int together);
  int32_t (*tensor_map)(ssmrt_context *context, void *map, const void *data,
                        int32_t is_bf16, int32_t rank, const int64_t *extents,
                        const int64_t *strides, const int64_t *box);
  int32_t (*read)(ssmrt_context *context, void *host, const void *device,
                  int64_t bytes);
  int32_t (*alloc)(ssmrt_context *context, int64_t bytes, void **memory);
  void *(*reports)(ssmrt_context *context);
  int32_t (*multiply)(ssmrt_context *context, const ssmrt_product *product,
                      void *out, const void *left, const void *right);
} ssmrt_device_calls;

struct ssmrt_context {
  ssmrt_parallel_for_fn parallel_for;
  void *pool;
  int64_t num_threads;
  const char *error;       /* the first report; written atomically */
  int64_t found, expected; /* what it is about, or -1 */
  ssmrt_block *blocks;
  jmp_buf *end; /* where a run ends before its time, with a ssmrt_code */
  const ssmrt_device_calls *device; /* null: the run is on the processor */
};

#endif /* SSMRT_CONTEXT_H */
