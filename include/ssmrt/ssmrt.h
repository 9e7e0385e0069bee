/*===- ssmrt.h - C99 interface of compiled models
 *---------------------------===*
 *
 * A compiled model is a shared library without dependencies but libc and libm.
 * It exports one symbol, `ssm_model`, of type `const ssmrt_model_desc`: what
 * the model takes and gives, and the functions that compute it. The functions
 * below open such a library, check its version, and call it.
 *
 * No function aborts or prints. Each returns a status whose message says what
 * is wrong, where, and what to do. A model may be used by many threads at
 * once, each call with a workspace of its own.
 *===----------------------------------------------------------------------===*/

#ifndef SSMRT_SSMRT_H
#define SSMRT_SSMRT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SSMRT_ABI_VERSION 8
#define SSMRT_MAX_RANK 8

typedef enum ssmrt_code {
  SSMRT_OK = 0,
  SSMRT_INVALID_ARGUMENT =
      1,                    /* a null pointer, an unknown name, a wrong type */
  SSMRT_SHAPE_MISMATCH = 2, /* an input's extents contradict the model */
  SSMRT_OUT_OF_MEMORY = 3,
  SSMRT_VERSION = 4, /* the model was made for another version of this ABI */
  SSMRT_IO = 5,      /* a file could not be opened, read or mapped */
  SSMRT_UNSUPPORTED = 6,
  SSMRT_RUNTIME = 7 /* the data asked for something impossible: bad index */
} ssmrt_code;

typedef struct ssmrt_status {
  ssmrt_code code;
  char message[240]; /* empty when code is SSMRT_OK */
} ssmrt_status;

/* Element types; the numbers are those of ONNX's TensorProto.DataType. */
typedef enum ssmrt_dtype {
  SSMRT_F32 = 1,
  SSMRT_U8 = 2,
  SSMRT_I8 = 3,
  SSMRT_U16 = 4,
  SSMRT_I16 = 5,
  SSMRT_I32 = 6,
  SSMRT_I64 = 7,
  SSMRT_BOOL = 9, /* one byte, 0 or 1 */
  SSMRT_F16 = 10,
  SSMRT_F64 = 11,
  SSMRT_U32 = 12,
  SSMRT_U64 = 13,
  SSMRT_BF16 = 16
} ssmrt_dtype;

/* A dense row-major tensor in the caller's memory. */
typedef struct ssmrt_tensor {
  void *data;
  int32_t dtype; /* ssmrt_dtype */
  int32_t rank;
  int64_t shape[SSMRT_MAX_RANK]; /* in elements */
} ssmrt_tensor;

/*===- What a compiled model contains
 * ---------------------------------------===*/

/* One input or output. `dim_symbol[i]` is the index of the symbol that extent
 * i binds, or -1 if it is computed by the entry's `dims` function;
 * `dim_name[i]` is the extent as text ("24", "batch", "past + seq"). */
typedef struct ssmrt_value_desc {
  const char *name;
  int32_t dtype;
  int32_t rank;
  const char *dim_name[SSMRT_MAX_RANK];
  int32_t dim_symbol[SSMRT_MAX_RANK];
} ssmrt_value_desc;

/* What one call may use: how to run loops in parallel, and where to say what
 * went wrong. Generated code sees it as an opaque pointer. */
typedef struct ssmrt_context ssmrt_context;

/* A value within the entry would have a negative extent. */
#define SSMRT_WORKSPACE_NEGATIVE (-2)

/* An entry is a function of a model: forward, prefill, step. Its sizes are
 * functions of the symbols (batch, length ...), in the order of `symbols`. */
typedef struct ssmrt_entry_desc {
  const char *name;
  int32_t num_symbols, num_inputs, num_outputs;
  int32_t num_states; /* 0, or that of the model: the entry goes on from them */
  const char *const *symbols;
  const ssmrt_value_desc *inputs;
  const ssmrt_value_desc *outputs;
  /* Writes every extent of every input, then of every output. */
  void (*dims)(const int64_t *symbols, int64_t *extents);
  /* Bytes of workspace that `run` needs, aligned to 64. Negative where there
   * is no running it: SSMRT_WORKSPACE_NEGATIVE, or else too many bytes. */
  int64_t (*workspace)(const int64_t *symbols);
  /* Computes; returns an ssmrt_code. */
  int32_t (*run)(const int64_t *symbols, void *const *inputs,
                 void *const *outputs, void *workspace, const void *weights,
                 ssmrt_context *context);
  /* For state i of the model the input that takes it as it is before the
   * entry's tokens, and the output that gives it as it is after them. */
  const int32_t *state_inputs;
  const int32_t *state_outputs;
} ssmrt_entry_desc;

/* What a model carries from token to token. The first dimension counts rows,
 * one for each sequence of the batch: rows do not know of each other. */
