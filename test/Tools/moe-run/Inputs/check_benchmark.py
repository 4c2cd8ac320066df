"""Holds a report to what Google Benchmark's compare.py reads."""

import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "..", "Inputs"))
import strict_json

report = strict_json.load(sys.argv[1])
assert report["context"]["num_cpus"] > 0 and report["context"]["date"], report["context"]
runs = report["benchmarks"]
for run in runs:
    assert {"name", "run_name", "run_type", "iterations", "real_time", "cpu_time", "time_unit"} <= set(run), run
singles = [r["name"] for r in runs if r["run_type"] == "iteration"]
assert singles == ["add/main/compile", "add/main/first"] + 3 * ["add/main/steady"], singles
aggregates = {r["aggregate_name"]: r for r in runs if r["run_type"] == "aggregate"}
assert {"mean", "median", "stddev"} <= set(aggregates), aggregates
steady = [r["real_time"] for r in runs if r["name"] == "add/main/steady"]
assert abs(aggregates["mean"]["real_time"] - statistics.mean(steady)) < 1, steady
assert abs(aggregates["stddev"]["real_time"] - statistics.stdev(steady)) < 1, steady
assert aggregates["median"]["real_time"] == statistics.median(steady), steady
