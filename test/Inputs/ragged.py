"""Ragged products of a SwiGLU layer in both forms that JAX exports, as text.

`stacked`, for the CPU: one contraction over groups and features of rows that are masked for each group. `separate`,
from chlo.ragged_dot: a product for each group of rows that are masked, added up. Group e has the rows from begin[e]
to end[e]; rows of no group are zero."""

import numpy as np

FORMS = ("stacked", "separate")


def _generic(name, maps, kinds, inputs, output, body):
    dims = ", ".join(f"d{i}" for i in range(len(kinds)))
    maps = ", ".join(f"affine_map<({dims}) -> ({m})>" for m in maps)
    kinds = ", ".join('"parallel"' if kind == "p" else '"reduction"' for kind in kinds)
    given = f'ins({", ".join(n for n, _ in inputs)} : {", ".join(t for _, t in inputs)}) ' if inputs else ""
    types = [type for _, type in (*inputs, output)]
    names = ["%a", "%b"][:len(inputs)] + ["%o"]
    arguments = ", ".join(f"{n}: {t[len('tensor<'):-1].rpartition('x')[2]}" for n, t in zip(names, types))
    return f"""  {name} = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{kinds}]}} {given}outs({output[0]} : {output[1]}) {{
  ^bb0({arguments}):
{body}
  }} -> {output[1]}
"""


_ADD_PRODUCT = "    %p = arith.mulf %a, %b : f32\n    %s = arith.addf %o, %p : f32\n    linalg.yield %s : f32"
_ADD = "    %s = arith.addf %a, %b : f32\n    linalg.yield %s : f32"
_FROM = "    %s = arith.cmpi sge, %a, %b : i32\n    linalg.yield %s : i1"
_BEFORE = "    %s = arith.cmpi slt, %a, %b : i32\n    linalg.yield %s : i1"
_BOTH = "    %s = arith.andi %a, %b : i1\n    linalg.yield %s : i1"
_CHOOSE = "    %s = arith.select %a, %b, %zero : f32\n    linalg.yield %s : f32"
_POSITION = "    %i = linalg.index 0 : index\n    %s = arith.index_cast %i : index to i32\n    linalg.yield %s : i32"
_SILU = """    %n0 = arith.negf %a : f32
    %n1 = math.exp %n0 : f32
    %n2 = arith.addf %n1, %one : f32
    %n3 = arith.divf %a, %n2 : f32
    %s = arith.mulf %n3, %b : f32
    linalg.yield %s : f32"""


def _empty(name, type):
    return f"  {name} = tensor.empty(%n) : {type}\n"


def _zeros(name, type):
    return _empty(f"{name}.e", type) + f"  {name} = linalg.fill ins(%zero : f32) outs({name}.e : {type}) -> {type}\n"


def _interval(name, begin, end, maps, kinds, type):
    """Where rows are in a group, or in each of all."""
    bounds = "tensor<i32>" if len(kinds) == 1 else f"tensor<{type[7:].split('x')[0]}xi32>"
    whole = ", ".join(f"d{i}" for i in range(len(kinds)))
    rows = ("%positions", "tensor<?xi32>")
    return (_empty(f"{name}.e", type)
            + _generic(f"{name}.from", [*maps, whole], kinds, [rows, (begin, bounds)], (f"{name}.e", type), _FROM)
            + _generic(f"{name}.before", [*maps, whole], kinds, [rows, (end, bounds)], (f"{name}.e", type), _BEFORE)
            + _generic(name, [whole] * 3, kinds, [(f"{name}.from", type), (f"{name}.before", type)],
                       (f"{name}.e", type), _BOTH))


def _stacked(name, x, w, groups, depth, width):
    masked, result = f"tensor<{groups}x?x{depth}xf32>", f"tensor<?x{width}xf32>"
    rows, weights = f"tensor<?x{depth}xf32>", f"tensor<{groups}x{depth}x{width}xf32>"
    return (_empty(f"{name}.m", masked) + _zeros(f"{name}.z", result)
            + _generic(f"{name}.masked", ["d0, d1", "d1, d2", "d0, d1, d2"], "ppp",
                       [("%mask", f"tensor<{groups}x?xi1>"), (x, rows)], (f"{name}.m", masked), _CHOOSE)
            + _generic(name, ["d3, d0, d2", "d3, d2, d1", "d0, d1"], "pprr",
                       [(f"{name}.masked", masked), (w, weights)], (f"{name}.z", result), _ADD_PRODUCT))


