//===- HopperBuilder.h - kernels on Hopper's tensor cores -------*- C++ -*-===//
//
// Short names for what a kernel of sm_90a is made of: arithmetic of 32 bits,
// barriers in shared memory, bulk copies by tensor maps, and products of a warp
// group (wgmma), whose operands lie in shared memory in tiles of rows of 128
// bytes, or in registers.
//
// A tile is stored as boxes of 64 columns: row r of a box takes 128 bytes, and
// its 16-byte piece c lies at piece c ^ (r & 7) (the swizzle of 128 bytes). A
// box begins at a multiple of 1024 bytes.
//
// Fragments. The accumulators of a product of 64 rows hold, in lane 4g + t of
// warp w, element 4j + 2h + e of the list at row 16w + g + 8h and column
// 8j + 2t + e. Packed in pairs (e = 0, 1), eight of a list in a row are the
// left operand of a product over these 16 columns.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace ssmc {

/// Shared memory that a block may have.
inline constexpr int64_t kHopperSharedBytes = 227 * 1024;
/// Columns of 16-bit elements in a box, and bytes of a box's row.
inline constexpr int64_t kBoxColumns = 64, kBoxRowBytes = 128;

class HopperBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;
  HopperBuilder(mlir::Location loc, mlir::OpBuilder &builder,
                mlir::Type element)
      : ImplicitLocOpBuilder(loc, builder), element(element) {}

  /// bf16 or f16: of all tiles.
  mlir::Type element;

  /// An i32 operand: a value or a constant.
  struct Int {
    Int(Value value) : value(value) {}
    template <typename T, typename = std::enable_if_t<std::is_integral_v<T>>>
    Int(T number) : number(number) {}
    Value value;
    int64_t number = 0;
  };

  // Arithmetic of i32, unsigned where it matters, and of i64.
  Value i32(int64_t value);
  Value i64(int64_t value);
  Value get(Int x) { return x.value ? x.value : i32(x.number); }
  Value add(Int a, Int b);
  Value sub(Int a, Int b);
  Value mul(Int a, Int b);
  Value div(Int a, int64_t b);
  Value div(Int a, Value b);
  Value rem(Int a, int64_t b);
  Value rem(Int a, Value b);
  Value bitAnd(Int a, Int b);
  Value bitXor(Int a, Int b);
  Value shiftRight(Int a, int64_t b);
  Value least(Int a, Int b);
  Value most(Int a, Int b);
  Value compare(mlir::arith::CmpIPredicate predicate, Int a, Int b);
  Value isLess(Int a, Int b);
  Value isEqual(Int a, Int b);
  Value select(Value condition, Value a, Value b);
  /// a * b + c in i64, of i32 or i64 values.
  Value wideMulAdd(Value a, Value b, Value c);
  Value wide(Value a);

  // Arithmetic of f32.
  Value f32(double value);
  Value fadd(Value a, Value b);
  Value fsub(Value a, Value b);
  Value fmul(Value a, Value b);
  Value fma(Value a, Value b, Value c);
  Value fmax(Value a, Value b);
  Value exp2(Value x);
  Value log2(Value x);
  Value reciprocal(Value x);
  Value tanh(Value x);
  Value toF32(Value x);
  /// Two f32 rounded to `element` in an i32, and back.
  Value pack(Value low, Value high);
  std::pair<Value, Value> unpack(Value both);
  /// The accumulators of a product as left operands, four to 16 columns.
  Values packAll(mlir::ValueRange values);

  // Threads.
  Value thread();
  Value block();
  /// `x` of lane 0, which makes what depends on it uniform in the warp.
  Value uniform(Value x);
  Value shuffleXor(Value x, int64_t mask);
  Value shuffleUp(Value x, int64_t lanes);
  Value shuffleDown(Value x, int64_t lanes);
  Value shuffleFrom(Value x, int64_t lane);
  void syncBlock();
  void syncWarp();
  /// Barrier `id`, 1 to 15, of a number of threads.
  void sync(Int id, int64_t threads);
  void setRegisters(int64_t count, bool increase);

  // Control.
  void when(Value condition, llvm::function_ref<void()> body);
  void branch(Value condition, llvm::function_ref<void()> thenBody,
              llvm::function_ref<void()> elseBody);
  /// The values of the branch that is taken, of which there are equally many.
  Values choose(Value condition, llvm::function_ref<Values()> thenBody,
                llvm::function_ref<Values()> elseBody);
  using LoopBody = llvm::function_ref<Values(Value, mlir::ValueRange)>;
  Values loop(Int from, Int to, mlir::ValueRange carried, LoopBody body);
  void loop(Int from, Int to, llvm::function_ref<void(Value)> body);

  // Memory.
  Value at(Value pointer, Int bytes);
  Value load(mlir::Type type, Value pointer, int64_t alignment);
  void store(Value value, Value pointer);
  std::pair<Value, Value> loadPair(Value pointer);
  /// The element of a buffer of f32, f16 or bf16 in f32.
  Value loadFloat(mlir::Type type, Value pointer, Value index);
  Value elementAt(mlir::Type type, Value pointer, Value index);

  // Barriers in shared memory, and copies that count on them.
  void initBarrier(Value barrier, int64_t arrivals);
  void fenceBarriers();
  void arrive(Value barrier);
  void expect(Value barrier, int64_t bytes);
  /// Until the phase of that parity is over.
  void wait(Value barrier, Int parity);
  void copyIn(Value to, Value map, mlir::ValueRange box, Value barrier);
  void copyOut(Value map, mlir::ValueRange box, Value from);
  /// The same, added to what is there.
  void addOut(Value map, mlir::ValueRange box, Value from);
  void commitCopies();
  /// Until at most so many groups of copies out have yet to read.
  void waitCopies(int64_t pending);
  /// What this thread stored can be read by copies and products, after a
  /// barrier.
  void fenceStores();

  // Products of a warp group.
  /// A tile in shared memory whose rows are the operand's (rows of the left
  /// one, columns of the right one) and whose columns are summed over; boxes
  /// of 64 columns follow each other at `boxBytes`.
  struct Tile {
    Value descriptor;
    llvm::SmallVector<int64_t> steps; // bytes from one 16-wide step to the next
    bool transposed;
  };
  Tile tile(Value base, int64_t columns, int64_t boxBytes);
  /// The same where the tile's rows are summed over.
  Tile transposedTile(Value base, int64_t rows, int64_t boxBytes);
  /// The tile so many bytes further, a multiple of 1024.
  Tile shifted(const Tile &tile, Value bytes);
  /// acc + A B over `n` columns; without `acc`, A B. Issued and committed: the
  /// result is there after `waitProducts`.
  Values product(int64_t n, mlir::ValueRange acc, const Tile &a, const Tile &b);
  Values product(int64_t n, mlir::ValueRange acc, mlir::ValueRange a,
                 const Tile &b);
  /// The same values, which are computed before what follows is issued.
  Values pin(mlir::ValueRange values);
  /// Until at most so many products are under way; ties `values`.
  Values waitProducts(int64_t pending, mlir::ValueRange values);

  // Fragments in shared memory.
  /// Bytes of the row that this lane names to loadMatrices and storeMatrices
  /// for the 16 rows of its warp, times 128, and of the swizzled piece of the
  /// 16 columns `column16` of a box.
  struct Lanes {
    Value rowBytes, piece, row8;
  };
  Lanes lanesOfRows(Value firstRow);
  Value pieceOf(const Lanes &lanes, int64_t column16);
  Lanes lanesOfColumns(Value firstColumn);
  void storeMatrices(Value to, mlir::ValueRange packed, bool transposed);
  Values loadMatrices(Value from, bool transposed);
  /// 16-row fragments, packed, to the warp's rows of a tile.
  void storeTile(Value base, int64_t boxBytes, const Lanes &lanes,
                 mlir::ValueRange packed);

