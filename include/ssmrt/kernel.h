/*===- kernel.h - what generated code calls
 *---------------------------------===*
 *
 * These functions are linked into every compiled model with hidden
 * visibility. They are called by generated code alone. What they do is decided
 * by the context of the run, which ssmrt_run makes: threads belong to the
 * process that uses a model, not to the model.
 *===----------------------------------------------------------------------===*/

#ifndef SSMRT_KERNEL_H
#define SSMRT_KERNEL_H

#include "ssmrt/ssmrt.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Calls body(data, begin, end) over disjoint pieces of [0, n). */
void ssmrt_parallel_for(ssmrt_context *context, int64_t n, ssmrt_loop_body body,
                        void *data);
/* Threads that a parallel loop may use: lets a kernel choose its grain. */
int64_t ssmrt_num_threads(ssmrt_context *context);
/* Reports an error found in the data: an index out of range, or, where neither
 * number is -1, an extent that was `found` where another was `expected`. The
 * first report is kept. `what` is a constant string in the model. Safe to call
 * from any thread. */
void ssmrt_report(ssmrt_context *context, const char *what, int64_t found,
                  int64_t expected);
/* Ends the run with SSMRT_RUNTIME if something was reported, else returns. Must
 * not be called inside a parallel loop. */
void ssmrt_end(ssmrt_context *context);
/* Memory whose size is not a function of the symbols (data-dependent lengths),
 * aligned to 64. Freed at the end of the run. Never null: on failure the run
 * ends at once, so this must not be called inside a parallel loop. */
void *ssmrt_alloc(ssmrt_context *context, int64_t bytes);

#ifdef __cplusplus
}
#endif
#endif /* SSMRT_KERNEL_H */
