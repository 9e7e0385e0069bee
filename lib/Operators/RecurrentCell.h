//===- RecurrentCell.h - one step of RNN, GRU and LSTM ----------*- C++ -*-===//
//
// What the attributes of a node say of its cells, and the step of a cell as a
// formula on either backend (Formula.h). Gates lie side by side in the order of
// ONNX: LSTM i o f c, GRU z r h.
//
// The product with the input comes first and alone, so that it can be computed
// for many steps at once (HoistProducts).
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Operators/Formula.h"

namespace ssmc {

/// An activation function and its parameters.
struct CellActivation {
  llvm::StringRef name; // in lower case
  double alpha = 0, beta = 0;
};

struct RecurrentCell {
  enum Kind { RNN, GRU, LSTM };
  Kind kind;
  int64_t hidden;
  bool batchFirst, resetAfter, coupled;
  double clip;                      // 0: none
  llvm::SmallVector<bool> reversed; // by direction
  llvm::SmallVector<llvm::SmallVector<CellActivation>> activations; // likewise

  int64_t gates() const { return kind == LSTM ? 4 : kind == GRU ? 3 : 1; }
  int64_t numStates() const { return kind == LSTM ? 2 : 1; }
  int64_t directions() const { return reversed.size(); }
};

/// Fills all but `hidden`. Returns what is wrong with the attributes.
std::optional<std::string> readCell(mlir::onnx::NodeOp node,
                                    RecurrentCell &cell);

namespace scalar {
template <typename T>
T activate(const CellActivation &a, T x) {
  T zero = literal(x, 0), one = literal(x, 1), alpha = literal(x, a.alpha),
    beta = literal(x, a.beta);
  if (a.name == "sigmoid")
    return sigmoid(x);
  if (a.name == "tanh")
    return tanh(x);
  if (a.name == "relu")
    return max(x, zero);
  if (a.name == "affine")
    return alpha * x + beta;
  if (a.name == "leakyrelu")
    return select(less(x, zero), alpha * x, x);
  if (a.name == "thresholdedrelu")
    return select(lessEqual(alpha, x), x, zero);
  if (a.name == "scaledtanh")
    return alpha * tanh(beta * x);
  if (a.name == "hardsigmoid")
    return min(max(alpha * x + beta, zero), one);
  if (a.name == "elu")
    return select(less(x, zero), alpha * (exp(x) - one), x);
  if (a.name == "softsign")
    return x / (one + abs(x));
  return softplus(x);
}
} // namespace scalar

/// The parameters of one direction. Vectors are left out as a whole.
template <typename B>
struct CellWeights {
  typename B::Value input;                        // gates * H x I
  llvm::SmallVector<typename B::Value> recurrent; // GRU: z and r, then h
  std::optional<typename B::Value> inputBias, recurrentBias; // gates * H
  std::optional<typename B::Value> peepholes;                // 3 * H: i o f
};

/// One step: the states after it, h first.
template <typename B>
class CellStep {
  using V = typename B::Value;
  using Operand = typename B::Operand;

public:
  CellStep(B &b, const RecurrentCell &cell, int64_t direction,
           const CellWeights<B> &weights)
      : b(b), cell(cell), functions(cell.activations[direction]),
        weights(weights) {}

