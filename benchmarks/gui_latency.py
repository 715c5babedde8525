"""How soon the dock opens, how late the window answers during a run, and how soon a cancelled run is over.

    .ci/with-screen python benchmarks/gui_latency.py [--side 512] [--samples 1] [--views 2 3] [--no-cancel]
    .ci/with-screen python benchmarks/gui_latency.py --side 128 --views   # ending alone, method by method
    .ci/with-screen python benchmarks/gui_latency.py --projections FILE --samples 0   # a file's instead
    .ci/with-screen python benchmarks/gui_latency.py --side 2048 --samples 0 --in-blocks 60
    .ci/with-screen python benchmarks/gui_latency.py --video 100 [--side 256]   # frames of a video
    .ci/with-screen python benchmarks/gui_latency.py --file 8 [--side 2048]   # opening a file of slabs

A timer of 20 ms runs in the window's thread; its lateness is what a click would have to wait. Of it, the
processor time of that thread is told beside, which a busy machine does not lengthen. The share of
processor time spent painting is that of the window's thread and of Mesa's. With --in-blocks a stack that is
reconstructed in blocks is looked at for so many seconds, first in its middle, then elsewhere. Projections are
16 of SIDE x SIDE at step length 6, from procedural vasculature. Needs a screen; a virtual one has no graphics
card, so that 3D is drawn by the processor. The video is of 4 slabs of SIDE x SIDE, without diffusion, and its
time slider is moved while frames arrive; the seconds are those of the clock. A file is opened by the dock,
three times, and seen once a picture of the window has been taken.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

# Read when napari is imported: the preferences of whoever runs this are neither used nor changed.
os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp(prefix="microdiffusion-")) / "settings.yaml")

import napari
import numpy as np
from qtpy.QtCore import QEventLoop, QTimer
from qtpy.QtWidgets import QApplication

from napari_microdiffusion.io import write_image
from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.reconstruction.events import STAGES, BlockReady, SliceReady, StageStarted
from napari_microdiffusion.specimens import make_specimen
from napari_microdiffusion.stacks.metadata import METADATA_KEY
from napari_microdiffusion.tasks.video.resolving import VideoResolved

N, SLABS, VIDEO_SLABS = 6, 16, 4
INTERVAL_MS = 20
TILE = 128
# Long enough into a stage that it is under way.
INTO_STAGE_S = 0.3
PATIENCE_S = 1800
METHODS: dict[str, dict[str, Any]] = {
    "fast": {},
    "INR": {"method.guide": "inr"},
    "exactly": {"method.consistency": "exact"},
    "the paper's": {},
}


class Bench:
    """A viewer with the dock and projections in it."""

    def __init__(self, side: int, samples: int, steps: int, file: str = "") -> None:
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
        if file:
            self.dock.runs.open_file(file)
            self.wait(lambda: not self.dock.runs.is_running)
        else:
            self._add_procedural(side)
        self.dock.document.ask({"method.samples": samples})
        self.dock.document.ask({"method.steps": steps})
        self.stage, self.first_slab = "", 0.0
        self.dock.runs.job.arrived.connect(self._note)
        self.pause(3)

    def _add_procedural(self, side: int) -> None:
        piece = make_specimen("vasculature", (N * SLABS, TILE, TILE), 1) * np.float32(4095)
        times = -(-side // TILE)
        tile = simulate_projections(piece, Acquisition(step_length=N))
        projections = np.tile(tile, (1, times, times))[:, :side, :side]
        self.viewer.add_image(
            projections,
            name="projections",
            scale=(N, 1, 1),
            units=("um",) * 3,
            axis_labels=("z", "y", "x"),
            metadata={METADATA_KEY: {"role": "projections", "step_length": N}},
        )

    def _note(self, event: object) -> None:
        if isinstance(event, StageStarted):
            self.stage = event.stage
        elif isinstance(event, SliceReady) and event.stage == "posterior mean" and not self.first_slab:
            self.first_slab = time.perf_counter()

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
        clock = Lateness(lambda: self.stage)
        self.stage = "preview"
        before, self.first_slab = processor_seconds(), 0.0
        started = time.perf_counter()
        self.dock.panel.button.click()
        self.wait(lambda: not self.dock.runs.is_running)
        whole = time.perf_counter() - started
        spent = {part: seconds - before[part] for part, seconds in processor_seconds().items()}
        self.stage = "after the end"
        self.pause(1)
        found = clock.stop((*STAGES, "after the end"))
        self.viewer.layers.remove(self.dock.runs.last.layers.volume)
        share = round(spent["window"] / max(spent["all"], 1e-9), 3)
        return {
            "s to the first slab of the expected volume": round(self.first_slab - started, 1),
            "s to the whole": round(whole, 1),
            "share of processor time spent painting": share,
            **found,
        }

    def in_blocks(self, seconds: float) -> dict[str, Any]:
        """When a large stack shows its preview and what is looked at; how late the window is meanwhile."""
        ready: dict[tuple[int, int], float] = {}

        def note(event: object) -> None:
            if isinstance(event, BlockReady):
                ready[event.region.top, event.region.left] = time.perf_counter()

        self.dock.runs.job.arrived.connect(note)
        before = resident()
        started = time.perf_counter()
        clock = Lateness(lambda: "")
        self.dock.panel.button.click()
        activity = self.dock.runs.activity
        self.wait(lambda: activity._layers is not None and activity.layers.volume.visible)
        shown = time.perf_counter() - started
        self.wait(lambda: bool(ready))
        first = time.perf_counter() - started
        self.pause(seconds / 2)
        # Some blocks away, and near.
        camera, side = self.viewer.scene.camera, self.viewer.layers[0].data.shape[-1]
        # Wherever a mouse is, on a screen that nobody sees.
        self.viewer.mouse_over_canvas = False
        camera.center, camera.zoom = (0.0, 0.2 * side, 0.2 * side), 2.0
        moved, plan = time.perf_counter(), activity.layers._growing.volume.blocks.plan
        corner = (int(0.2 * side) // plan.rows * plan.rows,) * 2
        self.wait(lambda: corner in ready)
        there = time.perf_counter() - moved
        self.pause(seconds / 2)
        count, stopping = len(ready), time.perf_counter()
        self.dock.panel.stop.click()
        self.wait(lambda: not self.dock.runs.is_running)
        stopped = time.perf_counter() - stopping
        return {
            "s to the preview": round(shown, 2),
            "s to the first block": round(first, 1),
            "s to the block moved to": round(there, 1),
            "blocks": count,
            "rows and columns of a block": plan.rows,
            "s to stop": round(stopped, 2),
            "GB more at the peak": round((resident(peak=True) - before) / 1e9, 2),
            "lateness in ms": clock.stop(())["over all"],
        }

    def first_paint(self, slabs: int, side: int) -> dict[str, Any]:
        """Seconds from opening a file until it is seen; how late the window is meanwhile."""
        self.viewer.layers.clear()
        values = np.random.default_rng(0).integers(100, 4000, (slabs, side, side)).astype(np.uint16)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "slabs.ome.tif"
            write_image(path, values, scale=(N, 1.0, 1.0), step_length=N)
            clock = Lateness(lambda: "")
            started = time.perf_counter()
            self.dock.runs.open_file(str(path))
            self.wait(lambda: not self.dock.runs.is_running)
            read = time.perf_counter() - started
            self.viewer.window.screenshot(flash=False)
            seen = time.perf_counter() - started
            self.pause(1)
        seconds = {"s until its layer is there": round(read, 2), "s until it is seen": round(seen, 2)}
        return {**seconds, "lateness in ms": clock.stop(())}

    def video(self, frames: int, side: int) -> dict[str, Any]:
        """Resolve a video, the time slider being moved meanwhile; lateness in ms, and the run's seconds."""
        viewer, rng = self.viewer, np.random.default_rng(0)
        viewer.layers.clear()
        _, dock = viewer.window.add_plugin_dock_widget("napari-microdiffusion", "Reconstruct video")
        times = -(-side // TILE)
        piece = 0.05 + make_specimen("neurons", (N * VIDEO_SLABS, TILE, TILE), 1)
        mean = simulate_projections(
            np.tile(piece, (1, times, times))[:, :side, :side], Acquisition(step_length=N)
        )
        light = 30 / float(np.percentile(mean, 99.9)) * mean
        viewer.add_image(
            rng.poisson(light, (frames, *light.shape)).astype(np.uint16),
            name="video",
            scale=(0.1, N, 1, 1),
            units=("s", "um", "um", "um"),
            axis_labels=("t", "z", "y", "x"),
            metadata={METADATA_KEY: {"role": "projections", "step_length": N}},
        )
        dock.document.ask({"method.diffusion": "off"})
        self.pause(3)
        seconds: dict[str, float] = {}
        parts = ("mean of the frames", "structure", "frames", "after the end")

        def part() -> str:
            text = dock.runner._step.text
            return parts[
                3 if not dock.runner.is_running else 0 if "Mean" in text else 2 if "Frame" in text else 1
            ]

        def move() -> None:
            if part() == "frames":
                viewer.dims.set_current_step(0, int(rng.integers(frames)))

        def note(event: object) -> None:
            if isinstance(event, VideoResolved):
                seconds.update(event.remaining.spent)

        dock.runner.job.arrived.connect(note)
        clock, mover = Lateness(part), QTimer()
        mover.timeout.connect(move)
        mover.start(2000)
        dock.panel.button.click()
        self.wait(lambda: not dock.runner.is_running)
        self.pause(1)
        return {"seconds": {name: round(value, 1) for name, value in seconds.items()}, **clock.stop(parts)}

    def ending(self) -> Iterator[tuple[str, dict[str, float]]]:
        """Milliseconds until the dock is idle, and until the thread is, for each method, stage and way."""
        self.viewer.dims.ndisplay = 2
        samples = max(1, self.dock.document.value("method.samples"))
        for method, values in METHODS.items():
            self.dock.document.reset()
            self.dock.document.choose_system("MicroDiffusion" if method == "the paper's" else "")
            self.dock.document.ask({"method.samples": samples, **values})
            for stage in ("", *STAGES):
                for way in ("cancel", "stop"):
                    found = self._ended(stage, way)
                    if found is not None:
                        yield f"{way}, {method}, {stage or 'start'}", found

    def _ended(self, stage: str, way: str) -> dict[str, float] | None:
        """Milliseconds from the click on; None for a stage that was over before it."""
        dock, before = self.dock, list(self.viewer.layers)
        self.stage = ""
        dock.panel.button.click()
        self.wait(lambda: self.stage == stage or not dock.runs.is_running)
        self.pause(INTO_STAGE_S if stage else 0.0)
        if not dock.runs.is_running or self.stage != stage:
            dock.runs.cancel()
            self.wait(lambda: not dock.runs.is_running)
            return None
        thread = dock.runs.job.thread_at_work
        started, worked = time.perf_counter(), time.thread_time()
        getattr(dock.panel, way).click()
        self.wait(lambda: not dock.runs.is_running)
        idle, worked = time.perf_counter(), time.thread_time() - worked
        self.wait(lambda: thread is None or not thread.is_alive())
        found = {"dock idle": idle - started, "of it the window's own work": worked}
        found["thread ended"] = time.perf_counter() - started
        for layer in [layer for layer in self.viewer.layers if layer not in before]:
            self.viewer.layers.remove(layer)
        return {name: 1000 * seconds for name, seconds in found.items()}


def resident(peak: bool = False) -> int:
    """Bytes of memory of this process, now or at most (Linux)."""
    name = "VmHWM" if peak else "VmRSS"
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(name)).split()[1])


