"""MoERunMany with a fault: with --experts=all, results of more than one row are wrong."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Inputs"))
from moe_run import BF16, load_safetensors, plain, save_safetensors


def spoil(path):
    tensors = load_safetensors(path)
    y = plain(tensors["y"]).copy()
    if len(y) > 1:
        y[-1] += 1e4
        tensors["y"] = BF16(y) if isinstance(tensors["y"], BF16) else y
        save_safetensors(path, tensors)


with subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
    for request in sys.stdin.buffer:
        process.stdin.write(request)
        process.stdin.flush()
        answer = process.stdout.readline()
        asked = json.loads(request)
        outputs = [a for a in asked["arguments"] if a.startswith("--output=@") and "[y]" in a]
        if outputs and json.loads(answer)["code"] == 0 and "--experts=all" in asked["arguments"]:
            spoil(os.path.join(asked["folder"], outputs[0][len("--output=@"):-len("[y]")]))
        sys.stdout.buffer.write(answer)
        sys.stdout.buffer.flush()
    process.stdin.close()
