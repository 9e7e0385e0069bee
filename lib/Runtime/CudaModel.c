/*===- CudaModel.c - what a model has on a GPU -----------------------------===*
 *
 * Its code, its weights, a workspace and a place for values that come from and
 * go to the host, both as large as any run needed, and a block for reports.
 *===----------------------------------------------------------------------===*/

#include "lib/Runtime/CudaModel.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static ssmrt_status load_code(ssmrt_model *model, struct ssmrt_cuda *cuda) {
  const ssmrt_cuda_driver *driver = cuda->driver;
  const ssmrt_device_desc *desc = model->desc->device;
  char name[96] = "the GPU", what[280];
  int major = 0, minor = 0;
  driver->device_name(name, sizeof(name), cuda->device);
  driver->device_attribute(&major, CU_DEVICE_ATTRIBUTE_MAJOR, cuda->device);
  driver->device_attribute(&minor, CU_DEVICE_ATTRIBUTE_MINOR, cuda->device);
  if (desc->num_kernels == 0)
    return ssmrt_ok();
  CUresult result = 1;
  if (desc->cubin)
    result = driver->load(&cuda->code, desc->cubin);
  if (result != 0 && result != CUDA_OUT_OF_MEMORY)
    result = driver->load(&cuda->code, desc->ptx);
  if (result != 0) {
    snprintf(what, sizeof(what),
             "the model was compiled for %s, and its code cannot be loaded on "
             "%s, which is sm_%d%d: compile it for that, or install a newer "
             "driver",
             desc->target, name, major, minor);
    ssmrt_status status = ssmrt_cuda_failed(driver, result, what);
    if (status.code != SSMRT_OUT_OF_MEMORY)
      status.code = SSMRT_UNSUPPORTED;
    return status;
  }
  cuda->functions = calloc((size_t)desc->num_kernels, sizeof(CUfunction));
  if (!cuda->functions)
    return ssmrt_fail(SSMRT_OUT_OF_MEMORY, "out of memory");
  for (int64_t i = 0; i < desc->num_kernels; ++i)
    if ((result = driver->get_function(&cuda->functions[i], cuda->code,
                                       desc->kernels[i])) != 0)
      return ssmrt_cuda_failed(driver, result, desc->kernels[i]);
  return ssmrt_ok();
}

static ssmrt_status load_data(ssmrt_model *model, struct ssmrt_cuda *cuda) {
  const ssmrt_cuda_driver *driver = cuda->driver;
  size_t bytes = (size_t)model->desc->weights_bytes;
  size_t report_bytes = SSMRT_REPORT_WORDS * sizeof(int64_t);
  CUresult result = 0;
  if (bytes > 0) {
    result = driver->alloc(&cuda->weights, bytes);
    if (result == 0)
      result =
          driver->to_device(cuda->weights, model->weights, bytes, cuda->stream);
    if (result != 0)
      return ssmrt_cuda_failed(driver, result,
                               "the weights cannot be put on the GPU");
  }
  if ((result = driver->alloc(&cuda->reports, report_bytes)) == 0 &&
      (result = driver->alloc_host((void **)&cuda->reported, report_bytes,
                                   0)) == 0 &&
      (result = driver->clear(cuda->reports, 0, report_bytes, cuda->stream)) ==
          0 &&
      (result = driver->event_create(&cuda->last, CU_EVENT_DISABLE_TIMING)) ==
          0)
    result = driver->event_record(cuda->last, cuda->stream);
  cuda->latest = cuda->stream;
  /* What ssmrt_alloc gives back stays with the process. */
  CUmemoryPool pool;
  uint64_t all = UINT64_MAX;
  if (driver->get_pool(&pool, cuda->device) == 0)
    driver->set_pool(pool, CU_MEMPOOL_RELEASE_THRESHOLD, &all);
  return result == 0
             ? ssmrt_ok()
             : ssmrt_cuda_failed(driver, result, "the GPU cannot be prepared");
}

/* The device of the current context, or the first. Leaves its context current.
 */
