/*===- Advance.c - running entries on states -------------------------------===*
 *
 * A call reads one block of the states and writes another; to states in place
 * it adds what is not seen unless the call succeeds. One that checks a
 * draft also leaves what its tokens brought to the states, in memory of the
 * state; accepting some of the tokens starts from the states before it once
 * more. A call that fails leaves the states as they are; if it is refused, or
 * the one before it was a draft, that one may still be taken back or accepted.
 *===----------------------------------------------------------------------===*/

#include "lib/Runtime/State.h"

#include <stdlib.h>
#include <string.h>

static int is_state(const int32_t *places, int32_t count, int32_t value) {
  for (int32_t i = 0; i < count; ++i)
    if (places[i] == value)
      return 1;
  return 0;
}

ssmrt_draft ssmrt_find_draft(const ssmrt_model_desc *desc) {
  ssmrt_draft draft = {0};
  for (int32_t e = 0; e < desc->num_entries; ++e) {
    const ssmrt_entry_desc *entry = &desc->entries[e];
    if (entry->num_states && !strcmp(entry->name, "verify"))
      draft.verify = entry;
    if (entry->num_states && !strcmp(entry->name, "accept"))
      draft.accept = entry;
  }
  if (!draft.verify || !draft.accept)
    return (ssmrt_draft){0};
  draft.count = draft.accept->num_inputs - draft.accept->num_states - 1;
  return draft;
}

/* `accept` takes the last outputs of `verify`, `lengths`, and the states. */
int ssmrt_is_draft(const ssmrt_draft *draft) {
  const ssmrt_entry_desc *verify = draft->verify, *accept = draft->accept;
  int32_t own = verify->num_outputs - draft->count;
  if (draft->count < 0 || own < verify->num_states ||
      accept->num_outputs != accept->num_states)
    return 0;
  const ssmrt_value_desc *lengths = &accept->inputs[draft->count];
  int right = lengths->dtype == SSMRT_I64 && lengths->rank == 1;
  for (int32_t i = 0; right && i < accept->num_states; ++i)
    right = accept->state_inputs[i] > draft->count &&
            verify->state_outputs[i] < own;
  for (int32_t i = 0; right && i < draft->count; ++i) {
    const ssmrt_value_desc *from = &verify->outputs[own + i],
                           *to = &accept->inputs[i];
    right = from->dtype == to->dtype && from->rank == to->rank &&
            !strcmp(from->name, to->name);
  }
  return right;
}

/* Outputs that are the caller's, or states, and not the draft's. */
static int32_t num_own(const ssmrt_entry_desc *entry,
                       const ssmrt_state *state) {
  return entry->num_outputs -
         (entry == state->draft.verify ? state->draft.count : 0);
}

/* The entry's tensors: the caller's, and the states among them, which are
 * written to the block `into`. */
