/*===- fake-model.c - a model written by hand
 *-------------------------------===*
 *
 * Entry `scale`: y[B, L] = 2 x[B, L] + mask[P + L] with P from past[P].
 * Entry `gather`: out[i] = x[index[i]], reports an index out of range.
 * Entry `tail`: has L - 4 results; never run.
 *===----------------------------------------------------------------------===*/

#include "lib/Runtime/Context.h"
#include "ssmrt/kernel.h"

#include <string.h>

#ifndef FAKE_ABI
#define FAKE_ABI SSMRT_ABI_VERSION
#endif
#ifndef FAKE_FEATURES
#define FAKE_FEATURES 0
#endif

enum { B, L, P };
static const char *const symbols[] = {"B", "L", "P"};

static const ssmrt_value_desc scale_inputs[] = {
    {"x", SSMRT_F32, 2, {"B", "L"}, {B, L}},
    {"mask", SSMRT_F32, 1, {"P + L"}, {-1}},
    {"past", SSMRT_BOOL, 1, {"P"}, {P}},
};
static const ssmrt_value_desc scale_outputs[] = {
    {"y", SSMRT_F32, 2, {"B", "L"}, {-1, -1}},
};

static void scale_dims(const int64_t *s, int64_t *extents) {
  const int64_t all[] = {s[B], s[L], s[P] + s[L], s[P], s[B], s[L]};
  memcpy(extents, all, sizeof(all));
}

static int64_t scale_workspace(const int64_t *s) { return 4 * s[B] * s[L]; }

typedef struct {
  const int64_t *s;
  const float *x, *mask;
  float *scratch, *y;
} scale_data;

static void scale_rows(void *data, int64_t begin, int64_t end) {
  const scale_data *d = data;
  for (int64_t b = begin; b < end; ++b)
    for (int64_t l = 0; l < d->s[L]; ++l) {
      int64_t at = b * d->s[L] + l;
      d->scratch[at] = 2 * d->x[at];
      d->y[at] = d->scratch[at] + d->mask[d->s[P] + l];
    }
}

static int32_t scale_run(const int64_t *s, void *const *in, void *const *out,
                         void *workspace, const void *weights,
                         ssmrt_context *context) {
  scale_data data = {s, in[0], in[1], workspace, out[0]};
  ssmrt_parallel_for(context, s[B], scale_rows, &data);
  return SSMRT_OK;
}

static const ssmrt_value_desc gather_inputs[] = {
    {"x", SSMRT_F32, 1, {"4"}, {-1}},
    {"index", SSMRT_I64, 1, {"L"}, {0}},
};
static const ssmrt_value_desc gather_outputs[] = {
    {"out", SSMRT_F32, 1, {"L"}, {-1}},
};

static void gather_dims(const int64_t *s, int64_t *extents) {
  extents[0] = 4;
  extents[1] = extents[2] = s[0];
}

static int64_t gather_workspace(const int64_t *s) { return 0; }

static int32_t gather_run(const int64_t *s, void *const *in, void *const *out,
                          void *workspace, const void *weights,
                          ssmrt_context *context) {
  /* A length of 13 asks for more memory than there is. */
  float *copy = ssmrt_alloc(context, s[0] == 13 ? INT64_MAX / 4 : 4 * s[0]);
  for (int64_t i = 0; i < s[0]; ++i) {
    int64_t index = ((const int64_t *)in[1])[i];
    if (index < 0 || index >= 4) {
      ssmrt_report(context, "Gather: an index is out of range", index, 4);
      ssmrt_end(context);
    }
    copy[i] = ((const float *)in[0])[index];
  }
  memcpy(out[0], copy, 4 * s[0]);
  return SSMRT_OK;
}

static const ssmrt_value_desc tail_outputs[] = {
    {"out", SSMRT_F32, 1, {"L - 4"}, {-1}},
};

static void tail_dims(const int64_t *s, int64_t *extents) {
  extents[0] = 4;
  extents[1] = s[0];
  extents[2] = s[0] - 4;
}

static const ssmrt_entry_desc entries[] = {
    {"scale", 3, 3, 1, 0, symbols, scale_inputs, scale_outputs, scale_dims,
     scale_workspace, scale_run, NULL, NULL},
    {"gather", 1, 2, 1, 0, symbols + 1, gather_inputs, gather_outputs,
     gather_dims, gather_workspace, gather_run, NULL, NULL},
    {"tail", 1, 2, 1, 0, symbols + 1, gather_inputs, tail_outputs, tail_dims,
     gather_workspace, gather_run, NULL, NULL},
};

__attribute__((visibility("default"))) const ssmrt_model_desc ssm_model = {
    .abi_version = FAKE_ABI,
    .num_entries = 3,
    .entries = entries,
    .cpu = "pentium",
    .cpu_features = FAKE_FEATURES,
    .info = "{}",
};