def _separate(name, x, w, groups, depth, width):
    rows, result, weights = f"tensor<?x{depth}xf32>", f"tensor<?x{width}xf32>", f"tensor<{depth}x{width}xf32>"
    text, total = _zeros(f"{name}.z", result) + _empty(f"{name}.m", rows), None
    for e in range(groups):
        part = f"{name}.{e}"
        text += f"  {part}.w = tensor.extract_slice {w}[{e}, 0, 0] [1, {depth}, {width}] [1, 1, 1] : " \
                f"tensor<{groups}x{depth}x{width}xf32> to {weights}\n"
        text += _generic(f"{part}.masked", ["d0", "d0, d1", "d0, d1"], "pp", [(f"%mask{e}", "tensor<?xi1>"), (x, rows)],
                         (f"{name}.m", rows), _CHOOSE)
        text += _generic(f"{part}.y", ["d0, d2", "d2, d1", "d0, d1"], "ppr",
                         [(f"{part}.masked", rows), (f"{part}.w", weights)], (f"{name}.z", result), _ADD_PRODUCT)
        last = name if e == groups - 1 else f"{part}.sum"
        if total:
            text += _generic(last, ["d0, d1"] * 3, "pp", [(total, result), (f"{part}.y", result)],
                             (f"{name}.z", result), _ADD)
        total = last if total else f"{part}.y"
    return text


def model(form, groups, hidden, inner):
    """@main(x, begin, end) with weights up, side and down; at least two groups."""
    x, h = f"tensor<?x{hidden}xf32>", f"tensor<?x{inner}xf32>"
    bounds = f"tensor<{groups}xi32>"
    shapes = {"up": (hidden, inner), "side": (hidden, inner), "down": (inner, hidden)}
    types = {name: f"tensor<{groups}x{rows}x{columns}xf32>" for name, (rows, columns) in shapes.items()}
    text = "".join(f"ml_program.global private @{n}(#ml_program.extern<{t}>) : {t}\n" for n, t in types.items())
    text += f"func.func public @main(%x: {x}, %begin: {bounds}, %end: {bounds}) -> {x} {{\n"
    text += "  %zero = arith.constant 0.0 : f32\n  %one = arith.constant 1.0 : f32\n  %i0 = arith.constant 0 : index\n"
    text += f"  %n = tensor.dim %x, %i0 : {x}\n" + _empty("%positions.e", "tensor<?xi32>")
    text += "".join(f"  %w.{n} = ml_program.global_load_const @{n} : {t}\n" for n, t in types.items())
    text += _generic("%positions", ["d0"], "p", [], ("%positions.e", "tensor<?xi32>"), _POSITION)
    if form == "stacked":
        text += _interval("%mask", "%begin", "%end", ["d1", "d0"], "pp", f"tensor<{groups}x?xi1>")
    else:
        for e in range(groups):
            for side in ("begin", "end"):
                text += f"  %{side}{e} = tensor.extract_slice %{side}[{e}] [1] [1] : {bounds} to tensor<i32>\n"
            text += _interval(f"%mask{e}", f"%begin{e}", f"%end{e}", ["d0", ""], "p", "tensor<?xi1>")
    product = {"stacked": _stacked, "separate": _separate}[form]
    text += product("%up", "%x", "%w.up", groups, hidden, inner)
    text += product("%side", "%x", "%w.side", groups, hidden, inner)
    text += _empty("%h.e", h)
    text += _generic("%h", ["d0, d1"] * 3, "pp", [("%up", h), ("%side", h)], ("%h.e", h), _SILU)
    text += product("%down", "%h", "%w.down", groups, inner, hidden)
    return text + f"  return %down : {x}\n}}\n"


def weights(groups, hidden, inner):
    rng = np.random.default_rng(groups)
    draw = lambda *shape: rng.standard_normal(shape, np.float32) * np.float32(shape[1] ** -0.5)
    return {"up": draw(groups, hidden, inner), "side": draw(groups, hidden, inner), "down": draw(groups, inner, hidden)}


def product(x, w, begin, end):
    """A ragged product in f64; where groups overlap, their results are added up."""
    y = np.zeros((len(x), w.shape[2]))
    for e, (first, last) in enumerate(zip(begin, end)):
        if last > max(first, 0):
            y[max(first, 0):last] += x[max(first, 0):last] @ w[e].astype(np.float64)
    return y


def layer(x, weights, begin, end):
    a, b = (product(x.astype(np.float64), weights[name], begin, end) for name in ("up", "side"))
    return product(a / (1 + np.exp(-a)) * b, weights["down"], begin, end)
