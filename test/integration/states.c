/*===- states.c - the states of a streaming model -------------------------===*
 *
 *     states MODEL.so
 *
 * A state is saved, loaded, copied, repeated, reset and given drafts; after each, the next
 * step gives what it must. Wrong uses are refused.
 *===----------------------------------------------------------------------===*/

#include "ssmrt/ssmrt.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ssmrt_model *model;
static const ssmrt_entry_desc *prefill, *step;
enum { ROWS = 3, WORDS = 128 };

static void must(ssmrt_status status) {
  if (status.code != SSMRT_OK) {
    printf("%s\n", status.message);
    exit(1);
  }
}

static void refused(const char *what, ssmrt_status status) {
  printf("%s: %d %s\n", what, status.code, status.message);
}

/* Puts the logits of the last token of each row into `logits`. */
static void advance(const ssmrt_entry_desc *entry, ssmrt_state *state,
                    int64_t *ids, int64_t length, float *logits) {
  ssmrt_tensor in = {ids, SSMRT_I64, 2, {ssmrt_state_rows(state), length}}, out;
  must(ssmrt_infer_advance(entry, state, &in, &out));
  float *all = calloc((size_t)(out.shape[0] * out.shape[1] * out.shape[2]), 4);
  out.data = all;
  must(ssmrt_advance(model, entry, state, &in, &out, NULL));
  for (int64_t row = 0; row < out.shape[0]; ++row)
    memcpy(logits + row * WORDS, all + ((row + 1) * length - 1) * WORDS,
           WORDS * 4);
  free(all);
}

static void fails(const char *what, const ssmrt_entry_desc *entry,
                  ssmrt_state *state, int64_t *ids, int64_t rows) {
  static float logits[ROWS * WORDS];
  ssmrt_tensor in = {ids, SSMRT_I64, 2, {rows, 1}},
               out = {logits, SSMRT_F32, 3, {rows, 1, WORDS}};
  refused(what, ssmrt_advance(model, entry, state, &in, &out, NULL));
}

static int same(const float *a, int row, const float *b, int other) {
  return memcmp(a + row * WORDS, b + other * WORDS, WORDS * 4) == 0;
}

/* Kernels for one token and for several add in different orders. */
static int near(const float *a, const float *b, int row) {
  for (int i = row * WORDS; i < (row + 1) * WORDS; ++i)
    if (!(fabsf(a[i] - b[i]) <= 1e-4f))
      return 0;
  return 1;
}

