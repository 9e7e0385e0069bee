/*===- Cuda.c - runs on a GPU ---------------------------------------------===*
 *
 * Runs of a model are one behind the other in the device's time, whatever their
 * streams: they share a workspace and a place for values that come from and go
 * to the host. So a run with values on the device neither allocates nor waits.
 *===----------------------------------------------------------------------===*/

#include "lib/Runtime/CudaModel.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  kValueAlignment = 256,
  kPointerAlignment = 16,
  kSharedOfAllChips = 48 << 10
};

/*===- What generated code calls ------------------------------------------===*/

/* Errors of a kernel that ran leave the context unusable: the driver gives the
 * same one from every later call. Launches that are refused leave nothing. */
static int is_lasting(CUresult result) {
  return result >= 700 && result < 800 && result != 701 && result != 705 &&
         result != CUDA_TOO_LARGE_TOGETHER;
}

static int32_t fail_run(device_run *run, CUresult result, const char *what) {
  run->status = ssmrt_cuda_failed(run->cuda->driver, result, what);
  if (is_lasting(result)) {
    run->cuda->lost = run->status;
    run->cuda->lost.code = SSMRT_RUNTIME;
  }
  return (int32_t)run->status.code;
}

/* Launches no more blocks than can run side by side. */
static CUresult launch_together(const device_run *run, CUfunction function,
                                const int64_t *sizes, int32_t shared_bytes,
                                void **args) {
  const ssmrt_cuda_driver *driver = run->cuda->driver;
  int64_t threads = sizes[3] * sizes[4] * sizes[5], most;
  int per_processor = 0, processors = 0;
  CUresult result = driver->blocks_side_by_side(
      &per_processor, function, (int)threads, (size_t)shared_bytes);
  if (result == 0)
    result = driver->device_attribute(
        &processors, CU_DEVICE_ATTRIBUTE_MULTIPROCESSORS, run->cuda->device);
  if (result != 0)
    return result;
  most = (int64_t)per_processor * processors;
  if (most < 1)
    return CUDA_TOO_LARGE_TOGETHER;
  return driver->launch_together(
      function, (unsigned)(sizes[0] < most ? sizes[0] : most),
      (unsigned)sizes[1], (unsigned)sizes[2], (unsigned)sizes[3],
      (unsigned)sizes[4], (unsigned)sizes[5], (unsigned)shared_bytes,
      run->stream, args);
}

/* More than every chip gives a block of a kernel must be asked for. A chip has
 * less than another one whose code it runs. */
static CUresult ask_for_shared(device_run *run, CUfunction function,
                               const char *name, int32_t bytes) {
  const ssmrt_cuda_driver *driver = run->cuda->driver;
  int most = 0;
  if (bytes <= kSharedOfAllChips)
    return 0;
  CUresult result = driver->set_function(
      function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE, bytes);
  if (result == 0)
    return 0;
  fail_run(run, result, name);
  driver->device_attribute(&most, CU_DEVICE_ATTRIBUTE_MOST_SHARED,
                           run->cuda->device);
  if (bytes > most)
    run->status =
        ssmrt_fail(SSMRT_UNSUPPORTED,
                   "%s takes %" PRId32 " bytes of shared memory, and a block "
                   "of this GPU has %d: the model was compiled for %s, compile "
                   "it for this GPU",
                   name, bytes, most, run->desc->target);
  return result;
}

static int32_t launch(ssmrt_context *context, int32_t kernel,
                      const int64_t *sizes, int32_t shared_bytes, void **args,
                      int together) {
  device_run *run = (device_run *)context;
  const ssmrt_cuda_driver *driver = run->cuda->driver;
  static const int64_t most[] = {INT32_MAX, 65535, 65535, 1024, 1024, 64};
  const char *name = run->desc->kernels[kernel];
  for (int i = 0; i < 6; ++i)
    if (sizes[i] > most[i]) {
      run->status = ssmrt_fail(
          SSMRT_RUNTIME,
          "%s would be launched with size %" PRId64 " in dimension %d, and "
          "%" PRId64 " is the most: make the batch or the length smaller",
          name, sizes[i], i % 3, most[i]);
      return SSMRT_RUNTIME;
    }
  CUfunction function = run->cuda->functions[kernel];
  ++run->launches;
  if (ask_for_shared(run, function, name, shared_bytes) != 0)
    return (int32_t)run->status.code;
  CUresult result =
      together
          ? launch_together(run, function, sizes, shared_bytes, args)
          : driver->launch(function, (unsigned)sizes[0], (unsigned)sizes[1],
                           (unsigned)sizes[2], (unsigned)sizes[3],
                           (unsigned)sizes[4], (unsigned)sizes[5],
                           (unsigned)shared_bytes, run->stream, args, NULL);
  return result == 0 ? SSMRT_OK : fail_run(run, result, name);
}

