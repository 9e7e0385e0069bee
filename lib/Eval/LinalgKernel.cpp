//===- LinalgKernel.cpp - runs a structured op on tensors -----------------===//

#include "lib/Eval/LinalgKernel.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace ssmc;

static constexpr int64_t kLanes = 256;

LogicalResult LinalgKernel::compile(linalg::LinalgOp op, std::string &error) {
  maps = op.getIndexingMapsArray();
  iterators = op.getIteratorTypesArray();
  numInputs = op.getNumDpsInputs();
  Block &body = *op.getBlock();
  llvm::DenseMap<Value, unsigned> registers;
  for (BlockArgument arg : body.getArguments()) {
    registers[arg] = numRegisters++;
    argumentUsed.push_back(!arg.use_empty());
  }
  auto getRegister = [&](Value value) {
    auto [it, isNew] = registers.try_emplace(value, numRegisters);
    if (isNew) {
      captures.push_back(value);
      captureRegisters.push_back(numRegisters++);
    }
    return it->second;
  };
  for (Operation &inner : body.without_terminator()) {
    if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
      indices.push_back({numRegisters, index.getDim()});
      registers[index.getResult()] = numRegisters++;
      continue;
    }
    // A constant is like a value from outside.
    if (inner.hasTrait<OpTrait::ConstantLike>())
      continue;
    Instruction instruction;
    if (auto extract = dyn_cast<tensor::ExtractOp>(inner)) {
      instruction.table = captures.size();
      captures.push_back(extract.getTensor());
      captureRegisters.push_back(numRegisters++);
      for (Value index : extract.getIndices())
        instruction.in.push_back(getRegister(index));
      instruction.out = registers[extract.getResult()] = numRegisters++;
      program.push_back(std::move(instruction));
      continue;
    }
    instruction.op = getLaneOp(&inner);
    if (!instruction.op.function) {
      error = "'" + inner.getName().getStringRef().str() +
              "' in the body of '" + op->getName().getStringRef().str() +
              "' cannot be evaluated";
      return failure();
    }
    for (Value operand : inner.getOperands())
      instruction.in.push_back(getRegister(operand));
    instruction.out = registers[inner.getResult(0)] = numRegisters++;
    program.push_back(std::move(instruction));
  }
  for (Value value : body.getTerminator()->getOperands())
    yielded.push_back(getRegister(value));
  return success();
}

LogicalResult LinalgKernel::getExtents(ArrayRef<Tensor> operands,
                                       SmallVectorImpl<int64_t> &extents,
                                       std::string &error) const {
  extents.assign(iterators.size(), -1);
  for (auto [operand, map] : llvm::zip_equal(operands, maps)) {
    if (operand.getRank() != int64_t(map.getNumResults())) {
      error = "an operand's rank disagrees with its indexing map";
      return failure();
    }
    for (auto [expr, extent] : llvm::zip(map.getResults(), operand.getShape()))
      if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
        int64_t &known = extents[dim.getPosition()];
        if (known >= 0 && known != extent) {
          error = "operands disagree in an extent: " + std::to_string(known) +
                  " and " + std::to_string(extent);
          return failure();
        }
        known = extent;
      }
  }
  if (llvm::is_contained(extents, -1)) {
    error = "no operand says how long a loop is";
    return failure();
  }
  return success();
}

/// The sum's terms.
static void getTerms(AffineExpr expr, SmallVectorImpl<AffineExpr> &terms) {
  auto sum = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!sum || sum.getKind() != AffineExprKind::Add) {
    terms.push_back(expr);
    return;
  }
  getTerms(sum.getLHS(), terms);
  getTerms(sum.getRHS(), terms);
}

/// The only dimension that `expr` depends on; -1 if none, -2 if several.
static int getOnlyDim(AffineExpr expr) {
  int only = -1;
  expr.walk([&](AffineExpr inner) {
    if (auto dim = dyn_cast<AffineDimExpr>(inner))
      only = only == -1 || only == int(dim.getPosition())
                 ? int(dim.getPosition())
                 : -2;
  });
  return only;
}

/// The value of a term that depends on one dimension.
static int64_t evaluate(AffineExpr expr, int64_t index) {
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  if (!binary)
    return index;
  int64_t x = evaluate(binary.getLHS(), index);
  int64_t y = evaluate(binary.getRHS(), index);
  switch (binary.getKind()) {
  case AffineExprKind::Add:
    return x + y;
  case AffineExprKind::Mul:
    return x * y;
  case AffineExprKind::Mod:
    return y > 0 ? llvm::mod(x, y) : 0;
  case AffineExprKind::FloorDiv:
    return y != 0 ? llvm::divideFloorSigned(x, y) : 0;
  case AffineExprKind::CeilDiv:
    return y != 0 ? llvm::divideCeilSigned(x, y) : 0;
  default:
    return 0;
  }
}

