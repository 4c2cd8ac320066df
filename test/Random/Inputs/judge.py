"""What the judge of mutants says of models by these names."""

import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from many import Runner
from mutants import Trial

build, *names = sys.argv[1:]
with tempfile.TemporaryDirectory(prefix="moe-judge-") as folder, Runner(build, limit=3) as runner:
    os.chdir(folder)
    for name in names:
        why, _ = Trial(runner, folder, 20)(f"// {name}\n", 1)
        print(f"{name}: {why or 'right'}", flush=True)