/* Takes in what kernels reported. */
static int32_t check_reports(device_run *run) {
  struct ssmrt_cuda *cuda = run->cuda;
  const ssmrt_cuda_driver *driver = cuda->driver;
  size_t bytes = SSMRT_REPORT_WORDS * sizeof(int64_t);
  CUresult result =
      driver->to_host(cuda->reported, cuda->reports, bytes, run->stream);
  if (result == 0)
    result = driver->stream_synchronize(run->stream);
  if (result != 0)
    return fail_run(run, result, "the run on the GPU failed");
  if (!cuda->reported[0])
    return SSMRT_OK;
  const char *text = (const char *)(intptr_t)cuda->reported[0];
  run->status = cuda->reported[1] != -1 && cuda->reported[2] != -1
                    ? ssmrt_fail(SSMRT_RUNTIME,
                                 "%s: found %" PRId64 ", expected %" PRId64,
                                 text, cuda->reported[1], cuda->reported[2])
                    : ssmrt_fail(SSMRT_RUNTIME, "%s", text);
  driver->clear(cuda->reports, 0, bytes, run->stream);
  return SSMRT_RUNTIME;
}

static int32_t read_device(ssmrt_context *context, void *host,
                           const void *device, int64_t bytes) {
  device_run *run = (device_run *)context;
  if (run->capturing) {
    run->status = ssmrt_fail(SSMRT_UNSUPPORTED,
                             "the run waits for sizes that its data decide, "
                             "which a graph cannot: do not capture it");
    return SSMRT_UNSUPPORTED;
  }
  CUresult result = run->cuda->driver->to_host(
      host, (CUdeviceptr)(uintptr_t)device, (size_t)bytes, run->stream);
  if (result != 0)
    return fail_run(run, result, "cannot copy from the GPU");
  /* What was read decides what happens next: it must be right. */
  return check_reports(run);
}

static int32_t alloc_device(ssmrt_context *context, int64_t bytes,
                            void **memory) {
  device_run *run = (device_run *)context;
  const ssmrt_cuda_driver *driver = run->cuda->driver;
  ssmrt_block *block = malloc(sizeof(*block));
  CUdeviceptr at = 0;
  CUresult result = CUDA_OUT_OF_MEMORY;
  if (block && bytes >= 0)
    result =
        driver->alloc_async(&at, bytes > 0 ? (size_t)bytes : 1, run->stream);
  if (result != 0) {
    free(block);
    return fail_run(run, result, "no memory on the GPU for a value");
  }
  memcpy(block->padding, &at, sizeof(at));
  block->next = context->blocks;
  context->blocks = block;
  *memory = (void *)(uintptr_t)at;
  return SSMRT_OK;
}

static void free_blocks(device_run *run) {
  while (run->context.blocks) {
    ssmrt_block *block = run->context.blocks;
    CUdeviceptr at;
    memcpy(&at, block->padding, sizeof(at));
    run->cuda->driver->free_async(at, run->stream);
    run->context.blocks = block->next;
    free(block);
  }
}

static void *reports(ssmrt_context *context) {
  return (void *)(uintptr_t)((device_run *)context)->cuda->reports;
}

/* Tiles of 16-bit elements in rows of 32, 64 or 128 bytes, swizzled by the
 * widest pattern that fits; what lies outside the tensor is read as zero and
 * not written. */
