//===- ggml_mixers.cpp - ggml's mixer operators behind a C interface ------===//
//
// A benchmark loads this beside our kernel and alternates between the two, so
// that both see the same state of the machine. Each `peer_*_new` builds a graph
// of one operator over buffers that ggml owns, and hands out their addresses;
// `peer_run` computes it.
//
//===----------------------------------------------------------------------===//

#include "ggml-cpu.h"
#include "ggml.h"

#include <cmath>
#include <cstddef>

namespace {
struct Peer {
  ggml_context *context;
  ggml_cgraph *graph;
};

ggml_context *newContext(size_t bytes) {
  ggml_init_params params{bytes, nullptr, /*no_alloc=*/false};
  return ggml_init(params);
}

float *data(ggml_tensor *tensor) { return static_cast<float *>(tensor->data); }

template <size_t n>
Peer *finish(ggml_context *context, ggml_tensor *result,
             ggml_tensor *(&inputs)[n], float **buffers, float **out) {
  ggml_cgraph *graph = ggml_new_graph(context);
  ggml_build_forward_expand(graph, result);
  for (size_t i = 0; i < n; ++i)
    buffers[i] = data(inputs[i]);
  *out = data(result);
  return new Peer{context, graph};
}
} // namespace

extern "C" {

// buffers: state [D][N], x [L][D], dt [L][D] (before softplus), A [D][N],
// B [L][N], C [L][N]; out: y [L][D], then the final state [D][N]
Peer *peer_selective_scan_new(int length, int channels, int states,
                              float *buffers[6], float **out) {
  size_t floats = size_t(length) * channels * 4 + size_t(length) * states * 2 +
                  size_t(channels) * states * 3;
  ggml_context *c = newContext(floats * sizeof(float) * 2 + (64u << 20));
  auto f32 = GGML_TYPE_F32;
  ggml_tensor *state = ggml_new_tensor_4d(c, f32, states, 1, channels, 1);
  ggml_tensor *x = ggml_new_tensor_4d(c, f32, 1, channels, length, 1);
  ggml_tensor *dt = ggml_new_tensor_3d(c, f32, channels, length, 1);
  ggml_tensor *A = ggml_new_tensor_2d(c, f32, states, channels);
  ggml_tensor *B = ggml_new_tensor_4d(c, f32, states, 1, length, 1);
  ggml_tensor *C = ggml_new_tensor_4d(c, f32, states, 1, length, 1);
  ggml_tensor *ids = ggml_new_tensor_1d(c, GGML_TYPE_I32, 1);
  static_cast<int *>(ids->data)[0] = 0;
  ggml_tensor *inputs[] = {state, x, dt, A, B, C};
  return finish(c, ggml_ssm_scan(c, state, x, dt, A, B, C, ids, 1), inputs,
                buffers, out);
}

// buffers: x [D][L + W - 1] (time innermost), w [D][W]; out: y [L][D]
Peer *peer_short_conv_new(int length, int channels, int width,
                          float *buffers[2], float **out) {
  ggml_context *c = newContext(
      size_t(length + width) * channels * sizeof(float) * 4 + (64u << 20));
  ggml_tensor *x =
      ggml_new_tensor_3d(c, GGML_TYPE_F32, length + width - 1, channels, 1);
  ggml_tensor *w = ggml_new_tensor_2d(c, GGML_TYPE_F32, width, channels);
  ggml_tensor *inputs[] = {x, w};
  return finish(c, ggml_ssm_conv(c, x, w), inputs, buffers, out);
}

// buffers: state [H][P][N], x [L][H][P], dt [L][H] (before softplus), A [H],
// B [L][N], C [L][N]; out: y [L][H][P], then the final state
Peer *peer_mamba2_scan_new(int length, int heads, int columns, int states,
                           float *buffers[6], float **out) {
  size_t floats = size_t(length) * (heads * (columns + 1) + states * 2) +
                  size_t(heads) * columns * states;
  ggml_context *c = newContext(floats * sizeof(float) * 4 + (64u << 20));
  auto f32 = GGML_TYPE_F32;
  ggml_tensor *inputs[] = {
      ggml_new_tensor_4d(c, f32, states, columns, heads, 1),
      ggml_new_tensor_4d(c, f32, columns, heads, length, 1),
      ggml_new_tensor_3d(c, f32, heads, length, 1),
      ggml_new_tensor_2d(c, f32, 1, heads),
      ggml_new_tensor_4d(c, f32, states, 1, length, 1),
      ggml_new_tensor_4d(c, f32, states, 1, length, 1)};
  ggml_tensor *ids = ggml_new_tensor_1d(c, GGML_TYPE_I32, 1);
  static_cast<int *>(ids->data)[0] = 0;
  auto [state, x, dt, A, B, C] = inputs;
  return finish(c, ggml_ssm_scan(c, state, x, dt, A, B, C, ids, 1), inputs,
                buffers, out);
}

// buffers: k, v, q, decay [L][H][S], state [H][S][S]; out: y [L][H][S]
Peer *peer_gla_new(int length, int heads, int size, float *buffers[5],
                   float **out) {
  size_t floats = size_t(heads) * size * (length * 5 + size);
  ggml_context *c = newContext(floats * sizeof(float) * 3 + (64u << 20));
  auto tokens = [&] {
    return ggml_new_tensor_3d(c, GGML_TYPE_F32, size, heads, length);
  };
  ggml_tensor *inputs[] = {
      tokens(), tokens(), tokens(), tokens(),
      ggml_new_tensor_2d(c, GGML_TYPE_F32, int64_t(size) * size * heads, 1)};
  auto [k, v, q, decay, state] = inputs;
  return finish(c, ggml_gated_linear_attn(c, k, v, q, decay, state, 1.0f),
                inputs, buffers, out);
}

// buffers: q, k, v [L][H][S], log decay [L][H], beta [L][H], state [H][S][S];
// out: y [L][H][S], then the final state. The peer divides q by sqrt(S).
Peer *peer_gated_delta_new(int length, int heads, int size, float *buffers[6],
                           float **out) {
  size_t floats = size_t(heads) * size * (length * 5 + size * 2);
  ggml_context *c = newContext(floats * sizeof(float) * 3 + (64u << 20));
  auto tokens = [&](int n) {
    return ggml_new_tensor_4d(c, GGML_TYPE_F32, n, heads, length, 1);
  };
  ggml_tensor *inputs[] = {
      tokens(size), tokens(size),
      tokens(size), tokens(1),
      tokens(1),    ggml_new_tensor_4d(c, GGML_TYPE_F32, size, size, heads, 1)};
  auto [q, k, v, decay, beta, state] = inputs;
  return finish(c, ggml_gated_delta_net(c, q, k, v, decay, beta, state, 1),
                inputs, buffers, out);
}

// buffers: r, w, k, v, a, b [L][H][S], state [H][S][S]; out: y [L][H][S], then
// the final state
Peer *peer_rwkv7_new(int length, int heads, int size, float *buffers[7],
                     float **out) {
  size_t floats = size_t(heads) * size * (length * 7 + size * 2);
  ggml_context *c = newContext(floats * sizeof(float) * 3 + (64u << 20));
  auto tokens = [&] {
    return ggml_new_tensor_3d(c, GGML_TYPE_F32, size, heads, length);
  };
  ggml_tensor *inputs[] = {
      tokens(),
      tokens(),
      tokens(),
      tokens(),
      tokens(),
      tokens(),
      ggml_new_tensor_2d(c, GGML_TYPE_F32, int64_t(size) * size * heads, 1)};
  auto [r, w, k, v, a, b, state] = inputs;
  return finish(c, ggml_rwkv_wkv7(c, r, w, k, v, a, b, state), inputs, buffers,
                out);
}

// buffers: q, k, v [H][L][S]; out: y [L][H][S]. Causal, by a mask.
Peer *peer_attention_new(int length, int heads, int size, float *buffers[3],
                         float **out) {
  size_t floats = size_t(heads) * size * length * 5 + size_t(length) * length;
  ggml_context *c = newContext(floats * sizeof(float) * 2 + (256u << 20));
  auto tokens = [&] {
    return ggml_new_tensor_4d(c, GGML_TYPE_F32, size, length, heads, 1);
  };
  ggml_tensor *inputs[] = {tokens(), tokens(), tokens()};
  auto [q, k, v] = inputs;
  ggml_tensor *mask =
      ggml_new_tensor_4d(c, GGML_TYPE_F16, length, length, 1, 1);
  auto *visible = static_cast<ggml_fp16_t *>(mask->data);
  for (size_t i = 0; i < size_t(length); ++i)
    for (size_t j = 0; j < size_t(length); ++j)
      visible[i * length + j] = ggml_fp32_to_fp16(j > i ? -INFINITY : 0.0f);
  float scale = 1.0f / std::sqrt(static_cast<float>(size));
  return finish(c, ggml_flash_attn_ext(c, q, k, v, mask, scale, 0, 0), inputs,
                buffers, out);
}

int peer_run(Peer *peer, int threads) {
  return ggml_graph_compute_with_ctx(peer->context, peer->graph, threads);
}

void peer_free(Peer *peer) {
  ggml_free(peer->context);
  delete peer;
}
}
