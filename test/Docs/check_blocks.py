# RUN: %python %s --self-test
# RUN: %python %s %moe_build
# What needs the frameworks of which models are exported is run by frameworks.test.
"""Runs the blocks of README.md and docs/ and compares what they print.

A page is a session in a folder that looks like the root of the project:

* ```sh is run by bash. What sets up, builds or tests is left out of a chain of
  `&&`, and its words are checked instead (see `left_out`);
* ```text right after it is what it prints; `...` stands for any text, and on
  a line of its own for any lines;
* a line that ends in a `name.ext`: before a block writes the block there, or, if
  the tree has that file, says what is in it;
* ```sh that calls `build/venv/bin/python` needs frameworks. It is left out, and
  alone is run with `--frameworks`, by the interpreter that is given there;
* ```python without a name is, with the others of the page, one program;
* ```mlir without one parses, also as a part of a function, with the values that
  it takes from outside.

Links to files in the tree lead somewhere.
"""

import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), os.pardir, "House", "Inputs"))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
import house
import mlir_blocks

FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```[ ]*$", re.M | re.S)
VENV = "build/venv/bin/python"
NAMED = re.compile(r"`([\w./-]+\.\w+)`:\s*\Z")


def blocks_of(text):
    """(line, language, body, name of the file it is, whether it follows at once)"""
    end, blocks = 0, []
    for match in FENCE.finditer(text):
        between = text[end : match.start()]
        body = re.sub(f"^{match[1]}", "", match[3], flags=re.M)
        named = NAMED.search(between)
        line = text.count("\n", 0, match.start()) + 1
        blocks.append((line, match[2], body, named and named[1], bool(end) and not between.strip()))
        end = match.end()
    return blocks


def matches(expected, printed):
    """Whether a text is the expected one, `...` being anything."""
    lines = [line.rstrip() for line in expected.strip("\n").splitlines()]
    got = "\n".join(line.rstrip() for line in printed.strip("\n").splitlines()) + "\n"
    pattern = ""
    for line in lines:
        if line == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += r"[^\n]*?".join(re.escape(part) for part in line.split("...")) + r"\n"
    return re.fullmatch(pattern, got) is not None


def left_out(command, build):
    """None if a command is to be run, else what is wrong with it, if anything."""
    words = command.split()
    if words[0] == "cmake":
        with open(os.path.join(build, "CMakeCache.txt")) as cache:
            known = set(re.findall(r"^(\w+):", cache.read(), re.M))
        unknown = [v for v in re.findall(r"-D(\w+)", command) if v not in known]
        return [f"no such variable: {v}" for v in unknown]
    if words[0] == "ninja":
        targets = words[words.index("-C") + 2 :] if "-C" in words else words[1:]
        listed = subprocess.run(["ninja", "-C", build, "-t", "targets", "all"], capture_output=True, text=True)
        known = set(re.findall(r"^([^:]+):", listed.stdout, re.M))
        return [f"no such target: {t}" for t in targets if t not in known]
    if words[0] in ("tools/setup", "tools/moe-export/setup-venv", "test/run", ".ci/run"):
        return [] if os.access(os.path.join(house.ROOT, words[0]), os.X_OK) else [f"not there: {words[0]}"]
    if words[0] in ("docker", "git", "sudo"):
        return []
    return None


class Session:
    """What the blocks of one page are run in."""

    def __init__(self, build, folder, frameworks=None):
        self.build, self.folder, self.frameworks, self.calls = build, folder, frameworks, 0
        for name in os.listdir(house.ROOT):
            if not name.startswith("build"):
                os.symlink(os.path.join(house.ROOT, name), os.path.join(folder, name))
        os.symlink(build, os.path.join(folder, "build"))
        os.mkdir(os.path.join(folder, ".bin"))
        os.symlink(sys.executable, os.path.join(folder, ".bin", "python3"))
        path = os.path.join(folder, ".bin") + os.pathsep + os.environ.get("PATH", "")
        self.environment = {**os.environ, "PATH": path, "PYTHONDONTWRITEBYTECODE": "1"}

    def run(self, arguments):
        """Problems, and what was printed."""
        done = subprocess.run(
            arguments, cwd=self.folder, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=500,
        )  # fmt: skip
        return ([f"exit {done.returncode}:\n{done.stdout}"] if done.returncode else []), done.stdout

    def shell(self, body):
        """Runs what a sh block has beside setting up, building and testing."""
        problems, rest = [], []
        for line in re.sub(r"\\\n\s*", " ", body).splitlines():
            commands = []
            for command in re.split(r"\s+&&\s+", line.partition(" #")[0].strip()):
                wrong = left_out(command, self.build) if command else []
                if wrong is None:
                    commands.append(command)
                problems += wrong or []
            rest.append(" && ".join(commands))
        script = "\n".join(line for line in rest if line)
        if not script:
            return problems, None
        more, printed = self.run(["bash", "-e", "-o", "pipefail", "-c", script])
        return problems + more, printed

    def check(self, page, text):
        printed, program = None, ""
        for line, language, body, name, follows in blocks_of(text):
            place = f"{page}:{line}"
            problems = []
            if language == "text" and follows and printed is not None and not name:
                if not matches(body, printed):
                    problems = [f"expected\n{body}but it prints\n{printed}"]
            elif name:
                target = os.path.join(self.folder, name)
                if os.path.exists(os.path.join(house.ROOT, name)):
                    if house.read(name) != body:
                        yield f"{place}: not what is in {name}"
                    continue
                os.makedirs(os.path.dirname(target), exist_ok=True)
                with open(target, "w") as f:
                    f.write(body)
            elif language == "sh":
                printed = None
                if (VENV in body) == bool(self.frameworks):
                    self.calls += VENV in body
                    problems, printed = self.shell(body.replace(VENV, self.frameworks or VENV))
            elif self.frameworks:
                pass
            elif language == "python":
                program += body
            elif language == "mlir":
                problems = mlir_blocks.problems_of(os.path.join(self.build, "bin", "moe-opt"), body)
            if language != "sh":
                printed = None
            yield from (f"{place}: {problem}" for problem in problems)
        if program:
            problems, _ = self.run([sys.executable, "-c", program])
            yield from (f"{page}: its Python: {problem}" for problem in problems)


def links(page, text):
    """Links of a page that lead nowhere."""
    prose = FENCE.sub("", text)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", prose):
        path = os.path.normpath(os.path.join(house.ROOT, os.path.dirname(page), target))
        if not re.match(r"\w+:", target) and not os.path.exists(path):
            yield f"{page}: link to nowhere: {target}"


def first_blocks(text):
    """The first two sh blocks of README.md are the two commands."""
    first = [body for _, language, body, _, _ in blocks_of(text) if language == "sh"][:2]
    if len(first) < 2 or any(body.count("\n") != 1 for body in first):
        yield "README.md: its first two sh blocks are not two lines"
    elif not first[1].strip().endswith("test/run build"):
        yield "README.md: its second sh block does not run the tests"


def self_test():
    assert matches("a ... c\n...\nz\n", "a b c\n1\n2\nz\n") and matches("...\nz", "z\n")
    assert not matches("a\n", "a\nb\n") and not matches("a.c", "abc")
    page = "x `f.txt`:\n```text\nhi\n```\n```sh\ncat f.txt\nfalse && true || echo $((1 + 1))\n```\n\n```text\nhi\n2\n```\n"
    build = tempfile.mkdtemp()
    open(os.path.join(build, "CMakeCache.txt"), "w").close()
    for broken, text in enumerate([page, page.replace("\n2\n", "\n3\n"), "```sh\nfalse\n```\n", "```sh\ncmake -DNO=1\n```\n"]):
        with tempfile.TemporaryDirectory() as folder:
            found = list(Session(build, folder).check("page", text))
        assert len(found) == bool(broken), (text, found)
    assert list(links("docs/a.md", "[x](nowhere.md)")) and not list(links("docs/a.md", "[x](../LICENSE#y)"))


def main(build, pages):
    problems = []
    for page in pages or house.files(r"^(README\.md|docs/.*\.md)$"):
        text = house.read(page)
        problems += links(page, text)
        if page == "README.md":
            problems += first_blocks(text)
        with tempfile.TemporaryDirectory() as folder:
            problems += Session(os.path.abspath(build), folder).check(page, text)
    house.finish(problems)


def with_frameworks(build, python):
    """Runs the blocks of README.md that need frameworks; there is one."""
    with tempfile.TemporaryDirectory() as folder:
        session = Session(os.path.abspath(build), folder, python)
        session.environment["PYTHONPATH"] = os.path.join(house.ROOT, "tools", "moe-export")
        problems = list(session.check("README.md", house.read("README.md")))
    house.finish(problems if session.calls else [*problems, "README.md: no block calls " + VENV])


if sys.argv[1:] == ["--self-test"]:
    self_test()
elif sys.argv[1:2] == ["--frameworks"]:
    with_frameworks(*sys.argv[2:])
else:
    main(sys.argv[1], sys.argv[2:])
