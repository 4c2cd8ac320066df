#!/usr/bin/env python3
"""How the time to compile grows with the length of a program.

    test/Benchmarks/long_programs.py [--moe-run=build/bin/moe-run] [--kinds=KIND,...] [LENGTH ...]

Prints the seconds of processor time that `moe-run --compile-to=machine` takes for
programs of 100, 200, 400 and 800 operations of each kind, and by what each time is
larger than the one before it: 2 is linear."""

import argparse
import resource
import subprocess
import sys
import tempfile

ROWS = "affine_map<(d0) -> (d0)>"


def function(body, arguments, result, value):
    return f"func.func @main({arguments}) -> {result} {{\n{body}  return {value} : {result}\n}}\n"


def chain(line, first, arguments, result):
    """`line` for each operation, {i} being its number and {x} the value before."""

    def program(count):
        body, last = "", first
        for i in range(count):
            body += "  " + line.format(i=i, x=last) + "\n"
            last = f"%v{i}"
        return function(body, arguments, result, last)

    return program


def elementwise(count):
    body, last = "", "%x"
    for i in range(count):
        body += (
            f"  %v{i} = linalg.generic {{indexing_maps = [{ROWS}, {ROWS}], iterator_types = [\"parallel\"]}} "
            f"ins({last} : tensor<?xf32>) outs(%x : tensor<?xf32>) {{\n"
            f"  ^bb0(%e: f32, %o: f32):\n    %y = arith.addf %e, %e : f32\n    linalg.yield %y : f32\n"
            f"  }} -> tensor<?xf32>\n"
        )
        last = f"%v{i}"
    return function(body, "%x: tensor<?xf32>", "tensor<?xf32>", last)


def experts(count):
    """As many unlike experts."""
    body = f"  %r = moe.route %e : (tensor<?x1xi64>) -> !moe.routing<{count}>\n"
    body += f"  %rows = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<{count}>) -> tensor<?x4xf32> "
    regions = []
    for i in range(count):
        op = "addf" if i % 2 else "mulf"
        regions.append(f"{{\n  ^expert{i}(%m{i}: tensor<?x4xf32>):\n    %y{i} = arith.{op} %m{i}, %m{i} : tensor<?x4xf32>\n"
                       f"    moe.yield %y{i} : tensor<?x4xf32>\n  }}")
    body += ", ".join(regions) + "\n"
    body += f"  %y = moe.combine %rows by %r : (tensor<?x4xf32>, !moe.routing<{count}>) -> tensor<?x4xf32>\n"
    return function(body, "%x: tensor<?x4xf32>, %e: tensor<?x1xi64>", "tensor<?x4xf32>", "%y")


def layers(count):
    """As many dispatches after each other, of two like experts."""
    body, last = "  %r = moe.route %e : (tensor<?x1xi64>) -> !moe.routing<2>\n", "%x"
    for i in range(count):
        body += (
            f"  %p{i} = moe.dispatch {last} by %r : (tensor<?x4xf32>, !moe.routing<2>) -> tensor<?x4xf32> {{\n"
            f"  ^each(%n: index, %m: tensor<?x4xf32>):\n    %y = arith.addf %m, %m : tensor<?x4xf32>\n"
            f"    moe.yield %y : tensor<?x4xf32>\n  }}\n"
            f"  %v{i} = moe.combine %p{i} by %r : (tensor<?x4xf32>, !moe.routing<2>) -> tensor<?x4xf32>\n"
        )
        last = f"%v{i}"
    return function(body, "%x: tensor<?x4xf32>, %e: tensor<?x1xi64>", "tensor<?x4xf32>", last)


def functions(count):
    text = ""
    for i in range(count):
        inner = f"func.call @f{i - 1}(%x) : (tensor<?xf32>) -> tensor<?xf32>" if i else "arith.negf %x : tensor<?xf32>"
        text += (f"func.func private @f{i}(%x: tensor<?xf32>) -> tensor<?xf32> {{\n  %y = {inner}\n"
                 f"  return %y : tensor<?xf32>\n}}\n")
    return text + function(f"  %y = func.call @f{count - 1}(%x) : (tensor<?xf32>) -> tensor<?xf32>\n",
                           "%x: tensor<?xf32>", "tensor<?xf32>", "%y")


