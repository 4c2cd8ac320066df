"""Prints a random program as a model file."""

from generate import instances, used_tensors
from meaning import pattern
from text_bodies import Bodies, shaped


def model(program, result_names):
    """The text, the names of the inputs in order, and those of the results."""
    return Printer(program).module(result_names)


class Printer(Bodies):
    """The module around the bodies: inputs, routings, dispatches, what repeats them."""

    def __init__(self, program):
        super().__init__(program)
        self.used = used_tensors(program)

    # The whole.

    def module(self, result_names):
        p = self.p
        width, n = p["width"], "?"
        x_type = shaped([n, width], self.element)
        x = self.rows_of("x", [width], self.element)
        for c in (0, 1):
            self.line(f"%c{c} = arith.constant {c} : index")
        self.line(f"%zero = arith.constant 0.0 : {self.wide}")
        # Inputs are declared first, those of bodies too.
        if p["second"]:
            self.argument("second", self.second_type())
        if p["inner"]:
            self.argument("inner_scores", self.inner_type())
        for name in sorted(self.used):
            self.declare(name, p["tensors"][name])
        if p["static"] and p["router"]["kind"] == "gate":
            self.rows_of("scores", [p["experts"]], p["router"]["scores"]["element"])
        inside = p["gate_inside"] and p["around"] or p["around"] == "grow"
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

    def rows_of(self, name, shape, element):
        """An input with a row for each token; their number may be in its type."""
        kind = shaped(["?", *shape], element)
        if not self.p["static"]:
            return self.argument(name, kind)
        given = shaped([self.p["tokens"], *shape], element)
        if name not in self.arguments:
            self.line(f"%{name}_any = tensor.cast {self.argument(name, given)} : {given} to {kind}")
        return f"%{name}_any"

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
        element = self.p["second_element"]
        return {"vector": f"tensor<?x{element}>", "integers": f"tensor<?x{element}>", "cube": f"tensor<?x3x2x{element}>"}[self.p["second"]]

    def inner_type(self):
        return shaped(["?", self.p["inner"]["experts"]])

    def routing(self, scores=None):
        p, router = self.p, self.p["router"]
        if router["kind"] == "gate":
            element = router["scores"]["element"]
            kind = shaped(["?", p["experts"]], element)
            operand, kinds = scores or self.rows_of("scores", [p["experts"]], element), [kind]
            words = [router["function"]]
            if router.get("bias"):
                kinds.append(shaped([p["experts"]], element))
                words.append(f"bias({self.argument('bias', kinds[1])})")
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

    def around_grow(self, x, kind, _):
        """The number of tokens changes from round to round, and their scores with it."""
        p, experts = self.p, self.p["experts"]
        element = p["router"]["scores"]["element"]
        scores_kind = shaped(["?", experts], element)
        scores = self.rows_of("scores", [experts], element)
        count = self.value(f"arith.constant {p['rounds']} : index")
        result, i, h, s = self.names(4)
        self.line(f"{result}:2 = scf.for {i} = %c0 to {count} step %c1 iter_args({h} = {x}, {s} = {scores}) -> ({kind}, {scores_kind}) {{")
        self.indent += 1
        y = self.layer(h, self.routing(s))
        grown = [self.grown(y, kind, p["width"], self.element, "extra"), self.grown(s, scores_kind, experts, element, "extra_scores")]
        self.line(f"scf.yield {', '.join(grown)} : {kind}, {scores_kind}")
        self.indent -= 1
        self.line("}")
        return f"{result}#0"

    def grown(self, value, kind, width, element, extra):
        how = self.p["growth"]
        if how == "double":
            return self.value(f"tensor.concat dim(0) {value}, {value} : ({kind}, {kind}) -> {kind}")
        if how == "append":
            more = shaped([2, width], element)
            return self.value(f"tensor.concat dim(0) {value}, {self.argument(extra, more)} : ({kind}, {more}) -> {kind}")
        rows = self.value(f"tensor.dim {value}, %c0 : {kind}")
        half = self.value(f"arith.divui {rows}, {self.value('arith.constant 2 : index')} : index")
        return self.value(f"tensor.extract_slice {value}[0, 0] [{half}, {width}] [1, 1] : {kind} to {kind}")

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
