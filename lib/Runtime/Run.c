/*===- Run.c - running an entry of a model
 * ----------------------------------===*/

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* madvise */
#endif

#include "lib/Runtime/Context.h"
#include "lib/Runtime/Cuda.h"
#include "lib/Runtime/Host.h"
#include "lib/Runtime/Pool.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static int is_empty(const ssmrt_tensor *tensor) {
  for (int32_t d = 0; d < tensor->rank; ++d)
    if (tensor->shape[d] == 0)
      return 1;
  return 0;
}

/* Compiled code reads a bool as one bit. */
static ssmrt_status check_bools(const ssmrt_value_desc *value,
                                const ssmrt_tensor *tensor) {
  int64_t count = 1;
  for (int32_t d = 0; d < tensor->rank; ++d)
    count *= tensor->shape[d];
  for (int64_t i = 0; i < count; ++i)
    if (((const uint8_t *)tensor->data)[i] > 1)
      return ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                        "input '%s' is of type bool; its element %" PRId64
                        " is %d, expected 0 or 1",
                        value->name, i, ((const uint8_t *)tensor->data)[i]);
  return ssmrt_ok();
}

static ssmrt_status check_data(const ssmrt_model *model,
                               const ssmrt_entry_desc *entry,
                               const ssmrt_tensor *inputs) {
  for (int32_t i = 0; i < entry->num_inputs; ++i) {
    if (is_empty(&inputs[i]))
      continue;
    if (!inputs[i].data)
      return ssmrt_fail(SSMRT_INVALID_ARGUMENT, "input '%s' has no data",
                        entry->inputs[i].name);
    /* A kernel reads a bool as a byte, which may be on the device. */
    if (inputs[i].dtype == SSMRT_BOOL && !model->desc->device) {
      ssmrt_status status = check_bools(&entry->inputs[i], &inputs[i]);
      if (status.code != SSMRT_OK)
        return status;
    }
  }
  return ssmrt_ok();
}

static ssmrt_status check_outputs(const ssmrt_entry_desc *entry,
                                  const int64_t *extents,
                                  const ssmrt_tensor *outputs) {
  if (!outputs && entry->num_outputs > 0)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT, "the array of outputs is null");
  for (int32_t i = 0; i < entry->num_outputs; ++i) {
    const ssmrt_value_desc *value = &entry->outputs[i];
    if (outputs[i].dtype != value->dtype || outputs[i].rank != value->rank)
      return ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                        "output '%s' has another type or number of dimensions "
                        "than ssmrt_infer_outputs gives",
                        value->name);
    for (int32_t d = 0; d < value->rank; ++d, ++extents)
      if (outputs[i].shape[d] != *extents)
        return ssmrt_fail(SSMRT_SHAPE_MISMATCH,
                          "output '%s': dimension %d ('%s') is %" PRId64
                          ", expected %" PRId64,
                          value->name, d, value->dim_name[d],
                          outputs[i].shape[d], *extents);
    if (!outputs[i].data && !is_empty(&outputs[i]))
      return ssmrt_fail(SSMRT_INVALID_ARGUMENT, "output '%s' has no memory",
                        value->name);
  }
  return ssmrt_ok();
}

/*===- Workspace
 * ------------------------------------------------------------===*/

enum { kHugePage = 2 << 20 };

/* A large workspace asks for huge pages: every run walks over all of it, and
 * small ones are cleared and looked up one by one. */
