/*===- CudaMultiply.c - products of matrices by a library -----------------===*
 *
 * How a product is computed is asked once for its extents, strides and
 * alignment, and kept; so is that it cannot be: whoever asked then has kernels
 * of its own. The library's sums are in an order that depends on nothing else:
 * reductions between blocks are through a workspace, not by whoever is first.
 *
 * To the library, whose matrices have their columns side by side, a product is
 * that of the transposed matrices: its first operand is our right one.
 *===----------------------------------------------------------------------===*/

#include "lib/Runtime/CublasLt.h"
#include "lib/Runtime/CudaModel.h"

#include <stdlib.h>
#include <string.h>

enum { kPlans = 256, kWorkspaceBytes = 32 << 20, kMostAlignment = 16 };
enum { FIRST = 0, SECOND, RESULT, MATRICES };

/* All that a choice depends on. */
typedef struct plan_key {
  ssmrt_product product;
  uint64_t alignments[MATRICES];
} plan_key;

typedef struct product_plan {
  plan_key key;
  int is_taken;
  int is_refused;
  void *desc;
  void *layouts[MATRICES];
  cublaslt_choice choice;
} product_plan;

struct ssmrt_products {
  const ssmrt_cublaslt *library;
  void *handle;
  CUdeviceptr workspace;
  product_plan plans[kPlans];
};

static void clear_plan(const ssmrt_cublaslt *library, product_plan *plan) {
  if (plan->desc)
    library->free_desc(plan->desc);
  for (int i = 0; i < MATRICES; ++i)
    if (plan->layouts[i])
      library->free_layout(plan->layouts[i]);
  memset(plan, 0, sizeof(*plan));
}

/*===- A plan -------------------------------------------------------------===*/

/* A matrix of `rows` side by side; where there is one column, it has no stride.
 * False where the library has no such matrix. */
static int lay_out(const ssmrt_cublaslt *library, void **layout, int type,
                   int64_t rows, int64_t columns, int64_t stride,
                   int32_t batches, int64_t batch_stride) {
  if (columns == 1 && stride < rows)
    stride = rows;
  if (stride < rows || library->make_layout(layout, type, (uint64_t)rows,
                                            (uint64_t)columns, stride) != 0)
    return 0;
  return batches == 1 ||
         (library->set_layout(*layout, CUBLASLT_LAYOUT_BATCHES, &batches,
                              sizeof(batches)) == 0 &&
          library->set_layout(*layout, CUBLASLT_LAYOUT_BATCH_STRIDE,
                              &batch_stride, sizeof(batch_stride)) == 0);
}

/* An operand whose elements are `along` apart in the direction of the result's
 * `count` rows or columns, and `term` apart in that of the sum. */
static int lay_out_operand(const ssmrt_cublaslt *library, product_plan *plan,
                           int which, int64_t count, int64_t along,
                           int64_t term, int64_t batch_stride) {
  const ssmrt_product *product = &plan->key.product;
  int is_along = which == FIRST ? along == 1 : along == 1 && term != 1;
  /* The library's first operand has the result's rows as its own, the second
   * one the result's columns. */
  int transposed = which == FIRST ? !is_along : is_along;
  if (!is_along && term != 1)
    return 0;
  if (library->set_desc(plan->desc,
                        which == FIRST ? CUBLASLT_DESC_TRANSPOSE_A
                                       : CUBLASLT_DESC_TRANSPOSE_B,
                        &transposed, sizeof(transposed)) != 0)
    return 0;
  return lay_out(library, &plan->layouts[which], (int)product->type,
                 is_along ? count : product->terms,
                 is_along ? product->terms : count, is_along ? term : along,
                 (int32_t)product->batches, batch_stride);
}

static int choose(const struct ssmrt_products *products, product_plan *plan) {
  const ssmrt_cublaslt *library = products->library;
  uint64_t most = kWorkspaceBytes;
  uint32_t reductions = CUBLASLT_REDUCE_IN_WORKSPACE;
  void *preference = NULL;
  int count = 0;
  if (library->make_preference(&preference) != 0)
    return 0;
  int failed = library->set_preference(preference, CUBLASLT_PREFER_WORKSPACE,
                                       &most, sizeof(most));
  failed |= library->set_preference(preference, CUBLASLT_PREFER_REDUCTIONS,
                                    &reductions, sizeof(reductions));
  for (int i = 0; i < 4; ++i) {
    uint32_t alignment =
        (uint32_t)plan->key.alignments[i < RESULT ? i : RESULT];
    failed |=
        library->set_preference(preference, CUBLASLT_PREFER_ALIGNMENT_A + i,
                                &alignment, sizeof(alignment));
  }
  if (!failed)
    failed = library->choose(products->handle, plan->desc, plan->layouts[FIRST],
                             plan->layouts[SECOND], plan->layouts[RESULT],
                             plan->layouts[RESULT], preference, 1,
                             &plan->choice, &count);
  library->free_preference(preference);
  return !failed && count == 1 && plan->choice.state == 0;
}

