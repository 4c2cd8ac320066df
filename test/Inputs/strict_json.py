"""Reads JSON as the standard has it: Python's own reader takes the last of several values
of one key, and numbers that are none.
"""

import json


def _object(pairs):
    keys = [key for key, _ in pairs]
    twice = {key for key in keys if keys.count(key) > 1}
    if twice:
        raise ValueError(f"keys that occur more than once: {sorted(twice)}")
    return dict(pairs)


def _constant(name):
    raise ValueError(f"{name} is no number of JSON")


def loads(text):
    return json.loads(text, object_pairs_hook=_object, parse_constant=_constant)


def load(path):
    with open(path, encoding="utf-8") as file:
        return loads(file.read())
