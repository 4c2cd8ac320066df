"""The table "What becomes experts" of docs/HowTo/ExportAModel.md, to which tests of exports are held."""

import contextlib
import io
import os
import re
import tempfile

import moe_export
import numpy as np
from export import same

PAGE = os.path.join(os.path.dirname(__file__), "..", "..", "..", "docs", "HowTo", "ExportAModel.md")


def columns():
    """What each model becomes: {model: (without --assume-finite, with it)}."""
    with open(PAGE) as page:
        part = page.read().partition("## What becomes experts")[2].partition("\n## ")[0]
    return {model: more for model, *more in re.findall(r"^\| (.*) \| (.*) \| (.*) \|$", part, re.M)[1:]}


def check_line(line, name, export, function, *inputs, smaller, rows=None):
    """A model of this line has the values of the framework with and without --assume-finite. Where the line says
    `dense`, no expert is found and something is said; elsewhere each computes its rows. What needs no flag runs on the
    emulator of a GPU without it.

    rows: how many each expert computes, in any order, given the inputs.
    smaller: inputs for the run without the flag."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = os.path.join(scratch, "model")
        export(folder)
        for finite, becomes, given in zip((False, True), columns()[line], (smaller, inputs)):
            device = "cpu" if finite or becomes == "dense" else "cuda-emulator"
            where = f"{line}: {name}{' with --assume-finite' if finite else ''}"
            said = io.StringIO()
            with contextlib.redirect_stderr(said):
                options = ["--opt-level=0", f"--device={device}"]
                got, stats = moe_export.run(folder, *given, assume_finite=finite, stats=True, options=options)
            expected = function(*given)
            several = isinstance(expected, tuple)
            for one, other in zip(got, expected, strict=True) if several else [(got, expected)]:
                same(where, one, other)
            found = sorted(count for dispatch in stats["dispatches"] for count in dispatch["tokens_per_expert"])
            if becomes == "dense":
                assert not found, (where, found)
                assert "--assume-finite" in said.getvalue() or "computed for all tokens" in said.getvalue(), where
            else:
                wanted = sorted(np.asarray(rows(*given)).tolist())
                assert found == wanted, (where, found, wanted)
