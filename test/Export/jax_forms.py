# REQUIRES: jax
# RUN: %export_python %s
"""Ways to write a choice of experts in JAX, each with the values of JAX and the rows of each expert."""

import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
sys.path.remove(os.path.dirname(os.path.realpath(__file__)))
import jax
import jax.numpy as jnp
import moe_export
import numpy as np
from export import rows, same
from jax import lax

EXPERTS, WIDTH, INNER = 4, 6, 10
x = rows(9, WIDTH, seed=1)
weights = {"gate": rows(WIDTH, EXPERTS, seed=2), "up": rows(EXPERTS, WIDTH, INNER, seed=3), "down": rows(EXPERTS, INNER, WIDTH, seed=4)}
weights = {name: jnp.asarray(array) for name, array in weights.items()}


def expert(x, up, down):
    return jax.nn.gelu(x @ up) @ down


def number(w, x):
    return jnp.argmax(x @ w["gate"], -1)


def each(w, x):
    return [expert(x, w["up"][e], w["down"][e]) for e in range(EXPERTS)]


def stacked(w, x):
    return jax.vmap(lambda up, down: expert(x, up, down))(w["up"], w["down"])


def take_along_axis(w, x):
    return jnp.take_along_axis(stacked(w, x), number(w, x)[None, :, None], 0)[0]


def take_from_stack(w, x):
    return jnp.take_along_axis(jnp.stack(each(w, x), 1), number(w, x)[:, None, None], 1)[:, 0]


def index(w, x):
    return stacked(w, x)[number(w, x), jnp.arange(x.shape[0])]


def switch(w, x):
    branches = [lambda row, e=e: expert(row[None], w["up"][e], w["down"][e])[0] for e in range(EXPERTS)]
    return jax.vmap(lambda row, e: lax.switch(e, branches, row))(x, number(w, x))


def select_n(w, x):
    return lax.select_n(jnp.broadcast_to(number(w, x)[:, None], x.shape), *each(w, x))


def select(w, x):
    return jnp.select([number(w, x)[:, None] == e for e in range(EXPERTS)], each(w, x), 0.0)


def where_in_scan(w, x):
    def add(total, one):
        e, up, down = one
        return total + jnp.where((number(w, x) == e)[:, None], expert(x, up, down), 0), None

    return lax.scan(add, jnp.zeros_like(x), (jnp.arange(EXPERTS), w["up"], w["down"]))[0]


def concatenated(w, x):
    chosen = number(w, x)[:, None]
    parts = [jnp.concatenate([jnp.tanh(x[:, :2]), jnp.pad(y[:, 3:], ((0, 0), (1, 0)))], 1) for y in each(w, x)]
    return sum(jnp.where(chosen == e, part, 0) for e, part in enumerate(parts))


for form in (take_along_axis, take_from_stack, index, switch, select_n, select, where_in_scan, concatenated):
    with tempfile.TemporaryDirectory() as scratch:
        folder = os.path.join(scratch, "model")
        moe_export.jax(form, [x], folder, weights=weights)
        got, stats = moe_export.run(folder, x, stats=True)
        same(form.__name__, got, form(weights, x))
        counts = np.bincount(number(weights, x), minlength=EXPERTS).tolist()
        # A loop has one expert, which is run for all rounds together.
        expected = [sum(counts)] if form is where_in_scan else sorted(counts)
        found = sorted(count for dispatch in stats["dispatches"] for count in dispatch["tokens_per_expert"])
        assert found == expected, (form.__name__, found, expected)
