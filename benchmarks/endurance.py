"""Whether a long session grows: runs that are started, cancelled and started again, and what they leave.

    python benchmarks/endurance.py [--cycles 200] [--settle 20]                       # the engine alone
    python benchmarks/endurance.py --batch [--cycles 200] [--settle 20]                  # batches of files
    .ci/with-screen python benchmarks/endurance.py --dock [--cycles 200] [--settle 20]   # in the viewer

A cycle is a run that is cancelled after its first slices, then one that goes to its end; or a batch of three
files, one of which is damaged, read from a folder and written to it. Resident memory,
threads, open files and, in the viewer, Qt objects and layers are measured after `--settle` cycles and after
the last, and printed as a table and as JSON. The exit code is 1 where memory grew by more than 5 %, or
anything else at all.
"""

import argparse
import gc
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Read when napari is imported: the preferences of whoever runs this are neither used nor changed.
os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp(prefix="microdiffusion-")) / "settings.yaml")

import numpy as np
import psutil

from napari_microdiffusion.batch import Work, pieces_of, run_batch
from napari_microdiffusion.errors import Cancelled
from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.reconstruction.engine import reconstruct
from napari_microdiffusion.reconstruction.events import CancelToken, Finished, SliceReady
from napari_microdiffusion.settings.method import ReconstructionConfig
from napari_microdiffusion.specimens import make_specimen

N, SLABS, SIDE = 4, 4, 48
MEMORY_GROWTH = 0.05
PATIENCE_S = 300


def projections() -> np.ndarray:
    """A small stack, whose runs take a second or two."""
    return simulate_projections(
        1000 * make_specimen("vasculature", (N * SLABS, SIDE, SIDE), 1), Acquisition(step_length=N)
    )


class EngineSession:
    """Runs through the engine's own interface."""

    def __init__(self) -> None:
        self.projections, self.acquisition = projections(), Acquisition(step_length=N)
        self.config = ReconstructionConfig(samples=1, steps=2, device="cpu")

    def cycle(self) -> None:
        """Cancel a run after its first slices, then run one to its end."""
        token = CancelToken()
        try:
            for event in reconstruct(self.projections, self.acquisition, self.config, cancel=token):
                if isinstance(event, SliceReady) and event.stage == "posterior mean":
                    token.cancel()
        except Cancelled:
            pass
        else:
            raise AssertionError("a cancelled run ended well")
        *_, last = reconstruct(self.projections, self.acquisition, self.config)
        assert isinstance(last, Finished)

    def objects(self) -> dict[str, int]:
        """Nothing but what every process has."""
        return {}


class BatchSession:
    """Batches, as the command line runs them."""

    def __init__(self) -> None:
        from napari_microdiffusion.io import write_image

        self.folder = Path(tempfile.mkdtemp(prefix="microdiffusion-"))
        self.files = [self.folder / name for name in ("a.tif", "b.ome.tif", "damaged.tif")]
        for path in self.files[:2]:
            write_image(path, projections(), scale=(N, 1, 1), step_length=N)
        self.files[2].write_bytes(self.files[0].read_bytes()[:2000])
        self.work = Work({"method": {"diffusion": "slab", "samples": 1, "steps": 2, "device": "cpu"}})

    def cycle(self) -> None:
        """Plan a batch and work on all of it."""
        pieces, unreadable = pieces_of(self.files, self.folder, work=self.work, uncertainty=True)
        reports = [*unreadable, *run_batch(pieces, self.work)]
        assert [bool(report.error) for report in reports] == [True, False, False], reports

    def objects(self) -> dict[str, int]:
        """The files in the folder."""
        return {"files": len(list(self.folder.iterdir()))}


class DockSession:
    """Runs through the dock in a viewer, by its buttons."""

    def __init__(self) -> None:
        import napari
        from qtpy.QtWidgets import QApplication

        from napari_microdiffusion.stacks.metadata import METADATA_KEY

        self.viewer: Any = napari.Viewer(show=False)
        self.application: Any = QApplication.instance()
        _, dock = self.viewer.window.add_plugin_dock_widget("napari-microdiffusion", "Reconstruct volume")
        self.dock: Any = dock
        self.viewer.add_image(
            projections(),
            name="projections",
            scale=(N, 1, 1),
            units=("um",) * 3,
            axis_labels=("z", "y", "x"),
            metadata={METADATA_KEY: {"role": "projections", "step_length": N}},
        )
        self.dock.document.ask({"method.samples": 1})
        self.dock.document.ask({"method.steps": 2})
        self.reached = ""
        self.dock.runs.job.arrived.connect(self._note)

    def _note(self, event: object) -> None:
        if isinstance(event, SliceReady):
            self.reached = event.stage

    def _wait(self, reached: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not reached():
            if time.monotonic() > end:
                raise TimeoutError(f"nothing happens after {self.reached or 'the start'}")
            self.application.processEvents()
            time.sleep(0.001)

    def cycle(self) -> None:
        """Cancel a run after its first slices, run one to its end and remove what it made."""
        from qtpy.QtCore import QEvent

        self.reached = ""
        self.dock.panel.button.click()
        self._wait(lambda: self.reached == "posterior mean" or not self.dock.runs.is_running)
        self.dock.panel.cancel.click()
        self._wait(lambda: not self.dock.runs.is_running)
        self.dock.panel.button.click()
        self._wait(lambda: not self.dock.runs.is_running)
        for layer in [layer for layer in self.viewer.layers if layer.name != "projections"]:
            self.viewer.layers.remove(layer)
        self._wait(lambda: True)
        # What is to be deleted later is deleted now.
        self.application.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)

    def objects(self) -> dict[str, int]:
        """Qt's objects and the viewer's layers."""
        from qtpy.QtCore import QObject

        tops = self.application.topLevelWidgets()
        return {
            "Qt objects": sum(1 + len(top.findChildren(QObject)) for top in tops),
            "layers": len(self.viewer.layers),
        }


def measured(session: EngineSession | BatchSession | DockSession) -> dict[str, float]:
    """What the process holds now."""
    gc.collect()
    process = psutil.Process()
    # Handles is what Windows calls them.
    handles = process.num_fds() if hasattr(process, "num_fds") else process.num_handles()
    return {
        "memory, MB": process.memory_info().rss / 1e6,
        "threads": process.num_threads(),
        "Python threads": threading.active_count(),
        "open files": handles,
        **session.objects(),
    }


def main() -> int:
    """Measure, print and judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--settle", type=int, default=20)
    parser.add_argument("--dock", action="store_true")
    parser.add_argument("--batch", action="store_true")
    options = parser.parse_args()
    if not 0 < options.settle < options.cycles:
        parser.error("--settle must be at least 1 and below --cycles")
    session = DockSession() if options.dock else BatchSession() if options.batch else EngineSession()
    started, settled = time.monotonic(), {}
    for number in range(1, options.cycles + 1):
        session.cycle()
        if number == options.settle:
            settled = measured(session)
    ended = measured(session)
    grown = [name for name, value in ended.items() if value > settled[name] * _allowed(name)]
    print(f"{'':16}{f'after {options.settle}':>12}{f'after {options.cycles}':>12}")
    for name, value in ended.items():
        print(f"{name:16}{settled[name]:12.0f}{value:12.0f}{'   GROWN' if name in grown else ''}")
    seconds = time.monotonic() - started
    print(json.dumps({"settled": settled, "ended": ended, "grown": grown, "seconds": round(seconds)}))
    return 1 if grown else 0


def _allowed(name: str) -> float:
    return 1 + MEMORY_GROWTH if name.startswith("memory") else 1.0


if __name__ == "__main__":
    sys.exit(main())
