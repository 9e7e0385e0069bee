//===- SsmOps.h - the ssm dialect -------------------------------*- C++ -*-===//

#pragma once

#include "dialects/ssm/SsmMixerShape.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Complex/IR/Complex.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/ssm/SsmDialect.h.inc"
#include "dialects/ssm/SsmEnums.h.inc"
#include "dialects/ssm/SsmInterfaces.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/ssm/SsmAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/ssm/SsmOps.h.inc"
