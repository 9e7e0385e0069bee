//===- HopperBuilder.cpp - kernels on Hopper's tensor cores ---------------===//

#include "lib/Codegen/Gpu/HopperBuilder.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace ssmc;
using arith::CmpIPredicate;

static constexpr unsigned sharedSpace = 3;
static constexpr int64_t warp = 32;

//===- Arithmetic ---------------------------------------------------------===//

Value HopperBuilder::i32(int64_t value) {
  return arith::ConstantIntOp::create(*this, getI32Type(), value);
}
Value HopperBuilder::i64(int64_t value) {
  return arith::ConstantIntOp::create(*this, getI64Type(), value);
}
Value HopperBuilder::add(Int a, Int b) {
  return createOrFold<arith::AddIOp>(get(a), get(b));
}
Value HopperBuilder::sub(Int a, Int b) {
  return createOrFold<arith::SubIOp>(get(a), get(b));
}
Value HopperBuilder::mul(Int a, Int b) {
  return createOrFold<arith::MulIOp>(get(a), get(b));
}
Value HopperBuilder::div(Int a, int64_t b) { return div(a, i32(b)); }
Value HopperBuilder::div(Int a, Value b) {
  return createOrFold<arith::DivUIOp>(get(a), b);
}
Value HopperBuilder::rem(Int a, int64_t b) { return rem(a, i32(b)); }
Value HopperBuilder::rem(Int a, Value b) {
  return createOrFold<arith::RemUIOp>(get(a), b);
}
Value HopperBuilder::bitAnd(Int a, Int b) {
  return createOrFold<arith::AndIOp>(get(a), get(b));
}
Value HopperBuilder::bitXor(Int a, Int b) {
  return createOrFold<arith::XOrIOp>(get(a), get(b));
}
Value HopperBuilder::shiftRight(Int a, int64_t b) {
  return createOrFold<arith::ShRUIOp>(get(a), i32(b));
}
Value HopperBuilder::least(Int a, Int b) {
  return createOrFold<arith::MinSIOp>(get(a), get(b));
}
Value HopperBuilder::most(Int a, Int b) {
  return createOrFold<arith::MaxSIOp>(get(a), get(b));
}
Value HopperBuilder::compare(CmpIPredicate predicate, Int a, Int b) {
  return createOrFold<arith::CmpIOp>(predicate, get(a), get(b));
}
Value HopperBuilder::isLess(Int a, Int b) {
  return compare(CmpIPredicate::slt, a, b);
}
Value HopperBuilder::isEqual(Int a, Int b) {
  return compare(CmpIPredicate::eq, a, b);
}
Value HopperBuilder::select(Value condition, Value a, Value b) {
  return createOrFold<arith::SelectOp>(condition, a, b);
}
Value HopperBuilder::wide(Value a) {
  return a.getType().isInteger(64)
             ? a
             : createOrFold<arith::ExtSIOp>(getI64Type(), a);
}
Value HopperBuilder::wideMulAdd(Value a, Value b, Value c) {
  Value product = createOrFold<arith::MulIOp>(wide(a), wide(b));
  return createOrFold<arith::AddIOp>(product, wide(c));
}

