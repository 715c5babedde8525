"""Read many damaged files of every kind: no crash, no hang, one sentence each.

Usage: python benchmarks/fuzz_readers.py --inputs 100000 [--seed S] [--json FILE]
"""

import argparse
import json
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path
from types import FrameType

from damaged_files import KINDS, attempt

LONGEST_S = 10
"""No file may take longer, in time of the processor, so that a busy machine finds nothing more."""
WAITING_S = 300
"""Nor longer by the clock: something waits for what never comes."""


class TookTooLong(BaseException):
    """Beyond `Exception`, so that nothing which is tried catches it."""


def _too_long(number: int, frame: FrameType | None) -> None:
    raise TookTooLong


def main() -> int:
    """Run; the exit code is 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first input")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, _too_long)
    signal.signal(signal.SIGPROF, _too_long)
    findings: list[dict[str, object]] = []
    kinds, slowest, started = list(KINDS), 0.0, time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(given.seed, given.seed + given.inputs):
            kind = kinds[number % len(kinds)]
            begun = time.process_time()
            signal.alarm(WAITING_S)
            signal.setitimer(signal.ITIMER_PROF, LONGEST_S)
            try:
                fault = attempt(kind, number, Path(folder))
            except TookTooLong:
                fault = f"took longer than {LONGEST_S} s"
            finally:
                signal.alarm(0)
                signal.setitimer(signal.ITIMER_PROF, 0)
            slowest = max(slowest, time.process_time() - begun)
            if fault:
                findings.append({"kind": kind, "seed": number, "fault": fault})
                print(f"{kind} {number}: {fault}", file=sys.stderr)
    answer = {
        "inputs": given.inputs,
        "seconds": round(time.perf_counter() - started, 1),
        "slowest_s": round(slowest, 2),
        "findings": findings,
    }
    if given.json is not None:
        given.json.write_text(json.dumps(answer, indent=2) + "\n", encoding="utf-8")
    counted = ", ".join(f"{key} {value}" for key, value in answer.items() if key != "findings")
    print(f"{counted}, findings {len(findings)}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
