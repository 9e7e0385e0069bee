//===- HopperProducts.cpp - products of warp groups, and their operands ---===//
//
// A product is one statement of assembly, with as many wgmma of 16 columns as
// it takes: LLVM has no intrinsic for left operands in registers, and so both
// kinds are alike. Accumulators are tied to the statement's results, and those
// again to the wait's, which orders all uses behind it.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Gpu/HopperBuilder.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace ssmc;

// Bytes of 8 rows of a box, which a descriptor counts in 16 bytes.
static constexpr int64_t groupBytes = 8 * kBoxRowBytes;
static constexpr int64_t stepColumns = 16;

Value HopperBuilder::descriptor(Value base, int64_t leading, int64_t stride) {
  Value address = LLVM::PtrToIntOp::create(*this, getI32Type(), base);
  address = bitAnd(shiftRight(address, 4), 0x3fff);
  Value low = arith::ExtUIOp::create(*this, getI64Type(), address);
  int64_t rest = (leading >> 4) << 16 | (stride >> 4) << 32 | int64_t(1) << 62;
  return arith::OrIOp::create(*this, low, i64(rest));
}

HopperBuilder::Tile HopperBuilder::tile(Value base, int64_t columns,
                                        int64_t boxBytes) {
  Tile tile{descriptor(base, stepColumns, groupBytes), {}, false};
  for (int64_t c = 0; c < columns; c += stepColumns)
    tile.steps.push_back(c / kBoxColumns * boxBytes + c % kBoxColumns * 2);
  return tile;
}
HopperBuilder::Tile HopperBuilder::transposedTile(Value base, int64_t rows,
                                                  int64_t boxBytes) {
  Tile tile{descriptor(base, boxBytes, groupBytes), {}, true};
  for (int64_t r = 0; r < rows; r += stepColumns)
    tile.steps.push_back(r * kBoxRowBytes);
  return tile;
}
HopperBuilder::Tile HopperBuilder::shifted(const Tile &tile, Value bytes) {
  Tile result = tile;
  Value by = arith::ExtUIOp::create(*this, getI64Type(), shiftRight(bytes, 4));
  result.descriptor = arith::AddIOp::create(*this, tile.descriptor, by);
  return result;
}

static LLVM::InlineAsmOp assembly(HopperBuilder &b, Type result,
                                  ValueRange operands, StringRef text,
                                  StringRef constraints) {
  return LLVM::InlineAsmOp::create(
      b, result, operands, text, constraints, /*has_side_effects=*/true,
      /*is_align_stack=*/false, LLVM::tailcallkind::TailCallKind::None,
      LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT),
      ArrayAttr());
}

/// The f32 results of a statement.
static HopperBuilder::Values results(HopperBuilder &b, ValueRange operands,
                                     size_t count, StringRef text,
                                     StringRef constraints) {
  SmallVector<Type> types(count, b.getF32Type());
  auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), types);
  Value all = assembly(b, type, operands, text, constraints).getResult(0);
  HopperBuilder::Values values;
  for (size_t i = 0; i < count; ++i)
    values.push_back(
        LLVM::ExtractValueOp::create(b, all, static_cast<int64_t>(i)));
  return values;
}

/// "{$first, .., $last}"
static std::string operandList(size_t first, size_t count) {
  std::string text = "{";
  for (size_t i = 0; i < count; ++i)
    text += (i ? ", $" : "$") + std::to_string(first + i);
  return text + "}";
}

HopperBuilder::Values HopperBuilder::issue(int64_t n, ValueRange acc,
                                           ValueRange left,
                                           const Tile *leftTile,
                                           const Tile &right) {
  size_t count = n / 2, steps = right.steps.size();
  Values operands(acc);
  std::string constraints;
  for (size_t i = 0; i < count; ++i)
    constraints += acc.empty() ? "=&f," : "=f,";
  for (size_t i = 0; i < acc.size(); ++i)
    constraints += std::to_string(i) + ",";
  size_t next = count + acc.size(), firstLeft = next;
  for (Value value : left) {
    operands.push_back(value);
    constraints += "r,";
    ++next;
  }
  if (leftTile) {
    operands.push_back(leftTile->descriptor);
    constraints += "l,";
    ++next;
  }
  operands.push_back(right.descriptor);
  constraints += "l";

  std::string text;
  llvm::raw_string_ostream os(text);
  os << "{\n.reg .pred clear, keep;\n.reg .b64 da, db;\n"
        "setp.ne.b32 clear, 0, 0;\nsetp.eq.b32 keep, 0, 0;\n"
        "wgmma.fence.sync.aligned;\n";
  StringRef type = element.isBF16() ? "bf16" : "f16";
  for (size_t step = 0; step < steps; ++step) {
    os << "add.s64 db, $" << next << ", " << (right.steps[step] >> 4) << ";\n";
    if (leftTile)
      os << "add.s64 da, $" << firstLeft << ", " << (leftTile->steps[step] >> 4)
         << ";\n";
    os << "wgmma.mma_async.sync.aligned.m64n" << n << "k16.f32." << type << "."
       << type << " " << operandList(0, count) << ", "
       << (leftTile ? "da" : operandList(firstLeft + 4 * step, 4)) << ", db, "
       << (acc.empty() && step == 0 ? "clear" : "keep") << ", 1, 1, ";
    if (leftTile)
      os << int(leftTile->transposed) << ", ";
    os << int(right.transposed) << ";\n";
  }
  os << "wgmma.commit_group.sync.aligned;\n}";
  return results(*this, operands, count, text, constraints);
}

