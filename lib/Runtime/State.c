/*===- State.c - what a model carries from token to token -----------------===*
 *
 * Making states, and changing rows of them. Advance.c runs entries on them,
 * Saved.c turns them into bytes.
 *===----------------------------------------------------------------------===*/

#include "lib/Runtime/State.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { kStateAlignment = 64 };
/* As for inputs. */
static const int64_t kMaxStateBytes = (int64_t)1 << 40;

/* Bytes of one row, which are not counted where they are too many. */
int ssmrt_row_bytes(const ssmrt_state_desc *state, int64_t *bytes) {
  *bytes = (int64_t)ssmrt_dtype_bytes(state->dtype);
  for (int32_t d = 1; d < state->rank; ++d)
    if (__builtin_mul_overflow(*bytes, state->shape[d], bytes) ||
        *bytes > kMaxStateBytes)
      return 0;
  return 1;
}

size_t ssmrt_row_size(const ssmrt_state *state, int32_t i) {
  int64_t bytes = 0;
  ssmrt_row_bytes(&state->desc->states[i], &bytes);
  return (size_t)bytes;
}

/* The bits of a number that binary16 has. */
static uint16_t half_of(double value) {
  int exponent;
  double size = fabs(value), mantissa = frexp(size, &exponent);
  uint16_t sign = signbit(value) ? 0x8000 : 0;
  if (isnan(value))
    return 0x7e00;
  if (exponent > 16 || isinf(value))
    return sign | 0x7c00;
  if (exponent > -14) /* the mantissa is from 1/2 on */
    return sign | (uint16_t)((exponent + 14) << 10) |
           (uint16_t)((2 * mantissa - 1) * 1024);
  return sign | (uint16_t)ldexp(size, 24);
}

/* An element of the type with the value that a state begins with. */
static size_t initial_element(const ssmrt_state_desc *state, char *element) {
  double value = state->initial;
  float narrow = (float)value;
  int64_t integer = state->dtype == SSMRT_BOOL ? value != 0 : (int64_t)value;
  uint32_t bits;
  memcpy(&bits, &narrow, sizeof(bits));
  switch (state->dtype) {
  case SSMRT_F64:
    memcpy(element, &value, sizeof(value));
    break;
  case SSMRT_F32:
    memcpy(element, &narrow, sizeof(narrow));
    break;
  case SSMRT_BF16: /* little endian: the upper half */
    memcpy(element, (const char *)&bits + 2, 2);
    break;
  case SSMRT_F16: {
    uint16_t half = half_of(value);
    memcpy(element, &half, sizeof(half));
    break;
  }
  default:
    memcpy(element, &integer, ssmrt_dtype_bytes(state->dtype));
  }
  return ssmrt_dtype_bytes(state->dtype);
}

void ssmrt_close_calls(ssmrt_state *state) {
  state->undoable = 0;
  state->draft.open = 0;
}

void ssmrt_swap_blocks(char **one, char **other) {
  char *before = *one;
  *one = *other;
  *other = before;
}

static void reset_row(ssmrt_state *state, int64_t row) {
  for (int32_t i = 0; i < state->desc->num_states; ++i) {
    char element[8];
    size_t size = initial_element(&state->desc->states[i], element);
    size_t bytes = ssmrt_row_size(state, i);
    char *at = ssmrt_state_in(state, i, state->now) + (size_t)row * bytes;
    if (state->desc->states[i].initial_row) {
      memcpy(at, state->desc->states[i].initial_row, bytes);
      continue;
    }
    for (size_t b = 0; b < bytes; b += size)
      memcpy(at + b, element, size);
  }
}

static char *allocate_block(size_t bytes) {
  void *memory = NULL;
  return posix_memalign(&memory, kStateAlignment, bytes + kStateAlignment)
             ? NULL
             : memory;
}

/* Where every state begins in its block, and how large the two blocks are. */
static ssmrt_status place_states(ssmrt_state *state) {
  size_t *place = (size_t *)state->place;
  for (int32_t i = 0; i < state->desc->num_states; ++i) {
    const ssmrt_state_desc *one = &state->desc->states[i];
    size_t *block = one->in_place ? &state->kept_bytes : &state->bytes;
    int64_t bytes;
    place[i] = *block;
    if (!ssmrt_row_bytes(one, &bytes) ||
        __builtin_mul_overflow(bytes, state->rows, &bytes) ||
        bytes > kMaxStateBytes - (int64_t)*block)
      return ssmrt_fail(SSMRT_OUT_OF_MEMORY,
                        "the states of %" PRId64 " rows are too large",
                        state->rows);
    *block += ((size_t)bytes + kStateAlignment - 1) / kStateAlignment *
              kStateAlignment;
  }
  return ssmrt_ok();
}

