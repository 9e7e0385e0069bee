//===- LowerAsserts.cpp - assertions to ends of the run -------------------===//
//
//   cf.assert %holds, "message"
//
// becomes
//
//   scf.if not %holds {
//     ssmrt_report(context, @ssm_message_0, found, expected)
//     ssmrt_end(context)
//   }
//
// where `found` and `expected` are what `%holds` compares, if it is a
// comparison of two indices for equality; else `ssmrt_report` is told -1.
//
// Out of a parallel loop there is no way but its end: `ssmrt_end` stands behind
// the outermost one, and returns where nothing was reported. The rest of the
// block, which the assertion was to prevent, becomes the else branch:
//
//   %y = scf.if not %holds {
//     ssmrt_report(context, @ssm_message_0, found, expected)
//     scf.yield %zero
//   } else {
//     rest
//     scf.yield %y_of_rest
//   }
//   terminator(%y)
//
// Numbers that the terminator takes from the rest are 0 where it does not run.
// A buffer is that which the loop around carried, or the other branch has:
// where neither exists the assertion is refused.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CodegenPasses.h"
#include "lib/Codegen/Entry.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLOWERASSERTS
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

/// The outermost op around `op` whose iterations may run in parallel, or null.
static Operation *parallelLoopAround(Operation *op) {
  Operation *outermost = nullptr;
  for (; op && !isa<func::FuncOp>(op); op = op->getParentOp())
    if (isa<scf::ForallOp, scf::ParallelOp, linalg::LinalgOp>(op))
      outermost = op;
  return outermost;
}

namespace {
class Lowering {
public:
  explicit Lowering(ModuleOp module) : module(module) {}
  LogicalResult lower(cf::AssertOp op, Value context);

private:
  FailureOr<scf::IfOp> branchAroundRest(cf::AssertOp op, Value fails);
  StringRef message(StringRef text);
  void endRun(OpBuilder &b, Location loc, Value context);

  ModuleOp module;
  llvm::StringMap<std::string> names;
  DenseSet<Operation *> ended; // loops with an `ssmrt_end` behind them
};
} // namespace

/// The name of a constant that holds the text.
StringRef Lowering::message(StringRef text) {
  std::string &name = names[text];
  if (!name.empty())
    return name;
  SymbolTable table(module);
  size_t number = names.size() - 1;
  do
    name = "ssm_message_" + std::to_string(number++);
  while (table.lookup(name));
  OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
  std::string bytes = (text + StringRef("\0", 1)).str();
  auto type = LLVM::LLVMArrayType::get(b.getI8Type(), bytes.size());
  LLVM::GlobalOp::create(b, module.getLoc(), type, /*isConstant=*/true,
                         LLVM::Linkage::Internal, name, b.getStringAttr(bytes));
  return name;
}

void Lowering::endRun(OpBuilder &b, Location loc, Value context) {
  func::FuncOp end = declareRuntime(module, "ssmrt_end",
                                    b.getFunctionType({context.getType()}, {}));
  func::CallOp::create(b, loc, end, context);
}

/// What operand `k` of a terminator is where the block ended before its time.
static Value insteadOf(OpBuilder &b, Operation *end, unsigned k) {
  Value operand = end->getOperand(k);
  if (TypedAttr zero = b.getZeroAttr(operand.getType()))
    return arith::ConstantOp::create(b, end->getLoc(), zero);
  Operation *parent = end->getParentOp();
  if (auto loop = dyn_cast<scf::ForOp>(parent))
    return loop.getRegionIterArg(k);
  auto branch = dyn_cast<scf::IfOp>(parent);
  if (!branch || end->getBlock() == branch.thenBlock())
    return {};
  Value other = branch.thenYield().getOperand(k);
  return branch->isAncestor(other.getParentRegion()->getParentOp()) ? Value()
                                                                    : other;
}

