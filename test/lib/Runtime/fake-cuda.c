/* A libcuda.so.1 for tests: memory of the device is memory of the host, 16 MiB
 * of it, and kernels do nothing. FAKE_CUDA names what goes wrong: old, none,
 * no-memory, bad-code, launch, lost, together, no-room or small. What is called
 * is counted in `fake_counts`. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char fake_device[16 << 20] __attribute__((aligned(256)));
static size_t used;
static int lost, capturing;
enum { kProcessors = 3 }; /* of which each has room for a block */
/* What the program's own graphs are made of is not counted as launched. */
struct {
  int64_t launches, recorded, graphs, allocs, waits, to_device, to_host;
} fake_counts;

static int is(const char *fault) {
  const char *asked = getenv("FAKE_CUDA");
  return asked && strcmp(asked, fault) == 0;
}

static int most_shared(void) { return (is("small") ? 99 : 227) << 10; }

int cuInit(unsigned flags) { return flags; }
int cuDriverGetVersion(int *version) {
  *version = is("old") ? 11040 : 13000;
  return 0;
}
int cuGetErrorName(int code, const char **name) {
  *name = code == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_OF_A_KIND";
  return 0;
}
int cuGetErrorString(int code, const char **text) {
  *text = code == 2 ? "out of memory" : "a fake error";
  return 0;
}
int cuDeviceGetCount(int *count) {
  *count = !is("none");
  return 0;
}
int cuDeviceGet(int *found, int number) {
  *found = number;
  return 0;
}
int cuDeviceGetName(char *name, int bytes, int number) {
  snprintf(name, bytes, "Fake %d", number);
  return 0;
}
int cuDeviceGetAttribute(int *value, int attribute, int number) {
  *value = attribute == 75   ? 9
           : attribute == 16 ? kProcessors
           : attribute == 97 ? most_shared()
                             : 0;
  return number;
}
int cuDevicePrimaryCtxRetain(void **context, int number) {
  *context = fake_device;
  return number;
}
int cuDevicePrimaryCtxRelease_v2(int number) { return number; }
int cuCtxGetCurrent(void **context) {
  *context = NULL;
  return 0;
}
int cuCtxGetDevice(int *number) {
  *number = 0;
  return 0;
}
int cuCtxPushCurrent_v2(void *context) { return context != fake_device; }
int cuCtxPopCurrent_v2(void **context) {
  *context = fake_device;
  return 0;
}
int cuModuleLoadData(void **module, const void *image) {
  *module = fake_device;
  return is("bad-code") || !image ? 209 : 0;
}
int cuModuleUnload(void *module) { return module != fake_device; }
int cuModuleGetFunction(void **function, void *module, const char *name) {
  *function = (void *)name;
  return module != fake_device;
}
int cuFuncSetAttribute(void *function, int attribute, int value) {
  return !function || attribute != 8 || value > most_shared();
}
int cuMemAlloc_v2(uint64_t *at, size_t bytes) {
  bytes = (bytes + 255) / 256 * 256;
  if (is("no-memory") || used + bytes > sizeof(fake_device))
    return 2;
  *at = (uint64_t)(uintptr_t)(fake_device + used);
  used += bytes;
  ++fake_counts.allocs;
  return 0;
}
int cuMemFree_v2(uint64_t at) { return at == 0; }
int cuMemAllocAsync(uint64_t *at, size_t bytes, void *stream) {
  return stream ? cuMemAlloc_v2(at, bytes) : 1;
}
int cuMemFreeAsync(uint64_t at, void *stream) { return !at || !stream; }
int cuMemHostAlloc(void **at, size_t bytes, unsigned flags) {
  *at = calloc(1, bytes);
  return flags;
}
int cuMemFreeHost(void *at) {
  free(at);
  return 0;
}
static int is_device(uint64_t at) {
  return at >= (uint64_t)(uintptr_t)fake_device &&
         at < (uint64_t)(uintptr_t)(fake_device + sizeof(fake_device));
}
int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes,
                         void *stream) {
  if (!is_device(to) || !stream)
    return 1;
  memcpy((void *)(uintptr_t)to, from, bytes);
  fake_counts.to_device += bytes;
  return 0;
}
int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *stream) {
  if (!is_device(from) || !stream || lost)
    return lost ? 700 : 1;
  memcpy(to, (void *)(uintptr_t)from, bytes);
  fake_counts.to_host += bytes;
  return 0;
}
int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes,
                         void *stream) {
  if (!is_device(to) || !is_device(from) || !stream)
    return 1;
  memmove((void *)(uintptr_t)to, (void *)(uintptr_t)from, bytes);
  return 0;
}
int cuMemsetD8Async(uint64_t at, unsigned char value, size_t bytes,
                    void *stream) {
  memset((void *)(uintptr_t)at, value, bytes);
  return !stream;
}
int cuPointerGetAttribute(void *value, int attribute, uint64_t at) {
  if (!is_device(at))
    return 1;
  /* The upper half is another device's. */
  int other =
      at >= (uint64_t)(uintptr_t)(fake_device + sizeof(fake_device) / 2);
  *(int *)value = attribute == 2 ? 2 : other;
  return 0;
}
int cuStreamCreate(void **stream, unsigned flags) {
  *stream = fake_device;
  return flags != 1;
}
int cuStreamDestroy_v2(void *stream) { return !stream; }
int cuStreamSynchronize(void *stream) {
  ++fake_counts.waits;
  return lost ? 700 : capturing ? 900 : !stream;
}
int cuStreamWaitEvent(void *stream, void *event, unsigned flags) {
  return !stream || !event || flags;
}
int cuEventCreate(void **event, unsigned flags) {
  *event = fake_device;
  return flags != 2;
}
int cuEventDestroy_v2(void *event) { return !event; }
int cuEventRecord(void *event, void *stream) { return !event || !stream; }
int cuStreamIsCapturing(void *stream, int *result) {
  *result = capturing;
  return !stream;
}
int cuStreamBeginCapture_v2(void *stream, int mode) {
  capturing = 1;
  return !stream || mode != 1;
}
int cuStreamEndCapture(void *stream, void **graph) {
  capturing = 0;
  *graph = fake_device;
  return !stream;
}
int cuGraphInstantiateWithFlags(void **exec, void *graph,
                                unsigned long long flags) {
  *exec = graph;
  return flags != 0;
}
int cuGraphLaunch(void *exec, void *stream) {
  ++fake_counts.graphs;
  return !exec || !stream;
}
int cuGraphExecDestroy(void *exec) { return !exec; }
int cuGraphDestroy(void *graph) { return !graph; }
int cuDeviceGetDefaultMemPool(void **pool, int number) {
  *pool = fake_device;
  return number;
}
int cuMemPoolSetAttribute(void *pool, int attribute, void *value) {
  return !pool || !attribute || !value;
}
int cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, void *function,
                                                int threads, size_t shared) {
  *blocks = !is("no-room") && function && threads && shared != (size_t)-1;
  return 0;
}
int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz,
                   unsigned bx, unsigned by, unsigned bz, unsigned shared,
                   void *stream, void **args, void **extra) {
  (void)shared, (void)args, (void)extra;
  if (!function || !gx || !gy || !gz || !bx || !by || !bz || !stream)
    return 1;
  ++*(capturing ? &fake_counts.recorded : &fake_counts.launches);
  lost |= is("lost");
  return is("launch") ? 701 : 0;
}
int cuLaunchCooperativeKernel(void *function, unsigned gx, unsigned gy,
                              unsigned gz, unsigned bx, unsigned by,
                              unsigned bz, unsigned shared, void *stream,
                              void **args) {
  if (is("together") || gx * gy * gz > kProcessors)
    return 720;
  return cuLaunchKernel(function, gx, gy, gz, bx, by, bz, shared, stream, args,
                        0);
}
