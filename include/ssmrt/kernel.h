/*===- kernel.h - what generated code calls
 *---------------------------------===*
 *
 * These functions are linked into every compiled model with hidden
 * visibility. They are called by generated code alone. What they do is decided
 * by the context of the run, which ssmrt_run makes: threads belong to the
 * process that uses a model, not to the model.
 *===----------------------------------------------------------------------===*/

#ifndef SSMRT_KERNEL_H
#define SSMRT_KERNEL_H

#include "ssmrt/ssmrt.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Calls body(data, begin, end) over disjoint pieces of [0, n). */
void ssmrt_parallel_for(ssmrt_context *context, int64_t n, ssmrt_loop_body body,
                        void *data);
/* Threads that a parallel loop may use: lets a kernel choose its grain. */
int64_t ssmrt_num_threads(ssmrt_context *context);
/* Reports an error found in the data: an index out of range, or, where neither
 * number is -1, an extent that was `found` where another was `expected`. The
 * first report is kept. `what` is a constant string in the model. Safe to call
 * from any thread. */
void ssmrt_report(ssmrt_context *context, const char *what, int64_t found,
                  int64_t expected);
/* Ends the run with SSMRT_RUNTIME if something was reported, else returns. Must
 * not be called inside a parallel loop. */
void ssmrt_end(ssmrt_context *context);
/* Memory whose size is not a function of the symbols (data-dependent lengths),
 * aligned to 64. Freed at the end of the run. Never null: on failure the run
 * ends at once, so this must not be called inside a parallel loop. */
void *ssmrt_alloc(ssmrt_context *context, int64_t bytes);

/*===- On a GPU -----------------------------------------------------------===*
 * ssmrt_alloc gives memory of the device, in the order of the run's stream. */

/* Runs kernel `kernel` of the model with so many blocks and threads, and bytes
 * of shared memory beside what it declares. args[i] points to its i-th
 * argument. */
void ssmrt_launch(ssmrt_context *context, int32_t kernel, int64_t grid_x,
                  int64_t grid_y, int64_t grid_z, int64_t block_x,
                  int64_t block_y, int64_t block_z, int32_t shared_bytes,
                  void **args);
/* The same of a kernel whose blocks wait for each other, and take what work
 * there is however many they are: no more are launched than run side by side.
 */
void ssmrt_launch_together(ssmrt_context *context, int32_t kernel,
                           int64_t grid_x, int64_t grid_y, int64_t grid_z,
                           int64_t block_x, int64_t block_y, int64_t block_z,
                           int32_t shared_bytes, void **args);
/* Describes a tensor of f16 (or bf16) to the copy engine: its extents, strides
 * in bytes (that of the first dimension, the innermost, is not used), and the
 * elements of each dimension that a copy moves, in rows of 32, 64 or 128 bytes.
 * `map` has 128 bytes, aligned to 64. */
void ssmrt_tensor_map(ssmrt_context *context, void *map, const void *data,
                      int32_t is_bf16, int32_t rank, const int64_t *extents,
                      const int64_t *strides, const int64_t *box);
/* A product of matrices of f32, f16 or bf16 (SSMRT_F32, ...), summed in f32,
 * and added to what is there where it says so. Strides are in elements: a
 * matrix is that of its batch, whose rows and columns may lie in either order.
 */
typedef struct ssmrt_strides {
  int64_t batch, row, column;
} ssmrt_strides;
typedef struct ssmrt_product {
  int64_t type, adds, batches, rows, columns, terms;
  ssmrt_strides left, right, out;
} ssmrt_product;
/* Computes it by a library, and tells whether there is one that can: where it
 * gives 0, nothing was done. */
int32_t ssmrt_multiply(ssmrt_context *context, void *out, const void *left,
                       const void *right, const ssmrt_product *product);
/* Waits for what was launched and copies from the device to the host. */
void ssmrt_read(ssmrt_context *context, void *host, const void *device,
                int64_t bytes);
/* Where kernels report: a block of the device of three int64_t, the address of
 * the message on the host, then what was found and expected. The first is 0
 * where nothing was reported. */
void *ssmrt_reports(ssmrt_context *context);

#ifdef __cplusplus
}
#endif
#endif /* SSMRT_KERNEL_H */
