"""Times layers of SwiGLU experts in bf16 on a GPU, next to what else is installed.

    gpu_experts.py BUILD [--device=cuda] [--tiny] [--shape=E,k,H,I]... [--tokens=N,...]
                   [--repetitions=N] [--out=FILE.json]

Prints tables as Markdown. Times of moe-run are medians of whole runs: `all copies`
with rows copied to the GPU and results back, `resident` with rows that lie there (see
gpu_layer.py), `graph` the same without the host, where moe-run can capture it, with the
time to start it and to wait, and in parentheses with many in a row; peers
are timed with rows that lie there, waiting for each call, and in parentheses with many
calls in a row. TFLOP/s and shares are of graphs in a row, or of `resident` where there are none.
Shares of the copy bandwidth are the bytes of weights of experts with rows, over the
time, over the bytes that a copy within the GPU's memory reads and writes in a second;
weights that stayed in the GPU's cache since the last run raise them. With --tiny all sizes are small,
for a try of this script.
"""

import argparse
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import gpu_copy
import gpu_layer
from gpu_layer import moe_run

SHAPES = [(8, 2, 4096, 14336), (64, 8, 2048, 1024), (128, 8, 2048, 768)]
TOKENS = [1, 16, 128, 1024, 4096]
TINY = [(8, 2, 64, 96), (16, 4, 64, 32)], [1, 5, 70]
CLOSE = 0.03  # of the largest value, for bf16 that is rounded three times


def measure(layer, count, repetitions):
    """The figures of moe-run for one batch, or why there are none."""
    row = {"tokens": count, "flops": layer.flops(count), "weight_bytes": layer.weight_bytes(count)}
    for name in ("copied", "resident"):
        try:
            times, away = getattr(layer, name)(count, repetitions)
        except moe_run.Failed as error:
            return row | {"why": str(error).splitlines()[0]}
        if not away <= CLOSE:
            return row | {"why": f"{name}: the result differs by {away:.3g} of the largest value"}
        row |= times | {f"{name}_away": away}
    return row | {"time": row["queued"] or row["resident"]}


def peers(options, shapes, tokens):
    """What gpu_peers.py says, or in words why it says nothing."""
    if options.device == "cuda-emulator" and not options.peers_on_cpu:
        return "not measured: they need a GPU"
    if importlib.util.find_spec("torch") is None:
        return "PyTorch, transformers and Triton: not installed (no torch)"
    command = [sys.executable, os.path.join(HERE, "gpu_peers.py"), json.dumps({"shapes": shapes, "tokens": tokens})]
    command += [f"--device={'cpu' if options.peers_on_cpu else options.device}", *(["--tiny"] if options.tiny else [])]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return f"they failed: {(done.stderr.strip() or str(done.returncode)).splitlines()[-1]}"
    return json.loads(done.stdout.splitlines()[-1])


#===------------------------------------------------------------------------===#
# Tables
#===------------------------------------------------------------------------===#

