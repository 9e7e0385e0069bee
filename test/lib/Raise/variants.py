"""Mamba layers that differ in one part: some must be raised, most must not.

A variant overrides one part of the right layer, `make_mamba.Layer`. `raised` is
what its first layer is raised to; `reason` what the report says about the scan
that is kept (None where something else was kept). What a variant computes is
its definition: every one is compiled and compared with ONNX Runtime.
"""
import numpy as np

from make_mamba import Layer

CONV, SCAN = "ssm.short_conv", "ssm.selective_scan"
UNLIKE = r"deviates by|no entry of the catalogue"


class Miss(Layer):
    """The scan is not one; the convolution in front of it still is."""
    raised, reason = [CONV], UNLIKE

    def chosen(self, s):
        """The token that is treated in another way."""
        return s.length // 2


class Altered(Miss):
    """One step changes its state by `alter`."""

    def step(self, g, s, h, t):
        h = super().step(g, s, h, t)
        return self.alter(g, s, h) if t == self.chosen(s) else h


class Constant(Altered):
    """One step multiplies its state by another constant."""

    def alter(self, g, s, h):
        return g.node("Mul", h, g.constant(0.5))


class Nearly(Altered):
    """... by a constant that is almost one."""

    def alter(self, g, s, h):
        return g.node("Mul", h, g.constant(1 + 2**-20))


class Last(Constant):
    """... in the last step."""

    def chosen(self, s):
        return s.length - 1


