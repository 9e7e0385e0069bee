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

#include <cstddef>

namespace {
struct Peer {
  ggml_context *context;
  ggml_cgraph *graph;
  ggml_tensor *out;
};

ggml_context *newContext(size_t bytes) {
  ggml_init_params params{bytes, nullptr, /*no_alloc=*/false};
  return ggml_init(params);
}

Peer *finish(ggml_context *context, ggml_tensor *out) {
  ggml_cgraph *graph = ggml_new_graph(context);
  ggml_build_forward_expand(graph, out);
  return new Peer{context, graph, out};
}

float *data(ggml_tensor *tensor) { return static_cast<float *>(tensor->data); }
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
  Peer *peer = finish(c, ggml_ssm_scan(c, state, x, dt, A, B, C, ids, 1));
  ggml_tensor *inputs[] = {state, x, dt, A, B, C};
  for (int i = 0; i < 6; ++i)
    buffers[i] = data(inputs[i]);
  *out = data(peer->out);
  return peer;
}

// buffers: x [D][L + W - 1] (time innermost), w [D][W]; out: y [L][D]
Peer *peer_short_conv_new(int length, int channels, int width,
                          float *buffers[2], float **out) {
  ggml_context *c = newContext(
      size_t(length + width) * channels * sizeof(float) * 4 + (64u << 20));
  ggml_tensor *x =
      ggml_new_tensor_3d(c, GGML_TYPE_F32, length + width - 1, channels, 1);
  ggml_tensor *w = ggml_new_tensor_2d(c, GGML_TYPE_F32, width, channels);
  Peer *peer = finish(c, ggml_ssm_conv(c, x, w));
  buffers[0] = data(x);
  buffers[1] = data(w);
  *out = data(peer->out);
  return peer;
}

int peer_run(Peer *peer, int threads) {
  return ggml_graph_compute_with_ctx(peer->context, peer->graph, threads);
}

void peer_free(Peer *peer) {
  ggml_free(peer->context);
  delete peer;
}
}
