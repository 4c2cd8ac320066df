"""Prints a random program as a model file."""

from generate import instances, used_tensors
from meaning import pattern

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


def model(program, result_names):
    """The text, the names of the inputs in order, and those of the results."""
    return Printer(program).module(result_names)


class Printer:
    def __init__(self, program):
        self.p, self.lines, self.head, self.arguments = program, [], [], {}
        self.indent, self.counter = 1, 0
        self.element = program["element"]
        self.used = used_tensors(program)

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

    # The whole.

    def module(self, result_names):
        p = self.p
        width, n = p["width"], "?"
        x_type = shaped([n, width], self.element)
        x = self.argument("x", x_type)
        for c in (0, 1):
            self.line(f"%c{c} = arith.constant {c} : index")
        self.line("%zero = arith.constant 0.0 : f32")
        # Inputs are declared first, those of bodies too.
        if p["second"]:
            self.argument("second", self.second_type())
        if p["inner"]:
            self.argument("inner_scores", self.inner_type())
        for name in sorted(self.used):
            self.declare(name, p["tensors"][name])
        inside = p["gate_inside"] and p["around"]
        routing = self.routing() if not inside or p["readers"] else None
        values = {}
        if p["around"] is None:
            packed = self.dispatch(x, routing)
            values["y"] = (self.combine(packed[0], routing, x), x_type)
            if p["second"]:
                kind = self.second_type()
                values["y_second"] = (self.value(f"moe.combine {packed[1]} by {routing} unweighted : ({kind}, {self.routing_type()}) -> {kind}"), kind)
            if p["packed"]:
                values["packed"] = (packed[0], x_type)
            if p["rows"] is not None:
                values["rows"] = (self.value(f"moe.rows {packed[0]} by {routing}[{p['rows']}] : ({x_type}, {self.routing_type()}) -> {x_type}"), x_type)
        else:
            values["y"] = (getattr(self, "around_" + p["around"])(x, x_type, None if inside else routing), x_type)
        for reader in p["readers"]:
            kind = {"mask": shaped([n, p["experts"]], "i1"), "weights": shaped([n, p["experts"]]),
                    "indices": shaped([n, p["columns"]], "i64"), "counts": shaped([p["experts"]], "i64")}[reader]
            values[reader] = (self.value(f"moe.{reader} {routing} : ({self.routing_type()}) -> {kind}"), kind)
        operands, kinds = zip(*[values[name] for name in result_names])
        self.line(f"return {', '.join(operands)} : {', '.join(kinds)}")
        inputs = ", ".join(f"%{name.replace('.', '_')}: {kind}" for name, kind in self.arguments.items())
        text = [*self.head, f"func.func @main({inputs}) -> ({', '.join(kinds)}) {{", *self.lines, "}", ""]
        return "\n".join(text), list(self.arguments)

    def declare(self, name, tensor):
        kind = shaped(tensor["shape"], tensor["element"])
        if tensor["source"] == "global":
            self.head.append(f"ml_program.global private @{name}(#ml_program.extern<{kind}>) : {kind}")
        elif tensor["source"] == "parameters":
            self.head.append(f'moe.parameters @{name} "{pattern(name, tensor)}" {tensor["of"]} : {kind}')
        elif tensor["source"] == "stack":
            self.argument(name, shaped([*tensor["of"], *tensor["shape"]], tensor["element"]))
        else:
            for single in instances(name, tensor):
                self.argument(single, kind)

    def routing_type(self):
        return f"!moe.routing<{self.p['experts']}>"

    def second_type(self):
        return {"vector": "tensor<?xf32>", "integers": "tensor<?xi64>", "cube": "tensor<?x3x2xf32>"}[self.p["second"]]

    def inner_type(self):
        return shaped(["?", self.p["inner"]["experts"]])

    def routing(self):
        p, router = self.p, self.p["router"]
        if router["kind"] == "gate":
            kind = shaped(["?", p["experts"]])
            operand, kinds = self.argument("scores", kind), [kind]
            words = [router["function"]]
            if router.get("bias"):
                words.append(f"bias({self.argument('bias', shaped([p['experts']]))})")
                kinds.append(shaped([p["experts"]]))
            words += gate_words(router)
            return self.value(f"moe.gate {operand} {' '.join(words)} : ({', '.join(kinds)}) -> {self.routing_type()}")
        columns = p["experts"] if router["kind"] == "mask" else router["columns"]
        kind = shaped(["?", columns], "i1" if router["kind"] == "mask" else router["type"])
        operands, kinds = [self.argument("choice", kind)], [kind]
        if router["weights"]:
            kinds.append(shaped(["?", columns], router["weights"]))
            operands.append(self.argument("weights", kinds[1]))
        return self.value(f"moe.route {', '.join(operands)} : ({', '.join(kinds)}) -> {self.routing_type()}")

    def flag(self, name):
        flag = self.argument(name, "tensor<1xi64>")
        first = self.value(f"tensor.extract {flag}[%c0] : tensor<1xi64>")
        none = self.value("arith.constant 0 : i64")
        return self.value(f"arith.cmpi sgt, {first}, {none} : i64")

    def limit(self, name):
        first = self.value(f"tensor.extract {self.argument(name, 'tensor<1xi64>')}[%c0] : tensor<1xi64>")
        return self.value(f"arith.index_cast {first} : i64 to index")

    def layer(self, h, routing):
        routing = routing or self.routing()
        return self.combine(self.dispatch(h, routing)[0], routing, h)

    def around_for(self, x, kind, routing):
        count = self.value(f"arith.constant {self.p['rounds']} : index")
        result, i, h = self.names(3)
        self.line(f"{result} = scf.for {i} = %c0 to {count} step %c1 iter_args({h} = {x}) -> {kind} {{")
        self.indent += 1
        self.line(f"scf.yield {self.layer(h, routing)} : {kind}")
        self.indent -= 1
        self.line("}")
        return result

    def around_if(self, x, kind, routing):
        flag = self.flag("flag")
        result, = self.names(1)
        self.line(f"{result} = scf.if {flag} -> {kind} {{")
        self.indent += 1
        self.line(f"scf.yield {self.layer(x, routing)} : {kind}")
        self.indent -= 1
        self.line("} else {")
        self.line(f"  scf.yield {x} : {kind}")
        self.line("}")
        return result

    def around_while(self, x, kind, routing):
        limit = self.limit("limit")
        last, result, i, h, i2, h2 = self.names(6)
        self.line(f"{last}, {result} = scf.while ({i} = %c0, {h} = {x}) : (index, {kind}) -> (index, {kind}) {{")
        self.indent += 1
        more = self.value(f"arith.cmpi slt, {i}, {limit} : index")
        self.line(f"scf.condition({more}) {i}, {h} : index, {kind}")
        self.indent -= 1
        self.line("} do {")
        self.line(f"^bb0({i2}: index, {h2}: {kind}):")
        self.indent += 1
        next_i = self.value(f"arith.addi {i2}, %c1 : index")
        self.line(f"scf.yield {next_i}, {self.layer(h2, routing)} : index, {kind}")
        self.indent -= 1
        self.line("}")
        return result

    def around_switch(self, x, kind, routing):
        which = self.limit("limit")
        result, = self.names(1)
        self.line(f"{result} = scf.index_switch {which} -> {kind}")
        self.line("case 0 {")
        self.line(f"  scf.yield {x} : {kind}")
        for label, layers in (("case 1", 1), ("default", 2)):
            self.line("}")
            self.line(f"{label} {{")
            self.indent += 1
            h = x
            for _ in range(layers):
                h = self.layer(h, routing)
            self.line(f"scf.yield {h} : {kind}")
            self.indent -= 1
        self.line("}")
        return result

    def combine(self, packed, routing, x, kind=None, inner=None):
        p = self.p
        kind = kind or shaped(["?", p["width"]], self.element)
        routing_type = inner or self.routing_type()
        into = p["into"] and not inner
        words = (f" into {x}" if into else "") + (" unweighted" if p["unweighted"] and not inner else "")
        kinds = f"{kind}, {routing_type}" + (f", {kind}" if into else "")
        return self.value(f"moe.combine {packed} by {routing}{words} : ({kinds}) -> {kind}")

    # Experts.

    def dispatch(self, x, routing):
        p = self.p
        row_kind = shaped(["?", p["width"]], self.element)
        operands, kinds, results = [x], [row_kind], [row_kind]
        if p["second"]:
            operands.append("%second")
            kinds.append(self.second_type())
            results.append(self.second_type())
        if p["inner"]:
            operands.append("%inner_scores")
            kinds.append(self.inner_type())
        packed, = self.names(1)
        several = len(results) > 1
        self.line(f"{packed}{':2' if several else ''} = moe.dispatch {', '.join(operands)} by {routing} : "
                  f"({', '.join([*kinds, self.routing_type()])}) -> ({', '.join(results)}) {{")
        for number, body in enumerate(p["bodies"]):
            if number:
                self.line("}, {")
            self.body(body, number, kinds)
        self.line("}")
        return [f"{packed}#{i}" for i in range(2)] if several else [packed]

    def body(self, body, number, kinds):
        p = self.p
        mine = self.names(len(kinds))
        arguments = [f"{name}: {kind}" for name, kind in zip(mine, kinds)]
        where = {"experts": [], "rows": mine[0], "width": p["width"]}
        if p["alike"]:
            where["experts"] = self.names(1)
            arguments.insert(0, f"{where['experts'][0]}: index")
        if p["takes_weights"]:
            where["weights"], = self.names(1)
            arguments.append(f"{where['weights']}: tensor<?xf32>")
        if p["second"]:
            where["second"] = mine[1]
        if p["inner"]:
            where["inner_scores"] = mine[-1]
        self.line(f"^expert{number}({', '.join(arguments)}):")
        self.indent += 1
        results, types = [self.operations(body, where)], [kinds[0]]
        if p["second"]:
            results.append(self.second_result(mine[1]))
            types.append(kinds[1])
        self.line(f"moe.yield {', '.join(results)} : {', '.join(types)}")
        self.indent -= 1

    def second_result(self, mine):
        kind = self.second_type()
        if self.p["second"] == "integers":
            code = ["%one = arith.constant 1 : i64", "%r = arith.addi %v, %one : i64"]
        elif self.p["second"] == "vector":
            code = ["%two = arith.constant 2.0 : f32", "%one = arith.constant 1.0 : f32", "%d = arith.mulf %v, %two : f32", "%r = arith.addf %d, %one : f32"]
        else:
            code = ["%one = arith.constant 1.0 : f32", "%r = arith.subf %v, %one : f32"]
        return self.map([mine], kind, code, of=["%v"])

    def operations(self, body, where):
        """The rows after all operations, in the element type of the program."""
        where["m"] = self.value(f"tensor.dim {where['rows']}, %c0 : {shaped(['?', where['width']], self.element)}")
        now, width, wide = where["rows"], where["width"], self.element == "f32"
        for op in body["ops"]:
            if op["op"] == "linear":
                now = self.linear(now if not wide or self.element == "f32" else self.cast(now, width, "truncf"), op, where)
            else:
                now = getattr(self, "print_" + op["op"])(now if wide else self.cast(now, width, "extf"), op, where, width)
            wide, width = True, op["width"]
        return self.cast(now, width, "truncf") if wide and self.element != "f32" else now

    def cast(self, value, width, how):
        source, target = ("f32", "bf16") if how == "truncf" else ("bf16", "f32")
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
        kind = shaped(["?", out])
        empty = self.value(f"tensor.empty({where['m']}) : {kind}")
        weight = self.weight(op["weight"], where)
        bias = self.weight(op["bias"], where) if op.get("bias") else None
        if bias and op["bias_first"]:
            start = self.value(f"linalg.broadcast ins({bias} : {shaped([out])}) outs({empty} : {kind}) dimensions = [0]")
        else:
            start = self.value(f"linalg.fill ins(%zero : f32) outs({empty} : {kind}) -> {kind}")
        weight_kind = shaped(self.p["tensors"][op["weight"]]["shape"], element)
        operands = f"ins({x}, {weight} : {shaped(['?', op['in']], element)}, {weight_kind}) outs({start} : {kind})"
        maps = ", ".join(TRANSPOSED if op["transposed"] else STRAIGHT)
        if op["style"] == "generic":
            result, = self.names(1)
            self.line(f'{result} = linalg.generic {{indexing_maps = [{maps}], iterator_types = ["parallel", "parallel", "reduction"]}} {operands} {{')
            self.line(f"^bb0(%a: {element}, %b: {element}, %acc: f32):")
            a, b = "%a", "%b"
            if element != "f32":
                self.line("  %aw = arith.extf %a : bf16 to f32")
                self.line("  %bw = arith.extf %b : bf16 to f32")
                a, b = "%aw", "%bw"
            self.line(f"  %product = arith.mulf {a}, {b} : f32")
            self.line("  %sum = arith.addf %acc, %product : f32")
            self.line("  linalg.yield %sum : f32")
            self.line(f"}} -> {kind}")
        else:
            words = f" indexing_maps = [{maps}]" if op["transposed"] else ""
            result = self.value(f"linalg.matmul{words} {operands} -> {kind}")
        if bias and not op["bias_first"]:
            result = self.generic([(result, ROWS, kind), (bias, ROW, shaped([out]))], kind, ["%r = arith.addf %v0, %v1 : f32"], where)
        return result

    def map(self, values, kind, code, of, out=None):
        element = kind[:-1].split("x")[-1].replace("tensor<", "")
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
        self.line(f"^bb0({', '.join(f'%v{i}: f32' for i in range(len(values)))}, %old: f32):")
        for scalar in code:
            self.line("  " + scalar)
        self.line("  linalg.yield %r : f32")
        self.line(f"}} -> {kind}")
        return result

    # The operations of bodies, on f32.

    def print_activation(self, x, op, where, width):
        kind = shaped(["?", width])
        if op["style"] == "map":
            return self.map([x], kind, CODE[op["name"]], ["%v"])
        return self.generic([(x, ROWS, kind)], kind, [c.replace("%v", "%v0") for c in CODE[op["name"]]], where)

    def print_residual(self, x, op, where, width):
        rows = where["rows"] if self.element == "f32" else self.cast(where["rows"], width, "extf")
        return self.value(f"arith.addf {x}, {rows} : {shaped(['?', width])}")

    def print_uniform(self, x, op, where, width):
        kind = shaped(["?", width])
        vector = self.weight(op["vector"], where)
        return self.generic([(x, ROWS, kind), (vector, ROW, shaped([width]))], kind, [f"%r = arith.{op['how']}f %v0, %v1 : f32"], where)

    def print_weigh(self, x, op, where, width):
        kind = shaped(["?", width])
        return self.generic([(x, ROWS, kind), (where["weights"], COLUMN, "tensor<?xf32>")], kind, ["%r = arith.mulf %v0, %v1 : f32"], where)

    def print_second(self, x, op, where, width):
        kind = shaped(["?", width])
        return self.generic([(x, ROWS, kind), (where["second"], COLUMN, "tensor<?xf32>")], kind, ["%r = arith.addf %v0, %v1 : f32"], where)

    def reduced(self, x, width, code, where, over_rows=False):
        kind = shaped([width] if over_rows else ["?"])
        empty = self.value(f"tensor.empty({'' if over_rows else where['m']}) : {kind}")
        start = self.value(f"linalg.fill ins(%zero : f32) outs({empty} : {kind}) -> {kind}")
        result, = self.names(1)
        types = '"reduction", "parallel"' if over_rows else '"parallel", "reduction"'
        self.line(f"{result} = linalg.generic {{indexing_maps = [{ROWS}, {ROW if over_rows else COLUMN}], iterator_types = [{types}]}} "
                  f"ins({x} : {shaped(['?', width])}) outs({start} : {kind}) {{")
        self.line("^bb0(%v: f32, %acc: f32):")
        for scalar in code:
            self.line("  " + scalar)
        self.line("  linalg.yield %r : f32")
        self.line(f"}} -> {kind}")
        return result, kind

    def print_norm(self, x, op, where, width):
        kind = shaped(["?", width])
        total, total_kind = self.reduced(x, width, ["%s = arith.mulf %v, %v : f32", "%r = arith.addf %acc, %s : f32"], where)
        return self.generic([(x, ROWS, kind), (total, COLUMN, total_kind)], kind,
                            ["%one = arith.constant 1.0 : f32", "%d = arith.addf %v1, %one : f32", "%r = arith.divf %v0, %d : f32"], where)

    def print_centre(self, x, op, where, width):
        kind = shaped(["?", width])
        total, total_kind = self.reduced(x, width, ["%r = arith.addf %acc, %v : f32"], where, over_rows=True)
        integer = self.value(f"arith.index_cast {where['m']} : index to i64")
        count = self.value(f"arith.sitofp {integer} : i64 to f32")
        return self.generic([(x, ROWS, kind), (total, ROW, total_kind)], kind,
                            [f"%mean = arith.divf %v1, {count} : f32", "%r = arith.subf %v0, %mean : f32"], where)

    def print_number(self, x, op, where, width):
        integer = self.value(f"arith.index_cast {where['experts'][0]} : index to i64")
        number = self.value(f"arith.sitofp {integer} : i64 to f32")
        kind = shaped(["?", width])
        return self.map([x], kind, ["%c = arith.constant 0.125 : f32", f"%s = arith.mulf {number}, %c : f32", "%r = arith.addf %v, %s : f32"], ["%v"])

    def print_loop(self, x, op, where, width):
        rounds = self.limit(op["rounds"])
        result, i, h = self.names(3)
        kind = shaped(["?", width])
        self.line(f"{result} = scf.for {i} = %c0 to {rounds} step %c1 iter_args({h} = {x}) -> {kind} {{")
        self.indent += 1
        narrow = h if self.element == "f32" else self.cast(h, width, "truncf")
        mixed = self.linear(narrow, op, where)
        done = self.value(f"math.tanh {mixed} : {kind}")
        self.line(f"scf.yield {done} : {kind}")
        self.indent -= 1
        self.line("}")
        return result

    def print_branch(self, x, op, where, width):
        flag = self.flag(op["flag"])
        kind = shaped(["?", width])
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
        number, kind = self.limit(op["number"]), shaped(["?", width])
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
        kind = shaped(["?", width])
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
        kind, routing_type = shaped(["?", width], self.element), f"!moe.routing<{op['experts']}>"
        x = x if self.element == "f32" else self.cast(x, width, "truncf")
        routing = self.value(f"moe.gate {where['inner_scores']} softmax top_k({op['k']}) normalize : ({self.inner_type()}) -> {routing_type}")
        packed, expert, mine = self.names(3)
        self.line(f"{packed} = moe.dispatch {x} by {routing} : ({kind}, {routing_type}) -> {kind} {{")
        self.line(f"^each({expert}: index, {mine}: {kind}):")
        self.indent += 1
        inner = {"experts": [*where["experts"], expert], "rows": mine, "width": width}
        self.line(f"moe.yield {self.operations(op['body'], inner)} : {kind}")
        self.indent -= 1
        self.line("}")
        y = self.combine(packed, routing, None, kind, routing_type)
        if self.element != "f32":
            x, y = self.cast(x, width, "extf"), self.cast(y, width, "extf")
        code = ["%half = arith.constant 0.5 : f32", "%h = arith.mulf %v0, %half : f32", "%r = arith.addf %h, %v1 : f32"]
        wide = shaped(["?", width])
        return self.generic([(x, ROWS, wide), (y, ROWS, wide)], wide, code, where)


def gate_words(router):
    words = []
    if router.get("groups"):
        count, keep, by = router["groups"]
        words.append(f"groups({count} keep {keep} by {by})")
    if router.get("top_k") is not None:
        words.append(f"top_k({router['top_k']})")
    if router.get("threshold") is not None:
        words.append(f"threshold({float(router['threshold'])})")
    words += [word for word in ("argmax",) if router.get(word)]
    if router.get("weights"):
        words.append(f"weights({router['weights']})")
    words += [word for word in ("normalize",) if router.get(word)]
    for name in ("epsilon", "scale"):
        if router.get(name) is not None:
            words.append(f"{name}({router[name]:e})")
    if router.get("capacity") is not None:
        words.append(f"capacity({router['capacity']})")
    if router.get("capacity_factor") is not None:
        words.append(f"capacity_factor({router['capacity_factor']:e})")
    return words
