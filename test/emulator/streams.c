/*===- streams.c - streams, events and graphs of libcuda.so.1 --------------===*
 *
 * A stream does what it is given at once, and so an event has always happened.
 *===----------------------------------------------------------------------===*/

#include "graph.h"

#include <stdlib.h>

int cuStreamCreate(stream **made, unsigned flags) {
  *made = calloc(1, sizeof(**made));
  return flags > 1 ? INVALID_VALUE : OK;
}
int cuStreamDestroy_v2(stream *old) {
  free(old);
  return OK;
}
int cuStreamSynchronize(stream *in) { return wait_for(in); }
/* What is behind an event has been done. */
int cuStreamWaitEvent(stream *in, void *event, unsigned flags) {
  return in && event && !flags ? OK : INVALID_VALUE;
}
int cuEventCreate(void **event, unsigned flags) {
  static char happened;
  *event = &happened;
  return flags & ~2u ? INVALID_VALUE : OK;
}
int cuEventDestroy_v2(void *event) { return event ? OK : INVALID_VALUE; }
int cuEventRecord(void *event, stream *in) {
  return event && in ? OK : INVALID_VALUE;
}
int cuStreamIsCapturing(const stream *in, int *result) {
  *result = in->recording != NULL;
  return OK;
}
int cuStreamBeginCapture_v2(stream *in, int mode) {
  if (in->recording || mode > 2)
    return INVALID_VALUE;
  in->recording = new_graph();
  return OK;
}
int cuStreamEndCapture(stream *in, struct graph **graph) {
  *graph = in->recording;
  in->recording = NULL;
  return *graph ? OK : INVALID_VALUE;
}
int cuGraphInstantiateWithFlags(struct graph **made, struct graph *of,
                                unsigned long long flags) {
  *made = share_graph(of);
  return flags ? INVALID_VALUE : OK;
}
int cuGraphLaunch(const struct graph *graph, stream *in) {
  return run_graph(graph, in);
}
int cuGraphExecDestroy(struct graph *old) {
  release_graph(old);
  return OK;
}
int cuGraphDestroy(struct graph *old) {
  release_graph(old);
  return OK;
}

