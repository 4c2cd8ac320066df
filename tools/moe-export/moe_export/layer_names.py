"""Names of the user's layers: what a model keeps of the locations of its operations.

A converter's locations hold files and calls of the exporting machine. The text of a model says the layer, `loc("a/b")`,
behind an operation, unless it is that of the operation around it.
"""

import re

from .weights import quoted

_STRING = r'"(?:[^"\\]|\\.)*"'
_TOKEN = re.compile(_STRING + r"|[()]")
_LOCATION = re.compile(_STRING + r"| loc\(")
_ALIAS = re.compile(r"#loc\d*")

# What JAX writes around a scope that it transforms.
_TRANSFORMED = re.compile(r"(?:jvp|linearize|pmap|shard_map|transpose|vmap)\((.*)\)")
# Scopes of JAX's own.
_CALL = re.compile(r"p?jit(\(.*\))?|closed_call|eval_jaxpr|checkpoint|rematted_computation")
_BRANCH = {"while": r"body|cond", "cond": r"branch_\d+_fun", "switch": r"branch_\d+_fun"}


def of_jax(name, whole=""):
    """The scopes of the user in a name of JAX, which ends with an operation: "a/b" of "jit(f)/a/vmap(b)/add".

    whole: the scope of the whole model, left out in front of others."""
    scopes = []
    parts = _parts(name)[:-1]
    while parts:
        part = parts.pop(0)
        while transformed := _TRANSFORMED.fullmatch(part):
            part = transformed[1]
        if parts and part in _BRANCH and re.fullmatch(_BRANCH[part], parts[0]):
            del parts[0]
        elif part and not _CALL.fullmatch(part):
            scopes.append(part)
    if whole and len(scopes) > 1 and scopes[0] == whole:
        del scopes[0]
    return "/".join(scopes)


def _parts(name):
    """A path, divided where no parenthesis is open."""
    parts, depth = [""], 0
    for character in name:
        depth += (character == "(") - (character == ")")
        if character == "/" and depth <= 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def of_node(node):
    """The path of the module that a node of PyTorch's graph comes from."""
    paths = [path for path, _ in (node.meta.get("nn_module_stack") or {}).values() if path]
    return paths[-1] if paths else ""


def keep(text, layer_of=str):
    """The text of a module with names of layers in place of its locations.

    layer_of(name): the layer of a name in a location, or nothing."""
    aliases, lines = {}, []
    for line in text.splitlines():
        alias, _, location = line.partition(" = ")
        if _ALIAS.fullmatch(alias):
            aliases[alias] = location
        else:
            lines.append(line)
    known = {}

    def layer(location):
        if location not in known:
            name = _name(location, aliases)
            known[location] = layer_of(name) if name else ""
        return known[location]

    # From the end: an operation's location stands behind its regions.
    kept, around = [], []
    for line in reversed(lines):
        line, location = _without_locations(line)
        indent = len(line) - len(line.lstrip())
        ends = line.lstrip().startswith("}")
        if around and around[-1][0] >= indent and not ends and not line.lstrip().startswith("^"):
            around.pop()
        outer = around[-1][1] if around else ""
        # Functions stand for no layer; a constant stands for all that use it.
        named = location and indent > 2 and " = arith.constant " not in line
        name = (layer(location) if named else "") or outer
        if location and ends:
            around.append((indent, name))
        kept.append(line if name == outer else f"{line} loc({quoted(name)})")
    return "\n".join(reversed(kept)) + "\n"


def _without_locations(line):
    """A line, and the location at its end if there is one: that of an operation; those of arguments go."""
    rest, start, location = "", 0, None
    for match in _LOCATION.finditer(line):
        if match[0][0] == '"' or match.start() < start:
            continue
        depth = 0
        for token in _TOKEN.finditer(line, match.end() - 1):
            depth += {"(": 1, ")": -1}.get(token[0], 0)
            if not depth:
                break
        rest += line[start : match.start()]
        start = token.end()
        if start == len(line):
            location = line[match.start() + 1 :]
    return rest + line[start:], location


def _name(location, aliases):
    """The name in a location; one of several locations is that of the first."""
    body = aliases.get(location, location).removeprefix("loc(").removesuffix(")")
    if body in aliases:
        return _name(body, aliases)
    if body.startswith("fused"):
        return next(filter(None, (_name(alias, aliases) for alias in _ALIAS.findall(body))), None)
    if string := re.match(_STRING, body):
        # Otherwise a place in a file.
        if not body.startswith(":", string.end()):
            return _unquoted(string[0])
    return None


def _unquoted(string):
    return re.sub(rb"\\([0-9A-F]{2}|.)", _character, string[1:-1].encode()).decode(errors="replace")


def _character(match):
    return match[1] if len(match[1]) == 1 else bytes.fromhex(match[1].decode())
