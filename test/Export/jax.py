# REQUIRES: jax
# RUN: %export_python %s
"""Functions of JAX keep their values, and what cannot be exported is named."""

import os
import sys
import tempfile
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
sys.path.remove(os.path.dirname(os.path.realpath(__file__)))
import jax
import jax.numpy as jnp
import moe_export
import numpy as np
from export import exports, layers, refused, rows, same
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
check("largest twice", lambda x: jnp.concatenate([lax.top_k(x, 2)[0], lax.top_k(-x, 3)[0], lax.top_k(x + 1, 2)[0]], 1))
check("positions of the least, nearly", lambda x: lax.approx_min_k(x, 2)[1] + lax.approx_max_k(x, 2)[1])
check("cumulative sum", lambda x: jnp.cumsum(x, 0) + lax.cumsum(x, 1, reverse=True))
check("cumulative maximum", lambda x: lax.cummax(x, 0) * lax.cummin(x.astype(jnp.int8), 1) + lax.cumprod(x, 1))
check("cumulative sum of narrow numbers", lambda x: jnp.cumsum(jnp.ones_like(x, jnp.bfloat16), 1).astype(jnp.float32))
check("scatter", lambda x: jnp.zeros((x.shape[0], 8)).at[jnp.arange(x.shape[0]), jnp.argmax(x, -1)].add(x[:, 0]))
check("scatter outside", lambda x: x.at[:, 9].set(1.0, mode="drop").at[:, 2].max(0.5))
check("sort", lambda x: jnp.sort(x, axis=-1) + jnp.argsort(x, axis=0))
check("branch", lambda x: lax.switch(jnp.argmax(x[0, :3]), [lambda x: x + 1, lambda x: x * 2, lambda x: -x], x))
check("loop", lambda x: lax.while_loop(lambda v: jnp.sum(v * v) > 0.1, lambda v: v * 0.5, x))
check("scan", lambda x: lax.scan(lambda c, w: (jnp.tanh(c @ w), c[:, 0].sum()), x, jnp.stack([square] * 2))[0])
check("gather", lambda x: jnp.take(jnp.stack([square, square.T]), jnp.argmax(x[:, :2], -1), axis=0)[:, 0])
check("reshape", lambda x: x.reshape(-1, 2, 4).transpose(0, 2, 1).reshape(-1, 2) @ square[:2])
check("random", lambda x: x + jax.random.normal(jax.random.key(0), (8,)))

# Inputs and results in dictionaries have names.
pair = {"tokens": x, "scale": x[:, :1]}
scaled = lambda pair, add: {"out": pair["tokens"] * pair["scale"], "both": [add, pair["scale"]]}
with tempfile.TemporaryDirectory() as folder:
    moe_export.jax(scaled, (pair, x), folder)
    made, wanted = moe_export.run(folder, pair, x), scaled(pair, x)
    same("named result", made["out"], wanted["out"])
    same("result in a list", made["both"][1], wanted["both"][1])
    moe_export.jax(lambda pair: pair["scale"] + pair["tokens"], (pair,), folder)
    same("one dictionary", moe_export.run(folder, pair), x + x[:, :1])

warnings.simplefilter("default")
with warnings.catch_warnings(record=True) as given:
    warnings.simplefilter("always")
    flatten = lambda x: jnp.resize(x, (7, 8)) + x
    exports("fixed", lambda f: moe_export.jax(flatten, [x], f), flatten, x, sizes=(7,))
(warning,) = given
assert "is fixed to 7" in str(warning.message) and warning.filename == __file__, warning

factor = lambda x: jnp.linalg.cholesky(x.T @ x + jnp.eye(8))
refused("operation", lambda f: moe_export.jax(factor, [x], f), "jax.py:", "lapack_spotrf", "outside of the model")
refused("dynamic", lambda f: moe_export.jax(flatten, [x], f, dynamic=True), "jax.py:")
refused("tracing", lambda f: moe_export.jax(lambda x: x if x[0, 0] > 0 else -x, [x], f), "jax.py:", "jnp.where")
refused("NumPy", lambda f: moe_export.jax(lambda x: np.tanh(x), [x], f), "jax.py:", "jax.numpy")
refused("mask", lambda f: moe_export.jax(lambda x: x[x > 0], [x], f), "jax.py:", "jnp.where(mask")
refused("complex", lambda f: moe_export.jax(lambda x: jnp.fft.fft(x).real, [x], f), "jax.py:", "imaginary")
bits = lambda x: lax.bitcast_convert_type(x, jnp.uint8)
refused("end", lambda f: moe_export.jax(bits, [x], f, dynamic=True), "jax.py:", "bitcast_convert ends the process")
refused("callback", lambda f: moe_export.jax(lambda x: jax.pure_callback(np.sin, x, x), [x], f), "jax.py:", "callback")


# Scopes name layers, also around and inside of functions and transformations of JAX.
def chosen(x):
    with jax.named_scope("choose"):
        return jnp.where(x[:, :1] > 0, jnp.tanh(x @ square), x)


def scoped(x):
    with jax.named_scope("first"):
        x = jax.jit(chosen)(x)
    with jax.named_scope("second"):
        x = jax.vmap(lambda row: chosen(row[None])[0])(x)
    return jnp.where(x[:, :1] > 1, jnp.sin(x @ square), x)


found = layers("layers", lambda folder: moe_export.jax(scoped, [x], folder), x)
assert found == ["first/choose", "second/choose", None], found

# Unsigned inputs, weights and results are those of the model.
bytes_ = np.random.default_rng(3).integers(0, 256, (7, 8)).astype(np.uint8)
table = np.arange(4_000_000_000, 4_000_000_040, dtype=np.uint32)
unsigned = lambda w, u: (u // 3, u.astype(jnp.float32) / 255, lax.cummax(jnp.sort(u, 1), 0), w["table"][u % 40] >> 1, jnp.max(u, 1))
text, _ = exports(
    "unsigned", lambda f: moe_export.jax(unsigned, [bytes_], f, weights={"table": table}), lambda u: unsigned({"table": jnp.asarray(table)}, u), bytes_, sizes=(7, 1, 0)
)
assert "-> (tensor<?x8xui8>, tensor<?x8xf32>, tensor<?x8xui8>, tensor<?x8xui32>, tensor<?xui8>)" in text, text
