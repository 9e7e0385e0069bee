/*===- Kernel.c - the half of the runtime inside a model
 * --------------------===*/

#include "ssmrt/kernel.h"
#include "lib/Runtime/Context.h"

#include <stdlib.h>

void ssmrt_parallel_for(ssmrt_context *context, int64_t n, ssmrt_loop_body body,
                        void *data) {
  if (n <= 0)
    return;
  if (n == 1 || context->num_threads <= 1)
    body(data, 0, n);
  else
    context->parallel_for(context->pool, n, body, data);
}

int64_t ssmrt_num_threads(ssmrt_context *context) {
  return context->num_threads;
}

void ssmrt_report(ssmrt_context *context, const char *what, int64_t found,
                  int64_t expected) {
  const char *none = NULL;
  if (!__atomic_compare_exchange_n(&context->error, &none, what, 0,
                                   __ATOMIC_RELAXED, __ATOMIC_RELAXED))
    return;
  /* Read when all threads are back. */
  context->found = found;
  context->expected = expected;
}

void ssmrt_end(ssmrt_context *context) {
  if (__atomic_load_n(&context->error, __ATOMIC_RELAXED))
    longjmp(*context->end, SSMRT_RUNTIME);
}

void *ssmrt_alloc(ssmrt_context *context, int64_t bytes) {
  void *memory = NULL;
  if (bytes < 0 || bytes > INT64_MAX / 2 ||
      posix_memalign(&memory, 64, sizeof(ssmrt_block) + (size_t)bytes) != 0)
    longjmp(*context->end, SSMRT_OUT_OF_MEMORY);
  ssmrt_block *block = memory;
  block->next = context->blocks;
  context->blocks = block;
  return block + 1;
}
