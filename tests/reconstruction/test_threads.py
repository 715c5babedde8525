"""What the number of threads changes: the time."""

import os
import subprocess
import sys

import numpy as np

from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.specimens import make_specimen

_RECONSTRUCT = """
import sys
import numpy as np
import napari_microdiffusion as md
source, output, threads = sys.argv[1:]
run = {"samples": 2, "steps": 2, "threads": int(threads), "device": "cpu"}
found = {}
for name, beam in {"straight": {}, "bent": {"beam": "airy", "bend": 0.05}}.items():
    result = md.reconstruct(np.load(source), 12, **run, **beam)
    found |= {f"{name} volume": result.volume, f"{name} uncertainty": result.uncertainty}
np.savez(output, **found)
"""


def _reconstructed(source, output, threads):
    """By a process whose libraries have so many threads from the start."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    command = [sys.executable, "-c", _RECONSTRUCT, str(source), str(output), str(threads)]
    subprocess.run(command, check=True, env=os.environ | dict.fromkeys(names, str(threads)))
    with np.load(output) as found:
        return dict(found)


def test_the_number_of_threads_changes_no_byte(tmp_path):
    source = tmp_path / "projections.npy"
    truth = make_specimen("vasculature", (48, 40, 44), 3)
    np.save(source, simulate_projections(truth, Acquisition(step_length=12), photons=60, seed=1))
    one, two = (_reconstructed(source, tmp_path / f"{threads}.npz", threads) for threads in (1, 2))
    assert len(one) == 4
    for name, values in one.items():
        np.testing.assert_array_equal(values, two[name], name)
