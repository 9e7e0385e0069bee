/*===- State.c - what a model carries from token to token
 * -------------------===*
 *
 * The states of all rows are one block of memory, in which each begins at a
 * multiple of 64 bytes, and a second block of the same form that the next call
 * writes: when it has succeeded, the two change places. Rows come first in
 * every state, so a row is a piece of each, and is copied as bytes.
 *===----------------------------------------------------------------------===*/

#include "lib/Runtime/Host.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct ssmrt_state {
  const ssmrt_model_desc *desc;
  int64_t rows;
  size_t bytes;        /* of one block */
  char *now, *next;    /* the blocks */
  int undoable;        /* `next` are the states before the last call */
  const size_t *place; /* of each state in a block */
};

enum { kStateAlignment = 64 };
/* As for inputs. */
static const int64_t kMaxStateBytes = (int64_t)1 << 40;

/* Bytes of one row, which are not counted where they are too many. */
static int row_bytes(const ssmrt_state_desc *state, int64_t *bytes) {
  *bytes = (int64_t)ssmrt_dtype_bytes(state->dtype);
  for (int32_t d = 1; d < state->rank; ++d)
    if (__builtin_mul_overflow(*bytes, state->shape[d], bytes) ||
        *bytes > kMaxStateBytes)
      return 0;
  return 1;
}

static size_t row_size(const ssmrt_state *state, int32_t i) {
  int64_t bytes = 0;
  row_bytes(&state->desc->states[i], &bytes);
  return (size_t)bytes;
}

/* An element of the type with the value that a state begins with. */
static size_t initial_element(const ssmrt_state_desc *state, char *element) {
  double value = state->initial;
  float narrow = (float)value;
  int64_t integer = state->dtype == SSMRT_I64 || state->dtype == SSMRT_I32
                        ? (int64_t)value
                        : value != 0;
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
    /* Zero and the infinities: no other begins a state. */
    uint16_t half = value == 0 ? 0 : value < 0 ? 0xfc00 : 0x7c00;
    memcpy(element, &half, sizeof(half));
    break;
  }
  default:
    memcpy(element, &integer, ssmrt_dtype_bytes(state->dtype));
  }
  return ssmrt_dtype_bytes(state->dtype);
}

static void swap_blocks(ssmrt_state *state) {
  char *before = state->now;
  state->now = state->next;
  state->next = before;
}

static void reset_row(ssmrt_state *state, int64_t row) {
  for (int32_t i = 0; i < state->desc->num_states; ++i) {
    char element[8];
    size_t size = initial_element(&state->desc->states[i], element);
    size_t bytes = row_size(state, i);
    char *at = state->now + state->place[i] + (size_t)row * bytes;
    for (size_t b = 0; b < bytes; b += size)
      memcpy(at + b, element, size);
  }
}

