"""Assembles the kernels of a model as ptxas takes them from moe-translate, and
holds what it reports to limits:

    assemble.py BUILD MODEL CHIP [--tensor-cores=HGMMA|HMMA]

No kernel spills; those of structured operations take at most 64 registers, those
of families 168, which two warpgroups of consumers and one of producers may have.
"""

import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

REGISTERS = {"family": 168, "element": 64}
SHARED = 227 * 1024
# Bits 0 to 11 of the first of the two words of an instruction.
OPCODES = {"HGMMA": 0x9F0, "HMMA": 0x23C}

build, model, chip = sys.argv[1:4]
wanted = sys.argv[4].split("=")[1] if len(sys.argv) > 4 else ""


def tool(name):
    return os.path.join(build, "bin", name)


def run(command, **kwargs):
    return subprocess.run(command, check=True, capture_output=True, **kwargs).stdout


def count(cubin, opcode):
    """Instructions of that kind in the code sections of a 64-bit ELF file."""
    offset, size, number = struct.unpack_from("<Q", cubin, 40)[0], 64, struct.unpack_from("<H", cubin, 60)[0]
    names = struct.unpack_from("<H", cubin, 62)[0]
    at = lambda i: struct.unpack_from("<IIQQQQ", cubin, offset + i * size)
    strings = at(names)[4]
    found = 0
    for i in range(number):
        name, _, _, _, begin, length = at(i)
        text = cubin[strings + name:cubin.index(b"\0", strings + name)]
        if text.startswith(b".text."):
            words = struct.unpack_from(f"<{length // 8}Q", cubin, begin)
            found += sum((word & 0xFFF) == opcode for word in words[::2])
    return found


ptxas = shutil.which("ptxas") or "/usr/local/cuda/bin/ptxas"
lowered = run([tool("moe-opt"), model, f"--moe-lower-to-ptx=chip={chip}"])
ptx = run([tool("moe-translate"), "--export-ptx"], input=lowered)
problems, kernels = [], 0
with tempfile.TemporaryDirectory() as scratch:
    source, target = os.path.join(scratch, "all.ptx"), os.path.join(scratch, "all.cubin")
    with open(source, "wb") as file:
        file.write(ptx)
    done = subprocess.run([ptxas, f"-arch={chip}", "-v", source, "-o", target], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"ptxas: {done.stderr[:500]}")
    report = re.findall(r"Compiling entry function '(\w+)'.*?\n.*?\n.*?(\d+) bytes spill stores, (\d+) bytes spill loads\n"
                        r".*?Used (\d+) registers(?:.*?(\d+) bytes smem)?", done.stderr)
    for name, stores, loads, registers, shared in report:
        kernels += 1
        limit = REGISTERS["family" if "moe_family" in name else "element"]
        if int(stores) or int(loads):
            problems.append(f"{name} spills {stores} and loads {loads} bytes")
        if int(registers) > limit:
            problems.append(f"{name} takes {registers} registers, more than {limit}")
        if int(shared or 0) > SHARED:
            problems.append(f"{name} takes {shared} bytes of shared memory")
    if "C75" in done.stderr:
        problems.append("ptxas serialises wgmma")
    if kernels != ptx.count(b".entry"):
        problems.append(f"{kernels} kernels reported of {ptx.count(b'.entry')}")
    with open(target, "rb") as file:
        if wanted and not count(file.read(), OPCODES[wanted]):
            problems.append(f"no {wanted}")
print(f"{kernels} kernels")
sys.exit("\n".join(problems) or (0 if kernels else "no kernel"))
