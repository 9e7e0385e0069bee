//===- ExternalizeWeights.cpp - constants into the weight section ---------===//
//
// Offsets are given in the order in which the entries use the constants, so
// that a run reads the section from front to back. Attributes are uniqued by
// the context: a constant is known by the pointer of its attribute, and weights
// are never read here. A constant of equal elements is filled where it is used,
// unless it is packed: a pack is carried out when the weights are written.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CodegenPasses.h"
#include "lib/Codegen/Entry.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/MapVector.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMEXTERNALIZEWEIGHTS
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

/// Where the constants lie. A key is a value and how it is packed (or null).
class WeightSection {
public:
  explicit WeightSection(MLIRContext *context) : builder(context) {}

  int64_t place(ElementsAttr value, DictionaryAttr pack, ShapedType type) {
    auto [it, isNew] = offsets.try_emplace({value, pack}, size);
    if (isNew) {
      int64_t bytes =
          type.getNumElements() * elementBytes(type.getElementType());
      NamedAttrList weight;
      weight.append("value", value);
      weight.append("offset", builder.getI64IntegerAttr(size));
      weight.append("bytes", builder.getI64IntegerAttr(bytes));
      if (pack)
        weight.append("pack", pack);
      list.push_back(weight.getDictionary(builder.getContext()));
      size += llvm::alignTo(bytes, kAlignment);
    }
    return it->second;
  }

  void record(ModuleOp module) {
    module->setAttr(kWeightsAttr, builder.getArrayAttr(list));
    module->setAttr(kWeightsBytesAttr, builder.getI64IntegerAttr(size));
  }

private:
  Builder builder;
  llvm::DenseMap<std::pair<Attribute, Attribute>, int64_t> offsets;
  SmallVector<Attribute> list;
  int64_t size = 0;
};

/// What packaging has to know of a pack; null where it could not do it.
DictionaryAttr describePack(linalg::PackOp pack) {
  auto type = dyn_cast<RankedTensorType>(pack.getResult().getType());
  if (!type || !type.hasStaticShape() ||
      llvm::any_of(pack.getStaticInnerTiles(), ShapedType::isDynamic))
    return {};
  if (Value padding = pack.getPaddingValue();
      padding && !matchPattern(padding, m_AnyZeroFloat()) &&
      !matchPattern(padding, m_Zero()))
    return {};
  Builder builder(pack.getContext());
  NamedAttrList attrs;
  attrs.append("type", TypeAttr::get(type));
  attrs.append("inner_dims_pos",
               builder.getDenseI64ArrayAttr(pack.getInnerDimsPos()));
  attrs.append("inner_tiles",
               builder.getDenseI64ArrayAttr(pack.getStaticInnerTiles()));
  attrs.append("outer_dims_perm",
               builder.getDenseI64ArrayAttr(pack.getOuterDimsPerm()));
  return attrs.getDictionary(pack.getContext());
}

struct ExternalizeWeights
    : ssmc::impl::SsmExternalizeWeightsBase<ExternalizeWeights> {
  void runOnOperation() override {
    WeightSection section(&getContext());
    for (func::FuncOp entry : entries(getOperation()))
      externalize(entry, section);
    section.record(getOperation());
  }

  void externalize(func::FuncOp entry, WeightSection &section) {
    OpBuilder builder(&getContext());
    Value bytes;
    auto viewAt = [&](Location loc, int64_t offset, ShapedType type) -> Value {
      builder.setInsertionPointToStart(&entry.getBody().front());
      if (!bytes)
        bytes = bytesAt(builder, entry.getLoc(), entry.getArgument(kWeights));
      builder.setInsertionPointAfterValue(bytes);
      Value at = arith::ConstantIndexOp::create(builder, loc, offset);
      auto memref = MemRefType::get(type.getShape(), type.getElementType());
      Value view = viewOf(builder, loc, bytes, at, memref, {});
      return bufferization::ToTensorOp::create(
          builder, loc,
          RankedTensorType::get(type.getShape(), type.getElementType()), view,
          /*restrict=*/true, /*writable=*/false);
    };

    SmallVector<arith::ConstantOp> constants;
    entry.walk([&](arith::ConstantOp op) {
      if (isa<RankedTensorType>(op.getType()))
        constants.push_back(op);
    });
    llvm::MapVector<std::pair<Attribute, Attribute>, Value> views;
    for (arith::ConstantOp op : constants) {
      auto value = dyn_cast<ElementsAttr>(op.getValue());
      auto type = cast<RankedTensorType>(op.getType());
      if (!value)
        continue;
      Location loc = op.getLoc();
      auto find = [&](DictionaryAttr pack, ShapedType placed) -> Value {
        Value &view = views[{value, pack}];
        if (!view)
          view = viewAt(loc, section.place(value, pack, placed), placed);
        return view;
      };
      auto replacePacks = [&](Value source) {
        for (Operation *user : llvm::make_early_inc_range(source.getUsers())) {
          auto pack = dyn_cast<linalg::PackOp>(user);
          DictionaryAttr how = pack ? describePack(pack) : DictionaryAttr();
          if (!how)
            continue;
          pack.getResult().replaceAllUsesWith(
              find(how, cast<ShapedType>(pack.getResult().getType())));
          pack.erase();
        }
      };
      replacePacks(op);
      // A packed weight may be stored in a narrower type.
      for (Operation *user : llvm::make_early_inc_range(op->getUsers())) {
        auto narrowed = dyn_cast<arith::TruncFOp>(user);
        if (!narrowed)
          continue;
        replacePacks(narrowed);
        if (narrowed->use_empty())
          narrowed.erase();
      }
      if (!op->use_empty()) {
        auto splat = dyn_cast<SplatElementsAttr>(value);
        builder.setInsertionPoint(op);
        op.replaceAllUsesWith(splat ? fill(builder, loc, type, splat)
                                    : find({}, type));
      }
      op.erase();
    }
  }

  Value fill(OpBuilder &builder, Location loc, RankedTensorType type,
             SplatElementsAttr value) {
    Value element = arith::ConstantOp::create(
        builder, loc, cast<TypedAttr>(value.getSplatValue<Attribute>()));
    Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                          type.getElementType());
    return linalg::FillOp::create(builder, loc, element, empty).getResult(0);
  }
};

} // namespace
