//===- ParallelToRuntime.cpp - parallel loops on the runtime's threads ----===//
//
//   scf.parallel (%i, %j) = (0, 0) to (%m, %n) { body }
//
// becomes, with %i as the dimension that is divided among threads,
//
//   func @chunk(captures..., %begin, %end)
//     { for %i = %begin to %end { for %j = 0 to %n { body } } }
//   func @body(%data, %first, %last)
//     { captures, %grain, %count = *%data;
//       call @chunk(captures, %first * %grain, min(%last * %grain, %count)) }
//   ...
//     %pieces = ceil(%m / %grain)
//     if %pieces > 1: ssmrt_parallel_for(context, %pieces, @body, &captures)
//     else:           call @chunk(captures, 0, %m)
//
// A body with loops of its own is divided along all dimensions; otherwise the
// last dimension stays an innermost loop, which LLVM vectorises.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CodegenPasses.h"
#include "lib/Codegen/Entry.h"
#include "lib/Codegen/Passing.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMPARALLELTORUNTIME
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

/// Scalar or vector operations that make a piece worth handing to a thread.
static constexpr int64_t kPieceWork = 1 << 15;
/// What a loop of unknown length is taken to run.
static constexpr int64_t kUnknownTrips = 64;

/// Operations that one run of a block takes, roughly.
static int64_t workOf(Block &block) {
  int64_t work = 0;
  for (Operation &op : block) {
    if (isa<math::MathDialect>(op.getDialect()))
      work += 8;
    int64_t trips = 1;
    if (auto loop = dyn_cast<scf::ForOp>(op)) {
      std::optional<APInt> count = loop.getStaticTripCount();
      trips = count ? count->getSExtValue() : kUnknownTrips;
    } else if (isa<scf::WhileOp, scf::ParallelOp>(op)) {
      trips = kUnknownTrips;
    }
    int64_t inside = 1;
    for (Region &region : op.getRegions())
      for (Block &nested : region)
        inside += workOf(nested);
    work += trips * inside;
  }
  return work;
}

static bool hasLoop(Block &block) {
  WalkResult walk = block.walk([](Operation *op) {
    return isa<scf::ForOp, scf::WhileOp, scf::ParallelOp>(op)
               ? WalkResult::interrupt()
               : WalkResult::advance();
  });
  return walk.wasInterrupted();
}

/// Memory of the run cannot be asked for by several threads at once.
static bool allocates(Operation *loop) {
  WalkResult walk = loop->walk([](Operation *op) {
    auto call = dyn_cast<func::CallOp>(op);
    return isa<memref::AllocOp>(op) ||
                   (call && call.getCallee() == "ssmrt_alloc")
               ? WalkResult::interrupt()
               : WalkResult::advance();
  });
  return walk.wasInterrupted();
}

namespace {

/// What a loop uses from outside: `values` are passed, `repeated` are computed
/// again inside, so that a view of a buffer is passed as the buffer.
struct Captures {
  SetVector<Value> values;
  SetVector<Operation *> repeated; // in an order that respects operands

  void add(Value value, Operation *loop) {
    if (loop->isAncestor(value.getParentRegion()->getParentOp()))
      return;
    Operation *op = value.getDefiningOp();
    if (op && op->getNumResults() == 1 && op->getNumRegions() == 0 &&
        (matchPattern(op, m_Constant()) || isa<LLVM::AddressOfOp>(op) ||
         (isa<ViewLikeOpInterface>(op) && !isa<memref::ViewOp>(op)))) {
      for (Value operand : op->getOperands())
        add(operand, loop);
      repeated.insert(op);
      return;
    }
    values.insert(value);
  }

  void addAll(Operation *loop) {
    loop->walk<WalkOrder::PreOrder>([&](Operation *op) {
      for (Value operand : op->getOperands())
        add(operand, loop);
    });
  }
};

class LoopLowering {
public:
  LoopLowering(func::FuncOp parent, scf::ParallelOp loop, unsigned number)
      : module(parent->getParentOfType<ModuleOp>()), parent(parent), loop(loop),
        name((parent.getName() + "_" + Twine(number)).str()),
        outer(loop.getNumLoops()) {
    if (outer > 1 && !hasLoop(*loop.getBody()))
      --outer;
  }

  bool run();

private:
  Value tripCount(ImplicitLocOpBuilder &b, IRMapping &mapping, unsigned dim);
  func::FuncOp createChunk();
  func::FuncOp createBody(func::FuncOp chunk);
  func::FuncOp create(StringRef suffix, ArrayRef<Type> arguments);

  ModuleOp module;
  func::FuncOp parent;
  scf::ParallelOp loop;
  std::string name;
  unsigned outer; // dimensions that are divided
  Captures captures;
  SmallVector<Type> pieceTypes;
  SmallVector<unsigned> unaliased; // pieces that are noalias in the parent
};

} // namespace

