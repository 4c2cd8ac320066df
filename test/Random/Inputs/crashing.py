"""MoERunMany that is killed, prints what it must not, never answers, or answers with
several lines: as the name of the function says."""

import json
import os
import signal
import sys
import time

for request in sys.stdin:
    arguments = json.loads(request)["arguments"]
    code, message = 0, ""
    if "--describe" in arguments:
        sys.stderr.write("function main\n")
    elif "--experts=active" in arguments:
        with open("model.mlir") as f:
            text = f.read()
        if "killed" in text:
            os.kill(os.getpid(), signal.SIGSEGV)
        elif "endless" in text:
            time.sleep(1000)
        elif "inside" in text:
            code, message = 1, "an unrealized conversion"
        elif "lines" in text:
            code, message = 1, "one\ntwo"
        elif "refused" in text:
            code, message = 1, "model.mlir:1:1: only so"
    elif "--experts=all" in arguments:
        pass
    sys.stderr.flush()
    print(json.dumps({"code": code, "message": message}), flush=True)
