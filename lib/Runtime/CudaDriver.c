/*===- CudaDriver.c - loads NVIDIA's driver -------------------------------===*/

#include "lib/Runtime/CudaDriver.h"
#include "lib/Runtime/Host.h"

#include <dlfcn.h>
#include <string.h>

/* Graphs and the allocator in stream order, as we call them. */
enum { kOldestDriver = 12000 };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static ssmrt_cuda_driver table;
static ssmrt_status found;

static void load(void) {
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    found = ssmrt_fail(SSMRT_UNSUPPORTED,
                       "the model runs on an NVIDIA GPU, and there is no "
                       "driver here (%s): run it where there is one, or "
                       "compile it with --target=cpu",
                       dlerror());
    return;
  }
  const char *missing = NULL;
  /* A function pointer from a data pointer, as dlsym's manual does it. */
#define SSMRT_CUDA_FIND(name, symbol, parameters)                              \
  *(void **)&table.name = dlsym(library, #symbol);                             \
  if (!table.name && !missing)                                                 \
    missing = #symbol;
  SSMRT_CUDA_FUNCTIONS(SSMRT_CUDA_FIND)
#undef SSMRT_CUDA_FIND
  *(void **)&table.encode_tiled = dlsym(library, "cuTensorMapEncodeTiled");
  int version = 0, devices = 0;
  if (table.driver_version)
    table.driver_version(&version);
  if (missing || version < kOldestDriver) {
    found = ssmrt_fail(SSMRT_UNSUPPORTED,
                       "the NVIDIA driver is for CUDA %d.%d, and 12.0 is "
                       "needed%s%s: install a newer driver",
                       version / 1000, version % 1000 / 10,
                       missing ? ": it lacks " : "", missing ? missing : "");
    return;
  }
  CUresult result = table.init(0);
  if (result == 0)
    result = table.device_count(&devices);
  if (result != 0)
    found = ssmrt_cuda_failed(&table, result, "there is no GPU to run on");
  else if (devices == 0)
    found = ssmrt_fail(SSMRT_UNSUPPORTED,
                       "the model runs on an NVIDIA GPU, and the driver shows "
                       "none (see CUDA_VISIBLE_DEVICES)");
  if (found.code != SSMRT_OK)
    found.code = SSMRT_UNSUPPORTED;
}

ssmrt_status ssmrt_load_cuda(const ssmrt_cuda_driver **driver) {
  pthread_once(&once, load);
  *driver = &table;
  return found;
}

ssmrt_status ssmrt_cuda_failed(const ssmrt_cuda_driver *driver, CUresult result,
                               const char *what) {
  const char *name = NULL, *text = NULL;
  driver->error_name(result, &name);
  driver->error_string(result, &text);
  return ssmrt_fail(result == CUDA_OUT_OF_MEMORY ? SSMRT_OUT_OF_MEMORY
                                                 : SSMRT_RUNTIME,
                    "%s: %s (%s, %d)", what, text ? text : "an unknown error",
                    name ? name : "?", result);
}
