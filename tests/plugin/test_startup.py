"""What opens without torch, and what a run needs is imported before the click."""

import os
import subprocess
import sys

OPEN_THE_DOCK = """
import sys
import threading
import napari
viewer = napari.Viewer(show=False)
assert "torch" not in sys.modules, "napari started with torch"
_, dock = viewer.window.add_plugin_dock_widget("napari-microdiffusion", "Reconstruct volume")
assert "torch" not in sys.modules, "the dock imported torch"
for name in ("Simulate projections", "Compare with ground truth", "Adapt prior", "Reconstruct video"):
    viewer.window.add_plugin_dock_widget("napari-microdiffusion", name)
    assert "torch" not in sys.modules, name + " imported torch"
viewer.open_sample("napari-microdiffusion", "neurons")
assert dock.document.projections.layer.name == "neurons"
assert dock.document.truth.name == "neurons ground truth"
assert dock.panel.estimate.text().startswith("about")
(beside,) = [thread for thread in threading.enumerate() if thread.name == "microdiffusion import"]
beside.join()
assert "torch" in sys.modules and "scipy.optimize" in sys.modules, "a first run has to wait for torch"
assert dock.document.speed.is_known, "nothing was timed for the first estimate"
viewer.close()
"""


def test_the_docks_open_without_torch_which_is_imported_beside_once_there_are_projections(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", OPEN_THE_DOCK],
        env=os.environ | {"XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
