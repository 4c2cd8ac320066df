"""Whether an mlir block of a page parses.

A block may be a module, or lines of a function that use values from outside.
The parser says which value it does not know, and then which type it expected:
each is declared, until the block parses or something else is wrong.
"""

import re
import subprocess

UNKNOWN = re.compile(r"use of undeclared SSA value name")
OTHER_TYPE = re.compile(r"use of value '(%[\w.#-]+)' expects different type than prior uses: '(.*)' vs '(.*)'")
TOP = re.compile(r"(module|func\.func|ml_program\.global|moe\.parameters|[#!]\w+ =)")


def parse(moe_opt, text):
    """What moe-opt has against a text."""
    command = [moe_opt, "--allow-unregistered-dialect", "-o", "/dev/null"]
    return subprocess.run(command, input=text, capture_output=True, text=True).stderr


def wrap(top, lines, values):
    given = "".join(f'  {v} = "page.value"() : () -> {t}\n' for v, t in values.items())
    end = "" if re.search(r"^\s*(func\.)?return\b", lines, re.M) else "  return\n"
    return f"{top}func.func @page() {{\n{given}{lines}{end}}}\n"


def error_of(moe_opt, top, lines):
    """What is wrong with lines of a function; empty if nothing is."""
    values = {}
    for _ in range(100):
        error = parse(moe_opt, wrap(top, lines, values))
        other = OTHER_TYPE.search(error)
        if "error:" not in error:
            return ""
        if UNKNOWN.search(error):
            # The caret below the line shows the name.
            shown = error.splitlines()
            at = next(i for i, line in enumerate(shown) if UNKNOWN.search(line))
            name = re.match(r"%[\w.-]+", shown[at + 1][shown[at + 2].index("^") :])[0]
            values[name] = "i1"
        elif other and values.get(other[1]) == other[3]:
            values[other[1]] = other[2]
        else:
            return error
    return "no end of unknown values"


def problems_of(moe_opt, body):
    if re.search(r"^\s*\.\.\.|^.*//\s*\.\.\.", body, re.M):
        return []  # a sketch
    statements = re.split(r"^(?=[%#!a-z])", body, flags=re.M)
    top = "".join(s for s in statements if TOP.match(s))
    lines = [s for s in statements if not TOP.match(s)]
    if not "".join(lines).strip():
        error = parse(moe_opt, top)
        return [error] if "error:" in error else []
    if not error_of(moe_opt, top, "".join(lines)):
        return []
    # Lines that are alternatives parse one by one.
    return [e for e in (error_of(moe_opt, top, line) for line in lines) if e]
