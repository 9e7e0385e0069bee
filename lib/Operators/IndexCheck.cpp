//===- IndexCheck.cpp - what the data may not ask for ---------------------===//
//
// Reads are clamped where they happen, so that loops stay free of branches.
// Whether any index was outside is found by a loop over the indices alone, and
// asserted once: `cf.assert` with the node's name, where the code generator
// ends the run. Extents that an operator compares in a way of its own are
// asserted here, too; that those of operands are equal is found by
// `ssm-check-extents`.
//
//===----------------------------------------------------------------------===//

#include "lib/Operators/IndexLowering.h"

#include "dialects/onnx/OnnxLocation.h"
#include "lib/Operators/Extents.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace ssmc;

// "node 'x' (Gather): ", nothing for what belongs to no node of the model.
static std::string describePlace(Location loc) {
  std::string node = onnx::describeNode(loc);
  return node.empty() ? node : node + ": ";
}

// "the range -8 to 7 of axis 0", the range only where the extent is known.
static std::string describeRange(int64_t axis, OpFoldResult extent,
                                 bool fromEnd) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (auto known = getConstantIntValue(extent))
    os << "the range " << (fromEnd ? -*known : 0) << " to " << *known - 1
       << " of ";
  os << "axis " << axis << " of its data";
  return text;
}

// True if the compiler sees that every index is within the extent.
static bool knownInside(LowerContext &ctx, unsigned input,
                        ArrayRef<OpFoldResult> extents, bool fromEnd) {
  auto known = ctx.knownElements(input);
  auto extent = getConstantIntValue(extents.front());
  return known && extent && extents.size() == 1 &&
         llvm::all_of(*known, [&](AffineExpr index) {
           auto constant = constantExtent(index);
           return constant && (fromEnd || *constant >= 0) &&
                  normalizeAxis(*constant, *extent);
         });
}

void ssmc::checkIndices(LowerContext &ctx, unsigned input, int64_t axis,
                        ArrayRef<OpFoldResult> extents, bool fromEnd) {
  if (extents.empty() || knownInside(ctx, input, extents, fromEnd))
    return;
  OpBuilder &b = ctx.builder;
  Location loc = ctx.loc();
  Value indices = ctx.input(input);
  int64_t rank = cast<RankedTensorType>(indices.getType()).getRank();
  Type flag = b.getI1Type();
  Value yes = arith::ConstantIntOp::create(b, loc, 1, 1);
  Value empty = tensor::EmptyOp::create(b, loc, ArrayRef<int64_t>{}, flag);
  Value start = linalg::FillOp::create(b, loc, yes, empty).getResult(0);
  SmallVector<Value> bounds;
  for (OpFoldResult extent : extents)
    bounds.push_back(indexValue(b, loc, extent));
  SmallVector<AffineMap> maps{b.getMultiDimIdentityMap(rank),
                              AffineMap::get(rank, 0, b.getContext())};
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::reduction);
  auto all = linalg::GenericOp::create(
      b, loc, start.getType(), indices, start, maps, iterators,
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Value index = toIndex(b, loc, args[0]), extent = bounds.front();
        for (size_t k = 1; k < bounds.size(); ++k) {
          Value component = linalg::IndexOp::create(b, loc, rank - 1);
          Value isIt =
              arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, component,
                                    indexConstant(b, loc, k));
          extent = arith::SelectOp::create(b, loc, isIt, bounds[k], extent);
        }
        if (fromEnd) { // -extent <= index < extent
          index = arith::AddIOp::create(b, loc, index, extent);
          extent = arith::AddIOp::create(b, loc, extent, extent);
        }
        // Without signs, a negative number is large.
        Value inside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult,
                                             index, extent);
        linalg::YieldOp::create(
            b, loc, arith::AndIOp::create(b, loc, args[1], inside).getResult());
      });
  Value inside =
      tensor::ExtractOp::create(b, loc, all.getResult(0), ValueRange{});
  std::string message;
  llvm::raw_string_ostream os(message);
  os << describePlace(loc) << "an index in input " << input << " is outside of "
     << (extents.size() == 1
             ? describeRange(axis, extents.front(), fromEnd)
             : "its data, from axis " + std::to_string(axis) + " on");
  cf::AssertOp::create(b, loc, inside, message);
}

void ssmc::checkEqual(OpBuilder &b, Location loc, OpFoldResult found,
                      OpFoldResult expected, StringRef what) {
  if (isEqualConstantIntOrValue(found, expected))
    return;
  Value same = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                     indexValue(b, loc, found),
                                     indexValue(b, loc, expected));
  cf::AssertOp::create(b, loc, same, describePlace(loc) + what.str());
}

void ssmc::checkHolds(OpBuilder &b, Location loc, Value condition,
                      StringRef what) {
  cf::AssertOp::create(b, loc, condition, describePlace(loc) + what.str());
}

void ssmc::checkIndexExtents(LowerContext &ctx, Value indices, Value data,
                             int64_t axis) {
  OpBuilder &b = ctx.builder;
  Location loc = ctx.loc();
  SmallVector<OpFoldResult> extents = tensor::getMixedSizes(b, loc, indices),
                            most = tensor::getMixedSizes(b, loc, data);
  for (auto [d, extent] : llvm::enumerate(extents)) {
    auto known = getConstantIntValue(extent),
         limit = getConstantIntValue(most[d]);
    if (static_cast<int64_t>(d) == axis || (known && limit && *known <= *limit))
      continue;
    // Compared for equality with the smaller, so that both numbers are told.
    Value own = indexValue(b, loc, extent);
    Value smaller =
        arith::MinSIOp::create(b, loc, own, indexValue(b, loc, most[d]));
    checkEqual(b, loc, own, smaller,
               "the indices are larger than the data in dimension " +
                   std::to_string(d));
  }
}

void ssmc::checkRepeats(OpBuilder &b, Location loc, OpFoldResult from,
                        OpFoldResult to) {
  if (isEqualConstantIntOrValue(from, to) || getConstantIntValue(from) == 1)
    return;
  Value extent = indexValue(b, loc, from);
  Value one = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, extent,
                                    indexConstant(b, loc, 1));
  // Where it is repeated it may be any number: compared with itself.
  Value target =
      arith::SelectOp::create(b, loc, one, extent, indexValue(b, loc, to));
  checkEqual(b, loc, extent, target,
             "an extent is neither 1 nor that of the target");
}
