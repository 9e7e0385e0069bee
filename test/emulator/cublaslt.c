/*===- cublaslt.c - the functions of libcublasLt.so
 *-------------------------===*
 *
 * As much of NVIDIA's products of matrices as the runtime uses
 * (lib/Runtime/CublasLt.h), for the emulated device: a product is work of its
 * stream. Refused are operands of 16 bits whose columns are not aligned to 16
 * bytes, as some are there. For tests: how many were chosen and computed.
 *===----------------------------------------------------------------------===*/

#include "numbers.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { OK = 0, INVALID_VALUE = 7, NOT_SUPPORTED = 15 };
enum { F32 = 0, F16 = 2, BF16 = 14, COMPUTE_F32 = 68 };

typedef struct layout {
  int type;
  uint64_t rows, columns;
  int64_t stride, batch_stride;
  int32_t batches;
} layout;
typedef struct desc {
  int32_t transposed[2];
} desc;
typedef struct preference {
  uint64_t workspace;
  uint32_t reductions, alignments[4];
} preference;
typedef struct choice {
  uint64_t algorithm[8];
  size_t workspace;
  int state;
  float waves;
  int reserved[4];
} choice;

uint64_t emulated_choices, emulated_products;

int cublasLtCreate(void **handle) { return (*handle = malloc(1)) ? OK : 3; }
int cublasLtDestroy(void *handle) {
  free(handle);
  return OK;
}
int cublasLtMatmulDescCreate(void **made, int compute, int scale) {
  *made = calloc(1, sizeof(desc));
  return compute == COMPUTE_F32 && scale == F32 ? OK : INVALID_VALUE;
}
int cublasLtMatmulDescSetAttribute(desc *of, int which, const void *value,
                                   size_t bytes) {
  if (bytes != 4 || which < 3 || which > 4)
    return INVALID_VALUE;
  memcpy(&of->transposed[which - 3], value, bytes);
  return OK;
}
int cublasLtMatmulDescDestroy(desc *old) {
  free(old);
  return OK;
}
int cublasLtMatrixLayoutCreate(layout **made, int type, uint64_t rows,
                               uint64_t columns, int64_t stride) {
  layout wanted = {type, rows, columns, stride, 0, 1};
  *made = malloc(sizeof(wanted));
  **made = wanted;
  return stride < (int64_t)rows ? INVALID_VALUE : OK;
}
int cublasLtMatrixLayoutSetAttribute(layout *of, int which, const void *value,
                                     size_t bytes) {
  if (which == 5 && bytes == 4)
    memcpy(&of->batches, value, bytes);
  else if (which == 6 && bytes == 8)
    memcpy(&of->batch_stride, value, bytes);
  else
    return INVALID_VALUE;
  return OK;
}
int cublasLtMatrixLayoutDestroy(layout *old) {
  free(old);
  return OK;
}
int cublasLtMatmulPreferenceCreate(preference **made) {
  *made = calloc(1, sizeof(**made));
  return OK;
}
int cublasLtMatmulPreferenceSetAttribute(preference *of, int which,
                                         const void *value, size_t bytes) {
  if (which == 1 && bytes == 8)
    memcpy(&of->workspace, value, bytes);
  else if (which == 3 && bytes == 4)
    memcpy(&of->reductions, value, bytes);
  else if (which >= 5 && which < 9 && bytes == 4)
    memcpy(&of->alignments[which - 5], value, bytes);
  else
    return INVALID_VALUE;
  return OK;
}
int cublasLtMatmulPreferenceDestroy(preference *old) {
  free(old);
  return OK;
}

/* Rows and columns of an operand as it is multiplied. */
static uint64_t extent(const layout *of, int transposed, int columns) {
  return transposed != columns ? of->columns : of->rows;
}
static int fits(const desc *how, const layout *a, const layout *b,
                const layout *d) {
  const int32_t *t = how->transposed;
  return extent(a, t[0], 0) == d->rows && extent(b, t[1], 1) == d->columns &&
         extent(a, t[0], 1) == extent(b, t[1], 0) && a->type == b->type &&
         d->type == F32 && a->batches == d->batches && b->batches == d->batches;
}

int cublasLtMatmulAlgoGetHeuristic(void *handle, const desc *how,
                                   const layout *a, const layout *b,
                                   const layout *c, const layout *d,
                                   const preference *wishes, int most,
                                   choice *found, int *count) {
  ++emulated_choices;
  *count = 0;
  /* Sums whose order depends on who is first are not to be chosen. */
  if (!handle || c != d || most < 1 || !fits(how, a, b, d) ||
      wishes->reductions & 1)
    return INVALID_VALUE;
  const layout *operands[] = {a, b};
  for (int i = 0; i < 2; ++i)
    if (operands[i]->type != F32 &&
        (operands[i]->stride % 8 != 0 || wishes->alignments[i] < 16))
      return NOT_SUPPORTED;
  memset(found, 0, sizeof(*found));
  found->algorithm[7] = 42;
  found->workspace = wishes->workspace / 2;
  *count = 1;
  return OK;
}

typedef struct product {
  desc how;
  layout a, b, d;
  const void *left, *right;
  float *out, alpha, beta;
} product;

static float element(const layout *of, const void *data, uint64_t batch,
                     uint64_t row, uint64_t column) {
  int64_t at = (int64_t)batch * of->batch_stride +
               (int64_t)column * of->stride + (int64_t)row;
  if (of->type == F32)
    return ((const float *)data)[at];
  return number16(((const uint16_t *)data)[at], of->type == BF16);
}

static void compute(void *data) {
  const product *p = data;
  ++emulated_products;
  for (uint64_t batch = 0; batch < (uint64_t)p->d.batches; ++batch)
    for (uint64_t row = 0; row < p->d.rows; ++row)
      for (uint64_t column = 0; column < p->d.columns; ++column) {
        double sum = 0;
        int ta = p->how.transposed[0], tb = p->how.transposed[1];
        for (uint64_t k = 0; k < extent(&p->a, ta, 1); ++k)
          sum +=
              (double)element(&p->a, p->left, batch, ta ? k : row,
                              ta ? row : k) *
              element(&p->b, p->right, batch, tb ? column : k, tb ? k : column);
        float *out = &p->out[(int64_t)batch * p->d.batch_stride +
                             (int64_t)column * p->d.stride + (int64_t)row];
        /* What is multiplied by zero is not read. */
        *out = p->alpha * (float)sum + (p->beta != 0 ? p->beta * *out : 0.0f);
      }
}

int cublasLtMatmul(void *handle, const desc *how, const float *alpha,
                   const void *left, const layout *a, const void *right,
                   const layout *b, const float *beta, const void *c,
                   const layout *of_c, void *d, const layout *of_d,
                   const uint64_t *algorithm, void *workspace, size_t bytes,
                   void *stream) {
  typedef int launch(void *stream, void (*work)(void *), void *data);
  if (!handle || algorithm[7] != 42 || !workspace || !bytes || c != d ||
      of_c != of_d || !fits(how, a, b, of_d))
    return INVALID_VALUE;
  product wanted = {*how, *a, *b, *of_d, left, right, d, *alpha, *beta};
  product *copy = malloc(sizeof(*copy)); /* as long as graphs may hold it */
  *copy = wanted;
  launch *submit;
  void *driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
  *(void **)&submit = dlsym(driver, "cuLaunchHostFunc");
  return submit(stream, compute, copy) == 0 ? OK : 13;
}
