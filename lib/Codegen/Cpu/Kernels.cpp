//===- Kernels.cpp - which strategies have a kernel -----------------------===//

#include "lib/Codegen/Cpu/Kernels.h"

using namespace mlir;
using namespace ssmc;
using ssm::Strategy;

static constexpr std::pair<StringLiteral, Strategy> kernels[] = {
    {"ssm.scan", Strategy::Recurrent},
    {"ssm.selective_scan", Strategy::Recurrent},
    {"ssm.short_conv", Strategy::Recurrent},
    {"ssm.long_conv", Strategy::Recurrent},
    {"ssm.long_conv", Strategy::Fft},
    {"ssm.quasiseparable", Strategy::Recurrent},
    {"ssm.attention", Strategy::Recurrent},
    {"ssm.semiseparable", Strategy::Chunked},
    {"ssm.delta_rule", Strategy::Chunked},
};

bool ssmc::isCpuKernel(StringRef op, Strategy strategy) {
  return llvm::any_of(kernels, [&](const auto &kernel) {
    return kernel.first == op && kernel.second == strategy;
  });
}

SmallVector<std::string> ssmc::listCpuKernels() {
  SmallVector<std::string> names;
  for (const auto &[op, strategy] : kernels)
    names.push_back((op + ":" + stringifyStrategy(strategy)).str());
  return names;
}
