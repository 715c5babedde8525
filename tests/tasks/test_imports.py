"""What is imported beside the window."""

import subprocess
import sys

LOAD_THE_LIBRARIES = """
import sys
from napari_microdiffusion.tasks.imports import load_torch_libraries
load_torch_libraries()
assert "torch" not in sys.modules
import torch
assert float(torch.ones(3).sum()) == 3
load_torch_libraries()
"""


def test_torch_works_after_its_libraries_were_loaded_on_their_own():
    done = subprocess.run(
        [sys.executable, "-c", LOAD_THE_LIBRARIES], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
