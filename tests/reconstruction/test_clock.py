"""A clock that is set, by a person, a time server or the end of summer time, changes no run."""

import ast
import time
from pathlib import Path

import numpy as np
import pytest

from napari_microdiffusion.reconstruction.events import Progress

SOURCE = Path(__file__).resolve().parents[2] / "src"
# A date in a file measures nothing.
DATES = {"napari_microdiffusion/video/nwb.py"}
CLOCKS_THAT_JUMP = {("time", "time"), ("time", "time_ns"), ("datetime", "now"), ("datetime", "utcnow")}


def test_only_clocks_that_never_jump_measure_time():
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        if path.relative_to(SOURCE).as_posix() in DATES:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                used = (node.value.id, node.attr)
            elif isinstance(node, ast.ImportFrom) and node.module == "time":
                used = ("time", "time") if any(name.name == "time" for name in node.names) else ("", "")
            else:
                continue
            found += [f"{path.relative_to(SOURCE)}:{node.lineno}"] if used in CLOCKS_THAT_JUMP else []
    assert found == []


@pytest.mark.parametrize("jump", [-3600.0, 3600.0], ids=["back", "forward"])
def test_a_clock_that_jumps_changes_no_run(measurement, configure, record, monkeypatch, jump):
    whole = record(measurement, configure(samples=1))
    real, calls = time.time, []

    def jumping() -> float:
        calls.append(None)
        return real() + jump * len(calls)

    monkeypatch.setattr(time, "time", jumping)
    found = record(measurement, configure(samples=1))
    np.testing.assert_array_equal(found.result.volume, whole.result.volume)
    assert all(0 <= seconds < 600 for seconds in found.result.seconds.values())
    assert all((event.seconds_left or 0) >= 0 for event in found.of(Progress))
