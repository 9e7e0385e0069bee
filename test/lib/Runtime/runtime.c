/*===- runtime.c - every way to call a model, right and wrong
 *---------------===*
 *
 * runtime FAKE-MODEL OTHER-VERSION: prints the status of each call; the test
 * file runtime.test checks the text.
 *===----------------------------------------------------------------------===*/

#include "ssmrt/ssmrt.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void show(const char *what, ssmrt_status status) {
  printf("%s: %d %s\n", what, (int)status.code, status.message);
}

static float x[64], mask[64], y[64];
static uint8_t past[64];

static void make(ssmrt_tensor *in, ssmrt_tensor *out, int64_t b, int64_t l,
                 int64_t p) {
  ssmrt_tensor inputs[] = {{x, SSMRT_F32, 2, {b, l}},
                           {mask, SSMRT_F32, 1, {p + l}},
                           {past, SSMRT_BOOL, 1, {p}}};
  memcpy(in, inputs, sizeof(inputs));
  out[0].data = y;
}

static int right(int64_t b, int64_t l, int64_t p, const float *result) {
  for (int64_t i = 0; i < b * l; ++i)
    if (result[i] != 2 * x[i] + mask[p + i % l])
      return 0;
  return 1;
}

static int64_t uncountable(const int64_t *symbols) { return -1; }
static int64_t negative(const int64_t *symbols) {
  return SSMRT_WORKSPACE_NEGATIVE;
}

typedef struct {
  const ssmrt_model *model;
  int64_t batch;
  int wrong;
} caller;

static void *call_often(void *data) {
  caller *c = data;
  const ssmrt_entry_desc *entry = ssmrt_find_entry(c->model, "scale");
  float result[64];
  ssmrt_run_options options = {.num_threads = 3};
  for (int i = 0; i < 2000; ++i) {
    ssmrt_tensor in[3], out[1];
    make(in, out, c->batch, 4, 2);
    out[0].data = result;
    memset(result, 0, sizeof(result));
    if (ssmrt_infer_outputs(entry, in, out).code != SSMRT_OK ||
        ssmrt_run(c->model, entry, in, out, &options).code != SSMRT_OK ||
        !right(c->batch, 4, 2, result))
      ++c->wrong;
  }
  return NULL;
}

static void own_loop(void *pool, int64_t n, ssmrt_loop_body body, void *data) {
  ++*(int *)pool;
  for (int64_t i = n; i-- > 0;)
    body(data, i, i + 1);
}

static void run_scale(const ssmrt_model *model) {
  const ssmrt_entry_desc *entry = ssmrt_find_entry(model, "scale");
  ssmrt_tensor in[3], out[1];
  size_t bytes = 0;
  make(in, out, 3, 5, 2);
  show("infer", ssmrt_infer_outputs(entry, in, out));
  printf("output: %d [%d, %d]\n", out[0].rank, (int)out[0].shape[0],
         (int)out[0].shape[1]);
  show("workspace", ssmrt_workspace_bytes(entry, in, &bytes));
  printf("bytes: %zu\n", bytes);
  show("run", ssmrt_run(model, entry, in, out, NULL));
  printf("right: %d\n", right(3, 5, 2, y));

  int calls = 0;
  ssmrt_run_options options = {
      .num_threads = 2, .parallel_for = own_loop, .pool = &calls};
  memset(y, 0, sizeof(y));
  show("own pool", ssmrt_run(model, entry, in, out, &options));
  printf("right: %d, loops: %d\n", right(3, 5, 2, y), calls);

  char *memory = NULL;
  if (posix_memalign((void **)&memory, 64, 128) != 0)
    return;
  options = (ssmrt_run_options){.workspace = memory, .workspace_bytes = 64};
  memset(y, 0, sizeof(y));
  show("own workspace", ssmrt_run(model, entry, in, out, &options));
  options.workspace_bytes = 8;
  show("small workspace", ssmrt_run(model, entry, in, out, &options));
  options = (ssmrt_run_options){.workspace = memory + 4, .workspace_bytes = 96};
  show("crooked workspace", ssmrt_run(model, entry, in, out, &options));
  free(memory);

  /* Nothing in, nothing out. */
  make(in, out, 0, 5, 0);
  show("empty infer", ssmrt_infer_outputs(entry, in, out));
  out[0].data = NULL;
  show("empty run", ssmrt_run(model, entry, in, out, NULL));
}

