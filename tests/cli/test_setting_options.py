"""Options made from the fields of the models: all are there, on every command, and lose nothing."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from typer.testing import CliRunner

from napari_microdiffusion.cli import app, reconstruction
from napari_microdiffusion.cli.setting_options import NAMES, OPTIONS
from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import read_image, write_image
from napari_microdiffusion.optics import Acquisition
from napari_microdiffusion.settings.document import RunSettings
from napari_microdiffusion.settings.fields import value_at
from napari_microdiffusion.settings.resolve import resolve

from ..settings.documents import FIELDS, documents

BEAM = [f"acquisition.{name}" for name in Acquisition.model_fields]
LISTS = {"acquisition.axial_profile", "acquisition.displacement"}
QUICK = ("--guide", "nearest", "--diffusion", "off", "--consistency", "none")
STACK = np.random.default_rng(5).uniform(10, 100, (4, 8, 9)).astype(np.float32)


@pytest.fixture
def run(tmp_path, monkeypatch) -> Callable:
    """Run a command in a folder with two stacks, one of which is said to hold no step length."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.tif", "b.tif"):
        write_image(name, STACK, scale=(4, 1, 1))

    def invoke(*words: object) -> dict:
        result = CliRunner().invoke(app, [*map(str, words), "--json"])
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout.splitlines()[-1])

    return invoke


def provenance(name: str) -> dict:
    return json.loads(Path(f"{name}.provenance.json").read_text())


@pytest.mark.parametrize("path", [path for path in BEAM if path not in LISTS])
def test_every_field_of_the_acquisition_is_an_option_of_the_commands_that_take_projections(path):
    flag = NAMES[path]
    for command in ("reconstruct", "batch"):
        assert f" {flag} " in CliRunner().invoke(app, [command, "--help"]).stdout.replace(",", " ")
    noise = path in ("acquisition.photon_gain", "acquisition.read_noise")
    assert noise or f" {flag} " in CliRunner().invoke(app, ["simulate", "--help"]).stdout.replace(",", " ")


def test_the_help_is_grouped_and_tells_units_defaults_and_exit_codes():
    text = CliRunner().invoke(app, ["reconstruct", "--help"]).stdout
    headings = [line for line in text.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert headings == ["Arguments:", "Options:", "Beam:", "Input:", "Detector:", "Method:", "Output:"]
    words = " ".join(text.split())
    assert "In pixels per slice squared. Default: 0.0." in words
    assert "3 stopped by Ctrl-C" in words
    assert "130 cancelled" in words


PLAIN = [
    field
    for field in FIELDS
    if field.path in OPTIONS
    and field.path not in ("input.path", "input.beam_file", "output.volume", "method.keep_samples")
]


class Captured(UserError):
    pass


def words_of(document: RunSettings) -> list[str]:
    """The options that ask for a document."""
    words = ["-n", str(document.acquisition.step_length)]
    for field in PLAIN:
        value = value_at(document, field.path)
        if field.path == "acquisition.step_length" or value == field.default:
            continue
        if field.path == "acquisition.views" and document.input.second_view is not None:
            continue
        if field.path == "input.second_view":
            words += ["--views", str(value)]
        elif field.kind == "switch":
            flag = OPTIONS[field.path].flags[0].split("/")[not value]
            words.append(flag)
        else:
            words += [NAMES[field.path], repr(value) if isinstance(value, float) else str(value)]
    return words


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents(PLAIN))
def test_a_document_is_the_same_after_the_command_line(monkeypatch, document):
    second = document.input.second_view
    if second is not None and second.name.isdigit():
        return  # "--views 2" is the number of views
    asked: dict = {}

    def capture(tables, **layers):
        asked.update(tables)
        raise Captured("what was asked for is known")

    monkeypatch.setattr(reconstruction, "check_asked", capture)
    CliRunner().invoke(app, ["reconstruct", "p.tif", "-o", "v.tif", *words_of(document)])
    found = resolve(asked)
    expected = document.model_copy(
        update={
            "input": document.input.model_copy(update={"path": Path("p.tif")}),
            "output": document.output.model_copy(update={"volume": Path("v.tif")}),
        }
    )
    assert found.document == expected


def test_no_digit_is_lost_on_the_way_to_the_provenance_and_back(run):
    told = ("--width", 3.456, "--photon-gain", 0.004, "--seed", 2**62, "--memory", 1 / 3)
    run("reconstruct", "a.tif", "-n", 4, "-o", "v.tif", *QUICK, *told)
    first = provenance("v")
    assert first["acquisition"]["width"] == 3.456
    assert first["acquisition"]["photon_gain"] == 0.004
    assert (first["settings"]["seed"], first["settings"]["memory_gb"]) == (2**62, 1 / 3)
    assert first["version"] == 2
    assert first["origins"]["acquisition.width"] == "asked"
    for source in ("v.provenance.json", "v.tif"):
        run("reconstruct", "b.tif", "-o", "w.tif", "--config", source)
        again = provenance("w")
        assert (again["acquisition"], again["settings"]) == (first["acquisition"], first["settings"])


