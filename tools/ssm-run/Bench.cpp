//===- Bench.cpp - how fast a model runs ----------------------------------===//

#include "tools/ssm-run/Run.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"

#include <chrono>
#include <cmath>
#include <sys/resource.h>

using namespace llvm;
using namespace ssmc;

using Clock = std::chrono::steady_clock;

static double milliseconds(Clock::time_point since) {
  return std::chrono::duration<double, std::milli>(Clock::now() - since)
      .count();
}

/// The smallest time that at least a share `p` of all does not exceed.
static double percentile(ArrayRef<double> sorted, double p) {
  size_t rank = std::ceil(p * sorted.size());
  return sorted[std::max<size_t>(rank, 1) - 1];
}

/// Processor time of all threads so far, in milliseconds: what other programs
/// do on the machine is not in it.
static double processorTime() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  auto ms = [](timeval t) { return t.tv_sec * 1e3 + t.tv_usec * 1e-3; };
  return ms(usage.ru_utime) + ms(usage.ru_stime);
}

Error ssmc::bench(function_ref<Error()> run, int64_t tokens, int64_t threads,
                  const BenchOptions &options, raw_ostream &os) {
  // Warm up until pages, caches and clocks have settled: 0.3 s, 2 runs at
  // least.
  unsigned warmUp = 0;
  Clock::time_point start = Clock::now();
  for (; warmUp < 2 || milliseconds(start) < 300; ++warmUp)
    if (Error error = run())
      return error;
  std::vector<double> times;
  double busy = processorTime();
  start = Clock::now();
  while (options.runs ? times.size() < options.runs
                      : times.size() < 5 || milliseconds(start) < 2000) {
    Clock::time_point began = Clock::now();
    if (Error error = run())
      return error;
    times.push_back(milliseconds(began));
  }
  busy = (processorTime() - busy) / times.size();
  llvm::sort(times);
  double mean = 0;
  for (double time : times)
    mean += time / times.size();
  double p50 = percentile(times, 0.5), p99 = percentile(times, 0.99);
  double rate = tokens * 1000.0 / p50;
  if (options.json) {
    os << format("{\"runs\": %zu, \"warm_up_runs\": %u, \"threads\": %lld, "
                 "\"tokens\": %lld, \"ms\": %.6f, \"p50_ms\": %.6f, "
                 "\"p99_ms\": %.6f, \"min_ms\": %.6f, \"cpu_ms\": %.6f, "
                 "\"tokens_per_s\": %.3f}\n",
                 times.size(), warmUp, (long long)threads, (long long)tokens,
                 mean, p50, p99, times.front(), busy, rate);
    return Error::success();
  }
  os << format("%zu runs after %u to warm up, %lld threads: %.3f ms (p50), "
               "%.3f ms (p99), %.3f ms (mean), %.3f ms (least), %.3f ms of "
               "processor time\n",
               times.size(), warmUp, (long long)threads, p50, p99, mean,
               times.front(), busy);
  os << format("%.1f tokens/s (%lld tokens a run, by p50)\n", rate,
               (long long)tokens);
  return Error::success();
}