func::FuncOp LoopLowering::create(StringRef suffix, ArrayRef<Type> arguments) {
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  auto func = func::FuncOp::create(builder, loop.getLoc(), name + suffix.str(),
                                   builder.getFunctionType(arguments, {}));
  func.setPrivate();
  func->setAttr(
      "llvm.linkage",
      LLVM::LinkageAttr::get(builder.getContext(), LLVM::Linkage::Internal));
  func.addEntryBlock();
  return func;
}

/// Iterations of a dimension of the loop, where its bounds are mapped.
Value LoopLowering::tripCount(ImplicitLocOpBuilder &b, IRMapping &mapping,
                              unsigned dim) {
  auto bound = [&](ValueRange values) {
    return mapping.lookupOrDefault(values[dim]);
  };
  Value span = b.createOrFold<arith::SubIOp>(bound(loop.getUpperBound()),
                                             bound(loop.getLowerBound()));
  return b.createOrFold<arith::CeilDivSIOp>(span, bound(loop.getStep()));
}

func::FuncOp LoopLowering::createChunk() {
  SmallVector<Type> arguments = pieceTypes;
  Type i64 = IntegerType::get(module.getContext(), 64);
  arguments.append(2, i64);
  func::FuncOp chunk = create("_chunk", arguments);
  for (unsigned piece : unaliased)
    chunk.setArgAttr(piece, LLVM::LLVMDialect::getNoAliasAttrName(),
                     UnitAttr::get(module.getContext()));
  Block *block = &chunk.getBody().front();
  ImplicitLocOpBuilder b(loop.getLoc(), module.getContext());
  b.setInsertionPointToStart(block);
  IRMapping mapping;
  ValueRange pieces = block->getArguments();
  for (Value capture : captures.values)
    mapping.map(capture, putTogether(b, b.getLoc(), capture.getType(), pieces));
  for (Operation *op : captures.repeated)
    b.clone(*op, mapping);
  Value begin = arith::IndexCastOp::create(b, b.getIndexType(), pieces[0]);
  Value end = arith::IndexCastOp::create(b, b.getIndexType(), pieces[1]);
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  SmallVector<Value> counts;
  for (unsigned dim = 0; dim < loop.getNumLoops(); ++dim)
    counts.push_back(tripCount(b, mapping, dim));

  // The position in each dimension, counted from 0.
  SmallVector<Value> at(loop.getNumLoops());
  auto divided = scf::ForOp::create(b, begin, end, one);
  b.setInsertionPointToStart(divided.getBody());
  Value rest = divided.getInductionVar();
  for (unsigned dim = outer; dim-- > 1;) {
    at[dim] = b.createOrFold<arith::RemUIOp>(rest, counts[dim]);
    rest = b.createOrFold<arith::DivUIOp>(rest, counts[dim]);
  }
  at[0] = rest;
  for (unsigned dim = outer; dim < loop.getNumLoops(); ++dim) {
    auto inner = scf::ForOp::create(b, zero, counts[dim], one);
    b.setInsertionPointToStart(inner.getBody());
    at[dim] = inner.getInductionVar();
  }
  for (unsigned dim = 0; dim < loop.getNumLoops(); ++dim) {
    Value step = mapping.lookupOrDefault(loop.getStep()[dim]);
    Value start = mapping.lookupOrDefault(loop.getLowerBound()[dim]);
    Value index = b.createOrFold<arith::MulIOp>(at[dim], step);
    index = b.createOrFold<arith::AddIOp>(index, start);
    mapping.map(loop.getInductionVars()[dim], index);
  }
  for (Operation &op : loop.getBody()->without_terminator())
    b.clone(op, mapping);
  b.setInsertionPointToEnd(block);
  func::ReturnOp::create(b);
  return chunk;
}

/// What ssmrt_parallel_for calls: unpacks { pieces..., grain, count }.
func::FuncOp LoopLowering::createBody(func::FuncOp chunk) {
  MLIRContext *context = module.getContext();
  ImplicitLocOpBuilder b(loop.getLoc(), context);
  Type i64 = b.getI64Type();
  SmallVector<Type> fields = pieceTypes;
  fields.append(2, i64);
  Type data = LLVM::LLVMStructType::getLiteral(context, fields);
  func::FuncOp body =
      create("_body", {LLVM::LLVMPointerType::get(context), i64, i64});
  b.setInsertionPointToStart(&body.getBody().front());
  SmallVector<Value> values;
  for (auto [i, type] : llvm::enumerate(fields)) {
    Value address = LLVM::GEPOp::create(
        b, body.getArgument(0).getType(), data, body.getArgument(0),
        ArrayRef<LLVM::GEPArg>{0, static_cast<int32_t>(i)});
    values.push_back(LLVM::LoadOp::create(b, type, address));
  }
  Value count = values.pop_back_val(), grain = values.pop_back_val();
  Value begin = arith::MulIOp::create(b, body.getArgument(1), grain);
  Value end = arith::MulIOp::create(b, body.getArgument(2), grain);
  end = arith::MinSIOp::create(b, end, count);
  values.append({begin, end});
  func::CallOp::create(b, chunk, values);
  func::ReturnOp::create(b);
  return body;
}

