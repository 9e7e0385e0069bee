/*===- Cuda.h - runs on a GPU ---------------------------------------------===*/

#ifndef SSMRT_CUDA_H
#define SSMRT_CUDA_H

#include "lib/Runtime/Context.h"
#include "lib/Runtime/Host.h"

/* ssmrt_run of a model compiled for a GPU, once its arguments are checked. */
ssmrt_status ssmrt_cuda_run(ssmrt_model *model, const ssmrt_entry_desc *entry,
                            const int64_t *symbols, int64_t workspace_bytes,
                            const ssmrt_tensor *inputs,
                            const ssmrt_tensor *outputs,
                            const ssmrt_run_options *options);
/* Gives back what the model holds on a GPU. */
void ssmrt_cuda_release(ssmrt_model *model);

/* Calls the entry's code; the ssmrt_code with which it ended. In Run.c. */
int32_t ssmrt_call_entry(const ssmrt_entry_desc *entry, const int64_t *symbols,
                         void *const *pointers, void *workspace,
                         const void *weights, ssmrt_context *context);

#endif /* SSMRT_CUDA_H */
