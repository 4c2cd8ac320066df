"""Checks a trace against the rules of the Trace Event Format and the statistics of the same run.

    check_trace.py TRACE STATISTICS
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "..", "Inputs"))
import strict_json

NEEDS = {"X": {"name", "cat", "ph", "ts", "dur", "pid", "tid"}, "M": {"name", "ph", "pid", "tid", "args"}}


def inside(event, outer):
    """Times have the resolution of a nanosecond, in microseconds."""
    return outer["ts"] - 0.002 <= event["ts"] and event["ts"] + event["dur"] <= outer["ts"] + outer["dur"] + 0.002


trace, statistics = strict_json.load(sys.argv[1]), strict_json.load(sys.argv[2])
assert set(trace) == {"displayTimeUnit", "traceEvents"}, trace.keys()
for event in trace["traceEvents"]:
    assert event["ph"] in NEEDS and NEEDS[event["ph"]] <= set(event), event
    assert type(event["pid"]) is int and type(event["tid"]) is int and type(event["name"]) is str, event
events = [event for event in trace["traceEvents"] if event["ph"] == "X"]
threads = {event["tid"] for event in trace["traceEvents"] if event["ph"] == "M" and event["name"] == "thread_name"}
assert threads == {event["tid"] for event in events}, threads
for event in events:
    assert event["ts"] >= 0 and event["dur"] >= 0, event

# What a viewer stacks: of two events of a thread one is inside of the other, or they are apart.
for thread in threads:
    stack = []
    for event in (e for e in events if e["tid"] == thread):
        while stack and stack[-1]["ts"] + stack[-1]["dur"] <= event["ts"] + 0.002:
            stack.pop()
        assert not stack or inside(event, stack[-1]), (stack[-1], event)
        stack.append(event)


def of(category):
    return [event for event in events if event["cat"] == category]


runs = [event for event in of("step") if event["name"] == "run"]
for place in statistics["dispatches"]:
    mine = [event for event in of("dispatch") if event["name"] == place["location"]]
    assert len(mine) == place["runs"], (mine, place)
    assert all(any(inside(event, run) for run in runs) for event in mine), mine
    experts = [event for event in of("expert") if event["args"]["dispatch"] == place["location"]]
    ran = {e for e, tokens in enumerate(place["tokens_per_expert"]) if tokens}
    assert {event["args"]["expert"] for event in experts} == ran, (experts, ran)
    assert all(any(inside(event, outer) for outer in mine) for event in experts), experts
print(f"{len(runs)} runs, {len(of('dispatch'))} dispatches, {len(of('kernel'))} kernels")
