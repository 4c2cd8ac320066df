# REQUIRES: torch
# RUN: %export_python %s
"""Modules of PyTorch keep their values, and what cannot be exported is refused."""

import contextlib
import inspect
import io
import os
import sys
import tempfile
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
sys.path.remove(os.path.dirname(os.path.realpath(__file__)))
import moe_export
import numpy as np
import torch
from export import exports, layers, refused, rows, same
from moe_export import child
from models_torch import ChosenRows, SortedRows
from torch import nn


class Mixture(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(8, 5, bias=False)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 8)) for _ in range(5))

    def forward(self, x):
        weights, chosen = torch.topk(torch.softmax(self.gate(x), -1), 2, sorted=False)
        y = torch.zeros_like(x)
        for number, expert in enumerate(self.experts):
            y = y + expert(x) * torch.where(chosen == number, weights, 0.0).sum(-1, keepdim=True)
        return y


class Scatter(nn.Module):
    def forward(self, x):
        weights, chosen = torch.topk(x, 2)
        return torch.zeros_like(x).scatter_(1, chosen, weights)


class OnHost(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


class Empty(nn.Module):
    def forward(self, x):
        rows = torch.where(x[:, 0] > 0)[0]
        return x if rows.numel() == 0 else x.index_add(0, rows, x[rows])


class Whitened(nn.Module):
    def forward(self, x):
        return torch.linalg.cholesky(x.T @ x + torch.eye(8))


class Loop(nn.Module):
    def forward(self, x):
        return torch.while_loop(lambda x: x.sum() < 100, lambda x: (x + 1,), (x,))[0]


class Groups(nn.Module):
    """Rows sorted by their experts and split where the next one begins."""

    def forward(self, x):
        chosen = x.argmax(-1)
        sizes = nn.functional.one_hot(chosen, 8).sum(0).tolist()
        return torch.cat([part * number for number, part in enumerate(x[chosen.argsort()].split(sizes))])


class Turned(nn.Module):
    def forward(self, x):
        turn = torch.polar(torch.ones(7, 4), torch.ones(7, 4))
        return torch.view_as_real(torch.view_as_complex(x.view(7, 4, 2)) * turn).flatten(1)


class Fixed(nn.Module):
    def forward(self, x):
        return x.view(7, 8) + torch.ones(7, 1)


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x):
        return torch.cond(x[0, 0] > 0, lambda x: torch.relu(self.first(x)), lambda x: self.second(x), (x,))


class ReadIfInside(nn.Module):
    """A branch that may read only while it is taken."""

    def forward(self, x, at):
        def nested(x, at):
            first = lambda x, at: torch.take_along_dim(x, at[None], 1)[:, 0] + x[at].sum(0)[0]
            return torch.cond(at.sum() > 3, first, lambda x, at: x[:, 0] + at[0], (x, at))

        return torch.cond((at < x.shape[0]).all(), nested, lambda x, at: x.new_zeros(1).expand(x.shape[0]).clone(), (x, at))


class Counts(nn.Module):
    def forward(self, x):
        chosen = x.argmax(-1)
        hot = nn.functional.one_hot(chosen, 8)
        counts = torch.bincount(chosen, minlength=8), torch.histc(chosen.float(), bins=8, min=0, max=7)
        return hot.cumsum(0) * hot, x.cumsum(1), *counts, torch.searchsorted(torch.arange(4.0), x)


class Gates(nn.Module):
    """Numbers put into zeros, and the like."""

    def forward(self, x):
        shares, chosen = torch.topk(torch.softmax(x, -1), 2)
        zeros, token = torch.zeros_like(x), torch.arange(x.shape[0])[:, None]
        put = zeros.clone()
        put[token, chosen] = shares
        return (
            zeros.scatter(-1, chosen, shares), zeros.scatter_(-1, chosen, 1.0), zeros.scatter_add(1, chosen, shares),
            zeros.index_put((token.expand(-1, 2), chosen), shares, accumulate=True), put, x[token[:, 0], chosen[:, 1]],
            zeros.index_fill(1, torch.tensor([1, 3]), 2.0), zeros.masked_scatter(x > 0, x),
            torch.full_like(x, -torch.inf).scatter(1, chosen, shares).softmax(-1),
        )  # fmt: skip


class Running(nn.Module):
    """The greatest, the least and the product so far; NaN is the greatest and the least."""

    def forward(self, x):
        x = torch.where(x > 2, torch.nan, x.round())
        numbers = (x[:, :3].nan_to_num() * 3).int()
        return *x.cummax(1), *x.cummin(0), x.cumprod(1).nan_to_num(), numbers.cumprod(0), *numbers.cummax(1)


class Reduced(nn.Module):
    """Numbers put into others that are there."""

    def forward(self, x):
        at = x[:, :2].argmax(-1, keepdim=True)
        return (
            x.scatter(1, at, 2 * x[:, 2:3], reduce="multiply"), x.scatter(-1, at, 3.0, reduce="add"),
            x.scatter(1, at, 3.0, reduce="multiply"), x.scatter_reduce(1, at, x[:, :1], "prod"),
        )  # fmt: skip


class Bytes(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("table", torch.arange(200, 240, dtype=torch.uint8))

    def forward(self, u):
        return u, u.float() / 255, self.table[u.long() % 40], u.amax(1)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.to_all = nn.RMSNorm(8), nn.Linear(8, 24)

    def forward(self, x):
        q, k, v = self.to_all(self.norm(x)).view(x.shape[0], x.shape[1], 2, 12).transpose(1, 2).chunk(3, -1)
        y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return y.transpose(1, 2).reshape(x.shape)


class Words(nn.Module):
    """Attention to what is before, over sequences of any length."""

    def __init__(self):
        super().__init__()
        self.embedding, self.to_all = nn.Embedding(30, 8), nn.Linear(8, 24)

    def forward(self, numbers):
        x = self.embedding(numbers)
        q, k, v = (part[:, None] for part in self.to_all(x).chunk(3, -1))
        return x + nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)[:, 0]


