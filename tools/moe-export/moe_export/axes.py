"""Which axes of a PyTorch module's inputs may have another length when the model runs."""

from .errors import ExportError


def dynamic_axes(args, dynamic):
    """For each input its axes and what torch.export calls them, or None if all are as long as in the example.

    dynamic: False for none. Else the first axis, where it is as long as that of the first input, and the other axes
        of inputs that hold whole numbers (tokens, masks, positions), if nothing in the module has to know them. Or
        for each input {axis: name}, or None.
    """
    from torch.export import Dim

    if dynamic is False:
        return None
    if isinstance(dynamic, (list, tuple)):
        return _named(args, dynamic)
    batch = next((arg.shape[0] for arg in args if arg.dim()), None)
    if batch is None:
        return None
    first = Dim("batch")
    return tuple(
        ({0: first} if arg.dim() and arg.shape[0] == batch else {})
        | {axis: Dim.AUTO for axis in range(1, arg.dim()) if arg.shape[axis] > 1 and not arg.dtype.is_floating_point}
        for arg in args
    )


def alternatives(axes):
    """Axes to try one after the other: without those that nobody asked for, where something has to know them."""
    from torch.export import Dim

    if axes is None:
        return []
    asked = tuple({axis: name for axis, name in (own or {}).items() if name is not Dim.AUTO} for own in axes)
    return [axes] if not any(asked) or all(len(one) == len(own or {}) for one, own in zip(asked, axes)) else [axes, asked]


def _named(args, dynamic):
    from torch.export import Dim

    if len(dynamic) != len(args):
        raise ExportError(f"dynamic says the axes of {len(dynamic)} inputs, the example has {len(args)}")
    known = {}
    for number, (arg, axes) in enumerate(zip(args, dynamic)):
        for axis in axes or ():
            if not 0 <= axis < arg.dim():
                raise ExportError(f"dynamic names axis {axis} of input {number}, which has {arg.dim()} axes")
    return tuple({axis: known.setdefault(name, Dim(name)) for axis, name in (axes or {}).items()} for axes in dynamic)


def long_enough(arg, axes):
    """The example with its dynamic axes at least 2 long: for torch.export, lengths of 0 and 1 are never dynamic."""
    for axis in axes:
        if arg.shape[axis] == 0:
            arg = arg.new_zeros([*arg.shape[:axis], 2, *arg.shape[axis + 1 :]])
        elif arg.shape[axis] == 1:
            arg = arg.repeat_interleave(2, axis)
    return arg
