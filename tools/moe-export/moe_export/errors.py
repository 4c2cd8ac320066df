"""What goes wrong, in one line, and where in the user's model."""

import os
import re
import sys
import warnings

# A file of the user is none of the frameworks'.
_FRAMEWORK = re.compile(r"[/\\](site-packages|dist-packages|moe_export)[/\\]|^<|^-$")


class ExportError(Exception):
    """A model that cannot be exported. The message is one line."""


class RunError(Exception):
    """moe-run did not run the model. The message is what it said."""


def first_line(problem):
    """The first line of an exception that says something."""
    lines = [line.strip() for line in str(problem).splitlines()]
    return next((line for line in lines if line), type(problem).__name__)


def is_of_framework(file):
    """Whether a file is none of the user's."""
    return bool(_FRAMEWORK.search(file)) or file.startswith(os.path.dirname(os.__file__) + os.sep)


def warn(message):
    """A warning at the line of the user's file that called this package."""
    level, frame = 1, sys._getframe()
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == __package__:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)


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
    return name[1] if name else "unknown location"