/* Memory for the states of so many rows, which holds nothing yet. */
static ssmrt_status allocate(const ssmrt_model *model, int64_t rows,
                             ssmrt_state **result) {
  const ssmrt_model_desc *desc = model->desc;
  if (desc->num_states == 0)
    return ssmrt_fail(SSMRT_UNSUPPORTED,
                      "the model has no states: compile it with "
                      "--entry=prefill,step");
  int64_t total = 0;
  size_t *place = calloc((size_t)desc->num_states, sizeof(*place));
  if (!place)
    return ssmrt_fail(SSMRT_OUT_OF_MEMORY, "out of memory");
  for (int32_t i = 0; i < desc->num_states; ++i) {
    const ssmrt_state_desc *state = &desc->states[i];
    int64_t bytes;
    if (rows < 0 || rows > INT32_MAX) {
      free(place);
      return ssmrt_fail(SSMRT_SHAPE_MISMATCH,
                        "%" PRId64 " rows are asked for, expected 0 to "
                        "2^31 - 1",
                        rows);
    }
    if (state->shape[0] >= 0 && state->shape[0] != rows) {
      free(place);
      return ssmrt_fail(SSMRT_SHAPE_MISMATCH,
                        "%" PRId64 " rows are asked for, expected %" PRId64
                        ", the batch of the model",
                        rows, state->shape[0]);
    }
    if (!row_bytes(state, &bytes) ||
        __builtin_mul_overflow(bytes, rows, &bytes) ||
        (total += bytes + kStateAlignment) > kMaxStateBytes) {
      free(place);
      return ssmrt_fail(SSMRT_OUT_OF_MEMORY,
                        "the states of %" PRId64 " rows are too large", rows);
    }
    total = total / kStateAlignment * kStateAlignment;
    if (i + 1 < desc->num_states)
      place[i + 1] = (size_t)total;
  }
  ssmrt_state *state = calloc(1, sizeof(*state));
  void *now = NULL, *next = NULL;
  size_t bytes = (size_t)total + kStateAlignment;
  if (!state || posix_memalign(&now, kStateAlignment, bytes) != 0 ||
      posix_memalign(&next, kStateAlignment, bytes) != 0) {
    free(now);
    free(state);
    free(place);
    return ssmrt_fail(SSMRT_OUT_OF_MEMORY,
                      "out of memory: the states take twice %" PRId64 " bytes",
                      total);
  }
  *state = (ssmrt_state){desc, rows, (size_t)total, now, next, 0, place};
  *result = state;
  return ssmrt_ok();
}

ssmrt_status ssmrt_new_state(const ssmrt_model *model, int64_t rows,
                             ssmrt_state **state) {
  if (!model || !state)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT, "the %s is null",
                      model ? "place for the state" : "model");
  *state = NULL;
  ssmrt_status status = allocate(model, rows, state);
  for (int64_t row = 0; *state && row < rows; ++row)
    reset_row(*state, row);
  return status;
}

void ssmrt_free_state(ssmrt_state *state) {
  if (!state)
    return;
  free(state->now);
  free(state->next);
  free((void *)state->place);
  free(state);
}

int64_t ssmrt_state_rows(const ssmrt_state *state) {
  return state ? state->rows : 0;
}

static ssmrt_tensor tensor_in(const ssmrt_state *state, int32_t i,
                              char *block) {
  const ssmrt_state_desc *desc = &state->desc->states[i];
  ssmrt_tensor tensor = {block + state->place[i], desc->dtype, desc->rank, {0}};
  memcpy(tensor.shape, desc->shape, sizeof(tensor.shape));
  tensor.shape[0] = state->rows;
  return tensor;
}

ssmrt_status ssmrt_state_tensor(ssmrt_state *state, int32_t i,
                                ssmrt_tensor *tensor) {
  if (!state || !tensor || i < 0 || i >= state->desc->num_states)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT, "there is no state %d", (int)i);
  *tensor = tensor_in(state, i, state->now);
  return ssmrt_ok();
}

/*===- Calls
 * ----------------------------------------------------------------===*/

static int is_state(const int32_t *places, int32_t count, int32_t value) {
  for (int32_t i = 0; i < count; ++i)
    if (places[i] == value)
      return 1;
  return 0;
}

/* The entry's tensors: the caller's, and the states among them. */
static ssmrt_tensor *join(const ssmrt_entry_desc *entry,
                          const ssmrt_state *state, const ssmrt_tensor *inputs,
                          const ssmrt_tensor *outputs) {
  int32_t values = entry->num_inputs + entry->num_outputs;
  ssmrt_tensor *all = calloc((size_t)values + 1, sizeof(*all));
  if (!all)
    return NULL;
  for (int32_t i = 0; i < entry->num_inputs; ++i)
    if (!is_state(entry->state_inputs, entry->num_states, i))
      all[i] = *inputs++;
  ssmrt_tensor *results = all + entry->num_inputs;
  for (int32_t i = 0; i < entry->num_outputs; ++i)
    if (!is_state(entry->state_outputs, entry->num_states, i))
      results[i] = *outputs++;
  for (int32_t i = 0; i < entry->num_states; ++i) {
    all[entry->state_inputs[i]] = tensor_in(state, i, state->now);
    results[entry->state_outputs[i]] = tensor_in(state, i, state->next);
  }
  return all;
}

