# REQUIRES: torch
# RUN: %export_python %s
"""Ways to write a choice of experts in PyTorch, each with the values of PyTorch and the rows of each expert that its line of the
table says."""

import os
import sys
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
sys.path.remove(os.path.dirname(os.path.realpath(__file__)))
import moe_export
import torch
from export import rows
from models_torch import ChosenRows, ListedRows, PairsOfRows
from table import check_line
from torch import nn

EXPERTS = 4


class Form(ChosenRows):
    def __init__(self):
        super().__init__(EXPERTS)

    def number(self, x):
        return self.gate(x).argmax(-1)

    def each(self, x):
        return [expert(x) for expert in self.experts]


class Gather(Form):
    def forward(self, x):
        number = self.number(x)[:, None, None].expand(-1, 1, x.shape[1])
        return torch.stack(self.each(x), 1).gather(1, number)[:, 0]


class TakeAlongDim(Form):
    def forward(self, x):
        return torch.take_along_dim(torch.stack(self.each(x), 1), self.number(x)[:, None, None], 1)[:, 0]


class Index(Form):
    def forward(self, x):
        return torch.stack(self.each(x), 0)[self.number(x), torch.arange(x.shape[0])]


class Where(Form):
    def forward(self, x):
        y, *others = self.each(x)
        for e, other in enumerate(others, 1):
            y = torch.where(self.number(x)[:, None] == e, other, y)
        return y


class MaskedFill(Form):
    def forward(self, x):
        return sum(y.masked_fill(self.number(x)[:, None] != e, 0.0) for e, y in enumerate(self.each(x)))


class Weighted(Form):
    def forward(self, x):
        weights, chosen = torch.topk(torch.softmax(self.gate(x), -1), 2)
        y = torch.zeros_like(x)
        for e, expert in enumerate(self.experts):
            y = y + expert(x) * torch.where(chosen == e, weights, 0.0).sum(-1, keepdim=True)
        return y


class Bmm(Form):
    def __init__(self):
        super().__init__()
        self.up, self.down = (nn.Parameter(torch.randn(EXPERTS, *shape) / 3) for shape in ((8, 12), (12, 8)))

    def forward(self, x):
        mask = nn.functional.one_hot(self.number(x), EXPERTS).float()
        y = torch.relu(x.expand(EXPERTS, *x.shape) @ self.up).bmm(self.down)
        return (y * mask.T[..., None]).sum(0)


class OneHot(Form):
    def forward(self, x):
        mask = nn.functional.one_hot(self.number(x), EXPERTS).float()
        return torch.einsum("te,teh->th", mask, torch.stack(self.each(x), 1))


class Put(Form):
    def forward(self, x):
        y = torch.zeros_like(x)
        for e, expert in enumerate(self.experts):
            chosen = torch.nonzero(self.number(x) == e).squeeze(-1)
            y[chosen] = expert(x[chosen])
        return y


def once(module, x):
    return torch.bincount(module.gate(x).argmax(-1), minlength=module.gate.out_features)


def twice(module, x):
    return torch.bincount(module.gate(x).topk(2).indices.ravel(), minlength=module.gate.out_features)


torch.manual_seed(0)
x = rows(10, 8, seed=1)
summed = "PyTorch: `y = y + expert(x) * where(chosen == e, weights, 0).sum(-1, keepdim=True)`"
gathered = "PyTorch: `torch.stack` of all results, then `gather`, `take_along_dim` or `all[chosen, arange(n)]`"
stacked = "PyTorch: stacked weights and `bmm`, or `einsum` with a one-hot mask"
selected = "PyTorch: `torch.where` of all results, or `masked_fill` of each"
listed = "PyTorch: `y.index_add_(0, rows, expert(x[rows]))`, `y[rows] = expert(x[rows])`, with rows, pairs or a mask"
for line, form, count in (
    (summed, Weighted, twice), (gathered, Gather, once), (gathered, TakeAlongDim, once), (gathered, Index, once),
    (stacked, Bmm, once), (stacked, OneHot, once), (selected, Where, once), (selected, MaskedFill, once),
    (listed, Put, once), (listed, ChosenRows, once), (listed, ListedRows, once), (listed, PairsOfRows, twice),
):  # fmt: skip
    module = form().eval()
    # PyTorch broadcasts numbers of rows here as constants.
    fixed = form is TakeAlongDim
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore" if fixed else "error")
        check_line(
            line, form.__name__, lambda folder: moe_export.torch(module, [torch.from_numpy(x)], folder),
            lambda x: module(torch.from_numpy(x)).numpy(), x, smaller=[x if fixed else x[:4]],
            rows=lambda x: count(module, torch.from_numpy(x)).numpy(),
        )  # fmt: skip