def entries(count):
    return "".join(function("  %y = arith.negf %x : tensor<?xf32>\n", "%x: tensor<?xf32>", "tensor<?xf32>", "%y")
                   .replace("@main", f"@f{i}") for i in range(count))


def results(count):
    types = ", ".join(["tensor<?xf32>"] * count)
    body = "".join(f"  %v{i} = arith.addf %x, {'%x' if i == 0 else f'%v{i - 1}'} : tensor<?xf32>\n" for i in range(count))
    values = ", ".join(f"%v{i}" for i in range(count))
    return f"func.func @main(%x: tensor<?xf32>) -> ({types}) {{\n{body}  return {values} : {types}\n}}\n"


def conditions(count):
    body, last = "", "%x"
    for i in range(count):
        body += (f"  %v{i} = scf.if %c -> tensor<?xf32> {{\n    %y = arith.negf {last} : tensor<?xf32>\n"
                 f"    scf.yield %y : tensor<?xf32>\n  }} else {{\n    scf.yield {last} : tensor<?xf32>\n  }}\n")
        last = f"%v{i}"
    return function(body, "%x: tensor<?xf32>, %c: i1", "tensor<?xf32>", last)


KINDS = {
    "affine": chain("%v{i} = affine.apply affine_map<(d0) -> (d0 * 3 + 1)>({x})", "%x", "%x: index", "index"),
    "affine_sum": chain("%v{i} = affine.apply affine_map<(d0, d1) -> (d0 + d1 floordiv 3)>({x}, %x)", "%x", "%x: index",
                        "index"),
    "affine_min": chain("%v{i} = affine.min affine_map<(d0) -> (d0 + 3, 1000)>({x})", "%x", "%x: index", "index"),
    "arith": chain("%v{i} = arith.addf {x}, {x} : tensor<?xf32>", "%x", "%x: tensor<?xf32>", "tensor<?xf32>"),
    "scalar": chain("%v{i} = arith.addf {x}, {x} : f32", "%x", "%x: f32", "f32"),
    "generic": elementwise,
    "matmul": chain("%v{i} = linalg.matmul ins({x}, %x : tensor<8x8xf32>, tensor<8x8xf32>) "
                    "outs(%x : tensor<8x8xf32>) -> tensor<8x8xf32>", "%x", "%x: tensor<8x8xf32>", "tensor<8x8xf32>"),
    "insert": chain("%v{i} = tensor.insert_slice %x into {x}[0] [4] [1] : tensor<4xf32> into tensor<8xf32>", "%z",
                    "%x: tensor<4xf32>, %z: tensor<8xf32>", "tensor<8xf32>"),
    "conditions": conditions,
    "experts": experts,
    "layers": layers,
    "functions": functions,
    "entries": entries,
    "results": results,
}


def processor_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moe-run", default="build/bin/moe-run")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--timeout", type=float, default=120)
    parser.add_argument("--flags", default="--compile-to=machine")
    parser.add_argument("lengths", nargs="*", type=int, default=[100, 200, 400, 800])
    options = parser.parse_args()
    print(f"{'':12}" + "".join(f"{n:>14}" for n in options.lengths))
    for kind in options.kinds.split(","):
        line, before = f"{kind:12}", None
        for length in options.lengths:
            with tempfile.NamedTemporaryFile("w", suffix=".mlir") as file:
                file.write(KINDS[kind](length))
                file.flush()
                start = processor_seconds()
                try:
                    done = subprocess.run([options.moe_run, file.name, *options.flags.split(), "-o", "/dev/null"],
                                          capture_output=True, text=True, timeout=options.timeout)
                except subprocess.TimeoutExpired:
                    line += f"{'> ' + str(options.timeout):>14}"
                    break
                seconds = processor_seconds() - start
            if done.returncode:
                line += f"  {done.stderr.strip()[-60:]}"
                break
            ratio = f" ({seconds / before:.1f})" if before else ""
            line += f"{f'{seconds:.2f}{ratio}':>14}"
            before = seconds
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
