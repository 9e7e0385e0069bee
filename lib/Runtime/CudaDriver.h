/*===- CudaDriver.h - what we use of NVIDIA's driver ----------------------===*
 *
 * The driver is loaded when a model first runs on a GPU: nothing needs it to be
 * installed, and no header of CUDA is needed to compile this.
 *===----------------------------------------------------------------------===*/

#ifndef SSMRT_CUDA_DRIVER_H
#define SSMRT_CUDA_DRIVER_H

#include "ssmrt/ssmrt.h"

typedef int CUresult;
typedef int CUdevice;
typedef uint64_t CUdeviceptr;
typedef struct CUctx_st *CUcontext;
typedef struct CUmod_st *CUmodule;
typedef struct CUfunc_st *CUfunction;
typedef struct CUstream_st *CUstream;
typedef struct CUevent_st *CUevent;
typedef struct CUmemPoolHandle_st *CUmemoryPool;
typedef struct CUgraph_st *CUgraph;
typedef struct CUgraphExec_st *CUgraphExec;

enum {
  CUDA_OUT_OF_MEMORY = 2,
  CUDA_TOO_LARGE_TOGETHER = 720,
  CUDA_NOT_SUPPORTED = 801,
  CU_POINTER_ATTRIBUTE_MEMORY_TYPE = 2,
  CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL = 9,
  CU_MEMORYTYPE_DEVICE = 2,
  CU_DEVICE_ATTRIBUTE_MULTIPROCESSORS = 16,
  CU_DEVICE_ATTRIBUTE_MAJOR = 75,
  CU_DEVICE_ATTRIBUTE_MINOR = 76,
  CU_DEVICE_ATTRIBUTE_MOST_SHARED = 97,
  CU_FUNC_ATTRIBUTE_SHARED_SIZE = 1,
  CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE = 8,
  CU_STREAM_NON_BLOCKING = 1,
  CU_EVENT_DISABLE_TIMING = 2,
  CU_MEMPOOL_RELEASE_THRESHOLD = 4,
  CU_STREAM_CAPTURE_THREAD_LOCAL = 1
};

/* name in the table, symbol in the driver, parameters */
#define SSMRT_CUDA_FUNCTIONS(X)                                                \
  X(init, cuInit, (unsigned))                                                  \
  X(driver_version, cuDriverGetVersion, (int *))                               \
  X(error_name, cuGetErrorName, (CUresult, const char **))                     \
  X(error_string, cuGetErrorString, (CUresult, const char **))                 \
  X(device_count, cuDeviceGetCount, (int *))                                   \
  X(device_get, cuDeviceGet, (CUdevice *, int))                                \
  X(device_name, cuDeviceGetName, (char *, int, CUdevice))                     \
  X(device_attribute, cuDeviceGetAttribute, (int *, int, CUdevice))            \
  X(retain, cuDevicePrimaryCtxRetain, (CUcontext *, CUdevice))                 \
  X(release, cuDevicePrimaryCtxRelease_v2, (CUdevice))                         \
  X(get_current, cuCtxGetCurrent, (CUcontext *))                               \
  X(get_device, cuCtxGetDevice, (CUdevice *))                                  \
  X(push, cuCtxPushCurrent_v2, (CUcontext))                                    \
  X(pop, cuCtxPopCurrent_v2, (CUcontext *))                                    \
  X(load, cuModuleLoadData, (CUmodule *, const void *))                        \
  X(unload, cuModuleUnload, (CUmodule))                                        \
  X(get_function, cuModuleGetFunction, (CUfunction *, CUmodule, const char *)) \
  X(set_function, cuFuncSetAttribute, (CUfunction, int, int))                  \
  X(alloc, cuMemAlloc_v2, (CUdeviceptr *, size_t))                             \
  X(free, cuMemFree_v2, (CUdeviceptr))                                         \
  X(alloc_async, cuMemAllocAsync, (CUdeviceptr *, size_t, CUstream))           \
  X(free_async, cuMemFreeAsync, (CUdeviceptr, CUstream))                       \
  X(alloc_host, cuMemHostAlloc, (void **, size_t, unsigned))                   \
  X(free_host, cuMemFreeHost, (void *))                                        \
  X(to_device, cuMemcpyHtoDAsync_v2,                                           \
    (CUdeviceptr, const void *, size_t, CUstream))                             \
  X(to_host, cuMemcpyDtoHAsync_v2, (void *, CUdeviceptr, size_t, CUstream))    \
  X(copy, cuMemcpyDtoDAsync_v2, (CUdeviceptr, CUdeviceptr, size_t, CUstream))  \
  X(clear, cuMemsetD8Async, (CUdeviceptr, unsigned char, size_t, CUstream))    \
  X(pointer_attribute, cuPointerGetAttribute, (void *, int, CUdeviceptr))      \
  X(stream_create, cuStreamCreate, (CUstream *, unsigned))                     \
  X(stream_destroy, cuStreamDestroy_v2, (CUstream))                            \
  X(stream_synchronize, cuStreamSynchronize, (CUstream))                       \
  X(stream_wait, cuStreamWaitEvent, (CUstream, CUevent, unsigned))             \
  X(event_create, cuEventCreate, (CUevent *, unsigned))                        \
  X(event_destroy, cuEventDestroy_v2, (CUevent))                               \
  X(event_record, cuEventRecord, (CUevent, CUstream))                          \
  X(launch, cuLaunchKernel,                                                    \
    (CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,   \
     unsigned, CUstream, void **, void **))                                    \
  X(launch_together, cuLaunchCooperativeKernel,                                \
    (CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,   \
     unsigned, CUstream, void **))                                             \
  X(blocks_side_by_side, cuOccupancyMaxActiveBlocksPerMultiprocessor,          \
    (int *, CUfunction, int, size_t))                                          \
  X(begin_capture, cuStreamBeginCapture_v2, (CUstream, int))                   \
  X(end_capture, cuStreamEndCapture, (CUstream, CUgraph *))                    \
  X(graph_instantiate, cuGraphInstantiateWithFlags,                            \
    (CUgraphExec *, CUgraph, unsigned long long))                              \
  X(graph_launch, cuGraphLaunch, (CUgraphExec, CUstream))                      \
  X(graph_exec_destroy, cuGraphExecDestroy, (CUgraphExec))                     \
  X(graph_destroy, cuGraphDestroy, (CUgraph))                                  \
  X(is_capturing, cuStreamIsCapturing, (CUstream, int *))                      \
  X(get_pool, cuDeviceGetDefaultMemPool, (CUmemoryPool *, CUdevice))           \
  X(set_pool, cuMemPoolSetAttribute, (CUmemoryPool, int, void *))

typedef struct ssmrt_cuda_driver {
#define SSMRT_CUDA_MEMBER(name, symbol, parameters) CUresult(*name) parameters;
  SSMRT_CUDA_FUNCTIONS(SSMRT_CUDA_MEMBER)
#undef SSMRT_CUDA_MEMBER
  CUresult (*encode_tiled)(void *, int, unsigned, void *, const uint64_t *,
                           const uint64_t *, const unsigned *, const unsigned *,
                           int, int, int, int); /* may be null */
} ssmrt_cuda_driver;

/* The driver, or why there is none. */
ssmrt_status ssmrt_load_cuda(const ssmrt_cuda_driver **driver);

/* What the driver says of a call that failed. */
ssmrt_status ssmrt_cuda_failed(const ssmrt_cuda_driver *driver, CUresult result,
                               const char *what);

#endif /* SSMRT_CUDA_DRIVER_H */