typedef struct ssmrt_state_desc {
  const char *name;
  int32_t dtype;
  int32_t rank;
  int64_t shape[SSMRT_MAX_RANK]; /* shape[0] is -1 where a batch is free */
  double initial;                /* every element before the first token */
  /* Entries write behind what the state holds, and leave the rest as it is:
   * where its input is another memory than its output, it is copied there. */
  int32_t in_place;
  int32_t reserved;
  /* A row before the first token, where its elements are not all `initial`;
   * else null. */
  const void *initial_row;
} ssmrt_state_desc;

/* Code for a GPU. Kernels are known by their numbers. */
typedef struct ssmrt_device_desc {
  const char *target; /* "cuda:sm_90a" */
  const void *cubin;  /* machine code of that chip, or null */
  const char *ptx;    /* what drivers compile for it and for later ones */
  int64_t num_kernels;
  const char *const *kernels; /* names */
} ssmrt_device_desc;

typedef struct ssmrt_model_desc {
  int32_t abi_version; /* SSMRT_ABI_VERSION of the compiler */
  int32_t num_entries;
  const ssmrt_entry_desc *entries;
  int32_t num_states; /* 0 where no entry goes on from a state */
  int32_t reserved;
  const ssmrt_state_desc *states;
  const void *weights; /* start of the mapped weight section, or null */
  int64_t weights_bytes;
  /* Weights of more than 1 GB lie in a file of this name beside the library.
   * It ends in the 8 bytes of `weights_id`. Null otherwise. */
  const char *weights_file;
  uint64_t weights_id;
  const char *cpu;       /* the processor it was compiled for */
  uint64_t cpu_features; /* SSMRT_CPU_* that the code uses */
  const char *info;      /* JSON: compiler, flags, target, raise report */
  const ssmrt_device_desc *device; /* null: entries run on the processor */
} ssmrt_model_desc;

/* Instruction sets that a model may use, by the names of compilers: the
 * compiler gives the code generator no others, and opening a model checks that
 * the processor has each of those it was compiled for. */
#define SSMRT_CPU_FEATURES(X)                                                  \
  X(AVX, 0, "avx")                                                             \
  X(AVX2, 1, "avx2")                                                           \
  X(FMA, 2, "fma")                                                             \
  X(F16C, 3, "f16c")                                                           \
  X(BMI2, 4, "bmi2")                                                           \
  X(AVX512F, 5, "avx512f")                                                     \
  X(AVX512BW, 6, "avx512bw")                                                   \
  X(AVX512DQ, 7, "avx512dq")                                                   \
  X(AVX512VL, 8, "avx512vl")                                                   \
  X(AVX512VNNI, 9, "avx512vnni")                                               \
  X(AVX512BF16, 10, "avx512bf16")                                              \
  X(SSE42, 11, "sse4.2")

#define SSMRT_CPU_BIT(name, bit, text) SSMRT_CPU_##name = 1 << bit,
enum { SSMRT_CPU_FEATURES(SSMRT_CPU_BIT) SSMRT_CPU_END = 1 << 12 };
#undef SSMRT_CPU_BIT

/*===- Using a model
 * --------------------------------------------------------===*/

typedef struct ssmrt_model ssmrt_model;

/* Opens the shared library at `path`: its code is trusted like any program's.
 * On failure *model is null. */
ssmrt_status ssmrt_open(const char *path, ssmrt_model **model);
/* No call on the model may be running. `model` may be null. */
void ssmrt_close(ssmrt_model *model);

const ssmrt_model_desc *ssmrt_describe(const ssmrt_model *model);
/* The entry of that name, or null. */
const ssmrt_entry_desc *ssmrt_find_entry(const ssmrt_model *model,
                                         const char *name);

/* The position of an input or output of that name, or -1. */
int32_t ssmrt_find_input(const ssmrt_entry_desc *entry, const char *name);
int32_t ssmrt_find_output(const ssmrt_entry_desc *entry, const char *name);
/* Bytes of one element, or 0 where `dtype` is none of ssmrt_dtype. */
size_t ssmrt_dtype_bytes(int32_t dtype);

/* Checks the inputs' types, ranks and extents against the entry, and fills in
 * dtype, rank and shape of the outputs (data is left alone). Inputs are in the
 * order of the entry. */
ssmrt_status ssmrt_infer_outputs(const ssmrt_entry_desc *entry,
                                 const ssmrt_tensor *inputs,
                                 ssmrt_tensor *outputs);
/* Bytes of workspace that ssmrt_run needs for these inputs. */
ssmrt_status ssmrt_workspace_bytes(const ssmrt_entry_desc *entry,
                                   const ssmrt_tensor *inputs, size_t *bytes);

/* A parallel loop: calls body(data, begin, end) for disjoint pieces that cover
 * [0, n), on any threads, and returns when all are done. The built-in pool is
 * one per process, shared by all models and callers. */
typedef void (*ssmrt_loop_body)(void *data, int64_t begin, int64_t end);
typedef void (*ssmrt_parallel_for_fn)(void *pool, int64_t n,
                                      ssmrt_loop_body body, void *data);

