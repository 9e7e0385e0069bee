//===- CpuTarget.cpp - the CPU that code is generated for -----------------===//

#include "lib/Codegen/CpuTarget.h"

#include "ssmrt/ssmrt.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
#include "llvm/TargetParser/X86TargetParser.h"

using namespace mlir;
using namespace ssmc;

// On the host, a virtual machine may hide features that its CPU name implies:
// the features are asked for, not derived from the name.
static SmallVector<std::string> getHostFeatures() {
  SmallVector<std::string> features;
  for (const auto &feature : llvm::sys::getHostCPUFeatures())
    if (feature.second)
      features.push_back("+" + feature.first().str());
  return features;
}

// Those that a model's descriptor records.
static SmallVector<std::string> recorded(ArrayRef<std::string> features) {
  SmallVector<std::string> result;
#define SSMRT_KEEP(name, bit, text)                                            \
  if (llvm::is_contained(features, "+" text))                                  \
    result.push_back("+" text);
  SSMRT_CPU_FEATURES(SSMRT_KEEP)
#undef SSMRT_KEEP
  return result;
}

FailureOr<CpuTarget> CpuTarget::get(StringRef cpu) {
  CpuTarget target;
  target.triple = llvm::sys::getProcessTriple();
  llvm::Triple triple(target.triple);
  SmallVector<std::string> features;
  if (cpu.empty() || cpu == "host") {
    target.name = llvm::sys::getHostCPUName().str();
    features = getHostFeatures();
  } else {
    target.name = cpu.str();
    if (triple.isX86()) {
      if (llvm::X86::parseArchX86(cpu) == llvm::X86::CK_None)
        return failure();
      SmallVector<StringRef> known;
      llvm::X86::getFeaturesForCPU(cpu, known, /*NeedPlus=*/true);
      for (StringRef feature : known)
        features.push_back(feature.str());
    }
  }
  target.baseline = target.name;
  if (triple.isX86()) {
    target.baseline = "x86-64";
    features = recorded(features);
  }
  target.features = llvm::join(features, ",");
  if (!triple.isX86()) {
    // Other 64-bit targets: 128-bit vectors with a fused multiply-add.
    target.registers = 32;
    target.fma = true;
    return target;
  }
  auto has = [&](StringRef feature) {
    return llvm::is_contained(features, ("+" + feature).str());
  };
  target.fma = has("fma");
  target.avx512 =
      has("avx512f") && has("avx512vl") && has("avx512dq") && has("avx512bw");
  target.bf16Dot = target.avx512 && has("avx512bf16");
  if (target.avx512) {
    target.lanes = 16;
    target.registers = 32;
  } else if (has("avx2") && target.fma) {
    target.lanes = 8;
  }
  return target;
}
