"""An answer that cannot be printed, and a Ctrl-C before anything has begun: one line each, no traceback."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from napari_microdiffusion import cli
from napari_microdiffusion.cli import program
from napari_microdiffusion.io import write_image

PROGRAM = [sys.executable, "-m", "napari_microdiffusion"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_image(tmp_path / "a.tif", np.arange(60, dtype="uint16").reshape(3, 4, 5))
    return tmp_path / "a.tif"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("words", [["info", "a.tif"], ["info", "a.tif", "--json"], ["--help"]])
def test_a_full_disk_behind_the_answer(file: Path, words: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*PROGRAM, *words], cwd=file.parent, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "microdiffusion: the answer cannot be printed: No space left on device"
    ]


def test_a_pipe_that_nobody_reads(file: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*PROGRAM, "info", "a.tif"],
        cwd=file.parent,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_an_interruption_while_the_commands_are_loaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "main", interrupted)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 130
    assert capsys.readouterr().err == "microdiffusion: interrupted; nothing was written\n"


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_ctrl_c_soon_after_the_start(tmp_path: Path) -> None:
    # Says when the interpreter is there, so that the signal meets the program and not the interpreter.
    start = "from napari_microdiffusion.cli import main; print('here', flush=True); main()"
    words = [sys.executable, "-c", start, "demo", "-o", str(tmp_path / "demo")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in errors


@pytest.mark.skipif(os.name != "posix", reason="signals as a terminal sends them")
@pytest.mark.parametrize("is_swallowed", [True, False])
def test_ctrl_c_while_a_command_loads_torch_ends_it(tmp_path, is_swallowed):
    # A library that catches everything while it is loaded, as torch's own does in places.
    caught = "except BaseException:\n    pass\n" if is_swallowed else "finally:\n    pass\n"
    torch = f"import signal\ntry:\n    signal.raise_signal(signal.SIGINT)\n{caught}"
    (tmp_path / "torch.py").write_text(torch)
    code = (
        "import signal, sys\nfrom napari_microdiffusion.cli import main, program\n"
        # A shell starts what runs in the background deaf to it.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"def run():\n    sys.path.insert(0, {str(tmp_path)!r})\n    import torch\n    print('went on')\n"
        "program.main = run\nmain()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "microdiffusion: interrupted; nothing was written\n"