static int32_t tensor_map(ssmrt_context *context, void *map, const void *data,
                          int32_t is_bf16, int32_t rank, const int64_t *extents,
                          const int64_t *strides, const int64_t *box) {
  enum { kRank = 5, kF16 = 6, kBf16 = 9, kPromote256 = 3 };
  enum { kSwizzle32 = 1, kSwizzle64 = 2, kSwizzle128 = 3 };
  int swizzle = box[0] <= 16   ? kSwizzle32
                : box[0] <= 32 ? kSwizzle64
                               : kSwizzle128;
  device_run *run = (device_run *)context;
  const ssmrt_cuda_driver *driver = run->cuda->driver;
  uint64_t sizes[kRank], bytes[kRank];
  unsigned boxes[kRank], ones[kRank];
  int empty = 0;
  for (int32_t i = 0; i < rank; ++i)
    empty |= extents[i] == 0;
  for (int32_t i = 0; i < rank; ++i) {
    sizes[i] = empty ? 1 : (uint64_t)extents[i];
    bytes[i] = empty ? 16 : (uint64_t)strides[i];
    boxes[i] = (unsigned)box[i];
    ones[i] = 1;
  }
  /* A map must have an element. */
  CUdeviceptr at = empty ? run->cuda->reports : (CUdeviceptr)(uintptr_t)data;
  CUresult result =
      driver->encode_tiled
          ? driver->encode_tiled(map, is_bf16 ? kBf16 : kF16, (unsigned)rank,
                                 (void *)(uintptr_t)at, sizes, bytes + 1, boxes,
                                 ones, 0, swizzle, kPromote256, 0)
          : CUDA_NOT_SUPPORTED;
  return result == 0
             ? SSMRT_OK
             : fail_run(run, result,
                        "a tensor cannot be copied by its tiles: its address "
                        "or a stride is no multiple of 16 bytes, or the driver "
                        "is too old");
}

static const ssmrt_device_calls calls = {launch,      tensor_map,
                                         read_device, alloc_device,
                                         reports,     ssmrt_cuda_multiply};

/*===- A run --------------------------------------------------------------===*/

/* Whether a value lies on the device; where it lies on another one, or badly,
 * an error. */
static ssmrt_status locate(struct ssmrt_cuda *cuda, const char *name,
                           const void *data, int *on_device) {
  const ssmrt_cuda_driver *driver = cuda->driver;
  unsigned type = 0;
  int ordinal = -1;
  CUdeviceptr at = (CUdeviceptr)(uintptr_t)data;
  *on_device = driver->pointer_attribute(
                   &type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, at) == 0 &&
               type == CU_MEMORYTYPE_DEVICE;
  if (!*on_device)
    return ssmrt_ok();
  driver->pointer_attribute(&ordinal, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, at);
  if (ordinal != cuda->device)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                      "'%s' lies on GPU %d, and the model runs on GPU %d: copy "
                      "it there",
                      name, ordinal, cuda->device);
  if (at % kPointerAlignment != 0)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                      "'%s' is not aligned to %d bytes on the GPU", name,
                      kPointerAlignment);
  return ssmrt_ok();
}

/* The values of one call: where each is on the device, 0 for those that have no
 * element, and which are copied there or from there. */
typedef struct call_values {
  const ssmrt_entry_desc *entry;
  const ssmrt_tensor *inputs, *outputs;
  void **pointers;
  char *copied;
  int32_t count, on_host;
} call_values;

static const ssmrt_tensor *value_of(const call_values *values, int32_t i) {
  int32_t inputs = values->entry->num_inputs;
  return i < inputs ? &values->inputs[i] : &values->outputs[i - inputs];
}

static const char *name_of(const call_values *values, int32_t i) {
  int32_t inputs = values->entry->num_inputs;
  return i < inputs ? values->entry->inputs[i].name
                    : values->entry->outputs[i - inputs].name;
}

static ssmrt_status place_values(struct ssmrt_cuda *cuda, call_values *values,
                                 int capturing) {
  size_t total = 0;
  for (int32_t i = 0; i < values->count; ++i) {
    const ssmrt_tensor *tensor = value_of(values, i);
    size_t bytes = ssmrt_tensor_bytes(tensor);
    int on_device = 1;
    void *state = bytes > 0 ? ssmrt_find_state(cuda, tensor->data) : NULL;
    if (bytes > 0 && !state) {
      ssmrt_status status =
          locate(cuda, name_of(values, i), tensor->data, &on_device);
      if (status.code != SSMRT_OK)
        return status;
    }
    values->pointers[i] = state ? state : tensor->data;
    if (on_device)
      continue;
    if (capturing)
      return ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                        "the stream is being captured, and '%s' lies on the "
                        "host: a graph takes values on the device",
                        name_of(values, i));
    values->copied[i] = 1;
    ++values->on_host;
    total += (bytes + kValueAlignment - 1) / kValueAlignment * kValueAlignment;
  }
  ssmrt_status status = ssmrt_cuda_grow(cuda, &cuda->values, total,
                                        "inputs and outputs on the host");
  char *next = (char *)(uintptr_t)cuda->values.at;
  for (int32_t i = 0; status.code == SSMRT_OK && i < values->count; ++i) {
    size_t bytes = ssmrt_tensor_bytes(value_of(values, i));
    if (!values->copied[i])
      continue;
    values->pointers[i] = next;
    next += (bytes + kValueAlignment - 1) / kValueAlignment * kValueAlignment;
  }
  return status;
}