Value HopperBuilder::intrinsic(StringRef name, ValueRange args) {
  return LLVM::CallIntrinsicOp::create(*this, getF32Type(), getStringAttr(name),
                                       args)
      .getResult(0);
}
Value HopperBuilder::f32(double value) {
  return arith::ConstantOp::create(*this, getF32FloatAttr(value));
}
Value HopperBuilder::fadd(Value a, Value b) {
  return arith::AddFOp::create(*this, a, b, arith::FastMathFlags::contract);
}
Value HopperBuilder::fsub(Value a, Value b) {
  return arith::SubFOp::create(*this, a, b, arith::FastMathFlags::contract);
}
Value HopperBuilder::fmul(Value a, Value b) {
  return arith::MulFOp::create(*this, a, b, arith::FastMathFlags::contract);
}
Value HopperBuilder::fma(Value a, Value b, Value c) {
  return intrinsic("llvm.nvvm.fma.rn.ftz.f", {a, b, c});
}
Value HopperBuilder::fmax(Value a, Value b) {
  return intrinsic("llvm.nvvm.fmax.ftz.f", {a, b});
}
Value HopperBuilder::exp2(Value x) {
  return intrinsic("llvm.nvvm.ex2.approx.ftz.f32", x);
}
Value HopperBuilder::log2(Value x) {
  return intrinsic("llvm.nvvm.lg2.approx.ftz.f", x);
}
Value HopperBuilder::reciprocal(Value x) {
  return intrinsic("llvm.nvvm.rcp.approx.ftz.f", x);
}
Value HopperBuilder::tanh(Value x) {
  return LLVM::InlineAsmOp::create(
             *this, getF32Type(), x, "tanh.approx.f32 $0, $1;", "=f,f",
             /*has_side_effects=*/false, /*is_align_stack=*/false,
             LLVM::tailcallkind::TailCallKind::None,
             LLVM::AsmDialectAttr::get(getContext(), LLVM::AsmDialect::AD_ATT),
             ArrayAttr())
      .getResult(0);
}
Value HopperBuilder::toF32(Value x) {
  if (x.getType().isF32())
    return x;
  return arith::ExtFOp::create(*this, getF32Type(), x);
}
Value HopperBuilder::pack(Value low, Value high) {
  auto pair = VectorType::get(2, getF32Type());
  Value both = LLVM::PoisonOp::create(*this, pair);
  both = LLVM::InsertElementOp::create(*this, both, low, i32(0));
  both = LLVM::InsertElementOp::create(*this, both, high, i32(1));
  both = arith::TruncFOp::create(*this, VectorType::get(2, element), both);
  return LLVM::BitcastOp::create(*this, getI32Type(), both);
}
std::pair<Value, Value> HopperBuilder::unpack(Value both) {
  if (element.isBF16()) {
    Value low = arith::ShLIOp::create(*this, both, i32(16));
    Value high = bitAnd(both, -65536);
    return {LLVM::BitcastOp::create(*this, getF32Type(), low),
            LLVM::BitcastOp::create(*this, getF32Type(), high)};
  }
  Value pair =
      LLVM::BitcastOp::create(*this, VectorType::get(2, element), both);
  auto half = [&](int64_t i) {
    return toF32(LLVM::ExtractElementOp::create(*this, pair, i32(i)));
  };
  return {half(0), half(1)};
}
HopperBuilder::Values HopperBuilder::packAll(ValueRange values) {
  Values packed;
  for (size_t i = 0; i + 1 < values.size(); i += 2)
    packed.push_back(pack(values[i], values[i + 1]));
  return packed;
}

//===- Threads and control ------------------------------------------------===//

Value HopperBuilder::thread() {
  return NVVM::ThreadIdXOp::create(*this, getI32Type());
}
Value HopperBuilder::block() {
  return NVVM::BlockIdXOp::create(*this, getI32Type());
}
static Value shuffle(HopperBuilder &b, Value x, int64_t by, int64_t clamp,
                     NVVM::ShflKind kind) {
  return NVVM::ShflOp::create(b, x.getType(), b.i32(-1), x, b.i32(by),
                              b.i32(clamp), kind, UnitAttr());
}
Value HopperBuilder::uniform(Value x) { return shuffleFrom(x, 0); }
Value HopperBuilder::shuffleXor(Value x, int64_t mask) {
  return shuffle(*this, x, mask, warp - 1, NVVM::ShflKind::bfly);
}
Value HopperBuilder::shuffleUp(Value x, int64_t lanes) {
  return shuffle(*this, x, lanes, 0, NVVM::ShflKind::up);
}
Value HopperBuilder::shuffleDown(Value x, int64_t lanes) {
  return shuffle(*this, x, lanes, warp - 1, NVVM::ShflKind::down);
}
Value HopperBuilder::shuffleFrom(Value x, int64_t lane) {
  return shuffle(*this, x, lane, warp - 1, NVVM::ShflKind::idx);
}
void HopperBuilder::syncBlock() { NVVM::Barrier0Op::create(*this); }
void HopperBuilder::syncWarp() { NVVM::SyncWarpOp::create(*this, i32(-1)); }
void HopperBuilder::sync(Int id, int64_t threads) {
  NVVM::BarrierOp::create(*this, Type(), get(id), i32(threads),
                          NVVM::BarrierReductionAttr(), Value());
}
void HopperBuilder::setRegisters(int64_t count, bool increase) {
  NVVM::SetMaxRegisterOp::create(*this, static_cast<uint32_t>(count),
                                 increase
                                     ? NVVM::SetMaxRegisterAction::increase
                                     : NVVM::SetMaxRegisterAction::decrease);
}

