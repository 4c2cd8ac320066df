# REQUIRES: torch
# RUN: %export_python %s
"""Ways to write a choice of experts in PyTorch, each with the values of PyTorch and the rows of each expert."""

import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
sys.path.remove(os.path.dirname(os.path.realpath(__file__)))
import moe_export
import torch
from export import rows, same
from models_torch import ChosenRows
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


torch.manual_seed(0)
x = torch.from_numpy(rows(10, 8, seed=1))
for form in (Gather, TakeAlongDim, Index, Where, MaskedFill, OneHot, Put):
    module = form().eval()
    with tempfile.TemporaryDirectory() as scratch, torch.no_grad():
        folder = os.path.join(scratch, "model")
        moe_export.torch(module, [x], folder)
        got, stats = moe_export.run(folder, x.numpy(), assume_finite=True, stats=True)
        same(form.__name__, got, module(x).numpy())
        counts = torch.bincount(module.number(x), minlength=EXPERTS).tolist()
        found = sorted(count for dispatch in stats["dispatches"] for count in dispatch["tokens_per_expert"])
        assert found == sorted(counts), (form.__name__, found, counts)