LogicalResult LinalgKernel::getAccess(const Tensor &operand, AffineMap map,
                                      ArrayRef<int64_t> extents, Access &access,
                                      std::string &error) const {
  unsigned numLoops = extents.size();
  access.strides.assign(numLoops, 0);
  access.tables.resize(numLoops);
  SmallVector<int64_t> strides = rowMajorStrides(operand.getShape());
  for (auto [d, expr] : llvm::enumerate(map.getResults())) {
    // A plain dimension is in bounds: it has the operand's extent.
    if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
      access.strides[dim.getPosition()] += strides[d];
      continue;
    }
    int64_t least = 0, most = 0;
    SmallVector<AffineExpr> terms;
    getTerms(expr, terms);
    for (AffineExpr term : terms) {
      int loop = getOnlyDim(term);
      if (loop == -2 || map.getNumSymbols() != 0) {
        error = "an indexing map that is not a sum over its loops";
        return failure();
      }
      if (loop == -1) {
        int64_t value = evaluate(term, 0);
        access.base += value * strides[d];
        least += value, most += value;
        continue;
      }
      std::vector<int64_t> &table = access.tables[loop];
      table.resize(extents[loop]);
      int64_t low = 0, high = 0;
      for (int64_t i = 0; i < extents[loop]; ++i) {
        int64_t value = evaluate(term, i);
        table[i] += value * strides[d];
        low = i == 0 ? value : std::min(low, value);
        high = i == 0 ? value : std::max(high, value);
      }
      least += low, most += high;
    }
    if (least < 0 || most >= operand.getShape()[d]) {
      error = "an index out of bounds: " + std::to_string(least) + " to " +
              std::to_string(most) + " in an extent of " +
              std::to_string(operand.getShape()[d]);
      return failure();
    }
  }
  return success();
}

// The last parallel loop that fills the lanes fairly well, else the longest.
unsigned LinalgKernel::chooseLanes(ArrayRef<int64_t> extents) const {
  unsigned best = extents.size();
  for (unsigned d = 0; d < extents.size(); ++d) {
    if (iterators[d] != utils::IteratorType::parallel)
      continue;
    if (best == extents.size() || extents[d] >= 32 ||
        extents[d] > extents[best])
      best = d;
  }
  return best;
}

// What is yielded as it was read is moved when results are overwritten already.
bool LinalgKernel::readsInPlace(unsigned operand) const {
  return !llvm::is_contained(yielded, operand);
}

// The last instruction's result, which nothing reads any more.
bool LinalgKernel::writesInPlace(unsigned result) const {
  return !program.empty() && program.back().out == yielded[result] &&
         llvm::count(yielded, yielded[result]) == 1;
}

LogicalResult LinalgKernel::extract(const Tensor &table, Lane *out,
                                    ArrayRef<const Lane *> in, int64_t count,
                                    std::string &error) {
  SmallVector<int64_t> strides = rowMajorStrides(table.getShape());
  for (int64_t l = 0; l < count; ++l) {
    int64_t offset = 0;
    for (auto [d, index] : llvm::enumerate(in)) {
      int64_t i = index[l].i;
      if (i < 0 || i >= table.getShape()[d]) {
        error = "an index out of bounds: " + std::to_string(i) +
                " in an extent of " + std::to_string(table.getShape()[d]);
        return failure();
      }
      offset += i * strides[d];
    }
    if (table.isFloat())
      out[l].f = table.floats()[offset];
    else
      out[l].i = table.ints()[offset];
  }
  return success();
}

