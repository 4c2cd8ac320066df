"""Changes models at random: types, sizes, attributes, operands, nesting.

A mutant is text. Most are no longer legal: what is wanted is that moe-run says so,
or computes what they mean now.
"""

import glob
import os
import re

import numpy as np

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

ELEMENTS = ["f32", "f64", "f16", "bf16", "i1", "i8", "i16", "i32", "i64", "index", "f32", "i64"]
FLOATING = ["f32", "f64", "f16", "bf16"]
RARE_ELEMENTS = ["i0", "i4", "i65", "i128", "f80", "f128", "ui8", "si32", "f8E4M3FN", "f8E5M2", "tf32", "complex<f32>", "none", "vector<4xf32>"]
SIZES = ["?", "0", "1", "2", "3", "4", "5", "7", "8", "16", "33", "?", "64"]
RARE_SIZES = ["-1", "65536", "65537", "2147483648", "4294967297", "9223372036854775807", "1000003"]
INTEGERS = ["0", "1", "2", "3", "4", "5", "7", "8", "-1", "-2", "16", "63", "64"]
RARE_INTEGERS = ["127", "128", "255", "256", "65536", "65537", "2147483647", "2147483648", "-2147483649", "9223372036854775807",
                 "-9223372036854775808", "9223372036854775808", "18446744073709551616"]
FLOATS = ["0.0", "-0.0", "1.0", "-1.0", "0.5", "1.0e30", "-3.0e38", "1.0e-40", "1.0e300", "0x7F800000", "0xFF800000", "0x7FC00000"]

# Words that stand for each other.
GROUPS = [
    ["arith.addf", "arith.subf", "arith.mulf", "arith.divf", "arith.maximumf", "arith.minimumf", "arith.maxnumf", "arith.remf"],
    ["arith.addi", "arith.subi", "arith.muli", "arith.andi", "arith.ori", "arith.xori", "arith.divsi", "arith.divui", "arith.remsi",
     "arith.remui", "arith.shli", "arith.shrsi", "arith.shrui", "arith.maxsi", "arith.minsi", "arith.ceildivsi", "arith.floordivsi"],
    ["arith.extf", "arith.truncf", "arith.sitofp", "arith.uitofp", "arith.fptosi", "arith.fptoui", "arith.extsi", "arith.extui",
     "arith.trunci", "arith.index_cast", "arith.index_castui", "arith.bitcast"],
    ["math.exp", "math.tanh", "math.sqrt", "math.rsqrt", "math.log", "math.erf", "math.absf", "math.sin", "math.cos", "math.exp2",
     "math.log1p", "math.expm1", "math.floor", "math.ceil", "math.round", "math.roundeven", "math.trunc", "math.atan", "math.tan",
     "math.cbrt", "math.sinh", "math.log2", "arith.negf", "math.asin", "math.acosh", "math.erfc"],
    ["math.powf", "math.atan2", "math.copysign", "arith.addf", "math.fpowi"],
    ["eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge"],
    ["oeq", "one", "olt", "ole", "ogt", "oge", "ueq", "une", "uno", "ord"],
    ['"parallel"', '"reduction"', '"window"'],
    ["softmax", "sigmoid", "identity"],
    ["moe.counts", "moe.mask", "moe.weights", "moe.indices"],
    ["moe.combine", "moe.rows"],
    ["linalg.matmul", "linalg.batch_matmul", "linalg.matvec", "linalg.vecmat", "linalg.dot", "linalg.add", "linalg.mul", "linalg.sub", "linalg.max"],
    ["linalg.exp", "linalg.tanh", "linalg.abs", "linalg.negf", "linalg.square", "linalg.floor", "linalg.round", "linalg.copy"],
    ["linalg.map", "linalg.reduce", "linalg.generic"],
    ["linalg.broadcast", "linalg.transpose", "linalg.copy"],
    ["tensor.collapse_shape", "tensor.expand_shape", "tensor.cast", "tensor.reshape"],
    ["tensor.extract", "tensor.dim"],
    ["scf.for", "scf.forall", "scf.parallel"],
    ["normalize", "unweighted", "argmax"],
    ["private", "public"],
    ["func.call", "call"],
    ["true", "false"],
    ["max", "top2_sum"],
]
WORDS = {word: group for group in GROUPS for word in group}
NAMES = ["expf", "memcpy", "malloc", "free", "printf", "abort", "_mlir_ciface_main", "moe_rt_alloc", "main.0", '"a b"', '"\\00"', '""', "exp", "x" * 300]

