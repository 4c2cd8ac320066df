"""on_terminal.py COMMAND...: runs it with a terminal as standard error, and
prints what it wrote there."""

import os
import pty
import subprocess
import sys

ours, theirs = pty.openpty()
child = subprocess.Popen(sys.argv[1:], stderr=theirs)
os.close(theirs)
text = b""
while True:
    try:
        part = os.read(ours, 4096)
    except OSError:
        break
    if not part:
        break
    text += part
child.wait()
print(text.decode().replace("\r", "\n"))