/* The entry works on the outputs of states in place. */
static ssmrt_status fill_states(device_run *run, const ssmrt_model *model,
                                const call_values *values) {
  const ssmrt_entry_desc *entry = values->entry;
  for (int32_t i = 0; i < entry->num_states; ++i) {
    int32_t input = entry->state_inputs[i],
            output = entry->num_inputs + entry->state_outputs[i];
    void *from = values->pointers[input], *to = values->pointers[output];
    size_t bytes = ssmrt_tensor_bytes(value_of(values, output));
    if (!model->desc->states[i].in_place || from == to || bytes == 0)
      continue;
    CUresult result = run->cuda->driver->copy((CUdeviceptr)(uintptr_t)to,
                                              (CUdeviceptr)(uintptr_t)from,
                                              bytes, run->stream);
    if (result != 0) {
      fail_run(run, result, name_of(values, output));
      return run->status;
    }
  }
  return ssmrt_ok();
}

/* Copies the inputs (`back` = 0) to the device or the outputs from it. */
static ssmrt_status copy_values(device_run *run, const call_values *values,
                                int back) {
  const ssmrt_cuda_driver *driver = run->cuda->driver;
  int32_t inputs = values->entry->num_inputs;
  for (int32_t i = back ? inputs : 0; i < (back ? values->count : inputs);
       ++i) {
    const ssmrt_tensor *tensor = value_of(values, i);
    size_t bytes = ssmrt_tensor_bytes(tensor);
    if (!values->copied[i])
      continue;
    CUdeviceptr at = (CUdeviceptr)(uintptr_t)values->pointers[i];
    CUresult result =
        back ? driver->to_host(tensor->data, at, bytes, run->stream)
             : driver->to_device(at, tensor->data, bytes, run->stream);
    if (result != 0) {
      fail_run(run, result, name_of(values, i));
      return run->status;
    }
  }
  return ssmrt_ok();
}

/* What is behind a run's launches. */
typedef struct entry_call {
  const ssmrt_entry_desc *entry;
  const int64_t *symbols;
  void *const *pointers;
  CUdeviceptr workspace;
} entry_call;

static int32_t call_entry(device_run *run, void *data) {
  const entry_call *call = data;
  int32_t code =
      ssmrt_call_entry(call->entry, call->symbols, call->pointers,
                       (void *)(uintptr_t)call->workspace,
                       (void *)(uintptr_t)run->cuda->weights, &run->context);
  free_blocks(run);
  if (run->context.error && code == SSMRT_OK)
    code = SSMRT_RUNTIME;
  return code;
}

/* As a graph, if it was so before: all that its launches depend on is the key.
 */
static int32_t call_again(device_run *run, entry_call *call, int32_t values) {
  size_t symbols = (size_t)call->entry->num_symbols, count = (size_t)values;
  size_t words = 2 + symbols + count;
  int64_t *key = calloc(words, sizeof(*key));
  if (run->capturing || !key) {
    free(key);
    return call_entry(run, call);
  }
  key[0] = (int64_t)(intptr_t)call->entry;
  key[1] = (int64_t)call->workspace;
  memcpy(key + 2, call->symbols, symbols * sizeof(*key));
  for (size_t i = 0; i < count; ++i)
    key[2 + symbols + i] = (int64_t)(intptr_t)call->pointers[i];
  int32_t code = ssmrt_run_graph(run, key, words, call_entry, call);
  free(key);
  return code;
}

static ssmrt_status run_placed(ssmrt_model *model, device_run *run,
                               const int64_t *symbols, CUdeviceptr workspace,
                               const call_values *values) {
  ssmrt_status status = copy_values(run, values, 0);
  if (status.code == SSMRT_OK)
    status = fill_states(run, model, values);
  if (status.code != SSMRT_OK)
    return status;
  entry_call call = {values->entry, symbols, values->pointers, workspace};
  int32_t code = call_again(run, &call, values->count);
  if (run->context.error)
    return run->context.found != -1 && run->context.expected != -1
               ? ssmrt_fail(SSMRT_RUNTIME,
                            "%s: found %" PRId64 ", expected %" PRId64,
                            run->context.error, run->context.found,
                            run->context.expected)
               : ssmrt_fail(SSMRT_RUNTIME, "%s", run->context.error);
  if (run->status.code != SSMRT_OK)
    return run->status;
  if (code != SSMRT_OK)
    return ssmrt_fail(SSMRT_RUNTIME, "entry '%s' failed with code %d",
                      values->entry->name, (int)code);
  return copy_values(run, values, 1);
}