static ssmrt_status check_advance(const ssmrt_entry_desc *entry,
                                  const ssmrt_state *state,
                                  const ssmrt_tensor *inputs,
                                  const ssmrt_tensor *outputs) {
  if (!entry || !state)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT, "the %s is null",
                      entry ? "state" : "entry");
  if (entry < state->desc->entries ||
      entry >= state->desc->entries + state->desc->num_entries)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                      "the state is of another model than the entry");
  if (entry->num_states == 0)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT, "entry '%s' has no states",
                      entry->name);
  if ((!inputs && entry->num_inputs > entry->num_states) ||
      (!outputs && entry->num_outputs > entry->num_states))
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT, "the array of %s is null",
                      inputs ? "outputs" : "inputs");
  return ssmrt_ok();
}

ssmrt_status ssmrt_infer_advance(const ssmrt_entry_desc *entry,
                                 const ssmrt_state *state,
                                 const ssmrt_tensor *inputs,
                                 ssmrt_tensor *outputs) {
  ssmrt_status status = check_advance(entry, state, inputs, outputs);
  if (status.code != SSMRT_OK)
    return status;
  ssmrt_tensor *all = join(entry, state, inputs, outputs);
  if (!all)
    return ssmrt_fail(SSMRT_OUT_OF_MEMORY, "out of memory");
  ssmrt_tensor *results = all + entry->num_inputs;
  status = ssmrt_infer_outputs(entry, all, results);
  for (int32_t i = 0; status.code == SSMRT_OK && i < entry->num_outputs; ++i)
    if (!is_state(entry->state_outputs, entry->num_states, i))
      *outputs++ = results[i];
  free(all);
  return status;
}

ssmrt_status ssmrt_advance(const ssmrt_model *model,
                           const ssmrt_entry_desc *entry, ssmrt_state *state,
                           const ssmrt_tensor *inputs, ssmrt_tensor *outputs,
                           const ssmrt_run_options *options) {
  ssmrt_status status = check_advance(entry, state, inputs, outputs);
  if (status.code != SSMRT_OK)
    return status;
  ssmrt_tensor *all = join(entry, state, inputs, outputs);
  if (!all)
    return ssmrt_fail(SSMRT_OUT_OF_MEMORY, "out of memory");
  status = ssmrt_run(model, entry, all, all + entry->num_inputs, options);
  free(all);
  /* A call that fails has written over what was before the one before it. */
  state->undoable = status.code == SSMRT_OK;
  if (status.code == SSMRT_OK)
    swap_blocks(state);
  return status;
}

ssmrt_status ssmrt_undo_advance(ssmrt_state *state) {
  if (!state || !state->undoable)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                      state ? "the last change of the state was no call that "
                              "succeeded, or it was taken back"
                            : "the state is null");
  swap_blocks(state);
  state->undoable = 0;
  return ssmrt_ok();
}

/*===- Rows
 * -----------------------------------------------------------------===*/

ssmrt_status ssmrt_reset_row(ssmrt_state *state, int64_t row) {
  if (!state || row < 0 || row >= state->rows)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                      "there is no row %" PRId64 " in a state of %" PRId64, row,
                      ssmrt_state_rows(state));
  reset_row(state, row);
  state->undoable = 0;
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
  for (int32_t i = 0; i < to->desc->num_states; ++i) {
    size_t bytes = row_size(to, i);
    for (int64_t r = 0; r < to->rows; ++r)
      memcpy(to->next + to->place[i] + (size_t)r * bytes,
             from->now + from->place[i] + (size_t)rows[r] * bytes, bytes);
  }
  swap_blocks(to);
  to->undoable = 0;
  return ssmrt_ok();
}

/*===- Saving
 * ---------------------------------------------------------------===*/

