# REQUIRES: jax
# RUN: %export_python %s
"""Masks as they are written in JAX, and what comes after them: each with the values of JAX, and the rows that its line of the
table says."""

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

EXPERTS, WIDTH, INNER = 4, 16, 32
sizes = {"gate": (WIDTH, EXPERTS), "one": (WIDTH, 1), "up": (EXPERTS, WIDTH, INNER), "bias": (EXPERTS, INNER),
         "down": (EXPERTS, INNER, WIDTH), "side": (EXPERTS, WIDTH, INNER), "out": (WIDTH, 7)}
weights = {name: jnp.asarray(rows(*shape, seed=seed) / 4) for seed, (name, shape) in enumerate(sizes.items())}
models = []


def line(text, counts=None):
    """A model of this line, and how many rows each of its experts computes."""

    def add(function):
        models.append((text, function, counts))
        return function

    return add


def expert(w, e, x):
    return jax.nn.relu(x @ w["up"][e] + w["bias"][e]) @ w["down"][e]


def chosen(w, x):
    return jnp.argmax(x @ w["gate"], -1)


def counted(w, x):
    return jnp.bincount(chosen(w, x), length=EXPERTS)


def counted_twice(w, x):
    return jnp.bincount(lax.top_k(x @ w["gate"], 2)[1].ravel(), length=EXPERTS)


def positive(w, x):
    return [(x @ w["one"] > 0).sum()]


def both_signs(w, x):
    return [(x @ w["one"] > 0).sum(), (x @ w["one"] <= 0).sum()]


def selected(w, x):
    return sum(jnp.where((chosen(w, x) == e)[:, None], expert(w, e, x), 0) for e in range(EXPERTS))


def gates(w, x):
    value, number = lax.top_k(jax.nn.softmax(x @ w["gate"]), 2)
    return (jax.nn.one_hot(number, EXPERTS) * value[..., None]).sum(1)


def weighted(w, x, g):
    return sum(g[:, e : e + 1] * expert(w, e, x) for e in range(EXPERTS))


@line("JAX: any of these and then `(x + y) @ w`, a mean, a pooling, a classifier", counted)
def then_product(w, x):
    return (x + selected(w, x)) @ w["out"]


@line("JAX: any of these and then `(x + y) @ w`, a mean, a pooling, a classifier", counted)
def then_mean(w, x):
    return (selected(w, x).mean(0) @ w["out"])[None]


@line("JAX: all results by `vmap`, then `where(chosen == e, ys[e], 0)` added up", counted)
def slices_of_vmap(w, x):
    all = jax.vmap(lambda up, down: jax.nn.relu(x @ up) @ down)(w["up"], w["down"])
    return sum(jnp.where((chosen(w, x) == e)[:, None], all[e], 0) for e in range(EXPERTS))


@line("JAX: `where(a == 1, f(x), x)`, where `a` is 0 or 1; a result of one column", positive)
def equals_one(w, x):
    return jnp.where(jnp.where(x @ w["one"] > 0, 1.0, 0.0) == 1, expert(w, 0, x), x)


@line("JAX: `where(a == 1, f(x), x)`, where `a` is 0 or 1; a result of one column", positive)
def one_column(w, x):
    return jnp.where(x @ w["one"] > 0, jax.nn.relu(x @ w["up"][0]) @ w["down"][0][:, :1], 0)


@line("JAX: two results chosen by one condition from the same hidden layer", positive)
def two_results(w, x):
    hidden = jax.nn.relu(x @ w["up"][0])
    a, b = hidden @ w["down"][0], jnp.tanh(hidden @ w["down"][1])
    return jnp.where(x @ w["one"] > 0, a, 0), jnp.where(x @ w["one"] > 0, b, x)


def branches(w, x):
    first = x[:, 0] > 0
    return [(first & (x[:, 1] > 0)).sum(), (first & (x[:, 1] <= 0)).sum(), (~first).sum()]


@line("JAX: `vmap` of `lax.switch` or `lax.cond` over rows, `lax.select_n`, `jnp.select`", branches)
def nested_cond(w, x):
    def row(r):
        inner = lambda r: lax.cond(r[1] > 0, lambda r: expert(w, 0, r), lambda r: jax.nn.relu(expert(w, 1, r)), r)
        return lax.cond(r[0] > 0, inner, lambda r: jnp.minimum(jax.nn.relu(expert(w, 2, r)), 6), r)

    return jax.vmap(row)(x)


def stages(w, x):
    y, done, running = x, jnp.zeros(x.shape[0], bool), []
    for e in range(3):
        running += [(~done).sum(), done.sum()]
        y = jnp.where(done[:, None], y, expert(w, e, y))
        done = done | (jnp.abs(y).mean(-1) > 0.2)
    return y, running


# Nothing is done before the first stage, which is no expert; others are two, that compute and that pass on.
@line("JAX: `vmap` of `lax.while_loop`; `where(done, y, f(y))` in each stage", lambda w, x: stages(w, x)[1][2:])
def early_exit(w, x):
    return stages(w, x)[0] @ w["out"]


