"""Long convolutions by transforms, by matrices of them, by a Conv and by a Toeplitz matrix."""
import numpy as np

from form import CHANNELS, TIME, form

LAGS = np.arange(TIME)[:, None]
RATES, TURNS = np.linspace(0.05, 0.3, CHANNELS), np.linspace(0.1, 0.9, CHANNELS)
#: [lag, channel]: drawn, and computed from the lag. The former ends before the traced length.
KERNEL = (np.random.default_rng(5).normal(0, 1, (TIME, CHANNELS)) * 0.9 ** LAGS * (LAGS < 20)).astype(np.float32)
AHEAD = KERNEL[:-1, ::-1].copy()
WAVES = lambda lags: np.exp(-lags * RATES) * np.cos(lags * TURNS)


def product(w, a, b):
    """Of complex numbers, whose parts are on the last axis."""
    (ar, ai), (br, bi) = [[w.cut(x, part, part + 1, -1) for part in (0, 1)] for x in (a, b)]
    return w("Concat", w("Sub", w("Mul", ar, br), w("Mul", ai, bi)),
             w("Add", w("Mul", ar, bi), w("Mul", ai, br)), axis=-1)


def parts(x):
    return np.stack([x.real, x.imag], -1).astype(np.float32)


CONV = ("convolution", "ssm.long_conv", "u")


@form(*CONV, opset=17)
def fft_real(w, u):
    """torch.fft of a sequence that is padded to twice its length, as its exporter writes it."""
    n = 2 * w.time
    spectrum = parts(np.fft.rfft(KERNEL.T.astype(float), n))
    x = w.wide(w.pad(w.turn(u, 0, 2, 1), 0, w.time, 2, 3), -1)
    x = w("DFT", x, w.constant(np.int64(n)), axis=2, onesided=1)
    y = w("DFT", product(w, x, w.constant(spectrum)), w.constant(np.int64(n)), axis=2, onesided=1, inverse=1)
    return w.turn(w.cut(w.narrow(y, -1), 0, w.time, 2), 0, 2, 1)


@form(*CONV, opset=20)
def fft_complex(w, u):
    """Of both sides, at a length with a large factor, along the axis where time stands."""
    n, axis = 2 * w.time + 5, w.constant(np.int64(1))
    spectrum = parts(np.fft.fft(KERNEL.astype(float), n, axis=0))
    x = w("DFT", w.wide(u, 3), w.constant(np.int64(n)), axis)
    y = w("DFT", product(w, x, w.constant(spectrum)), "", axis, inverse=1)
    return w.narrow(w.cut(w.cut(y, 0, 1, 3), 0, w.time, 1), 3)


def tables(time):
    """To the spectrum of a padded sequence, and back: cos and -sin."""
    n = 2 * time
    turns = 2 * np.pi * (np.outer(np.arange(n), np.arange(time + 1)) % n) / n
    twice = np.where((np.arange(time + 1) == 0) | (np.arange(time + 1) == time), 1, 2)[:, None] / n
    there = np.cos(turns[:time]), -np.sin(turns[:time])
    return there, (np.cos(turns[:time]).T * twice, -np.sin(turns[:time]).T * twice)


def spectral(w, x, times):
    """`times` multiplies by one of the matrices."""
    (cos, sin), (back, side) = tables(w.time)
    spectrum = np.fft.rfft(KERNEL.T.astype(float), 2 * w.time)
    re, im = times(x, cos), times(x, sin)
    kr, ki = (w.constant(part.astype(np.float32)) for part in (spectrum.real, spectrum.imag))
    yr = w("Sub", w("Mul", re, kr), w("Mul", im, ki))
    yi = w("Add", w("Mul", re, ki), w("Mul", im, kr))
    return w("Add", times(yr, back), times(yi, side))


@form(*CONV)
def fft_matrices(w, u):
    return w.turn(spectral(w, w.turn(u, 0, 2, 1), lambda x, m: w("MatMul", x, w.constant(m))), 0, 2, 1)


