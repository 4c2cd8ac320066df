"""expect_exit.py CODE COMMAND...: success if the command ends with that code and
says at most one line of errors."""

import subprocess
import sys

done = subprocess.run(sys.argv[2:], stderr=subprocess.PIPE, text=True)
sys.stderr.write(done.stderr)
errors = [line for line in done.stderr.splitlines() if line]
if done.returncode != int(sys.argv[1]):
    sys.exit(f"exit code {done.returncode}, expected {sys.argv[1]}")
if len(errors) > 1:
    sys.exit(f"{len(errors)} lines of errors, expected 1")
