"""Removes from a model what exporters add for people: the Python trace of each
node (metadata_props, doc_string) and the shapes of intermediate values
(value_info). The graph, its names and its weights stay as they are.

usage: strip.py MODEL.onnx OUTPUT.onnx
"""
import sys

import onnx


def strip(message):
    """Clears the text fields of a message and of all messages within."""
    for field, value in message.ListFields():
        if field.name in ("doc_string", "metadata_props", "value_info",
                          "quantization_annotation"):
            message.ClearField(field.name)
        elif field.message_type is not None:
            for child in (value if field.is_repeated else [value]):
                strip(child)


def main(source, target):
    model = onnx.load(source)
    strip(model)
    onnx.save(model, target)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
