/* Compiles a model from C: from a file and from memory, on two threads at once,
 * and says what is wrong with broken ones. compile MODEL.onnx FOLDER */

#include "ssmc/ssmc.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static const char *model, *folder;
static void *bytes;
static size_t num_bytes;

static void print(const char *what, ssmc_result *result) {
  printf("%s: code %d\n", what, (int)ssmc_result_code(result));
  for (size_t i = 0; i < ssmc_num_diagnostics(result); ++i) {
    const ssmc_diagnostic *said = ssmc_get_diagnostic(result, i);
    printf("  severity %d, '%s' %d:%d node '%s' op '%s': %s\n  remedy: %s\n",
           (int)said->severity, said->file, (int)said->line, (int)said->column,
           said->node, said->op, said->message, said->remedy);
  }
  ssmc_free_result(result);
}

static void *compile_file(void *out) {
  const char *argv[] = {model, "-o", out, "--dim=input_ids:1=L", "--report"};
  return ssmc_compile(5, argv);
}

static void *compile_bytes(void *out) {
  const char *argv[] = {"-o", out, "--dim", "input_ids:1=L"};
  return ssmc_compile_memory(bytes, num_bytes, 4, argv);
}

static ssmc_result *with(const char *a, const char *b, const char *c) {
  const char *argv[] = {a, b, c};
  return ssmc_compile(3, argv);
}

int main(int argc, char **argv) {
  if (argc != 3)
    return 2;
  model = argv[1];
  folder = argv[2];
  FILE *file = fopen(model, "rb");
  if (!file || fseek(file, 0, SEEK_END) != 0)
    return 1;
  num_bytes = (size_t)ftell(file);
  bytes = malloc(num_bytes);
  rewind(file);
  if (!bytes || fread(bytes, 1, num_bytes, file) != num_bytes)
    return 1;
  fclose(file);

  char a[512], b[512];
  snprintf(a, sizeof(a), "%s/file.so", folder);
  snprintf(b, sizeof(b), "%s/memory.so", folder);
  pthread_t threads[2];
  void *results[2];
  if (pthread_create(&threads[0], NULL, compile_file, a) != 0 ||
      pthread_create(&threads[1], NULL, compile_bytes, b) != 0)
    return 1;
  for (int i = 0; i < 2; ++i)
    pthread_join(threads[i], &results[i]);
  printf("log: %s\n", ssmc_result_log(results[0]));
  print("file", results[0]);
  print("memory", results[1]);

  const char *out[] = {"-o", b};
  print("cut off", ssmc_compile_memory(bytes, num_bytes / 3, 2, out));
  print("empty", ssmc_compile_memory(NULL, 0, 2, out));
  print("absent", with("absent.onnx", "-o", b));
  print("misspelt", with(model, "--dmi=input_ids:1=L", "-O0"));
  print("dim", with(model, "--dim=ids:1=L", "-o/dev/shm/never.so"));
  print("standard output", with(model, "--emit=onnx", "-O0"));
  print("fault of ours", with(model, "--fail-in=raise", "-o/dev/shm/never.so"));
  print("null", with(model, NULL, "-O0"));
  print("none", ssmc_compile(0, NULL));
  ssmc_result *help = with("--help", model, model);
  printf("help: %s\n", ssmc_result_log(help));
  ssmc_free_result(help);
  ssmc_free_result(NULL);
  free(bytes);
  return ssmc_api_version() != SSMC_API_VERSION;
}
