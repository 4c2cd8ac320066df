"""A stacked mixture of experts of which a row takes two."""

import jax
import jax.numpy as jnp
from export import rows


def top_2(weights, x):
    top, chosen = jax.lax.top_k(jax.nn.softmax(x @ weights["gate"]), 2)
    share = jnp.zeros((x.shape[0], weights["gate"].shape[1])).at[jnp.arange(x.shape[0])[:, None], chosen].set(top)
    hidden = jax.nn.silu(jnp.einsum("th,ehi->eti", x, weights["experts"]["in"]))
    return jnp.einsum("te,eth->th", share, jnp.einsum("eti,eih->eth", hidden, weights["experts"]["out"]))


def weights_of_top_2():
    experts = {"in": rows(6, 8, 10, seed=11), "out": rows(6, 10, 8, seed=12)}
    return {"gate": rows(8, 6, seed=10), "experts": experts}
