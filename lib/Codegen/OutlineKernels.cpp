//===- OutlineKernels.cpp - loops of an entry to functions ----------------===//
//
// What a loop uses from outside becomes, in the order of first use, the
// arguments of its kernel; constants are repeated inside. Equal kernels print
// alike, locations and names aside: the text is the key under which they are
// merged.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CodegenPasses.h"
#include "lib/Codegen/Entry.h"
#include "lib/Codegen/Passing.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/StringMap.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMOUTLINEKERNELS
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

static bool isKernel(Operation *op) {
  if (!isa<linalg::LinalgOp, scf::ForOp, scf::WhileOp, scf::IfOp, scf::ForallOp,
           scf::ParallelOp, scf::ExecuteRegionOp>(op) &&
      op->getName().getDialectNamespace() != "ssm")
    return false;
  return llvm::all_of(op->getResultTypes(), [](Type type) {
    return canPass(type) && !isa<MemRefType>(type);
  });
}

/// Values from outside that `op` uses, in order; constants apart.
static void findCaptures(Operation *op, SetVector<Value> &captures,
                         SetVector<Operation *> &constants) {
  op->walk<WalkOrder::PreOrder>([&](Operation *nested) {
    for (Value operand : nested->getOperands()) {
      Operation *source = operand.getDefiningOp();
      Region *region = operand.getParentRegion();
      if (op->isAncestor(region->getParentOp()))
        continue;
      if (source && (matchPattern(source, m_Constant()) ||
                     isa<LLVM::AddressOfOp, LLVM::ConstantOp>(source)))
        constants.insert(source);
      else
        captures.insert(operand);
    }
  });
}

/// The op that made the memory a buffer is a view of; null where it could be
/// one of several.
static Operation *rootOf(Value buffer) {
  Operation *op = buffer.getDefiningOp();
  while (op && !isa<memref::ViewOp>(op)) {
    auto view = dyn_cast<ViewLikeOpInterface>(op);
    if (!view)
      break;
    op = view.getViewSource().getDefiningOp();
  }
  return op && isa<memref::ViewOp, memref::AllocOp>(op) ? op : nullptr;
}

/// True if `op` may write to `buffer`.
static bool mayWrite(Operation *op, Value buffer) {
  for (OpOperand &use : buffer.getUses()) {
    Operation *user = use.getOwner();
    if (!op->isAncestor(user))
      continue;
    auto destination = dyn_cast<DestinationStyleOpInterface>(user);
    bool reads = destination ? !destination.isDpsInit(&use)
                             : isa<memref::LoadOp, memref::DimOp>(user);
    if (!reads)
      return true;
  }
  return false;
}

/// For each capture, whether its pointer can be marked as the only way to its
/// memory: everything is decided by where the buffers come from, and one of
/// unknown origin spoils it for all.
static SmallVector<bool> findUnaliased(Operation *op,
                                       ArrayRef<Value> captures) {
  SmallVector<bool> result(captures.size(), false);
  SmallVector<Operation *> roots;
  for (Value capture : captures) {
    roots.push_back(isa<MemRefType>(capture.getType()) ? rootOf(capture)
                                                       : nullptr);
    if (isa<MemRefType>(capture.getType()) && !roots.back())
      return result;
  }
  for (auto [i, capture] : llvm::enumerate(captures)) {
    if (!roots[i])
      continue;
    result[i] = true;
    for (auto [j, other] : llvm::enumerate(captures))
      if (i != j && roots[i] == roots[j] &&
          (mayWrite(op, capture) || mayWrite(op, other)))
        result[i] = false;
  }
  return result;
}

namespace {

class Outliner {
public:
  explicit Outliner(ModuleOp module)
      : module(module), context(module.getContext()) {}

  void outline(func::FuncOp entry);

private:
  func::FuncOp createKernel(Operation *op, ArrayRef<Value> captures,
                            ArrayRef<Operation *> constants);
  func::FuncOp uniqueKernel(func::FuncOp kernel, Operation *op);

  ModuleOp module;
  MLIRContext *context;
  llvm::StringMap<func::FuncOp> byText;
  llvm::StringMap<unsigned> counts;
};

} // namespace

