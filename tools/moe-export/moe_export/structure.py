"""Structures of inputs and results: dictionaries, lists and tuples in one another, and the names of what is in them.

A path is a tuple of keys (str) and positions (int). The name of a path joins them by "/", with what might be
mistaken in a key written as %XX: `tokens`, `pair/0`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .errors import ExportError

# A percent, what separates, what a command line or a terminal would take otherwise.
_UNSAFE = re.compile(r"[%/=\x00-\x1f\x7f]|^@")


@dataclass(frozen=True)
class Name:
    """What an input or result is called; the text is empty if its position says all."""

    text: str = ""
    # Whether the position says nothing, as in a dictionary.
    keyword_only: bool = False


def flatten(structure, path=()):
    """The paths and leaves of a structure, dictionaries in their own order; None is nothing."""
    if isinstance(structure, Mapping):
        inner = [(str(key), value) for key, value in structure.items()]
    elif isinstance(structure, (list, tuple)):
        inner = list(enumerate(structure))
    else:
        return [] if structure is None else [(path, structure)]
    return [leaf for key, value in inner for leaf in flatten(value, (*path, key))]


def pack(structure, leaves):
    """A structure of the same form with these leaves, an iterator, in the order of `flatten`."""
    if isinstance(structure, Mapping):
        return {key: pack(value, leaves) for key, value in structure.items()}
    if isinstance(structure, tuple) and hasattr(structure, "_fields"):
        return type(structure)(*(pack(value, leaves) for value in structure))
    if isinstance(structure, (list, tuple)):
        return (tuple if isinstance(structure, tuple) else list)(pack(value, leaves) for value in structure)
    return None if structure is None else next(leaves)


def write(part):
    """A key or a position as a part of a name."""
    if isinstance(part, int):
        return str(part)
    text = _UNSAFE.sub(lambda match: f"%{ord(match[0]):02X}", part)
    # Digits alone are a position.
    return f"%{ord(text[0]):02X}{text[1:]}" if text.isdigit() else text


def _read(text):
    if text.isdigit():
        return int(text)
    return re.sub("%([0-9A-F]{2})", lambda match: chr(int(match[1], 16)), text)


def names_of(paths, kind):
    """The names of all inputs or all results; a plain list of them has none."""
    if all(len(path) < 2 and not any(isinstance(part, str) for part in path) for path in paths):
        return [Name() for _ in paths]
    names = []
    for path in paths:
        text = "/".join(map(write, path))
        if not all(map(write, path)):
            raise ExportError(f"{kind} {text!r}: a key that is empty cannot be a name")
        if any(name.text == text for name in names):
            raise ExportError(f"{kind} {text!r}: another one has the same name")
        names.append(Name(text, any(isinstance(part, str) for part in path)))
    return names


def paths_of(names):
    """The paths that names stand for."""
    return [tuple(map(_read, name.split("/"))) for name in names]


def select(structure, paths):
    """The leaves at these paths, or None if the structure has others or lacks one."""
    by_key = {}
    for path in paths:
        if not path:
            return [structure]
        by_key.setdefault(path[0], []).append(path[1:])
    if isinstance(structure, Mapping):
        inner = {str(key): value for key, value in structure.items() if value is not None}
    elif isinstance(structure, (list, tuple)):
        inner = {key: value for key, value in enumerate(structure) if value is not None}
    else:
        return None
    if set(inner) != set(by_key):
        return None
    found = {}
    for key, rest in by_key.items():
        leaves = select(inner[key], rest)
        if leaves is None:
            return None
        found.update(zip([(key, *path) for path in rest], leaves))
    return [found[path] for path in paths]


def build(paths, leaves):
    """The structure that has these leaves at these paths: dictionaries of keys, lists of positions."""
    by_key = {}
    for path, leaf in zip(paths, leaves):
        if not path:
            return leaf
        rest, values = by_key.setdefault(path[0], ([], []))
        rest.append(path[1:])
        values.append(leaf)
    inner = {key: build(rest, values) for key, (rest, values) in by_key.items()}
    return list(inner.values()) if all(isinstance(key, int) for key in inner) else inner
