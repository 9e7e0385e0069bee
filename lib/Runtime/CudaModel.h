/*===- CudaModel.h - what a model has on a GPU
 * -----------------------------===*/

#ifndef SSMRT_CUDA_MODEL_H
#define SSMRT_CUDA_MODEL_H

#include "lib/Runtime/Cuda.h"
#include "lib/Runtime/CudaDriver.h"

enum { SSMRT_REPORT_WORDS = 3 };

typedef struct device_memory {
  CUdeviceptr at;
  size_t bytes;
} device_memory;

struct ssmrt_cuda {
  const ssmrt_cuda_driver *driver;
  CUdevice device;
  CUcontext context;
  CUmodule code;
  CUfunction *functions;
  CUdeviceptr weights;
  CUdeviceptr reports; /* SSMRT_REPORT_WORDS of int64_t */
  int64_t *reported;   /* the same on the host, pinned */
  device_memory workspace, values;
  CUstream stream;                 /* for runs that bring none */
  CUevent last;                    /* behind the last run */
  CUstream latest;                 /* that it was in */
  ssmrt_status lost;               /* what broke the context for good */
  struct ssmrt_graph *graphs;      /* a table, or null */
  struct ssmrt_products *products; /* of a library, or null */
  int64_t runs;
  struct ssmrt_device_state *states; /* of the model, a list */
};

/* A run: the context that generated code sees, and what is behind it. */
typedef struct device_run {
  ssmrt_context context; /* first */
  struct ssmrt_cuda *cuda;
  const ssmrt_device_desc *desc;
  CUstream stream;
  int capturing; /* the stream: what is launched is recorded, and not run */
  int launches;
  ssmrt_status status;
} device_run;

/* Leaves the context of the model's device current, which pop ends. */
ssmrt_status ssmrt_cuda_enter(ssmrt_model *model);
/* At least so many bytes, which nothing uses any more when it is replaced. */
ssmrt_status ssmrt_cuda_grow(struct ssmrt_cuda *cuda, device_memory *memory,
                             size_t bytes, const char *what);

/*===- Graphs. In CudaGraph.c
 * ---------------------------------------------===*/

/* Does what `body` does, which only launches: as a graph, where it was done
 * with the same key before. The ssmrt_code of the body. */
int32_t ssmrt_run_graph(device_run *run, const int64_t *key, size_t words,
                        int32_t (*body)(device_run *run, void *data),
                        void *data);
/* The addresses in graphs are no longer right. No run may be under way. */
void ssmrt_drop_graphs(struct ssmrt_cuda *cuda);

/*===- Products. In CudaMultiply.c
 * ---------------------------------------------===*/

/* ssmrt_multiply of a run. */
int32_t ssmrt_cuda_multiply(ssmrt_context *context, const ssmrt_product *asked,
                            void *out, const void *left, const void *right);
void ssmrt_drop_products(struct ssmrt_cuda *cuda);

/*===- States. In CudaState.c
 * ---------------------------------------------===*/

/* Where on the device the memory of a state is that has this address on the
 * host, or null. */
void *ssmrt_find_state(const struct ssmrt_cuda *cuda, const void *data);

#endif /* SSMRT_CUDA_MODEL_H */
