"""What torch.export gives, made into what torch-mlir converts well.

The graph of a program is run once more on shapes (`retrace`), and what its operations do then is the new graph. Each
file beside this one knows one kind of operation: its FORMS {operation of PyTorch: function} says in PyTorch what is
done instead, with the arguments of the operation; NotImplemented leaves the operation as it is.
"""

from . import creation, indexing, recurrent, scattering, sorting, stacking, views
from .retrace import modules_of, retrace

FORMS = [creation, indexing, recurrent, scattering, sorting, stacking]


def normalise(program):
    """The graph of a program of torch.export, without mutation and decomposed, in the forms of this package. Its
    arguments are the user's inputs, then what the program holds; its results are those of the user."""
    forms = {}
    for module in FORMS:
        forms |= module.forms()
    made = retrace(program.run_decompositions({}), forms)
    for each in modules_of(made):
        views.rewrite(each.graph)
    return made