@form(*CONV)
def fft_einsum(w, u):
    times = lambda x, m: w("Einsum", x, w.constant(m), equation="bcl,lf->bcf")
    return w.turn(spectral(w, w.turn(u, 0, 2, 1), times), 0, 2, 1)


@form(*CONV)
def toeplitz(w, u):
    lags = np.subtract.outer(np.arange(w.time), np.arange(w.time))
    return w("Einsum", np.where(lags[..., None] >= 0, KERNEL[lags], 0), u, equation="tsc,bsc->btc")


@form(*CONV)
def conv_as_long(w, u):
    """Conv turns no kernel around."""
    weight = KERNEL[::-1].T[:, None]
    x = w.pad(w.turn(u, 0, 2, 1), w.time - 1, 0, 2, 3)
    return w.turn(w("Conv", x, weight, group=CHANNELS), 0, 2, 1)


@form("ring", "ssm.long_conv", "u", opset=20, assumes="stays the traced one")
def fft_ring(w, u):
    spectrum = parts(np.fft.rfft(KERNEL.astype(float), axis=0))
    axis = w.constant(np.int64(1))
    x = w("DFT", w.wide(u, 3), "", axis, onesided=1)
    y = w("DFT", product(w, x, w.constant(spectrum)), "", axis, onesided=1, inverse=1)
    return w.narrow(y, 3)


@form("both_ways", "ssm.long_conv", "u", opset=20)
def fft_both_ways(w, u):
    """S4's two kernels side by side: the second one begins a token later."""
    n, axis = 2 * w.time, w.constant(np.int64(1))
    kernel = np.concatenate([KERNEL, 0 * KERNEL[:1], AHEAD[::-1]]).astype(float)
    x = w("DFT", w.wide(u, 3), w.constant(np.int64(n)), axis, onesided=1)
    y = w("DFT", product(w, x, w.constant(parts(np.fft.rfft(kernel, axis=0)))), w.constant(np.int64(n)), axis,
          onesided=1, inverse=1)
    return w.narrow(w.cut(y, 0, w.time, 1), 3)


# --- Kernels that the graph computes -----------------------------------------


def padded_product(w, u, k, twice, axis=1):
    """Kernel and sequence have their time on `axis` of three."""
    along = w.constant(np.int64(axis))
    x, k = (w("DFT", w.wide(v, 3), twice, along, onesided=1) for v in (u, k))
    return w("DFT", product(w, x, k), twice, along, onesided=1, inverse=1)


def lengths(w, u):
    """The number of tokens, as a list of one, and twice of it."""
    time = w("Shape", u, start=1, end=2)
    return time, w("Mul", w.narrow(time, 0), w.constant(np.int64(2)))


def first(w, x, count, axis):
    return w("Slice", x, w.ints(0), count, w.ints(axis))


@form(*CONV, opset=20)
def fft_table(w, u):
    """A table as long as any sequence, cut to the tokens."""
    time, twice = lengths(w, u)
    k = first(w, w.constant(KERNEL[None]), time, 1)
    return w.narrow(first(w, padded_product(w, u, k, twice), time, 1), 3)


@form("waves", "ssm.long_conv", "u", opset=20, most=TIME)
def fft_computed(w, u):
    """A kernel that is computed for every lag, channels first."""
    time, twice = lengths(w, u)
    count = w.narrow(time, 0)
    lags = w("Cast", w("Range", w.constant(np.int64(0)), count, w.constant(np.int64(1))), to=1)
    k = w("Mul", w("Exp", w("Mul", -RATES[:, None], lags)), w("Cos", w("Mul", TURNS[:, None], lags)))
    y = padded_product(w, w.turn(u, 0, 2, 1), w.wide(k, 0), twice, 2)
    return w.turn(w.narrow(first(w, y, time, 2), 3), 0, 2, 1)


@form("kernel_of_data", "ssm.long_conv", "u p", opset=20)
def fft_of_data(w, u, p):
    """Every row of the batch has its own."""
    time, twice = lengths(w, u)
    return w.narrow(first(w, padded_product(w, u, p, twice), time, 1), 3)
