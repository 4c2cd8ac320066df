"""What torch.export and torch-mlir say, as one line of the user's file."""

import contextlib
import io
import logging
import re
import traceback
import warnings

from .errors import ExportError, first_line, is_of_framework

_VALUES = (
    "Python decides here by a value that is known only while the model runs; use torch.where, or torch.cond. A test "
    "whether any rows are chosen can go: x[rows], and what is computed of it, may be empty"
)


@contextlib.contextmanager
def quiet():
    """Nothing of a framework on stderr, nor a warning of it."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def explain(problem):
    """The error for an exception of torch.export."""
    if isinstance(problem, ExportError):
        # torch.fx adds what it was doing.
        return ExportError(first_line(problem))
    kind, text = type(problem).__name__, str(problem)
    if "GuardOnDataDependent" in kind or "data-dependent" in text:
        said = _VALUES
    elif "Constraints violated" in text:
        said = _constraint(text)
    elif ".numpy()" in text:
        said = "NumPy sees no tensor while a module is traced; use functions of torch"
    elif "alias" in text and "cond" in text:
        said = "a branch of torch.cond gives its input, or a part of it; give a copy, x.clone()"
    else:
        said = first_line(problem)
    place = _place(problem)
    return ExportError(f"{place}: {said}" if place else said)


def _constraint(text):
    fixed = re.search(r"specialized it to be a constant \((\d+)\)|= (\d+)$", text, re.M)
    number = f" {fixed[1] or fixed[2]}" if fixed else ""
    named = re.search(r"You marked (\w+) as dynamic", text)
    axis = named[1] if named else "batch"
    return (
        f"the module is right only for a {axis} of{number or ' some sizes'}; take its size from the shape of an input, "
        "x.shape[0], or let view and reshape find it by -1"
    )


def _place(problem):
    """The innermost line of the user's files that an exception or its text knows, else of a library of models."""
    seen, library = set(), None
    while problem is not None and id(problem) not in seen:
        seen.add(id(problem))
        frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(problem.__traceback__)]
        frames += [(file, int(line)) for file, line in re.findall(r'File "([^"]+)", line (\d+)', str(problem))]
        for file, line in reversed(frames):
            if not is_of_framework(file):
                return f"{file}:{line}"
            installed = re.search(r"-packages[/\\](?!(?:torch|torch_mlir|moe_export)[/\\])(.+[/\\].+)", file)
            if installed and library is None:
                library = f"{installed[1]}:{line}"
        problem = problem.__cause__ or problem.__context__
    return library


def place_of_node(node):
    """The line of the user's file that a node of a graph comes from, and its module."""
    frames = re.findall(r'File "([^"]+)", line (\d+)', node.meta.get("stack_trace") or "")
    line = next((f"{file}:{line}" for file, line in reversed(frames) if not is_of_framework(file)), None)
    paths = [path for path, _ in (node.meta.get("nn_module_stack") or {}).values() if path]
    layer = f"in '{paths[-1]}'" if paths else None
    return ", ".join(filter(None, (line, layer))) or f"operation {node.name}"
