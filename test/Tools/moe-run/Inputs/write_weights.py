"""Writes a safetensors file: write_weights.py FILE [--shift N] NAME=TYPE:v,v,...

With --shift the header is padded so that the data begin N bytes after a multiple
of 8, as files of some writers do.
"""

import json
import struct
import sys

import numpy as np

path, *rest = sys.argv[1:]
shift = 0
if rest and rest[0] == "--shift":
    shift, rest = int(rest[1]), rest[2:]
TYPES = {"F32": "<f4", "F64": "<f8", "I64": "<i8", "BOOL": "u1"}
header, data = {}, b""
for spec in rest:
    name, _, value = spec.partition("=")
    kind, _, values = value.partition(":")
    array = np.array([float(v) for v in values.split(",")]).astype(TYPES[kind])
    begin = len(data)
    data += array.tobytes()
    header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [begin, len(data)]}
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8 + shift)
with open(path, "wb") as f:
    f.write(struct.pack("<Q", len(text)) + text + data)