SHAPED = re.compile(r"\b(tensor|vector|memref)<((?:(?:\?|-?\d+)x)*)([^<>]*(?:<[^<>]*>)?[^<>]*)>")
VALUE = re.compile(r"%[A-Za-z0-9_.$-]+(?:#\d+)?")
WORD = re.compile(r'"[a-z]+"|[A-Za-z_][A-Za-z0-9_.]*')
INTEGER = re.compile(r"(?<![\w.%@#\"x<-])-?\d+(?![\w.]*[\w.])")
FLOAT = re.compile(r"(?<![\w.%@#x-])-?\d+\.\d*(?:[eE][+-]?\d+)?|0x[0-9A-F]{4,16}\b")
ELEMENT = r"(?:(?<=[0-9?]x)|(?<![\w.%%@\"#]))%s\b"


def sources():
    """The models of the examples and tests: name and text."""
    found = []
    files = sorted(glob.glob(os.path.join(SOURCE, "docs", "examples", "**", "*.mlir"), recursive=True))
    files += sorted(path for ext in ("mlir", "test") for path in glob.glob(os.path.join(SOURCE, "test", "**", "*." + ext), recursive=True))
    for path in files:
        with open(path, encoding="utf-8", errors="replace") as f:
            parts = re.split(r"^// -----.*$|^(?://|#)--- .*$", f.read(), flags=re.M)
        for number, part in enumerate(parts):
            text = "\n".join(line for line in part.splitlines() if not re.match(r"\s*(//|# |RUN)", line)).strip() + "\n"
            if "func.func" in text and not re.search(r"memref<|\b(gpu|llvm|nvvm|nvgpu|cf|vector|transform)\.", text):
                found.append((f"{os.path.relpath(path, SOURCE)}:{number}", text))
    return found


