//===- LaunchLoops.cpp - ssm-launch-loops ---------------------------------===//
//
// A parallel loop of extents (n0, .., nk) is cut into blocks of threads:
//
//   | n0 .. ni-1 |  ni .. nk   |     ni+1 .. nk are static, as few as make
//      outer          inner           blockThreads elements, if they are there
//
//   pieces = ceil(inner / blockThreads)
//   gpu.launch blocks(outer * pieces) threads(blockThreads) {
//     o, p = divmod(block, pieces);  j = p * blockThreads + thread
//     if j < inner { indices of o by n1 .. ni-1, of j by ni+1 .. nk; body }
//   }
//
// A check of data that would end the run is made by a thread, which reports;
// the host goes on, and need not wait. What is computed of wrong data is of no
// use to anyone, but does no harm either: what reads or writes where data say
// does so only as long as nothing has been reported.
//
// Numbers of blocks and of inner elements are less than 2^31, which the host
// checks, so that all divisions are of 32 bits, those of j by constants.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CodegenPasses.h"
#include "lib/Codegen/Entry.h"
#include "lib/Codegen/Gpu/GpuPasses.h"
#include "lib/Codegen/Passing.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLAUNCHLOOPS
#include "lib/Codegen/Gpu/GpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

static constexpr int64_t blockThreads = 128;
static constexpr int64_t warpThreads = 32;
static constexpr int64_t mostBlocks = (int64_t(1) << 31) - 1;
static constexpr StringLiteral tooLarge =
    "an operation has more elements than a launch on the device can have; "
    "make the batch or the length smaller";

namespace {

class Launcher {
public:
  Launcher(ModuleOp module, Value context) : module(module), context(context) {}

  LogicalResult lower(Block &block);

private:
  LogicalResult lower(Operation *op);
  LogicalResult launch(scf::ParallelOp loop);
  void launchAlone(Operation *op);
  void launchStore(memref::StoreOp store);
  FailureOr<bool> launchCheck(scf::IfOp branch);
  scf::IfOp guard(ImplicitLocOpBuilder &b, gpu::LaunchOp launch);
  LogicalResult read(memref::LoadOp load);
  gpu::LaunchOp makeLaunch(ImplicitLocOpBuilder &b, Value blocks,
                           int64_t threads);
  Value checkCount(ImplicitLocOpBuilder &b, Value count);
  LogicalResult reportOnDevice(gpu::LaunchOp launch);
  StringRef message();

  ModuleOp module;
  Value context;
};

} // namespace