bool LoopLowering::run() {
  if (loop.getNumReductions() != 0 || allocates(loop))
    return false;
  captures.addAll(loop);
  if (!llvm::all_of(captures.values,
                    [](Value value) { return canPass(value.getType()); }))
    return false;

  ImplicitLocOpBuilder b(loop.getLoc(), loop);
  MLIRContext *context = module.getContext();
  Type pointer = LLVM::LLVMPointerType::get(context);
  Type i64 = b.getI64Type();
  SmallVector<Value> pieces;
  for (Value capture : captures.values) {
    auto source = dyn_cast_if_present<BlockArgument>(passedPointer(capture));
    if (source && source.getOwner()->getParentOp() == parent &&
        parent.getArgAttr(source.getArgNumber(),
                          LLVM::LLVMDialect::getNoAliasAttrName()))
      unaliased.push_back(pieces.size());
    takeApart(b, b.getLoc(), capture, pieces);
  }
  for (Value piece : pieces)
    pieceTypes.push_back(piece.getType());
  func::FuncOp chunk = createChunk();
  func::FuncOp body = createBody(chunk);

  IRMapping none;
  Value count = arith::ConstantIndexOp::create(b, 1);
  for (unsigned dim = 0; dim < outer; ++dim)
    count = b.createOrFold<arith::MulIOp>(count, tripCount(b, none, dim));
  Value work = arith::ConstantIndexOp::create(b, workOf(*loop.getBody()));
  for (unsigned dim = outer; dim < loop.getNumLoops(); ++dim)
    work = b.createOrFold<arith::MulIOp>(work, tripCount(b, none, dim));
  Value one = arith::ConstantIndexOp::create(b, 1);
  Value enough = arith::ConstantIndexOp::create(b, kPieceWork);
  work = b.createOrFold<arith::MaxSIOp>(work, one);
  Value grain = b.createOrFold<arith::CeilDivSIOp>(enough, work);
  Value numPieces = b.createOrFold<arith::CeilDivSIOp>(count, grain);

  Value isParallel =
      b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sgt, numPieces, one);
  Value count64 = arith::IndexCastOp::create(b, i64, count);
  Value grain64 = arith::IndexCastOp::create(b, i64, grain);
  Value pieces64 = arith::IndexCastOp::create(b, i64, numPieces);
  auto branch = scf::IfOp::create(b, isParallel, /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&parent.getBody().front());
    SmallVector<Type> fields = pieceTypes;
    fields.append(2, i64);
    Type type = LLVM::LLVMStructType::getLiteral(context, fields);
    Value single = LLVM::ConstantOp::create(b, i64, 1);
    Value data = LLVM::AllocaOp::create(b, pointer, type, single);
    b.setInsertionPoint(branch.thenYield());
    SmallVector<Value> stored = pieces;
    stored.append({grain64, count64});
    for (auto [i, value] : llvm::enumerate(stored)) {
      Value address = LLVM::GEPOp::create(
          b, pointer, type, data,
          ArrayRef<LLVM::GEPArg>{0, static_cast<int32_t>(i)});
      LLVM::StoreOp::create(b, value, address);
    }
    func::FuncOp start =
        declareRuntime(module, "ssmrt_parallel_for",
                       b.getFunctionType({pointer, i64, pointer, pointer}, {}));
    Value function =
        func::ConstantOp::create(b, body.getFunctionType(), body.getName());
    // A function is a pointer once functions are lowered.
    function =
        UnrealizedConversionCastOp::create(b, pointer, function).getResult(0);
    func::CallOp::create(
        b, start, ValueRange{contextOf(parent), pieces64, function, data});
    b.setInsertionPoint(branch.elseYield());
    SmallVector<Value> operands = pieces;
    operands.append({LLVM::ConstantOp::create(b, i64, 0), count64});
    func::CallOp::create(b, chunk, operands);
  }
  loop.erase();
  return true;
}

namespace {
struct ParallelToRuntime
    : ssmc::impl::SsmParallelToRuntimeBase<ParallelToRuntime> {
  void runOnOperation() override {
    SmallVector<func::FuncOp> functions;
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (contextOf(func))
        functions.push_back(func);
    for (func::FuncOp func : functions) {
      SmallVector<scf::ParallelOp> loops;
      func.walk<WalkOrder::PreOrder>([&](scf::ParallelOp loop) {
        loops.push_back(loop);
        return WalkResult::skip();
      });
      for (auto [number, loop] : llvm::enumerate(loops))
        LoopLowering(func, loop, number).run();
    }
  }
};
} // namespace
