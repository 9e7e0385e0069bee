/* A runtime for tests of generated code: runs parallel loops piece by piece,
 * last piece first, so that a loop whose iterations depend on one another gives
 * wrong numbers. The context counts loops and reports. */
#include <stdint.h>
#include <stdlib.h>

struct context {
  int64_t loops, reports;
};

void ssmrt_parallel_for(struct context *context, int64_t n,
                        void (*body)(void *, int64_t, int64_t), void *data) {
  context->loops++;
  const int64_t piece = n / 3 + 1;
  for (int64_t begin = (n - 1) / piece * piece; begin >= 0; begin -= piece)
    body(data, begin, begin + piece < n ? begin + piece : n);
}

int64_t ssmrt_num_threads(struct context *context) {
  (void)context;
  return 3;
}

void ssmrt_report(struct context *context, const char *what, int64_t found,
                  int64_t expected) {
  (void)what, (void)found, (void)expected;
  context->reports++;
}

void ssmrt_end(struct context *context) { (void)context; }

/* Leaks: tests are short. */
void *ssmrt_alloc(struct context *context, int64_t bytes) {
  (void)context;
  return aligned_alloc(64, (bytes + 64) / 64 * 64);
}