class Channel(Altered):
    """One step changes one channel."""

    def alter(self, g, s, h):
        factor = np.ones((1, s.inner, 1))
        factor[0, s.inner // 3] = 1.01
        return g.node("Mul", h, g.constant(factor))


class Offset(Altered):
    """One step adds a constant."""

    def alter(self, g, s, h):
        return g.node("Add", h, g.constant(1e-3))


class Squashed(Altered):
    """One step is not linear."""

    def alter(self, g, s, h):
        return g.node("Tanh", h)


class Crossing(Altered):
    """Two halves of the batch exchange their states at one step."""

    def alter(self, g, s, h):
        half = s.batch // 2
        top = g.node("Slice", h, g.ints(half), g.ints(s.batch), g.ints(0))
        bottom = g.node("Slice", h, g.ints(0), g.ints(half), g.ints(0))
        return g.node("Concat", top, bottom, axis=0)


class Rolled(Altered):
    """Channels hand their states to their neighbours at one step."""

    def alter(self, g, s, h):
        first = g.node("Slice", h, g.ints(1), g.ints(s.inner), g.ints(1))
        last = g.node("Slice", h, g.ints(0), g.ints(1), g.ints(1))
        return g.node("Concat", first, last, axis=1)


class Turned(Altered):
    """A square state is transposed at one step."""
    options = {"inner": 8, "state": 8}

    def alter(self, g, s, h):
        return g.node("Transpose", h, perm=[0, 2, 1])


class Clipped(Miss):
    """Every step bounds its state, near where it usually is."""
    bound = 3.0

    def step(self, g, s, h, t):
        return g.node("Clip", super().step(g, s, h, t), g.constant(-self.bound), g.constant(self.bound))


class ClippedFar(Clipped):
    """... far from where it usually is."""
    bound, reason = 1e20, r"node 'node\d+' \(Clip\) has a branch that no input of the check takes"


class Capped(Altered):
    """One step bounds its state, far from where it usually is."""
    reason = "deviates by"

    def alter(self, g, s, h):
        return g.node("Min", h, g.constant(1e6))


class Folded(Altered):
    """One step bounds its state by an absolute value, far from where it usually is."""
    reason = "deviates by"

    def alter(self, g, s, h):
        p = g.node("Add", h, g.constant(1e4))
        return g.node("Sub", g.node("Mul", g.node("Add", g.node("Abs", p), p), g.constant(0.5)), g.constant(1e4))


class Leaned(Altered):
    """One step bends its state, far from where it usually is."""
    reason = "deviates by"

    def alter(self, g, s, h):
        bent = g.node("LeakyRelu", g.node("Add", h, g.constant(1e4)), alpha=0.1)
        return g.node("Sub", bent, g.constant(1e4))


class Soft(Altered):
    """One step bounds its state by a smooth function, far from where it usually is."""

    def alter(self, g, s, h):
        return g.node("Sub", g.node("Softplus", g.node("Add", h, g.constant(1e4))), g.constant(1e4))


class Thresholded(Altered):
    """One step adds what is beyond a threshold, far from where its state usually is."""
    reason = r"\(ThresholdedRelu\) may compute by other formulas on other inputs"

    def alter(self, g, s, h):
        return g.node("Add", h, g.node("ThresholdedRelu", g.node("Neg", h), alpha=1e4))


class Guarded(Altered):
    """One step forgets its state once it is very large."""
    reason = "deviates by"

    def alter(self, g, s, h):
        return g.node("Where", g.node("Greater", h, g.constant(1e6)), g.constant(0.0), h)


class Future(Miss):
    """One step reads the input of the next token."""

    def step(self, g, s, h, t):
        return s.update(h, t, t + 1 if t == self.chosen(s) else t)


class Missing(Miss):
    """One token is not taken in."""

    def step(self, g, s, h, t):
        if t != self.chosen(s):
            return super().step(g, s, h, t)
        return g.node("Mul", s.decay(t), h)


class Conditional(Miss):
    """One token is taken in where it is large."""

    def step(self, g, s, h, t):
        after = super().step(g, s, h, t)
        if t != self.chosen(s):
            return after
        large = g.node("Greater", s.drive(t), g.constant(0.01))
        return g.node("Where", large, after, g.node("Mul", s.decay(t), h))


class Reset(Miss):
    """A second sequence begins in the middle."""

    def step(self, g, s, h, t):
        return super().step(g, s, s.zero if t == self.chosen(s) else h, t)


class Twice(Miss):
    """An initial state is read again in the middle."""
    initial = 0.5

    def step(self, g, s, h, t):
        h = super().step(g, s, h, t)
        return g.node("Add", h, s.zero) if t == self.chosen(s) else h


class Permuted(Miss):
    """Two tokens are taken in in the other order."""

    def chain(self, g, s):
        order, t = list(range(s.length)), self.chosen(s)
        order[t], order[t + 1] = t + 1, t
        h, outputs = s.zero, {}
        for t in order:
            h = self.step(g, s, h, t)
            outputs[t] = s.read(h, t)
        return [outputs[t] for t in range(s.length)]


class Lagging(Miss):
    """One step goes on from the state before the last."""

    def chain(self, g, s):
        states, outputs = [s.zero], []
        for t in range(s.length):
            states.append(s.update(states[-2 if t == self.chosen(s) else -1], t, t))
            outputs.append(s.read(states[-1], t))
        return outputs


class SecondOrder(Miss):
    """Every step reads two states."""

    def chain(self, g, s):
        states, outputs = [s.zero, s.zero], []
        for t in range(s.length):
            h = g.node("Add", s.update(states[-1], t, t), g.node("Mul", states[-2], g.constant(0.1)))
            states.append(h)
            outputs.append(s.read(h, t))
        return outputs


class Feedback(Miss):
    """Every output drives the next step."""

    def chain(self, g, s):
        h, outputs = s.zero, []
        for t in range(s.length):
            h = self.step(g, s, h, t)
            outputs.append(s.read(h, t))
            h = g.node("Add", h, g.node("Unsqueeze", g.node("Tanh", outputs[-1]), g.ints(2)))
        return outputs


class Leaking(Miss):
    """The state of the middle is read by the last token."""

    def chain(self, g, s):
        h, outputs, kept = s.zero, [], None
        for t in range(s.length):
            h = self.step(g, s, h, t)
            kept = h if t == self.chosen(s) else kept
            outputs.append(s.read(h, t))
        outputs[-1] = g.node("Add", outputs[-1], g.node("ReduceMax", kept, axes=[2], keepdims=0))
        return outputs


class Joined(Miss):
    """What the steps give is joined in another way."""

    def chain(self, g, s):
        return self.join(super().chain(g, s), self.chosen(s))


class Swapped(Joined):
    """The outputs of two tokens are exchanged."""

    def join(self, outputs, t):
        outputs[t], outputs[t + 1] = outputs[t + 1], outputs[t]
        return outputs


class Repeated(Joined):
    """One output stands for two tokens."""

    def join(self, outputs, t):
        outputs[t] = outputs[t + 1]
        return outputs


class Backward(Joined):
    """The outputs are joined from the last to the first."""

    def join(self, outputs, t):
        return outputs[::-1]


class Read(Miss):
    """One token is read out in another way."""

    def chain(self, g, s):
        h, outputs = s.zero, []
        for t in range(s.length):
            before, h = h, self.step(g, s, h, t)
            outputs.append(self.other(s, before, h, t) if t == self.chosen(s) else s.read(h, t))
        return outputs


class Stale(Read):
    """... before its step."""

    def other(self, s, before, h, t):
        return s.read(before, t)


class ForeignRead(Read):
    """... with the coefficients of the token before."""

    def other(self, s, before, h, t):
        return s.read(h, t - 1)


# The scan is raised; what stands around it must not be taken for a part of it.

class Around(Layer):
    reason = None


class OneGate(Around):
    """The gate is applied to one token only."""

    def gate(self, g, s, y, z):
        return g.node("Where", self.only(g, s), super().gate(g, s, y, z), y)

    def only(self, g, s):
        mask = np.zeros((1, s.length, 1), bool)
        mask[0, s.length // 2] = True
        return g.constant(mask, bool)


class LateGate(Around):
    """The gate is that of the token before."""

    def gate(self, g, s, y, z):
        first = g.node("Slice", z, g.ints(0), g.ints(1), g.ints(1))
        others = g.node("Slice", z, g.ints(0), g.ints(s.length - 1), g.ints(1))
        return super().gate(g, s, y, g.node("Concat", first, others, axis=1))


class OneSkip(OneGate):
    """The skip is applied to one token only."""

    def gate(self, g, s, y, z):
        return Layer.gate(self, g, s, y, z)

    def skip(self, g, s, y, u):
        return g.node("Where", self.only(g, s), super().skip(g, s, y, u), y)


class ForeignSkip(Around):
    """The skip adds the gate's branch instead of the scan's input."""

    def skip(self, g, s, y, u):
        return super().skip(g, s, y, s.z)


class TappedState(Around):
    """A state in the middle is an output of the model."""
    raised = None  # only what it computes is fixed

    def step(self, g, s, h, t):
        h = super().step(g, s, h, t)
        if t == s.length // 2:
            g.outputs.append((h, [s.batch, s.inner, s.state]))
        return h


class FutureConv(Around):
    """The convolution reads the next token."""
    raised, first_tap = ["ssm.long_conv", SCAN], 1


class OneActivation(Around):
    """The activation of the convolution is left out for one token."""

    def activate(self, g, s, u):
        mask = np.zeros((1, 1, s.length), bool)
        mask[0, 0, s.length // 2] = True
        return g.node("Where", g.constant(mask, bool), u, super().activate(g, s, u))


# What is still the same mixer.

class Right(Layer):
    """The layer as it should be."""
    reason = None


class OneDecay(Right):
    """The decay of one channel differs from the others'."""

    def decays(self, s):
        decays = super().decays(s)
        decays[s.inner // 3] *= 3
        return decays


class Initial(Right):
    """The first state is not zero."""
    initial, raised = 0.5, None  # only what it computes is fixed


class Undone(Right):
    """One step multiplies its state by one: nodes as those of Constant."""

    def step(self, g, s, h, t):
        h = super().step(g, s, h, t)
        return g.node("Mul", h, g.constant(1.0)) if t == s.length // 2 else h


class Unbounded(Right):
    """Every step has bounds that no number exceeds."""

    def step(self, g, s, h, t):
        limit = float(np.finfo(np.float32).max)
        return g.node("Clip", super().step(g, s, h, t), g.constant(-limit), g.constant(limit))


class Free(Right):
    """One step multiplies by a table of ones what is above a table of small bounds."""
    bound, factor, options = 0.01, 1.0, {"inner": 24}

    def step(self, g, s, h, t):
        h = super().step(g, s, h, t)
        if t != s.length // 2:
            return h
        bounds, factors = (g.constant(np.full((s.batch, s.inner, s.state), v)) for v in (self.bound, self.factor))
        return g.node("Where", g.node("Greater", h, bounds), g.node("Mul", h, factors), h)

    def skip(self, g, s, y, u):
        return y  # no weight but the tables tells layers apart


class Held(Free, Miss):
    """... by a table of halves what is above bounds where the state never is."""
    bound, factor, raised, reason = 1e6, 0.5, [CONV], "deviates by|has a branch"


def subclasses(cls):
    for sub in cls.__subclasses__():
        yield sub
        yield from subclasses(sub)


#: By name; those with parts left open are no variants.
VARIANTS = {cls.__name__: cls for cls in subclasses(Layer)
            if cls not in (Miss, Altered, Joined, Read, Around)}

#: Models of two layers whose nodes are the same and whose constants differ:
#: what was found out about the first says nothing of the second.
TWINS = {"Undone, Constant": (Undone, Constant), "Constant, Undone": (Constant, Undone),
         "Unbounded, ClippedFar": (Unbounded, ClippedFar), "Free, Held": (Free, Held), "Held, Free": (Held, Free)}