  llvm::SmallVector<V> run(V x, llvm::ArrayRef<V> states) {
    V product = times(x, weights.input);
    if (cell.kind == RecurrentCell::LSTM)
      return lstm(product, states[0], states[1]);
    if (cell.kind == RecurrentCell::GRU)
      return {gru(product, states[0])};
    V sum = add({rows(product), rows(times(states[0], weights.recurrent[0])),
                 bias(weights.inputBias), bias(weights.recurrentBias)});
    return {mapLike<B>(b, states[0], rows(sum), type(sum),
                       [&](auto x) { return act(0, x[0]); })};
  }

private:
  mlir::Type type(V x) { return b.elementType(x); }
  Operand rows(V x) { return {x, {0, 1}}; }
  std::optional<Operand> bias(std::optional<V> vector) {
    return vector ? std::optional<Operand>({*vector, {1}}) : std::nullopt;
  }
  /// x W^T.
  V times(V x, V w) {
    return b.generic({Operand{x, {0, 2}}, Operand{w, {1, 2}}},
                     {b.size(x, 0), b.size(w, 0), b.size(x, 1)}, {0, 1},
                     b.accumulatorType(x), 0.0,
                     [](auto x) { return x[2] + x[0] * x[1]; });
  }
  /// The sum of those that are there; the first is rows.
  V add(std::initializer_list<std::optional<Operand>> given) {
    llvm::SmallVector<Operand> operands;
    for (const auto &operand : given)
      if (operand)
        operands.push_back(*operand);
    V first = operands[0].value;
    if (operands.size() == 1)
      return first;
    return mapLike<B>(b, first, operands, type(first), [&](auto x) {
      auto sum = x[0];
      for (size_t i = 1; i < operands.size(); ++i)
        sum = sum + x[i];
      return sum;
    });
  }
  V part(V x, int64_t number, int64_t count = 1) {
    return b.slice(x, b.rank(x) - 1, b.constant(number * cell.hidden),
                   b.constant(count * cell.hidden));
  }
  template <typename T>
  T act(size_t which, T x) {
    using namespace scalar;
    if (cell.clip > 0)
      x = max(min(x, literal(x, cell.clip)), literal(x, -cell.clip));
    return activate(functions[which], x);
  }

  llvm::SmallVector<V> lstm(V product, V h, V c) {
    using namespace scalar;
    V sum = add({rows(product), rows(times(h, weights.recurrent[0])),
                 bias(weights.inputBias), bias(weights.recurrentBias)});
    llvm::SmallVector<Operand> operands{rows(part(sum, 0)), rows(part(sum, 2)),
                                        rows(part(sum, 3)), rows(c)};
    llvm::SmallVector<Operand> output{rows(part(sum, 1))};
    bool peeps = weights.peepholes.has_value();
    if (peeps) {
      operands.push_back({part(*weights.peepholes, 0), {1}});
      operands.push_back({part(*weights.peepholes, 2), {1}});
    }
    V next = mapLike<B>(b, c, operands, type(c), [&](auto x) {
      auto gate = [&](int64_t i) {
        return act(0, peeps ? x[i] + x[4 + i] * x[3] : x[i]);
      };
      auto kept = cell.coupled ? literal(x[0], 1) - gate(0) : gate(1);
      return kept * x[3] + gate(0) * act(1, x[2]);
    });
    output.push_back(rows(next));
    if (peeps)
      output.push_back({part(*weights.peepholes, 1), {1}});
    V y = mapLike<B>(b, h, output, type(h), [&](auto x) {
      auto gate = act(0, peeps ? x[0] + x[2] * x[1] : x[0]);
      return gate * activate(functions[2], x[1]);
    });
    return {y, next};
  }

  V gru(V product, V h) {
    using namespace scalar;
    V input = add({rows(product), bias(weights.inputBias)});
    auto gate = [&](V recurrent, int64_t number) {
      return mapLike<B>(
          b, h, {rows(part(input, number)), rows(part(recurrent, number))},
          type(h), [&](auto x) { return act(0, x[0] + x[1]); });
    };
    std::optional<Operand> added, addedLast;
    if (weights.recurrentBias) {
      added = {part(*weights.recurrentBias, 0, 2), {1}};
      addedLast = {part(*weights.recurrentBias, 2), {1}};
    }
    V gates = add({rows(times(h, weights.recurrent[0])), added});
    V update = gate(gates, 0), reset = gate(gates, 1);
    V last;
    if (cell.resetAfter) {
      V candidate = add({rows(times(h, weights.recurrent[1])), addedLast});
      last = mapLike<B>(b, h, {rows(reset), rows(candidate)}, type(h),
                        [](auto x) { return x[0] * x[1]; });
    } else {
      V kept = mapLike<B>(b, h, {rows(reset), rows(h)}, type(h),
                          [](auto x) { return x[0] * x[1]; });
      last = add({rows(times(kept, weights.recurrent[1])), addedLast});
    }
    return mapLike<B>(
        b, h, {rows(update), rows(part(input, 2)), rows(last), rows(h)},
        type(h), [&](auto x) {
          return (literal(x[0], 1) - x[0]) * act(1, x[1] + x[2]) + x[0] * x[3];
        });
  }

  B &b;
  const RecurrentCell &cell;
  llvm::ArrayRef<CellActivation> functions;
  const CellWeights<B> &weights;
};

} // namespace ssmc
