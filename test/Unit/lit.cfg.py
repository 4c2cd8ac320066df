"""Runs the GoogleTest programs of the build as tests of their own."""

import os

import lit.formats

config.name = "MoE-Unit"
config.test_format = lit.formats.GoogleTest("", "Tests")
config.test_source_root = os.path.join(config.moe_build, "bin")
config.test_exec_root = config.test_source_root