static ssmrt_status allocate_blocks(ssmrt_state *state) {
  int changing = state->draft.verify ? 3 : 2;
  state->now = allocate_block(state->bytes);
  state->next = allocate_block(state->bytes);
  state->spare = changing == 3 ? allocate_block(state->bytes) : NULL;
  state->kept = allocate_block(state->kept_bytes);
  if (state->now && state->next && state->kept &&
      (state->spare || changing == 2))
    return ssmrt_ok();
  return ssmrt_fail(
      SSMRT_OUT_OF_MEMORY,
      "out of memory: the states of %" PRId64 " rows take %zu bytes",
      state->rows, (size_t)changing * state->bytes + state->kept_bytes);
}

static ssmrt_status check_rows(const ssmrt_model_desc *desc, int64_t rows) {
  if (desc->num_states == 0)
    return ssmrt_fail(SSMRT_UNSUPPORTED,
                      "the model has no states: compile it with "
                      "--entry=prefill,step");
  if (rows < 0 || rows > INT32_MAX)
    return ssmrt_fail(SSMRT_SHAPE_MISMATCH,
                      "%" PRId64 " rows are asked for, expected 0 to "
                      "2^31 - 1",
                      rows);
  for (int32_t i = 0; i < desc->num_states; ++i)
    if (desc->states[i].shape[0] >= 0 && desc->states[i].shape[0] != rows)
      return ssmrt_fail(SSMRT_SHAPE_MISMATCH,
                        "%" PRId64 " rows are asked for, expected %" PRId64
                        ", the batch of the model",
                        rows, desc->states[i].shape[0]);
  return ssmrt_ok();
}

ssmrt_status ssmrt_allocate_state(const ssmrt_model *model, int64_t rows,
                                  ssmrt_state **result) {
  const ssmrt_model_desc *desc = model->desc;
  *result = NULL;
  ssmrt_status status = check_rows(desc, rows);
  if (status.code != SSMRT_OK)
    return status;
  ssmrt_state *state = calloc(1, sizeof(*state));
  size_t *place = calloc((size_t)desc->num_states, sizeof(*place));
  if (!state || !place) {
    free(place);
    free(state);
    return ssmrt_fail(SSMRT_OUT_OF_MEMORY, "out of memory");
  }
  *state = (ssmrt_state){.desc = desc,
                         .rows = rows,
                         .place = place,
                         .draft = ssmrt_find_draft(desc)};
  status = place_states(state);
  if (status.code == SSMRT_OK)
    status = allocate_blocks(state);
  if (status.code == SSMRT_OK)
    *result = state;
  else
    ssmrt_free_state(state);
  return status;
}

ssmrt_status ssmrt_new_state(const ssmrt_model *model, int64_t rows,
                             ssmrt_state **state) {
  if (!model || !state)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT, "the %s is null",
                      model ? "place for the state" : "model");
  ssmrt_status status = ssmrt_allocate_state(model, rows, state);
  for (int64_t row = 0; *state && row < rows; ++row)
    reset_row(*state, row);
  return status;
}

void ssmrt_free_state(ssmrt_state *state) {
  if (!state)
    return;
  ssmrt_free_device_state(state);
  free(state->now);
  free(state->next);
  free(state->spare);
  free(state->kept);
  free((void *)state->place);
  for (int i = 0; i < 2; ++i) {
    ssmrt_brought *brought = i ? &state->draft.next : &state->draft.now;
    free(brought->values);
    free(brought->memory);
  }
  free(state);
}

int64_t ssmrt_state_rows(const ssmrt_state *state) {
  return state ? state->rows : 0;
}

char *ssmrt_state_in(const ssmrt_state *state, int32_t i, char *block) {
  return (state->desc->states[i].in_place ? state->kept : block) +
         state->place[i];
}

ssmrt_tensor ssmrt_tensor_in(const ssmrt_state *state, int32_t i, char *block) {
  const ssmrt_state_desc *desc = &state->desc->states[i];
  ssmrt_tensor tensor = {
      ssmrt_state_in(state, i, block), desc->dtype, desc->rank, {0}};
  memcpy(tensor.shape, desc->shape, sizeof(tensor.shape));
  tensor.shape[0] = state->rows;
  return tensor;
}

