import subprocess
import sys


def test_the_room_opens_without_torch():
    code = "import sys, napari_microdiffusion.inr; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
