"""A layer of SwiGLU experts in bf16 whose rows are gathered: all rows against NumPy
where that is little work, a sample where it is not, then its times.

    gpu_rows.py BUILD [--device=cuda] --shape=E,k,H,I --tokens=N,... [--keep=DIR]

Prints the worst rows, since the pattern of what is wrong says where a fault is. --keep
leaves model and weights in a folder, for a profiler.
"""

import argparse
import os
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from gpu_layer import Layer, moe_run

CLOSE = 0.03  # of a row's largest value
MUCH = 1 << 28  # multiplications of one contraction beyond which a sample will do


def check(layer, count):
    """Seconds with all copies, and whether the rows are right."""
    times, _ = layer.copied(count, 5)
    got = moe_run.load_safetensors(layer.path("y.safetensors"))["y"].values
    rows = list(range(count)) if count * layer.hidden * layer.inner < MUCH else layer.sample(count)
    away = layer.each_away(got, rows)
    worst = np.argsort(-away)[:6]
    bad = int((~(away <= CLOSE)).sum())
    print(f"{count} tokens: bad {bad} of {len(rows)}, worst rows {[(rows[i], float(f'{away[i]:.2g}')) for i in worst]}", flush=True)
    return times["copied"], bad == 0


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    numbers = lambda text: tuple(map(int, text.split(",")))
    parser.add_argument("build")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--shape", type=numbers, required=True)
    parser.add_argument("--tokens", type=numbers, required=True)
    parser.add_argument("--keep")
    options = parser.parse_args()
    scratch = options.keep or tempfile.mkdtemp(prefix="moe-gpu-rows-")
    os.makedirs(scratch, exist_ok=True)
    layer = Layer(options.build, scratch, options.device, options.shape, max(options.tokens))
    right = True
    for count in options.tokens:
        copied, fine = check(layer, count)
        right &= fine
        times, _ = layer.resident(count, 20)
        best = times["queued"] or times["resident"]
        figures = ", ".join(f"{name} {time * 1e6:.0f} us" for name, time in {"copied": copied, **times}.items() if time)
        print(f"{count} tokens: {figures}: {layer.flops(count) / best * 1e-12:.4g} TFLOP/s, {layer.weight_bytes(count) / best * 1e-12:.3g} TB/s", flush=True)
    print(f"rows are {'right' if right else 'WRONG'}")
    return not right


if __name__ == "__main__":
    sys.exit(main())
