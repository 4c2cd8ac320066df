# RUN: %python %s
"""Imports go down the list of rooms and never up: #include, include of TableGen,
and the libraries that a library links."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
import house

# Rooms on one line do not know each other, but share their Passes.h.
ROOMS = [
    ["Runtime"],
    ["Emulator"],
    ["Tensor"],
    ["Dialect/MoE/IR"],
    ["Analysis"],
    ["Target"],
    ["Dialect/MoE/Transforms"],
    ["Conversion", "Conversion/TosaToLinalg", "Conversion/LinalgToMoE", "Conversion/MoEToSCF", "Conversion/ParametersToMemRef"]
    + ["Conversion/LinalgToVector", "Conversion/LinalgToGPU"]
    + ["Conversion/SCFToRuntime", "Conversion/GPUToRuntime", "Conversion/LegalizeForLLVM"]
    + ["Conversion/NVVMToEmulator"],
    ["Conversion/MoEToGPU"],
    ["Pipelines"],
    ["Import"],
    ["Execution"],
    ["InitAll"],
    ["tools"],
]
LEVEL = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}
LLVM = re.compile(r'["<](llvm|mlir)/')
MLIR = re.compile(r'["<]mlir/(?!Support/)')


def room_of(path):
    """The room of include/moe/ROOM/..., lib/ROOM/... and of moe/ROOM/..."""
    path = re.sub(r"^(include/)?(moe|lib)/", "", path)
    if path.startswith("tools/"):
        return "tools"
    if re.match(r"InitAll\.(h|cpp)$", path):
        return "InitAll"
    return os.path.dirname(path)


def problems_of(texts):
    problems = []
    for path, text in sorted(texts.items()):
        room = room_of(path)
        if room not in LEVEL:
            problems.append(f"{path}: '{room}' is no room of the house")
            continue
        for include in re.findall(r'^\s*#?include\s+(["<][^">]+)', text, re.M):
            if room in ("Runtime", "Emulator") and LLVM.match(include) or room == "Tensor" and MLIR.match(include):
                problems.append(f"{path}: '{room}' may not include {include[1:]}")
            if not include[1:].startswith("moe/"):
                continue
            other = room_of(include[1:])
            if other not in LEVEL:
                problems.append(f"{path}: includes {include[1:]} of no room of the house")
            elif LEVEL[other] > LEVEL[room]:
                problems.append(f"{path}: '{room}' includes {include[1:]}, which is above it")
            elif LEVEL[other] == LEVEL[room] and other not in (room, "Conversion"):
                problems.append(f"{path}: '{room}' includes {include[1:]} of its neighbour")
    return problems


def library_problems(cmakes):
    """The same for the libraries that a room's CMakeLists.txt links."""
    rooms, links = {}, []
    for path, text in sorted(cmakes.items()):
        for name, body in re.findall(r"add_moe_library\(\s*(\w+)([^)]*)\)", text):
            room = os.path.dirname(path)[len("lib/") :] or "InitAll"
            rooms[name] = room
            links += [(path, room, other) for other in re.findall(r"\bMoE\w+", body.partition("LINK_LIBS")[2])]
    return [
        f"{path}: links {other} of '{rooms[other]}', which is not below '{room}'"
        for path, room, other in links
        if other in rooms and LEVEL.get(rooms[other], 0) >= LEVEL.get(room, 0)
    ]


def self_test():
    clean = {
        "include/moe/Runtime/Runtime.h": "#include <cstdint>\n",
        "lib/Execution/Run.cpp": '#include "moe/Runtime/Runtime.h"\n#include "mlir/IR/Builders.h"\n',
        "lib/Conversion/MoEToSCF/A.cpp": '#include "moe/Conversion/Passes.h"\n',
        "tools/moe-run/moe-run.cpp": '#include "moe/Execution/Run.h"\n',
    }
    assert not problems_of(clean), problems_of(clean)
    for path, line in [
        ("lib/Runtime/Runtime.cpp", '#include "llvm/ADT/StringRef.h"'),
        ("lib/Tensor/Npy.cpp", '#include "mlir/IR/Types.h"'),
        ("lib/Analysis/Rows.cpp", '  #include "moe/Pipelines/CPU.h"'),
        ("include/moe/Conversion/Passes.td", 'include "moe/Pipelines/Passes.td"'),
        ("lib/Conversion/MoEToSCF/A.cpp", '#include "moe/Conversion/SCFToRuntime/B.h"'),
        ("lib/Import/X.cpp", '#include "moe/Attic/X.h"'),
        ("lib/Attic/X.cpp", ""),
    ]:
        assert len(problems_of({path: line})) == 1, (path, line)
    up = {
        "lib/Runtime/CMakeLists.txt": "add_moe_library(MoERuntime a.cpp LINK_LIBS PUBLIC MoEIR)",
        "lib/Dialect/MoE/IR/CMakeLists.txt": "add_moe_library(MoEIR a.cpp LINK_LIBS MLIR)",
    }
    assert len(library_problems(up)) == 1, library_problems(up)


self_test()
house.finish(
    problems_of({f: house.read(f) for f in house.files(house.CODE.pattern)})
    + library_problems({f: house.read(f) for f in house.files(r"^lib/.*CMakeLists\.txt$")})
)
