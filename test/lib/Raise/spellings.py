"""Equal spellings of ONNX nodes, for mutate.py.

A spelling takes the mutator and a node. Where it applies it adds the nodes that
replace the node, whose last one has its outputs, and returns true.
"""
import numpy as np
from onnx import helper

#: By operator; "*" holds those of every operator.
SPELLINGS = {"*": []}


def spelling(*ops):
    def register(function):
        for op in ops:
            SPELLINGS.setdefault(op, []).append(function)
        return function
    return register


def attribute(node, name, otherwise=None):
    return next((helper.get_attribute_value(a) for a in node.attribute if a.name == name), otherwise)


# --- arithmetic --------------------------------------------------------------

@spelling("Add", "Mul")
def swapped(m, node):
    return m.node(node.op_type, node.input[1], node.input[0], output=node.output[0])


@spelling("Add", "Mul")
def reassociated(m, node):
    """(a b) c as a (b c)."""
    inner = m.producer(node.input[0], node.op_type)
    if inner is None or not m.is_float(node.output[0]):
        return False
    a, b = inner.input
    return m.node(node.op_type, a, m.node(node.op_type, b, node.input[1]), output=node.output[0])


@spelling("Add", "Mul")
def expanded(m, node):
    """What is broadcast is written out first."""
    shape = m.shape(node.output[0])
    if not shape or m.shape(node.input[1]) in (None, shape) or node.input[1] in m.constants:
        return False
    wide = m.node("Expand", node.input[1], m.ints(*shape))
    return m.node(node.op_type, node.input[0], wide, output=node.output[0])


@spelling("Sub")
def added_negative(m, node):
    return m.node("Add", node.input[0], m.node("Neg", node.input[1]), output=node.output[0])


@spelling("Neg")
def times_minus_one(m, node):
    return m.is_float(node.input[0]) and m.node("Mul", node.input[0], m.floats(-1), output=node.output[0])


@spelling("Reciprocal")
def one_divided(m, node):
    return m.node("Div", m.floats(1), node.input[0], output=node.output[0])


@spelling("Pow")
def squared(m, node):
    return m.scalar(node.input[1]) == 2 and m.node("Mul", node.input[0], node.input[0], output=node.output[0])


@spelling("Exp")
def power_of_e(m, node):
    return m.node("Pow", m.floats(np.e), node.input[0], output=node.output[0])


def one_plus_exp(m, x, negated):
    return m.node("Add", m.floats(1), m.node("Exp", m.node("Neg", x) if negated else x))


@spelling("Sigmoid")
def sigmoid_by_exp(m, node):
    return m.node("Reciprocal", one_plus_exp(m, node.input[0], True), output=node.output[0])


@spelling("Sigmoid")
def sigmoid_by_tanh(m, node):
    half = m.floats(0.5)
    tanh = m.node("Tanh", m.node("Mul", node.input[0], half))
    return m.node("Mul", m.node("Add", tanh, m.floats(1)), half, output=node.output[0])


@spelling("Mul")
def silu_as_quotient(m, node):
    for x, gate in (node.input, reversed(node.input)):
        sigmoid = m.producer(gate, "Sigmoid")
        if sigmoid is not None and sigmoid.input[0] == x:
            return m.node("Div", x, one_plus_exp(m, x, True), output=node.output[0])
    return False


@spelling("Softplus")
def softplus_by_log(m, node):
    return m.node("Log", one_plus_exp(m, node.input[0], False), output=node.output[0])


@spelling("Softplus")
def softplus_guarded(m, node):
    """x where e^x would be large."""
    x = node.input[0]
    logarithm = m.node("Log", one_plus_exp(m, m.node("Min", x, m.floats(20)), False))
    return m.node("Where", m.node("Greater", x, m.floats(20)), x, logarithm, output=node.output[0])


# --- products ----------------------------------------------------------------

@spelling("MatMul")
def product_as_sum(m, node):
    """Of two sequences; a product with a weight stays one."""
    a, b = node.input
    if a in m.constants or b in m.constants or None in (m.shape(a), m.shape(b)) or \
            min(len(m.shape(a)), len(m.shape(b))) < 2:
        return False
    rank = max(len(m.shape(a)), len(m.shape(b)))
    a = m.node("Unsqueeze", a, m.ints(-1)) if m.opset >= 13 else None
    b = m.node("Unsqueeze", b, m.ints(-3))
    return m.node("ReduceSum", m.node("Mul", a, b), m.ints(rank - 1), keepdims=0, output=node.output[0])


@spelling("ReduceSum")
def kept_and_squeezed(m, node):
    axes = len(node.input) > 1 and m.integers(node.input[1])
    if not axes or attribute(node, "keepdims", 1) != 0 or m.opset < 13:
        return False
    return m.node("Squeeze", m.node("ReduceSum", node.input[0], m.ints(*axes), keepdims=1), m.ints(*axes),
                  output=node.output[0])


@spelling("ReduceSum")
def sum_as_product(m, node):
    """The sum of a product along the last axis, as a product of matrices."""
    axes = len(node.input) > 1 and m.integers(node.input[1])
    product = m.producer(node.input[0], "Mul")
    if not axes or product is None or attribute(node, "keepdims", 1) != 0 or m.opset < 13:
        return False
    shape = m.shape(product.output[0])
    if not shape or axes[0] not in (-1, len(shape) - 1) or len(axes) != 1:
        return False
    wide = [m.node("Expand", name, m.ints(*shape)) for name in product.input]
    a, b = m.node("Unsqueeze", wide[0], m.ints(-2)), m.node("Unsqueeze", wide[1], m.ints(-1))
    return m.node("Squeeze", m.node("MatMul", a, b), m.ints(-2, -1), output=node.output[0])