/// An empty branch for the failure, and one that holds the rest of the block.
FailureOr<scf::IfOp> Lowering::branchAroundRest(cf::AssertOp op, Value fails) {
  OpBuilder b(op);
  Location loc = op.getLoc();
  Block *block = op->getBlock();
  Operation *end = block->getTerminator();
  SmallVector<Operation *> rest;
  for (Operation *next = op->getNextNode(); next != end;
       next = next->getNextNode())
    rest.push_back(next);
  DenseSet<Operation *> moved(rest.begin(), rest.end());
  SmallVector<unsigned> taken;
  SmallVector<Value> instead, values;
  for (auto [k, operand] : llvm::enumerate(end->getOperands())) {
    if (!moved.contains(operand.getDefiningOp()))
      continue;
    Value other = insteadOf(b, end, k);
    if (!other)
      return op.emitError("cannot be left: this assertion stands in a parallel "
                          "loop, in front of what makes a value of type ")
             << operand.getType()
             << "; put it in front of the loop, or yield a buffer from outside";
    taken.push_back(k);
    instead.push_back(other);
    values.push_back(operand);
  }
  auto branch = scf::IfOp::create(b, loc, TypeRange(ValueRange(values)), fails,
                                  /*addThenBlock=*/true, /*addElseBlock=*/true);
  b.setInsertionPointToEnd(branch.thenBlock());
  scf::YieldOp::create(b, loc, instead);
  b.setInsertionPointToEnd(branch.elseBlock());
  Operation *yield = scf::YieldOp::create(b, loc, values);
  for (Operation *next : rest)
    next->moveBefore(yield);
  for (auto [k, result] : llvm::zip(taken, branch.getResults()))
    end->setOperand(k, result);
  return branch;
}

LogicalResult Lowering::lower(cf::AssertOp op, Value context) {
  OpBuilder b(op);
  Location loc = op.getLoc();
  Type pointer = context.getType(), i64 = b.getI64Type();
  Value yes = arith::ConstantIntOp::create(b, loc, 1, 1);
  Value fails = arith::XOrIOp::create(b, loc, op.getArg(), yes);
  Operation *loop = parallelLoopAround(op);
  scf::IfOp branch;
  if (loop) {
    FailureOr<scf::IfOp> around = branchAroundRest(op, fails);
    if (failed(around))
      return failure();
    branch = *around;
  } else {
    branch = scf::IfOp::create(b, loc, fails, /*withElseRegion=*/false);
  }
  b.setInsertionPointToStart(branch.thenBlock());
  func::FuncOp report =
      declareRuntime(module, "ssmrt_report",
                     b.getFunctionType({pointer, pointer, i64, i64}, {}));
  Value text = LLVM::AddressOfOp::create(b, loc, pointer, message(op.getMsg()));
  SmallVector<Value> operands{context, text};
  auto compared = op.getArg().getDefiningOp<arith::CmpIOp>();
  if (compared && compared.getPredicate() == arith::CmpIPredicate::eq &&
      compared.getLhs().getType().isIndex())
    for (Value side : {compared.getLhs(), compared.getRhs()})
      operands.push_back(arith::IndexCastOp::create(b, loc, i64, side));
  else
    operands.append(2, arith::ConstantIntOp::create(b, loc, i64, -1));
  func::CallOp::create(b, loc, report, operands);
  if (loop) {
    b.setInsertionPointAfter(loop);
    if (ended.insert(loop).second)
      endRun(b, loc, context);
  } else {
    endRun(b, loc, context);
  }
  op.erase();
  return success();
}

namespace {
struct LowerAsserts : ssmc::impl::SsmLowerAssertsBase<LowerAsserts> {
  void runOnOperation() override {
    SmallVector<std::pair<cf::AssertOp, Value>> asserts;
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (Value context = contextOf(func))
        func.walk([&](cf::AssertOp op) { asserts.push_back({op, context}); });
    Lowering lowering(getOperation());
    for (auto [op, context] : asserts)
      if (failed(lowering.lower(op, context)))
        return signalPassFailure();
  }
};
} // namespace
