/*===- State.h - the memory of states --------------------------------------===*
 *
 * The states of all rows are one block of memory, in which each begins at a
 * multiple of 64 bytes, and a second block of the same form that the next call
 * writes: when it has succeeded, the two change places. While a draft may still
 * be accepted, calls write a third one, so that one that fails leaves both the
 * states before the draft and those after it. States in place, of which a call
 * leaves alone what there was, lie in a block of their own, once.
 * Rows come first in every state, so a row is a piece of each, and is copied as
 * bytes.
 *===----------------------------------------------------------------------===*/

#ifndef SSMRT_STATE_H
#define SSMRT_STATE_H

#include "lib/Runtime/Host.h"

/* What tokens brought to the states: the last outputs of the entry `verify`,
 * which are the first inputs of `accept`. */
typedef struct ssmrt_brought {
  ssmrt_tensor *values;
  void *memory;
  size_t bytes; /* of the memory */
} ssmrt_brought;

typedef struct ssmrt_draft {
  const ssmrt_entry_desc *verify, *accept; /* null in a model without them */
  int32_t count;                           /* of values that are brought */
  ssmrt_brought now, next; /* by the last draft, and room for one behind it */
  int open;                /* the last change of the state was that draft */
} ssmrt_draft;

struct ssmrt_state {
  const ssmrt_model_desc *desc;
  int64_t rows;
  size_t bytes;        /* of one of the blocks that change places */
  char *now, *next;    /* the blocks */
  char *spare;         /* a third one, in models that check drafts */
  size_t kept_bytes;   /* of the block of states in place */
  char *kept;          /* that block */
  int undoable;        /* `next` are the states before the last one */
  const size_t *place; /* of each state in its block */
  ssmrt_draft draft;
  struct ssmrt_device_state *device; /* null: all is on the host */
};

/* Memory for the states of so many rows, which holds nothing yet. */
ssmrt_status ssmrt_allocate_state(const ssmrt_model *model, int64_t rows,
                                  ssmrt_state **state);
/* Bytes of one row, which are not counted where they are too many. */
int ssmrt_row_bytes(const ssmrt_state_desc *state, int64_t *bytes);
size_t ssmrt_row_size(const ssmrt_state *state, int32_t i);
/* Where state `i` begins, in one of the two blocks if it is not in place. */
char *ssmrt_state_in(const ssmrt_state *state, int32_t i, char *block);
/* The same as a tensor. */
ssmrt_tensor ssmrt_tensor_in(const ssmrt_state *state, int32_t i, char *block);
void ssmrt_swap_blocks(char **one, char **other);
/* The states are no longer those that a call left. */
void ssmrt_close_calls(ssmrt_state *state);

/* Before an entry runs on the state: in a model for a GPU, puts it on the
 * device. These are in CudaState.c. */
ssmrt_status ssmrt_state_to_device(const ssmrt_model *model,
                                   ssmrt_state *state);
/* Before the host reads the blocks, or also writes them. */
ssmrt_status ssmrt_state_to_host(const ssmrt_state *state, int writes);
void ssmrt_free_device_state(ssmrt_state *state);

/* The entries for drafts that a model has. */
ssmrt_draft ssmrt_find_draft(const ssmrt_model_desc *desc);
int ssmrt_is_draft(const ssmrt_draft *draft);

#endif /* SSMRT_STATE_H */
