# RUN: %python %s %moe_build
# UNSUPPORTED: sanitized
"""What a build reads outside of the checkout comes with what tools/setup installs.

    packages.py BUILD

A machine on which much is installed builds what a new one cannot. So each file that
a build has read (CMake's modules, headers, libraries, programs) has to belong to a
package of the list in tools/setup, to one that these depend on, or to one that
every Debian has.
"""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DPKG = "/var/lib/dpkg"


def setup_packages():
    with open(os.path.join(ROOT, "tools", "setup")) as f:
        lists = re.findall(r"^(?:packages|developer)=\((.*?)\)", f.read(), re.M | re.S)
    return re.sub(r"#.*", "", "\n".join(lists)).split()


def installed():
    """Each installed package with what it depends on, and who provides a name."""
    depends, providers, base = {}, {}, set()
    with open(os.path.join(DPKG, "status")) as f:
        stanzas = f.read().split("\n\n")
    for stanza in stanzas:
        fields = dict(re.findall(r"^(\S+): (.*)$", stanza, re.M))
        if not fields.get("Status", "").endswith(" installed"):
            continue
        package = fields["Package"]
        needs = ", ".join(fields.get(key, "") for key in ("Depends", "Pre-Depends"))
        depends.setdefault(package, set()).update(re.findall(r"(?:^|[,|])\s*([a-z0-9][a-z0-9+.-]*)", needs))
        for name in [package, *re.findall(r"[a-z0-9][a-z0-9+.-]*(?=\s*(?:\(|,|$))", fields.get("Provides", ""))]:
            providers.setdefault(name, set()).add(package)
        if fields.get("Essential") == "yes" or fields.get("Priority") == "required":
            base.add(package)
    return depends, providers, base


def closure(names, depends, providers):
    seen, todo = set(), [p for name in names for p in providers.get(name, ())]
    while todo:
        package = todo.pop()
        if package not in seen:
            seen.add(package)
            todo += [p for name in depends[package] for p in providers.get(name, ())]
    return seen


def real(path):
    """With /lib as /usr/lib, but the name of a symbolic link."""
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))


def owners():
    found, folders = {}, {}
    for name in os.listdir(os.path.join(DPKG, "info")):
        if not name.endswith(".list"):
            continue
        package = name[: -len(".list")].partition(":")[0]
        with open(os.path.join(DPKG, "info", name)) as f:
            for path in f.read().split("\n"):
                folder, _, base = path.rpartition("/")
                if folder not in folders:
                    folders[folder] = os.path.realpath(folder)
                found.setdefault(os.path.join(folders[folder], base), set()).add(package)
    return found


def files_read(build):
    """Absolute paths outside of the checkout and of the build."""

    def ninja(*arguments):
        return subprocess.run(
            ["ninja", "-C", build, *arguments], check=True, capture_output=True, text=True
        ).stdout.splitlines()

    paths = set(ninja("-t", "inputs", "all")) | set(ninja("-t", "inputs", "build.ninja"))
    paths |= {line.strip() for line in ninja("-t", "deps") if line.startswith("    ")}
    for command in ninja("-t", "commands", "all"):
        paths |= set(re.findall(r"(?<![\w/.-])/[\w/.+-]+", command))
    with open(os.path.join(build, "CMakeCache.txt")) as f:
        source = re.search(r"^CMAKE_HOME_DIRECTORY:\w+=(.*)$", f.read(), re.M).group(1)
    inside = tuple(os.path.realpath(folder) + "/" for folder in (source, build))
    return {real(p) for p in paths if p.startswith("/") and os.path.isfile(p) and not real(p).startswith(inside)}


def problems_of(paths, owned, allowed):
    problems = []
    for path in sorted(paths):
        packages = owned.get(path, set())
        # A name that dpkg does not know may be an alternative: a link to one it does.
        packages = packages or owned.get(os.path.realpath(path), set())
        if not packages:
            problems.append(f"{path}: of no package")
        elif not packages & allowed:
            problems.append(f"{path}: of {', '.join(sorted(packages))}, which tools/setup does not bring")
    return problems


def main(build):
    if not os.path.exists(os.path.join(DPKG, "status")):
        print("no system of Debian's packages, nothing to check")
        return 0
    depends, providers, base = installed()
    allowed = base | closure(setup_packages(), depends, providers)
    owned, paths = owners(), files_read(os.path.abspath(build))
    assert len(paths) > 100, f"only {len(paths)} files read in {build}"
    foreign = [p for p in paths if len(problems_of({p}, owned, base)) == 1]
    assert len(foreign) > 100, "this test finds nothing if setup brings nothing"
    problems = problems_of(paths, owned, allowed)
    print("\n".join(problems[:20]) or f"{len(paths)} files, all of packages that tools/setup brings")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
