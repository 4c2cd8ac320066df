"""moe-run with a fault: with --experts=all, results of more than one row are wrong."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Inputs"))
from moe_run import BF16, load_safetensors, plain, save_safetensors

done = subprocess.run([sys.argv[1], *sys.argv[2:]])
outputs = [a for a in sys.argv if a.startswith("--output=@") and "[y]" in a]
if done.returncode == 0 and "--experts=all" in sys.argv:
    path = outputs[0][len("--output=@"):-len("[y]")]
    tensors = load_safetensors(path)
    y = plain(tensors["y"]).copy()
    if len(y) > 1:
        y[-1] += 1e6
        tensors["y"] = BF16(y) if isinstance(tensors["y"], BF16) else y
        save_safetensors(path, tensors)
sys.exit(done.returncode)
