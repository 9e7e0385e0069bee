/*===- graph.c - streams, and what they record -----------------------------===*
 *
 * A stream does what it is given at once. While it is captured it does nothing:
 * the graph keeps copies, also of the parameters of launches, and does them in
 * the same order whenever it is launched.
 *===----------------------------------------------------------------------===*/

#include "graph.h"
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct graph {
  work *first, **last;
  int owners; /* the graph itself, and what was instantiated from it */
};

char what_was_wrong[512];
static int is_lost;
/* For tests: kernels that have run, of them those of blocks that meet, and the
 * last one. */
uint64_t emulated_launches, emulated_together;
const char *emulated_kernel = "";

static int perform(const work *what) {
  if (what->kind == COPY)
    memmove(what->to, what->from, what->bytes);
  if (what->kind == FILL)
    memset(what->to, what->value, what->bytes);
  if (what->kind == CALL)
    what->call(what->to);
  if (what->kind == LAUNCH) {
    ++emulated_launches;
    emulated_together += (uint64_t)what->launch.together;
    emulated_kernel = what->launch.kernel->name;
  }
  const char *wrong = what->kind == LAUNCH ? run_launch(&what->launch) : NULL;
  if (!wrong)
    return OK;
  snprintf(what_was_wrong, sizeof(what_was_wrong), "%s", wrong);
  is_lost = 1;
  return OK; /* as on a device: whoever waits is told */
}

static void record(struct graph *graph, const work *what) {
  work *copy = malloc(sizeof(*copy));
  *copy = *what;
  copy->next = NULL;
  if (what->kind == LAUNCH) {
    size_t bytes = what->launch.kernel->parameter_bytes;
    copy->launch.parameters = aligned_alloc(64, bytes / 64 * 64 + 64);
    memcpy(copy->launch.parameters, what->launch.parameters, bytes);
  }
  *graph->last = copy;
  graph->last = &copy->next;
}

int submit(stream *in, const work *what) {
  if (is_lost)
    return FAULT;
  if (!in->recording)
    return perform(what);
  record(in->recording, what);
  return OK;
}

int wait_for(stream *in) {
  return in->recording ? CAPTURING : is_lost ? FAULT : OK;
}

struct graph *new_graph(void) {
  struct graph *made = calloc(1, sizeof(*made));
  made->last = &made->first;
  made->owners = 1;
  return made;
}

struct graph *share_graph(struct graph *graph) {
  ++graph->owners;
  return graph;
}

void release_graph(struct graph *graph) {
  if (--graph->owners > 0)
    return;
  while (graph->first) {
    work *next = graph->first->next;
    if (graph->first->kind == LAUNCH)
      free(graph->first->launch.parameters);
    free(graph->first);
    graph->first = next;
  }
  free(graph);
}

int run_graph(const struct graph *graph, stream *in) {
  int result = OK;
  for (const work *at = graph->first; at && result == OK; at = at->next)
    result = submit(in, at);
  return result;
}