class Mutator:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.fresh = 0

    def one(self, options):
        return options[int(self.rng.integers(len(options)))]

    def maybe(self, chance):
        return bool(self.rng.random() < chance)

    def rarely(self, usual, rare):
        return self.one(rare if self.maybe(0.12) else usual)

    def mutate(self, text):
        """The changed text, and what was done."""
        done = []
        for _ in range(self.one([1, 1, 1, 1, 2, 2, 3])):
            for _ in range(8):
                how = self.one(KINDS)
                changed = how(self, text)
                if changed is not None and changed != text:
                    text = changed
                    done.append(how.__name__)
                    break
        return text, done

    def replaced(self, text, pattern, new, group=0):
        """The text with one match of the pattern replaced by new(match)."""
        matches = list(re.finditer(pattern, text))
        if not matches:
            return None
        match = self.one(matches)
        put = new(match)
        return None if put is None else text[:match.start(group)] + put + text[match.end(group):]

    # Types and sizes.

    def element_here(self, text):
        return self.replaced(text, SHAPED, lambda m: f"{m[1]}<{m[2]}{self.rarely(ELEMENTS, RARE_ELEMENTS)}>")

    def element_everywhere(self, text):
        there = [e for e in set(ELEMENTS) if re.search(ELEMENT % e, text)]
        if not there:
            return None
        old, new = self.one(sorted(there)), self.rarely(ELEMENTS, RARE_ELEMENTS)
        if self.maybe(0.85):  # constants stay what they are
            new = self.one(["f32", "f64", "f16", "bf16"] if old in FLOATING else ["i8", "i16", "i32", "i64"])
        text = re.sub(ELEMENT % old, new, text)
        # Casts of a type to itself are not what is meant.
        return re.sub(r"(%\S+ = )arith\.(?:extf|truncf) (%\S+) : (\S+) to \3$", r"\1arith.addf \2, \2 : \3", text, flags=re.M)

    def size_here(self, text):
        def change(match):
            sizes = match[2].split("x")[:-1]
            if sizes:
                sizes[int(self.rng.integers(len(sizes)))] = self.rarely(SIZES, RARE_SIZES)
            return f"{match[1]}<{''.join(s + 'x' for s in sizes)}{match[3]}>"
        return self.replaced(text, SHAPED, change)

    def size_everywhere(self, text):
        sizes = sorted({size for match in SHAPED.finditer(text) for size in match[2].split("x")[:-1]})
        if not sizes:
            return None
        old, new = self.one(sizes), self.rarely(SIZES, RARE_SIZES)
        def change(match):
            return f"{match[1]}<{''.join((new if s == old else s) + 'x' for s in match[2].split('x')[:-1])}{match[3]}>"
        text = SHAPED.sub(change, text)
        if old != "?" and new != "?" and self.maybe(0.6):
            text = re.sub(rf"(?<![\w.%@#\"x-]){old}(?![\w.]*[\w.])", new, text)
            text = re.sub(rf"!moe\.routing<{old}>", f"!moe.routing<{new}>", text)
        return text

    def rank_here(self, text):
        def change(match):
            sizes = match[2].split("x")[:-1]
            if sizes and self.maybe(0.5):
                del sizes[int(self.rng.integers(len(sizes)))]
            else:
                sizes.insert(int(self.rng.integers(len(sizes) + 1)), self.one(SIZES))
            return f"{match[1]}<{''.join(s + 'x' for s in sizes)}{match[3]}>"
        return self.replaced(text, SHAPED, change)

    def experts(self, text):
        return self.replaced(text, r"!moe\.routing<(\d+)>", lambda m: self.rarely(INTEGERS, RARE_INTEGERS), 1)

    # Attributes.

    def integer(self, text):
        return self.replaced(text, INTEGER, lambda m: self.rarely(INTEGERS, RARE_INTEGERS))

    def number(self, text):
        return self.replaced(text, FLOAT, lambda m: self.one(FLOATS))

    def word(self, text):
        matches = [m for m in WORD.finditer(text) if m[0] in WORDS]
        if not matches:
            return None
        match = self.one(matches)
        return text[:match.start()] + self.one(WORDS[match[0]]) + text[match.end():]

    def word_everywhere(self, text):
        there = sorted({m[0] for m in WORD.finditer(text) if m[0] in WORDS and "." in m[0]})
        if not there:
            return None
        old = self.one(there)
        return re.sub(rf"(?<![\w.]){re.escape(old)}(?![\w.])", self.one(WORDS[old]), text)

    def clause(self, text):
        """Drops what stands in one pair of brackets."""
        return self.replaced(text, r" ?\w*(\([^()\n]*\)|\{[^{}\n]*\}|\[[^\[\]\n]*\])", lambda m: "")

    def name(self, text):
        return self.replaced(text, r"@[\w.$-]+", lambda m: "@" + self.one(NAMES))

    # Operands.

    def operand(self, text):
        names = sorted(set(VALUE.findall(text)))
        return self.replaced(text, VALUE, lambda m: self.one(names)) if names else None

    def swap_operands(self, text):
        return self.replaced(text, rf"({VALUE.pattern}), ({VALUE.pattern})", lambda m: f"{m[2]}, {m[1]}")

    def operand_of_same_type(self, text):
        """Uses another value of the same type, where types are told after a colon."""
        typed = {}
        for match in re.finditer(rf"({VALUE.pattern}): ([^,()\n]*(?:<[^<>]*>)?)(?=[,)])", text):
            typed.setdefault(match[2].strip(), []).append(match[1])
        for match in re.finditer(r"^\s*(%[\w$.-]+) = .*[:>] ((?:tensor<[^<>]*>|f\d+|bf16|i\d+|index))\s*$", text, re.M):
            typed.setdefault(match[2], []).append(match[1])
        several = sorted(t for t, names in typed.items() if len(set(names)) > 1)
        if not several:
            return None
        names = sorted(set(typed[self.one(several)]))
        return self.replaced(text, rf"(?:{'|'.join(re.escape(n) for n in names)})(?![\w$.-]|(?: =|:))", lambda m: self.one(names))

    def yields(self, text):
        """Another value is yielded or returned."""
        names = sorted(set(VALUE.findall(text)))
        return self.replaced(text, rf"(?:yield|return) ({VALUE.pattern})", lambda m: self.one(names), 1) if names else None

    # Statements and nesting.

    def drop_line(self, text):
        lines = text.splitlines()
        del lines[int(self.rng.integers(len(lines)))]
        return "\n".join(lines) + "\n"

    def swap_lines(self, text):
        lines = text.splitlines()
        a, b = (int(self.rng.integers(len(lines))) for _ in range(2))
        lines[a], lines[b] = lines[b], lines[a]
        return "\n".join(lines) + "\n"

    def copied(self, statement):
        """A statement under fresh names, and its results by their old names."""
        self.fresh += 1
        own = set(re.findall(r"^\s*(%[\w$.-]+)(?::\d+)?(?: =|,)", statement, re.M))
        own |= set(re.findall(r"\^\w+\(|(%[\w$.-]+): ", statement)) - {""}
        return re.sub(r"%[\w$.-]+", lambda m: self.renamed(m[0]) if m[0] in own else m[0], statement)

    def renamed(self, name):
        return f"%v{name[1:]}_{self.fresh}" if name[1].isdigit() else f"{name}_{self.fresh}"

    def copy_statement(self, text):
        """A statement again, anywhere: also inside of another's region, or its own."""
        parts = statements(text)
        if not parts:
            return None
        begin, end = self.one(parts)
        lines = text.splitlines()
        statement = "\n".join(lines[begin:end])
        if self.maybe(0.15):
            at = int(self.rng.integers(len(lines)))
        else:  # where its operands are known
            at = self.one([begin, *range_of_scope(lines, end)])
        lines.insert(at, self.copied(statement))
        name = re.match(r"\s*(%[\w$.-]+)", statement)[1]
        if self.maybe(0.7):  # and somebody uses it
            rest = "\n".join(lines[at + 1:])
            used = self.replaced(rest, re.escape(name) + r"(?![\w$.-]| =|:)", lambda m: self.renamed(name))
            if used:
                return "\n".join(lines[:at + 1]) + "\n" + used + "\n"
        return "\n".join(lines) + "\n"

    def wrap_statement(self, text):
        """A statement inside of a region: chosen, repeated, or both."""
        parts = [(b, e, m) for b, e in statements(text) if (m := single_result(text, b, e))]
        if not parts:
            return None
        begin, end, (name, kind) = self.one(parts)
        lines = text.splitlines()
        statement = "\n".join(lines[begin:end])
        one = self.copied(statement)
        first = self.renamed(name)
        two = self.copied(statement)
        second = self.renamed(name)
        how, n = self.one(["if", "switch", "for", "while", "generate"]), self.fresh
        if how == "if":
            new = [f"%if{n} = arith.constant {self.one(['true', 'false'])}", f"{name} = scf.if %if{n} -> ({kind}) {{", one,
                   f"scf.yield {first} : {kind}", "} else {", two, f"scf.yield {second} : {kind}", "}"]
        elif how == "switch":
            new = [f"%sw{n} = arith.constant {self.one([0, 1, 5])} : index", f"{name} = scf.index_switch %sw{n} -> {kind}", "case 1 {", one,
                   f"scf.yield {first} : {kind}", "}", "default {", two, f"scf.yield {second} : {kind}", "}"]
        elif how == "for":
            new = [f"%lo{n} = arith.constant 0 : index", f"%st{n} = arith.constant 1 : index", f"%hi{n} = arith.constant {self.one([0, 1, 3])} : index",
                   one, f"{name} = scf.for %i{n} = %lo{n} to %hi{n} step %st{n} iter_args(%old{n} = {first}) -> ({kind}) {{", two,
                   f"scf.yield {second} : {kind}", "}"]
        elif how == "while":
            new = [f"%no{n} = arith.constant false", one, f"{name} = scf.while (%old{n} = {first}) : ({kind}) -> {kind} {{", two,
                   f"scf.condition(%no{n}) {second} : {kind}", "} do {", f"^bb0(%again{n}: {kind}):", f"scf.yield %again{n} : {kind}", "}"]
        else:
            scalar = re.fullmatch(r"(?:f|bf|i)\d+", kind)
            if not scalar:
                return None
            new = [f"%g{n} = tensor.generate {{", f"^bb0(%i{n}: index):", one, f"tensor.yield {first} : {kind}", f"}} : tensor<4x{kind}>",
                   f"%z{n} = arith.constant 0 : index", f"{name} = tensor.extract %g{n}[%z{n}] : tensor<4x{kind}>"]
        return "\n".join(lines[:begin] + new + lines[end:]) + "\n"

    def chain(self, text):
        """A statement whose result can be its operand, many times."""
        parts = []
        for begin, end in statements(text):
            result = single_result(text, begin, end)
            body = "\n".join(text.splitlines()[begin:end])
            operand = re.search(r"= [\w.]+ (?:ins\()?(%[\w$.-]+)", body)
            if result and operand and body.count(result[1]) > 1:
                parts.append((begin, end, result[0], operand[1]))
        if not parts:
            return None
        begin, end, name, operand = self.one(parts)
        lines = text.splitlines()
        statement, new, before = "\n".join(lines[begin:end]), [], operand
        count = self.one([2, 3, 5, 40])
        for i in range(count):
            copy = self.copied(statement) if i < count - 1 else statement
            new.append(re.sub(re.escape(operand) + r"(?![\w$.-])", before, copy, count=1) if before != operand else copy)
            before = self.renamed(name)
        return "\n".join(lines[:begin] + new + lines[end:]) + "\n"

    def noise(self, text):
        """A token less, or twice."""
        return self.replaced(text, r"\S+", lambda m: "" if self.maybe(0.5) else f"{m[0]} {m[0]}")