int main(int argc, char **argv) {
  if (argc != 2)
    return 2;
  static float first[ROWS * WORDS], next[ROWS * WORDS], again[ROWS * WORDS];
  int64_t prompt[ROWS * 5], token[ROWS] = {7, 7, 7};
  for (int i = 0; i < ROWS * 5; ++i)
    prompt[i] = (i * 37 + 11) % WORDS;
  must(ssmrt_open(argv[1], &model));
  prefill = ssmrt_find_entry(model, "prefill");
  step = ssmrt_find_entry(model, "step");

  ssmrt_state *state, *other;
  must(ssmrt_new_state(model, ROWS, &state));
  advance(step, state, token, 1, first);
  for (int64_t row = 0; row < ROWS; ++row)
    must(ssmrt_reset_row(state, row));
  advance(prefill, state, prompt, 5, next);

  size_t bytes;
  must(ssmrt_state_bytes(state, &bytes));
  char *saved = malloc(bytes);
  must(ssmrt_save_state(state, saved, bytes));
  advance(step, state, token, 1, next);
  must(ssmrt_load_state(model, saved, bytes, &other));
  advance(step, other, token, 1, again);
  printf("loaded: %d\n", memcmp(next, again, sizeof(next)) == 0);
  ssmrt_free_state(other);

  /* Two tokens are drafted, and taken back. */
  must(ssmrt_load_state(model, saved, bytes, &other));
  advance(prefill, other, prompt, 2, again);
  must(ssmrt_undo_advance(other));
  refused("taken back", ssmrt_undo_advance(other));
  advance(step, other, token, 1, again);
  printf("taken back: %d\n", memcmp(next, again, sizeof(next)) == 0);
  ssmrt_free_state(other);

  /* Of three drafted tokens row r accepts r. */
  must(ssmrt_load_state(model, saved, bytes, &other));
  int64_t counts[ROWS] = {0, 1, 2}, draft[ROWS * 3];
  for (int i = 0; i < ROWS * 3; ++i)
    draft[i] = prompt[i];
  const ssmrt_entry_desc *verify = ssmrt_find_entry(model, "verify");
  refused("no draft", ssmrt_accept(model, other, counts, NULL));
  advance(verify, other, draft, 3, again);
  must(ssmrt_accept(model, other, counts, NULL));
  refused("accepted", ssmrt_accept(model, other, counts, NULL));
  advance(step, other, token, 1, again);
  printf("none accepted: %d %d\n", near(again, next, 0), near(again, next, 1));
  must(ssmrt_undo_advance(other));
  refused("step taken back", ssmrt_accept(model, other, counts, NULL));
  ssmrt_free_state(other);
  must(ssmrt_load_state(model, saved, bytes, &other));
  for (int64_t t = 0; t < 2; ++t) {
    int64_t one[ROWS] = {draft[t], draft[3 + t], draft[6 + t]};
    advance(step, other, one, 1, first);
    advance(step, other, token, 1, first);
    printf("%d accepted: %d\n", (int)t + 1, near(again, first, (int)t + 1));
    must(ssmrt_undo_advance(other));
  }
  ssmrt_free_state(other);
  must(ssmrt_load_state(model, saved, bytes, &other));
  advance(verify, other, draft, 3, again);
  counts[1] = 4;
  /* Neither counts that are refused nor calls that fail end the draft, be they
   * refused or fail in their midst. */
  refused("too many", ssmrt_accept(model, other, counts, NULL));
  int64_t outside[ROWS] = {7, WORDS, 7};
  fails("other rows", step, other, token, ROWS - 1);
  fails("no word", step, other, outside, ROWS);
  fails("no word drafted", verify, other, outside, ROWS);
  counts[1] = 0;
  must(ssmrt_accept(model, other, counts, NULL));
  advance(step, other, token, 1, again);
  printf("none accepted: %d %d\n", near(again, next, 0), near(again, next, 1));
  fails("other rows", step, other, token, ROWS - 1);
  must(ssmrt_undo_advance(other));
  ssmrt_free_state(other);

  /* All tokens of a draft behind a draft; it alone is taken back. */
  must(ssmrt_load_state(model, saved, bytes, &other));
  advance(verify, other, draft, 3, again);
  advance(verify, other, token, 1, again);
  fails("no word", step, other, outside, ROWS);
  must(ssmrt_undo_advance(other));
  advance(verify, other, token, 1, first);
  int64_t none[ROWS] = {0, 0, 0};
  must(ssmrt_accept(model, other, none, NULL));
  advance(verify, other, token, 1, first);
  printf("drafts: %d\n", memcmp(first, again, sizeof(first)) == 0);
  ssmrt_free_state(other);
  must(ssmrt_new_state(model, ROWS, &other));
  advance(step, other, token, 1, first);
  ssmrt_free_state(other);

  /* Row 2 goes on three times, then row 1 begins anew. */
  must(ssmrt_load_state(model, saved, bytes, &other));
  int64_t rows[ROWS] = {2, 2, 2};
  must(ssmrt_copy_rows(other, other, rows));
  must(ssmrt_reset_row(other, 1));
  advance(step, other, token, 1, again);
  printf("repeated: %d %d\n", same(again, 0, next, 2), same(again, 2, next, 2));
  printf("reset: %d, and differs: %d\n", same(again, 1, first, 1),
         !same(again, 1, next, 1));

  ssmrt_tensor tensor;
  must(ssmrt_state_tensor(state, 0, &tensor));
  printf("rows of the first state: %d\n", (int)tensor.shape[0]);

  /* What cannot be. */
  refused("rows", ssmrt_new_state(model, -1, &other));
  refused("no row", ssmrt_reset_row(state, ROWS));
  rows[1] = 9;
  refused("no such row", ssmrt_copy_rows(state, state, rows));
  refused("no state", ssmrt_state_tensor(state, 99, &tensor));
  refused("little memory", ssmrt_save_state(state, saved, bytes - 1));
  refused("cut off", ssmrt_load_state(model, saved, bytes - 1, &other));
  saved[20] ^= 1; /* 2^32 rows more */
  refused("many rows", ssmrt_load_state(model, saved, bytes, &other));
  saved[20] ^= 1;
  saved[8] ^= 1;
  refused("other model", ssmrt_load_state(model, saved, bytes, &other));
  saved[0] ^= 1;
  refused("no saved state", ssmrt_load_state(model, saved, bytes, &other));
  refused("null", ssmrt_new_state(NULL, 1, &other));
  const ssmrt_entry_desc *forward = ssmrt_find_entry(model, "forward");
  ssmrt_tensor in = {prompt, SSMRT_I64, 2, {ROWS, 5}}, out = {0};
  refused("forward", ssmrt_infer_advance(forward, state, &in, &out));
  in.shape[0] = 2;
  refused("other batch", ssmrt_infer_advance(prefill, state, &in, &out));
  free(saved);
  ssmrt_free_state(state);
  ssmrt_free_state(NULL);
  ssmrt_close(model);
  return 0;
}
