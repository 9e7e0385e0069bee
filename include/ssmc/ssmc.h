/*===- ssmc.h - C99 interface of the compiler
 *---------------------------------===*
 *
 * What the program `ssmc` does, as a library (libssmc.so): the same options,
 * and what it would print as data. Models that it makes are opened and run with
 * ssmrt/ssmrt.h.
 *
 * Nothing is printed, and no model or option ends the process; running out of
 * memory does. Any number of threads may compile at once.
 *===----------------------------------------------------------------------===*/

#ifndef SSMC_SSMC_H
#define SSMC_SSMC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Grows where something below changes its meaning or its place. */
#define SSMC_API_VERSION 1

/* The numbers are the exit codes of `ssmc`. */
typedef enum ssmc_code {
  SSMC_OK = 0,
  SSMC_BAD_INPUT = 1, /* the model is at fault, or a file */
  SSMC_USAGE = 2,     /* the options are */
  SSMC_INTERNAL = 70  /* the compiler is */
} ssmc_code;

typedef enum ssmc_severity {
  SSMC_ERROR = 0,
  SSMC_WARNING = 1,
  SSMC_NOTE = 2 /* of the diagnostic before it: another place it is about */
} ssmc_severity;

/* Texts are UTF-8, end in a zero, and are empty, never null, where there is
 * nothing to say. */
typedef struct ssmc_diagnostic {
  ssmc_severity severity;
  int32_t line, column; /* in a text file, from 1; else 0 */
  const char *message;
  const char *remedy; /* what to do, where the message does not say it */
  const char *file;
  const char *node; /* the name of the ONNX node */
  const char *op;   /* its operator: "Scan, opset 21" */
} ssmc_diagnostic;

/* What came of one compilation. */
typedef struct ssmc_result ssmc_result;

/* Compiles as `ssmc` does with these arguments, without the program's name:
 * {"model.onnx", "-o", "model.so", "--dim=input_ids:1=L"}. Text cannot go to
 * standard output: -o is needed. Never null. */
ssmc_result *ssmc_compile(int32_t argc, const char *const *argv);
/* The same for an ONNX model in memory, which is only read. A path among the
 * arguments names it in messages, and says where external data lies. */
ssmc_result *ssmc_compile_memory(const void *model, size_t bytes, int32_t argc,
                                 const char *const *argv);

ssmc_code ssmc_result_code(const ssmc_result *result);
/* Errors, warnings and notes, in the order they came up. They live as long as
 * the result. */
size_t ssmc_num_diagnostics(const ssmc_result *result);
const ssmc_diagnostic *ssmc_get_diagnostic(const ssmc_result *result,
                                           size_t index);
/* What else `ssmc` would print: the text of --report, --time and --help, and
 * where the reproducer of an internal error lies. */
const char *ssmc_result_log(const ssmc_result *result);
/* `result` may be null. */
void ssmc_free_result(ssmc_result *result);

/* "0.1.0" */
const char *ssmc_version(void);
/* SSMC_API_VERSION of the library. */
int32_t ssmc_api_version(void);

#ifdef __cplusplus
}
#endif
#endif /* SSMC_SSMC_H */