static int make_plan(const struct ssmrt_products *products,
                     product_plan *plan) {
  const ssmrt_cublaslt *library = products->library;
  const ssmrt_product *p = &plan->key.product;
  return p->out.column == 1 && p->batches <= INT32_MAX &&
         library->make_desc(&plan->desc, CUBLASLT_COMPUTE_F32, CUBLASLT_F32) ==
             0 &&
         lay_out_operand(library, plan, FIRST, p->columns, p->right.column,
                         p->right.row, p->right.batch) &&
         lay_out_operand(library, plan, SECOND, p->rows, p->left.row,
                         p->left.column, p->left.batch) &&
         lay_out(library, &plan->layouts[RESULT], CUBLASLT_F32, p->columns,
                 p->rows, p->out.row, (int32_t)p->batches, p->out.batch) &&
         choose(products, plan);
}

/* The plan of this kind; one that is in its place is forgotten. */
static product_plan *find_plan(struct ssmrt_products *products,
                               const plan_key *key) {
  const unsigned char *bytes = (const unsigned char *)key;
  uint64_t hash = 14695981039346656037u; /* FNV-1a */
  for (size_t i = 0; i < sizeof(*key); ++i)
    hash = (hash ^ bytes[i]) * 1099511628211u;
  product_plan *plan = &products->plans[(hash >> 32) % kPlans];
  if (plan->is_taken && memcmp(&plan->key, key, sizeof(*key)) == 0)
    return plan;
  clear_plan(products->library, plan);
  plan->key = *key;
  plan->is_taken = 1;
  plan->is_refused = !make_plan(products, plan);
  return plan;
}

/*===- A product ----------------------------------------------------------===*/

static struct ssmrt_products *products_of(struct ssmrt_cuda *cuda) {
  const ssmrt_cublaslt *library = ssmrt_load_cublaslt();
  if (cuda->products || !library)
    return cuda->products;
  struct ssmrt_products *products = calloc(1, sizeof(*products));
  if (!products)
    return NULL;
  products->library = library;
  /* Where there is no handle, all is refused. */
  if (library->create(&products->handle) != 0)
    products->handle = NULL;
  return cuda->products = products;
}

static uint64_t alignment_of(const void *data) {
  uint64_t at = (uint64_t)(uintptr_t)data, lowest = at & (~at + 1);
  return lowest < kMostAlignment ? lowest : kMostAlignment;
}

static ssmrt_strides transposed(ssmrt_strides matrix) {
  return (ssmrt_strides){matrix.batch, matrix.column, matrix.row};
}

static plan_key key_of(const ssmrt_product *product, const void *out,
                       const void *left, const void *right) {
  plan_key key;
  memset(&key, 0, sizeof(key));
  key.product = *product;
  key.alignments[FIRST] = alignment_of(right);
  key.alignments[SECOND] = alignment_of(left);
  key.alignments[RESULT] = alignment_of(out);
  return key;
}

int32_t ssmrt_cuda_multiply(ssmrt_context *context, const ssmrt_product *asked,
                            void *out, const void *left, const void *right) {
  device_run *run = (device_run *)context;
  struct ssmrt_products *products = products_of(run->cuda);
  ssmrt_product product = *asked;
  product.type = asked->type == SSMRT_F32   ? CUBLASLT_F32
                 : asked->type == SSMRT_F16 ? CUBLASLT_F16
                                            : CUBLASLT_BF16;
  if (!products || !products->handle || product.batches < 1 ||
      product.rows < 1 || product.columns < 1 || product.terms < 1)
    return 0;
  if (product.out.column != 1) { /* or rather its transposed one */
    const void *first = left;
    left = right;
    right = first;
    product.rows = asked->columns;
    product.columns = asked->rows;
    product.left = transposed(asked->right);
    product.right = transposed(asked->left);
    product.out = transposed(asked->out);
  }
  plan_key key = key_of(&product, out, left, right);
  product_plan *plan = find_plan(products, &key);
  size_t needed = plan->choice.workspace_bytes;
  if (plan->is_refused)
    return 0;
  if (needed > 0 && !products->workspace &&
      (run->capturing ||
       run->cuda->driver->alloc(&products->workspace, kWorkspaceBytes) != 0))
    return 0;
  const float one = 1.0f, kept = product.adds ? 1.0f : 0.0f;
  int failed = products->library->multiply(
      products->handle, plan->desc, &one, right, plan->layouts[FIRST], left,
      plan->layouts[SECOND], &kept, out, plan->layouts[RESULT], out,
      plan->layouts[RESULT], &plan->choice.algorithm,
      (void *)(uintptr_t)products->workspace, needed, run->stream);
  plan->is_refused = failed != 0;
  run->launches += failed == 0;
  return failed == 0;
}

void ssmrt_drop_products(struct ssmrt_cuda *cuda) {
  struct ssmrt_products *products = cuda->products;
  if (!products)
    return;
  for (int i = 0; i < kPlans; ++i)
    clear_plan(products->library, &products->plans[i]);
  if (products->handle)
    products->library->destroy(products->handle);
  if (products->workspace)
    cuda->driver->free(products->workspace);
  free(products);
  cuda->products = NULL;
}
