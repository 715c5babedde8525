"""What opens without torch."""

import subprocess
import sys

OPEN_THE_DOCK = """
import sys
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
assert "torch" not in sys.modules, "the sample imported torch"
assert dock.panel.estimate.text().startswith("about")
viewer.close()
"""


def test_the_dock_and_a_sample_open_without_torch():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", OPEN_THE_DOCK], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
