/*===- module.c - PTX that becomes code of the host ---------------------===*/

#include "module.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { kDefaultShared = 48 << 10 };

int chip(void) {
  const char *asked = getenv("SSMC_EMULATOR_CHIP");
  return asked ? atoi(asked) : 90;
}

/* Code for a chip runs on later ones, that for sm_90a on no other. */
static int is_for_us(const char *ptx) {
  const char *target = strstr(ptx, ".target sm_");
  if (!target)
    return 0;
  char *end;
  long asked = strtol(target + strlen(".target sm_"), &end, 10);
  return *end == 'a' ? asked == chip() : asked <= chip();
}

/* The line that translate.py prints: the path of a library. */
static int translate(const char *ptx, char *path, size_t bytes) {
  Dl_info me;
  char name[] = "/tmp/ssmc-emulator-XXXXXX", command[4096];
  int input = mkstemp(name), is_written = 0;
  if (input < 0 || !dladdr((void *)load_module, &me))
    return 0;
  is_written = write(input, ptx, strlen(ptx)) == (ssize_t)strlen(ptx);
  close(input);
  snprintf(command, sizeof(command),
           "env -u LD_PRELOAD -u LD_LIBRARY_PATH python3 '%s/translate.py' "
           "'%s' '%s' '%s.cache' < '%s'",
           SSMC_EMULATOR_SOURCE, SSMC_EMULATOR_COMPILER, me.dli_fname,
           me.dli_fname, name);
  FILE *said = is_written ? popen(command, "r") : NULL;
  int is_read = said && fgets(path, (int)bytes, said);
  if (said && pclose(said) != 0)
    is_read = 0;
  unlink(name);
  path[strcspn(path, "\n")] = 0;
  return is_read;
}

int load_module(module **made, const char *ptx) {
  char path[4096] = "";
  if (memcmp(ptx, "\177ELF", 4) == 0 || !is_for_us(ptx))
    return NO_BINARY;
  void *library = translate(ptx, path, sizeof(path))
                      ? dlopen(path, RTLD_NOW | RTLD_LOCAL)
                      : NULL;
  if (!library) {
    snprintf(what_was_wrong, sizeof(what_was_wrong),
             "the PTX is not emulated, as said above");
    return INVALID_PTX;
  }
  module *code = calloc(1, sizeof(*code));
  code->library = library;
  code->kernels = dlsym(library, "kernels");
  code->num_kernels = *(uint32_t *)dlsym(library, "num_kernels");
  code->functions = calloc(code->num_kernels + 1, sizeof(*code->functions));
  for (uint32_t i = 0; i < code->num_kernels; ++i) {
    const kernel *kernel = &code->kernels[i];
    if (kernel->shared_bytes > kDefaultShared) {
      snprintf(what_was_wrong, sizeof(what_was_wrong),
               "%s declares more than 48 KB of shared memory", kernel->name);
      unload_module(code);
      return INVALID_PTX;
    }
    code->functions[i] =
        (function){kernel, kDefaultShared - kernel->shared_bytes};
  }
  *made = code;
  return OK;
}

void unload_module(module *old) {
  dlclose(old->library);
  free(old->functions);
  free(old);
}
