//===- LowerAsserts.cpp - assertions to reports ---------------------------===//
//
//   cf.assert %holds, "message"
//
// becomes
//
//   scf.if not %holds { ssmrt_report(context, @ssm_message_0) }
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CodegenPasses.h"
#include "lib/Codegen/Entry.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLOWERASSERTS
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {
struct LowerAsserts : ssmc::impl::SsmLowerAssertsBase<LowerAsserts> {
  void runOnOperation() override {
    SmallVector<std::pair<cf::AssertOp, Value>> asserts;
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (Value context = contextOf(func))
        func.walk([&](cf::AssertOp op) { asserts.push_back({op, context}); });
    for (auto [op, context] : asserts)
      lower(op, context);
  }

  void lower(cf::AssertOp op, Value context) {
    OpBuilder b(op);
    Location loc = op.getLoc();
    Value yes = arith::ConstantIntOp::create(b, loc, 1, 1);
    Value fails = arith::XOrIOp::create(b, loc, op.getArg(), yes);
    auto branch = scf::IfOp::create(b, loc, fails, /*withElseRegion=*/false);
    b.setInsertionPointToStart(branch.thenBlock());
    Type pointer = context.getType();
    func::FuncOp report =
        declareRuntime(getOperation(), "ssmrt_report",
                       b.getFunctionType({pointer, pointer}, {}));
    Value text =
        LLVM::AddressOfOp::create(b, loc, pointer, message(op.getMsg()));
    func::CallOp::create(b, loc, report, ValueRange{context, text});
    op.erase();
  }

  /// The name of a constant that holds the text.
  StringRef message(StringRef text) {
    std::string &name = names[text];
    if (!name.empty())
      return name;
    name = "ssm_message_" + std::to_string(names.size() - 1);
    OpBuilder b = OpBuilder::atBlockBegin(getOperation().getBody());
    std::string bytes = (text + StringRef("\0", 1)).str();
    auto type = LLVM::LLVMArrayType::get(b.getI8Type(), bytes.size());
    LLVM::GlobalOp::create(b, getOperation().getLoc(), type,
                           /*isConstant=*/true, LLVM::Linkage::Internal, name,
                           b.getStringAttr(bytes));
    return name;
  }

  llvm::StringMap<std::string> names;
};
} // namespace
