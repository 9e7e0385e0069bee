//===- MixerMath.cpp - the mixers of the catalogue in double precision ----===//

#include "lib/Raise/MixerMath.h"

#include <cmath>

using namespace mlir;

namespace ssmc {

double silu(double x) { return x / (1 + std::exp(-x)); }

Tensor scanMath(const Tensor &a, const Tensor &u, Tensor &state,
                bool reverse) {
  Tensor h(u.getElementType(), u.getShape());
  int64_t batches = u.getShape()[0], times = u.getShape()[1];
  int64_t width = batches * times ? u.getNumElements() / (batches * times) : 0;
  auto out = h.mutableFloats(), carried = state.mutableFloats();
  auto as = a.floats(), us = u.floats();
  for (int64_t b = 0; b < batches; ++b)
    for (int64_t step = 0; step < times; ++step) {
      int64_t t = reverse ? times - 1 - step : step;
      int64_t at = (b * times + t) * width;
      for (int64_t i = 0; i < width; ++i) {
        double &value = carried[b * width + i];
        value = as[at + i] * value + us[at + i];
        out[at + i] = value;
      }
    }
  return h;
}

Tensor readMath(const Tensor &h, const Tensor &c) {
  ArrayRef<int64_t> shape = h.getShape();
  Tensor y(h.getElementType(), shape.take_front(3));
  int64_t rows = shape[0] * shape[1], channels = shape[2], states = shape[3];
  bool perChannel = c.getRank() == 4;
  auto out = y.mutableFloats();
  auto hs = h.floats(), cs = c.floats();
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t d = 0; d < channels; ++d) {
      double sum = 0;
      int64_t at = (r * channels + d) * states;
      int64_t from = perChannel ? at : r * states;
      for (int64_t n = 0; n < states; ++n)
        sum += hs[at + n] * cs[from + n];
      out[r * channels + d] = sum;
    }
  return y;
}

Tensor selectiveScanMath(const Tensor &x, const Tensor &delta, const Tensor &A,
                         const Tensor &B, const Tensor &C, const Tensor &D,
                         const Tensor &z, Tensor &state, bool reverse) {
  int64_t batches = x.getShape()[0], times = x.getShape()[1];
  int64_t channels = x.getShape()[2], states = A.getShape()[1];
  Tensor y(x.getElementType(), x.getShape());
  auto out = y.mutableFloats(), h = state.mutableFloats();
  auto xs = x.floats(), ds = delta.floats(), as = A.floats();
  auto bs = B.floats(), cs = C.floats();
  for (int64_t b = 0; b < batches; ++b)
    for (int64_t step = 0; step < times; ++step) {
      int64_t row = b * times + (reverse ? times - 1 - step : step);
      for (int64_t d = 0; d < channels; ++d) {
        double dt = ds[row * channels + d], value = xs[row * channels + d];
        double sum = 0;
        for (int64_t n = 0; n < states; ++n) {
          double &s = h[(b * channels + d) * states + n];
          s = std::exp(dt * as[d * states + n]) * s +
              dt * bs[row * states + n] * value;
          sum += cs[row * states + n] * s;
        }
        if (!D.isNull())
          sum += D.floats()[d] * value;
        if (!z.isNull())
          sum *= silu(z.floats()[row * channels + d]);
        out[row * channels + d] = sum;
      }
    }
  return y;
}

Tensor shortConvMath(const Tensor &x, const Tensor &w, const Tensor &bias,
                     int64_t dilation, bool reverse) {
  int64_t batches = x.getShape()[0], times = x.getShape()[1];
  int64_t channels = x.getShape()[2], width = w.getShape()[1];
  Tensor y(x.getElementType(), x.getShape());
  auto out = y.mutableFloats();
  auto xs = x.floats(), ws = w.floats();
  for (int64_t b = 0; b < batches; ++b)
    for (int64_t t = 0; t < times; ++t)
      for (int64_t c = 0; c < channels; ++c) {
        double sum = bias.isNull() ? 0 : bias.floats()[c];
        for (int64_t j = 0; j < width; ++j) {
          int64_t from = reverse ? t + j * dilation : t - j * dilation;
          if (from >= 0 && from < times)
            sum += ws[c * width + width - 1 - j] *
                   xs[(b * times + from) * channels + c];
        }
        out[(b * times + t) * channels + c] = sum;
      }
  return y;
}

} // namespace ssmc
