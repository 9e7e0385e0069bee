/*===- CublasLt.c - loads NVIDIA's products of matrices -------------------===*/

#include "lib/Runtime/CublasLt.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static ssmrt_cublaslt table;
static int found;

static void *open_library(void) {
  static const char *const names[] = {"libcublasLt.so.13", "libcublasLt.so.12"};
  const char *asked = getenv("SSMRT_CUBLASLT");
  if (asked)
    return asked[0] ? dlopen(asked, RTLD_NOW | RTLD_LOCAL) : NULL;
  void *library = NULL;
  for (int i = 0; i < 2 && !library; ++i)
    library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
  return library;
}

static void load(void) {
  void *library = open_library();
  if (!library)
    return;
  found = 1;
  /* A function pointer from a data pointer, as dlsym's manual does it. */
#define SSMRT_CUBLASLT_FIND(name, symbol, parameters)                          \
  *(void **)&table.name = dlsym(library, #symbol);                             \
  found &= table.name != NULL;
  SSMRT_CUBLASLT_FUNCTIONS(SSMRT_CUBLASLT_FIND)
#undef SSMRT_CUBLASLT_FIND
}

const ssmrt_cublaslt *ssmrt_load_cublaslt(void) {
  pthread_once(&once, load);
  return found ? &table : NULL;
}
