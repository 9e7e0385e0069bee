/*===- Open.c - opening and describing a model
 * ------------------------------===*/

#include "lib/Runtime/Cuda.h"
#include "lib/Runtime/Host.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

ssmrt_status ssmrt_ok(void) {
  ssmrt_status status = {SSMRT_OK, ""};
  return status;
}

ssmrt_status ssmrt_fail(ssmrt_code code, const char *format, ...) {
  ssmrt_status status = {code, ""};
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(status.message, sizeof(status.message), format, arguments);
  va_end(arguments);
  return status;
}

/* The first instruction set the model needs and this processor lacks. */
static const char *missing_feature(uint64_t needed) {
#if defined(__x86_64__)
#define SSMRT_CHECK(name, bit, text)                                           \
  if ((needed & SSMRT_CPU_##name) && !__builtin_cpu_supports(text))            \
    return text;
  SSMRT_CPU_FEATURES(SSMRT_CHECK)
#undef SSMRT_CHECK
#endif
  if (needed >= SSMRT_CPU_END)
    return "an instruction set this program does not know";
  return NULL;
}

/* Maps `name` in the folder of `path`. */
static ssmrt_status map_weights(ssmrt_model *model, const char *path) {
  const ssmrt_model_desc *desc = model->desc;
  const char *slash = strrchr(path, '/');
  size_t folder = slash ? (size_t)(slash - path) + 1 : 0;
  size_t length = folder + strlen(desc->weights_file) + 1;
  char *file = malloc(length);
  if (!file)
    return ssmrt_fail(SSMRT_OUT_OF_MEMORY, "out of memory");
  memcpy(file, path, folder);
  memcpy(file + folder, desc->weights_file, length - folder);
  int fd = open(file, O_RDONLY | O_CLOEXEC);
  int error = errno;
  free(file);
  if (fd < 0)
    return ssmrt_fail(SSMRT_IO,
                      "the model's weights, %s beside it, cannot be opened: %s",
                      desc->weights_file, strerror(error));
  struct stat info;
  size_t bytes = (size_t)desc->weights_bytes + sizeof(desc->weights_id);
  if (fstat(fd, &info) != 0 || info.st_size < 0 ||
      (uint64_t)info.st_size != bytes) {
    close(fd);
    return ssmrt_fail(SSMRT_IO, "%s is not of the size the model expects",
                      desc->weights_file);
  }
  void *mapping = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
  error = errno;
  close(fd);
  if (mapping == MAP_FAILED)
    return ssmrt_fail(SSMRT_IO, "%s cannot be mapped: %s", desc->weights_file,
                      strerror(error));
  model->mapping = mapping;
  model->mapping_bytes = bytes;
  model->weights = mapping;
  if (memcmp((const char *)mapping + desc->weights_bytes, &desc->weights_id,
             sizeof(desc->weights_id)) != 0)
    return ssmrt_fail(SSMRT_IO, "%s belongs to another model",
                      desc->weights_file);
  return ssmrt_ok();
}

/* The loader maps what the segments of a library claim. Where the file ends
 * before them, as after a copy that was broken off, the process would die. */
static ssmrt_status check_length(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat info;
  if (fd < 0 || fstat(fd, &info) != 0) {
    int error = errno;
    if (fd >= 0)
      close(fd);
    return ssmrt_fail(SSMRT_IO, "cannot load the model: %s: %s", path,
                      strerror(error));
  }
  Elf64_Ehdr header;
  Elf64_Phdr segment;
  uint64_t size = (uint64_t)info.st_size, end = 0;
  /* What is no library at all, the loader refuses. */
  if (pread(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header) &&
      memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 &&
      header.e_ident[EI_CLASS] == ELFCLASS64)
    for (unsigned i = 0; i < header.e_phnum; ++i) {
      off_t at = (off_t)(header.e_phoff + i * sizeof(segment));
      if (pread(fd, &segment, sizeof(segment), at) != (ssize_t)sizeof(segment))
        end = UINT64_MAX;
      else if (segment.p_offset > UINT64_MAX - segment.p_filesz)
        end = UINT64_MAX;
      else if (segment.p_offset + segment.p_filesz > end)
        end = segment.p_offset + segment.p_filesz;
    }
  close(fd);
  if (end > size)
    return ssmrt_fail(SSMRT_IO,
                      "cannot load the model: %s is truncated or damaged: it "
                      "ends at byte %" PRIu64,
                      path, size);
  return ssmrt_ok();
}

static ssmrt_status load(ssmrt_model *model, const char *path) {
  model->desc = dlsym(model->library, "ssm_model");
  if (!model->desc)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT,
                      "'%s' is a shared library, but not a compiled model: it "
                      "has no symbol ssm_model",
                      path);
  if (model->desc->abi_version != SSMRT_ABI_VERSION)
    return ssmrt_fail(SSMRT_VERSION,
                      "'%s' was compiled for version %d of the model "
                      "interface, this program uses %d: compile it again",
                      path, (int)model->desc->abi_version, SSMRT_ABI_VERSION);
  const char *feature = missing_feature(model->desc->cpu_features);
  if (feature)
    return ssmrt_fail(SSMRT_UNSUPPORTED,
                      "'%s' was compiled for %s and needs %s, which this "
                      "processor does not have: compile it here, or with --cpu",
                      path, model->desc->cpu, feature);
  model->weights = model->desc->weights;
  ssmrt_status states = ssmrt_check_states(model->desc);
  if (states.code != SSMRT_OK)
    return states;
  return model->desc->weights_file ? map_weights(model, path) : ssmrt_ok();
}

ssmrt_status ssmrt_open(const char *path, ssmrt_model **result) {
  if (!path || !result)
    return ssmrt_fail(SSMRT_INVALID_ARGUMENT, "ssmrt_open: %s is null",
                      path ? "model" : "path");
  *result = NULL;
  ssmrt_status status = check_length(path);
  if (status.code != SSMRT_OK)
    return status;
  /* dlopen searches for names without a slash; a path is meant. */
  size_t length = strlen(path);
  char *file = malloc(length + 3);
  ssmrt_model *model = calloc(1, sizeof(*model));
  if (!file || !model) {
    free(file);
    free(model);
    return ssmrt_fail(SSMRT_OUT_OF_MEMORY, "out of memory");
  }
  memcpy(file, "./", 2);
  memcpy(file + (strchr(path, '/') ? 0 : 2), path, length + 1);
  model->library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  free(file);
  if (!model->library) {
    free(model);
    return ssmrt_fail(SSMRT_IO, "cannot load the model: %s", dlerror());
  }
  pthread_mutex_init(&model->mutex, NULL);
  status = load(model, path);
  if (status.code != SSMRT_OK)
    ssmrt_close(model);
  else
    *result = model;
  return status;
}

void ssmrt_close(ssmrt_model *model) {
  if (!model)
    return;
  ssmrt_cuda_release(model);
  if (model->mapping)
    munmap(model->mapping, model->mapping_bytes);
  free(model->workspace);
  pthread_mutex_destroy(&model->mutex);
  dlclose(model->library);
  free(model);
}

const ssmrt_model_desc *ssmrt_describe(const ssmrt_model *model) {
  return model ? model->desc : NULL;
}

const ssmrt_entry_desc *ssmrt_find_entry(const ssmrt_model *model,
                                         const char *name) {
  if (!model || !name)
    return NULL;
  for (int32_t i = 0; i < model->desc->num_entries; ++i)
    if (strcmp(model->desc->entries[i].name, name) == 0)
      return &model->desc->entries[i];
  return NULL;
}

static int32_t find_value(const ssmrt_value_desc *values, int32_t count,
                          const char *name) {
  for (int32_t i = 0; i < count; ++i)
    if (strcmp(values[i].name, name) == 0)
      return i;
  return -1;
}

int32_t ssmrt_find_input(const ssmrt_entry_desc *entry, const char *name) {
  return entry && name ? find_value(entry->inputs, entry->num_inputs, name)
                       : -1;
}

int32_t ssmrt_find_output(const ssmrt_entry_desc *entry, const char *name) {
  return entry && name ? find_value(entry->outputs, entry->num_outputs, name)
                       : -1;
}