static bool hasParallelLoop(Operation *op) {
  return op
      ->walk([](Operation *nested) {
        return isa<scf::ParallelOp, gpu::LaunchOp, gpu::LaunchFuncOp,
                   func::CallOp, LLVM::CallOp>(nested)
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

/// Whether numbers that `root` loads decide `value`: an index, or the place of
/// a buffer.
static bool isOfData(Value value, Operation *root) {
  SetVector<Value> slice;
  slice.insert(value);
  for (size_t i = 0; i < slice.size(); ++i) {
    Operation *op = slice[i].getDefiningOp();
    auto argument = dyn_cast<BlockArgument>(slice[i]);
    if (argument)
      op = argument.getOwner()->getParentOp();
    if (!root->isAncestor(op) || (argument && isa<scf::ParallelOp>(op)))
      continue;
    auto loop = dyn_cast<scf::ForOp>(op);
    if (isa<memref::LoadOp>(op) ||
        (op->getNumRegions() != 0 &&
         !(loop && argument == loop.getInductionVar())))
      return true;
    slice.insert(op->operand_begin(), op->operand_end());
  }
  return false;
}

/// Whether data decide where a loop reads or writes, or how often.
static bool isPlacedByData(Operation *root) {
  auto is = [&](Value value) { return isOfData(value, root); };
  return root
      ->walk([&](Operation *op) {
        bool found = isa<scf::WhileOp>(op);
        if (auto load = dyn_cast<memref::LoadOp>(op))
          found = is(load.getMemRef()) || llvm::any_of(load.getIndices(), is);
        else if (auto store = dyn_cast<memref::StoreOp>(op))
          found = is(store.getMemRef()) || llvm::any_of(store.getIndices(), is);
        else if (auto loop = dyn_cast<scf::ForOp>(op))
          found = is(loop.getLowerBound()) || is(loop.getUpperBound());
        return found ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

gpu::LaunchOp Launcher::makeLaunch(ImplicitLocOpBuilder &b, Value blocks,
                                   int64_t threads) {
  Value one = arith::ConstantIndexOp::create(b, 1);
  Value size = arith::ConstantIndexOp::create(b, threads);
  auto launch = gpu::LaunchOp::create(b, blocks, one, one, size, one, one);
  b.setInsertionPointToStart(&launch.getBody().front());
  Operation *end = gpu::TerminatorOp::create(b);
  b.setInsertionPoint(end);
  return launch;
}

/// What the host says where a loop has too many iterations.
StringRef Launcher::message() {
  static constexpr StringLiteral name = "ssm_message_too_large";
  if (!module.lookupSymbol(name)) {
    OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
    std::string bytes = (tooLarge + StringRef("\0", 1)).str();
    LLVM::GlobalOp::create(
        b, module.getLoc(),
        LLVM::LLVMArrayType::get(b.getI8Type(), bytes.size()),
        /*isConstant=*/true, LLVM::Linkage::Internal, name,
        b.getStringAttr(bytes));
  }
  return name;
}

/// `count`, of which the host ends the run where it is too large.
Value Launcher::checkCount(ImplicitLocOpBuilder &b, Value count) {
  if (matchPattern(count, m_Constant()))
    return count;
  Type pointer = context.getType(), i64 = b.getI64Type();
  Value most = arith::ConstantIndexOp::create(b, mostBlocks);
  Value fails =
      arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, count, most);
  auto branch = scf::IfOp::create(b, fails, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  func::FuncOp report =
      declareRuntime(module, "ssmrt_report",
                     b.getFunctionType({pointer, pointer, i64, i64}, {}));
  func::FuncOp end =
      declareRuntime(module, "ssmrt_end", b.getFunctionType({pointer}, {}));
  Value text = LLVM::AddressOfOp::create(b, pointer, message());
  Value found = arith::IndexCastOp::create(b, i64, count);
  Value limit = arith::ConstantIntOp::create(b, i64, mostBlocks);
  func::CallOp::create(b, report, ValueRange{context, text, found, limit});
  func::CallOp::create(b, end, ValueRange{context});
  return count;
}

LogicalResult Launcher::launch(scf::ParallelOp loop) {
  if (loop.getNumResults() != 0)
    return loop.emitError("a parallel loop that reduces cannot run on a GPU");
  ImplicitLocOpBuilder b(loop.getLoc(), loop);
  Type i32 = b.getI32Type(), index = b.getIndexType();
  auto number = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, value);
  };
  SmallVector<Value> counts;
  for (auto [low, high, step] : llvm::zip_equal(
           loop.getLowerBound(), loop.getUpperBound(), loop.getStep())) {
    Value span = b.createOrFold<arith::SubIOp>(high, low);
    counts.push_back(b.createOrFold<arith::CeilDivSIOp>(span, step));
  }

  // The innermost extents, until they fill a block.
  unsigned rank = counts.size(), firstInner = rank - 1;
  int64_t inside = 1; // product of the extents behind firstInner
  for (;; --firstInner) {
    std::optional<int64_t> count = getConstantIntValue(counts[firstInner]);
    if (!count || firstInner == 0 || inside * *count >= blockThreads)
      break;
    inside *= std::max<int64_t>(1, *count);
  }
  Value inner =
      b.createOrFold<arith::MulIOp>(counts[firstInner], number(inside));
  int64_t threads = blockThreads;
  if (std::optional<int64_t> known = getConstantIntValue(inner))
    threads = std::min<int64_t>(
        threads, llvm::alignTo(std::max<int64_t>(1, *known), warpThreads));
  Value pieces = b.createOrFold<arith::CeilDivSIOp>(inner, number(threads));
  Value blocks = pieces;
  for (unsigned d = 0; d < firstInner; ++d)
    blocks = b.createOrFold<arith::MulIOp>(blocks, counts[d]);
  inner = checkCount(b, inner);
  blocks = checkCount(b, blocks);

  gpu::LaunchOp launch = makeLaunch(b, blocks, threads);
  auto narrow = [&](Value value) {
    return b.createOrFold<arith::IndexCastOp>(i32, value);
  };
  auto wide = [&](Value value) {
    return b.createOrFold<arith::IndexCastUIOp>(index, value);
  };
  auto divide = [&](Value &value, Value by) {
    Value rest = b.createOrFold<arith::RemUIOp>(value, by);
    value = b.createOrFold<arith::DivUIOp>(value, by);
    return rest;
  };
  Value outer = narrow(launch.getBlockIds().x);
  Value piece = arith::ConstantIntOp::create(b, i32, 0);
  std::optional<int64_t> knownPieces = getConstantIntValue(pieces);
  if (!knownPieces || *knownPieces > 1)
    piece = divide(outer, narrow(pieces));
  Value first = arith::MulIOp::create(
      b, piece, arith::ConstantIntOp::create(b, i32, threads));
  Value at = arith::AddIOp::create(b, first, narrow(launch.getThreadIds().x));
  Value exists =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ult, at, narrow(inner));
  auto branch = scf::IfOp::create(b, exists, /*withElseRegion=*/false);
  b.setInsertionPointToStart(branch.thenBlock());
  SmallVector<Value> indices(rank);
  for (unsigned d = rank - 1; d > firstInner; --d)
    indices[d] = wide(divide(at, narrow(counts[d])));
  indices[firstInner] = wide(at);
  for (unsigned d = firstInner; d-- > 1;)
    indices[d] = wide(divide(outer, narrow(counts[d])));
  if (firstInner > 0)
    indices[0] = wide(outer);
  IRMapping mapping;
  for (unsigned d = 0; d < rank; ++d) {
    Value scaled = b.createOrFold<arith::MulIOp>(indices[d], loop.getStep()[d]);
    mapping.map(loop.getInductionVars()[d],
                b.createOrFold<arith::AddIOp>(loop.getLowerBound()[d], scaled));
  }
  if (isPlacedByData(loop))
    guard(b, launch);
  for (Operation &op : loop.getBody()->without_terminator())
    b.clone(op, mapping);
  loop.erase();
  return reportOnDevice(launch);
}

/// A branch where nothing has been reported, in which `b` then stands.
scf::IfOp Launcher::guard(ImplicitLocOpBuilder &b, gpu::LaunchOp launch) {
  Type pointer = context.getType(), i64 = b.getI64Type();
  func::FuncOp find = declareRuntime(module, "ssmrt_reports",
                                     b.getFunctionType({pointer}, {pointer}));
  Value reports;
  {
    OpBuilder::InsertionGuard inside(b);
    b.setInsertionPoint(launch);
    reports = func::CallOp::create(b, find, ValueRange{context}).getResult(0);
  }
  Value first = LLVM::LoadOp::create(b, i64, reports);
  Value none = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, first,
                                     arith::ConstantIntOp::create(b, i64, 0));
  auto branch = scf::IfOp::create(b, none, /*withElseRegion=*/false);
  b.setInsertionPointToStart(branch.thenBlock());
  return branch;
}

/// A loop or branch that one thread computes.
void Launcher::launchAlone(Operation *op) {
  ImplicitLocOpBuilder b(op->getLoc(), op);
  gpu::LaunchOp launch = makeLaunch(b, arith::ConstantIndexOp::create(b, 1), 1);
  if (isPlacedByData(op))
    guard(b, launch);
  op->moveBefore(b.getInsertionBlock()->getTerminator());
}

/// True where nothing between `load` and `end`, in one block, writes.
static bool isStillThere(Operation *load, Operation *end) {
  if (load->getBlock() != end->getBlock())
    return false;
  for (Operation *op = load->getNextNode(); op != end; op = op->getNextNode())
    if (!op || !isMemoryEffectFree(op))
      if (!op || !hasSingleEffect<MemoryEffects::Read>(op))
        return false;
  return true;
}

/// The ops that compute `value` from what is loaded right before `end`; false
/// where there are others.
static bool collectLoads(Value value, Operation *end,
                         SetVector<Operation *> &ops, bool &loads) {
  Operation *op = value.getDefiningOp();
  if (!op || op->getBlock() != end->getBlock() || op->getNumRegions() != 0)
    return true;
  if (isa<memref::LoadOp>(op)) {
    if (!isStillThere(op, end))
      return false;
    loads = true;
  } else if (!isPure(op) || isa<MemRefType>(value.getType())) {
    return true;
  }
  for (Value operand : op->getOperands())
    if (!collectLoads(operand, end, ops, loads))
      return false;
  ops.insert(op);
  return true;
}

/// A thread stores what the host, or it itself, computes.
void Launcher::launchStore(memref::StoreOp store) {
  ImplicitLocOpBuilder b(store.getLoc(), store);
  SetVector<Operation *> ops;
  bool loads = false;
  bool inside = collectLoads(store.getValue(), store, ops, loads) && loads;
  makeLaunch(b, arith::ConstantIndexOp::create(b, 1), 1);
  IRMapping mapping;
  if (inside)
    for (Operation *op : ops)
      b.clone(*op, mapping);
  b.clone(*store, mapping);
  store.erase();
  for (Operation *op : llvm::reverse(ops))
    if (isOpTriviallyDead(op))
      op->erase();
}

/// Makes a thread of what ends the run where data are wrong: it reports. False
/// where the branch is something else, or the host knows already.
FailureOr<bool> Launcher::launchCheck(scf::IfOp branch) {
  if (branch.elseBlock() || branch.getNumResults() != 0)
    return false;
  auto calls = [](Operation &op, StringRef name) {
    auto call = dyn_cast<func::CallOp>(op);
    return call && call.getCallee() == name;
  };
  bool ends = false;
  for (Operation &op : branch.thenBlock()->without_terminator()) {
    ends |= calls(op, "ssmrt_end");
    if (!calls(op, "ssmrt_end") && !calls(op, "ssmrt_report") && !isPure(&op))
      return false;
  }
  SetVector<Value> used;
  used.insert(branch.getCondition());
  getUsedValuesDefinedAbove(branch.getThenRegion(), used);
  SetVector<Operation *> ops;
  bool loads = false;
  for (Value value : used)
    if (!ends || !collectLoads(value, branch, ops, loads))
      return false;
  if (!loads)
    return false;
  ImplicitLocOpBuilder b(branch.getLoc(), branch);
  gpu::LaunchOp launch = makeLaunch(b, arith::ConstantIndexOp::create(b, 1), 1);
  IRMapping mapping;
  for (Operation *op : ops)
    b.clone(*op, mapping);
  auto inside = cast<scf::IfOp>(b.clone(*branch, mapping));
  for (Operation &op : llvm::make_early_inc_range(*inside.thenBlock()))
    if (calls(op, "ssmrt_end"))
      op.erase();
  branch.erase();
  for (Operation *op : llvm::reverse(ops))
    if (isOpTriviallyDead(op))
      op->erase();
  if (failed(reportOnDevice(launch)))
    return failure();
  return true;
}

/// The host waits for an element.
LogicalResult Launcher::read(memref::LoadOp load) {
  if (load->use_empty()) {
    load.erase();
    return success();
  }
  ImplicitLocOpBuilder b(load.getLoc(), load);
  Type type = load.getType(), i64 = b.getI64Type(), memory = type;
  if (!type.isIntOrIndexOrFloat())
    return load.emitError("the host cannot read an element of type ")
           << type << " from a GPU";
  if (type.isIndex())
    memory = i64;
  if (type.isInteger(1))
    memory = b.getI8Type();
  int64_t rank = load.getMemRefType().getRank();
  SmallVector<OpFoldResult> ones(rank, b.getIndexAttr(1));
  auto view = memref::SubViewOp::inferRankReducedResultType(
      {}, load.getMemRefType(), getAsOpFoldResult(load.getIndices()), ones,
      ones);
  Value element = memref::SubViewOp::create(
      b, view, load.getMemRef(), getAsOpFoldResult(load.getIndices()), ones,
      ones);
  SmallVector<Value> pieces;
  takeApart(b, load.getLoc(), element, pieces);
  Type pointer = context.getType();
  Value slot;
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(
        &load->getParentOfType<func::FuncOp>().getBody().front());
    Value one = LLVM::ConstantOp::create(b, i64, 1);
    slot = LLVM::AllocaOp::create(b, pointer, memory, one, 8);
  }
  func::FuncOp read =
      declareRuntime(module, "ssmrt_read",
                     b.getFunctionType({pointer, pointer, pointer, i64}, {}));
  Value bytes = arith::ConstantIntOp::create(b, i64, elementBytes(type));
  func::CallOp::create(b, read, ValueRange{context, slot, pieces[0], bytes});
  Value value = LLVM::LoadOp::create(b, memory, slot);
  if (type.isIndex())
    value = arith::IndexCastOp::create(b, type, value);
  if (type.isInteger(1))
    value = arith::TruncIOp::create(b, type, value);
  load.replaceAllUsesWith(value);
  load.erase();
  return success();
}

/// In a launch, the first report is written where the host looks for it: the
/// address of the message (on the host), what was found and expected.
LogicalResult Launcher::reportOnDevice(gpu::LaunchOp launch) {
  SmallVector<func::CallOp> reports;
  WalkResult calls = launch.walk([&](func::CallOp call) {
    if (call.getCallee() != "ssmrt_report") {
      call.emitError("a loop on the device calls ") << call.getCallee();
      return WalkResult::interrupt();
    }
    reports.push_back(call);
    return WalkResult::advance();
  });
  if (calls.wasInterrupted())
    return failure();
  if (reports.empty())
    return success();
  ImplicitLocOpBuilder b(launch.getLoc(), launch);
  Type pointer = context.getType(), i64 = b.getI64Type();
  func::FuncOp find = declareRuntime(module, "ssmrt_reports",
                                     b.getFunctionType({pointer}, {pointer}));
  Value block = func::CallOp::create(b, find, ValueRange{context}).getResult(0);
  for (func::CallOp report : reports) {
    Operation *text = report.getOperand(1).getDefiningOp();
    b.setInsertionPoint(launch);
    Value address =
        LLVM::PtrToIntOp::create(b, i64, b.clone(*text)->getResult(0));
    b.setInsertionPoint(report);
    Value zero = LLVM::ConstantOp::create(b, i64, 0);
    auto exchange = LLVM::AtomicCmpXchgOp::create(
        b, block, zero, address, LLVM::AtomicOrdering::monotonic,
        LLVM::AtomicOrdering::monotonic);
    Value isFirst = LLVM::ExtractValueOp::create(b, exchange, 1);
    auto branch = scf::IfOp::create(b, isFirst, /*withElseRegion=*/false);
    b.setInsertionPointToStart(branch.thenBlock());
    for (int32_t i : {1, 2}) {
      Value at = LLVM::GEPOp::create(b, pointer, i64, block,
                                     ArrayRef<LLVM::GEPArg>{i});
      LLVM::StoreOp::create(b, report.getOperand(1 + i), at);
    }
    report.erase();
    if (text->use_empty())
      text->erase();
  }
  return success();
}

LogicalResult Launcher::lower(Operation *op) {
  if (auto loop = dyn_cast<scf::ParallelOp>(op))
    return launch(loop);
  if (isa<gpu::LaunchOp>(op))
    return success();
  if (auto store = dyn_cast<memref::StoreOp>(op)) {
    launchStore(store);
    return success();
  }
  if (auto branch = dyn_cast<scf::IfOp>(op)) {
    FailureOr<bool> done = launchCheck(branch);
    if (failed(done) || *done)
      return done;
  }
  if (isa<scf::ForOp, scf::WhileOp, scf::IfOp>(op) && !hasParallelLoop(op) &&
      op->getNumResults() == 0 && !isMemoryEffectFree(op)) {
    launchAlone(op);
    return success();
  }
  for (Region &region : op->getRegions())
    for (Block &block : region)
      if (failed(lower(block)))
        return failure();
  return success();
}

LogicalResult Launcher::lower(Block &block) {
  // Stores first: they take along the loads that only they use.
  SmallVector<Operation *> ops;
  for (Operation &op : block)
    if (!isa<memref::LoadOp>(op))
      ops.push_back(&op);
  for (Operation *op : ops)
    if (failed(lower(op)))
      return failure();
  for (Operation &op : llvm::make_early_inc_range(block))
    if (auto load = dyn_cast<memref::LoadOp>(op))
      if (failed(read(load)))
        return failure();
  return success();
}

/// A buffer on the host's stack is of no use to the device.
static void allocateOnDevice(func::FuncOp func) {
  SmallVector<memref::AllocaOp> allocas;
  func.walk([&](memref::AllocaOp op) {
    if (!op->getParentOfType<scf::ParallelOp>())
      allocas.push_back(op);
  });
  for (memref::AllocaOp op : allocas) {
    OpBuilder b(op);
    if (op.getType().hasStaticShape())
      b.setInsertionPointToStart(&func.getBody().front());
    Value alloc = memref::AllocOp::create(b, op.getLoc(), op.getType(),
                                          op.getDynamicSizes());
    op.replaceAllUsesWith(alloc);
    op.erase();
  }
}

namespace {
struct LaunchLoops : ssmc::impl::SsmLaunchLoopsBase<LaunchLoops> {
  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      Value context = contextOf(func);
      if (!context)
        continue;
      allocateOnDevice(func);
      Launcher launcher(getOperation(), context);
      if (failed(launcher.lower(func.getBody().front())))
        return signalPassFailure();
    }
  }
};
} // namespace
