"""How soon the dock opens, how late the window answers during a run, and how soon a cancelled run is over.

    .ci/with-screen python benchmarks/gui_latency.py [--side 512] [--samples 1] [--views 2 3] [--no-cancel]

A timer of 20 ms runs in the window's thread; its lateness is what a click would have to wait. The share of
processor time spent painting is that of the window's thread and of Mesa's. Projections are
16 of SIDE x SIDE at step length 6, from procedural vasculature. Needs a screen; a virtual one has no graphics
card, so that 3D is drawn by the processor.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Read when napari is imported: the preferences of whoever runs this are neither used nor changed.
os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp(prefix="microdiffusion-")) / "settings.yaml")

import napari
import numpy as np
from qtpy.QtCore import QEventLoop, QTimer
from qtpy.QtWidgets import QApplication

from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.reconstruction.events import STAGES, StageStarted
from napari_microdiffusion.specimens import make_specimen
from napari_microdiffusion.stacks.metadata import METADATA_KEY

N, SLABS = 6, 16
INTERVAL_MS = 20
TILE = 128
# Long enough into a stage that it is under way.
INTO_STAGE_S = 0.3
PATIENCE_S = 1800


class Bench:
    """A viewer with the dock and projections in it."""

    def __init__(self, side: int, samples: int, steps: int) -> None:
        self.viewer = napari.Viewer()
        self.viewer.window.resize(1280, 900)
        self.pause(2)
        started = time.perf_counter()
        _, dock = self.viewer.window.add_plugin_dock_widget("napari-microdiffusion", "Reconstruct volume")
        QApplication.processEvents()
        self.opening = {
            "s": round(time.perf_counter() - started, 2),
            "torch is loaded": "torch" in sys.modules,
        }
        self.dock: Any = dock
        piece = make_specimen("vasculature", (N * SLABS, TILE, TILE), 1) * np.float32(4095)
        times = -(-side // TILE)
        volume = np.tile(piece, (1, times, times))[:, :side, :side]
        projections = simulate_projections(volume, Acquisition(step_length=N))
        self.viewer.add_image(
            projections,
            name="projections",
            scale=(N, 1, 1),
            units=("um",) * 3,
            axis_labels=("z", "y", "x"),
            metadata={METADATA_KEY: {"role": "projections", "step_length": N}},
        )
        self.dock.document.ask({"method.samples": samples})
        self.dock.document.ask({"method.steps": steps})
        self.stage = ""
        self.dock.runs.job.arrived.connect(self._note)
        self.pause(3)

    def _note(self, event: object) -> None:
        if isinstance(event, StageStarted):
            self.stage = event.stage

    def wait(self, reached: Callable[[], bool]) -> None:
        """Let the window work until something is reached."""
        deadline, loop, timer = time.monotonic() + PATIENCE_S, QEventLoop(), QTimer()

        def look() -> None:
            if reached() or time.monotonic() > deadline:
                loop.quit()

        timer.timeout.connect(look)
        timer.start(5)
        # A loop of Qt's own: one of ours would take processor time that a person's window does not.
        loop.exec()
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing happens in the stage {self.stage}")

    def pause(self, seconds: float) -> None:
        """Let the window work for a while."""
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() > end)

    def lateness(self, ndisplay: int) -> dict[str, Any]:
        """Run to the end in 2D or 3D; lateness of the timer in ms, by stage and over all."""
        self.viewer.dims.ndisplay = ndisplay
        self.pause(2)
        late: list[tuple[str, float]] = []
        last = time.perf_counter()

        def tick() -> None:
            nonlocal last
            now = time.perf_counter()
            late.append((self.stage, max(0.0, 1000 * (now - last) - INTERVAL_MS)))
            last = now

        timer = QTimer()
        timer.setInterval(INTERVAL_MS)
        timer.timeout.connect(tick)
        timer.start()
        self.stage = "preview"
        before = processor_seconds()
        self.dock.panel.button.click()
        self.wait(lambda: not self.dock.runs.is_running)
        spent = {part: seconds - before[part] for part, seconds in processor_seconds().items()}
        self.stage = "after the end"
        self.pause(1)
        timer.stop()
        found = {
            stage: _figures([value for own, value in late if own == stage])
            for stage in (*STAGES, "after the end")
            if any(own == stage for own, _ in late)
        }
        self.viewer.layers.remove(self.dock.runs.last.layers.volume)
        share = round(spent["window"] / max(spent["all"], 1e-9), 3)
        return {
            "share of processor time spent painting": share,
            "over all": _figures([value for _, value in late]),
            **found,
        }

    def cancelling(self) -> Iterator[tuple[str, dict[str, float]]]:
        """Milliseconds until the dock is idle after cancelling in each stage, and until the thread is."""
        self.viewer.dims.ndisplay = 2
        for stage in STAGES:
            self.stage = ""
            self.dock.panel.button.click()
            self.wait(lambda stage=stage: self.stage == stage or not self.dock.runs.is_running)
            self.pause(INTO_STAGE_S)
            if not self.dock.runs.is_running:
                continue
            thread = self.dock.runs.job.thread_at_work
            started, worked = time.perf_counter(), time.thread_time()
            self.dock.panel.cancel.click()
            self.wait(lambda: not self.dock.runs.is_running)
            idle, worked = time.perf_counter(), time.thread_time() - worked
            self.wait(lambda thread=thread: thread is None or not thread.is_alive())
            ended = time.perf_counter()
            yield (
                stage,
                {
                    "dock idle": 1000 * (idle - started),
                    "of it the window's own work": 1000 * worked,
                    "thread ended": 1000 * (ended - started),
                },
            )


def processor_seconds() -> dict[str, float]:
    """Seconds of processor time so far: of all threads, and of those that paint (Linux).

    The window's thread counts as painting, with all else that it does; so do Mesa's threads, which draw where
    there is no graphics card.
    """
    # Of the process, since the run's thread is gone when its time is asked for.
    ticks, found = os.sysconf("SC_CLK_TCK"), {"all": time.process_time(), "window": 0.0}
    for task in Path("/proc/self/task").iterdir():
        try:
            text = (task / "stat").read_text()
        except OSError:
            continue  # a thread that has just ended
        name, fields = text[text.index("(") + 1 : text.rindex(")")], text[text.rindex(")") + 2 :].split()
        seconds = (int(fields[11]) + int(fields[12])) / ticks
        if int(task.name) == os.getpid() or name.startswith(("llvmpipe", "softpipe")):
            found["window"] += seconds
    return found


def _figures(values: list[float]) -> dict[str, float]:
    return {
        "ticks": len(values),
        "p50": round(float(np.median(values)), 1),
        "p95": round(float(np.percentile(values, 95)), 1),
        "max": round(max(values), 1),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--samples", type=int, default=1)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--views", nargs="*", type=int, default=[2, 3])
    parser.add_argument("--cancel", action=argparse.BooleanOptionalAction, default=True)
    arguments = parser.parse_args()
    bench = Bench(arguments.side, arguments.samples, arguments.steps)
    print(json.dumps({"opening the dock": bench.opening}), flush=True)
    for view in arguments.views:
        print(json.dumps({f"lateness in ms, {view}D": bench.lateness(view)}, indent=2), flush=True)
    if arguments.cancel:
        for stage, figures in bench.cancelling():
            rounded = {name: round(value) for name, value in figures.items()}
            print(json.dumps({f"cancel in ms, {stage}": rounded}), flush=True)
    bench.viewer.close()


if __name__ == "__main__":
    main()
