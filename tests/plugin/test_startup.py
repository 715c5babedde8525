"""What opens without torch, and how fast."""

import subprocess
import sys

OPEN_THE_DOCK = """
import sys, time
import napari
viewer = napari.Viewer(show=False)
assert "torch" not in sys.modules, "napari started with torch"
began = time.perf_counter()
_, dock = viewer.window.add_plugin_dock_widget("napari-microdiffusion", "Reconstruct volume")
spent = time.perf_counter() - began
assert "torch" not in sys.modules, "the dock imported torch"
viewer.open_sample("napari-microdiffusion", "neurons")
assert dock.sections.projections.layer.name == "neurons"
assert dock.sections.truth.layer.name == "neurons ground truth"
assert "torch" not in sys.modules, "the sample imported torch"
assert dock.panel.estimate.text().startswith("about")
assert spent < 3, f"the dock took {spent:.1f} s to open"
viewer.close()
"""


def test_the_dock_and_a_sample_open_without_torch():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", OPEN_THE_DOCK], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