class AddRows(nn.Module):
    def forward(self, x, rows):
        return torch.zeros_like(x).index_add_(0, rows, x)


def check(name, module, x=None, sizes=(7, 1)):
    x = rows(7, 8, seed=1) if x is None else x

    def function(x):
        with torch.no_grad():
            return module.eval()(torch.from_numpy(x))

    def export(folder):
        moe_export.torch(module, [torch.from_numpy(x)], folder, dynamic=True)

    return exports(name, export, function, x, sizes=sizes)


def says(name, module, line, *words):
    """The export fails with the line of the module that cannot be exported, and says nothing else."""
    source, first = inspect.getsourcelines(module.forward)
    number = first + next(at for at, text in enumerate(source) if line in text)
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        refused(name, lambda f: moe_export.torch(module(), [x], f), f"torch.py:{number}: ", *words)
    assert said.getvalue() == "", said.getvalue()


torch.manual_seed(0)
x = torch.from_numpy(rows(7, 8, seed=1))
text, weights = check("mixture", Mixture())
assert "@experts.4.2.weight" in text and b'"experts.4.2.bias"' in weights and "tm_tensor" not in text
check("scatter", Scatter())
check("chosen rows", ChosenRows(4))
text, _ = check("moving statistics", nn.Sequential(nn.BatchNorm1d(8), nn.Dropout(0.5)))
assert '@"0.running_mean"' in text and "num_batches_tracked" not in text
check("branches", Branches())
for module in (SortedRows, Counts, Gates, Running, Reduced):
    check(module.__name__, module(), sizes=(7, 1, 0))
check("attention", Attention(), rows(3, 5, 8, seed=2), sizes=(3, 1))
unsigned = np.random.default_rng(3).integers(0, 256, (7, 8)).astype(np.uint8)
text, _ = check("bytes", Bytes(), unsigned)
assert "-> (tensor<?x?xui8>, tensor<?x?xf32>, tensor<?x?xui8>, tensor<?xui8>)" in text, text
words = Words().eval()
with tempfile.TemporaryDirectory() as folder, torch.no_grad():
    moe_export.torch(words, [torch.zeros(2, 5, dtype=torch.int64)], folder, dynamic=True)
    for shape in ((3, 7), (1, 1), (2, 4)):
        numbers = np.random.default_rng(4).integers(0, 30, shape)
        same(f"words {shape}", moe_export.run(folder, numbers), words(torch.from_numpy(numbers)))

says("tracing", OnHost, "return", "torch.where, or torch.cond")
says("empty", Empty, "numel", "may be empty")
says("operation", Whitened, "return", "cannot convert torch.linalg_cholesky_ex")
says("loop", Loop, "return", "while_loop")
says("sizes of values", Groups, "tolist", "keep it a tensor")
says("complex", Turned, "polar", "complex numbers")
with warnings.catch_warnings(record=True) as given:
    warnings.simplefilter("always")
    with tempfile.TemporaryDirectory() as scratch:
        moe_export.torch(Fixed(), [x], os.path.join(scratch, "model"))
(warning,) = given
assert "fixed to 7" in str(warning.message) and "x.shape[0]" in str(warning.message), warning.message
assert warning.filename == __file__, warning.filename

# What ends the process of the converter is found, and is no end of this one.
convert = child.call


def ends_at_relu(module, payload):
    if b"aten.relu" in payload:
        raise child.Ended("the converter ended")
    return convert(module, payload)


child.call = ends_at_relu
says("end", Branches, "torch.relu", "torch.relu ends the process of torch-mlir")
child.call = convert

# A position outside of a tensor is no error in a branch that is not taken.
reads = ReadIfInside()
with tempfile.TemporaryDirectory() as folder:
    moe_export.torch(reads, [x, torch.tensor([0, 1])], folder, dynamic=False)
    for given in ([1, 3], [1, 0], [2, 70], [2, -1]):
        given = torch.tensor(given)
        same(f"read {given}", moe_export.run(folder, x.numpy(), given.numpy()), reads(x, given).numpy())

# PyTorch takes no row below zero here.
with tempfile.TemporaryDirectory() as scratch:
    folder = os.path.join(scratch, "model")
    moe_export.torch(AddRows(), [x, torch.arange(7)], folder, dynamic=True)
    given = np.array([0, 1, 1, 3, 6, 6, 2])
    got = moe_export.run(folder, x.numpy(), given)
    same("rows that are added", got, AddRows()(x, torch.from_numpy(given)))
    for wrong in (-1, 7):
        try:
            moe_export.run(folder, x.numpy(), np.where(given == 2, wrong, given))
        except moe_export.RunError as problem:
            assert "torch.py:" in str(problem) and "outside of the tensor" in str(problem), problem
        else:
            raise AssertionError(f"row {wrong} is taken")

# Modules have the names of the state_dict.
blocks = nn.Sequential(nn.Linear(8, 8), ChosenRows(), nn.Sequential(ChosenRows(), nn.ReLU()))
found = layers("layers", lambda folder: moe_export.torch(blocks, (torch.zeros(7, 8),), folder), rows(7, 8, seed=1))
assert found == ["1", "2.0"], found