/* In front of the states, which follow without gaps. */
typedef struct saved_header {
  char magic[8];
  uint64_t table; /* what the states are, as a hash */
  int64_t rows;
  uint64_t bytes; /* of what follows */
} saved_header;

static const char kMagic[8] = {'s', 's', 'm', 's', 't', 'a', 't', '1'};

/* FNV-1a */
static void add_to_hash(uint64_t *hash, const void *data, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i)
    *hash = (*hash ^ ((const uint8_t *)data)[i]) * UINT64_C(0x100000001b3);
}

static uint64_t hash_table(const ssmrt_model_desc *desc) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (int32_t i = 0; i < desc->num_states; ++i) {
    const ssmrt_state_desc *state = &desc->states[i];
    add_to_hash(&hash, state->name, strlen(state->name) + 1);
    add_to_hash(&hash, &state->dtype, sizeof(state->dtype));
    add_to_hash(&hash, &state->rank, sizeof(state->rank));
    for (int32_t d = 1; d < state->rank; ++d)
      add_to_hash(&hash, &state->shape[d], sizeof(state->shape[d]));
  }
  return hash;
}

static saved_header header_of(const ssmrt_state *state) {
  saved_header header = {{0}, hash_table(state->desc), state->rows, 0};
  memcpy(header.magic, kMagic, sizeof(kMagic));
  for (int32_t i = 0; i < state->desc->num_states; ++i)
    header.bytes += (uint64_t)state->rows * row_size(state, i);
  return header;
}

ssmrt_status ssmrt_state_bytes(const ssmrt_state *state, size_t *bytes) {
  if (!state || !bytes)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT, "%s is null",
                      state ? "bytes" : "the state");
  *bytes = sizeof(saved_header) + header_of(state).bytes;
  return ssmrt_ok();
}

ssmrt_status ssmrt_save_state(const ssmrt_state *state, void *memory,
                              size_t bytes) {
  if (!state || !memory)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT, "the %s is null",
                      state ? "memory" : "state");
  saved_header header = header_of(state);
  if (bytes != sizeof(header) + header.bytes)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                      "the memory has %zu bytes, expected %zu (see "
                      "ssmrt_state_bytes)",
                      bytes, sizeof(header) + (size_t)header.bytes);
  char *at = memory;
  memcpy(at, &header, sizeof(header));
  at += sizeof(header);
  for (int32_t i = 0; i < state->desc->num_states; ++i) {
    size_t size = (size_t)state->rows * row_size(state, i);
    memcpy(at, state->now + state->place[i], size);
    at += size;
  }
  return ssmrt_ok();
}

ssmrt_status ssmrt_load_state(const ssmrt_model *model, const void *memory,
                              size_t bytes, ssmrt_state **result) {
  if (!model || !memory || !result)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT, "the %s is null",
                      !model    ? "model"
                      : !memory ? "memory"
                                : "place for the state");
  *result = NULL;
  saved_header header;
  if (bytes < sizeof(header) || memcmp(memory, kMagic, sizeof(kMagic)) != 0)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT, "these bytes are no saved state");
  memcpy(&header, memory, sizeof(header));
  if (header.table != hash_table(model->desc))
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                      "the saved state is of a model with other states");
  ssmrt_state *state;
  ssmrt_status status = allocate(model, header.rows, &state);
  if (status.code != SSMRT_OK)
    return status;
  uint64_t expected = header_of(state).bytes;
  if (header.bytes != expected || bytes - sizeof(header) != expected) {
    ssmrt_free_state(state);
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                      "the saved state has %zu bytes, expected %" PRIu64, bytes,
                      expected + sizeof(header));
  }
  const char *at = (const char *)memory + sizeof(header);
  for (int32_t i = 0; i < state->desc->num_states; ++i) {
    size_t size = (size_t)state->rows * row_size(state, i);
    memcpy(state->now + state->place[i], at, size);
    at += size;
  }
  *result = state;
  return status;
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
  return ssmrt_ok();
}