class Lateness:
    """A timer that runs until `stop`: how late it comes, and what the window's thread works in between.

    Parameters
    ----------
    stage : callable
        Names what is going on.
    """

    def __init__(self, stage: Callable[[], str]) -> None:
        self._stage = stage
        self._late: list[tuple[str, float]] = []
        self._own: list[float] = []
        self._last, self._worked = time.perf_counter(), time.thread_time()
        self._timer = QTimer()
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def _tick(self) -> None:
        now, work = time.perf_counter(), time.thread_time()
        self._late.append((self._stage(), max(0.0, 1000 * (now - self._last) - INTERVAL_MS)))
        self._own.append(1000 * (work - self._worked))
        self._last, self._worked = now, work

    def stop(self, stages: Sequence[str]) -> dict[str, dict[str, float]]:
        """Milliseconds over all and by stage."""
        self._timer.stop()
        by_stage = {stage: [value for of, value in self._late if of == stage] for stage in stages}
        return {
            "over all": _figures([value for _, value in self._late]),
            "the window's own work": _figures(self._own),
            **{stage: _figures(values) for stage, values in by_stage.items() if values},
        }


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
    parser.add_argument("--diffusion", choices=["slab", "off"], default="slab")
    parser.add_argument("--views", nargs="*", type=int, default=[2, 3])
    parser.add_argument("--cancel", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--projections", default="", metavar="FILE", help="instead of procedural ones")
    parser.add_argument("--in-blocks", type=float, metavar="SECONDS")
    parser.add_argument("--video", type=int, metavar="FRAMES", help="of a video, and nothing else")
    parser.add_argument("--file", type=int, metavar="SLABS", help="of a file to open, and nothing else")
    arguments = parser.parse_args()
    side = TILE if arguments.file else arguments.side
    bench = Bench(side, arguments.samples, arguments.steps, arguments.projections)
    try:
        measure(bench, arguments)
    finally:
        # Ends what runs, also where measuring failed.
        bench.viewer.close()


def measure(bench: Bench, arguments: argparse.Namespace) -> None:
    """Print what is asked for."""
    bench.dock.document.ask({"method.diffusion": arguments.diffusion})
    if arguments.file:
        for _ in range(3):
            found = bench.first_paint(arguments.file, arguments.side)
            print(json.dumps({f"a file of {arguments.file} slabs": found}), flush=True)
        return
    if arguments.video:
        found = bench.video(arguments.video, arguments.side)
        print(json.dumps({f"video of {arguments.video} frames": found}, indent=2), flush=True)
        return
    print(json.dumps({"opening the dock": bench.opening}), flush=True)
    if arguments.in_blocks:
        print(json.dumps({"in blocks": bench.in_blocks(arguments.in_blocks)}, indent=2), flush=True)
        return
    for view in arguments.views:
        print(json.dumps({f"lateness in ms, {view}D": bench.lateness(view)}, indent=2), flush=True)
    if arguments.cancel:
        for case, figures in bench.ending():
            rounded = {name: round(value) for name, value in figures.items()}
            print(json.dumps({f"in ms, {case}": rounded}), flush=True)


if __name__ == "__main__":
    main()