void HopperBuilder::when(Value condition, function_ref<void()> body) {
  auto op = scf::IfOp::create(*this, condition, /*withElseRegion=*/false);
  InsertionGuard guard(*this);
  setInsertionPointToStart(op.thenBlock());
  body();
}
void HopperBuilder::branch(Value condition, function_ref<void()> thenBody,
                           function_ref<void()> elseBody) {
  auto op = scf::IfOp::create(*this, condition, /*withElseRegion=*/true);
  InsertionGuard guard(*this);
  setInsertionPointToStart(op.thenBlock());
  thenBody();
  setInsertionPointToStart(op.elseBlock());
  elseBody();
}
HopperBuilder::Values HopperBuilder::choose(Value condition,
                                            function_ref<Values()> thenBody,
                                            function_ref<Values()> elseBody) {
  return Values(scf::IfOp::create(
                    *this, condition,
                    [&](OpBuilder &, Location) {
                      scf::YieldOp::create(*this, thenBody());
                    },
                    [&](OpBuilder &, Location) {
                      scf::YieldOp::create(*this, elseBody());
                    })
                    .getResults());
}
HopperBuilder::Values HopperBuilder::loop(Int from, Int to, ValueRange carried,
                                          LoopBody body) {
  auto op = scf::ForOp::create(*this, get(from), get(to), i32(1), carried);
  InsertionGuard guard(*this);
  setInsertionPointToStart(op.getBody());
  Values next = body(op.getInductionVar(), op.getRegionIterArgs());
  if (!carried.empty())
    scf::YieldOp::create(*this, next);
  return Values(op.getResults());
}
void HopperBuilder::loop(Int from, Int to, function_ref<void(Value)> body) {
  loop(from, to, {}, [&](Value i, ValueRange) -> Values {
    body(i);
    return {};
  });
}

//===- Memory -------------------------------------------------------------===//

Value HopperBuilder::at(Value pointer, Int bytes) {
  if (!bytes.value && bytes.number == 0)
    return pointer;
  Type type = pointer.getType();
  if (bytes.value)
    return LLVM::GEPOp::create(*this, type, getI8Type(), pointer, bytes.value);
  return LLVM::GEPOp::create(
      *this, type, getI8Type(), pointer,
      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(bytes.number)});
}
Value HopperBuilder::load(Type type, Value pointer, int64_t alignment) {
  return LLVM::LoadOp::create(*this, type, pointer, alignment);
}
void HopperBuilder::store(Value value, Value pointer) {
  LLVM::StoreOp::create(*this, value, pointer);
}
std::pair<Value, Value> HopperBuilder::loadPair(Value pointer) {
  Value both = load(VectorType::get(2, getF32Type()), pointer, 8);
  return {LLVM::ExtractElementOp::create(*this, both, i32(0)),
          LLVM::ExtractElementOp::create(*this, both, i32(1))};
}
Value HopperBuilder::elementAt(Type type, Value pointer, Value index) {
  return LLVM::GEPOp::create(*this, pointer.getType(), type, pointer, index);
}
Value HopperBuilder::loadFloat(Type type, Value pointer, Value index) {
  return toF32(load(type, elementAt(type, pointer, index),
                    type.getIntOrFloatBitWidth() / 8));
}

//===- Barriers and copies ------------------------------------------------===//

void HopperBuilder::initBarrier(Value barrier, int64_t arrivals) {
  NVVM::MBarrierInitOp::create(*this, barrier, i32(arrivals), Value());
}
void HopperBuilder::fenceBarriers() {
  NVVM::FenceMbarrierInitOp::create(*this);
}
void HopperBuilder::arrive(Value barrier) {
  NVVM::MBarrierArriveOp::create(*this, getI64Type(), barrier, Value());
}
void HopperBuilder::expect(Value barrier, int64_t bytes) {
  NVVM::MBarrierArriveExpectTxOp::create(*this, Type(), barrier, i32(bytes),
                                         NVVM::MemScopeKind::CTA, false,
                                         Value());
}
void HopperBuilder::wait(Value barrier, Int parity) {
  // The number is the most nanoseconds between two looks.
  NVVM::MBarrierTryWaitParityOp::create(*this, barrier, get(parity),
                                        i32(10000000));
}
void HopperBuilder::copyIn(Value to, Value map, ValueRange box, Value barrier) {
  NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(
      *this, to, map, box, barrier, ValueRange(), Value(), Value(),
      NVVM::TMALoadMode::TILE, /*isCTAOnly=*/true, NVVM::CTAGroupKindAttr(),
      Value());
}
void HopperBuilder::copyOut(Value map, ValueRange box, Value from) {
  NVVM::CpAsyncBulkTensorSharedCTAToGlobalOp::create(
      *this, map, from, box, Value(), NVVM::TMAStoreMode::TILE, Value());
}
void HopperBuilder::addOut(Value map, ValueRange box, Value from) {
  NVVM::CpAsyncBulkTensorReduceOp::create(
      *this, map, from, NVVM::TMAReduxKind::ADD, NVVM::TMAStoreMode::TILE, box,
      Value());
}
void HopperBuilder::commitCopies() {
  NVVM::CpAsyncBulkCommitGroupOp::create(*this);
}
void HopperBuilder::waitCopies(int64_t pending) {
  NVVM::CpAsyncBulkWaitGroupOp::create(*this, static_cast<uint32_t>(pending),
                                       getUnitAttr());
}
void HopperBuilder::fenceStores() {
  NVVM::FenceProxyOp::create(
      *this, NVVM::ProxyKind::async_shared,
      NVVM::SharedSpaceAttr::get(getContext(), NVVM::SharedSpace::shared_cta));
}

