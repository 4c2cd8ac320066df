# REQUIRES: jax
# RUN: %export_python %s
"""Ways to write a choice of experts in JAX, each with the values of JAX and the rows of each expert that its line of the table
says."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
sys.path.remove(os.path.dirname(os.path.realpath(__file__)))
import jax
import jax.numpy as jnp
import moe_export
from export import rows
from jax import lax
from table import check_line

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


def where_in_fori_loop(w, x):
    def add(e, total):
        return total + jnp.where((number(w, x) == e)[:, None], expert(x, w["up"][e], w["down"][e]), 0)

    return lax.fori_loop(0, EXPERTS, add, jnp.zeros_like(x))


def counts(x):
    return jnp.bincount(number(weights, x), length=EXPERTS)


# A loop has one expert, which is run for all rounds together.
loops = "JAX: `lax.scan` or `fori_loop` over experts, adding `where(chosen == e, f(x), 0)`"
gathers = "JAX: all results by `vmap` or `stack`, then `take_along_axis` or `all[chosen, arange(n)]`"
selects = "JAX: `vmap` of `lax.switch` or `lax.cond` over rows, `lax.select_n`, `jnp.select`"
for line, forms in {
    gathers: (take_along_axis, take_from_stack, index), selects: (switch, select_n, select, concatenated),
    loops: (where_in_scan, where_in_fori_loop),
}.items():  # fmt: skip
    for form in forms:
        check_line(
            line, form.__name__, lambda folder: moe_export.jax(form, [x], folder, weights=weights), lambda x: form(weights, x),
            x, smaller=[x[:4]], rows=(lambda x: [x.shape[0]]) if line is loops else counts,
        )  # fmt: skip
