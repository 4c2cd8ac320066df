"""Weights: the file that holds them, and their names in the model."""

import json
import re
import struct

import numpy as np

from .builder import update_type
from .errors import ExportError

_DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip
_NAMES = {name: code for code, name in _DTYPES.items()}

# A weight stands as this operation in a function until the text is written: the
# frameworks' MLIR need not know the dialect of globals.
STAND_IN, STAND_IN_NAME = "builtin.unrealized_conversion_cast", "moe.weight"
_STAND_IN = re.compile(
    r'builtin\.unrealized_conversion_cast to (tensor<[^>]*>) \{moe\.weight = "(\d+)"\}'
)


def save_safetensors(path, tensors):
    """Writes tensors {name: array} so that each is aligned."""
    for name, tensor in tensors.items():
        if str(tensor.dtype) not in _NAMES:
            raise ExportError(f"weight '{name}' has the type {tensor.dtype}, which safetensors has not")
    header, end = {}, 0
    order = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    for name in order:
        tensor = tensors[name]
        header[name] = {
            "dtype": _NAMES[str(tensor.dtype)],
            "shape": list(tensor.shape),
            "data_offsets": [end, end + tensor.nbytes],
        }
        end += tensor.nbytes
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in order:
            file.write(np.ascontiguousarray(tensors[name]).tobytes())


def load_safetensors(path):
    """The tensors of a file; a bf16 one needs the package ml_dtypes, which JAX installs."""
    with open(path, "rb") as file:
        data = file.read()
    (size,) = struct.unpack_from("<Q", data)
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + size]).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        dtype = _DTYPES[entry["dtype"]]
        if dtype == "bfloat16":
            from ml_dtypes import bfloat16 as dtype
        tensors[name] = np.frombuffer(data[8 + size + begin : 8 + size + end], dtype).reshape(entry["shape"])
    return tensors


def quoted(text):
    """A text as MLIR writes it."""
    plain = re.compile(r'[ -!#-\[\]-~]')
    return '"' + "".join(chr(c) if plain.match(chr(c)) else f"\\{c:02X}" for c in text.encode()) + '"'


def symbol(name):
    """A name as MLIR writes it behind an @."""
    return "@" + (name if re.fullmatch(r"[A-Za-z_][\w$.]*", name, re.A) else quoted(name))


class Weights:
    """The weights of one model, in the order of their first use."""

    def __init__(self):
        self.tensors = {}
        self._names = []

    def _number(self, name, tensor):
        """The number that stands for a name in the module."""
        if name not in self.tensors:
            self.tensors[name] = tensor
            self._names.append(name)
        return str(self._names.index(name))

    def load(self, b, name, tensor, type):
        """Creates the value of a weight where `b` stands."""
        number = b.ir.StringAttr.get(self._number(name, tensor))
        return b.create(STAND_IN, [], [type], {STAND_IN_NAME: number}).results[0]

    def bind(self, b, function, named):
        """Makes the last arguments of a function weights, {name: array}; those without a use are left out.

        `b` stands at the beginning of the function."""
        block = function.regions[0].blocks[0]
        first = len(block.arguments) - len(named)
        for position, (name, tensor) in reversed(list(enumerate(named.items(), first))):
            argument = block.arguments[position]
            if next(iter(argument.uses), None) is not None:
                argument.replace_all_uses_with(self.load(b, name, tensor, argument.type))
            block.erase_argument(position)
        update_type(b.ir, function)

    def declare(self, text):
        """The text of a module with globals in place of what stands for them."""
        types = {}

        def load(match):
            name = self._names[int(match[2])]
            types[name] = match[1]
            return f"ml_program.global_load_const {symbol(name)} : {match[1]}"

        text = _STAND_IN.sub(load, text)
        self.tensors = {name: self.tensors[name] for name in self.tensors if name in types}
        lines = [
            f"  ml_program.global private {symbol(name)}(#ml_program.extern<{types[name]}>) : {types[name]}\n"
            for name in sorted(types)
        ]
        return re.sub(r"^module.*\{\n", lambda match: match[0] + "".join(lines), text, count=1, flags=re.M)
