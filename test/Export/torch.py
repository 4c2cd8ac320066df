# REQUIRES: torch
# RUN: %export_python %s
"""Modules of PyTorch keep their values, and what cannot be exported is refused."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
sys.path.remove(os.path.dirname(os.path.realpath(__file__)))
import moe_export
import torch
from export import exports, refused, rows
from models_torch import ChosenRows
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


def check(name, module):
    def function(x):
        with torch.no_grad():
            return module.eval()(torch.from_numpy(x)).numpy()

    return exports(name, lambda f: moe_export.torch(module, [torch.from_numpy(x)], f), function, x)


torch.manual_seed(0)
x = rows(7, 8, seed=1)
text, weights = check("mixture", Mixture())
assert "@experts.4.2.weight" in text and b'"experts.4.2.bias"' in weights and "tm_tensor" not in text
check("scatter", Scatter())
check("chosen rows", ChosenRows(4))
text, _ = check("moving statistics", nn.Sequential(nn.BatchNorm1d(8), nn.Dropout(0.5)))
assert '@"0.running_mean"' in text and "num_batches_tracked" not in text
refused("tracing", lambda f: moe_export.torch(OnHost(), [torch.from_numpy(x)], f), "data-dependent")
