"""What an export leaves behind: a folder with a model and its weights."""

import os
import shutil
import tempfile

from . import layer_names
from .builder import walk
from .errors import ExportError, place_of
from .weights import STAND_IN, save_safetensors

MODEL, WEIGHTS = "model.mlir", "weights.safetensors"

# What moe-run reads, of what the frameworks' converters leave.
DIALECTS = {"builtin", "func", "arith", "math", "linalg", "tensor", "scf", "cf", "ml_program"}


def check(module, layers=()):
    """Stops at the first operation that upstream MLIR has not."""
    for function in module.operation.regions[0].blocks[0].operations:
        for operation in walk(function.operation):
            name = operation.name
            if name.split(".")[0] in DIALECTS and name != STAND_IN:
                continue
            advice = ""
            if "call_target_name" in operation.attributes:
                name += f" {operation.attributes['call_target_name']}"
                advice = "; it is a call of a library: compute it outside of the model"
            elif name.startswith("complex."):
                advice = "; write it with real and imaginary parts"
            places = " ".join([str(operation.location), *_calls(module, function)])
            raise ExportError(f"{place_of(places, layers)}: {name} has no counterpart in upstream MLIR{advice}")


def _calls(module, function, known=()):
    """The locations of a function's calls, and of those of their functions: frameworks make functions of their own,
    in which a location does not say for whom they are."""
    callee = str(function.attributes["sym_name"]).strip('"')
    for caller in module.operation.regions[0].blocks[0].operations:
        for operation in walk(caller.operation):
            if operation.name == "func.call" and str(operation.attributes["callee"]).strip('@"') == callee:
                yield str(operation.location)
                if caller not in known:
                    yield from _calls(module, caller, [*known, caller])


def clean(module):
    """Drops what frameworks say of a module: its name, a machine's partition."""
    operation = module.operation
    # Older bindings give more than names.
    for name in [getattr(entry, "name", entry) for entry in operation.attributes]:
        del operation.attributes[name]


def set_names(ir, function, inputs, results):
    """Writes names of `structure` to the arguments and results that have one."""
    for attribute, names in (("arg_attrs", inputs), ("res_attrs", results)):
        if any(name.text for name in names):
            function.attributes[attribute] = ir.ArrayAttr.get([_attributes(ir, name) for name in names])


def _attributes(ir, name):
    attributes = {"moe.name": ir.StringAttr.get(name.text)} if name.text else {}
    if name.keyword_only:
        attributes["moe.keyword_only"] = ir.UnitAttr.get()
    return ir.DictAttr.get(attributes)


def text_of(module, layer_of=str):
    """With layers in place of locations: `layer_of(name)` is that of a name in one, or nothing."""
    return layer_names.keep(module.operation.get_asm(enable_debug_info=True), layer_of)


def write(folder, module, weights):
    """Writes the model; where that fails, the folder is as it was."""
    text = weights.declare(text_of(module))
    write_text(folder, text, weights.tensors)


def write_text(folder, text, tensors):
    """Writes the text of a model and its weights, {name: array}."""
    folder = os.path.abspath(folder)
    parent = os.path.dirname(folder)
    os.makedirs(parent, exist_ok=True)
    scratch = tempfile.mkdtemp(prefix=".moe-export-", dir=parent)
    try:
        with open(os.path.join(scratch, MODEL), "w") as file:
            file.write(text.rstrip() + "\n")
        save_safetensors(os.path.join(scratch, WEIGHTS), tensors)
        os.makedirs(folder, exist_ok=True)
        for name in (WEIGHTS, MODEL):
            os.replace(os.path.join(scratch, name), os.path.join(folder, name))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
