/*===- Sizes.c - checking inputs, and what follows from their extents
 * -------===*/

#include "lib/Runtime/Host.h"

#include <inttypes.h>
#include <stdlib.h>

static const char *dtype_name(int32_t dtype) {
  switch (dtype) {
  case SSMRT_F32:
    return "float32";
  case SSMRT_U8:
    return "uint8";
  case SSMRT_I8:
    return "int8";
  case SSMRT_U16:
    return "uint16";
  case SSMRT_I16:
    return "int16";
  case SSMRT_I32:
    return "int32";
  case SSMRT_I64:
    return "int64";
  case SSMRT_BOOL:
    return "bool";
  case SSMRT_F16:
    return "float16";
  case SSMRT_F64:
    return "float64";
  case SSMRT_U32:
    return "uint32";
  case SSMRT_U64:
    return "uint64";
  case SSMRT_BF16:
    return "bfloat16";
  default:
    return "(unknown)";
  }
}

size_t ssmrt_dtype_bytes(int32_t dtype) {
  switch (dtype) {
  case SSMRT_U8:
  case SSMRT_I8:
  case SSMRT_BOOL:
    return 1;
  case SSMRT_U16:
  case SSMRT_I16:
  case SSMRT_F16:
  case SSMRT_BF16:
    return 2;
  case SSMRT_F32:
  case SSMRT_I32:
  case SSMRT_U32:
    return 4;
  case SSMRT_I64:
  case SSMRT_F64:
  case SSMRT_U64:
    return 8;
  default:
    return 0;
  }
}

size_t ssmrt_tensor_bytes(const ssmrt_tensor *tensor) {
  size_t bytes = ssmrt_dtype_bytes(tensor->dtype);
  for (int32_t d = 0; d < tensor->rank; ++d)
    bytes *= (size_t)tensor->shape[d];
  return bytes;
}

/* Larger inputs are refused, so that products of extents in compiled code, such
 * as batch x length x channels x state, do not overflow. */
static const int64_t kMaxBytes = (int64_t)1 << 40;
static const int64_t kMaxOutputBytes = (int64_t)1 << 48;

static ssmrt_status check_extents(const ssmrt_value_desc *value,
                                  const ssmrt_tensor *tensor) {
  int64_t bytes = (int64_t)ssmrt_dtype_bytes(tensor->dtype);
  for (int32_t d = 0; d < tensor->rank; ++d) {
    int64_t extent = tensor->shape[d];
    if (extent < 0 || extent > INT32_MAX)
      return ssmrt_fail(SSMRT_SHAPE_MISMATCH,
                        "input '%s': dimension %d ('%s') is %" PRId64
                        ", expected 0 to 2^31 - 1",
                        value->name, d, value->dim_name[d], extent);
    if (extent > 0 &&
        (__builtin_mul_overflow(bytes, extent, &bytes) || bytes > kMaxBytes))
      return ssmrt_fail(SSMRT_SHAPE_MISMATCH, "input '%s' is too large",
                        value->name);
  }
  return ssmrt_ok();
}

static ssmrt_status check_input(const ssmrt_value_desc *value,
                                const ssmrt_tensor *tensor) {
  if (tensor->dtype != value->dtype)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                      "input '%s' is of type %s, expected %s", value->name,
                      dtype_name(tensor->dtype), dtype_name(value->dtype));
  if (tensor->rank != value->rank)
    return ssmrt_fail(SSMRT_SHAPE_MISMATCH,
                      "input '%s' has %d dimensions, expected %d", value->name,
                      (int)tensor->rank, (int)value->rank);
  return check_extents(value, tensor);
}

/* Gives every symbol the extent of the first dimension it names. */
static ssmrt_status bind_symbols(const ssmrt_entry_desc *entry,
                                 const ssmrt_tensor *inputs, int64_t *symbols) {
  for (int32_t s = 0; s < entry->num_symbols; ++s)
    symbols[s] = -1;
  for (int32_t i = 0; i < entry->num_inputs; ++i) {
    const ssmrt_value_desc *value = &entry->inputs[i];
    ssmrt_status status = check_input(value, &inputs[i]);
    if (status.code != SSMRT_OK)
      return status;
    for (int32_t d = 0; d < value->rank; ++d) {
      int32_t symbol = value->dim_symbol[d];
      if (symbol >= 0 && symbols[symbol] < 0)
        symbols[symbol] = inputs[i].shape[d];
    }
  }
  for (int32_t s = 0; s < entry->num_symbols; ++s)
    if (symbols[s] < 0)
      return ssmrt_fail(SSMRT_UNSUPPORTED,
                        "no input of entry '%s' says what '%s' is", entry->name,
                        entry->symbols[s]);
  return ssmrt_ok();
}

static ssmrt_status compare_extents(const ssmrt_entry_desc *entry,
                                    const ssmrt_tensor *inputs,
                                    const int64_t *extents) {
  for (int32_t i = 0; i < entry->num_inputs; ++i) {
    const ssmrt_value_desc *value = &entry->inputs[i];
    for (int32_t d = 0; d < value->rank; ++d, ++extents)
      if (inputs[i].shape[d] != *extents)
        return ssmrt_fail(
            SSMRT_SHAPE_MISMATCH,
            "input '%s': dimension %d ('%s') is %" PRId64 ", expected %" PRId64,
            value->name, d, value->dim_name[d], inputs[i].shape[d], *extents);
  }
  return ssmrt_ok();
}

