/*===- Host.h - inside the host half of the runtime
 * -------------------------===*/

#ifndef SSMRT_HOST_H
#define SSMRT_HOST_H

#include "ssmrt/ssmrt.h"

#include <pthread.h>

struct ssmrt_model {
  void *library; /* of dlopen */
  const ssmrt_model_desc *desc;
  const void *weights;
  void *mapping; /* of the file beside the library, or null */
  size_t mapping_bytes;
  /* One workspace is kept between runs; a run takes it or makes its own. */
  pthread_mutex_t mutex;
  void *workspace;
  size_t workspace_bytes;
  struct ssmrt_cuda *cuda; /* what it holds on a GPU, from the first run on */
};

ssmrt_status ssmrt_ok(void);
ssmrt_status ssmrt_fail(ssmrt_code code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Symbols and extents of one call. One block of memory; freed by the caller. */
typedef struct ssmrt_sizes {
  int64_t *symbols;
  const int64_t *output_extents; /* of all outputs, one after the other */
} ssmrt_sizes;

/* Checks the inputs against the entry and computes the sizes. */
ssmrt_status ssmrt_bind(const ssmrt_entry_desc *entry,
                        const ssmrt_tensor *inputs, ssmrt_sizes *sizes);

/* Bytes of a tensor whose extents were checked. */
size_t ssmrt_tensor_bytes(const ssmrt_tensor *tensor);

/* Bytes of workspace for these symbols, which may be more than there can be. */
ssmrt_status ssmrt_workspace(const ssmrt_entry_desc *entry,
                             const int64_t *symbols, int64_t *bytes);

/* That the entries take and give the states that the model lists. */
ssmrt_status ssmrt_check_states(const ssmrt_model_desc *desc);

#endif /* SSMRT_HOST_H */
