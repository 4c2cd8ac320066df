"""Prints the bodies of experts: their operations, in the types of the program."""

import re

from generate import instances

TRANSPOSED = ("affine_map<(t, o, i) -> (t, i)>", "affine_map<(t, o, i) -> (o, i)>", "affine_map<(t, o, i) -> (t, o)>")
STRAIGHT = ("affine_map<(t, o, i) -> (t, i)>", "affine_map<(t, o, i) -> (i, o)>", "affine_map<(t, o, i) -> (t, o)>")
ROWS, ROW, COLUMN = "affine_map<(t, i) -> (t, i)>", "affine_map<(t, i) -> (i)>", "affine_map<(t, i) -> (t)>"

# The scalar code of an activation: from %v to the value named last.
CODE = {
    "relu": ["%z = arith.constant 0.0 : f32", "%r = arith.maximumf %v, %z : f32"],
    "tanh": ["%r = math.tanh %v : f32"],
    "silu": ["%one = arith.constant 1.0 : f32", "%n = arith.negf %v : f32", "%p = math.exp %n : f32",
             "%s = arith.addf %p, %one : f32", "%r = arith.divf %v, %s : f32"],
    "gelu": ["%one = arith.constant 1.0 : f32", "%half = arith.constant 0.5 : f32", "%c = arith.constant 0.707106781 : f32",
             "%a = arith.mulf %v, %c : f32", "%e = math.erf %a : f32", "%s = arith.addf %e, %one : f32",
             "%h = arith.mulf %v, %half : f32", "%r = arith.mulf %h, %s : f32"],
}


def shaped(shape, element="f32"):
    return "tensor<" + "".join(f"{d}x" for d in shape) + element + ">"


def element_of(kind):
    return kind[:-1].split("x")[-1].replace("tensor<", "")


