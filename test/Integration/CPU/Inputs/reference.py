"""The example models in float64, as plain loops over experts and tokens, and random
weights for them. Each takes x and weights by name; those that choose experts also
say which tokens are clear of the point where the choice changes.
"""

import math

import numpy as np


def silu(x):
    return x / (1 + np.exp(-x))


def softmax(x):
    p = np.exp(x - x.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def wide(weights):
    return {name: w.astype(np.float64) for name, w in weights.items()}


def normal(rng, *shape, fan=1):
    return rng.normal(0, fan**-0.5, shape).astype(np.float32)


def top2(p):
    chosen = np.argsort(-p, axis=-1, kind="stable")[:, :2]
    picked = np.take_along_axis(p, chosen, 1)
    third = -np.sort(-p, axis=-1)[:, 2:3]
    return chosen, picked / picked.sum(1, keepdims=True), (picked > third * 1.001).all(1)


def linear(x, w, name):
    return x @ w[name + ".weight"].T + w[name + ".bias"]


def two_experts_weights(rng, width):
    return {"gate.kernel": normal(rng, width, 1), "gate.bias": normal(rng, 1),
            "expert_a.weight": normal(rng, width), "expert_b.weight": normal(rng, width)}


def two_experts(x, w):
    w, x = wide(w), x.astype(np.float64)
    logit = (x @ w["gate.kernel"] + w["gate.bias"])[:, 0]
    a = logit <= 0
    return [x[a] + w["expert_a.weight"], x[~a] * w["expert_b.weight"], a, ~a], np.abs(logit) > 1e-3


def mlp_top2_weights(rng, hidden, inter, experts=8):
    w = {"router.weight": normal(rng, experts, hidden)}
    for e in range(experts):
        w[f"experts.{e}.gate_proj.weight"] = normal(rng, inter, hidden, fan=hidden)
        w[f"experts.{e}.up_proj.weight"] = normal(rng, inter, hidden, fan=hidden)
        w[f"experts.{e}.down_proj.weight"] = normal(rng, hidden, inter, fan=inter)
    return w


def mlp_top2(x, w):
    w, x = wide(w), x.astype(np.float64)
    chosen, picked, clear = top2(softmax(x @ w["router.weight"].T))
    y = np.zeros_like(x)
    for t in range(len(x)):
        for e, weight in zip(chosen[t], picked[t]):
            g = silu(w[f"experts.{e}.gate_proj.weight"] @ x[t]) * (w[f"experts.{e}.up_proj.weight"] @ x[t])
            y[t] += weight * (w[f"experts.{e}.down_proj.weight"] @ g)
    return [y], clear


def unlike_experts_weights(rng, hidden, narrow, broad):
    return {"router.weight": normal(rng, 5, hidden, fan=hidden / 4), "router.bias": np.full(5, -1, np.float32),
            "experts.1.value": normal(rng, hidden),
            "experts.2.fc1.weight": normal(rng, narrow, hidden, fan=hidden), "experts.2.fc1.bias": normal(rng, narrow, fan=100),
            "experts.2.fc2.weight": normal(rng, hidden, narrow, fan=narrow), "experts.2.fc2.bias": normal(rng, hidden, fan=100),
            "experts.3.fc1.weight": normal(rng, broad, hidden, fan=hidden), "experts.3.fc1.bias": normal(rng, broad, fan=100),
            "experts.3.fc2.weight": normal(rng, hidden, broad, fan=broad), "experts.3.fc2.bias": normal(rng, hidden, fan=100),
            "experts.4.mix": normal(rng, hidden, hidden, fan=hidden), "experts.4.steps": np.array([4], np.int64)}


def unlike_experts(x, w):
    steps = int(w["experts.4.steps"][0])
    w, x = wide(w), x.astype(np.float64)
    logit = x @ w["router.weight"].T + w["router.bias"]
    mask, score = logit > 0, 1 / (1 + np.exp(-logit))
    erf = np.vectorize(math.erf, otypes=[float])
    gelu = lambda v: v * 0.5 * (1 + erf(v / 2**0.5))
    loop = x
    for _ in range(steps):
        loop = np.tanh(loop @ w["experts.4.mix"].T)
    outputs = [x, np.broadcast_to(w["experts.1.value"], x.shape),
               linear(np.maximum(linear(x, w, "experts.2.fc1"), 0), w, "experts.2.fc2"),
               linear(gelu(linear(x, w, "experts.3.fc1")), w, "experts.3.fc2"), loop]
    y = sum((mask * score)[:, e, None] * out for e, out in enumerate(outputs))
    return [y], np.all(np.abs(logit) > 1e-3, axis=1)


def adaptive_depth_weights(rng, hidden, inter):
    return {"halt.weight": normal(rng, hidden, fan=3), "halt.bias": np.array([-0.8], np.float32),
            "block.fc1.weight": normal(rng, inter, hidden, fan=hidden), "block.fc1.bias": normal(rng, inter, fan=100),
            "block.fc2.weight": normal(rng, hidden, inter, fan=4 * inter), "block.fc2.bias": normal(rng, hidden, fan=100)}


def adaptive_depth(x, w, limit=8):
    w, h = wide(w), x.astype(np.float64)
    steps, active, clear = np.zeros(len(x), np.int64), np.ones(len(x), bool), np.ones(len(x), bool)
    for _ in range(limit):
        logit = h @ w["halt.weight"] + w["halt.bias"][0]
        clear &= ~active | (np.abs(logit) > 1e-3)
        active &= logit <= 0
        h[active] += linear(np.maximum(linear(h[active], w, "block.fc1"), 0), w, "block.fc2")
        steps[active] += 1
    return [h, steps], clear


def digits_weights(rng, pixels, hidden, inter, experts=6):
    def layer(name, out, fan):
        return {f"{name}.weight": normal(rng, out, fan, fan=fan), f"{name}.bias": normal(rng, out, fan=fan)}

    w = {**layer("embed", hidden, pixels), "router.weight": normal(rng, experts, hidden), **layer("head", 10, hidden)}
    for e in range(experts):
        w.update({**layer(f"experts.{e}.fc1", inter, hidden), **layer(f"experts.{e}.fc2", hidden, inter)})
    return w


def digits(x, w):
    w = wide(w)
    h = np.maximum(linear(x.astype(np.float64), w, "embed"), 0)
    chosen, picked, clear = top2(softmax(h @ w["router.weight"].T))
    y = h.copy()
    for t in range(len(x)):
        for e, weight in zip(chosen[t], picked[t]):
            y[t] += weight * linear(np.maximum(linear(h[t], w, f"experts.{e}.fc1"), 0), w, f"experts.{e}.fc2")
    logits = linear(y, w, "head")
    best = np.sort(logits, 1)
    return [logits.argmax(1), logits], clear & (best[:, -1] - best[:, -2] > 1e-3)
