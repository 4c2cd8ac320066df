"""Random gates with constant biases: no expert that moe-prune-experts removes is
ever chosen by the meaning of moe.gate in docs/Dialect.md, for scores that are
small, equal, NaN or infinite.

    unreachable_experts.py BUILD
"""

import os
import re
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "Random"))
from meaning import dialect

COUNT, TOKENS = 300, 2000
rng = np.random.default_rng(int(os.environ.get("MOE_SEED", "1")))


def pick(choices):
    return choices[rng.integers(len(choices))]


def number(value):
    return {np.inf: "0x7F800000", -np.inf: "0xFF800000"}.get(value, f"{value:.6e}")


def random_gate():
    groups, size = int(pick([1, 1, 2, 3])), int(rng.integers(2, 5))
    experts = groups * size
    function = pick(["softmax", "sigmoid", "identity"])
    rule = {}
    if groups > 1:
        keep = int(rng.integers(1, groups + 1))
        rule["groups"] = (groups, keep, pick(["max", "top2_sum"]))
        rule["top_k"] = int(rng.integers(0, keep * size + 1))
    elif rng.random() < 0.4:
        rule["threshold"] = float(pick([-1.0, 0.0, 0.5, 1.0, 2.0]))
    else:
        rule["top_k"] = int(rng.integers(0, experts + 1))
    bias = None
    if rng.random() < 0.85:
        bias = rng.choice(np.array([-np.inf, -np.inf, -1.5, -0.5, 0, 0.5, 2, np.inf], np.float32), experts)
    # Columns of the scores that are constants; NaN for the others.
    fixed = np.where(rng.random(experts) < 0.4, rng.choice(np.array([-np.inf, -1, 0, 1], np.float32), experts),
                     np.float32(np.nan))
    return experts, function, rule, bias, fixed


def text(number_of, experts, function, rule, bias, fixed):
    words = ""
    if "groups" in rule:
        words += " groups({} keep {} by {})".format(*rule["groups"])
    words += f" top_k({rule['top_k']})" if "top_k" in rule else f" threshold({rule['threshold']:.6e})"
    free = str(np.isnan(fixed).tolist()).lower()
    values = ", ".join(number(0.0 if np.isnan(v) else float(v)) for v in fixed)
    lines = [f"func.func @g{number_of}(%x: tensor<?x1xf32>, %s: tensor<?x{experts}xf32>) -> tensor<?x1xf32> {{",
             f"  %free = arith.constant dense<{free}> : tensor<{experts}xi1>",
             f"  %fixed = arith.constant dense<[{values}]> : tensor<{experts}xf32>",
             "  %c = linalg.generic {indexing_maps = [#column, #column, #id, #id],"
             ' iterator_types = ["parallel", "parallel"]}'
             f" ins(%free, %fixed, %s : tensor<{experts}xi1>, tensor<{experts}xf32>, tensor<?x{experts}xf32>)"
             f" outs(%s : tensor<?x{experts}xf32>) {{",
             "  ^bb0(%a: i1, %b: f32, %d: f32, %o: f32):",
             "    %v = arith.select %a, %d, %b : f32",
             "    linalg.yield %v : f32",
             f"  }} -> tensor<?x{experts}xf32>"]
    types = f"tensor<?x{experts}xf32>"
    with_bias = ""
    if bias is not None:
        values = ", ".join(number(float(v)) for v in bias)
        lines.append(f"  %bias = arith.constant dense<[{values}]> : tensor<{experts}xf32>")
        types += f", tensor<{experts}xf32>"
        with_bias = " bias(%bias)"
    lines += [f"  %r = moe.gate %c {function}{with_bias}{words} : ({types}) -> !moe.routing<{experts}>",
              f"  %rows = moe.dispatch %x by %r : (tensor<?x1xf32>, !moe.routing<{experts}>) -> tensor<?x1xf32> {{",
              "  ^bb0(%e: index, %mine: tensor<?x1xf32>):",
              "    moe.yield %mine : tensor<?x1xf32>",
              f"  }} loc(\"g{number_of}\":1:1)",
              "  return %rows : tensor<?x1xf32>",
              "}"]
    return "\n".join(lines)


def find_removed(gates, option):
    """The experts that the pass removes, of each gate."""
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "gates.mlir")
        with open(path, "w") as f:
            f.write("#id = affine_map<(d0, d1) -> (d0, d1)>\n#column = affine_map<(d0, d1) -> (d1)>\n")
            f.write("\n".join(text(i, *gate) for i, gate in enumerate(gates)))
        done = subprocess.run([os.path.join(sys.argv[1], "bin", "moe-opt"), path, f"--moe-prune-experts{option}",
                               "-o", os.devnull], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    removed = [set() for _ in gates]
    for gate, expert in re.findall(r"g(\d+):1:1: remark: expert (\d+) is removed", done.stderr):
        removed[int(gate)].add(int(expert))
    return removed


def find_chosen(finite, experts, function, rule, bias, fixed):
    """The experts that some of many tokens go to."""
    scores = rng.choice(np.array([-2, -1, 0, 0.5, 1, 3], np.float32), (TOKENS, experts))
    special = rng.random((TOKENS, experts)) < 0.3 * (np.arange(TOKENS)[:, None] % 3)
    special_values = [-100, 100] if finite else [np.nan, np.inf, -np.inf, -100, 100]
    scores = np.where(special, rng.choice(np.array(special_values, np.float32), (TOKENS, experts)), scores)
    scores = np.where(np.isnan(fixed), scores, fixed)
    with np.errstate(all="ignore"):
        return set(np.unique(dialect.gate(scores, function, bias, **rule).expert).tolist())


for option in ("", "=assume-finite"):
    gates = [random_gate() for _ in range(COUNT)]
    removed = find_removed(gates, option)
    wrong = missed = 0
    for i, (gate, gone) in enumerate(zip(gates, removed)):
        chosen = find_chosen(bool(option), *gate)
        wrong += len(gone & chosen)
        missed += len(set(range(gate[0])) - gone - chosen)
        if gone & chosen:
            print("wrong", i, gate, gone & chosen, file=sys.stderr)
    count = sum(map(len, removed))
    print(f"{COUNT} gates{option}")
    print(f"expert numbers removed that a token went to: {wrong}")
    print(f"removed: {count}, left without a token in {TOKENS}: {missed}")
    # A pass that removes none would be right as well.
    if count < COUNT // 2:
        sys.exit("too few were removed")