class Bodies:
    """Lines of text, and operations on rows. Computed is in the wide type: f32, or
    f64 where the program is in f64."""

    def __init__(self, program):
        self.p, self.lines, self.head, self.arguments = program, [], [], {}
        self.indent, self.counter = 1, 0
        self.element = program["element"]
        self.wide = "f64" if self.element == "f64" else "f32"
        self.narrow = self.element in ("f16", "bf16")

    def wide_of(self, shape):
        return shaped(shape, self.wide)

    def shape_of_rows(self, width):
        return shaped(["?", width], self.element)

    def line(self, text):
        self.lines.append("  " * self.indent + text)

    def value(self, text):
        """Defines a new value."""
        self.counter += 1
        self.line(f"%{self.counter - 1} = {text}")
        return f"%{self.counter - 1}"

    def names(self, count):
        self.counter += count
        return [f"%{self.counter - count + i}" for i in range(count)]

    def argument(self, name, kind):
        """An input of the model, under its name."""
        self.arguments[name] = kind
        return "%" + name.replace(".", "_")

    def second_result(self, mine):
        kind = self.second_type()
        element = element_of(kind)
        if self.p["second"] == "integers":
            code = [f"%one = arith.constant 1 : {element}", f"%r = arith.addi %v, %one : {element}"]
        elif self.p["second"] == "vector":
            code = [f"%two = arith.constant 2.0 : {element}", f"%one = arith.constant 1.0 : {element}", f"%d = arith.mulf %v, %two : {element}",
                    f"%r = arith.addf %d, %one : {element}"]
        else:
            code = [f"%one = arith.constant 1.0 : {element}", f"%r = arith.subf %v, %one : {element}"]
        return self.map([mine], kind, code, of=["%v"])

    def typed(self, code):
        """Scalar code, which is written for f32, in the wide type."""
        return [re.sub(r"\bf32\b", self.wide, line) for line in code]

    def widened(self, name, element):
        """The scalar %name in the wide type: code that defines %name_w."""
        how = "extf" if (element, self.wide) in (("f16", "f32"), ("bf16", "f32"), ("f16", "f64"), ("bf16", "f64"), ("f32", "f64")) else "truncf"
        return [] if element == self.wide else [f"%{name}w = arith.{how} %{name} : {element} to {self.wide}"]

    def operations(self, body, where):
        """The rows after all operations, in the element type of the program."""
        where["m"] = self.value(f"tensor.dim {where['rows']}, %c0 : {shaped(['?', where['width']], self.element)}")
        now, width, wide = where["rows"], where["width"], not self.narrow
        for op in body["ops"]:
            if op["op"] == "linear":
                now = self.linear(now if not wide or not self.narrow else self.cast(now, width, "truncf"), op, where)
            else:
                now = getattr(self, "print_" + op["op"])(now if wide else self.cast(now, width, "extf"), op, where, width)
            wide, width = True, op["width"]
        return self.cast(now, width, "truncf") if wide and self.narrow else now

    def cast(self, value, width, how):
        source, target = (self.wide, self.element) if how == "truncf" else (self.element, self.wide)
        return self.value(f"arith.{how} {value} : {shaped(['?', width], source)} to {shaped(['?', width], target)}")

    def weight(self, name, where):
        tensor = self.p["tensors"][name]
        kind = shaped(tensor["shape"], tensor["element"])
        if tensor["source"] == "global":
            return self.value(f"ml_program.global_load_const @{name} : {kind}")
        if tensor["source"] == "parameters":
            numbers = where["experts"][-len(tensor["of"]):]
            return self.value(f"moe.parameter @{name}[{', '.join(numbers)}] : {kind}")
        if tensor["source"] == "pick":
            all_of = ", ".join("%" + single.replace(".", "_") for single in instances(name, tensor))
            return self.value(f"moe.pick {where['experts'][-1]} [{all_of}] : {kind}")
        whole = "%" + name.replace(".", "_")
        if tensor["source"] == "input":
            return whole
        shape = tensor["shape"]
        offsets = ", ".join([where["experts"][-1], *["0"] * len(shape)])
        sizes = ", ".join(["1", *map(str, shape)])
        ones = ", ".join(["1"] * (len(shape) + 1))
        return self.value(f"tensor.extract_slice {whole}[{offsets}] [{sizes}] [{ones}] : "
                          f"{shaped([*tensor['of'], *shape], tensor['element'])} to {kind}")

    def linear(self, x, op, where):
        out, element = op["out"], self.element
        kind = self.wide_of(["?", out])
        empty = self.value(f"tensor.empty({where['m']}) : {kind}")
        weight = self.weight(op["weight"], where)
        bias = self.weight(op["bias"], where) if op.get("bias") else None
        if bias and op["bias_first"]:
            start = self.value(f"linalg.broadcast ins({bias} : {self.wide_of([out])}) outs({empty} : {kind}) dimensions = [0]")
        else:
            start = self.value(f"linalg.fill ins(%zero : {self.wide}) outs({empty} : {kind}) -> {kind}")
        weight_kind = shaped(self.p["tensors"][op["weight"]]["shape"], element)
        operands = f"ins({x}, {weight} : {shaped(['?', op['in']], element)}, {weight_kind}) outs({start} : {kind})"
        maps = ", ".join(TRANSPOSED if op["transposed"] else STRAIGHT)
        if op["style"] == "generic":
            result, = self.names(1)
            self.line(f'{result} = linalg.generic {{indexing_maps = [{maps}], iterator_types = ["parallel", "parallel", "reduction"]}} {operands} {{')
            self.line(f"^bb0(%a: {element}, %b: {element}, %acc: {self.wide}):")
            a, b = "%a", "%b"
            if self.narrow:
                for line in [*self.widened("a", element), *self.widened("b", element)]:
                    self.line("  " + line)
                a, b = "%aw", "%bw"
            self.line(f"  %product = arith.mulf {a}, {b} : {self.wide}")
            self.line(f"  %sum = arith.addf %acc, %product : {self.wide}")
            self.line(f"  linalg.yield %sum : {self.wide}")
            self.line(f"}} -> {kind}")
        else:
            words = f" indexing_maps = [{maps}]" if op["transposed"] else ""
            result = self.value(f"linalg.matmul{words} {operands} -> {kind}")
        if bias and not op["bias_first"]:
            result = self.generic([(result, ROWS, kind), (bias, ROW, self.wide_of([out]))], kind, ["%r = arith.addf %v0, %v1 : f32"], where)
        return result

    def map(self, values, kind, code, of, out=None):
        element = element_of(kind)
        result, = self.names(1)
        inputs = ", ".join(values) + " : " + ", ".join([kind] * len(values))
        self.line(f"{result} = linalg.map ins({inputs}) outs({out or values[0]} : {kind}) "
                  f"({', '.join(f'{v}: {element}' for v in of)}, %old: {element}) {{")
        for scalar in code:
            self.line("  " + scalar)
        self.line(f"  linalg.yield %r : {element}")
        self.line("}")
        return result

    def generic(self, operands, kind, code, where):
        """operands: (value, map, type); the scalars are %v0, %v1, ..."""
        empty = self.value(f"tensor.empty({where['m']}) : {kind}")
        result, = self.names(1)
        values, maps, kinds = zip(*operands)
        self.line(f'{result} = linalg.generic {{indexing_maps = [{", ".join([*maps, ROWS])}], iterator_types = ["parallel", "parallel"]}} '
                  f"ins({', '.join(values)} : {', '.join(kinds)}) outs({empty} : {kind}) {{")
        elements = [element_of(k) for k in kinds]
        self.line(f"^bb0({', '.join(f'%v{i}: {e}' for i, e in enumerate(elements))}, %old: {self.wide}):")
        for scalar in [line for i, e in enumerate(elements) for line in self.widened(f"v{i}", e)] + self.typed(code):
            self.line("  " + scalar)
        self.line(f"  linalg.yield %r : {self.wide}")
        self.line(f"}} -> {kind}")
        return result

    # The operations of bodies, on f32.

    def print_activation(self, x, op, where, width):
        kind = self.wide_of(["?", width])
        if op["style"] == "map":
            return self.map([x], kind, self.typed(CODE[op["name"]]), ["%v"])
        return self.generic([(x, ROWS, kind)], kind, [c.replace("%v", "%v0") for c in CODE[op["name"]]], where)

    def print_residual(self, x, op, where, width):
        rows = where["rows"] if not self.narrow else self.cast(where["rows"], width, "extf")
        return self.value(f"arith.addf {x}, {rows} : {self.wide_of(['?', width])}")

    def print_uniform(self, x, op, where, width):
        kind = self.wide_of(["?", width])
        vector = self.weight(op["vector"], where)
        return self.generic([(x, ROWS, kind), (vector, ROW, self.wide_of([width]))], kind, [f"%r = arith.{op['how']}f %v0, %v1 : f32"], where)

    def print_weigh(self, x, op, where, width):
        kind = self.wide_of(["?", width])
        return self.generic([(x, ROWS, kind), (where["weights"], COLUMN, "tensor<?xf32>")], kind,
                            [f"%r = arith.mulf %v0, %v1{'w' if self.wide == 'f64' else ''} : f32"], where)

    def print_second(self, x, op, where, width):
        kind = self.wide_of(["?", width])
        return self.generic([(x, ROWS, kind), (where["second"], COLUMN, self.second_type())], kind,
                            [f"%r = arith.addf %v0, %v1{'' if self.p['second_element'] == self.wide else 'w'} : f32"], where)

    def reduced(self, x, width, code, where, over_rows=False):
        kind = self.wide_of([width] if over_rows else ["?"])
        empty = self.value(f"tensor.empty({'' if over_rows else where['m']}) : {kind}")
        start = self.value(f"linalg.fill ins(%zero : {self.wide}) outs({empty} : {kind}) -> {kind}")
        result, = self.names(1)
        types = '"reduction", "parallel"' if over_rows else '"parallel", "reduction"'
        self.line(f"{result} = linalg.generic {{indexing_maps = [{ROWS}, {ROW if over_rows else COLUMN}], iterator_types = [{types}]}} "
                  f"ins({x} : {self.wide_of(['?', width])}) outs({start} : {kind}) {{")
        self.line(f"^bb0(%v: {self.wide}, %acc: {self.wide}):")
        for scalar in self.typed(code):
            self.line("  " + scalar)
        self.line(f"  linalg.yield %r : {self.wide}")
        self.line(f"}} -> {kind}")
        return result, kind

    def print_norm(self, x, op, where, width):
        kind = self.wide_of(["?", width])
        total, total_kind = self.reduced(x, width, ["%s = arith.mulf %v, %v : f32", "%r = arith.addf %acc, %s : f32"], where)
        return self.generic([(x, ROWS, kind), (total, COLUMN, total_kind)], kind,
                            ["%one = arith.constant 1.0 : f32", "%d = arith.addf %v1, %one : f32", "%r = arith.divf %v0, %d : f32"], where)

    def print_centre(self, x, op, where, width):
        kind = self.wide_of(["?", width])
        total, total_kind = self.reduced(x, width, ["%r = arith.addf %acc, %v : f32"], where, over_rows=True)
        integer = self.value(f"arith.index_cast {where['m']} : index to i64")
        count = self.value(f"arith.sitofp {integer} : i64 to {self.wide}")
        return self.generic([(x, ROWS, kind), (total, ROW, total_kind)], kind,
                            [f"%mean = arith.divf %v1, {count} : f32", "%r = arith.subf %v0, %mean : f32"], where)

    def print_number(self, x, op, where, width):
        integer = self.value(f"arith.index_cast {where['experts'][0]} : index to i64")
        number = self.value(f"arith.sitofp {integer} : i64 to {self.wide}")
        kind = self.wide_of(["?", width])
        return self.map([x], kind, self.typed(["%c = arith.constant 0.125 : f32", f"%s = arith.mulf {number}, %c : f32", "%r = arith.addf %v, %s : f32"]), ["%v"])

    def print_loop(self, x, op, where, width):
        rounds = self.limit(op["rounds"])
        result, i, h = self.names(3)
        kind = self.wide_of(["?", width])
        self.line(f"{result} = scf.for {i} = %c0 to {rounds} step %c1 iter_args({h} = {x}) -> {kind} {{")
        self.indent += 1
        narrow = h if not self.narrow else self.cast(h, width, "truncf")
        mixed = self.linear(narrow, op, where)
        done = self.value(f"math.tanh {mixed} : {kind}")
        self.line(f"scf.yield {done} : {kind}")
        self.indent -= 1
        self.line("}")
        return result

    def print_branch(self, x, op, where, width):
        flag = self.flag(op["flag"])
        kind = self.wide_of(["?", width])
        result, = self.names(1)
        self.line(f"{result} = scf.if {flag} -> {kind} {{")
        self.line(f"  %double = arith.addf {x}, {x} : {kind}")
        self.line(f"  scf.yield %double : {kind}")
        self.line("} else {")
        self.line(f"  %tanh = math.tanh {x} : {kind}")
        self.line(f"  scf.yield %tanh : {kind}")
        self.line("}")
        return result

    def print_switch(self, x, op, where, width):
        number, kind = self.limit(op["number"]), self.wide_of(["?", width])
        result, = self.names(1)
        self.line(f"{result} = scf.index_switch {number} -> {kind}")
        for label, code in (("case 0", f"arith.mulf {x}, {x}"), ("case 1", f"arith.negf {x}")):
            self.line(f"{label} {{")
            self.line(f"  %case = {code} : {kind}")
            self.line(f"  scf.yield %case : {kind}")
            self.line("}")
        self.line("default {")
        self.line(f"  scf.yield {x} : {kind}")
        self.line("}")
        return result

    def print_settle(self, x, op, where, width):
        kind = self.wide_of(["?", width])
        limit, most = self.value("arith.constant 3.0 : f32"), self.value("arith.constant 4 : index")
        last, result, i, h, i2, h2 = self.names(6)
        self.line(f"{last}, {result} = scf.while ({i} = %c0, {h} = {x}) : (index, {kind}) -> (index, {kind}) {{")
        self.indent += 1
        empty = self.value("tensor.empty() : tensor<f32>")
        start = self.value(f"linalg.fill ins(%zero : f32) outs({empty} : tensor<f32>) -> tensor<f32>")
        total, = self.names(1)
        self.line(f'{total} = linalg.generic {{indexing_maps = [{ROWS}, affine_map<(t, i) -> ()>], iterator_types = ["reduction", "reduction"]}} '
                  f"ins({h} : {kind}) outs({start} : tensor<f32>) {{")
        self.line("^bb0(%v: f32, %acc: f32):")
        self.line("  %a = math.absf %v : f32")
        self.line("  %r = arith.addf %acc, %a : f32")
        self.line("  linalg.yield %r : f32")
        self.line("} -> tensor<f32>")
        sum_of = self.value(f"tensor.extract {total}[] : tensor<f32>")
        large = self.value(f"arith.cmpf ogt, {sum_of}, {limit} : f32")
        more = self.value(f"arith.cmpi ult, {i}, {most} : index")
        go_on = self.value(f"arith.andi {large}, {more} : i1")
        self.line(f"scf.condition({go_on}) {i}, {h} : index, {kind}")
        self.indent -= 1
        self.line("} do {")
        self.line(f"^bb0({i2}: index, {h2}: {kind}):")
        self.indent += 1
        next_i = self.value(f"arith.addi {i2}, %c1 : index")
        halved = self.map([h2], kind, ["%half = arith.constant 0.5 : f32", "%r = arith.mulf %v, %half : f32"], ["%v"])
        self.line(f"scf.yield {next_i}, {halved} : index, {kind}")
        self.indent -= 1
        self.line("}")
        return result

    def print_nested(self, x, op, where, width):
        inner = self.p["inner"]
        kind, routing_type, scores = self.shape_of_rows(width), f"!moe.routing<{op['experts']}>", self.inner_type()
        x = x if not self.narrow else self.cast(x, width, "truncf")
        routing = self.value(f"moe.gate {where['inner_scores']} softmax top_k({op['k']}) normalize : ({scores}) -> {routing_type}")
        packed, = self.names(1)
        self.line(f"{packed} = moe.dispatch {x}, {where['inner_scores']} by {routing} : ({kind}, {scores}, {routing_type}) -> {kind} {{")
        for number, body in enumerate(op["bodies"]):
            if number:
                self.line("}, {")
            expert, mine, mine_scores = self.names(3)
            first = [f"{expert}: index"] if not inner["unlike"] else []
            self.line(f"^each{self.counter}({', '.join([*first, f'{mine}: {kind}', f'{mine_scores}: {scores}'])}):")
            self.indent += 1
            numbers = where["experts"] + ([expert] if first else [])
            mine_where = {"experts": numbers, "rows": mine, "width": width, "inner_scores": mine_scores}
            self.line(f"moe.yield {self.operations(body, mine_where)} : {kind}")
            self.indent -= 1
        self.line("}")
        y = self.combine(packed, routing, None, kind, routing_type)
        if self.narrow:
            x, y = self.cast(x, width, "extf"), self.cast(y, width, "extf")
        code = ["%half = arith.constant 0.5 : f32", "%h = arith.mulf %v0, %half : f32", "%r = arith.addf %h, %v1 : f32"]
        wide = self.wide_of(["?", width])
        return self.generic([(x, ROWS, wide), (y, ROWS, wide)], wide, code, where)
