/*===- CudaGraph.c - runs as graphs ----------------------------------------===*
 *
 * A step of a model is some hundred short launches, each of which costs the
 * host more than the device. A run that is like one before, with the same
 * entry, sizes and addresses, is recorded and from then on launched as one
 * graph. The first run of a kind is not: most kinds never come again.
 *
 * Not recorded are runs of few launches, and those that wait for data in their
 * midst.
 *===----------------------------------------------------------------------===*/

#include "lib/Runtime/CudaModel.h"

#include <stdlib.h>
#include <string.h>

enum { kGraphs = 16, kFewLaunches = 3, kOld = 256 };

typedef enum graph_kind { NEW = 0, SEEN, RECORDED, REFUSED } graph_kind;

struct ssmrt_graph {
  int64_t *key; /* null: the place is free */
  size_t words;
  int64_t used; /* number of the run that last was of this kind */
  graph_kind kind;
  CUgraphExec exec;
};

static void clear_place(struct ssmrt_cuda *cuda, struct ssmrt_graph *place) {
  if (place->exec)
    cuda->driver->graph_exec_destroy(place->exec);
  free(place->key);
  memset(place, 0, sizeof(*place));
}

void ssmrt_drop_graphs(struct ssmrt_cuda *cuda) {
  for (int i = 0; cuda->graphs && i < kGraphs; ++i)
    clear_place(cuda, &cuda->graphs[i]);
}

/* The place of a run of this kind, a new one where there was none. Graphs stay
 * for long: a program whose addresses never repeat does not drive out those of
 * another. Null where all places are taken. */
static struct ssmrt_graph *find(struct ssmrt_cuda *cuda, const int64_t *key,
                                size_t words) {
  if (!cuda->graphs)
    cuda->graphs = calloc(kGraphs, sizeof(*cuda->graphs));
  if (!cuda->graphs)
    return NULL;
  ++cuda->runs;
  struct ssmrt_graph *place = NULL;
  for (int i = 0; i < kGraphs; ++i) {
    struct ssmrt_graph *graph = &cuda->graphs[i];
    if (graph->key && graph->words == words &&
        memcmp(graph->key, key, words * sizeof(*key)) == 0) {
      graph->used = cuda->runs;
      return graph;
    }
    int is_old = graph->kind != RECORDED || cuda->runs - graph->used > kOld;
    if (is_old && (!place || graph->used < place->used))
      place = graph;
  }
  int64_t *copy = place ? malloc(words * sizeof(*key)) : NULL;
  if (!copy)
    return NULL;
  /* A graph is not taken down under way. */
  if (place->exec)
    cuda->driver->stream_synchronize(cuda->latest);
  clear_place(cuda, place);
  memcpy(copy, key, words * sizeof(*key));
  place->key = copy;
  place->words = words;
  place->used = cuda->runs;
  return place;
}

static CUgraphExec record(device_run *run,
                          int32_t (*body)(device_run *run, void *data),
                          void *data) {
  struct ssmrt_cuda *cuda = run->cuda;
  const ssmrt_cuda_driver *driver = cuda->driver;
  CUstream stream = run->stream;
  CUgraph graph = NULL;
  CUgraphExec exec = NULL;
  if (driver->begin_capture(cuda->stream, CU_STREAM_CAPTURE_THREAD_LOCAL) != 0)
    return NULL;
  run->stream = cuda->stream;
  run->capturing = 1;
  int32_t code = body(run, data);
  CUresult result = driver->end_capture(cuda->stream, &graph);
  if (code == SSMRT_OK && result == 0 && graph &&
      driver->graph_instantiate(&exec, graph, 0) != 0)
    exec = NULL;
  if (graph)
    driver->graph_destroy(graph);
  /* What went wrong will do so without a graph, and is told then. */
  run->stream = stream;
  run->capturing = 0;
  run->status = ssmrt_ok();
  run->context.error = NULL;
  return exec;
}

int32_t ssmrt_run_graph(device_run *run, const int64_t *key, size_t words,
                        int32_t (*body)(device_run *run, void *data),
                        void *data) {
  struct ssmrt_graph *graph = find(run->cuda, key, words);
  if (!graph || graph->kind == REFUSED)
    return body(run, data);
  if (graph->kind == NEW) {
    int32_t code = body(run, data);
    int is_few = run->launches < kFewLaunches;
    graph->kind = code != SSMRT_OK || is_few ? REFUSED : SEEN;
    return code;
  }
  if (graph->kind == SEEN) {
    graph->exec = record(run, body, data);
    graph->kind = graph->exec ? RECORDED : REFUSED;
  }
  if (graph->exec &&
      run->cuda->driver->graph_launch(graph->exec, run->stream) == 0)
    return SSMRT_OK;
  graph->kind = REFUSED;
  return body(run, data);
}
