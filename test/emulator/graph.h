/*===- graph.h - streams, and what they record --------------------------===*/

#ifndef SSMC_EMULATOR_GRAPH_H
#define SSMC_EMULATOR_GRAPH_H

#include "module.h"

int wait_for(stream *in);
struct graph *new_graph(void);
struct graph *share_graph(struct graph *graph);
void release_graph(struct graph *graph);
int run_graph(const struct graph *graph, stream *in);

#endif /* SSMC_EMULATOR_GRAPH_H */
