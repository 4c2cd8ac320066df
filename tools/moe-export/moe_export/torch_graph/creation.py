"""Tensors without values: where their elements would lie in memory is no matter of a model."""


def forms():
    import torch

    aten = torch.ops.aten

    def empty_strided(size, stride, **named):
        return aten.empty.memory_format(size, **named)

    def new_empty_strided(x, size, stride, **named):
        return aten.new_empty.default(x, size, **named)

    return {aten.empty_strided.default: empty_strided, aten.new_empty_strided.default: new_empty_strided}
