/*===- Saved.c - states as bytes -------------------------------------------===*
 *
 * A header that says what the states are, and then each of them, without gaps.
 *===----------------------------------------------------------------------===*/

#include "lib/Runtime/State.h"

#include <inttypes.h>
#include <string.h>

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
    add_to_hash(&hash, &state->initial, sizeof(state->initial));
  }
  return hash;
}

/* Bytes of the saved states of so many rows; UINT64_MAX if not counted. */
static uint64_t saved_bytes(const ssmrt_model_desc *desc, int64_t rows) {
  uint64_t total = 0;
  for (int32_t i = 0; i < desc->num_states; ++i) {
    int64_t bytes;
    if (rows < 0 || !ssmrt_row_bytes(&desc->states[i], &bytes) ||
        __builtin_mul_overflow(bytes, rows, &bytes) ||
        __builtin_add_overflow(total, (uint64_t)bytes, &total))
      return UINT64_MAX;
  }
  return total;
}

static saved_header header_of(const ssmrt_state *state) {
  saved_header header = {{0}, hash_table(state->desc), state->rows, 0};
  memcpy(header.magic, kMagic, sizeof(kMagic));
  header.bytes = saved_bytes(state->desc, state->rows);
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
  ssmrt_status status = ssmrt_state_to_host(state, 0);
  if (status.code != SSMRT_OK)
    return status;
  char *at = memory;
  memcpy(at, &header, sizeof(header));
  at += sizeof(header);
  for (int32_t i = 0; i < state->desc->num_states; ++i) {
    size_t size = (size_t)state->rows * ssmrt_row_size(state, i);
    memcpy(at, ssmrt_state_in(state, i, state->now), size);
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
  /* The count of rows may be damaged: nothing is allocated for it before. */
  uint64_t expected = saved_bytes(model->desc, header.rows);
  if (expected == UINT64_MAX || header.bytes != expected ||
      bytes - sizeof(header) != expected)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                      "the saved state has %zu bytes, which are not those of "
                      "%" PRId64 " rows",
                      bytes, header.rows);
  ssmrt_state *state;
  ssmrt_status status = ssmrt_allocate_state(model, header.rows, &state);
  if (status.code != SSMRT_OK)
    return status;
  const char *at = (const char *)memory + sizeof(header);
  for (int32_t i = 0; i < state->desc->num_states; ++i) {
    size_t size = (size_t)state->rows * ssmrt_row_size(state, i);
    memcpy(ssmrt_state_in(state, i, state->now), at, size);
    at += size;
  }
  *result = state;
  return status;
}
