/*===- CublasLt.h - what we use of NVIDIA's products of matrices ----------===*
 *
 * The library is loaded when a model first multiplies large matrices on a GPU,
 * if it is there: nothing needs it to be installed, and no header of it is
 * needed to compile this. Its numbers are the same in versions 12 and 13.
 *===----------------------------------------------------------------------===*/

#ifndef SSMRT_CUBLASLT_H
#define SSMRT_CUBLASLT_H

#include "lib/Runtime/CudaDriver.h"

enum {
  CUBLASLT_F32 = 0, /* types of elements */
  CUBLASLT_F16 = 2,
  CUBLASLT_BF16 = 14,
  CUBLASLT_COMPUTE_F32 = 68,
  CUBLASLT_DESC_TRANSPOSE_A = 3, /* of a product */
  CUBLASLT_DESC_TRANSPOSE_B = 4,
  CUBLASLT_LAYOUT_BATCHES = 5, /* of a matrix */
  CUBLASLT_LAYOUT_BATCH_STRIDE = 6,
  CUBLASLT_PREFER_WORKSPACE = 1, /* of a choice */
  CUBLASLT_PREFER_REDUCTIONS = 3,
  CUBLASLT_PREFER_ALIGNMENT_A = 5, /* then of B, C and D */
  CUBLASLT_REDUCE_IN_WORKSPACE = 2
};

typedef struct cublaslt_algorithm {
  uint64_t data[8];
} cublaslt_algorithm;

typedef struct cublaslt_choice {
  cublaslt_algorithm algorithm;
  size_t workspace_bytes;
  int state;
  float waves;
  int reserved[4];
} cublaslt_choice;

/* name in the table, symbol in the library, parameters */
#define SSMRT_CUBLASLT_FUNCTIONS(X)                                            \
  X(create, cublasLtCreate, (void **))                                         \
  X(destroy, cublasLtDestroy, (void *))                                        \
  X(make_desc, cublasLtMatmulDescCreate, (void **, int, int))                  \
  X(set_desc, cublasLtMatmulDescSetAttribute,                                  \
    (void *, int, const void *, size_t))                                       \
  X(free_desc, cublasLtMatmulDescDestroy, (void *))                            \
  X(make_layout, cublasLtMatrixLayoutCreate,                                   \
    (void **, int, uint64_t, uint64_t, int64_t))                               \
  X(set_layout, cublasLtMatrixLayoutSetAttribute,                              \
    (void *, int, const void *, size_t))                                       \
  X(free_layout, cublasLtMatrixLayoutDestroy, (void *))                        \
  X(make_preference, cublasLtMatmulPreferenceCreate, (void **))                \
  X(set_preference, cublasLtMatmulPreferenceSetAttribute,                      \
    (void *, int, const void *, size_t))                                       \
  X(free_preference, cublasLtMatmulPreferenceDestroy, (void *))                \
  X(choose, cublasLtMatmulAlgoGetHeuristic,                                    \
    (void *, void *, void *, void *, void *, void *, void *, int,              \
     cublaslt_choice *, int *))                                                \
  X(multiply, cublasLtMatmul,                                                  \
    (void *, void *, const float *, const void *, void *, const void *,        \
     void *, const float *, const void *, void *, void *, void *,              \
     const cublaslt_algorithm *, void *, size_t, CUstream))

typedef struct ssmrt_cublaslt {
#define SSMRT_CUBLASLT_MEMBER(name, symbol, parameters) int(*name) parameters;
  SSMRT_CUBLASLT_FUNCTIONS(SSMRT_CUBLASLT_MEMBER)
#undef SSMRT_CUBLASLT_MEMBER
} ssmrt_cublaslt;

/* The library, or null where there is none. */
const ssmrt_cublaslt *ssmrt_load_cublaslt(void);

#endif /* SSMRT_CUBLASLT_H */
