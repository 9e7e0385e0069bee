"""Initialisers that are not what they say."""
from onnx import TensorProto

from broken import case, good, run, with_tensor


@case(r"initialiser 'w' has the type 'tensor<4xf32>', which takes 16 bytes, but 12 are given")
def raw_data_too_short(folder):
    return with_tensor(lambda w: setattr(w, "raw_data", w.raw_data[:12]))


@case(r"initialiser 'w' has the type 'tensor<5xf32>', which takes 20 bytes, but 16 are given")
def shape_mismatch(folder):
    return with_tensor(lambda w: w.dims.__setitem__(0, 5))


@case(r"initialiser 'w' has the type 'tensor<4xf32>', but 3 values are given")
def typed_data_too_short(folder):
    def change(w):
        w.ClearField("raw_data")
        w.float_data.extend([1, 2, 3])
    return with_tensor(change)


@case(r"initialiser 'w' has the type 'tensor<4xf32>', but 0 values are given")
def typed_data_in_wrong_field(folder):
    def change(w):
        w.ClearField("raw_data")
        w.int64_data.extend([1, 2, 3, 4])
    return with_tensor(change)


@case(r"initialiser 'w' has the negative extent -4")
def negative_tensor_extent(folder):
    return with_tensor(lambda w: w.dims.__setitem__(0, -4))


@case(r"initialiser 'w' has more elements than any machine holds")
def overflowing_product(folder):
    return with_tensor(lambda w: w.dims.extend([1 << 40, 1 << 40]))


@case(r"initialiser 'w' has 100000 dimensions; at most 32 are supported")
def huge_rank(folder):
    return with_tensor(lambda w: w.dims.extend([1] * 99999))


@case(r"initialiser 'w' has the element type 8 \(STRING\), which is not supported")
def string_tensor(folder):
    return with_tensor(lambda w: setattr(w, "data_type", TensorProto.STRING))


@case(r"initialiser 'w' has the element type 0 \(UNDEFINED\)")
def tensor_without_type(folder):
    return with_tensor(lambda w: w.ClearField("data_type"))


@case(r"initialiser 'w' is stored in segments")
def segmented_tensor(folder):
    return with_tensor(lambda w: setattr(w.segment, "end", 1))


@case(r"initialiser 's' is sparse")
def sparse_initializer(folder):
    made = good()
    sparse = made.graph.sparse_initializer.add()
    sparse.values.name = "s"
    return made


run()
