//===- AttentionReader.h - the constants of softmax attention ---*- C++ -*-===//

#pragma once

#include "lib/Raise/AttentionMixer.h"

namespace ssmc {

/// Sets what no token decides - scale, soft-cap, window, slopes, sinks - of an
/// attention whose roles are given; false where the region is none.
bool readAttention(const Problem &problem, AttentionMixer &mixer);

} // namespace ssmc
