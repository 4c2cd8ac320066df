"""Words of the inside of a compiler, which no message to a user may have: they
say neither what is wrong with a model nor what to do. lit gives them to every
FileCheck, and moe_run.py looks for them in what fails."""

WORDS = ["left after phase", "failed to legalize", "LLVM ERROR", "Assertion `", "pass pipeline failed"]
