/* Two threads run one model: embed MODEL.so, of test/tools/Inputs/scale.mlir. */
#include "scale.h"
#include "ssmrt/ssmrt.h"
#include <pthread.h>
#include <stdio.h>

static ssmrt_model *model;

static void *work(void *batch) {
  int64_t b = *(int64_t *)batch, past[8 * 2] = {0}, wrong = 0;
  float x[8 * 20], y[8 * 20], mask[7] = {0, 0, 10, 20, 30, 40, 50};
  const ssmrt_entry_desc *entry = ssmrt_find_entry(model, SCALE_FORWARD_NAME);
  ssmrt_tensor in[SCALE_FORWARD_NUM_INPUTS] = {
      {x, SSMRT_F32, 3, {b, 5, 4}}, {mask, SSMRT_F32, 1, {7}}, {past, SSMRT_I64, 2, {b, 2}}};
  ssmrt_tensor out[SCALE_FORWARD_NUM_OUTPUTS] = {{y, 0, 0, {0}}};
  for (int run = 0; run < 500; ++run) {
    for (int i = 0; i < b * 20; ++i)
      x[i] = (float)(i + run);
    wrong += ssmrt_infer_outputs(entry, in, out).code != SSMRT_OK ||
             ssmrt_run(model, entry, in, out, NULL).code != SSMRT_OK;
    for (int i = 0; i < b * 20; ++i)
      wrong += y[i] != x[i] * (float)(i % 4 + 1) + mask[2 + i / 4 % 5];
  }
  printf("%d wrong\n", (int)wrong);
  return NULL;
}

int main(int argc, char **argv) {
  ssmrt_status status = ssmrt_open(argc == 2 ? argv[1] : NULL, &model);
  if (status.code != SSMRT_OK)
    return fprintf(stderr, "%s\n", status.message), 1;
  int64_t batch[2] = {3, 8};
  pthread_t threads[2];
  for (int i = 0; i < 2; ++i)
    pthread_create(&threads[i], NULL, work, &batch[i]);
  for (int i = 0; i < 2; ++i)
    pthread_join(threads[i], NULL);
  return ssmrt_close(model), 0;
}
