"""Files that are no model: damaged, or claiming what is not there."""
import os

from broken import case, good, model, node, run, varint, with_tensor


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


@case(r"at byte \d+ a field claims \d+ bytes where \d+ are left: is the file truncated\?")
def truncated(folder):
    return good().SerializeToString()[:-20]


@case(r"not an ONNX model: the file is empty")
def empty_file(folder):
    return b""


@case(r"not an ONNX model")
def not_protobuf(folder):
    return b"\x89PNG\r\n\x1a\n" + bytes(range(256))


@case(r"not an ONNX model")
def text(folder):
    return b"import onnx\nprint('hello')\n" * 20


@case(r"not an ONNX model, or damaged: at byte 0 a field claims 10737418240 bytes where")
def claims_10_gigabytes(folder):
    return varint(7 << 3 | 2) + varint(10 << 30) + b"\0" * 1000


@case(r"initialiser 'w' has the type 'tensor<2684354560xf32>', which takes 10737418240 bytes, but 16 are given")
def tensor_claims_10_gigabytes(folder):
    return with_tensor(lambda w: w.dims.__setitem__(0, (10 << 30) // 4))


@case(r"subgraphs are nested deeper than 32 levels")
def nested_10000_deep(folder):
    graph = b""
    # A graph with a node with an attribute that is a graph, and so on.
    parts, length = [], 0
    for _ in range(10000):
        for number in (6, 5, 1):
            head = varint(number << 3 | 2) + varint(length)
            parts.append(head)
            length += len(head)
    graph = b"".join(reversed(parts))
    return field(7, graph)


@case(r"protobuf cannot parse it, or its types are nested too deep")
def types_nested_10000_deep(folder):
    # input { type { sequence_type { elem_type { sequence_type ...
    parts, length = [], 0
    for _ in range(10000):
        for number in (1, 4):
            head = varint(number << 3 | 2) + varint(length)
            parts.append(head)
            length += len(head)
    nested = b"".join(reversed(parts))
    return good().SerializeToString() + field(7, field(11, field(2, nested)))


@case(r"the model without its weights is larger than 2147483647 bytes")
def huge_text(folder):
    """A file of holes: nothing of it may be copied."""
    size = (1 << 31) + 1
    with open(os.path.join(folder, "huge_text.onnx"), "wb") as file:
        file.write(varint(2 << 3 | 2) + varint(size))  # producer_name
        file.truncate(file.tell() + size)


run()
