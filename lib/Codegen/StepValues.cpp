//===- StepValues.cpp - what a step takes and gives -----------------------===//

#include "lib/Codegen/StepValues.h"

#include "dialects/ssm/SsmOps.h"

using namespace mlir;
using namespace ssmc;

std::optional<StepValue> ssmc::stepArgument(Operation *op, unsigned i) {
  if (auto scan = dyn_cast<ssm::AssociativeScanOp>(op))
    return StepValue{scan.getStates()[i % scan.getStates().size()], {}};
  auto loop = dyn_cast<ssm::RecurrenceOp>(op);
  if (!loop)
    return std::nullopt;
  unsigned numXs = loop.getXs().size();
  if (i < numXs)
    return StepValue{loop.getXs()[i], loop.getAxes()[i]};
  return StepValue{loop.getStates()[i - numXs], {}};
}

std::optional<StepValue> ssmc::stepTarget(Operation *op, unsigned i) {
  if (auto scan = dyn_cast<ssm::AssociativeScanOp>(op))
    return StepValue{scan.getStates()[i], {}};
  auto loop = dyn_cast<ssm::RecurrenceOp>(op);
  if (!loop)
    return std::nullopt;
  unsigned numStates = loop.getStates().size();
  if (i < numStates)
    return StepValue{loop.getStates()[i], {}};
  unsigned y = i - numStates;
  return StepValue{loop.getYs()[y], loop.getAxes()[loop.getXs().size() + y]};
}
