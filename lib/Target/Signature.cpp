//===- Signature.cpp - what a model takes and gives -----------------------===//

#include "lib/Target/Signature.h"

#include "lib/Support/Npz.h"
#include "ssmrt/ssmrt.h"

#include "mlir/IR/AffineMap.h"

using namespace mlir;
using namespace ssmc;

int64_t ValueSignature::getStaticBytes() const {
  int64_t bytes = getElementBytes(dtype);
  for (const Dimension &dim : dims)
    if (dim.extent < 0 || llvm::MulOverflow(bytes, dim.extent, bytes))
      return -1;
  return bytes;
}

static StringRef operatorText(AffineExprKind kind) {
  switch (kind) {
  case AffineExprKind::Add:
    return " + ";
  case AffineExprKind::Mul:
    return "*";
  case AffineExprKind::Mod:
    return " mod ";
  case AffineExprKind::FloorDiv:
    return " / ";
  case AffineExprKind::CeilDiv:
    return " ceildiv ";
  default:
    return " ? ";
  }
}

std::string ssmc::formatExtent(AffineExpr expr, ArrayRef<std::string> symbols) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return std::to_string(constant.getValue());
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return symbol.getPosition() < symbols.size()
               ? symbols[symbol.getPosition()]
               : "s" + std::to_string(symbol.getPosition());
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return "?";
  AffineExpr lhs = binary.getLHS(), rhs = binary.getRHS();
  if (expr.getKind() == AffineExprKind::Add) {
    auto constant = dyn_cast<AffineConstantExpr>(rhs);
    if (constant && constant.getValue() < 0)
      return formatExtent(lhs, symbols) + " - " +
             std::to_string(-constant.getValue());
    return formatExtent(lhs, symbols) + " + " + formatExtent(rhs, symbols);
  }
  auto factor = [&](AffineExpr side) {
    std::string text = formatExtent(side, symbols);
    return isa<AffineBinaryOpExpr>(side) ? "(" + text + ")" : text;
  };
  // Constants read better in front: 2*L.
  if (expr.getKind() == AffineExprKind::Mul && isa<AffineConstantExpr>(rhs))
    std::swap(lhs, rhs);
  return factor(lhs) + operatorText(expr.getKind()).str() + factor(rhs);
}

static FailureOr<ValueSignature> readValue(ModuleOp module, Attribute attr,
                                           ArrayRef<std::string> symbols) {
  auto dict = dyn_cast<DictionaryAttr>(attr);
  auto name = dict ? dict.getAs<StringAttr>("name") : StringAttr();
  auto dtype = dict ? dict.getAs<IntegerAttr>("dtype") : IntegerAttr();
  auto dims = dict ? dict.getAs<AffineMapAttr>("dims") : AffineMapAttr();
  if (!name || !dtype || !dims)
    return module.emitError("malformed signature of a value: ") << attr;
  ValueSignature value;
  value.name = name.str();
  value.dtype = dtype.getInt();
  if (getElementBytes(value.dtype) == 0)
    return module.emitError("'")
           << value.name << "' has element type number " << value.dtype
           << ", which models cannot take or give";
  if (dims.getValue().getNumResults() > SSMRT_MAX_RANK)
    return module.emitError("'")
           << value.name << "' has " << dims.getValue().getNumResults()
           << " dimensions; inputs and outputs may have " << SSMRT_MAX_RANK;
  for (AffineExpr expr : dims.getValue().getResults()) {
    Dimension dim;
    dim.text = formatExtent(expr, symbols);
    if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
      dim.symbol = symbol.getPosition();
    if (auto constant = dyn_cast<AffineConstantExpr>(expr))
      dim.extent = constant.getValue();
    value.dims.push_back(std::move(dim));
  }
  return value;
}

/// The bytes of a row of a state, given as floats of its type.
static FailureOr<std::string> readRow(DictionaryAttr state,
                                      const ValueSignature &value) {
  auto row = state.getAs<DenseElementsAttr>("initial_row");
  if (!row)
    return std::string();
  ArrayRef<char> bytes = row.getRawData();
  SmallVector<int64_t> shape;
  for (const Dimension &dim : ArrayRef(value.dims).drop_front())
    shape.push_back(dim.extent);
  if (row.isSplat() || !isa<FloatType>(row.getElementType()) ||
      row.getType().getShape() != ArrayRef(shape))
    return failure();
  return std::string(bytes.data(), bytes.size());
}