LogicalResult LinalgKernel::run(MutableArrayRef<Tensor> operands,
                                ArrayRef<Tensor> captured, std::string &error) {
  SmallVector<int64_t> extents;
  if (failed(getExtents(operands, extents, error)))
    return failure();
  if (llvm::is_contained(extents, 0))
    return success();
  SmallVector<Access> accesses(operands.size());
  for (unsigned i = 0; i < operands.size(); ++i)
    if (failed(getAccess(operands[i], maps[i], extents, accesses[i], error)))
      return failure();

  // Without a parallel loop there is one lane.
  unsigned numLoops = extents.size(), lanes = chooseLanes(extents);
  int64_t numLanes = lanes < numLoops ? extents[lanes] : 1;
  std::vector<Lane> storage(numRegisters * kLanes);
  auto at = [&](unsigned reg) { return storage.data() + reg * kLanes; };
  SmallVector<Lane *> registers(numRegisters);
  for (unsigned reg = 0; reg < numRegisters; ++reg)
    registers[reg] = at(reg);
  for (auto [reg, value] : llvm::zip_equal(captureRegisters, captured))
    for (int64_t l = 0; l < kLanes && value.getRank() == 0; ++l) {
      if (value.isFloat())
        at(reg)[l].f = value.floats()[0];
      else
        at(reg)[l].i = value.ints()[0];
    }
  // Both kinds of element are 8 bytes, and lanes are those bytes.
  struct Cursor {
    Lane *data;
    int64_t offset = 0;
    int64_t step = 0; // from lane to lane
    const std::vector<int64_t> *table = nullptr;
    bool hasTables = false;
    bool inPlace = false; // the register is the operand's memory
  };
  SmallVector<Cursor> cursors(operands.size());
  for (auto [i, operand] : llvm::enumerate(operands)) {
    const void *begin;
    if (i < numInputs)
      begin = operand.isFloat()
                  ? static_cast<const void *>(operand.floats().data())
                  : operand.ints().data();
    else
      begin = operand.isFloat()
                  ? static_cast<const void *>(operand.mutableFloats().data())
                  : operand.mutableInts().data();
    Cursor &cursor = cursors[i];
    cursor.data = const_cast<Lane *>(static_cast<const Lane *>(begin));
    const Access &access = accesses[i];
    cursor.offset = access.base;
    cursor.hasTables = access.hasTables();
    if (lanes < numLoops) {
      cursor.step = access.strides[lanes];
      if (!access.tables[lanes].empty())
        cursor.table = &access.tables[lanes];
    }
    cursor.inPlace = cursor.step == 1 && !cursor.table && readsInPlace(i);
  }
  SmallVector<bool> written;
  for (unsigned i = 0; i < yielded.size(); ++i) {
    const Cursor &cursor = cursors[numInputs + i];
    written.push_back(cursor.step == 1 && !cursor.table && writesInPlace(i));
  }

  SmallVector<int64_t> index(numLoops, 0);
  SmallVector<const Lane *> inputs;
  while (true) {
    for (int64_t first = 0; first < numLanes; first += kLanes) {
      int64_t count = std::min(kLanes, numLanes - first);
      auto begin = [&](unsigned operand) {
        const Cursor &cursor = cursors[operand];
        Lane *from = cursor.data + cursor.offset + cursor.step * first;
        if (cursor.hasTables)
          for (unsigned d = 0; d < numLoops; ++d)
            if (d != lanes && !accesses[operand].tables[d].empty())
              from += accesses[operand].tables[d][index[d]];
        return from;
      };
      auto forLanes = [&](const Cursor &cursor, Lane *from, auto &&body) {
        if (cursor.table)
          for (int64_t l = 0; l < count; ++l)
            body(from + cursor.step * l + (*cursor.table)[first + l], l);
        else
          for (int64_t l = 0; l < count; ++l)
            body(from + cursor.step * l, l);
      };
      for (unsigned i = 0; i < operands.size(); ++i) {
        if (!argumentUsed[i])
          continue;
        const Cursor &cursor = cursors[i];
        Lane *from = begin(i);
        if (cursor.inPlace)
          registers[i] = from;
        else if (cursor.step == 0 && !cursor.table)
          std::fill_n(at(i), count, *from);
        else
          forLanes(cursor, from,
                   [to = at(i)](Lane *from, int64_t l) { to[l] = *from; });
      }
      for (auto [reg, loop] : indices)
        for (int64_t l = 0; l < count; ++l)
          at(reg)[l].i = loop == lanes ? first + l : index[loop];
      for (auto [i, isWritten] : llvm::enumerate(written))
        if (isWritten)
          registers[yielded[i]] = begin(numInputs + i);
      for (const Instruction &instruction : program) {
        inputs.clear();
        for (unsigned reg : instruction.in)
          inputs.push_back(registers[reg]);
        if (!instruction.table)
          instruction.op.run(registers[instruction.out], inputs.data(), count);
        else if (failed(extract(captured[*instruction.table],
                                registers[instruction.out], inputs, count,
                                error)))
          return failure();
      }
      for (unsigned i = 0; i < yielded.size(); ++i)
        if (!written[i])
          forLanes(cursors[numInputs + i], begin(numInputs + i),
                   [from = registers[yielded[i]]](Lane *to, int64_t l) {
                     *to = from[l];
                   });
    }
    // Count on, the last loop fastest.
    unsigned d = numLoops;
    bool wrapped = true;
    while (wrapped && d-- > 0) {
      if (d == lanes)
        continue;
      wrapped = ++index[d] == extents[d];
      for (auto [cursor, access] : llvm::zip(cursors, accesses))
        cursor.offset += access.strides[d] * (wrapped ? 1 - extents[d] : 1);
      if (wrapped)
        index[d] = 0;
    }
    if (wrapped)
      return success();
  }
}
