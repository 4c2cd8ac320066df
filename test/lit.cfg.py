"""How lit runs the tests: which files are tests, what their lines may use."""

import ctypes
import glob
import os
import platform
import shutil
import subprocess
import sys

import lit.formats
from lit.llvm import llvm_config
from lit.llvm.subst import ToolSubst

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
import internal_words

config.name = "MoE"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.moe_build, "test")

# %moe_src and %moe_build are the roots, %examples is docs/examples, %python has
# NumPy, %export_python is the interpreter with the frameworks of which models are
# exported, %fake_cuda is a driver for MOE_CUDA_DRIVER (test/Unit/Runtime).
export_python = os.environ.get("MOE_EXPORT_PYTHON", config.moe_python)
config.substitutions += [
    ("%moe_src", config.moe_source),
    ("%moe_build", config.moe_build),
    ("%examples", os.path.join(config.moe_source, "docs", "examples")),
    ("%python", config.moe_python),
    ("%export_python", export_python),
    ("%fake_cuda", os.path.join(config.moe_build, "lib", "libMoEFakeCuda.so")),
    ("%cmake", config.moe_cmake),
    ("%cxx", config.moe_cxx),
    ("%llvm_lib", os.path.join(os.path.dirname(config.llvm_tools_dir), "lib")),
]

# With MOE_VERIFY_ROUNDTRIP every module that moe-opt reads is also printed and
# read back, as text and as bytecode.
moe_opt = os.path.join(config.moe_build, "bin", "moe-opt")
if os.environ.get("MOE_VERIFY_ROUNDTRIP", "0") != "0":
    moe_opt += " --verify-roundtrip"
tools = [ToolSubst("moe-opt", moe_opt), "moe-run", "moe-translate", "moe-lsp-server"]
tools += ["mlir-opt", "not", "count", "split-file"]
tools += [ToolSubst("FileCheck", extra_args=[f"--implicit-check-not='{word}'" for word in internal_words.WORDS])]
llvm_config.add_tool_substitutions(
    tools, [os.path.join(config.moe_build, "bin"), config.llvm_tools_dir]
)
for name in ("HOME", "MOE_SEED", "MOE_PROGRAMS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]


def has_cuda():
    try:
        return ctypes.CDLL("libcuda.so.1").cuInit(0) == 0
    except OSError:
        return False


def cpu_flags():
    try:
        with open("/proc/cpuinfo") as f:
            return next((line.split() for line in f if line.startswith("flags")), [])
    except OSError:
        return []


def has_terminal():
    """Not in a bare chroot."""
    try:
        for end in os.openpty():
            os.close(end)
        return True
    except OSError:
        return False


def can_make_machines():
    """Whether a new system can be made in a folder and entered."""
    if os.geteuid() != 0 or not shutil.which("debootstrap") or not shutil.which("unshare"):
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


def can_watch_threads():
    """Whether the compiler has a sanitizer for threads, and OpenMP a tool that tells it who waits for whom."""
    lib = os.path.join(os.path.dirname(config.llvm_tools_dir), "lib")
    sanitizer = glob.glob(os.path.join(lib, "clang", "*", "lib", "linux", "libclang_rt.tsan-*.a"))
    return "clang" in config.moe_cxx and sanitizer and os.path.exists(os.path.join(lib, "libarcher.so"))


def frameworks():
    """Those that the interpreter for exports has; one that was named has some."""
    found = set()
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    modules_of = {"jax": "jax", "flax": "flax.nnx", "keras": "keras, jax", "torch": "torch, torch_mlir"}
    modules_of["transformers"] = "transformers"
    for framework, modules in modules_of.items():
        probe = [export_python, "-c", f"import {modules}"]
        try:
            done = subprocess.run(probe, env=environment, capture_output=True, text=True)
        except OSError as problem:
            lit_config.fatal(f"MOE_EXPORT_PYTHON: {problem}")
        if done.returncode == 0:
            found.add(framework)
    if "MOE_EXPORT_PYTHON" in os.environ and not found:
        lit_config.fatal(f"MOE_EXPORT_PYTHON: {export_python} has none of jax, keras, torch with torch-mlir")
    return found


config.available_features |= frameworks()
if has_terminal():
    config.available_features.add("terminal")
if can_watch_threads() and not config.moe_sanitize:
    config.available_features.add("thread-sanitizer")
if can_make_machines():
    config.available_features.add("bare-machine")
if platform.machine() == "x86_64":
    config.available_features.add("x86")
for flag, feature in (("avx2", "x86-avx2"), ("avx512f", "x86-avx512")):
    if flag in cpu_flags():
        config.available_features.add(feature)
if shutil.which("ptxas") or os.path.exists("/usr/local/cuda/bin/ptxas"):
    config.available_features.add("ptxas")
if has_cuda():
    config.available_features.add("cuda")
if config.moe_sanitize:
    config.available_features.add("sanitized")
