//===- OnnxElementType.cpp - ONNX's numbers of element types --------------===//

#include "dialects/onnx/OnnxElementType.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

Type ssmc::elementTypeFromOnnx(MLIRContext *context, int64_t dataType) {
  Builder b(context);
  switch (dataType) {
  case 1:
    return b.getF32Type();
  case 2:
    return b.getIntegerType(8, /*isSigned=*/false);
  case 3:
    return b.getIntegerType(8);
  case 4:
    return b.getIntegerType(16, /*isSigned=*/false);
  case 5:
    return b.getIntegerType(16);
  case 6:
    return b.getIntegerType(32);
  case 7:
    return b.getIntegerType(64);
  case 9:
    return b.getI1Type();
  case 10:
    return b.getF16Type();
  case 11:
    return b.getF64Type();
  case 12:
    return b.getIntegerType(32, /*isSigned=*/false);
  case 13:
    return b.getIntegerType(64, /*isSigned=*/false);
  case 16:
    return b.getBF16Type();
  }
  return {};
}

int64_t ssmc::elementTypeToOnnx(Type type) {
  for (int64_t number = 1; number < 32; ++number)
    if (elementTypeFromOnnx(type.getContext(), number) == type)
      return number;
  return 0;
}
