/* Runs a model with every buffer in front of a page that cannot be touched:
 * inputs, outputs, workspace and what the run allocates.
 *
 *   guarded MODEL.so < calls > results
 *
 * A call is, for each input, its rank, its extents (int64 each) and its bytes.
 * Its result is the status code and the length of the message (int64), the
 * message, and if the code is 0 the bytes of every output. */
#define _GNU_SOURCE
#include "ssmrt/ssmrt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { kPage = 4096, kMaxBlocks = 4096, kMaxValues = 32 };

static struct {
  char *data, *map;
  size_t bytes;
} blocks[kMaxBlocks];
static size_t num_blocks;

/* `bytes` that end at a page which cannot be touched, but for what the
 * alignment leaves. */
static void *guarded(size_t bytes, size_t alignment) {
  if (bytes > (size_t)1 << 30)
    return NULL;
  size_t room = (bytes + alignment + kPage - 1) / kPage * kPage;
  char *map = mmap(NULL, room + 2 * kPage, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED || num_blocks == kMaxBlocks ||
      mprotect(map + kPage, room, PROT_READ | PROT_WRITE) != 0)
    return NULL;
  char *data = map + kPage + (room - bytes) / alignment * alignment;
  blocks[num_blocks].map = map;
  blocks[num_blocks].bytes = room + 2 * kPage;
  blocks[num_blocks++].data = data;
  return data;
}

/* In the place of the C library's: the model calls them for values whose size
 * the data decides. */
int posix_memalign(void **memory, size_t alignment, size_t bytes) {
  *memory = guarded(bytes, alignment);
  return *memory ? 0 : ENOMEM;
}

void __libc_free(void *memory);
void free(void *memory) {
  for (size_t i = 0; i < num_blocks; ++i)
    if (blocks[i].data == memory && memory) {
      munmap(blocks[i].map, blocks[i].bytes);
      blocks[i] = blocks[--num_blocks];
      return;
    }
  __libc_free(memory);
}

static size_t element_bytes(int32_t dtype) {
  switch (dtype) {
  case SSMRT_F32:
  case SSMRT_I32:
    return 4;
  case SSMRT_F64:
  case SSMRT_I64:
    return 8;
  case SSMRT_F16:
    return 2;
  default:
    return 1;
  }
}

static size_t allocate(ssmrt_tensor *tensor) {
  size_t size = element_bytes(tensor->dtype), bytes = size;
  for (int32_t d = 0; d < tensor->rank; ++d)
    bytes *= (size_t)tensor->shape[d];
  tensor->data = guarded(bytes, size);
  return bytes;
}

static int read_all(void *data, size_t bytes) {
  return bytes == 0 || fread(data, bytes, 1, stdin) == 1;
}

static int give(ssmrt_status status) {
  int64_t head[2] = {status.code, (int64_t)strlen(status.message)};
  fwrite(head, sizeof(head), 1, stdout);
  fwrite(status.message, 1, (size_t)head[1], stdout);
  fflush(stdout);
  return status.code == SSMRT_OK;
}

int main(int argc, char **argv) {
  ssmrt_model *model;
  ssmrt_status status = ssmrt_open(argc > 1 ? argv[1] : "", &model);
  if (status.code != SSMRT_OK) {
    fprintf(stderr, "%s\n", status.message);
    return 1;
  }
  const ssmrt_entry_desc *entry = ssmrt_find_entry(model, "forward");
  for (;;) {
    ssmrt_tensor in[kMaxValues] = {0}, out[kMaxValues] = {0};
    for (int32_t i = 0; i < entry->num_inputs; ++i) {
      int64_t rank;
      if (!read_all(&rank, sizeof(rank)))
        return 0;
      in[i].dtype = entry->inputs[i].dtype;
      in[i].rank = (int32_t)rank;
      if (!read_all(in[i].shape, sizeof(int64_t) * (size_t)rank))
        return 1;
      size_t bytes = allocate(&in[i]);
      if (!read_all(in[i].data, bytes))
        return 1;
    }
    size_t needed, total[kMaxValues];
    ssmrt_run_options options = {0};
    status = ssmrt_infer_outputs(entry, in, out);
    if (status.code == SSMRT_OK)
      status = ssmrt_workspace_bytes(entry, in, &needed);
    if (status.code == SSMRT_OK) {
      for (int32_t i = 0; i < entry->num_outputs; ++i)
        total[i] = allocate(&out[i]);
      options.workspace = guarded(needed, 64);
      options.workspace_bytes = needed;
      status = ssmrt_run(model, entry, in, out, &options);
      free(options.workspace);
    }
    if (give(status))
      for (int32_t i = 0; i < entry->num_outputs; ++i)
        fwrite(out[i].data, 1, total[i], stdout);
    fflush(stdout);
    for (int32_t i = 0; i < kMaxValues; ++i) {
      if (in[i].data)
        free(in[i].data);
      if (out[i].data)
        free(out[i].data);
    }
  }
}
