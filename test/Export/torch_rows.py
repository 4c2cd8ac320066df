# REQUIRES: torch
# RUN: %export_python %s
"""Rows that a module of PyTorch lists itself keep their values, for any number of rows."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
sys.path.remove(os.path.dirname(os.path.realpath(__file__)))
import moe_export
import torch
from export import exports, rows
from models_torch import ListedRows, PairsOfRows
from torch import nn

SIZES = (6, 1, 0)


class Masks(ListedRows):
    """A mask computed anew for each use, and an update of what it selects."""

    def forward(self, x):
        y = torch.zeros_like(x)
        for number, expert in enumerate(self.experts):
            y[self.gate(x).argmax(-1) == number] += expert(x[self.gate(x).argmax(-1) == number])
        return y


class Filled(ListedRows):
    """The elements of a list, which may be empty, one after the other where a mask is true."""

    def forward(self, x):
        chosen, y = self.gate(x).argmax(-1), x
        for number, expert in enumerate(self.experts):
            y = y.masked_scatter((chosen == number)[:, None], expert(x[chosen == number]))
        return y


class Nonzero(ListedRows):
    def forward(self, x):
        shares, chosen = torch.softmax(self.gate(x), -1).max(-1)
        y = torch.zeros_like(x)
        for number, expert in enumerate(self.experts):
            listed = torch.nonzero(chosen == number).squeeze(-1)
            y = y.index_add(0, listed, expert(x.index_select(0, listed)) * shares[listed].unsqueeze(1), alpha=2)
            again = (chosen == number).nonzero(as_tuple=True)[0]
            y[again] = y[again].flip(-1)
        return y


class SlotsFirst(ListedRows):
    """The transposed one-hot mask that lists slots, then tokens."""

    def forward(self, x):
        weights, chosen = torch.topk(torch.softmax(self.gate(x), -1), 2)
        masks = nn.functional.one_hot(chosen, 3).permute(2, 1, 0)
        y = torch.zeros_like(x)
        for number, expert in enumerate(self.experts):
            slots, tokens = torch.where(masks[number])
            y.index_add_(0, tokens, expert(x[None, tokens].reshape(-1, 8)) * weights[tokens, slots, None])
        return y


class WrittenPairs(ListedRows):
    """Pairs whose input depends on the slot, written to a place of their own."""

    def forward(self, x):
        weights, chosen = torch.topk(torch.softmax(self.gate(x), -1), 2)
        y = torch.zeros(x.shape[0], 2, 8)
        for number, expert in enumerate(self.experts):
            tokens, slots = torch.where(chosen == number)
            y[tokens, slots] = expert(x[tokens] * weights[tokens, slots].unsqueeze(-1) + slots[:, None])
        return y.sum(1)


class ByRow(ListedRows):
    """Much that can be done to each row."""

    def forward(self, x):
        marked = x[:, 0] > 0
        h = nn.functional.layer_norm(x[marked], [8])
        h = torch.cat([h, -h], -1).view(-1, 2, 8).transpose(1, 2).reshape(-1, 16)[:, :8]
        h = torch.einsum("td,hd->th", h, self.gate.weight).softmax(-1) @ self.gate.weight + h.sum(-1, keepdim=True)
        y = x.clone()
        y[marked] = h.topk(8).values * torch.full([h.shape[0], 1], 2.0)
        return y


class TheList(nn.Module):
    """What is no computation by row: lists as results, their lengths, sums over them, positions in them."""

    def forward(self, x):
        marked = x[:, 0] > 0
        listed = x[marked]
        number = torch.arange(listed.shape[0])[:, None]
        y = torch.zeros_like(x).index_add(0, torch.where(marked)[0], listed * number)
        y[marked] = y[marked] + listed.cumsum(0)
        y = y.masked_scatter(x > 5, x[x[:, 0] > 5])
        return listed, y + listed.sum(0) + listed.shape[0], torch.nonzero(x > 1), torch.masked_select(x, x > 0)


class Sequences(ListedRows):
    """A mask over a batch of sequences."""

    def forward(self, x):
        chosen = self.gate(x).argmax(-1)
        y = torch.zeros_like(x)
        for number, expert in enumerate(self.experts):
            y[chosen == number] = expert(x[chosen == number])
        return y


def check(name, module, x, sizes=SIZES):
    torch.manual_seed(0)
    module = module().eval()

    def function(x):
        with torch.no_grad():
            return module(torch.from_numpy(x))

    return exports(
        name, lambda folder: moe_export.torch(module, [torch.from_numpy(x)], folder, dynamic=True), function, x,
        sizes=sizes,
    )  # fmt: skip


x = rows(6, 8, seed=1)
for module in (ListedRows, Masks, Nonzero, Filled):
    text, _ = check(module.__name__, module, x)
    # All rows are computed under a mask: nothing is listed.
    assert "scf.for" not in text, module
for module in (PairsOfRows, SlotsFirst, WrittenPairs, ByRow):
    check(module.__name__, module, x)
check("the list", TheList, x)
sequences = rows(3, 5, 8, seed=2)
check("sequences", Sequences, sequences, (3, 1, 0))
check("pairs of sequences", PairsOfRows, sequences, (3, 1, 0))
