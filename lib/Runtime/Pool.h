/*===- Pool.h - the threads of the process
 * ----------------------------------===*/

#ifndef SSMRT_POOL_H
#define SSMRT_POOL_H

#include "ssmrt/ssmrt.h"

/* Processors this process may run on. */
int64_t ssmrt_pool_processors(void);

/* A ssmrt_parallel_for_fn; `pool` points to the number of threads, an int64_t,
 * that the loop may use, its caller among them. */
void ssmrt_pool_parallel_for(void *pool, int64_t n, ssmrt_loop_body body,
                             void *data);

#endif /* SSMRT_POOL_H */
