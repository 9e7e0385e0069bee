/* Two threads run one model on inputs of their own.
 * embed MODEL.so: the model of test/tools/Inputs/scale.mlir. */
#include "scale.h"
#include "ssmrt/ssmrt.h"

#include <pthread.h>
#include <stdio.h>

typedef struct {
  ssmrt_model *model;
  int64_t batch;
  int wrong;
} caller;

static void *work(void *data) {
  caller *c = data;
  const ssmrt_entry_desc *entry =
      ssmrt_find_entry(c->model, SCALE_FORWARD_NAME);
  float x[8 * 5 * 4], y[8 * 5 * 4], mask[7] = {0, 0, 10, 20, 30, 40, 50};
  int64_t past[8 * 2] = {0};
  ssmrt_tensor in[SCALE_FORWARD_NUM_INPUTS] = {
      {x, SSMRT_F32, 3, {c->batch, 5, 4}},
      {mask, SSMRT_F32, 1, {7}},
      {past, SSMRT_I64, 2, {c->batch, 2}}};
  ssmrt_tensor out[SCALE_FORWARD_NUM_OUTPUTS] = {{y, 0, 0, {0}}};
  for (int run = 0; run < 500; ++run) {
    for (int i = 0; i < c->batch * 20; ++i)
      x[i] = (float)(i + run);
    ssmrt_status status = ssmrt_infer_outputs(entry, in, out);
    if (status.code == SSMRT_OK)
      status = ssmrt_run(c->model, entry, in, out, NULL);
    c->wrong += status.code != SSMRT_OK;
    for (int i = 0; i < c->batch * 20; ++i)
      c->wrong += y[i] != x[i] * (float)(i % 4 + 1) + mask[2 + i / 4 % 5];
  }
  return NULL;
}

int main(int argc, char **argv) {
  ssmrt_model *model = NULL;
  ssmrt_status status = ssmrt_open(argv[argc - 1], &model);
  if (status.code != SSMRT_OK)
    return fprintf(stderr, "%s\n", status.message), 1;
  caller callers[2] = {{model, 3, 0}, {model, 8, 0}};
  pthread_t threads[2];
  for (int i = 0; i < 2; ++i)
    pthread_create(&threads[i], NULL, work, &callers[i]);
  for (int i = 0; i < 2; ++i)
    pthread_join(threads[i], NULL);
  printf("%d wrong\n", callers[0].wrong + callers[1].wrong);
  ssmrt_close(model);
  return 0;
}
