"""Writes a model that reads [1, 24, 6] as [1, 16, 9]."""
import sys

import onnx.parser

onnx.save(onnx.parser.parse_model("""<ir_version: 9, opset_import: ["": 18]>
g (float[1, 24, 6] x) => (float[1, 9] y)
<int64[3] shape = {1, 16, 9}, int64[1] axes = {1}> {
  [fold] t = Reshape (x, shape)
  [sum] y = ReduceSum <keepdims = 0> (t, axes)
}"""), sys.argv[1])