ssmrt_status ssmrt_state_tensor(ssmrt_state *state, int32_t i,
                                ssmrt_tensor *tensor) {
  if (!state || !tensor || i < 0 || i >= state->desc->num_states)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT, "there is no state %d", (int)i);
  ssmrt_status status = ssmrt_state_to_host(state, 1);
  if (status.code != SSMRT_OK)
    return status;
  *tensor = ssmrt_tensor_in(state, i, state->now);
  return ssmrt_ok();
}

/*===- Rows
 * -----------------------------------------------------------------===*/

ssmrt_status ssmrt_reset_row(ssmrt_state *state, int64_t row) {
  if (!state || row < 0 || row >= state->rows)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                      "there is no row %" PRId64 " in a state of %" PRId64, row,
                      ssmrt_state_rows(state));
  ssmrt_status status = ssmrt_state_to_host(state, 1);
  if (status.code != SSMRT_OK)
    return status;
  reset_row(state, row);
  ssmrt_close_calls(state);
  return ssmrt_ok();
}

ssmrt_status ssmrt_copy_rows(ssmrt_state *to, const ssmrt_state *from,
                             const int64_t *rows) {
  if (!to || !from || !rows)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT, "a state, or the rows, is null");
  if (to->desc != from->desc)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                      "the states are of different models");
  for (int64_t r = 0; r < to->rows; ++r)
    if (rows[r] < 0 || rows[r] >= from->rows)
      return ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                        "row %" PRId64 " is to be row %" PRId64
                        " of a state of %" PRId64,
                        r, rows[r], from->rows);
  ssmrt_status status = ssmrt_state_to_host(from, 0);
  if (status.code == SSMRT_OK)
    status = ssmrt_state_to_host(to, 1);
  if (status.code != SSMRT_OK)
    return status;
  /* Rows may change places, also of states that lie in memory once. */
  char *kept = allocate_block(to->kept_bytes);
  if (!kept)
    return ssmrt_fail(SSMRT_OUT_OF_MEMORY,
                      "out of memory: the new rows take %zu bytes",
                      to->kept_bytes);
  for (int32_t i = 0; i < to->desc->num_states; ++i) {
    size_t bytes = ssmrt_row_size(to, i);
    char *into =
        (to->desc->states[i].in_place ? kept : to->next) + to->place[i];
    const char *out = ssmrt_state_in(from, i, from->now);
    for (int64_t r = 0; r < to->rows; ++r)
      memcpy(into + (size_t)r * bytes, out + (size_t)rows[r] * bytes, bytes);
  }
  free(to->kept);
  to->kept = kept;
  ssmrt_swap_blocks(&to->now, &to->next);
  ssmrt_close_calls(to);
  return ssmrt_ok();
}

/*===- Opening
 * --------------------------------------------------------------===*/

static int matches(const ssmrt_state_desc *state,
                   const ssmrt_value_desc *values, int32_t count,
                   int32_t place) {
  return place >= 0 && place < count && values[place].dtype == state->dtype &&
         values[place].rank == state->rank;
}

ssmrt_status ssmrt_check_states(const ssmrt_model_desc *desc) {
  for (int32_t i = 0; i < desc->num_states; ++i) {
    const ssmrt_state_desc *state = &desc->states[i];
    int right = state->rank >= 1 && state->rank <= SSMRT_MAX_RANK &&
                ssmrt_dtype_bytes(state->dtype) != 0;
    for (int32_t d = 0; right && d < state->rank; ++d)
      right = state->shape[d] >= (d == 0 ? -1 : 0);
    if (!right)
      return ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                        "the model is damaged: state '%s' has no shape",
                        state->name);
    for (int32_t e = 0; e < desc->num_entries; ++e) {
      const ssmrt_entry_desc *entry = &desc->entries[e];
      if (entry->num_states != 0 &&
          (entry->num_states != desc->num_states ||
           !matches(state, entry->inputs, entry->num_inputs,
                    entry->state_inputs[i]) ||
           !matches(state, entry->outputs, entry->num_outputs,
                    entry->state_outputs[i])))
        return ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                          "the model is damaged: entry '%s' does not take and "
                          "give state '%s'",
                          entry->name, state->name);
    }
  }
  ssmrt_draft draft = ssmrt_find_draft(desc);
  if (draft.verify && !ssmrt_is_draft(&draft))
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                      "the model is damaged: entry 'accept' does not take what "
                      "entry 'verify' gives");
  return ssmrt_ok();
}
