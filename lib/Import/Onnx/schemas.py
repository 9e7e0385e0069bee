"""Writes the operator signatures of the `onnx` package as rows for Schema.cpp.

usage: schemas.py OUTPUT
"""
import sys

import onnx.defs

UNBOUNDED = 0x7FFFFFFF


def main(output):
    attributes, rows = [], []
    schemas = [s for s in onnx.defs.get_all_schemas_with_history()
               if s.domain in ("", "ai.onnx")]
    for schema in sorted(schemas, key=lambda s: (s.name, s.since_version)):
        begin = len(attributes)
        for name in sorted(schema.attributes):
            attribute = schema.attributes[name]
            kind = str(attribute.type).split(".")[-1]
            attributes.append(f'{{"{name}", Kind::{kind}, '
                              f'{int(attribute.required)}}},')
        limits = [min(n, UNBOUNDED) for n in
                  (schema.min_input, schema.max_input,
                   schema.min_output, schema.max_output)]
        rows.append(f'{{"{schema.name}", {schema.since_version}, '
                    f'{int(schema.deprecated)}, '
                    + ", ".join(map(str, limits))
                    + f", {begin}, {len(attributes) - begin}}},")
    with open(output, "w") as file:
        file.write("#ifdef ATTRIBUTES\n" + "\n".join(attributes) + "\n#endif\n")
        file.write("#ifdef SIGNATURES\n" + "\n".join(rows) + "\n#endif\n")


main(sys.argv[1])