def steps(w, x):
    def row(r):
        more = lambda s: (s[0] < 5) & (jnp.abs(s[1]).mean() < 2.0)
        step = lambda s: (s[0] + 1, s[1] + jax.nn.relu(s[1] @ w["up"][0]) @ w["down"][0])
        return lax.while_loop(more, step, (0, r))

    return jax.vmap(row)(x)


@line("JAX: `vmap` of `lax.while_loop`; `where(done, y, f(y))` in each stage", lambda w, x: [steps(w, x)[0].sum()])
def vmap_of_while(w, x):
    return steps(w, x)[1]


@line("JAX: any of these and then `(x + y) @ w`, a mean, a pooling, a classifier", counted)
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


for axis in range(3):
    line("JAX: `(stack(ys, axis) * one_hot).sum(axis)`, on any axis", counted)(stack_times_mask(axis))


@line("JAX: `lax.top_k`, `one_hot`, `einsum`", counted_twice)
def einsum_of_vmap(w, x):
    all = jax.vmap(lambda up, down: jax.nn.relu(x @ up) @ down)(w["up"], w["down"])
    return jnp.einsum("te,eth->th", gates(w, x), all)


@line("JAX: weights of those in `sort(scores)[-2:]` instead of `top_k`", counted_twice)
def sort_instead_of_top_k(w, x):
    scores = x @ w["gate"]
    return weighted(w, x, jnp.where(scores >= jnp.sort(scores, -1)[:, -2:-1], jax.nn.softmax(scores), 0))


@line("JAX: `where(a != 0, f(x), g(x))`, `g * f(x)` with `g = round(sigmoid(..))` or a straight-through gate", both_signs)
def not_zero(w, x):
    return jnp.where(jnp.where(x @ w["one"] > 0, 1.0, 0.0) != 0, expert(w, 0, x), expert(w, 1, x))


@line("JAX: `where(a != 0, f(x), g(x))`, `g * f(x)` with `g = round(sigmoid(..))` or a straight-through gate", both_signs)
def rounded_gate(w, x):
    g = jnp.round(jax.nn.sigmoid(x @ w["one"]))
    return g * expert(w, 0, x) + (1 - g) * expert(w, 1, x)


@line("JAX: `where(a != 0, f(x), g(x))`, `g * f(x)` with `g = round(sigmoid(..))` or a straight-through gate", positive)
def straight_through(w, x):
    soft = jax.nn.sigmoid(x @ w["one"])
    return x + (lax.stop_gradient((soft > 0.5).astype(x.dtype) - soft) + soft) * expert(w, 0, x)


@line("JAX: padding, `(experts of x) * keep[:, None]`", lambda w, x: counted_twice(w, x[jnp.abs(x[:, 0]) > 0.7]))
def padding(w, x):
    return weighted(w, x, gates(w, x)) * (jnp.abs(x[:, :1]) > 0.7)


@line("JAX: rows sorted by expert, `lax.ragged_dot`, also several of one layer", counted)
def ragged_with_gate(w, x):
    order = jnp.argsort(chosen(w, x), stable=True)
    counts = jnp.bincount(chosen(w, x), length=EXPERTS).astype(jnp.int32)
    r = x[order]
    hidden = jax.nn.silu(lax.ragged_dot(r, w["up"], counts)) * lax.ragged_dot(r, w["side"], counts)
    return jnp.zeros_like(x).at[order].set(lax.ragged_dot(hidden, w["down"], counts))


@line("JAX: capacity by a mask, `hot * (cumsum(hot, 0) <= capacity)`", lambda w, x: jnp.minimum(counted(w, x), 2))
def capacity_by_mask(w, x):
    hot = jax.nn.one_hot(chosen(w, x), EXPERTS)
    return weighted(w, x, hot * (jnp.cumsum(hot, 0) <= 2))


@line('JAX: capacity by one-hot [slots](../Raising.md#slots-of-a-capacity), `einsum("tec,td->ecd")`', lambda w, x: jnp.minimum(counted(w, x), 3))
def capacity(w, x):
    hot = jax.nn.one_hot(chosen(w, x), EXPERTS)
    slot = ((jnp.cumsum(hot, 0) - 1) * hot).sum(-1).astype(int)
    slots = hot[:, :, None] * jax.nn.one_hot(slot, 3)[:, None, :]
    hidden = jax.nn.relu(jnp.einsum("ecd,edh->ech", jnp.einsum("tec,td->ecd", slots, x), w["up"]))
    return jnp.einsum("tec,ecd->td", slots, jnp.einsum("ech,ehd->ecd", hidden, w["down"]))


for text, function, counts in models:
    check_line(
        text, function.__name__, lambda folder: moe_export.jax(function, [rows(6, WIDTH, seed=8)], folder, weights=weights),
        lambda x: function(weights, x), rows(9, WIDTH, seed=9), smaller=[rows(4, WIDTH, seed=1)],
        rows=counts and (lambda x: counts(weights, x)),
    )  # fmt: skip