typedef struct ssmrt_run_options {
  void *workspace; /* aligned to 64; null: the model's own, kept for reuse */
  size_t workspace_bytes;
  int32_t num_threads; /* that a loop may use; 0: as many as processors */
  ssmrt_parallel_for_fn parallel_for; /* null: the built-in pool */
  void *pool;                         /* first argument of parallel_for */
  /* For a model on a GPU: the CUstream to run in. Null: a stream of the model.
   * A run whose values all lie on the device returns before it is done where a
   * stream is given; errors in its data are then told by ssmrt_synchronize. */
  void *stream;
} ssmrt_run_options;

/* Computes the outputs into the caller's memory. Inputs are checked as by
 * ssmrt_infer_outputs, and the outputs' dtype, rank and shape must be what it
 * gives. Outputs must not overlap inputs. `options` may be null.
 *
 * A model compiled for a GPU takes and gives memory of the host, which it
 * copies, or of the device it runs on, aligned to 16 bytes, in any mixture;
 * that is the device of the thread's current CUDA context in the first run, or
 * else the first. Runs of one model on a GPU follow one another. */
ssmrt_status ssmrt_run(const ssmrt_model *model, const ssmrt_entry_desc *entry,
                       const ssmrt_tensor *inputs, ssmrt_tensor *outputs,
                       const ssmrt_run_options *options);

/* Waits until all runs of the model on a GPU are done, and tells what was wrong
 * with the data of those since the last call. */
ssmrt_status ssmrt_synchronize(const ssmrt_model *model);

/*===- States
 * ---------------------------------------------------------------===*/

/* The states of so many sequences, the rows. It holds the model's states twice,
 * and three times in a model that checks drafts: a call that fails leaves them
 * as they were. A state is used by one thread at
 * a time; any number of states may be in use. It must not outlive the model.
 * That of a model for a GPU stays on the device between calls of ssmrt_advance,
 * and is on the host for the other functions. */
typedef struct ssmrt_state ssmrt_state;

/* States as they are before the first token. On failure *state is null. Fails
 * with SSMRT_UNSUPPORTED where the model has no states. */
ssmrt_status ssmrt_new_state(const ssmrt_model *model, int64_t rows,
                             ssmrt_state **state);
void ssmrt_free_state(ssmrt_state *state); /* may be null */
int64_t ssmrt_state_rows(const ssmrt_state *state);
/* State `i` of the model's table, in the host's memory of `state`, which the
 * next call of ssmrt_advance puts elsewhere. May be read and written. */
ssmrt_status ssmrt_state_tensor(ssmrt_state *state, int32_t i,
                                ssmrt_tensor *tensor);

/* Runs an entry that has states on tokens that follow on those before. `inputs`
 * and `outputs` are those of the entry that are no states, in their order. */
ssmrt_status ssmrt_advance(const ssmrt_model *model,
                           const ssmrt_entry_desc *entry, ssmrt_state *state,
                           const ssmrt_tensor *inputs, ssmrt_tensor *outputs,
                           const ssmrt_run_options *options);
/* As ssmrt_infer_outputs, for what ssmrt_advance takes. */
ssmrt_status ssmrt_infer_advance(const ssmrt_entry_desc *entry,
                                 const ssmrt_state *state,
                                 const ssmrt_tensor *inputs,
                                 ssmrt_tensor *outputs);

/* The states are as before the last ssmrt_advance again, which must have been
 * the last change of them, or before ssmrt_accept. Calls that were refused
 * (SSMRT_INVALID_ARGUMENT, SSMRT_SHAPE_MISMATCH) are no changes; one that
 * failed in its midst is, unless the one before it was a draft. */
ssmrt_status ssmrt_undo_advance(ssmrt_state *state);

/* After ssmrt_advance of the entry `verify` on drafted tokens, as the next
 * change of the states: they are as if row r had had counts[r] of the tokens
 * only, from 0 to all of them. Costs little, as no weight is read. Where it
 * fails, as for counts beyond the draft, nothing has changed: it may be called
 * again. A call that fails behind the draft does not end it either. */
ssmrt_status ssmrt_accept(const ssmrt_model *model, ssmrt_state *state,
                          const int64_t *counts,
                          const ssmrt_run_options *options);

/* Row `row` is as before the first token again. */
ssmrt_status ssmrt_reset_row(ssmrt_state *state, int64_t row);
/* Row r of `to` becomes row rows[r] of `from`, for every r: a beam search keeps
 * and repeats rows by it. `to` may be `from`. */
ssmrt_status ssmrt_copy_rows(ssmrt_state *to, const ssmrt_state *from,
                             const int64_t *rows);

/* Bytes of what ssmrt_save_state writes. */
ssmrt_status ssmrt_state_bytes(const ssmrt_state *state, size_t *bytes);
/* Writes the states into memory of the caller. */
ssmrt_status ssmrt_save_state(const ssmrt_state *state, void *memory,
                              size_t bytes);
/* Makes a state of what ssmrt_save_state wrote, which must be of a model with
 * the same states. */
ssmrt_status ssmrt_load_state(const ssmrt_model *model, const void *memory,
                              size_t bytes, ssmrt_state **state);

#ifdef __cplusplus
}
#endif
#endif /* SSMRT_SSMRT_H */
