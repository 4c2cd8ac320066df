"""Work that may end its process, in a process of its own: converters of frameworks are native code.

A module with a function `main(payload)`, bytes to bytes, runs there; it raises ExportError as usual.
"""

import importlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile

from .errors import ExportError, first_line


class Ended(ExportError):
    """The process ended before its work did."""


def call(module, payload, **settings):
    """`main(payload)` of a module of this package, in another process. `settings` are environment variables."""
    with tempfile.TemporaryDirectory() as scratch:
        given, made = os.path.join(scratch, "given"), os.path.join(scratch, "made")
        with open(given, "wb") as file:
            file.write(payload)
        # The modules of this process and no others: -P keeps the working directory out.
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
        environment |= settings
        command = [sys.executable, "-P", "-m", __name__, f"{__package__}.{module}", given, made]
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True)
        try:
            with open(made, "rb") as file:
                good, value = pickle.load(file)
        except (OSError, EOFError, pickle.UnpicklingError):
            status = done.returncode
            how = signal.Signals(-status).name if status < 0 else f"status {status}"
            raise Ended(f"the converter ended with {how}") from None
    if not good:
        raise ExportError(value)
    return value


def _serve(module, given, made):
    with open(given, "rb") as file:
        payload = file.read()
    try:
        answer = True, importlib.import_module(module).main(payload)
    except ExportError as problem:
        answer = False, str(problem)
    except Exception as problem:
        answer = False, first_line(problem)
    with open(made, "wb") as file:
        pickle.dump(answer, file)


if __name__ == "__main__":
    # The package has its own copy of this module, and of ExportError.
    importlib.import_module(f"{sys.argv[1].rpartition('.')[0]}.child")._serve(*sys.argv[1:])
