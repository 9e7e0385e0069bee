//===- SsmDialect.cpp - registration of the ssm dialect -------------------===//

#include "dialects/ssm/SsmOps.h"
#include "dialects/ssm/SsmParallelTime.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Transforms/InliningUtils.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::ssm;

#include "dialects/ssm/SsmDialect.cpp.inc"
#include "dialects/ssm/SsmEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/ssm/SsmAttrs.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/ssm/SsmOps.cpp.inc"

namespace {
/// What an op computes does not depend on the function that it stands in.
struct SsmInliner : DialectInlinerInterface {
  using DialectInlinerInterface::DialectInlinerInterface;
  bool isLegalToInline(Operation *, Region *, bool, IRMapping &) const final {
    return true;
  }
  bool isLegalToInline(Region *, Region *, bool, IRMapping &) const final {
    return true;
  }
};
} // namespace

void SsmDialect::initialize() {
  addInterfaces<SsmInliner>();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/ssm/SsmAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/ssm/SsmOps.cpp.inc"
      >();
  attachTilingModels(getContext());
}