# --- views -------------------------------------------------------------------

@spelling("Unsqueeze", "Squeeze")
def view_as_reshape(m, node):
    shape = m.shape(node.output[0])
    return shape and m.node("Reshape", node.input[0], m.ints(*shape), output=node.output[0])


@spelling("Reshape")
def reshape_as_unsqueeze(m, node):
    """Where it only inserts ones."""
    before, after = m.shape(node.input[0]), m.shape(node.output[0])
    if not before or not after or m.opset < 13:
        return False
    axes, i = [], 0
    for axis, extent in enumerate(after):
        if i < len(before) and extent == before[i]:
            i += 1
        elif extent == 1:
            axes.append(axis)
        else:
            return False
    if i != len(before) or not axes:
        return False
    return m.node("Unsqueeze", node.input[0], m.ints(*axes), output=node.output[0])


@spelling("Reshape")
def reshape_by_flat(m, node):
    """Through one axis."""
    after = m.shape(node.output[0])
    if not after:
        return False
    return m.node("Reshape", m.node("Reshape", node.input[0], m.ints(-1)), m.ints(*after), output=node.output[0])


@spelling("Transpose", "Exp", "Conv", "Softplus", "Sigmoid")
def transposed_twice(m, node):
    shape = m.shape(node.output[0])
    if not shape or len(shape) < 2:
        return False
    perm = list(range(len(shape)))
    m.random.shuffle(perm)
    inner = copied(m, node)
    there = m.node("Transpose", inner, perm=perm)
    return m.node("Transpose", there, perm=np.argsort(perm).tolist(), output=node.output[0])


# --- pieces ------------------------------------------------------------------

@spelling("Gather")
def gather_as_slice(m, node):
    """One position as a piece of one, squeezed."""
    index, axis = m.scalar(node.input[1]), attribute(node, "axis", 0)
    if index is None or m.constants[node.input[1]].shape or node.input[0] in m.constants or \
            index < 0 or m.opset < 13:
        return False
    piece = m.node("Slice", node.input[0], m.ints(index), m.ints(index + 1), m.ints(axis))
    return m.node("Squeeze", piece, m.ints(axis), output=node.output[0])


@spelling("Squeeze")
def slice_as_gather(m, node):
    piece = m.producer(node.input[0], "Slice")
    if piece is None or len(node.input) < 2 or len(piece.input) < 4:
        return False
    axes, starts, ends, sliced = (m.integers(node.input[1]), *(m.integers(piece.input[i]) for i in (1, 2, 3)))
    if None in (axes, starts, ends, sliced) or axes != sliced or len(axes) != 1 or \
            starts[0] < 0 or ends[0] != starts[0] + 1:
        return False
    return m.node("Gather", piece.input[0], m.constant(np.int64(starts[0])), axis=axes[0], output=node.output[0])


@spelling("Split")
def split_as_slices(m, node):
    axis, start = attribute(node, "axis", 0), 0
    shapes = [m.shape(name) for name in node.output]
    if None in shapes or m.opset < 10:
        return False
    for name, shape in zip(node.output, shapes):
        m.node("Slice", node.input[0], m.ints(start), m.ints(start + shape[axis]), m.ints(axis), output=name)
        start += shape[axis]
    return True


@spelling("Slice")
def slice_as_gather_of_many(m, node):
    ints = [m.integers(name) for name in node.input[1:4]]
    if len(ints) < 3 or None in ints or any(len(i) != 1 for i in ints) or \
            len(node.input) > 4 and m.integers(node.input[4]) != [1] or \
            node.input[0] in m.constants or not m.shape(node.input[0]):
        return False
    (start,), (end,), (axis,) = ints
    end = min(end, m.shape(node.input[0])[axis])
    if start < 0 or end <= start:
        return False
    return m.node("Gather", node.input[0], m.ints(*range(start, end)), axis=axis, output=node.output[0])


@spelling("Concat")
def concat_of_concats(m, node):
    if len(node.input) < 3:
        return False
    axis, half = attribute(node, "axis"), m.random.randrange(1, len(node.input) - 1)
    first = m.node("Concat", *node.input[:half], axis=axis)
    return m.node("Concat", first, *node.input[half:], axis=axis, output=node.output[0])


# --- everything --------------------------------------------------------------

def copied(m, node):
    """Adds the node with another output, and returns that."""
    m.count += 1
    name = f"mutated_{m.count}"
    copy = helper.make_node(node.op_type, node.input, [name], domain=node.domain)
    copy.attribute.extend(node.attribute)
    m.result.append(copy)
    return name


@spelling("*")
def identity(m, node):
    if len(node.output) != 1 or node.op_type == "Constant":
        return False
    return m.node("Identity", copied(m, node), output=node.output[0])


@spelling("*")
def concat_of_one(m, node):
    shape = m.shape(node.output[0])
    if len(node.output) != 1 or not shape or not m.is_float(node.output[0]):
        return False
    return m.node("Concat", copied(m, node), axis=m.random.randrange(len(shape)), output=node.output[0])