/* An extent such as `past - 4` may be none for these inputs, or a product of
 * extents more than there can be. */
static ssmrt_status check_results(const ssmrt_entry_desc *entry,
                                  const int64_t *extents) {
  for (int32_t i = 0; i < entry->num_outputs; ++i) {
    const ssmrt_value_desc *value = &entry->outputs[i];
    int64_t bytes = (int64_t)ssmrt_dtype_bytes(value->dtype);
    for (int32_t d = 0; d < value->rank; ++d, ++extents) {
      if (*extents < 0)
        return ssmrt_fail(SSMRT_SHAPE_MISMATCH,
                          "with these inputs dimension %d ('%s') of output "
                          "'%s' would be %" PRId64,
                          d, value->dim_name[d], value->name, *extents);
      if (*extents > 0 && (__builtin_mul_overflow(bytes, *extents, &bytes) ||
                           bytes > kMaxOutputBytes))
        return ssmrt_fail(SSMRT_SHAPE_MISMATCH,
                          "with these inputs output '%s' would be too large",
                          value->name);
    }
  }
  return ssmrt_ok();
}

ssmrt_status ssmrt_bind(const ssmrt_entry_desc *entry,
                        const ssmrt_tensor *inputs, ssmrt_sizes *sizes) {
  sizes->symbols = NULL;
  if (!entry || (!inputs && entry->num_inputs > 0))
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT, "%s is null",
                      entry ? "the array of inputs" : "the entry");
  size_t input_ranks = 0, output_ranks = 0;
  for (int32_t i = 0; i < entry->num_inputs; ++i)
    input_ranks += (size_t)entry->inputs[i].rank;
  for (int32_t i = 0; i < entry->num_outputs; ++i)
    output_ranks += (size_t)entry->outputs[i].rank;
  size_t symbols = (size_t)entry->num_symbols;
  int64_t *memory =
      calloc(symbols + input_ranks + output_ranks + 1, sizeof(int64_t));
  if (!memory)
    return ssmrt_fail(SSMRT_OUT_OF_MEMORY, "out of memory");
  int64_t *extents = memory + symbols;
  ssmrt_status status = bind_symbols(entry, inputs, memory);
  if (status.code == SSMRT_OK) {
    entry->dims(memory, extents);
    status = compare_extents(entry, inputs, extents);
  }
  if (status.code == SSMRT_OK)
    status = check_results(entry, extents + input_ranks);
  if (status.code != SSMRT_OK) {
    free(memory);
    return status;
  }
  sizes->symbols = memory;
  sizes->output_extents = extents + input_ranks;
  return status;
}

ssmrt_status ssmrt_infer_outputs(const ssmrt_entry_desc *entry,
                                 const ssmrt_tensor *inputs,
                                 ssmrt_tensor *outputs) {
  ssmrt_sizes sizes;
  ssmrt_status status = ssmrt_bind(entry, inputs, &sizes);
  if (status.code != SSMRT_OK)
    return status;
  if (!outputs && entry->num_outputs > 0)
    status = ssmrt_fail(SSMRT_INVALID_ARGUMENT, "the array of outputs is null");
  const int64_t *extents = sizes.output_extents;
  for (int32_t i = 0; outputs && i < entry->num_outputs; ++i) {
    outputs[i].dtype = entry->outputs[i].dtype;
    outputs[i].rank = entry->outputs[i].rank;
    for (int32_t d = 0; d < entry->outputs[i].rank; ++d)
      outputs[i].shape[d] = *extents++;
  }
  free(sizes.symbols);
  return status;
}

ssmrt_status ssmrt_workspace(const ssmrt_entry_desc *entry,
                             const int64_t *symbols, int64_t *bytes) {
  *bytes = entry->workspace(symbols);
  if (*bytes == SSMRT_WORKSPACE_NEGATIVE)
    return ssmrt_fail(SSMRT_SHAPE_MISMATCH,
                      "with these inputs a value within entry '%s' would have "
                      "a negative extent",
                      entry->name);
  if (*bytes < 0)
    return ssmrt_fail(SSMRT_OUT_OF_MEMORY,
                      "these extents need more workspace than can be counted");
  return ssmrt_ok();
}

ssmrt_status ssmrt_workspace_bytes(const ssmrt_entry_desc *entry,
                                   const ssmrt_tensor *inputs, size_t *bytes) {
  if (!bytes)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT, "bytes is null");
  ssmrt_sizes sizes;
  ssmrt_status status = ssmrt_bind(entry, inputs, &sizes);
  if (status.code != SSMRT_OK)
    return status;
  int64_t needed;
  status = ssmrt_workspace(entry, sizes.symbols, &needed);
  free(sizes.symbols);
  if (status.code == SSMRT_OK)
    *bytes = (size_t)needed;
  return status;
}
