"""What torch.export gives, made into what torch-mlir converts well: one file for each rewriting of the graph.

A rewriting is a function of an exported program, decomposed and without mutation, whose graph it changes in place. They
run in the order of PASSES.
"""

from . import top_k

PASSES = [top_k.sort]


def normalise(program):
    for rewrite in PASSES:
        rewrite(program)
    program.graph.eliminate_dead_code()
    program.graph.lint()
