# REQUIRES: jax
# RUN: %export_python %s
"""Masks as they are written in JAX, and what comes after them: the values of JAX, and fewer rows than all for some expert."""

import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
sys.path.remove(os.path.dirname(os.path.realpath(__file__)))
import jax
import jax.numpy as jnp
import moe_export
from export import rows, same
from jax import lax

EXPERTS, WIDTH, INNER = 4, 16, 32
sizes = {"gate": (WIDTH, EXPERTS), "one": (WIDTH, 1), "up": (EXPERTS, WIDTH, INNER), "bias": (EXPERTS, INNER),
         "down": (EXPERTS, INNER, WIDTH), "side": (EXPERTS, WIDTH, INNER), "out": (WIDTH, 7)}
weights = {name: jnp.asarray(rows(*shape, seed=seed) / 4) for seed, (name, shape) in enumerate(sizes.items())}
exact, finite = [], []  # what needs no flag, and what does


def expert(w, e, x):
    return jax.nn.relu(x @ w["up"][e] + w["bias"][e]) @ w["down"][e]


def chosen(w, x):
    return jnp.argmax(x @ w["gate"], -1)


def selected(w, x):
    return sum(jnp.where((chosen(w, x) == e)[:, None], expert(w, e, x), 0) for e in range(EXPERTS))


def gates(w, x):
    value, number = lax.top_k(jax.nn.softmax(x @ w["gate"]), 2)
    return (jax.nn.one_hot(number, EXPERTS) * value[..., None]).sum(1)


def weighted(w, x, g):
    return sum(g[:, e : e + 1] * expert(w, e, x) for e in range(EXPERTS))


@exact.append
def then_product(w, x):
    return (x + selected(w, x)) @ w["out"]


@exact.append
def then_mean(w, x):
    return (selected(w, x).mean(0) @ w["out"])[None]


@exact.append
def slices_of_vmap(w, x):
    all = jax.vmap(lambda up, down: jax.nn.relu(x @ up) @ down)(w["up"], w["down"])
    return sum(jnp.where((chosen(w, x) == e)[:, None], all[e], 0) for e in range(EXPERTS))


@exact.append
def equals_one(w, x):
    return jnp.where(jnp.where(x @ w["one"] > 0, 1.0, 0.0) == 1, expert(w, 0, x), x)


@exact.append
def one_column(w, x):
    return jnp.where(x @ w["one"] > 0, jax.nn.relu(x @ w["up"][0]) @ w["down"][0][:, :1], 0)


@exact.append
def two_results(w, x):
    hidden = jax.nn.relu(x @ w["up"][0])
    a, b = hidden @ w["down"][0], jnp.tanh(hidden @ w["down"][1])
    return jnp.where(x @ w["one"] > 0, a, 0), jnp.where(x @ w["one"] > 0, b, x)


@exact.append
def nested_cond(w, x):
    def row(r):
        inner = lambda r: lax.cond(r[1] > 0, lambda r: expert(w, 0, r), lambda r: jax.nn.relu(expert(w, 1, r)), r)
        return lax.cond(r[0] > 0, inner, lambda r: jnp.minimum(jax.nn.relu(expert(w, 2, r)), 6), r)

    return jax.vmap(row)(x)


@exact.append
def early_exit(w, x):
    y, done = x, jnp.zeros(x.shape[0], bool)
    for e in range(3):
        y = jnp.where(done[:, None], y, expert(w, e, y))
        done = done | (jnp.abs(y).mean(-1) > 0.5)
    return y @ w["out"]


@exact.append
def vmap_of_while(w, x):
    def row(r):
        more = lambda s: (s[0] < 5) & (jnp.abs(s[1]).mean() < 2.0)
        step = lambda s: (s[0] + 1, s[1] + jax.nn.relu(s[1] @ w["up"][0]) @ w["down"][0])
        return lax.while_loop(more, step, (0, r))[1]

    return jax.vmap(row)(x)


@exact.append
def gathered_then_product(w, x):
    all = jnp.stack([expert(w, e, x) for e in range(EXPERTS)], 1)
    return jnp.take_along_axis(all, chosen(w, x)[:, None, None], 1)[:, 0] @ w["out"]


def stack_times_mask(axis):
    def function(w, x):
        all = jnp.stack([expert(w, e, x) for e in range(EXPERTS)], axis)
        hot = jax.nn.one_hot(chosen(w, x), EXPERTS)
        mask = {0: hot.T[:, :, None], 1: hot[:, :, None], 2: hot[:, None, :]}[axis]
        return (all * mask).sum(axis)

    function.__name__ = f"stack_times_mask_{axis}"
    return function


finite += [stack_times_mask(axis) for axis in range(3)]


@finite.append
def einsum_of_vmap(w, x):
    all = jax.vmap(lambda up, down: jax.nn.relu(x @ up) @ down)(w["up"], w["down"])
    return jnp.einsum("te,eth->th", gates(w, x), all)


@finite.append
def sort_instead_of_top_k(w, x):
    scores = x @ w["gate"]
    return weighted(w, x, jnp.where(scores >= jnp.sort(scores, -1)[:, -2:-1], jax.nn.softmax(scores), 0))


@finite.append
def not_zero(w, x):
    return jnp.where(jnp.where(x @ w["one"] > 0, 1.0, 0.0) != 0, expert(w, 0, x), expert(w, 1, x))


@finite.append
def rounded_gate(w, x):
    g = jnp.round(jax.nn.sigmoid(x @ w["one"]))
    return g * expert(w, 0, x) + (1 - g) * expert(w, 1, x)


@finite.append
def straight_through(w, x):
    soft = jax.nn.sigmoid(x @ w["one"])
    return x + (lax.stop_gradient((soft > 0.5).astype(x.dtype) - soft) + soft) * expert(w, 0, x)


@finite.append
def padding(w, x):
    return weighted(w, x, gates(w, x)) * (jnp.abs(x[:, :1]) > 0.7)


@finite.append
def ragged_with_gate(w, x):
    order = jnp.argsort(chosen(w, x), stable=True)
    counts = jnp.bincount(chosen(w, x), length=EXPERTS).astype(jnp.int32)
    r = x[order]
    hidden = jax.nn.silu(lax.ragged_dot(r, w["up"], counts)) * lax.ragged_dot(r, w["side"], counts)
    return jnp.zeros_like(x).at[order].set(lax.ragged_dot(hidden, w["down"], counts))


@finite.append
def capacity_by_mask(w, x):
    hot = jax.nn.one_hot(chosen(w, x), EXPERTS)
    return weighted(w, x, hot * (jnp.cumsum(hot, 0) <= 2))


def check(function, flag):
    with tempfile.TemporaryDirectory() as scratch:
        folder = os.path.join(scratch, "model")
        moe_export.jax(function, [rows(6, WIDTH, seed=8)], folder, weights=weights)
        skipped = False
        for count in (9, 1):
            x = rows(count, WIDTH, seed=count)
            got, stats = moe_export.run(folder, x, assume_finite=flag, stats=True)
            expected = function(weights, x)
            several = isinstance(expected, tuple)
            for one, other in zip(got, expected, strict=True) if several else [(got, expected)]:
                same(function.__name__, one, other)
            skipped |= any(d["flops"]["done"] < (d["flops"]["dense"] or 0) for d in stats["dispatches"])
        assert skipped, function.__name__


for function in exact:
    check(function, False)
for function in finite:
    check(function, True)
