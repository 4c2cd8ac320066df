"""A stack joins tensors along a dimension of its own; PyTorch would join them along another one and split that again,
of which nobody sees any more where one tensor ends."""


def forms():
    import torch

    def stack(tensors, dim=0):
        at = dim % (tensors[0].dim() + 1)
        return torch.ops.aten.cat.default([tensor.unsqueeze(at) for tensor in tensors], at)

    return {torch.ops.aten.stack.default: stack}
