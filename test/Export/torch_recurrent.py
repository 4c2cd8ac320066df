# REQUIRES: torch
# RUN: %export_python %s
"""Recurrent layers of PyTorch before experts, for any number of sequences."""

import os
import sys
import tempfile
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
sys.path.remove(os.path.dirname(os.path.realpath(__file__)))
import moe_export
import numpy as np
import torch
from export import exports, refused, rows, same
from models_torch import ChosenRows
from torch import nn

# A batch that is fixed would be said.
warnings.filterwarnings("error", "the batch of")


class Recurrent(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer, self.experts = layer, ChosenRows()

    def forward(self, x):
        made, state = self.layer(x)
        return self.experts(made[:, -1, :8]), made, *(state if isinstance(state, tuple) else [state])


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.layer, self.experts = nn.Embedding(30, 6), nn.GRU(6, 8, batch_first=True), ChosenRows()

    def forward(self, numbers):
        return self.experts(self.layer(self.embedding(numbers))[0].mean(1))


def evaluated(module):
    def function(x):
        with torch.no_grad():
            return module(torch.from_numpy(x))

    return function


torch.manual_seed(0)
x = rows(7, 3, 6, seed=1)
for name, layer in {
    "GRU in both directions": nn.GRU(6, 8, 2, batch_first=True, bidirectional=True, dropout=0.5),
    "LSTM": nn.LSTM(6, 8, bias=False, batch_first=True),
    "LSTM with a projection": nn.LSTM(6, 12, 2, batch_first=True, proj_size=8),
    "RNN": nn.RNN(6, 8, batch_first=True),
    "RNN of positive numbers": nn.RNN(6, 8, nonlinearity="relu", batch_first=True),
}.items():
    module = Recurrent(layer).eval()
    export = lambda folder: moe_export.torch(module, [torch.from_numpy(x)], folder, dynamic=True)
    exports(name, export, evaluated(module), x, sizes=(7, 1, 0))

# The length of the example stays, and the batch does not.
module, numbers = Words().eval(), np.random.default_rng(2).integers(0, 30, (4, 5))
with tempfile.TemporaryDirectory() as folder:
    moe_export.torch(module, [torch.from_numpy(numbers)], folder)
    for count in (4, 1, 3):
        same(f"words, {count} rows", moe_export.run(folder, numbers[:count]), evaluated(module)(numbers[:count]))
    try:
        moe_export.run(folder, numbers[:, :3])
    except moe_export.RunError as problem:
        assert "takes ?x5xi64" in str(problem), problem
    else:
        raise AssertionError("another length is taken")
asked = ({0: "batch", 1: "length"},)
refused(
    "length", lambda f: moe_export.torch(module, [torch.from_numpy(numbers)], f, dynamic=asked),
    "only for a length of 5",
)  # fmt: skip
