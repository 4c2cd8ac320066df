"""What goes wrong, in one line, and where in the user's model."""

import os
import re
import sys
import warnings

# A file of the user is none of the frameworks'.
_FRAMEWORK = re.compile(r"[/\\](site-packages|dist-packages|moe_export|lib[/\\]python[\d.]+)[/\\]|^<|^-$")

# What to write instead, by the name of an exception of a framework.
_ADVICE = {
    "TracerBoolConversionError": "where a value decides use jnp.where or lax.cond (ops.where or ops.cond in Keras)",
    "ConcretizationTypeError": "a size or a number of Python cannot depend on values of the inputs",
    "TracerArrayConversionError": "use jax.numpy (keras.ops in Keras) in place of NumPy",
    "TracerIntegerConversionError": "index an array in place of a list: jnp.asarray(list)[index]",
    "NonConcreteBooleanIndexError": "a mask as an index has a result of unknown size; use jnp.where(mask, x, 0)",
    "InconclusiveDimensionOperation": "the batch is of any size here; fix it if the model needs to know it",
}
_LONGEST = 400
# The place of what has none.
UNKNOWN = "unknown location"


class ExportError(Exception):
    """A model that cannot be exported. The message is one line."""


class RunError(Exception):
    """moe-run did not run the model. The message is what it said."""


def first_line(problem):
    """The first line of an exception that says something, with what a heading is for."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    said = lines[0] if lines else type(problem).__name__
    for line in lines[1:]:
        if not said.endswith(":"):
            break
        said += " " + line
    return said if len(said) <= _LONGEST else said[:_LONGEST] + "..."


def advice(problem):
    """What to write instead, behind what `problem` says, or nothing."""
    found = (_ADVICE.get(kind.__name__) for kind in type(problem).__mro__)
    return next((f"; {text}" for text in found if text), "")


def explained(problem):
    """The error for what happened in a function of the user: its line, what is wrong, what to write instead."""
    if isinstance(problem, ExportError):
        return problem
    place, trace = "", problem.__traceback__
    while trace:
        file = trace.tb_frame.f_code.co_filename
        if not _FRAMEWORK.search(file):
            place = f"{file}:{trace.tb_lineno}: "
        trace = trace.tb_next
    return ExportError(place + first_line(problem).rstrip(".") + advice(problem))


def is_of_framework(file):
    """Whether a file is none of the user's."""
    return bool(_FRAMEWORK.search(file))


def place_of(location, layers=()):
    """Where an operation comes from: its innermost Keras layer, else a line of the user's file, else its name.

    `location` is a location of MLIR as text, `layers` the names of the model's layers."""
    for path in re.findall(r'"([^"]*/[^"]*)"', location):
        for part in reversed(path.split("/")):
            if part in layers:
                return f"layer '{part}'"
    for file, line in re.findall(r'"([^"]+)":(\d+)', location):
        if not is_of_framework(file):
            return f"{file}:{line}"
    name = re.search(r'"([^"]+)"', location)
    return name[1] if name else UNKNOWN


def warn(message):
    """A warning that points at whoever called this package."""
    here = os.path.dirname(os.path.abspath(__file__)) + os.sep
    frame, level = sys._getframe(1), 2
    while frame.f_back and os.path.abspath(frame.f_code.co_filename).startswith(here):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)
