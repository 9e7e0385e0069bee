//===- SsmStrategy.cpp - the strategies of the mixers ---------------------===//

#include "dialects/ssm/SsmStrategy.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::ssm;

//===----------------------------------------------------------------------===//
// Which op has which
//===----------------------------------------------------------------------===//

static std::string always(Operation *) { return {}; }
static std::string ifFloats(Operation *op) {
  for (Type type : op->getOperandTypes())
    if (!isa<FloatType>(cast<ShapedType>(type).getElementType()))
      return "its elements are no real floats";
  return {};
}

namespace {
struct Row {
  StringRef op;
  Strategy strategy;
  std::string (*condition)(Operation *);
};
} // namespace

static ArrayRef<Row> getRows() {
  static const Row rows[] = {
#define SSM_STRATEGY(Op, Kind, Condition)                                      \
  {Op::getOperationName(), Strategy::Kind, Condition},
#include "dialects/ssm/SsmStrategies.def"
  };
  return rows;
}

SmallVector<Strategy> mlir::ssm::getStrategies(StringRef opName) {
  SmallVector<Strategy> strategies;
  for (const Row &row : getRows())
    if (row.op == opName)
      strategies.push_back(row.strategy);
  return strategies;
}

SmallVector<Strategy> mlir::ssm::getStrategies(Operation *op) {
  SmallVector<Strategy> strategies =
      getStrategies(op->getName().getStringRef());
  llvm::erase_if(strategies, [&](Strategy strategy) {
    return !whyNotApplicable(op, strategy).empty();
  });
  return strategies;
}

std::string mlir::ssm::whyNotApplicable(Operation *op, Strategy strategy) {
  for (const Row &row : getRows())
    if (row.op == op->getName().getStringRef() && row.strategy == strategy)
      return row.condition(op);
  return "ops of this kind have no such strategy";
}

SmallVector<StringRef> mlir::ssm::getMixersWithStrategies() {
  SmallVector<StringRef> names;
  for (const Row &row : getRows())
    if (!llvm::is_contained(names, row.op))
      names.push_back(row.op);
  return names;
}

std::string mlir::ssm::listStrategies(ArrayRef<Strategy> strategies) {
  std::string text;
  for (Strategy strategy : strategies)
    text += (text.empty() ? "" : ", ") + stringifyStrategy(strategy).str();
  return text.empty() ? "none" : text;
}

//===----------------------------------------------------------------------===//
// The attribute
//===----------------------------------------------------------------------===//

LogicalResult StrategyAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   Strategy kind, int64_t chunk) {
  if (chunk < 0)
    return emitError() << "chunk must be at least 1, but is " << chunk;
  if (chunk > 0 && kind != Strategy::Chunked &&
      kind != Strategy::AssociativeScan)
    return emitError() << stringifyStrategy(kind) << " has no chunk";
  return success();
}

LogicalResult SsmDialect::verifyOperationAttribute(Operation *op,
                                                   NamedAttribute attribute) {
  if (attribute.getName() != kStrategyAttr)
    return success();
  if (!isa<MixerOpInterface>(op))
    return op->emitOpError("is no mixer, so it has no '")
           << kStrategyAttr << "'";
  auto strategy = dyn_cast<StrategyAttr>(attribute.getValue());
  if (!strategy)
    return op->emitOpError("'")
           << kStrategyAttr << "' must be a #ssm.strategy, but is "
           << attribute.getValue();
  std::string reason = whyNotApplicable(op, strategy.getKind());
  if (reason.empty())
    return success();
  return op->emitOpError("cannot be computed by strategy ")
         << stringifyStrategy(strategy.getKind()) << ": " << reason
         << "; it has: " << listStrategies(getStrategies(op));
}

StrategyAttr mlir::ssm::getStrategy(Operation *op) {
  return op->getAttrOfType<StrategyAttr>(kStrategyAttr);
}

//===----------------------------------------------------------------------===//
// Lowering
//===----------------------------------------------------------------------===//

int64_t mlir::ssm::getDefaultChunk(Operation *op, Strategy strategy) {
  if (strategy == Strategy::AssociativeScan)
    return 256;
  Value decay = llvm::TypeSwitch<Operation *, Value>(op)
                    .Case<SemiseparableOp, DeltaRuleOp>(
                        [](auto op) { return op.getDecay(); })
                    .Case([](QuasiseparableOp op) { return op.getGf(); })
                    .Default([](Operation *) { return Value(); });
  bool isPerKey = decay && cast<ShapedType>(decay.getType()).getRank() % 2 == 0;
  return isPerKey ? 16 : 64;
}

FailureOr<SmallVector<Value>>
mlir::ssm::lowerByStrategy(OpBuilder &b, Operation *op, StrategyAttr strategy) {
  if (!cast<DestinationStyleOpInterface>(op).hasPureTensorSemantics())
    return failure();
  Strategy kind = strategy.getKind();
  if (kind == Strategy::Recurrent)
    return cast<linalg::AggregatedOpInterface>(op).decomposeOperation(b);
  if (kind == Strategy::Fft)
    return lowerByFft(b, cast<LongConvOp>(op));
  int64_t chunk = 0;
  if (kind != Strategy::Dense)
    chunk =
        strategy.getChunk() ? strategy.getChunk() : getDefaultChunk(op, kind);
  return llvm::TypeSwitch<Operation *, SmallVector<Value>>(op)
      .Case<SemiseparableOp, DeltaRuleOp, QuasiseparableOp>(
          [&](auto op) { return lowerInChunks(b, op, chunk); })
      .Case([&](AssociativeScanOp op) {
        return lowerByAssociativity(b, op, chunk);
      })
      .Case<ScanOp, SelectiveScanOp>([&](auto op) {
        return chunk ? lowerByAssociativity(b, op, chunk)
                     : lowerByMatrix(b, op);
      })
      .Case([&](AttentionOp op) { return lowerAtOnce(b, op); })
      .Default([&](Operation *op) { return lowerByMatrix(b, op); });
}