static ssmrt_status run_entered(ssmrt_model *model,
                                const ssmrt_entry_desc *entry,
                                const int64_t *symbols, int64_t needed,
                                call_values *values,
                                const ssmrt_run_options *options) {
  struct ssmrt_cuda *cuda = model->cuda;
  const ssmrt_cuda_driver *driver = cuda->driver;
  device_run run = {.cuda = cuda, .desc = model->desc->device};
  run.context.device = &calls;
  run.context.num_threads = 1;
  run.stream = options->stream ? (CUstream)options->stream : cuda->stream;
  driver->is_capturing(run.stream, &run.capturing);
  ssmrt_status status = place_values(cuda, values, run.capturing);
  if (status.code != SSMRT_OK)
    return status;
  CUdeviceptr workspace = (CUdeviceptr)(uintptr_t)options->workspace;
  if (workspace) {
    int on_device;
    status = locate(cuda, "workspace", options->workspace, &on_device);
    if (status.code == SSMRT_OK && !on_device)
      status = ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                          "the workspace does not lie on the GPU");
    if (status.code == SSMRT_OK && options->workspace_bytes < (size_t)needed)
      status = ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                          "the workspace has %zu bytes, expected at least "
                          "%" PRId64 " (see ssmrt_workspace_bytes)",
                          options->workspace_bytes, needed);
  } else if (run.capturing && cuda->workspace.bytes < (size_t)needed) {
    status = ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                        "the stream is being captured, and the run needs more "
                        "memory than those before: run it once before");
  } else {
    status = ssmrt_cuda_grow(cuda, &cuda->workspace, (size_t)needed,
                             "the workspace");
    workspace = cuda->workspace.at;
  }
  if (status.code != SSMRT_OK)
    return status;

  /* A graph is launched behind other runs by whoever captured it. */
  if (run.stream != cuda->latest && !run.capturing)
    driver->stream_wait(run.stream, cuda->last, 0);
  status = run_placed(model, &run, symbols, workspace, values);
  if (run.capturing)
    return status;
  cuda->latest = run.stream;
  driver->event_record(cuda->last, run.stream);
  /* After a failure too: what it launched may still read the caller's memory.
   */
  if (!options->stream || values->on_host > 0 || status.code != SSMRT_OK) {
    check_reports(&run);
    if (status.code == SSMRT_OK)
      status = run.status;
  }
  return status;
}

ssmrt_status ssmrt_cuda_run(ssmrt_model *model, const ssmrt_entry_desc *entry,
                            const int64_t *symbols, int64_t workspace_bytes,
                            const ssmrt_tensor *inputs,
                            const ssmrt_tensor *outputs,
                            const ssmrt_run_options *options) {
  call_values values = {.entry = entry,
                        .inputs = inputs,
                        .outputs = outputs,
                        .count = entry->num_inputs + entry->num_outputs};
  /* With a flag for each behind the pointers. */
  values.pointers =
      calloc((size_t)values.count + 1, sizeof(*values.pointers) + 1);
  if (!values.pointers)
    return ssmrt_fail(SSMRT_OUT_OF_MEMORY, "out of memory");
  values.copied = (char *)(values.pointers + values.count + 1);
  pthread_mutex_lock(&model->mutex);
  ssmrt_status status = ssmrt_cuda_enter(model);
  if (status.code == SSMRT_OK) {
    CUcontext before;
    status =
        run_entered(model, entry, symbols, workspace_bytes, &values, options);
    model->cuda->driver->pop(&before);
  }
  pthread_mutex_unlock(&model->mutex);
  free(values.pointers);
  return status;
}

ssmrt_status ssmrt_synchronize(const ssmrt_model *constant) {
  ssmrt_model *model = (ssmrt_model *)constant; /* what is kept is guarded */
  if (!model)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT, "the model is null");
  pthread_mutex_lock(&model->mutex);
  ssmrt_status status = ssmrt_ok();
  if (model->cuda && (status = ssmrt_cuda_enter(model)).code == SSMRT_OK) {
    struct ssmrt_cuda *cuda = model->cuda;
    CUcontext before;
    device_run run = {
        .cuda = cuda, .desc = model->desc->device, .stream = cuda->latest};
    check_reports(&run);
    status = run.status;
    cuda->driver->pop(&before);
  }
  pthread_mutex_unlock(&model->mutex);
  return status;
}