//===- Kernels ------------------------------------------------------------===//

HopperKernel::HopperKernel(Operation *op, StringRef name, int64_t threads)
    : op(op), name(name), threads(threads) {}

Type HopperKernel::pointerType() {
  return LLVM::LLVMPointerType::get(op->getContext());
}
unsigned HopperKernel::addArgument(bool isMap, Type type) {
  types.push_back(isMap ? pointerType() : type);
  maps.push_back(isMap);
  return types.size() - 1;
}
int64_t HopperKernel::reserve(int64_t bytes, int64_t alignment) {
  int64_t offset = llvm::alignTo(shared, alignment);
  shared = offset + bytes;
  return offset;
}

SymbolRefAttr HopperKernel::build(
    Type element, function_ref<void(HopperBuilder &, ValueRange, Value)> body) {
  constexpr StringLiteral sharedName = "ssm_shared_memory";
  MLIRContext *context = op->getContext();
  auto module = op->getParentOfType<ModuleOp>();
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  module->setAttr(gpu::GPUDialect::getContainerModuleAttrName(),
                  builder.getUnitAttr());
  auto device = gpu::GPUModuleOp::create(builder, op->getLoc(), name);
  SymbolTable(module).insert(device);
  builder.setInsertionPointToStart(device.getBody());
  auto bytes = LLVM::LLVMArrayType::get(builder.getI8Type(), 0);
  LLVM::GlobalOp::create(builder, op->getLoc(), bytes, /*isConstant=*/false,
                         LLVM::Linkage::External, sharedName, Attribute(),
                         /*alignment=*/1024, sharedSpace);
  auto function = LLVM::LLVMFuncOp::create(
      builder, op->getLoc(), name,
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context), types));
  function->setAttr(gpu::GPUDialect::getKernelFuncAttrName(),
                    builder.getUnitAttr());
  function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(),
                    builder.getUnitAttr());
  function->setAttr(
      NVVM::NVVMDialect::getReqntidAttrName(),
      builder.getDenseI32ArrayAttr({static_cast<int32_t>(threads), 1, 1}));
  function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                    builder.getI32IntegerAttr(1));
  auto map = LLVM::LLVMArrayType::get(builder.getI8Type(), 128);
  for (auto [i, isMap] : llvm::enumerate(maps)) {
    if (!isMap)
      continue;
    function.setArgAttr(i, LLVM::LLVMDialect::getByValAttrName(),
                        TypeAttr::get(map));
    function.setArgAttr(i, LLVM::LLVMDialect::getAlignAttrName(),
                        builder.getI64IntegerAttr(64));
    function.setArgAttr(i, NVVM::NVVMDialect::getGridConstantAttrName(),
                        builder.getUnitAttr());
  }
  Block *entry = function.addEntryBlock(builder);
  builder.setInsertionPointToStart(entry);
  HopperBuilder b(op->getLoc(), builder, element);
  Value base = LLVM::AddressOfOp::create(
      b, LLVM::LLVMPointerType::get(context, sharedSpace), sharedName);
  body(b, entry->getArguments(), base);
  LLVM::ReturnOp::create(b, ValueRange());
  return SymbolRefAttr::get(device.getSymNameAttr(),
                            FlatSymbolRefAttr::get(function.getSymNameAttr()));
}

void TileRing::init(HopperBuilder &b, Value base) {
  for (int64_t i = 0; i < stages; ++i) {
    b.initBarrier(b.at(base, offset + 8 * i), full);
    b.initBarrier(b.at(base, offset + 8 * (stages + i)), empty);
  }
}
TileRing::Use TileRing::use(HopperBuilder &b, Value base,
                            HopperBuilder::Int n) {
  Value stage = b.rem(n, stages);
  Value at = b.at(base, b.add(b.mul(stage, 8), offset));
  return {stage, b.bitAnd(b.div(n, stages), 1), at, b.at(at, 8 * stages)};
}
void TileRing::waitEmpty(HopperBuilder &b, const Use &use) {
  b.wait(use.empty, b.bitXor(use.parity, 1));
}
void TileRing::waitFull(HopperBuilder &b, const Use &use) {
  b.wait(use.full, use.parity);
}
