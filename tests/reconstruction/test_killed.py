"""A process that is killed at any time of writing a result: each file is whole, and a rerun goes on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_microdiffusion.io import read_image, write_image

# Writes a result over an older one again and again, each time in a process that is killed by the system at
# its next change to a folder or file: after 0 of them, after 1, and so on until it comes to its end.
KILLED_AGAIN_AND_AGAIN = """
import os, signal, sys
from pathlib import Path
import numpy as np, tifffile, zarr
from napari_microdiffusion.io import read_image
from napari_microdiffusion.reconstruction.outputs import Outputs
from napari_microdiffusion.reconstruction.result import ReconstructionResult

CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree"}
folder, name = Path(sys.argv[1]), sys.argv[2]
source = read_image(folder / "projections.tif")

def write(place, value):
    volume = np.full((8, 5, 5), value, np.float32)
    provenance = {"acquisition": {"step_length": 2}, "settings": {"seed": value}, "input": {}}
    Outputs(place / name).write(ReconstructionResult(volume, volume, provenance=provenance), source)

def in_a_child(work):
    child = os.fork()
    if not child:
        work()
        os._exit(0)
    return os.waitpid(child, 0)[1]

def killed(place, after):
    left = [after]
    def watch(event, arguments):
        opened = event == "open" and str(arguments[0]).startswith(str(place)) and arguments[1] != "r"
        if opened or event in CHANGES:
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
    sys.addaudithook(watch)
    write(place, 2)

for after in range(200):
    place = folder / f"{after:03d}"
    place.mkdir()
    assert in_a_child(lambda: write(place, 1)) == 0
    if in_a_child(lambda: killed(place, after)) == 0:
        break
else:
    raise SystemExit("never done")
"""


def state(place: Path, name: str) -> tuple[float | None, int | None]:
    """The value of the volume, all of it, and the seed in its provenance; None for what is absent."""
    volume, provenance = place / name, place / "v.provenance.json"
    value = None
    if volume.exists():
        data = np.asarray(read_image(volume).data)
        assert data.shape == (8, 5, 5)
        assert data.min() == data.max()
        value = float(data.flat[0])
    seed = json.loads(provenance.read_text())["settings"]["seed"] if provenance.exists() else None
    return value, seed


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that fork")
@pytest.mark.parametrize("name", ["v.ome.tif", "v.ome.zarr"])
def test_killed_at_any_time_of_writing(tmp_path: Path, name: str) -> None:
    write_image(tmp_path / "projections.tif", np.ones((4, 5, 5), np.float32), scale=(2, 1, 1))
    before = (tmp_path / "projections.tif").read_bytes()
    script = [sys.executable, "-c", KILLED_AGAIN_AND_AGAIN, str(tmp_path), name]
    done = subprocess.run(script, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    places = sorted(path for path in tmp_path.iterdir() if path.is_dir())
    assert len(places) > 5
    found = [state(place, name) for place in places]
    # The old result, then the new volume without a provenance, then the new result; never a mixture.
    assert found[0] == (1.0, 1)
    assert found[-1] == (2.0, 2)
    assert set(found) <= {(1.0, 1), (1.0, None), (None, None), (2.0, None), (2.0, 2)}
    if name == "v.ome.tif":
        assert (None, None) not in found
    assert (tmp_path / "projections.tif").read_bytes() == before
    # What was left lying does not keep a rerun from going on.
    again = places[len(places) // 2] / name
    write_image(again, np.full((8, 5, 5), 3, np.float32))
    np.testing.assert_array_equal(read_image(again).data, np.full((8, 5, 5), 3, np.float32))
