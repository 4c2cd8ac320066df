# REQUIRES: jax
# RUN: %export_python %s
"""Windows of JAX over images and sequences, padding and reversal, for any number of rows."""

import os
import sys
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
sys.path.remove(os.path.dirname(os.path.realpath(__file__)))
import jax
import jax.numpy as jnp
import moe_export
from export import exports, rows
from jax import lax

# A batch that is fixed would be said.
warnings.simplefilter("error")
images, sequences = rows(7, 8, 9, 4, seed=1), rows(7, 10, 4, seed=2)


def check(name, function, x, sizes=(7, 1, 0)):
    return exports(name, lambda folder: moe_export.jax(function, [x], folder, dynamic=True), jax.jit(function), x, sizes=sizes)


def pool(operation, start, window, strides, padding, **more):
    return lambda x: lax.reduce_window(x, start, operation, window, strides, padding, **more)


check("greatest of windows", pool(lax.max, -jnp.inf, (1, 2, 2, 1), (1, 2, 2, 1), "VALID"), images)
check("windows over the edge", pool(lax.max, -jnp.inf, (1, 3, 1), (1, 2, 1), "SAME"), sequences)
check("sums of windows", pool(lax.add, 0.0, (1, 3, 3, 1), (1, 2, 1, 1), "SAME"), images)
holes = {"window_dilation": (1, 2, 1), "base_dilation": (1, 3, 1)}
check("windows with holes", pool(lax.min, jnp.inf, (1, 3, 2), (1, 1, 1), ((0, 0), (2, 1), (0, 1)), **holes), sequences)
first = lambda x: lax.reduce_window((x, -x), (0.0, 9.0), lambda a, b: (a[0] + b[0], lax.min(a[1], b[1])), (1, 2, 1), (1, 1, 1), "VALID")
check("windows over two tensors", first, sequences)
check("running logarithm of sums", lambda x: lax.cumlogsumexp(x, 1), sequences)

LAST = ("NHWC", "HWIO", "NHWC")


def convolution(kernel, strides=(1, 1), padding="SAME", order=LAST, **more):
    kernel = rows(*kernel, seed=3)
    return lambda x: lax.conv_general_dilated(x, kernel, strides, padding, dimension_numbers=order, **more)


check("convolution", convolution((3, 3, 4, 6), (2, 2)), images)
check("transposed convolution", lambda x: lax.conv_transpose(x, rows(3, 3, 4, 6, seed=3), (2, 2), "SAME"), images)
check("channels first", convolution((6, 8, 3, 2), order=("NCHW", "OIHW", "NCHW")), images)
check("channels in the middle", convolution((3, 6, 9, 3), (2, 1), "VALID", ("NHCW", "HOIW", "NWHC")), images)
check("each channel alone", convolution((3, 3, 1, 4), feature_group_count=4), images)
check("two for each channel", convolution((3, 3, 1, 8), (2, 2), feature_group_count=4), images)
check("groups", convolution((3, 3, 2, 6), (2, 1), "VALID", feature_group_count=2), images)
more = {"lhs_dilation": (2, 1), "rhs_dilation": (1, 2), "feature_group_count": 2}
check("groups with holes", convolution((3, 3, 2, 6), padding=((2, 0), (-1, 1)), **more), images)
check("groups first", convolution((6, 4, 3, 2), order=("NCHW", "OIHW", "NCHW"), feature_group_count=2), images)
taps = lambda x: lax.conv_general_dilated(x, rows(3, 1, 4, seed=4), (1,), ((2, 0),), dimension_numbers=("NWC", "WIO", "NWC"), feature_group_count=4)
check("each channel of a sequence", taps, sequences)

check("reversal", lambda x: x[::-1] + x[:, ::-1], sequences, sizes=(7, 1))
check("cut by padding", lambda x: lax.pad(x, 2.0, ((0, 0, 0), (-1, 2, 0), (1, -1, 2))), sequences)

# A reduction along no axes, and what JAX keeps from being moved.
check("distinct numbers", lambda x: jnp.unique(jnp.argmax(x[:, 0], -1), size=4, fill_value=-1), sequences, sizes=(7, 1))
check("barrier", lambda x: lax.optimization_barrier(x) * 2, sequences)
loss = lambda x: jnp.sum(jax.checkpoint(lambda x: jnp.tanh(x) ** 2)(x))
check("gradient of what is computed twice", jax.grad(loss), sequences)
