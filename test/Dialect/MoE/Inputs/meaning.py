"""Runs the Python of docs/Dialect.md and checks the cases that the page defines."""

import re
import sys

import numpy as np

text = open(sys.argv[1], encoding="utf-8").read()
blocks = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
m = {"__name__": "meaning"}
exec(compile("\n".join(blocks), sys.argv[1], "exec"), m)
gate, route, combine, dispatch = m["gate"], m["route"], m["combine"], m["dispatch"]


def chosen(r):
    return m["indices"](r, r.experts).tolist()


def scores(*rows):
    return np.array(rows, np.float32)


nan, inf = np.nan, np.inf
# Ties, NaN, infinities.
assert chosen(gate(scores([1, 1, 1]), "identity", top_k=2)) == [[0, 1, 3]]
assert chosen(gate(scores([1, nan, 2]), "identity", top_k=2)) == [[0, 2, 3]]
assert chosen(gate(scores([nan, -inf, -inf]), "identity", top_k=1)) == [[0, 3, 3]]
r = gate(scores([0, nan, 2]), "softmax", top_k=2)
assert chosen(r) == [[0, 1, 3]] and np.isnan(r.weight).all()
assert chosen(gate(scores([0, nan, 2]), "softmax", threshold=0.1)) == [[3, 3, 3]]
assert chosen(gate(scores([0, nan, 2]), "sigmoid", threshold=0.4)) == [[0, 2, 3]]
assert np.isnan(gate(scores([0, inf]), "softmax", top_k=1).weight).all()
assert np.isnan(gate(scores([-inf, -inf]), "softmax", top_k=1).weight).all()
assert chosen(gate(scores([-0.0, 0.0]), "identity", top_k=1)) == [[0, 2]]
# k = 0, k = E, E = 1, N = 0.
r = gate(scores([1, 2], [3, 4]), "softmax", top_k=0, capacity_factor=1.0)
assert r.tokens == 2 and chosen(r) == [[2, 2], [2, 2]]
assert chosen(gate(scores([1, 2]), "softmax", top_k=2)) == [[0, 1]]
assert gate(scores([7]), "softmax", top_k=1).weight.tolist() == [1]
r = gate(np.zeros((0, 3), np.float32), "softmax", argmax=True, capacity_factor=1.0)
assert r.tokens == 0 and len(r.token) == 0 and m["counts"](r).tolist() == [0, 0, 0]
# Groups: the best groups first, even with experts of minus infinity.
z = scores([9, -inf, 5, 5], [1, 1, 1, 1])
assert chosen(gate(z, "identity", groups=(2, 1, "max"), top_k=2)) == [[0, 1, 4, 4], [0, 1, 4, 4]]
assert chosen(gate(z, "identity", groups=(2, 1, "top2_sum"), top_k=1)) == [[2, 4, 4, 4], [0, 4, 4, 4]]
# Bias counts in the ranking only; capacity, normalize, scale, weights.
r = gate(scores([0, 0]), "sigmoid", bias=np.array([0, 1], np.float32), top_k=1, scale=4.0)
assert chosen(r) == [[1, 2]] and r.weight.tolist() == [2]
r = gate(scores([1, 0], [1, 0], [1, 0]), "identity", argmax=True, capacity=2)
assert chosen(r) == [[0, 2], [0, 2], [2, 2]]
r = gate(scores([1, 0], [1, 0], [1, 0]), "identity", argmax=True, capacity_factor=0.5)
assert m["counts"](r).tolist() == [1, 0]  # ceil(0.5 * 3 * 1 / 2)
r = gate(scores([1, 3, 9]), "identity", threshold=0.5, normalize=True, epsilon=3.0)
assert r.weight.tolist() == [1 / 16, 3 / 16, 9 / 16]
assert np.isnan(gate(scores([0, 0]), "identity", top_k=1, normalize=True).weight).all()
r = gate(scores([2, 5, 5]), "identity", top_k=2, weights="softmax")
assert chosen(r) == [[1, 2, 3]] and r.weight.tolist() == [0.5, 0.5]
assert m["num_tokens"](r) == 1
r = m["route_all"](2, 3)
assert chosen(r) == [[0, 1, 2], [0, 1, 2]] and m["counts"](r).tolist() == [2, 2, 2] and (r.weight == 1).all()
# Numbers outside mean no expert; a repeated number is two assignments.
r = route(np.array([[2, 0, 2], [-1, 5, 1]]), np.array([[1.0, 2, 3], [4, 5, 6]]), experts=3)
assert r.expert.tolist() == [0, 1, 2, 2] and r.weight.tolist() == [2, 6, 1, 3]
assert m["weights"](r).tolist() == [[2, 0, 4], [0, 6, 0]]
assert m["mask"](r).tolist() == [[True, False, True], [False, True, False]]
# Dispatch and combine; experts without tokens do not run.
x = np.arange(6, dtype=np.float32).reshape(3, 2)
r = route(np.array([[1], [0], [1]]), experts=3)
bodies = [lambda a: [a + 1], lambda a: [a * 2], lambda a: 1 / 0]
packed, = dispatch([x], r, bodies, [((2,), np.float32)])
assert packed.tolist() == [[3, 4], [0, 2], [8, 10]]
assert m["rows"](packed, r, 1).tolist() == [[0, 2], [8, 10]]
assert combine(packed, r).tolist() == [[0, 2], [3, 4], [8, 10]]
none = route(np.array([[-1], [0]]), experts=1)
assert combine(x[:1], none, init=x[:2]).tolist() == [[0, 1], [0, 1]]
assert combine(x[1:2], none).tolist() == [[0, 0], [2, 3]]
assert not np.signbit(combine(-x[:1] * 0, none)).any()
assert np.isnan(combine(scores([inf]), route(np.array([[0]]), np.zeros((1, 1)), 1))).all()
family, = dispatch([x], r, lambda e, a, w: [a * 0 + e + w[:, None]], [((2,), np.float32)], True)
assert family.tolist() == [[1, 1], [2, 2], [2, 2]]
# The first mask that holds decides; zero without else, of each result.
x, n, some, other = scores([1, 2], [3, 4], [5, 6]), np.array([7, 8, 9]), np.array([1, 1, 0], bool), np.array([0, 1, 1], bool)
y, k = m["where"]([some, other], [0], [[x, n], [-x, -n]])
assert y.tolist() == [[1, 2], [3, 4], [-5, -6]] and k.tolist() == [7, 8, -9]
y, = m["where"]([np.array([[0, 0, 1], [1, 0, 0]], bool)], [1, 0], [[x]], [x * 0 - 1])
assert y.tolist() == [[-1, 2], [-1, -1], [5, -1]]
y, = m["where"]([np.array(False)], [], [[x]])
assert y.tolist() == [[0, 0], [0, 0], [0, 0]]
assert m["parameter"]({"l.3.e.1.w": 5}, "l.{0}.e.{1}.w", [4, 2], [3, 1]) == 5
# Sums, an element of each row, one of each column.
y = m["contract"](scores([1, 2]), [scores([3, 4], [5, 6]), scores([1, 0], [0, 1])], [np.array([10.0]), np.array([100, 200])],
                  [[0], [1]], (1, 2), lambda a, b, row, column: a * b + row + column)
assert y.tolist() == [[11 * 1 + 110, 17 * 2 + 210]]
y = np.zeros(2)
add, double = lambda a, out: [a + out], lambda a, out: [2 * out]
assert m["call"]([add], [np.ones(2)], [y])[0] is y and y.tolist() == [1, 1]
for number, want in ((0, 2), (1, 4), (7, 8)):
    assert m["call"]([add, double], [np.ones(2)], [y], number)[0].tolist() == [want, want]
for wrong in (lambda: m["pick"](3, [1, 2, 3]), lambda: m["parameter"]({}, "{0}", [2], [-1])):
    try:
        wrong()
        raise SystemExit("an index out of range is not an error")
    except IndexError:
        pass
print(f"{len(blocks)} blocks")
