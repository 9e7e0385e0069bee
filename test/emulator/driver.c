/*===- driver.c - the functions of libcuda.so.1 ----------------------------===*
 *
 * As much of NVIDIA's driver as the runtime uses (lib/Runtime/CudaDriver.h),
 * for a device whose kernels the processor runs. Environment:
 *
 *   SSMC_EMULATOR_CHIP        its compute capability, 90
 *   SSMC_EMULATOR_PROCESSORS  how many multiprocessors it has, 4
 *===----------------------------------------------------------------------===*/

#include "graph.h"
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  kMostBlocksOfAxis = 65535, /* of the second and third */
  kReservedShared = 1024     /* of a block, by the system */
};

typedef uint64_t address;
static int context;

static void *at(address place) { return (void *)(uintptr_t)place; }

/*===- The device -------------------------------------------------------===*/

int cuInit(unsigned flags) { return flags ? INVALID_VALUE : OK; }
int cuDriverGetVersion(int *version) {
  *version = 12080;
  return OK;
}
int cuGetErrorName(int code, const char **name) {
  *name = code == OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY"
          : code == FAULT       ? "CUDA_ERROR_ILLEGAL_ADDRESS"
                                : "CUDA_ERROR";
  return OK;
}
int cuGetErrorString(int code, const char **text) {
  *text = code == OUT_OF_MEMORY ? "out of memory"
          : what_was_wrong[0]
              ? what_was_wrong
              : "the emulated driver was not called as it must be";
  return OK;
}
int cuDeviceGetCount(int *count) {
  *count = 1;
  return OK;
}
int cuDeviceGet(int *device, int number) {
  *device = number;
  return number ? INVALID_VALUE : OK;
}
int cuDeviceGetName(char *name, int bytes, int device) {
  snprintf(name, (size_t)bytes, "emulated device %d", device);
  return OK;
}
/* Gaming chips have less of everything. */
static int is_small(void) { return chip() == 86 || chip() == 89; }
/* What a block can have of shared memory. */
static uint32_t most_shared(void) {
  return (is_small() ? 99u : chip() < 90 ? 163u : 227u) << 10;
}
static int processors(void) {
  const char *asked = getenv("SSMC_EMULATOR_PROCESSORS");
  return asked ? atoi(asked) : 4;
}
int cuDeviceGetAttribute(int *value, int attribute, int device) {
  *value = attribute == 16   ? processors()
           : attribute == 75 ? chip() / 10
           : attribute == 76 ? chip() % 10
           : attribute == 97 ? (int)most_shared()
                             : 0;
  return device ? INVALID_VALUE : OK;
}
int cuDevicePrimaryCtxRetain(void **retained, int device) {
  *retained = &context;
  return device ? INVALID_VALUE : OK;
}
int cuDevicePrimaryCtxRelease_v2(int device) {
  return device ? INVALID_VALUE : OK;
}
int cuCtxGetCurrent(void **current) {
  *current = NULL;
  return OK;
}
int cuCtxGetDevice(int *device) {
  *device = 0;
  return OK;
}
int cuCtxPushCurrent_v2(void *pushed) {
  return pushed == &context ? OK : INVALID_VALUE;
}
int cuCtxPopCurrent_v2(void **popped) {
  *popped = &context;
  return OK;
}

/*===- Code -------------------------------------------------------------===*/

int cuModuleLoadData(module **made, const void *image) {
  return load_module(made, image);
}
int cuModuleUnload(module *old) {
  unload_module(old);
  return OK;
}
int cuModuleGetFunction(function **found, module *in, const char *name) {
  for (uint32_t i = 0; i < in->num_kernels; ++i)
    if (strcmp(in->kernels[i].name, name) == 0) {
      *found = &in->functions[i];
      return OK;
    }
  return NOT_FOUND;
}
int cuFuncSetAttribute(function *of, int attribute, int value) {
  if (attribute != 8 || value < 0 ||
      (uint32_t)value + of->kernel->shared_bytes > most_shared())
    return INVALID_VALUE;
  of->most_shared = (uint32_t)value;
  return OK;
}
int cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, const function *of,
                                                int threads, size_t shared) {
  size_t bytes = shared + of->kernel->shared_bytes + kReservedShared;
  size_t by_memory = (most_shared() + kReservedShared) / bytes;
  size_t by_threads = (is_small() ? 1536u : 2048u) / (size_t)threads;
  *blocks = (int)(by_memory < by_threads ? by_memory : by_threads);
  return OK;
}

/*===- Memory -----------------------------------------------------------===*/

