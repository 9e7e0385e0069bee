/*===- Pool.c - the threads of the process
 *----------------------------------===*
 *
 * One pool serves every model and every calling thread. A parallel loop is a
 * job on its caller's stack: the caller links it into the list of open jobs,
 * works on it itself, unlinks it when no piece is left, and waits for those who
 * joined. Workers join any open job that wants more hands; so two callers share
 * the pool, and a caller never waits for another's loop.
 *
 * Workers are started when a loop first wants them and stay. Between loops of
 * one run only microseconds pass, so a worker first watches the job counter for
 * a while and only then sleeps; likewise a caller who waits for its helpers.
 *===----------------------------------------------------------------------===*/

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sched_getaffinity */
#endif

#include "lib/Runtime/Pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

enum {
  kMaxWorkers = 255,
  kPiecesPerThread = 4, /* so that a late thread holds up little */
  kSpins = 2000         /* some tens of microseconds */
};

typedef struct job {
  struct job *next;
  ssmrt_loop_body body;
  void *data;
  int64_t n, piece;
  int64_t taken;   /* start of the next piece; atomic */
  int64_t wanted;  /* helpers that may still join; under the mutex */
  int64_t helpers; /* helpers at work; written under the mutex, atomic */
} job;

static struct {
  pthread_mutex_t mutex;
  pthread_cond_t opened;  /* a job was linked */
  pthread_cond_t drained; /* a job's last helper left */
  job *jobs;
  int64_t workers, sleepers;
  uint64_t opened_count; /* jobs ever linked; written under the mutex, atomic */
} pool = {PTHREAD_MUTEX_INITIALIZER,
          PTHREAD_COND_INITIALIZER,
          PTHREAD_COND_INITIALIZER,
          NULL,
          0,
          0,
          0};

/* A loop inside a loop runs on the thread that meets it. */
static __thread int inside_loop;

static void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

static void work(job *j) {
  int outer = inside_loop;
  inside_loop = 1;
  for (;;) {
    int64_t begin = __atomic_fetch_add(&j->taken, j->piece, __ATOMIC_RELAXED);
    if (begin >= j->n)
      break;
    int64_t end = j->n - begin < j->piece ? j->n : begin + j->piece;
    j->body(j->data, begin, end);
  }
  inside_loop = outer;
}

/* An open job with a free place and pieces left. Called under the mutex. */
static job *find_job(void) {
  for (job *j = pool.jobs; j; j = j->next)
    if (j->wanted > 0 && __atomic_load_n(&j->taken, __ATOMIC_RELAXED) < j->n)
      return j;
  return NULL;
}

static void *worker_main(void *unused) {
  (void)unused;
  pthread_mutex_lock(&pool.mutex);
  for (;;) {
    job *j = find_job();
    if (j) {
      --j->wanted;
      __atomic_fetch_add(&j->helpers, 1, __ATOMIC_RELAXED);
      pthread_mutex_unlock(&pool.mutex);
      work(j);
      pthread_mutex_lock(&pool.mutex);
      /* After this the job may be gone. */
      if (__atomic_sub_fetch(&j->helpers, 1, __ATOMIC_RELEASE) == 0)
        pthread_cond_broadcast(&pool.drained);
      continue;
    }
    uint64_t seen = pool.opened_count;
    pthread_mutex_unlock(&pool.mutex);
    for (int i = 0; i < kSpins; ++i) {
      if (__atomic_load_n(&pool.opened_count, __ATOMIC_RELAXED) != seen)
        break;
      relax();
    }
    pthread_mutex_lock(&pool.mutex);
    if (pool.opened_count == seen) {
      ++pool.sleepers;
      pthread_cond_wait(&pool.opened, &pool.mutex);
      --pool.sleepers;
    }
  }
  return NULL;
}

/* In a process that fork made, none but the calling thread is there. */
static void forget_workers(void) {
  pthread_mutex_init(&pool.mutex, NULL);
  pthread_cond_init(&pool.opened, NULL);
  pthread_cond_init(&pool.drained, NULL);
  pool.jobs = NULL;
  pool.workers = pool.sleepers = 0;
}

static void watch_forks(void) { pthread_atfork(NULL, NULL, forget_workers); }

/* Called under the mutex. Fewer workers than wanted are no error. Workers block
 * all signals: those of the process are for the threads it knows. */
static void start_workers(int64_t wanted) {
  if (pool.workers >= wanted)
    return;
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, watch_forks);
  sigset_t all, mask;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &mask);
  while (pool.workers < wanted && pool.workers < kMaxWorkers) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, worker_main, NULL) != 0)
      break;
    pthread_detach(thread);
    ++pool.workers;
  }
  pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

static void open_job(job *j) {
  pthread_mutex_lock(&pool.mutex);
  start_workers(j->wanted);
  j->next = pool.jobs;
  pool.jobs = j;
  __atomic_fetch_add(&pool.opened_count, 1, __ATOMIC_RELAXED);
  if (pool.sleepers > 0) {
    if (j->wanted == 1)
      pthread_cond_signal(&pool.opened);
    else
      pthread_cond_broadcast(&pool.opened);
  }
  pthread_mutex_unlock(&pool.mutex);
}

static void close_job(job *j) {
  pthread_mutex_lock(&pool.mutex);
  job **link = &pool.jobs;
  while (*link != j)
    link = &(*link)->next;
  *link = j->next;
  pthread_mutex_unlock(&pool.mutex);
  /* Nobody can join any more. */
  for (int i = 0; i < kSpins; ++i) {
    if (__atomic_load_n(&j->helpers, __ATOMIC_ACQUIRE) == 0)
      break;
    relax();
  }
  /* The last helper still holds the mutex for a moment after it has left. */
  pthread_mutex_lock(&pool.mutex);
  while (__atomic_load_n(&j->helpers, __ATOMIC_ACQUIRE) != 0)
    pthread_cond_wait(&pool.drained, &pool.mutex);
  pthread_mutex_unlock(&pool.mutex);
}

int64_t ssmrt_pool_processors(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) != 0)
    return 1;
  int count = CPU_COUNT(&set);
  return count > 0 ? count : 1;
}

void ssmrt_pool_parallel_for(void *threads, int64_t n, ssmrt_loop_body body,
                             void *data) {
  int64_t hands = *(const int64_t *)threads;
  if (hands > n)
    hands = n;
  if (hands > kMaxWorkers + 1)
    hands = kMaxWorkers + 1;
  if (hands <= 1 || inside_loop) {
    body(data, 0, n);
    return;
  }
  int64_t pieces = hands * kPiecesPerThread;
  job j = {.body = body, .data = data, .n = n, .wanted = hands - 1};
  j.piece = n / pieces + (n % pieces != 0);
  open_job(&j);
  work(&j);
  close_job(&j);
}
