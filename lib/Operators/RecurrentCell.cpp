//===- RecurrentCell.cpp - the attributes of RNN, GRU and LSTM ------------===//

#include "lib/Operators/RecurrentCell.h"

using namespace mlir;
using namespace ssmc;

namespace {
/// An activation function; `parameters` says how many of alpha and beta it
/// takes, with these as defaults.
struct KnownActivation {
  StringRef name;
  int parameters;
  double alpha, beta;
};
constexpr KnownActivation kActivations[] = {
    {"sigmoid", 0, 0, 0},        {"tanh", 0, 0, 0},
    {"relu", 0, 0, 0},           {"softsign", 0, 0, 0},
    {"softplus", 0, 0, 0},       {"elu", 1, 1, 0},
    {"leakyrelu", 1, 0.01, 0},   {"thresholdedrelu", 1, 1, 0},
    {"affine", 2, 1, 0},         {"scaledtanh", 2, 1, 1},
    {"hardsigmoid", 2, 0.2, 0.5}};
} // namespace

static SmallVector<double> readFloats(onnx::NodeOp node, StringRef name) {
  SmallVector<double> values;
  if (auto given = node.getAttrs().getAs<DenseF32ArrayAttr>(name))
    llvm::append_range(values, given.asArrayRef());
  return values;
}

std::optional<std::string> ssmc::readCell(onnx::NodeOp node,
                                          RecurrentCell &cell) {
  cell.kind = node.getOpType() == "LSTM"  ? RecurrentCell::LSTM
              : node.getOpType() == "GRU" ? RecurrentCell::GRU
                                          : RecurrentCell::RNN;
  cell.batchFirst = node.getInt("layout", 0) != 0;
  cell.resetAfter = node.getInt("linear_before_reset", 0) != 0;
  cell.coupled = node.getInt("input_forget", 0) != 0;
  cell.clip = node.getFloat("clip", 0);
  StringRef direction = node.getString("direction", "forward");
  if (direction == "forward")
    cell.reversed = {false};
  else if (direction == "reverse")
    cell.reversed = {true};
  else if (direction == "bidirectional")
    cell.reversed = {false, true};
  else
    return ("direction '" + direction + "' is not one that ONNX defines").str();

  SmallVector<StringRef> one{"tanh"};
  if (cell.kind == RecurrentCell::LSTM)
    one = {"sigmoid", "tanh", "tanh"};
  else if (cell.kind == RecurrentCell::GRU)
    one = {"sigmoid", "tanh"};
  SmallVector<std::string> names;
  for (int64_t d = 0; d < cell.directions(); ++d)
    names.append(one.begin(), one.end());
  if (auto given = node.getAttrs().getAs<ArrayAttr>("activations")) {
    if (given.size() != names.size())
      return "needs " + std::to_string(names.size()) + " activations, has " +
             std::to_string(given.size());
    for (auto [name, attr] : llvm::zip(names, given))
      if (auto text = dyn_cast<StringAttr>(attr))
        name = text.getValue().lower();
  }
  // The parameters are those of the functions that take any, in order.
  SmallVector<double> alphas = readFloats(node, "activation_alpha"),
                      betas = readFloats(node, "activation_beta");
  size_t nextAlpha = 0, nextBeta = 0;
  for (auto [i, name] : llvm::enumerate(names)) {
    if (i % one.size() == 0)
      cell.activations.emplace_back();
    StringRef wanted = name;
    const KnownActivation *known =
        llvm::find_if(kActivations, [&](const KnownActivation &k) {
          return k.name == wanted;
        });
    if (known == std::end(kActivations))
      return "activation '" + name + "' is not one that ONNX defines";
    CellActivation activation{known->name, known->alpha, known->beta};
    if (known->parameters > 0 && nextAlpha < alphas.size())
      activation.alpha = alphas[nextAlpha++];
    if (known->parameters > 1 && nextBeta < betas.size())
      activation.beta = betas[nextBeta++];
    cell.activations.back().push_back(activation);
  }
  return std::nullopt;
}
