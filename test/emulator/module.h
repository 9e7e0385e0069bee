/*===- module.h - code that was loaded, and streams of work -------------===*/

#ifndef SSMC_EMULATOR_MODULE_H
#define SSMC_EMULATOR_MODULE_H

#include "launch.h"

/* Results of the driver that are told apart. */
enum {
  OK = 0,
  INVALID_VALUE = 1,
  OUT_OF_MEMORY = 2,
  NO_BINARY = 209,
  INVALID_PTX = 218,
  NOT_FOUND = 500,
  FAULT = 700,
  TOO_MUCH_ASKED = 701,
  CAPTURING = 900
};

typedef struct module {
  void *library;
  const kernel *kernels;
  uint32_t num_kernels;
  struct function *functions; /* one for each kernel */
} module;

typedef struct function {
  const kernel *kernel;
  uint32_t most_shared; /* dynamic bytes that a launch may ask for */
} function;

/* What a stream does: a launch, what copies and fills memory, or a call. */
typedef struct work {
  struct work *next;
  enum { LAUNCH, COPY, FILL, CALL } kind;
  launch_request launch; /* with parameters of its own */
  void *to;
  const void *from;
  size_t bytes;
  unsigned char value;
  void (*call)(void *); /* of the host, with `to` */
} work;

typedef struct stream {
  struct graph *recording; /* null: does at once what it is given */
} stream;

/* The compute capability that is played, as 90. */
int chip(void);
int load_module(module **made, const char *ptx);
void unload_module(module *old);
/* Does the work, or records a copy of it. */
int submit(stream *in, const work *what);
/* What was wrong last, where the code says no more. */
extern char what_was_wrong[512];

#endif /* SSMC_EMULATOR_MODULE_H */