/// A buffer is passed by a pointer to its first element: views of it within
/// the kernel begin that much earlier than their types say.
static void retypeViews(Operation *body) {
  body->walk<WalkOrder::PreOrder>([](Operation *op) {
    MemRefType type;
    if (auto view = dyn_cast<memref::SubViewOp>(op))
      type = memref::SubViewOp::inferRankReducedResultType(
          view.getType().getShape(), view.getSourceType(),
          view.getMixedOffsets(), view.getMixedSizes(), view.getMixedStrides());
    else if (auto view = dyn_cast<memref::CollapseShapeOp>(op))
      type = memref::CollapseShapeOp::computeCollapsedType(
          view.getSrcType(), view.getReassociationIndices());
    else if (auto view = dyn_cast<memref::ExpandShapeOp>(op))
      type = memref::ExpandShapeOp::computeExpandedType(
                 view.getSrcType(), view.getResultType().getShape(),
                 view.getReassociationIndices())
                 .value_or(MemRefType());
    if (type)
      op->getResult(0).setType(type);
  });
}

func::FuncOp Outliner::createKernel(Operation *op, ArrayRef<Value> captures,
                                    ArrayRef<Operation *> constants) {
  OpBuilder builder(context);
  Location loc = op->getLoc();
  Type pointer = LLVM::LLVMPointerType::get(context);
  SmallVector<Type> types{pointer};
  SmallVector<unsigned> first;
  for (Value capture : captures) {
    first.push_back(types.size());
    appendPieceTypes(passedType(capture.getType()), types);
  }
  builder.setInsertionPointToEnd(module.getBody());
  auto kernel = func::FuncOp::create(
      builder, loc, "kernel",
      builder.getFunctionType(types, op->getResultTypes()));
  kernel.setPrivate();
  kernel->setAttr(kKernelAttr, builder.getUnitAttr());
  kernel->setAttr("llvm.linkage",
                  LLVM::LinkageAttr::get(context, LLVM::Linkage::Internal));
  kernel->setAttr("passthrough",
                  builder.getArrayAttr(builder.getStringAttr("noinline")));
  for (auto [i, unaliased] : llvm::enumerate(findUnaliased(op, captures)))
    if (unaliased)
      kernel.setArgAttr(first[i], LLVM::LLVMDialect::getNoAliasAttrName(),
                        builder.getUnitAttr());

  Block *block = kernel.addEntryBlock();
  builder.setInsertionPointToStart(block);
  IRMapping mapping;
  ValueRange pieces = ValueRange(block->getArguments()).drop_front();
  for (Value capture : captures) {
    Value inside = putTogether(builder, loc, capture.getType(), pieces);
    mapping.map(capture, inside);
  }
  for (Operation *constant : constants)
    builder.clone(*constant, mapping);
  Operation *body = builder.clone(*op, mapping);
  retypeViews(body);
  func::ReturnOp::create(builder, loc, body->getResults());
  return kernel;
}

/// The kernel itself under a name of its own, or an equal one made before.
func::FuncOp Outliner::uniqueKernel(func::FuncOp kernel, Operation *op) {
  std::string text;
  llvm::raw_string_ostream os(text);
  kernel->print(os, OpPrintingFlags().useLocalScope());
  auto [it, isNew] = byText.try_emplace(text, kernel);
  if (!isNew) {
    kernel.erase();
    return it->second;
  }
  std::string kind = op->getName().getStringRef().str();
  std::replace(kind.begin(), kind.end(), '.', '_');
  unsigned number = counts[kind]++;
  kernel.setName("ssm_kernel_" + kind + "_" + std::to_string(number));
  return kernel;
}

void Outliner::outline(func::FuncOp entry) {
  for (Operation &op : llvm::make_early_inc_range(entry.getBody().front())) {
    if (!isKernel(&op))
      continue;
    SetVector<Value> captures;
    SetVector<Operation *> constants;
    findCaptures(&op, captures, constants);
    // The context is an argument of every kernel.
    Value runContext = contextOf(entry);
    captures.remove(runContext);
    if (!llvm::all_of(captures,
                      [](Value value) { return canPass(value.getType()); }))
      continue;
    func::FuncOp kernel =
        createKernel(&op, captures.getArrayRef(), constants.getArrayRef());
    kernel.walk([&](Operation *nested) {
      nested->replaceUsesOfWith(runContext, kernel.getArgument(0));
    });
    kernel = uniqueKernel(kernel, &op);
    OpBuilder builder(&op);
    SmallVector<Value> operands{runContext};
    for (Value capture : captures)
      takeApart(builder, op.getLoc(), capture, operands);
    auto call = func::CallOp::create(builder, op.getLoc(), kernel, operands);
    op.replaceAllUsesWith(call.getResults());
    op.erase();
  }
}

namespace {
struct OutlineKernels : ssmc::impl::SsmOutlineKernelsBase<OutlineKernels> {
  void runOnOperation() override {
    Outliner outliner(getOperation());
    for (func::FuncOp entry : entries(getOperation()))
      outliner.outline(entry);
  }
};
} // namespace