static FailureOr<StateSignature> readState(ModuleOp module, Attribute attr,
                                           const EntrySignature &entry) {
  auto dict = dyn_cast<DictionaryAttr>(attr);
  auto name = dict ? dict.getAs<StringAttr>("name") : StringAttr();
  auto input = dict ? dict.getAs<IntegerAttr>("input") : IntegerAttr();
  auto output = dict ? dict.getAs<IntegerAttr>("output") : IntegerAttr();
  auto initial = dict ? dict.getAs<FloatAttr>("initial") : FloatAttr();
  auto isOf = [](IntegerAttr index, const std::vector<ValueSignature> &values) {
    return index && index.getValue().ult(values.size());
  };
  if (!name || !initial || !isOf(input, entry.inputs) ||
      !isOf(output, entry.outputs))
    return module.emitError("malformed signature of a state: ") << attr;
  const ValueSignature &before = entry.inputs[input.getInt()],
                       &after = entry.outputs[output.getInt()];
  // Rows are counted by the first dimension, the others are numbers.
  bool fits = before.dtype == after.dtype && !before.dims.empty() &&
              before.dims.size() == after.dims.size();
  for (size_t d = 0; fits && d < before.dims.size(); ++d)
    fits = before.dims[d].text == after.dims[d].text &&
           (before.dims[d].extent >= 0 || d == 0);
  if (!fits)
    return module.emitError("state '")
           << name.getValue() << "' is not given as it is taken";
  FailureOr<std::string> row = readRow(dict, before);
  if (failed(row))
    return module.emitError("malformed first row of state '")
           << name.getValue() << "'";
  return StateSignature{name.str(),
                        int32_t(input.getInt()),
                        int32_t(output.getInt()),
                        initial.getValueAsDouble(),
                        dict.contains("in_place"),
                        std::move(*row)};
}

/// Entries go on from each other's states, so all that have some have the same.
static LogicalResult compareStates(ModuleOp module, const EntrySignature &a,
                                   const EntrySignature &b) {
  auto fail = [&] {
    return module.emitError("entries '")
           << a.name << "' and '" << b.name << "' have different states";
  };
  if (a.states.size() != b.states.size())
    return fail();
  for (auto [x, y] : llvm::zip_equal(a.states, b.states)) {
    const ValueSignature &first = a.inputs[x.input],
                         &second = b.inputs[y.input];
    if (x.name != y.name || x.initial != y.initial || x.inPlace != y.inPlace ||
        x.initialRow != y.initialRow || first.dtype != second.dtype ||
        first.dims.size() != second.dims.size())
      return fail();
    for (auto [one, other] : llvm::zip_equal(first.dims, second.dims))
      if (one.extent != other.extent)
        return fail();
  }
  return success();
}

static FailureOr<EntrySignature> readEntry(ModuleOp module, StringRef name,
                                           Attribute attr) {
  auto dict = dyn_cast<DictionaryAttr>(attr);
  auto list = [&](StringRef key) {
    auto array = dict ? dict.getAs<ArrayAttr>(key) : ArrayAttr();
    return array ? array.getValue() : ArrayRef<Attribute>();
  };
  EntrySignature entry;
  entry.name = name.str();
  for (Attribute symbol : list("symbols"))
    if (auto text = dyn_cast<StringAttr>(symbol))
      entry.symbols.push_back(text.str());
  for (auto [key, values] : {std::pair{"inputs", &entry.inputs},
                             std::pair{"outputs", &entry.outputs}}) {
    for (Attribute attr : list(key)) {
      FailureOr<ValueSignature> value = readValue(module, attr, entry.symbols);
      if (failed(value))
        return failure();
      values->push_back(std::move(*value));
    }
  }
  SmallVector<bool> bound(entry.symbols.size(), false);
  for (const ValueSignature &input : entry.inputs)
    for (const Dimension &dim : input.dims)
      if (dim.symbol >= 0 && dim.symbol < int32_t(bound.size()))
        bound[dim.symbol] = true;
  for (auto [symbol, isBound] : llvm::zip(entry.symbols, bound))
    if (!isBound)
      return module.emitError("the size '")
             << symbol << "' of entry '" << name
             << "' is not the extent of any input, so a run cannot know it; "
                "fix it with --dim";
  for (Attribute attr : list("states")) {
    FailureOr<StateSignature> state = readState(module, attr, entry);
    if (failed(state))
      return failure();
    entry.states.push_back(std::move(*state));
  }
  return entry;
}

const EntrySignature *ssmc::findStates(ArrayRef<EntrySignature> entries) {
  for (const EntrySignature &entry : entries)
    if (!entry.states.empty())
      return &entry;
  return nullptr;
}

FailureOr<std::vector<EntrySignature>> ssmc::readSignatures(ModuleOp module) {
  auto dict = module->getAttrOfType<DictionaryAttr>("ssm.entries");
  if (!dict || dict.empty())
    return module.emitError("the module has no entries");
  std::vector<EntrySignature> entries;
  for (NamedAttribute named : dict) {
    FailureOr<EntrySignature> entry =
        readEntry(module, named.getName(), named.getValue());
    if (failed(entry))
      return failure();
    const EntrySignature *other = findStates(entries);
    if (other && !entry->states.empty() &&
        failed(compareStates(module, *other, *entry)))
      return failure();
    entries.push_back(std::move(*entry));
  }
  return entries;
}