def statements(text):
    """Ranges of lines that hold one operation with a result and its regions."""
    found, lines = [], text.splitlines()
    for begin, line in enumerate(lines):
        if not re.match(r"\s*%[\w$.-]+(?::\d+)? = ", line):
            continue
        depth, end = 0, begin
        while end < len(lines):
            bare = re.sub(r"->", "", lines[end])
            depth += sum(bare.count(c) for c in "([{") - sum(bare.count(c) for c in ")]}")
            end += 1
            following = lines[end].strip() if end < len(lines) else ""
            if depth <= 0 and not re.match(r"(ins|outs|:|->|\(|dimensions|case|default|attrs)", following) and not lines[end - 1].rstrip().endswith(","):
                break
        found.append((begin, end))
    return found


def range_of_scope(lines, begin):
    """The lines after which an operation can stand, as long as what is known at `begin` is."""
    depth, found = 0, []
    for at in range(begin, len(lines)):
        stripped = lines[at].strip()
        if re.match(r"(%[\w$.-]+(:\d+)? = |return|[\w.]*yield)", stripped):
            found.append(at)
        bare = re.sub(r"->", "", stripped)
        depth += sum(bare.count(c) for c in "([{") - sum(bare.count(c) for c in ")]}")
        if depth < 0:
            break
    return found