static void run_wrong(const ssmrt_model *model, const ssmrt_model *other) {
  const ssmrt_entry_desc *entry = ssmrt_find_entry(model, "scale");
  ssmrt_tensor in[3], out[1];
#define WRONG(what, ...)                                                       \
  make(in, out, 3, 5, 2);                                                      \
  ssmrt_infer_outputs(entry, in, out);                                         \
  __VA_ARGS__;                                                                 \
  show(what, ssmrt_run(model, entry, in, out, NULL));
  WRONG("type", in[0].dtype = SSMRT_F16)
  WRONG("no type", in[0].dtype = 77)
  WRONG("rank", in[1].rank = 2)
  WRONG("negative", in[0].shape[1] = -5)
  WRONG("huge", in[0].shape[1] = (int64_t)1 << 40)
  WRONG("too large", in[0].shape[0] = 1 << 30; in[0].shape[1] = 1 << 30)
  WRONG("mismatch", in[1].shape[0] = 8)
  WRONG("no data", in[0].data = NULL)
  WRONG("no bool", past[1] = 2)
  past[1] = 1;
  WRONG("output type", out[0].dtype = SSMRT_F64)
  WRONG("output shape", out[0].shape[1] = 6)
  WRONG("output data", out[0].data = NULL)
  show("null model", ssmrt_run(NULL, entry, in, out, NULL));
  show("null entry", ssmrt_run(model, NULL, in, out, NULL));
  show("null inputs", ssmrt_run(model, entry, NULL, out, NULL));
  show("null outputs", ssmrt_run(model, entry, in, NULL, NULL));
  show("null bytes", ssmrt_workspace_bytes(entry, in, NULL));
  show("null infer", ssmrt_infer_outputs(NULL, in, out));
  ssmrt_run_options options = {.num_threads = -1};
  show("negative threads", ssmrt_run(model, entry, in, out, &options));
  ssmrt_tensor few[] = {{x, SSMRT_F32, 1, {4}}, {past, SSMRT_I64, 1, {3}}};
  show("negative extent",
       ssmrt_infer_outputs(ssmrt_find_entry(model, "tail"), few, out));
  printf("null describe: %d %d %d %d\n", ssmrt_describe(NULL) == NULL,
         ssmrt_find_entry(NULL, "scale") == NULL,
         ssmrt_find_entry(model, NULL) == NULL,
         ssmrt_find_input(entry, NULL) + ssmrt_find_output(NULL, "y"));
  ssmrt_entry_desc copy = *entry;
  show("foreign entry", ssmrt_run(model, &copy, in, out, NULL));
  size_t bytes;
  copy.workspace = uncountable;
  show("uncountable", ssmrt_workspace_bytes(&copy, in, &bytes));
  copy.workspace = negative;
  show("negative within", ssmrt_workspace_bytes(&copy, in, &bytes));
  printf("absent: %d %d %d\n", ssmrt_find_entry(model, "step") == NULL,
         ssmrt_find_input(entry, "z"), ssmrt_find_output(entry, "x"));
  printf("present: %d %d\n", ssmrt_find_input(entry, "mask"),
         ssmrt_find_output(entry, "y"));
}

static void run_gather(const ssmrt_model *model) {
  const ssmrt_entry_desc *entry = ssmrt_find_entry(model, "gather");
  int64_t index[16] = {3, 0, 7, -1};
  float result[16];
  ssmrt_tensor in[] = {{x, SSMRT_F32, 1, {4}}, {index, SSMRT_I64, 1, {2}}};
  ssmrt_tensor out[] = {{result, SSMRT_F32, 1, {2}}};
  show("gather", ssmrt_run(model, entry, in, out, NULL));
  printf("right: %d\n", result[0] == x[3] && result[1] == x[0]);
  in[1].shape[0] = out[0].shape[0] = 4;
  show("bad index", ssmrt_run(model, entry, in, out, NULL));
  in[1].shape[0] = out[0].shape[0] = 13;
  show("no memory", ssmrt_run(model, entry, in, out, NULL));
}

int main(int argc, char **argv) {
  ssmrt_model *model = NULL, *none = NULL;
  for (int i = 0; i < 64; ++i) {
    x[i] = (float)i;
    mask[i] = 100.0f * i;
    past[i] = i & 1;
  }
  show("open", ssmrt_open(argv[1], &model));
  if (!model)
    return 1;
  run_scale(model);
  run_wrong(model, NULL);
  run_gather(model);

  caller callers[4];
  pthread_t threads[4];
  for (int i = 0; i < 4; ++i) {
    callers[i] = (caller){model, 2 + 3 * i, 0};
    pthread_create(&threads[i], NULL, call_often, &callers[i]);
  }
  for (int i = 0; i < 4; ++i) {
    pthread_join(threads[i], NULL);
    printf("caller %d: %d wrong\n", i, callers[i].wrong);
  }
  ssmrt_close(model);

  show("other version", ssmrt_open(argv[2], &none));
  show("other processor", ssmrt_open(argv[3], &none));
  show("absent file", ssmrt_open("/nonexistent/model.so", &none));
  show("not a library", ssmrt_open(argv[4], &none));
  show("not a model", ssmrt_open("/lib/x86_64-linux-gnu/libm.so.6", &none));
  show("null path", ssmrt_open(NULL, &none));
  printf("none: %d\n", none == NULL);
  ssmrt_close(NULL);
  return 0;
}