HopperBuilder::Values HopperBuilder::product(int64_t n, ValueRange acc,
                                             const Tile &a, const Tile &b) {
  return issue(n, acc, {}, &a, b);
}
HopperBuilder::Values HopperBuilder::product(int64_t n, ValueRange acc,
                                             ValueRange a, const Tile &b) {
  return issue(n, acc, a, nullptr, b);
}

/// A statement that gives back its operands.
static HopperBuilder::Values tied(HopperBuilder &b, ValueRange values,
                                  StringRef text) {
  std::string constraints;
  for (size_t i = 0; i < values.size(); ++i)
    constraints += "=f,";
  for (size_t i = 0; i < values.size(); ++i)
    constraints += std::to_string(i) + (i + 1 < values.size() ? "," : "");
  return results(b, values, values.size(), text, constraints);
}
HopperBuilder::Values HopperBuilder::pin(ValueRange values) {
  return tied(*this, values, "");
}
HopperBuilder::Values HopperBuilder::waitProducts(int64_t pending,
                                                  ValueRange values) {
  return tied(*this, values,
              "wgmma.wait_group.sync.aligned " + std::to_string(pending) + ";");
}

//===- Fragments ----------------------------------------------------------===//
//
// Four matrices of 8 x 8 move at once; lanes 8i to 8i + 7 name the rows of the
// i-th. In the order of fragments: rows 0-7 and 8-15, then the columns' second
// half. Where rows in memory are a fragment's columns, it is the other way.

HopperBuilder::Lanes HopperBuilder::lanesOfRows(Value firstRow) {
  Value lane = bitAnd(thread(), 31);
  Value row8 = bitAnd(lane, 7), matrix = shiftRight(lane, 3);
  Value row = add(add(firstRow, mul(bitAnd(matrix, 1), 8)), row8);
  return {mul(row, kBoxRowBytes), shiftRight(matrix, 1), row8};
}
Value HopperBuilder::pieceOf(const Lanes &lanes, int64_t column16) {
  Value piece = bitXor(add(lanes.piece, 2 * column16), lanes.row8);
  return add(lanes.rowBytes, mul(piece, 16));
}
HopperBuilder::Lanes HopperBuilder::lanesOfColumns(Value firstColumn) {
  Value lane = bitAnd(thread(), 31);
  Value row8 = bitAnd(lane, 7), matrix = shiftRight(lane, 3);
  Value row = add(mul(shiftRight(matrix, 1), 8), row8);
  Value piece = add(shiftRight(firstColumn, 3), bitAnd(matrix, 1));
  return {mul(row, kBoxRowBytes), piece, row8};
}
void HopperBuilder::storeMatrices(Value to, ValueRange packed,
                                  bool transposed) {
  NVVM::StMatrixOp::create(*this, to, packed,
                           transposed ? NVVM::MMALayout::col
                                      : NVVM::MMALayout::row,
                           NVVM::LdStMatrixShapeAttr::get(getContext(), 8, 8),
                           NVVM::LdStMatrixEltType::B16);
}
HopperBuilder::Values HopperBuilder::loadMatrices(Value from, bool transposed) {
  SmallVector<Type> types(4, getI32Type());
  auto type = LLVM::LLVMStructType::getLiteral(getContext(), types);
  Value all = NVVM::LdMatrixOp::create(
      *this, type, from, 4,
      transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row,
      NVVM::LdStMatrixShapeAttr::get(getContext(), 8, 8),
      NVVM::LdStMatrixEltType::B16);
  Values values;
  for (int64_t i = 0; i < 4; ++i)
    values.push_back(LLVM::ExtractValueOp::create(*this, all, i));
  return values;
}
void HopperBuilder::storeTile(Value base, int64_t boxBytes, const Lanes &lanes,
                              ValueRange packed) {
  for (size_t j = 0; 4 * j < packed.size(); ++j) {
    Value to = at(at(base, static_cast<int64_t>(j / 4) * boxBytes),
                  pieceOf(lanes, j % 4));
    storeMatrices(to, packed.slice(4 * j, 4), /*transposed=*/false);
  }
}