def single_result(text, begin, end):
    """Name and type of the only result, as far as the text tells."""
    lines = text.splitlines()
    name = re.match(r"\s*(%[\w$.-]+) = ", lines[begin])
    whole = " ".join(lines[begin:end])
    kind = re.search(r"(?:->|\bto|\binto|:)\s*\(?\s*((?:tensor<[^<>]*>|f\d+|bf16|i\d+|index))\)?\s*$", whole) \
        or re.search(r"->\s*\(?((?:tensor<[^<>]*>|f\d+|bf16|i\d+|index))\)?\s*\{", whole)
    return (name[1], kind[1]) if name and kind else None


M = Mutator
KINDS = ([M.element_here, M.size_here, M.rank_here] + [M.element_everywhere, M.size_everywhere] * 4 + [M.experts, M.name, M.clause, M.drop_line, M.noise]
         + [M.integer, M.word] * 4 + [M.number, M.word_everywhere] * 2 + [M.swap_lines, M.operand, M.swap_operands, M.yields]
         + [M.operand_of_same_type, M.copy_statement, M.wrap_statement] * 5 + [M.chain] * 3)


def mutant(seed, bases):
    """A changed model: where it comes from, its text, what was changed."""
    mutator = Mutator(seed)
    name, text = mutator.one(bases)
    changed, done = mutator.mutate(text)
    return name, changed, done