static ssmrt_status find_device(struct ssmrt_cuda *cuda) {
  const ssmrt_cuda_driver *driver = cuda->driver;
  CUcontext current = NULL;
  CUresult result = driver->get_current(&current);
  if (result == 0)
    result = current ? driver->get_device(&cuda->device)
                     : driver->device_get(&cuda->device, 0);
  if (result == 0)
    result = driver->retain(&cuda->context, cuda->device);
  if (result == 0 && (result = driver->push(cuda->context)) != 0)
    driver->release(cuda->device);
  if (result == 0)
    return ssmrt_ok();
  cuda->context = NULL;
  return ssmrt_cuda_failed(driver, result, "the GPU cannot be used");
}

static void give_back(struct ssmrt_cuda *cuda) {
  const ssmrt_cuda_driver *driver = cuda->driver;
  CUcontext before;
  if (cuda->context) {
    driver->push(cuda->context);
    if (cuda->stream)
      driver->stream_synchronize(cuda->stream);
    ssmrt_drop_graphs(cuda);
    ssmrt_drop_products(cuda);
    CUdeviceptr memory[] = {cuda->weights, cuda->reports, cuda->workspace.at,
                            cuda->values.at};
    for (int i = 0; i < 4; ++i)
      if (memory[i])
        driver->free(memory[i]);
    if (cuda->reported)
      driver->free_host(cuda->reported);
    if (cuda->last)
      driver->event_destroy(cuda->last);
    if (cuda->code)
      driver->unload(cuda->code);
    if (cuda->stream)
      driver->stream_destroy(cuda->stream);
    driver->pop(&before);
    driver->release(cuda->device);
  }
  free(cuda->graphs);
  free(cuda->functions);
  free(cuda);
}

/* Leaves the context of the model's device current. */
ssmrt_status ssmrt_cuda_enter(ssmrt_model *model) {
  struct ssmrt_cuda *cuda = model->cuda;
  ssmrt_status status;
  if (cuda) {
    if (cuda->lost.code != SSMRT_OK)
      return ssmrt_fail(SSMRT_RUNTIME,
                        "the GPU's context was lost in an earlier run; start "
                        "the process again. It was: %.120s",
                        cuda->lost.message);
    CUresult result = cuda->driver->push(cuda->context);
    return result == 0 ? ssmrt_ok()
                       : ssmrt_cuda_failed(cuda->driver, result,
                                           "the GPU cannot be used");
  }
  const ssmrt_cuda_driver *driver;
  status = ssmrt_load_cuda(&driver);
  if (status.code != SSMRT_OK)
    return status;
  if (!(cuda = calloc(1, sizeof(*cuda))))
    return ssmrt_fail(SSMRT_OUT_OF_MEMORY, "out of memory");
  cuda->driver = driver;
  status = find_device(cuda);
  if (status.code == SSMRT_OK) {
    CUresult result =
        driver->stream_create(&cuda->stream, CU_STREAM_NON_BLOCKING);
    if (result != 0)
      status = ssmrt_cuda_failed(driver, result, "the GPU cannot be used");
    if (status.code == SSMRT_OK)
      status = load_code(model, cuda);
    if (status.code == SSMRT_OK)
      status = load_data(model, cuda);
    if (status.code != SSMRT_OK) {
      CUcontext before;
      driver->pop(&before);
    }
  }
  if (status.code == SSMRT_OK)
    model->cuda = cuda;
  else
    give_back(cuda);
  return status;
}

void ssmrt_cuda_release(ssmrt_model *model) {
  if (model->cuda)
    give_back(model->cuda);
  model->cuda = NULL;
}

ssmrt_status ssmrt_cuda_grow(struct ssmrt_cuda *cuda, device_memory *memory,
                             size_t bytes, const char *what) {
  const ssmrt_cuda_driver *driver = cuda->driver;
  if (memory->bytes >= bytes)
    return ssmrt_ok();
  CUresult result = driver->stream_synchronize(cuda->latest);
  ssmrt_drop_graphs(cuda);
  if (result == 0 && memory->at)
    result = driver->free(memory->at);
  memory->at = 0;
  memory->bytes = 0;
  if (result == 0)
    result = driver->alloc(&memory->at, bytes);
  if (result != 0) {
    char text[160];
    snprintf(text, sizeof(text), "no %zu bytes of the GPU's memory for %s",
             bytes, what);
    return ssmrt_cuda_failed(driver, result, text);
  }
  memory->bytes = bytes;
  return ssmrt_ok();
}
