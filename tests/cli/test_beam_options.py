"""Beams on the command line: step and width, bent, tilted and measured beams, two views."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import napari_microdiffusion as md
from napari_microdiffusion.cli import app
from napari_microdiffusion.errors import UsageError
from napari_microdiffusion.io import read_image, write_image
from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.settings.resolve import make_acquisition
from napari_microdiffusion.specimens import make_specimen

TRUTH = 1000 * make_specimen("vasculature", (24, 20, 24), 3)
TABLE = "z_um,intensity\n-3,0\n-1.5,1\n0,2\n1.5,1\n3,0\n"


@pytest.fixture
def run(tmp_path, monkeypatch) -> Callable:
    """Run a command beside a volume with slices of 0.75 um, and a table of a beam."""
    monkeypatch.chdir(tmp_path)
    write_image("truth.tif", TRUTH, scale=(0.75, 0.5, 0.5))
    Path("beam.csv").write_text(TABLE)

    def invoke(*words: object):
        return CliRunner().invoke(app, [str(word) for word in words])

    return invoke


@pytest.fixture
def simulate(run) -> Callable:
    def invoke(*words: object) -> dict:
        return answer(run("simulate", "truth.tif", "-o", "p.tif", *words, "--json"))

    return invoke


@pytest.fixture
def reconstruct(run) -> Callable:
    """The acquisition that a fast reconstruction was made with."""

    def invoke(*words: object) -> dict:
        quick = ("--guide", "linear", "--diffusion", "off", "--consistency", "none", "--json")
        answer(run("reconstruct", "p.tif", "-o", "v.tif", *words, *quick))
        made = json.loads(Path("v.provenance.json").read_text())["acquisition"]
        return {
            name: value
            for name, value in made.items()
            if value != Acquisition(step_length=2).model_dump()[name]
        }

    return invoke


def answer(result) -> dict:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


def test_a_beam_wider_than_the_step(simulate, reconstruct):
    found = simulate("-n", 6, "--step", 4, "--beam", "bessel")
    assert (found["shape"][0], found["step_length"]) == (6, 4)
    acquisition = Acquisition(step_length=4, width=6, beam="bessel")
    np.testing.assert_allclose(read_image("p.tif").data, simulate_projections(TRUTH, acquisition), rtol=1e-5)
    # Found in the file again, without a word.
    assert reconstruct() == {"step_length": 4, "beam": "bessel", "width": 6}
    assert reconstruct("-n", 6, "--step", 4) == {"step_length": 4, "beam": "bessel", "width": 6}


def test_all_of_a_bent_beam_is_found_in_the_file(simulate, reconstruct):
    asked = ("--beam", "airy", "--bend", 0.1, "--apex", 1, "--direction", 90, "--views", 2)
    found = simulate("-n", 4, *asked)
    assert found["shape"][0] == 12
    assert reconstruct() == {
        "step_length": 4,
        "beam": "airy",
        "bend": 0.1,
        "apex": 1,
        "direction": 90,
        "views": 2,
    }


def test_what_the_file_says_of_another_beam_or_step_is_left_aside(simulate, reconstruct):
    simulate("-n", 4, "--beam", "airy", "--bend", 0.1)
    assert reconstruct("--beam", "bessel") == {"step_length": 4, "beam": "bessel"}
    assert reconstruct("--bend", 0.2) == {"step_length": 4, "beam": "airy", "bend": 0.2}
    assert reconstruct("-n", 6) == {"step_length": 6, "beam": "airy"}


def test_two_views_stay_two_with_another_beam(simulate, reconstruct, run):
    simulate("-n", 4, "--beam", "airy", "--bend", 0.1, "--views", 2)
    refused = run("reconstruct", "p.tif", "-o", "v.tif", "--beam", "bessel")
    assert refused.exit_code == 2
    assert "give bend or tilt" in refused.stderr
    assert reconstruct("--beam", "bessel", "--tilt", 0.5)["views"] == 2


def test_a_bend_goes_before_a_recorded_displacement(simulate, reconstruct):
    Path("bent.csv").write_text("-3 0 0 4\n-1.5 1 0 1\n0 2 0 0\n1.5 1 0 1\n3 0 0 4\n")
    simulate("-n", 4, "--beam-file", "bent.csv")
    assert len(reconstruct()["displacement"]) == 8
    assert reconstruct("--tilt", 0.5).keys() == {"step_length", "axial_profile", "tilt"}


def test_the_mirrored_view_in_a_file_of_its_own(simulate, reconstruct, run):
    simulate("-n", 4, "--tilt", 0.5, "--views", 2)
    both = read_image("p.tif").data
    write_image("p.tif", both[:6], step_length=4)
    write_image("second.tif", both[6:])
    made = reconstruct("--tilt", 0.5, "--views", "second.tif")
    assert (made["views"], made["tilt"]) == (2, 0.5)
    write_image("short.tif", both[6:10])
    wrong = run("reconstruct", "p.tif", "-o", "v.tif", "--tilt", 0.5, "--views", "short.tif")
    assert wrong.exit_code == 1
    assert "short is of shape (4, 20, 24)" in wrong.stderr


def test_a_measured_beam(simulate, reconstruct):
    simulate("-n", 4, "--beam-file", "beam.csv")
    # Slices of 0.75 um: the triangle reaches four to each side of the slab's middle.
    made = reconstruct()
    np.testing.assert_allclose(made["axial_profile"], np.array([1, 3, 5, 7, 7, 5, 3, 1]) / 32, atol=1e-9)
    # Of projections, the slices are a quarter of their spacing; what was asked for comes before the file.
    assert reconstruct("--beam-file", "beam.csv")["axial_profile"] == pytest.approx(made["axial_profile"])
    wide = reconstruct("--beam-file", "beam.csv", "--slice-spacing", 1.5)["axial_profile"]
    np.testing.assert_allclose(wide, [1 / 8, 3 / 8, 3 / 8, 1 / 8], atol=1e-9)


def test_a_measured_beam_needs_the_spacing(run):
    write_image("bare.tif", TRUTH)
    refused = run("simulate", "bare.tif", "-n", 4, "--beam-file", "beam.csv", "-o", "q.tif")
    assert refused.exit_code == 2
    assert "--slice-spacing" in refused.stderr
    missing = run("simulate", "truth.tif", "-n", 4, "--beam-file", "none.csv", "-o", "q.tif")
    assert missing.exit_code == 1
    assert "none.csv" in missing.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-n", 4, "--step", "x"), "--step is 'x'"),
        (("-n", 4, "--bend", 30), "--bend is 30"),
        (("-n", 4, "--views", 2), "straight beam"),
        (("-n", 4, "--views", "other.tif"), "--views"),
        (("-n", 4, "--side-lobes", 2), "bend"),
        (("-n", 400, "--step", 4), "-n is 400"),
    ],
)
def test_what_cannot_be_is_refused_before_any_file_is_read(run, words, said):
    refused = run("simulate", "none.tif", "-o", "q.tif", *words)
    assert refused.exit_code == 2
    assert said in refused.stderr


def test_the_same_for_scripts(tmp_path):
    (tmp_path / "beam.csv").write_text(TABLE)
    optics = {"beam_file": tmp_path / "beam.csv", "slice_spacing": 0.75}
    acquisition = make_acquisition(4, **optics)
    assert len(acquisition.axial_profile) == 8
    projections = md.simulate(TRUTH, 4, **optics)
    result = md.reconstruct(projections, 4, guide="linear", diffusion="off", **optics)
    assert result.volume.shape == TRUTH.shape
    stepped = make_acquisition(6, step=4, beam="gaussian")
    assert (stepped.step_length, stepped.width) == (4, 6)
    assert make_acquisition(4, step=4).width is None
    with pytest.raises(UsageError, match="slice_spacing"):
        make_acquisition(4, beam_file=tmp_path / "beam.csv")
