"""Runs many models in few processes, through MoERunMany, and says of each how it
ended: also by a signal or not at all.
"""

import json
import os
import re
import resource
import select
import signal
import subprocess
import tempfile

# What a process may take: compiled code, stacks of threads and one small model.
ADDRESS_SPACE = 12 << 30
# After so many models a process is replaced, and after so many that were refused: the
# parser of a refused model never ends.
MODELS, REFUSED = 400, 25

def opt_level(seed):
    """The flag with which the model of a seed runs: one in eight as users run theirs, the
    others in a third of the time, most of which would be LLVM's."""
    return f"--opt-level={0 if seed % 8 else 3}"


# Words of the inside, and of upstream, that no message to a user holds.
INTERNAL = re.compile(
    r"left after phase|failed to legali[sz]e|unreali[sz]ed|Assertion|LLVM ERROR|UNREACHABLE|<unknown>|unknown loc|"
    r"PLEASE submit|Stack dump|a bug of MoE|-->|\bmoe-[a-z]+-[a-z-]+\b(?! takes)|pass manager|"
    r"\bpass(es)? failed|AddressSanitizer|runtime error:|terminate called")
# What a line that is printed beside the error may be.
REMARK = re.compile(r"^(moe-run: (warning|note|error): .*|\S.*: (remark|warning|note): .*|)$")
DESCRIBED = re.compile(r"^(function |  input |  result |state |parameters? |lacks: |  )")


class Outcome:
    """How one run ended. `code` is an exit code, or "signal N" or "hang"; `seconds` is
    the time of the processor that it took."""

    def __init__(self, code, message, printed, seconds):
        self.code, self.message, self.printed, self.seconds = code, message, printed, seconds

    def fault(self, model=""):
        """What no run may do, or nothing. The model's own words may be said."""
        if self.code not in (0, 1, 2, 3, 4):
            return f"ends with {self.code}: {self.message or self.printed.strip()[-600:]}"
        said = f"{self.message}\n{self.printed}"
        if "\n" in self.message or self.code and not self.message:
            return f"ends with {self.code}, and the error is not one line: {self.message!r}"
        found = next((found for found in INTERNAL.finditer(said) if found.group() not in model), None)
        if found:
            return f"speaks of its inside ({found.group()}): {said.strip()[:600]}"
        for line in self.printed.splitlines():
            if not REMARK.match(line) and not DESCRIBED.match(line):
                return f"prints what is no remark: {line[:300]}"
        return ""


class Runner:
    """A process that runs one model after the other. With `threads` of its own."""

    def __init__(self, build, threads=1, limit=30):
        self.program = os.path.join(build, "bin", "MoERunMany")
        self.environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "passive", "LLVM_DISABLE_SYMBOLIZATION": "1"}
        self.limit, self.process, self.done, self.refused = limit, None, 0, 0
        self.log = tempfile.TemporaryFile(prefix="moe-many-")

    def start(self):
        def prepare():
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))

        self.process = subprocess.Popen([self.program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
                                        env=self.environment, preexec_fn=prepare)
        self.done = self.refused = 0

    def stop(self):
        """Ends the process; its exit code."""
        if self.process is None:
            return None
        self.process.stdin.close()
        code = self.process.wait()
        self.process.stdout.close()
        self.process = None
        return code

    def seconds(self):
        """Of the processor, that the process has taken."""
        with open(f"/proc/{self.process.pid}/stat") as f:
            user, system = f.read().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def end(self):
        """Waits for a process that ends; its exit code, and the time that it took."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        code = self.stop()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return code, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def printed_since(self, begin):
        end = self.log.seek(0, os.SEEK_END)
        self.log.seek(begin)
        return self.log.read(end - begin).decode(errors="replace")

    def ask(self, request):
        """The answer to a request, or None if the process ended without one, and how it ended."""
        if self.process is None or self.done >= MODELS or self.refused >= REFUSED:
            self.stop()
            self.start()
        self.done += 1
        begin, started = self.log.seek(0, os.SEEK_END), self.seconds()
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
            ready, _, _ = select.select([self.process.stdout], [], [], self.limit)
            answer = self.process.stdout.readline() if ready else None
        except BrokenPipeError:
            answer = b""
        printed = self.printed_since(begin)
        if answer:
            said = json.loads(answer)
            self.refused += said["code"] != 0
            return said, Outcome(said["code"], said.get("message", ""), printed, self.seconds() - started)
        if answer is None:
            self.process.kill()
            _, took = self.end()
            return None, Outcome("hang", f"no end within {self.limit} s", printed, took - started)
        code, took = self.end()
        if code < 0:
            return None, Outcome(f"signal {signal.Signals(-code).name}", "", printed, took - started)
        # It ended itself, as moe-run does at a limit.
        return None, Outcome(code, printed.strip().splitlines()[-1] if printed.strip() else "", printed, took - started)

    def run(self, folder, arguments):
        """How moe-run ends in a folder with these arguments."""
        return self.ask({"folder": folder, "arguments": arguments})[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.log.close()
