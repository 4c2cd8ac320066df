# REQUIRES: jax
# RUN: %export_python %s
"""Functions of JAX keep their values, and what cannot be exported is named."""

import os
import sys
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
sys.path.remove(os.path.dirname(os.path.realpath(__file__)))
import jax
import jax.numpy as jnp
import moe_export
import numpy as np
from export import exports, refused, rows
from jax import lax
from models_jax import top_2, weights_of_top_2

x = rows(7, 8, seed=1)
square = rows(8, 8, seed=2)
warnings.simplefilter("error")


def check(name, function, x=x, **options):
    return exports(name, lambda folder: moe_export.jax(function, [x], folder, **options), jax.jit(function), x)


weights = weights_of_top_2()
text, data = exports(
    "mixture", lambda f: moe_export.jax(top_2, [x], f, weights=weights), lambda x: top_2(weights, x), x
)
assert '@"experts/in"' in text and b'"experts/out"' in data and "stablehlo" not in text
text, _ = check("captured weights", lambda x: top_2(weights, x))
assert text.count("ml_program.global private @constants.") == 3 and 'dense<"0x' not in text

strange = x.copy()
strange[1, 3], strange[2], strange[3, 2:] = np.nan, -np.inf, -np.inf
check("positions of the largest", lambda x: lax.top_k(x, 3)[1], strange)
check("scatter", lambda x: jnp.zeros((x.shape[0], 8)).at[jnp.arange(x.shape[0]), jnp.argmax(x, -1)].add(x[:, 0]))
check("scatter outside", lambda x: x.at[:, 9].set(1.0, mode="drop").at[:, 2].max(0.5))
check("sort", lambda x: jnp.sort(x, axis=-1) + jnp.argsort(x, axis=0))
check("branch", lambda x: lax.switch(jnp.argmax(x[0, :3]), [lambda x: x + 1, lambda x: x * 2, lambda x: -x], x))
check("loop", lambda x: lax.while_loop(lambda v: jnp.sum(v * v) > 0.1, lambda v: v * 0.5, x))
check("scan", lambda x: lax.scan(lambda c, w: (jnp.tanh(c @ w), c[:, 0].sum()), x, jnp.stack([square] * 2))[0])
check("gather", lambda x: jnp.take(jnp.stack([square, square.T]), jnp.argmax(x[:, :2], -1), axis=0)[:, 0])
check("reshape", lambda x: x.reshape(-1, 2, 4).transpose(0, 2, 1).reshape(-1, 2) @ square[:2])
check("random", lambda x: x + jax.random.normal(jax.random.key(0), (8,)))

warnings.simplefilter("default")
with warnings.catch_warnings(record=True) as given:
    warnings.simplefilter("always")
    cumulate = lambda x: jnp.cumsum(x, 0)
    exports("fixed", lambda f: moe_export.jax(cumulate, [x], f), cumulate, x, sizes=(7,))
assert len(given) == 1 and "is fixed to 7" in str(given[0].message), given

factor = lambda x: jnp.linalg.cholesky(x.T @ x + jnp.eye(8))
refused("operation", lambda f: moe_export.jax(factor, [x], f), "jax.py:", "lapack_spotrf")
refused("dynamic", lambda f: moe_export.jax(cumulate, [x], f, dynamic=True), "dynamic_reduce_window")
refused("tracing", lambda f: moe_export.jax(lambda x: x if x[0, 0] > 0 else -x, [x], f), "boolean")