def table(head, rows):
    return "\n".join(["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]) + "\n"


def milliseconds(time):
    return f"{time * 1e3:.3f}"


def own_row(row, bandwidth):
    if "why" in row:
        return [str(row["tokens"]), row["why"], "", "", "", "", ""]
    share = f"{row['weight_bytes'] / row['time'] / bandwidth:.2f}" if bandwidth else "not measured"
    return [str(row["tokens"]), milliseconds(row["copied"]), milliseconds(row["resident"]),
            f"{milliseconds(row['graph'])} ({milliseconds(row['queued'])})" if row["graph"] else "-", f"{row['flops'] / row['time'] * 1e-12:.4g}", f"{row['weight_bytes'] / 2**20:.1f}", share]


def peer_tables(shape, figures):
    """A table of what ran, and a line for what did not."""
    if isinstance(figures, str):
        return f"Peers: {figures}\n"
    names = list(dict.fromkeys(name for row in figures.values() for name in row))
    cell = lambda figure: "-" if isinstance(figure, str) else f"{milliseconds(figure['call'])} ({milliseconds(figure['device'])})"
    rows = [[count, *(cell(row[name]) for name in names)] for count, row in figures.items()]
    reasons = dict.fromkeys(f"{name}, {count} tokens: {row[name]}" for count, row in figures.items() for name in names
                            if isinstance(row[name], str))
    return table(["tokens", *(f"{name}, ms" for name in names)], rows) + "".join(f"\n* {why}" for why in reasons) + "\n"


def report(result):
    square = result["peers"].get("square") if isinstance(result["peers"], dict) else None
    lines = [f"Device: {result['device']}.", f"Copy bandwidth: {result['copy']}." if isinstance(result["copy"], str)
             else f"Copy bandwidth: {result['copy'] * 1e-12:.3f} TB/s."]
    if isinstance(square, dict):
        lines.append(f"Dense bf16 product by torch.matmul: {square['flops'] / square['device'] * 1e-12:.4g} TFLOP/s.")
    elif isinstance(result["peers"], str):
        lines.append(f"Peers: {result['peers']}.")
    else:
        lines.append(f"Dense bf16 product by torch.matmul: {square}.")
    print("\n".join(lines) + "\n")
    bandwidth = None if isinstance(result["copy"], str) else result["copy"]
    for number, (shape, rows) in enumerate(zip(result["shapes"], result["layers"])):
        print("## {} experts, top {}, hidden {}, inner {}\n".format(*shape))
        print(table(["tokens", "all copies, ms", "resident, ms", "graph, ms", "TFLOP/s", "weights of active experts, MiB", "share of copy bandwidth"],
                    [own_row(row, bandwidth) for row in rows]))
        if isinstance(result["peers"], dict):
            print(peer_tables(shape, result["peers"]["layers"][number]))


def parse():
    parser = argparse.ArgumentParser(usage=__doc__)
    numbers = lambda text: tuple(map(int, text.split(",")))
    parser.add_argument("build")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--shape", type=numbers, action="append", default=[])
    parser.add_argument("--tokens", type=numbers, default=())
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--out")
    # Tries the peers where there is no GPU; the times mean nothing.
    parser.add_argument("--peers-on-cpu", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if any(len(shape) != 4 for shape in options.shape):
        parser.error("--shape: expected experts,k,hidden,inner")
    return options


def main():
    options = parse()
    shapes, tokens = TINY if options.tiny else (SHAPES, TOKENS)
    shapes, tokens = options.shape or shapes, list(options.tokens or tokens)
    ordinal = re.fullmatch(r"cuda(?::(\d+))?", options.device)
    listed = moe_run.execute([os.path.join(options.build, "bin", "moe-run"), "--list-devices"])
    wanted = "cuda:" + (ordinal[1] or "0") if ordinal else options.device
    device = next((line for line in listed.splitlines() if line.startswith(wanted + ": ")), None)
    if device is None:
        sys.exit(f"gpu_experts.py: error: there is no {wanted}: {listed.strip().splitlines()[1]}")
    try:
        copy = gpu_copy.copy_bandwidth(int(ordinal[1] or 0)) if ordinal else "not measured on an emulator"
    except gpu_copy.Unavailable as error:
        copy = f"not measured ({error})"
    result = {"device": device, "copy": copy, "shapes": shapes, "layers": []}
    for shape in shapes:
        scratch = tempfile.mkdtemp(prefix="moe-gpu-benchmark-")
        try:
            layer = gpu_layer.Layer(options.build, scratch, options.device, shape, max(tokens))
            result["layers"].append([measure(layer, count, 1 if options.tiny else options.repetitions) for count in tokens])
        finally:
            shutil.rmtree(scratch)
    result["peers"] = peers(options, shapes, tokens)
    if options.out:
        with open(options.out, "w") as f:
            json.dump(result, f, indent=1)
    report(result)
    failed = [row["why"] for rows in result["layers"] for row in rows if "why" in row]
    print(f"{sum(map(len, result['layers'])) - len(failed)} measured, {len(failed)} failed")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
