"""Modules of PyTorch whose exports are kept here."""

import torch
from torch import nn


class ChosenRows(nn.Module):
    """Only the rows that choose an expert are computed, by the module itself."""

    def __init__(self, experts=2):
        super().__init__()
        self.gate = nn.Linear(8, experts, bias=False)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 8)) for _ in range(experts))

    def forward(self, x):
        weights, chosen = torch.softmax(self.gate(x), -1).max(-1)
        y = torch.zeros_like(x)
        for number, expert in enumerate(self.experts):
            rows = torch.where(chosen == number)[0]
            y.index_add_(0, rows, expert(x[rows]) * weights[rows, None])
        return y


class ListedRows(nn.Module):
    """Rows that a mask of booleans selects."""

    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(8, 3, bias=False)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 8)) for _ in range(3))

    def forward(self, x):
        chosen = self.gate(x).argmax(-1)
        y = torch.zeros_like(x)
        for number, expert in enumerate(self.experts):
            rows = chosen == number
            y[rows] = expert(x[rows])
        return y


class PairsOfRows(ListedRows):
    """Pairs of a token and a slot, of tokens of a batch of sequences or of rows."""

    def forward(self, x):
        shape = x.shape
        x = x.reshape(-1, 8)
        weights, chosen = torch.topk(torch.softmax(self.gate(x), -1), 2)
        y = torch.zeros_like(x)
        for number, expert in enumerate(self.experts):
            tokens, slots = torch.where(chosen == number)
            y.index_add_(0, tokens, expert(x[tokens]) * weights[tokens, slots, None])
        return y.reshape(shape)


class SortedRows(nn.Module):
    """Rows in the order of their experts, equal ones as they came, and back; then those within a capacity."""

    def forward(self, x):
        weights, chosen = torch.topk(torch.softmax(x, -1), 2)
        order = chosen.view(-1).argsort(stable=True)
        y = torch.empty(order.shape[0], 8)
        y[order] = x[order // 2]
        hot = nn.functional.one_hot(chosen[:, 0], 8)
        kept = (hot.cumsum(0) * hot).sum(1, keepdim=True) <= 1
        sorted = torch.sort(x, dim=1, descending=True)[0] + torch.argsort(x, dim=0)
        return (y.view(-1, 2, 8) * weights[..., None]).sum(1) * kept + sorted
