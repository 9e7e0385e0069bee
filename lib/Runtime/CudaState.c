/*===- CudaState.c - states on a GPU ---------------------------------------===*
 *
 * The blocks of a state that a model on a GPU advances have twins on the
 * device, at which its entries work. Memory of the host and of the device are
 * made equal when the other side is asked for: calls one behind the other leave
 * the states where they are.
 *===----------------------------------------------------------------------===*/

#include "lib/Runtime/CudaModel.h"
#include "lib/Runtime/State.h"

#include <stdlib.h>

enum { kChanging = 3, kBlocks };

struct ssmrt_device_state {
  ssmrt_state *state;
  ssmrt_model *model;
  struct ssmrt_device_state *next; /* of the model */
  char *changing[kChanging];       /* the blocks that change places */
  CUdeviceptr twins[kBlocks];      /* of those and of the one in place */
  int on_host, on_device;          /* the states are there as they are now */
};

typedef struct block {
  char *host;
  size_t bytes;
} block;

static block block_of(const struct ssmrt_device_state *device, int i) {
  const ssmrt_state *state = device->state;
  if (i == kChanging)
    return (block){state->kept, state->kept_bytes};
  return (block){device->changing[i], device->changing[i] ? state->bytes : 0};
}

void *ssmrt_find_state(const struct ssmrt_cuda *cuda, const void *data) {
  const char *at = data;
  for (const struct ssmrt_device_state *d = cuda->states; d; d = d->next)
    for (int i = 0; i < kBlocks; ++i) {
      block block = block_of(d, i);
      if (at >= block.host && at < block.host + block.bytes)
        return (void *)(uintptr_t)(d->twins[i] + (size_t)(at - block.host));
    }
  return NULL;
}

/* Copies all blocks, when the runs before are done, and waits for that. */
static ssmrt_status move(struct ssmrt_device_state *device, int to_device) {
  struct ssmrt_cuda *cuda = device->model->cuda;
  const ssmrt_cuda_driver *driver = cuda->driver;
  CUresult result = driver->stream_synchronize(cuda->latest);
  for (int i = 0; i < kBlocks && result == 0; ++i) {
    block block = block_of(device, i);
    if (block.bytes == 0)
      continue;
    result = to_device ? driver->to_device(device->twins[i], block.host,
                                           block.bytes, cuda->stream)
                       : driver->to_host(block.host, device->twins[i],
                                         block.bytes, cuda->stream);
  }
  if (result == 0)
    result = driver->stream_synchronize(cuda->stream);
  return result == 0
             ? ssmrt_ok()
             : ssmrt_cuda_failed(driver, result, "the states cannot be copied");
}

static void free_twins(const struct ssmrt_cuda *cuda,
                       struct ssmrt_device_state *device) {
  for (int i = 0; i < kBlocks; ++i)
    if (device->twins[i])
      cuda->driver->free(device->twins[i]);
  free(device);
}

static ssmrt_status make_twins(ssmrt_model *model, ssmrt_state *state) {
  struct ssmrt_cuda *cuda = model->cuda;
  struct ssmrt_device_state *device = calloc(1, sizeof(*device));
  if (!device)
    return ssmrt_fail(SSMRT_OUT_OF_MEMORY, "out of memory");
  device->state = state;
  device->model = model;
  device->changing[0] = state->now;
  device->changing[1] = state->next;
  device->changing[2] = state->spare;
  device->on_host = 1;
  CUresult result = 0;
  for (int i = 0; i < kBlocks && result == 0; ++i)
    if (block_of(device, i).bytes > 0)
      result =
          cuda->driver->alloc(&device->twins[i], block_of(device, i).bytes);
  if (result != 0) {
    free_twins(cuda, device);
    return ssmrt_cuda_failed(cuda->driver, result,
                             "the states have no place on the GPU");
  }
  device->next = cuda->states;
  cuda->states = device;
  state->device = device;
  return ssmrt_ok();
}

ssmrt_status ssmrt_state_to_device(const ssmrt_model *constant,
                                   ssmrt_state *state) {
  ssmrt_model *model = (ssmrt_model *)constant; /* what is kept is guarded */
  if (!model || model->desc != state->desc || !model->desc->device)
    return ssmrt_ok();
  pthread_mutex_lock(&model->mutex);
  ssmrt_status status = ssmrt_cuda_enter(model);
  if (status.code == SSMRT_OK) {
    CUcontext before;
    if (!state->device)
      status = make_twins(model, state);
    if (status.code == SSMRT_OK && !state->device->on_device)
      status = move(state->device, 1);
    if (status.code == SSMRT_OK) {
      state->device->on_device = 1;
      state->device->on_host = 0;
    }
    model->cuda->driver->pop(&before);
  }
  pthread_mutex_unlock(&model->mutex);
  return status;
}

ssmrt_status ssmrt_state_to_host(const ssmrt_state *state, int writes) {
  struct ssmrt_device_state *device = state->device;
  if (!device)
    return ssmrt_ok();
  ssmrt_status status = ssmrt_ok();
  pthread_mutex_lock(&device->model->mutex);
  if (!device->on_host &&
      (status = ssmrt_cuda_enter(device->model)).code == SSMRT_OK) {
    CUcontext before;
    status = move(device, 0);
    device->model->cuda->driver->pop(&before);
  }
  if (status.code == SSMRT_OK) {
    device->on_host = 1;
    device->on_device &= !writes;
  }
  pthread_mutex_unlock(&device->model->mutex);
  return status;
}

void ssmrt_free_device_state(ssmrt_state *state) {
  struct ssmrt_device_state *device = state->device;
  if (!device)
    return;
  ssmrt_model *model = device->model;
  struct ssmrt_cuda *cuda = model->cuda;
  pthread_mutex_lock(&model->mutex);
  struct ssmrt_device_state **link = &cuda->states;
  while (*link != device)
    link = &(*link)->next;
  *link = device->next;
  CUcontext before;
  cuda->driver->push(cuda->context);
  cuda->driver->stream_synchronize(cuda->latest);
  /* Graphs have its addresses. */
  ssmrt_drop_graphs(cuda);
  free_twins(cuda, device);
  cuda->driver->pop(&before);
  pthread_mutex_unlock(&model->mutex);
  state->device = NULL;
}
