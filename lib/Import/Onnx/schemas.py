"""Writes the operator signatures of the `onnx` package as rows for Schema.cpp.

usage: schemas.py OUTPUT
"""
import sys

import onnx.defs

UNBOUNDED = 0x7FFFFFFF

# Operators of com.microsoft, whose definitions are not in a package that builds
# need: name, least and most inputs and outputs, attributes.
MICROSOFT = [
    ("CausalConvWithState", (2, 4), (1, 2),
     {"activation": "STRING", "ndim": "INT", "dilation": "INT",
      "channels_last": "INT", "state_window": "INT"}),
    ("LinearAttention", (3, 6), (1, 2),
     {"q_num_heads": "INT", "kv_num_heads": "INT", "update_rule": "STRING",
      "scale": "FLOAT", "chunk_size": "INT", "state_window": "INT"}),
    ("SkipLayerNormalization", (3, 5), (1, 4), {"epsilon": "FLOAT"}),
    ("SkipSimplifiedLayerNormalization", (3, 4), (1, 4), {"epsilon": "FLOAT"}),
]


def main(output):
    attributes, rows = [], []

    def add(domain, name, since, deprecated, limits, kinds):
        begin = len(attributes)
        for attribute, (kind, required) in sorted(kinds.items()):
            attributes.append(
                f'{{"{attribute}", Kind::{kind}, {int(required)}}},')
        limits = ", ".join(str(min(n, UNBOUNDED)) for n in limits)
        rows.append(f'{{"{domain}", "{name}", {since}, {int(deprecated)}, '
                    f'{limits}, {begin}, {len(attributes) - begin}}},')

    schemas = [s for s in onnx.defs.get_all_schemas_with_history()
               if s.domain in ("", "ai.onnx")]
    for s in sorted(schemas, key=lambda s: (s.name, s.since_version)):
        add("", s.name, s.since_version, s.deprecated,
            (s.min_input, s.max_input, s.min_output, s.max_output),
            {name: (str(a.type).split(".")[-1], a.required)
             for name, a in s.attributes.items()})
    for name, inputs, outputs, kinds in sorted(MICROSOFT):
        add("com.microsoft", name, 1, False, inputs + outputs,
            {name: (kind, False) for name, kind in kinds.items()})
    with open(output, "w") as file:
        file.write("#ifdef ATTRIBUTES\n" + "\n".join(attributes) + "\n#endif\n")
        file.write("#ifdef SIGNATURES\n" + "\n".join(rows) + "\n#endif\n")


main(sys.argv[1])
