"""External data that is not to be read, or is not there."""
import os

from onnx import TensorProto

from broken import case, good, model, run


def external(location=None, **entries):
    made = good()
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    if location is not None:
        entries = {"location": location, **entries}
    for key, value in entries.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, str(value)
    return made


def write(folder, name, size=16):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(b"\0" * size)
    return path


def link(folder, make, target, name):
    path = os.path.join(folder, name)
    if os.path.lexists(path):
        os.remove(path)
    make(target, path)


@case(r"initialiser 'w': the external data '../outside.bin' leaves the model's folder through '..'")
def external_parent(folder):
    write(folder, "../outside.bin")
    return external("../outside.bin")


@case(r"'a/../../outside.bin' leaves the model's folder through '..'")
def external_hidden_parent(folder):
    write(folder, "a/x")
    return external("a/../../outside.bin")


@case(r"'/etc/passwd' is an absolute path")
def external_absolute(folder):
    return external("/etc/passwd")


@case(r"'link.bin' is or passes through a symbolic link, which is not followed")
def external_symlink(folder):
    link(folder, os.symlink, write(folder, "target.bin"), "link.bin")
    return external("link.bin")


@case(r"'linked/target.bin' is or passes through a symbolic link, which is not followed")
def external_linked_folder(folder):
    write(folder, "real/target.bin")
    link(folder, os.symlink, "real", "linked")
    return external("linked/target.bin")


@case(r"'hard.bin' has more than one hard link")
def external_hard_link(folder):
    link(folder, os.link, write(folder, "original.bin"), "hard.bin")
    return external("hard.bin")


@case(r"'missing.bin' cannot be opened; external data is looked for in the model's folder or in --external-data-dir: No such file")
def external_missing(folder):
    return external("missing.bin")


@case(r"'sub' is not a regular file")
def external_folder(folder):
    os.makedirs(os.path.join(folder, "sub"), exist_ok=True)
    return external("sub")


@case(r"'pipe' is not a regular file")
def external_pipe(folder):
    path = os.path.join(folder, "pipe")
    if not os.path.exists(path):
        os.mkfifo(path)
    return external("pipe")


@case(r"'data.bin' has 64 bytes, but 16 are claimed from offset 60")
def external_offset_beyond(folder):
    write(folder, "data.bin", 64)
    return external("data.bin", offset=60)


@case(r"'data.bin' has 64 bytes, but 16 are claimed from offset 18446744073709551615")
def external_offset_overflow(folder):
    write(folder, "data.bin", 64)
    return external("data.bin", offset=2**64 - 1)


@case(r"the external data's offset '-4' is not a number of bytes")
def external_negative_offset(folder):
    write(folder, "data.bin", 64)
    return external("data.bin", offset=-4)


@case(r"which takes 16 bytes, but its external data has 12")
def external_wrong_length(folder):
    write(folder, "data.bin", 64)
    return external("data.bin", length=12)


@case(r"is external but has no location")
def external_without_location(folder):
    return external()


run()