static ssmrt_tensor *join(const ssmrt_entry_desc *entry,
                          const ssmrt_state *state, const ssmrt_tensor *inputs,
                          const ssmrt_tensor *outputs, char *into) {
  int32_t values = entry->num_inputs + entry->num_outputs;
  ssmrt_tensor *all = calloc((size_t)values + 1, sizeof(*all));
  if (!all)
    return NULL;
  for (int32_t i = 0; i < entry->num_inputs; ++i)
    if (!is_state(entry->state_inputs, entry->num_states, i))
      all[i] = *inputs++;
  ssmrt_tensor *results = all + entry->num_inputs;
  for (int32_t i = 0; i < num_own(entry, state); ++i)
    if (!is_state(entry->state_outputs, entry->num_states, i))
      results[i] = *outputs++;
  for (int32_t i = 0; i < entry->num_states; ++i) {
    all[entry->state_inputs[i]] = ssmrt_tensor_in(state, i, state->now);
    results[entry->state_outputs[i]] = ssmrt_tensor_in(state, i, into);
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
  ssmrt_tensor *all = join(entry, state, inputs, outputs, state->next);
  if (!all)
    return ssmrt_fail(SSMRT_OUT_OF_MEMORY, "out of memory");
  ssmrt_tensor *results = all + entry->num_inputs;
  status = ssmrt_infer_outputs(entry, all, results);
  int32_t own = num_own(entry, state);
  for (int32_t i = 0; status.code == SSMRT_OK && i < own; ++i)
    if (!is_state(entry->state_outputs, entry->num_states, i))
      *outputs++ = results[i];
  free(all);
  return status;
}

/* Memory for what `verify` gives beside logits and states. */
static ssmrt_status place_brought(const ssmrt_draft *draft,
                                  ssmrt_brought *brought,
                                  const ssmrt_tensor *inputs,
                                  ssmrt_tensor *outputs) {
  const ssmrt_entry_desc *entry = draft->verify;
  int32_t own = entry->num_outputs - draft->count;
  ssmrt_tensor *sizes = calloc((size_t)entry->num_outputs + 1, sizeof(*sizes));
  if (!brought->values)
    brought->values =
        calloc((size_t)draft->count + 1, sizeof(*brought->values));
  ssmrt_status status = sizes && brought->values
                            ? ssmrt_infer_outputs(entry, inputs, sizes)
                            : ssmrt_fail(SSMRT_OUT_OF_MEMORY, "out of memory");
  /* What infer_outputs lets pass can be counted. */
  size_t total = 0;
  for (int32_t i = 0; status.code == SSMRT_OK && i < draft->count; ++i)
    total += (ssmrt_tensor_bytes(&sizes[own + i]) + 63) / 64 * 64;
  if (status.code == SSMRT_OK && total > brought->bytes) {
    free(brought->memory);
    brought->memory = NULL;
    brought->bytes = 0;
    if (posix_memalign(&brought->memory, 64, total) == 0)
      brought->bytes = total;
    else
      status = ssmrt_fail(SSMRT_OUT_OF_MEMORY,
                          "out of memory: the draft takes %zu bytes", total);
  }
  char *at = brought->memory;
  for (int32_t i = 0; status.code == SSMRT_OK && i < draft->count; ++i) {
    sizes[own + i].data = at;
    at += (ssmrt_tensor_bytes(&sizes[own + i]) + 63) / 64 * 64;
    brought->values[i] = outputs[own + i] = sizes[own + i];
  }
  free(sizes);
  return status;
}

/* Such a call has computed nothing. */
static int was_refused(const ssmrt_status *status) {
  return status->code == SSMRT_INVALID_ARGUMENT ||
         status->code == SSMRT_SHAPE_MISMATCH;
}

/* The states that a call has written to `into` are those from now on. */
static void take_result(ssmrt_state *state, char **into, int drafts) {
  ssmrt_draft *draft = &state->draft;
  if (draft->open && drafts) {
    ssmrt_brought before = draft->now;
    draft->now = draft->next;
    draft->next = before;
  }
  if (into != &state->next)
    ssmrt_swap_blocks(into, &state->next);
  ssmrt_swap_blocks(&state->now, &state->next);
  draft->open = drafts;
  state->undoable = 1;
}

ssmrt_status ssmrt_advance(const ssmrt_model *model,
                           const ssmrt_entry_desc *entry, ssmrt_state *state,
                           const ssmrt_tensor *inputs, ssmrt_tensor *outputs,
                           const ssmrt_run_options *options) {
  ssmrt_status status = check_advance(entry, state, inputs, outputs);
  if (status.code != SSMRT_OK)
    return status;
  /* Until a call has succeeded the draft before it may be accepted. */
  ssmrt_draft *draft = &state->draft;
  char **into = draft->open ? &state->spare : &state->next;
  int drafts = entry == draft->verify;
  ssmrt_tensor *all = join(entry, state, inputs, outputs, *into);
  if (!all)
    return ssmrt_fail(SSMRT_OUT_OF_MEMORY, "out of memory");
  if (drafts)
    status = place_brought(draft, draft->open ? &draft->next : &draft->now, all,
                           all + entry->num_inputs);
  if (status.code == SSMRT_OK)
    status = ssmrt_state_to_device(model, state);
  if (status.code == SSMRT_OK)
    status = ssmrt_run(model, entry, all, all + entry->num_inputs, options);
  free(all);
  if (status.code == SSMRT_OK)
    take_result(state, into, drafts);
  else if (into == &state->next && !was_refused(&status))
    state->undoable = 0; /* what was before the last call is written over */
  return status;
}

ssmrt_status ssmrt_undo_advance(ssmrt_state *state) {
  if (!state || !state->undoable)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                      state ? "the last change of the state was no call that "
                              "succeeded, or it was taken back"
                            : "the state is null");
  ssmrt_swap_blocks(&state->now, &state->next);
  ssmrt_close_calls(state);
  return ssmrt_ok();
}

ssmrt_status ssmrt_accept(const ssmrt_model *model, ssmrt_state *state,
                          const int64_t *counts,
                          const ssmrt_run_options *options) {
  if (!state || !counts)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT, "the %s null",
                      state ? "counts are" : "state is");
  ssmrt_draft *draft = &state->draft;
  if (!draft->verify)
    return ssmrt_fail(SSMRT_UNSUPPORTED,
                      "the model checks no drafts: compile it with "
                      "--entry=prefill,step,verify");
  if (!draft->open)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                      "the last change of the state was no call of 'verify' "
                      "that succeeded");
  const ssmrt_entry_desc *entry = draft->accept;
  int32_t values = entry->num_inputs + entry->num_outputs;
  ssmrt_tensor *all = calloc((size_t)values + 1, sizeof(*all));
  if (!all)
    return ssmrt_fail(SSMRT_OUT_OF_MEMORY, "out of memory");
  memcpy(all, draft->now.values, (size_t)draft->count * sizeof(*all));
  all[draft->count] =
      (ssmrt_tensor){(void *)counts, SSMRT_I64, 1, {state->rows}};
  for (int32_t i = 0; i < entry->num_states; ++i) {
    all[entry->state_inputs[i]] = ssmrt_tensor_in(state, i, state->next);
    all[entry->num_inputs + entry->state_outputs[i]] =
        ssmrt_tensor_in(state, i, state->spare);
  }
  ssmrt_status status = ssmrt_state_to_device(model, state);
  if (status.code == SSMRT_OK)
    status = ssmrt_run(model, entry, all, all + entry->num_inputs, options);
  free(all);
  if (status.code == SSMRT_OK) {
    ssmrt_swap_blocks(&state->now, &state->spare);
    draft->open = 0;
  }
  return status;
}