private:
  Values issue(int64_t n, mlir::ValueRange acc, mlir::ValueRange left,
               const Tile *leftTile, const Tile &right);
  Value intrinsic(llvm::StringRef name, mlir::ValueRange args);
  Value descriptor(Value base, int64_t leading, int64_t stride);
};

/// A kernel under construction: a function in a module for the device with its
/// arguments, and the layout of its shared memory.
class HopperKernel {
public:
  HopperKernel(mlir::Operation *op, llvm::StringRef name, int64_t threads);

  /// Arguments, in order: maps are passed by value.
  unsigned addMap() { return addArgument(true, {}); }
  unsigned addPointer() { return addArgument(false, pointerType()); }
  unsigned addNumber(mlir::Type type) { return addArgument(false, type); }
  /// Bytes of shared memory, at a multiple of 1024 for tiles.
  int64_t reserve(int64_t bytes, int64_t alignment = 1024);
  int64_t sharedBytes() const { return shared; }

  /// The body; the builder stands in the function, and `base` is the shared
  /// memory.
  mlir::SymbolRefAttr
  build(mlir::Type element,
        llvm::function_ref<void(HopperBuilder &, mlir::ValueRange args,
                                mlir::Value base)>
            body);

private:
  unsigned addArgument(bool isMap, mlir::Type type);
  mlir::Type pointerType();

  mlir::Operation *op;
  std::string name;
  int64_t threads, shared = 0;
  llvm::SmallVector<mlir::Type> types;
  llvm::SmallVector<bool> maps;
};

/// A ring of stages in shared memory: for each a barrier that says it is full
/// and one that says it is empty.
class TileRing {
public:
  TileRing(HopperKernel &kernel, int64_t stages, int64_t fullArrivals,
           int64_t emptyArrivals)
      : stages(stages), full(fullArrivals), empty(emptyArrivals),
        offset(kernel.reserve(16 * stages, 8)) {}

  void init(HopperBuilder &b, mlir::Value base);
  /// Stage and parity of the n-th use.
  struct Use {
    mlir::Value stage, parity, full, empty;
  };
  Use use(HopperBuilder &b, mlir::Value base, HopperBuilder::Int n);
  void waitEmpty(HopperBuilder &b, const Use &use);
  void waitFull(HopperBuilder &b, const Use &use);

private:
  int64_t stages, full, empty, offset;
};

} // namespace ssmc