static void *allocate_workspace(size_t bytes) {
  void *memory = NULL;
  size_t alignment = bytes < 2 * kHugePage ? 64 : kHugePage;
  if (posix_memalign(&memory, alignment, bytes) != 0)
    return NULL;
#ifdef MADV_HUGEPAGE
  if (alignment == kHugePage)
    madvise(memory, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
  return memory;
}

/* The model's kept workspace if it is free and large enough, or a new one. */
static void *take_workspace(ssmrt_model *model, size_t needed, size_t *bytes) {
  pthread_mutex_lock(&model->mutex);
  void *memory = model->workspace;
  *bytes = model->workspace_bytes;
  model->workspace = NULL;
  pthread_mutex_unlock(&model->mutex);
  if (memory && *bytes >= needed)
    return memory;
  free(memory);
  *bytes = needed;
  return allocate_workspace(needed);
}

static void give_workspace(ssmrt_model *model, void *memory, size_t bytes) {
  pthread_mutex_lock(&model->mutex);
  if (!model->workspace || model->workspace_bytes < bytes) {
    void *smaller = model->workspace;
    model->workspace = memory;
    model->workspace_bytes = bytes;
    memory = smaller;
  }
  pthread_mutex_unlock(&model->mutex);
  free(memory);
}

/*===- The call
 * -------------------------------------------------------------===*/

/* Kept apart because of setjmp: nothing here changes after it. */
int32_t ssmrt_call_entry(const ssmrt_entry_desc *entry, const int64_t *symbols,
                         void *const *pointers, void *workspace,
                         const void *weights, ssmrt_context *context) {
  jmp_buf end;
  context->end = &end;
  switch (setjmp(end)) {
  case 0:
    break;
  case SSMRT_OUT_OF_MEMORY:
    return SSMRT_OUT_OF_MEMORY;
  default:
    return SSMRT_RUNTIME;
  }
  return entry->run(symbols, pointers, pointers + entry->num_inputs, workspace,
                    weights, context);
}

static ssmrt_status run_with(const ssmrt_model *model,
                             const ssmrt_entry_desc *entry,
                             const int64_t *symbols, const ssmrt_tensor *inputs,
                             ssmrt_tensor *outputs, void *workspace,
                             const ssmrt_run_options *options) {
  size_t values = (size_t)entry->num_inputs + (size_t)entry->num_outputs;
  void **pointers = calloc(values + 1, sizeof(void *));
  if (!pointers)
    return ssmrt_fail(SSMRT_OUT_OF_MEMORY, "out of memory");
  for (int32_t i = 0; i < entry->num_inputs; ++i)
    pointers[i] = inputs[i].data;
  for (int32_t i = 0; i < entry->num_outputs; ++i)
    pointers[entry->num_inputs + i] = outputs[i].data;

  ssmrt_context context = {0};
  context.num_threads =
      options->num_threads > 0 ? options->num_threads : ssmrt_pool_processors();
  context.parallel_for = options->parallel_for;
  context.pool = options->pool;
  if (!context.parallel_for) {
    context.parallel_for = ssmrt_pool_parallel_for;
    context.pool = &context.num_threads;
  }
  int32_t code = ssmrt_call_entry(entry, symbols, pointers, workspace,
                                  model->weights, &context);
  free(pointers);
  while (context.blocks) {
    ssmrt_block *block = context.blocks;
    context.blocks = block->next;
    free(block);
  }
  if (context.error && context.found != -1 && context.expected != -1)
    return ssmrt_fail(SSMRT_RUNTIME, "%s: found %" PRId64 ", expected %" PRId64,
                      context.error, context.found, context.expected);
  if (context.error)
    return ssmrt_fail(SSMRT_RUNTIME, "%s", context.error);
  if (code == SSMRT_OUT_OF_MEMORY)
    return ssmrt_fail(SSMRT_OUT_OF_MEMORY,
                      "out of memory for values whose size the data decides");
  if (code != SSMRT_OK)
    return ssmrt_fail(SSMRT_RUNTIME, "entry '%s' failed with code %d",
                      entry->name, (int)code);
  return ssmrt_ok();
}

/* The entry works on the outputs of states in place. */
static void fill_states(const ssmrt_model *model, const ssmrt_entry_desc *entry,
                        const ssmrt_tensor *inputs,
                        const ssmrt_tensor *outputs) {
  for (int32_t i = 0; i < entry->num_states; ++i) {
    const ssmrt_tensor *from = &inputs[entry->state_inputs[i]],
                       *to = &outputs[entry->state_outputs[i]];
    if (model->desc->states[i].in_place && from->data != to->data)
      memmove(to->data, from->data, ssmrt_tensor_bytes(to));
  }
}

static ssmrt_status run_bound(ssmrt_model *model, const ssmrt_entry_desc *entry,
                              const int64_t *symbols,
                              const ssmrt_tensor *inputs, ssmrt_tensor *outputs,
                              const ssmrt_run_options *options) {
  int64_t needed;
  ssmrt_status status = ssmrt_workspace(entry, symbols, &needed);
  if (status.code != SSMRT_OK)
    return status;
  if (model->desc->device)
    return ssmrt_cuda_run(model, entry, symbols, needed, inputs, outputs,
                          options);
  fill_states(model, entry, inputs, outputs);
  if (options->workspace) {
    if (options->workspace_bytes < (size_t)needed)
      return ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                        "the workspace has %zu bytes, expected at least "
                        "%" PRId64 " (see ssmrt_workspace_bytes)",
                        options->workspace_bytes, needed);
    if ((uintptr_t)options->workspace % 64 != 0)
      return ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                        "the workspace is not aligned to 64 bytes");
    return run_with(model, entry, symbols, inputs, outputs, options->workspace,
                    options);
  }
  size_t bytes = 0;
  void *workspace = NULL;
  if (needed > 0 &&
      !(workspace = take_workspace(model, (size_t)needed, &bytes)))
    return ssmrt_fail(SSMRT_OUT_OF_MEMORY,
                      "out of memory: the workspace takes %" PRId64 " bytes",
                      needed);
  status = run_with(model, entry, symbols, inputs, outputs, workspace, options);
  give_workspace(model, workspace, bytes);
  return status;
}

ssmrt_status ssmrt_run(const ssmrt_model *model, const ssmrt_entry_desc *entry,
                       const ssmrt_tensor *inputs, ssmrt_tensor *outputs,
                       const ssmrt_run_options *options) {
  static const ssmrt_run_options defaults;
  if (!model || !entry)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT, "the %s is null",
                      model ? "entry" : "model");
  if (entry < model->desc->entries ||
      entry >= model->desc->entries + model->desc->num_entries)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                      "the entry is not one of this model");
  if (options && options->num_threads < 0)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                      "num_threads is %d, expected 0 (as many as processors) "
                      "or more",
                      (int)options->num_threads);
  ssmrt_sizes sizes;
  ssmrt_status status = ssmrt_bind(entry, inputs, &sizes);
  if (status.code != SSMRT_OK)
    return status;
  status = check_data(model, entry, inputs);
  if (status.code == SSMRT_OK)
    status = check_outputs(entry, sizes.output_extents, outputs);
  if (status.code == SSMRT_OK)
    /* What is kept between runs is guarded; the model seems constant. */
    status = run_bound((ssmrt_model *)model, entry, sizes.symbols, inputs,
                       outputs, options ? options : &defaults);
  free(sizes.symbols);
  return status;
}
