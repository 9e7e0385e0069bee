/* Two threads feed tokens to one model with states: embed MODEL.so, of test/models/mobius_mamba2. */
#include "mobius.h"
#include "ssmrt/ssmrt.h"
#include <math.h>
#include <pthread.h>
#include <stdio.h>
enum { ROWS = 3, LENGTH = 7, WORDS = 128, COUNT = ROWS * 1024 };
static ssmrt_model *model;
static int step(int64_t b, int64_t length, int64_t *ids, float (*from)[COUNT], float (*to)[COUNT], float *logits) {
  const ssmrt_entry_desc *entry = ssmrt_find_entry(model, MOBIUS_FORWARD_NAME);
  ssmrt_tensor in[MOBIUS_FORWARD_NUM_INPUTS] = {{ids, SSMRT_I64, 2, {b, length}},
      {from[0], SSMRT_F32, 3, {b, 128, 3}}, {from[1], SSMRT_F32, 4, {b, 4, 16, 16}},
      {from[2], SSMRT_F32, 3, {b, 128, 3}}, {from[3], SSMRT_F32, 4, {b, 4, 16, 16}}};
  ssmrt_tensor out[MOBIUS_FORWARD_NUM_OUTPUTS] = {
      {logits, 0, 0, {0}}, {to[0], 0, 0, {0}}, {to[1], 0, 0, {0}}, {to[2], 0, 0, {0}}, {to[3], 0, 0, {0}}};
  return ssmrt_infer_outputs(entry, in, out).code || ssmrt_run(model, entry, in, out, NULL).code;
}
static void *work(void *batch) { /* all tokens at once give what they give one by one */
  int64_t b = *(int64_t *)batch, wrong = 0, ids[ROWS * LENGTH] = {3, 1, 4, 1, 5, 9, 2, 6, 5}, next[ROWS];
  float whole[ROWS * LENGTH * WORDS], one[ROWS * WORDS], state[3][4][COUNT] = {{{0}}};
  wrong += step(b, LENGTH, ids, state[0], state[2], whole);
  for (int t = 0; t < LENGTH; ++t) {
    for (int row = 0; row < b; ++row)
      next[row] = ids[row * LENGTH + t];
    wrong += step(b, 1, next, state[t % 2], state[1 - t % 2], one);
    for (int i = 0; i < b * WORDS; ++i)
      wrong += !(fabsf(one[i] - whole[(i / WORDS * LENGTH + t) * WORDS + i % WORDS]) < 1e-4f);
  }
  return printf("%d wrong\n", (int)wrong), NULL;
}

int main(int argc, char **argv) {
  ssmrt_status status = ssmrt_open(argc == 2 ? argv[1] : NULL, &model);
  if (status.code != SSMRT_OK)
    return fprintf(stderr, "%s\n", status.message), 1;
  int64_t batch[2] = {1, ROWS};
  pthread_t threads[2];
  pthread_create(&threads[0], NULL, work, &batch[0]), pthread_create(&threads[1], NULL, work, &batch[1]);
  return pthread_join(threads[0], NULL), pthread_join(threads[1], NULL), ssmrt_close(model), 0;
}
