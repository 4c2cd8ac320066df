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
