//===- MixerMath.h - the mixers of the catalogue in double precision -*- C++ -*-===//
//
// What candidates are compared by: plain loops over time on tensors of double,
// in the layouts of the ssm ops.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Eval/Tensor.h"

namespace ssmc {

/// h[t] = a[t] h[t-1] + u[t] over [B, T, ...]; `state` is [B, ...], before and
/// after.
Tensor scanMath(const Tensor &a, const Tensor &u, Tensor &state, bool reverse);

/// sum_n c[b,t,n] h[b,t,d,n], or with c[b,t,d,n].
Tensor readMath(const Tensor &h, const Tensor &c);

/// ssm.selective_scan; `D` and `z` may be null.
Tensor selectiveScanMath(const Tensor &x, const Tensor &delta, const Tensor &A,
                         const Tensor &B, const Tensor &C, const Tensor &D,
                         const Tensor &z, Tensor &state, bool reverse);

/// ssm.short_conv without activation, from a zero state. x is [B, T, C], w is
/// [C, W]; `bias` may be null.
Tensor shortConvMath(const Tensor &x, const Tensor &w, const Tensor &bias,
                     int64_t dilation, bool reverse);

double silu(double x);

} // namespace ssmc