int cuMemAlloc_v2(address *taken, size_t bytes) {
  *taken = take_memory(bytes);
  return *taken ? OK : OUT_OF_MEMORY;
}
int cuMemFree_v2(address place) {
  return give_memory(place) ? OK : INVALID_VALUE;
}
/* Streams do what they are given at once, and so memory is free at once. */
int cuMemAllocAsync(address *taken, size_t bytes, stream *in) {
  return in->recording ? CAPTURING : cuMemAlloc_v2(taken, bytes);
}
int cuMemFreeAsync(address place, stream *in) {
  return in->recording ? CAPTURING : cuMemFree_v2(place);
}
int cuMemHostAlloc(void **taken, size_t bytes, unsigned flags) {
  *taken = calloc(1, bytes);
  return flags ? INVALID_VALUE : OK;
}
int cuMemFreeHost(void *place) {
  free(place);
  return OK;
}
static int copy_bytes(void *to, const void *from, size_t bytes, stream *in,
                      int is_known) {
  work what = {.kind = COPY, .to = to, .from = from, .bytes = bytes};
  return is_known ? submit(in, &what) : INVALID_VALUE;
}
int cuMemcpyHtoDAsync_v2(address to, const void *from, size_t bytes,
                         stream *in) {
  return copy_bytes(at(to), from, bytes, in, is_device_memory(to, bytes));
}
int cuMemcpyDtoHAsync_v2(void *to, address from, size_t bytes, stream *in) {
  return copy_bytes(to, at(from), bytes, in, is_device_memory(from, bytes));
}
int cuMemcpyDtoDAsync_v2(address to, address from, size_t bytes, stream *in) {
  return copy_bytes(at(to), at(from), bytes, in,
                    is_device_memory(to, bytes) &&
                        is_device_memory(from, bytes));
}
int cuMemsetD8Async(address to, unsigned char value, size_t bytes, stream *in) {
  work what = {.kind = FILL, .to = at(to), .value = value, .bytes = bytes};
  return is_device_memory(to, bytes) ? submit(in, &what) : INVALID_VALUE;
}
int cuPointerGetAttribute(void *value, int attribute, address place) {
  if (!is_device_memory(place, 1))
    return INVALID_VALUE;
  *(int *)value = attribute == 2 ? 2 : 0; /* device memory; the first device */
  return OK;
}
int cuDeviceGetDefaultMemPool(void **pool, int device) {
  *pool = &context;
  return device ? INVALID_VALUE : OK;
}
int cuMemPoolSetAttribute(void *pool, int attribute, void *value) {
  return pool == &context && attribute && value ? OK : INVALID_VALUE;
}

/*===- Launches ---------------------------------------------------------===*/

/* Sizes that the device refuses, as a device does. */
static int check_launch(const function *of, const launch_request *request) {
  const kernel *kernel = of->kernel;
  uint64_t threads = 1;
  for (int i = 0; i < 3; ++i) {
    threads *= request->block[i];
    if (request->grid[i] == 0 || request->block[i] == 0 ||
        request->grid[i] > (i ? kMostBlocksOfAxis : INT32_MAX))
      return INVALID_VALUE;
  }
  if (request->shared > of->most_shared)
    return INVALID_VALUE;
  return threads > kernel->most_threads ||
                 (kernel->exactly && threads < kernel->most_threads)
             ? TOO_MUCH_ASKED
             : OK;
}

static int launch(const function *of, launch_request request, stream *in,
                  void **args) {
  const kernel *kernel = of->kernel;
  int result = check_launch(of, &request);
  if (result != OK)
    return result;
  request.kernel = kernel;
  request.parameters =
      aligned_alloc(64, kernel->parameter_bytes / 64 * 64 + 64);
  for (uint32_t i = 0; i < kernel->num_parameters; ++i)
    memcpy(request.parameters + kernel->parameters[2 * i], args[i],
           kernel->parameters[2 * i + 1]);
  work what = {.kind = LAUNCH, .launch = request};
  result = submit(in, &what);
  free(request.parameters);
  return result;
}

int cuLaunchKernel(const function *of, unsigned gx, unsigned gy, unsigned gz,
                   unsigned bx, unsigned by, unsigned bz, unsigned shared,
                   stream *in, void **args, void **extra) {
  launch_request request = {
      .grid = {gx, gy, gz}, .block = {bx, by, bz}, .shared = shared};
  return extra ? INVALID_VALUE : launch(of, request, in, args);
}
int cuLaunchCooperativeKernel(const function *of, unsigned gx, unsigned gy,
                              unsigned gz, unsigned bx, unsigned by,
                              unsigned bz, unsigned shared, stream *in,
                              void **args) {
  launch_request request = {.grid = {gx, gy, gz},
                            .block = {bx, by, bz},
                            .shared = shared,
                            .together = 1};
  int blocks;
  cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, of, (int)(bx * by * bz),
                                              shared);
  if ((uint64_t)gx * gy * gz > (uint64_t)blocks * (unsigned)processors())
    return INVALID_VALUE; /* they cannot all run at a time */
  return launch(of, request, in, args);
}

/* What a driver demands of tensors that are copied by tiles: 16-bit elements in
 * a place, strides and boxes that the hardware can address. */
int cuTensorMapEncodeTiled(void *map, int kind, unsigned rank, void *data,
                           const uint64_t *extents, const uint64_t *strides,
                           const unsigned *box, const unsigned *steps,
                           int interleaved, int swizzle, int promotion,
                           int fill) {
  tensor_map made = {.data = data,
                     .rank = rank,
                     .swizzle = (uint32_t)swizzle,
                     .is_bf16 = kind == 9};
  (void)promotion;
  if ((kind != 6 && kind != 9) || rank < 3 || rank > 5 ||
      (uintptr_t)data % 16 || interleaved || fill || swizzle < 1 ||
      swizzle > 3 || box[0] * 2 > 16u << swizzle || box[0] * 2 % 16)
    return INVALID_VALUE;
  for (unsigned d = 0; d < rank; ++d) {
    made.extents[d] = extents[d];
    made.strides[d] = d ? strides[d - 1] : 2;
    made.box[d] = box[d];
    if (extents[d] == 0 || extents[d] > (uint64_t)1 << 32 || box[d] == 0 ||
        box[d] > 256 || steps[d] != 1 ||
        (d && (made.strides[d] % 16 || made.strides[d] >= (uint64_t)1 << 40)))
      return INVALID_VALUE;
  }
  memset(map, 0, 128);
  memcpy(map, &made, sizeof(made));
  return OK;
}

int cuLaunchHostFunc(stream *in, void (*call)(void *), void *data) {
  work what = {.kind = CALL, .call = call, .to = data};
  return submit(in, &what);
}