def test_a_run_is_repeated_from_its_provenance_alone(run):
    write_image("series.tif", np.stack([STACK, 2 * STACK]), axes="tzyx", scale=(4, 1, 1))
    run("reconstruct", "series.tif", "-n", 4, "-o", "v.tif", *QUICK, "--time", 1)
    run("reconstruct", "-o", "w.tif", "--config", "v.provenance.json")
    np.testing.assert_array_equal(read_image("v.tif").data, read_image("w.tif").data)
    assert provenance("w")["input"] == provenance("v")["input"]
    # For another file the time point means nothing.
    run("reconstruct", "a.tif", "-o", "x.tif", "--config", "v.provenance.json")
    refused = CliRunner().invoke(app, ["reconstruct", "-o", "w.tif"])
    assert (refused.exit_code, "a stack of projections is needed" in refused.stderr) == (2, True)


def test_what_an_earlier_run_stated_can_be_left_to_the_estimate_again(run):
    run("reconstruct", "a.tif", "-n", 4, "-o", "v.tif", *QUICK, "--photon-gain", 0, "--read-noise", 0)
    assert provenance("v")["acquisition"]["photon_gain"] == 0
    back = ("--photon-gain", "automatic", "--read-noise", "automatic", "--width", "automatic")
    run("reconstruct", "a.tif", "-o", "w.tif", "--config", "v.provenance.json", *back)
    assert provenance("w")["acquisition"]["photon_gain"] is None
    assert provenance("w")["acquisition"]["read_noise"] is None


def test_batch_takes_all_of_the_beam(run):
    Path("beam.csv").write_text("-3 0\n-1.5 1\n0 2\n1.5 1\n3 0\n")
    bent = ("-n", 4, "--beam", "airy", "--bend", 0.1, "--tilt", 0.3, "--views", 2)
    run("batch", "a.tif", "b.tif", "-o", "bent", *QUICK, *bent)
    made = provenance("bent/b_volume")["acquisition"]
    assert (made["beam"], made["bend"], made["tilt"], made["views"]) == ("airy", 0.1, 0.3, 2)
    run("batch", "a.tif", "-o", "measured", *QUICK, "-n", 4, "--beam-file", "beam.csv")
    assert len(provenance("measured/a_volume")["acquisition"]["axial_profile"]) == 6
    run("batch", "a.tif", "-o", "wide", *QUICK, "-n", 6, "--step", 4)
    assert provenance("wide/a_volume")["acquisition"]["width"] == 6


def test_a_mirrored_view_in_a_file_of_its_own_is_for_one_stack(run):
    result = CliRunner().invoke(app, ["batch", "a.tif", "-n", "4", "-o", "out", "--views", "b.tif"])
    assert (result.exit_code, "batch takes 2" in result.stderr) == (2, True)


# Run in a copy of the package with one more field of the beam; prints what became of its value.
SCRIPT = """
import json, sys
from pathlib import Path
import numpy as np
from typer.testing import CliRunner
from napari_microdiffusion.cli import app
from napari_microdiffusion.io import read_image, write_image
from napari_microdiffusion.settings.document import RunSettings
from napari_microdiffusion.settings.fields import field

VALUE = "0.12345678901234566"
QUICK = ["--guide", "nearest", "--diffusion", "off", "--consistency", "none"]
truth = np.random.default_rng(0).uniform(1, 9, (8, 9, 9)).astype("float32")
write_image("truth.tif", truth)
write_image("plain.tif", truth)
def run(*words):
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, (words, result.output, result.exception)
    return result.stdout
def made(name):
    content = json.loads(Path(name + ".provenance.json").read_text())
    return [content["acquisition"]["ripple"], content["origins"].get("acquisition.ripple")]
shown = ["--ripple NUMBER" in run(c, "--help") for c in ("reconstruct", "simulate", "batch", "compare")]
run("simulate", "truth.tif", "-n", "4", "-o", "p.tif", "--ripple", VALUE)
run("reconstruct", "p.tif", "-o", "file.tif", *QUICK)
run("reconstruct", "plain.tif", "-n", "4", "-o", "asked.tif", "--ripple", VALUE, *QUICK)
run("reconstruct", "plain.tif", "-o", "again.tif", "--config", "asked.provenance.json")
run("reconstruct", "plain.tif", "-o", "once_more.tif", "--config", "again.tif")
run("batch", "plain.tif", "-n", "4", "-o", "batch", "--ripple", VALUE, *QUICK)
run("reconstruct", "plain.tif", "-n", "4", "-o", "default.tif", *QUICK)
names = ["file", "asked", "again", "once_more", "batch/plain_volume", "default"]
unit = field(RunSettings, "acquisition.ripple").unit
print(json.dumps({"shown": shown, "made": [made(name) for name in names], "unit": unit}))
"""


def test_a_field_added_in_one_place_is_found_everywhere(tmp_path, source_with_ripple):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(source_with_ripple)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    value = 0.12345678901234566
    assert found["shown"] == [True] * 4
    assert found["unit"] == "waves"
    assert found["made"] == [
        [value, "file"],
        *[[value, "asked"]] * 4,
        [0.25, None],
    ]
