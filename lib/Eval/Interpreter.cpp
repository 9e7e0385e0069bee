//===- Interpreter.cpp - evaluates ops by what they decompose to ----------===//

#include "lib/Eval/Interpreter.h"

using namespace mlir;
using namespace ssmc;

LogicalResult ssmc::evaluateByDecomposition(Operation *op, ArrayRef<Tensor>,
                                            SmallVectorImpl<Tensor> &,
                                            std::string &error) {
  error = "'" + op->getName().getStringRef().str() + "' cannot be evaluated";
  return failure();
}
