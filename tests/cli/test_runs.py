"""The commands that take their time: reconstruct, train, demo; what they write, and Ctrl-C."""

import json
import pickle
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from typer.testing import CliRunner

from napari_microdiffusion.cli import app
from napari_microdiffusion.cli.terminal import CANCELLED, STOPPED, follow
from napari_microdiffusion.diffusion.prior import Prior, new_denoiser
from napari_microdiffusion.io import read_image, save_checkpoint, write_image
from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.reconstruction.events import StageStarted
from napari_microdiffusion.settings.method import ReconstructionConfig
from napari_microdiffusion.specimens import ImagingConditions, make_specimen
from napari_microdiffusion.studies import demo
from napari_microdiffusion.training import recipe

TRUTH = 1000 * make_specimen("vasculature", (20, 24, 28), 3)
PROJECTIONS = simulate_projections(TRUTH, Acquisition(step_length=4))


@pytest.fixture(scope="module")
def prior(tmp_path_factory) -> str:
    torch.manual_seed(1)
    denoiser = new_denoiser({"width": 8, "deep_width": 8, "blocks": 1, "deep_blocks": 1})
    torch.nn.init.normal_(denoiser.network.head.weight, 0, 0.05)
    path = tmp_path_factory.mktemp("prior") / "tiny.safetensors"
    Prior(denoiser.eval(), {}).save(path)
    return str(path)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The working folder, with projections that say their step length and others that do not."""
    monkeypatch.chdir(tmp_path)
    write_image(tmp_path / "p.tif", PROJECTIONS, scale=(8, 0.5, 0.5), step_length=4)
    write_image(tmp_path / "plain.tif", PROJECTIONS, scale=(2, 0.5, 0.5))
    write_image(tmp_path / "bare.tif", PROJECTIONS)
    return tmp_path


@pytest.fixture
def run(folder, prior) -> Callable:
    """Reconstruct with the tiny prior, as a function of the other words."""

    def invoke(*words: object):
        return CliRunner().invoke(
            app, ["reconstruct", *map(str, words), "--prior", prior, "--steps", "2", "--device", "cpu"]
        )

    return invoke


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def answer(result, code: int = 0) -> dict:
    assert result.exit_code == code, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


def test_reconstruct_writes_volume_uncertainty_and_provenance(run, folder):
    before = names(folder)
    words = ("p.tif", "-o", "v.ome.tif", "--samples", 1, "--uncertainty", "u.tif", "--seed", 5, "--json")
    found = answer(run(*words, "--consistency", "nonnegative"))
    assert set(names(folder)) - set(before) == {"v.ome.tif", "u.tif", "v.provenance.json"}
    assert found["shape"] == [20, 24, 28]
    assert found["seconds"].keys() == {"preview", "guide", "posterior mean", "samples"}
    assert (found["guide"], found["diffusion"], found["consistency"]) == (
        "logspline",
        "slab",
        "nonnegative",
    )
    assert (found["device"], found["seed"], found["step_length"]) == ("cpu", 5, 4)
    assert found["reprojection_max"] < 1e-4
    assert (found["output"], found["uncertainty"]) == ("v.ome.tif", "u.tif")
    volume, uncertainty = read_image("v.ome.tif"), read_image("u.tif")
    assert volume.data.dtype == np.float32
    np.testing.assert_allclose(volume.scale, (2, 0.5, 0.5))
    np.testing.assert_allclose(uncertainty.scale, (2, 0.5, 0.5))
    means = volume.data.astype(float).reshape(5, 4, 24, 28).mean(1)
    np.testing.assert_allclose(means, PROJECTIONS, atol=1e-4 * np.ptp(PROJECTIONS))


def test_registered_stacks_keep_their_missing_borders(run, folder):
    stack = PROJECTIONS.copy()
    stack[:, :, -3:] = np.nan
    write_image("r.tif", stack, scale=(8, 0.5, 0.5), step_length=4)
    words = ("r.tif", "-o", "v.ome.tif", "--samples", 1, "--uncertainty", "u.tif")
    refused = run(*words)
    assert refused.exit_code == 1
    assert "--mask-missing" in refused.stderr
    assert not Path("v.ome.tif").exists()
    found = answer(run(*words, "--mask-missing", "--json"))
    assert any("have no value" in notice for notice in found["notices"])
    for name in ("v.ome.tif", "u.tif"):
        np.testing.assert_array_equal(np.isnan(read_image(name).data), np.isnan(stack).repeat(4, axis=0))
    again = answer(run("r.tif", "-o", "w.ome.tif", "--config", "v.provenance.json", "--json"))
    assert again["output"] == "w.ome.tif"
    np.testing.assert_array_equal(read_image("w.ome.tif").data, read_image("v.ome.tif").data)


def test_people_get_lines_and_no_progress_where_there_is_no_terminal(run):
    result = run("p.tif", "-o", "v.tif")
    assert result.exit_code == 0
    assert "20 slices of 24 x 28" in result.stdout
    assert "posterior mean" in result.stdout
    assert result.stderr == ""


def test_samples_are_drawn_only_where_they_are_kept(run):
    result = run("p.tif", "-o", "v.tif", "--json")
    assert answer(result)["samples"] == 0
    assert result.stderr == ""
    asked = run("p.tif", "-o", "v.tif", "--samples", 3, "--json")
    assert answer(asked)["samples"] == 0
    assert "--uncertainty" in asked.stderr


def test_the_step_length_must_be_known(run, folder):
    before = names(folder)
    guessed = run("plain.tif", "-o", "v.tif")
    assert guessed.exit_code == 2
    assert "isotropic voxels would mean -n 4" in guessed.stderr
    unknown = run("bare.tif", "-o", "v.tif")
    assert unknown.exit_code == 2
    assert "give it with -n" in unknown.stderr
    assert names(folder) == before
    assert answer(run("bare.tif", "-n", 4, "-o", "v.tif", "--json"))["step_length"] == 4
    assert read_image("v.tif").scale is None


def test_flicker_is_evened_out_on_request(run, folder):
    truth = 1000 * make_specimen("nuclei", (40, 48, 48), 3, ImagingConditions(background=0.2))
    uneven = simulate_projections(truth, Acquisition(step_length=4))
    uneven[4] *= 0.5
    write_image(folder / "uneven.tif", uneven, step_length=4)
    words = ("uneven.tif", "-o", "v.tif", "--diffusion", "off", "--json")
    assert not any("light of slab" in text for text in answer(run(*words))["notices"])
    (told,) = (text for text in answer(run(*words, "--light", "flicker"))["notices"] if "light of" in text)
    assert "slab 5 (" in told
    volume = read_image("v.tif").data.reshape(10, 4, 48, 48)
    assert volume[4].mean() == pytest.approx(truth[16:20].mean(), rel=0.1)
    kept = json.loads((folder / "v.provenance.json").read_text())
    assert kept["settings"]["light"] == "flicker"
    assert kept["light"][4] == pytest.approx(0.5, rel=0.1)
    refused = run(*words, "--light", "wander")
    assert refused.exit_code == 2


def test_another_step_length_than_the_files_is_used_and_reported(run):
    result = run("p.tif", "-n", 3, "-o", "v.tif", "--json")
    assert answer(result)["shape"] == [15, 24, 28]
    assert "records step length 4; 3 is used" in result.stderr


def test_the_beam_of_the_file_is_used(run, folder):
    write_image(folder / "b.tif", PROJECTIONS, step_length=4, beam="bessel")
    assert answer(run("b.tif", "-o", "v.tif", "--json"))["beam"] == "bessel"
    assert answer(run("b.tif", "-o", "v.tif", "--beam", "uniform", "--json"))["beam"] == "uniform"
    assert answer(run("b.tif", "-o", "v.tif", "--beam", "airy", "--json"))["beam"] == "airy"


def test_provenance_runs_it_again_and_options_override_it(run, folder):
    first = (
        "bare.tif",
        "-n",
        4,
        "-o",
        "a.tif",
        "--guide",
        "linear",
        "--consistency",
        "exact",
        "--beam",
        "bessel",
    )
    answer(run(*first, "--json"))
    found = answer(run("bare.tif", "-o", "b.tif", "--config", "a.provenance.json", "--json"))
    assert (found["guide"], found["consistency"], found["beam"]) == ("linear", "exact", "bessel")
    np.testing.assert_array_equal(read_image("a.tif").data, read_image("b.tif").data)
    changed = answer(
        run("bare.tif", "-o", "c.tif", "--config", "a.provenance.json", "--guide", "cubic", "-n", 5, "--json")
    )
    assert (changed["guide"], changed["consistency"], changed["step_length"]) == ("cubic", "exact", 5)


def test_settings_by_hand(run, folder):
    (folder / "s.yaml").write_text("diffusion: 'off'\nguide: nearest\nacquisition: {step_length: 4}\n")
    found = answer(run("bare.tif", "-o", "v.tif", "--config", "s.yaml", "--json"))
    assert (found["guide"], found["diffusion"]) == ("nearest", "off")
    (folder / "s.yaml").write_text("colour: red\n")
    refused = run("p.tif", "-o", "v.tif", "--config", "s.yaml")
    assert refused.exit_code == 2
    assert "colour" in refused.stderr


def test_an_inr_is_saved_and_used_again(run, folder):
    (folder / "s.json").write_text('{"inr": {"epochs": 2}}')
    words = ("p.tif", "-o", "v.tif", "--config", "s.json", "--guide", "inr", "--save-inr", "f.safetensors")
    assert answer(run(*words, "--json"))["inr"] == "f.safetensors"
    found = answer(run("p.tif", "-o", "w.tif", "--inr", "f.safetensors", "--json"))
    assert found["guide"] == "inr"
    np.testing.assert_allclose(read_image("w.tif").data, read_image("v.tif").data, rtol=1e-3, atol=1)
    refused = run("p.tif", "-o", "x.tif", "--save-inr", "g.safetensors")
    assert (refused.exit_code, "no INR to save" in refused.stderr) == (2, True)


def test_beyond_sixteen_slices_it_says_that_the_diffusion_is_off(run):
    result = run("bare.tif", "-n", 17, "-o", "v.tif", "--uncertainty", "u.tif", "--json")
    found = answer(result)
    assert (found["diffusion"], found["uncertainty"]) == ("off", None)
    assert "up to 16" in result.stderr
    assert found["notices"]


def test_compare_knows_the_step_length_of_our_own_volumes(run, folder):
    run("p.tif", "-o", "v.ome.tif")
    write_image(folder / "truth.tif", TRUTH)
    found = answer(CliRunner().invoke(app, ["compare", "v.ome.tif", "truth.tif", "--json"]))
    assert found["step_length"] == 4
    assert found["reprojection_max"] < 1e-4


def bad_inputs() -> dict[str, Callable[[Path], None]]:
    """Files that are no projections, each as a function that writes it."""
    x = PROJECTIONS

    def truncated(path: Path) -> None:
        tifffile.imwrite(path, x)
        path.write_bytes(path.read_bytes()[:-3000])

    return {
        "no such file": lambda path: None,
        "a folder": lambda path: path.mkdir(),
        "text": lambda path: path.write_bytes(b"depth, width\n1, 2\n"),
        "nothing": lambda path: path.write_bytes(b""),
        "truncated": truncated,
        "one image": lambda path: tifffile.imwrite(path, x[0]),
        "colours": lambda path: tifffile.imwrite(path, np.zeros((8, 8, 3), np.uint8), photometric="rgb"),
        "a stack of colours": lambda path: tifffile.imwrite(
            path, np.zeros((5, 8, 8, 3), np.uint8), photometric="rgb"
        ),
        "NaN": lambda path: tifffile.imwrite(path, np.where(x > 100, np.nan, x).astype(np.float32)),
        "infinite": lambda path: tifffile.imwrite(path, np.where(x > 100, np.inf, x).astype(np.float32)),
        "constant": lambda path: tifffile.imwrite(path, np.full_like(x, 7)),
        "complex": lambda path: tifffile.imwrite(path, x.astype(np.complex64)),
    }


@pytest.mark.filterwarnings("ignore:.*:UserWarning:tifffile")
@pytest.mark.parametrize("kind", bad_inputs())
def test_what_are_no_projections_gets_one_sentence_and_leaves_nothing(run, folder, kind):
    path = folder / "input.tif"
    bad_inputs()[kind](path)
    before = names(folder)
    result = run("input.tif", "-n", 4, "-o", "v.ome.tif")
    assert_refused(result, folder, before)
    assert "input" in result.stderr


def assert_refused(result, folder: Path, before: list[str]) -> None:
    assert result.exit_code in (1, 2)
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("microdiffusion: ")
    assert "Traceback" not in line
    assert "defect" not in line
    assert names(folder) == before


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["-n", "0", "-o", "v.tif"], 2, "-n is 0"),
        (["-n", "1.5", "-o", "v.tif"], 2, "-n is 1.5, but it must be a whole number"),
        (["-n", "1000", "-o", "v.tif"], 2, "-n is 1000"),
        (["-n", "nan", "-o", "v.tif"], 2, "-n is nan"),
        (["-o", "none/v.tif"], 1, "there is no folder"),
        (["-o", "/proc/v.tif"], 1, "cannot be written"),
        (["-o", "p.tif/v.tif"], 1, "not a folder"),
        (["-o", "v.png"], 1, "must end in"),
        (["-o", "v.tif", "--uncertainty", "none/u.tif"], 1, "there is no folder"),
        (["-o", "v.tif", "--uncertainty", "v.tif"], 1, "another output"),
        (["-o", "p.tif"], 1, "which is read"),
        (["-o", "v.tif", "--uncertainty", "u.tif", "--samples", "0"], 2, "the uncertainty needs"),
        (["-o", "v.tif", "--samples", "65"], 2, "samples is 65"),
        (["-o", "v.tif", "--memory", "0"], 2, "--memory is 0"),
        (["-o", "v.tif", "--seed", "-1"], 2, "seed is -1"),
        (["-o", "v.tif", "--inr", "none.safetensors"], 1, "no such file"),
        (["-o", "v.tif", "--inr", "pickle.safetensors"], 1, "safetensors"),
        (["-o", "v.tif", "--inr", "other.safetensors"], 1, "kind"),
        (["-o", "v.tif", "--inr", "x.safetensors", "--guide", "linear"], 2, "choose the guide inr"),
        (["-o", "v.tif", "--config", "none.json"], 1, "no such file"),
        (["-o", "v.tif", "--guide", "none", "--diffusion", "off"], 2, "nothing to reconstruct"),
    ],
)
def test_what_cannot_be_done_gets_one_sentence_and_leaves_nothing(run, folder, words, code, sentence):
    (folder / "pickle.safetensors").write_bytes(pickle.dumps({"weights": [1.0]}))
    save_checkpoint(folder / "other.safetensors", "other", {"a": np.zeros(2, np.float32)}, {})
    before = names(folder)
    result = run("p.tif", *words)
    assert_refused(result, folder, before)
    assert result.exit_code == code
    assert sentence in result.stderr


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("none.safetensors", "no such file"),
        ("pickle.safetensors", "safetensors"),
        ("other.safetensors", "kind 'other'"),
        ("wonderful", "not shipped"),
    ],
)
def test_a_prior_that_is_none_is_refused(folder, name, sentence):
    (folder / "pickle.safetensors").write_bytes(pickle.dumps({"weights": [1.0]}))
    save_checkpoint(folder / "other.safetensors", "other", {"a": np.zeros(2, np.float32)}, {})
    before = names(folder)
    result = CliRunner().invoke(app, ["reconstruct", "p.tif", "-o", "v.tif", "--prior", name])
    assert_refused(result, folder, before)
    assert sentence in result.stderr


def interrupting(stage: str, times: int) -> Callable:
    """As `follow`, with Ctrl-C pressed when a stage begins."""

    def press(events):
        for event in events:
            if isinstance(event, StageStarted) and event.stage == stage:
                for _ in range(times):
                    signal.raise_signal(signal.SIGINT)
            yield event

    return lambda events: follow(press(events))


def test_ctrl_c_stops_and_keeps_under_a_name_of_its_own(run, folder, monkeypatch):
    before, handler = names(folder), signal.getsignal(signal.SIGINT)
    monkeypatch.setattr("napari_microdiffusion.cli.reconstruction.follow", interrupting("posterior mean", 1))
    result = run("p.tif", "-o", "v.ome.tif", "--json")
    found = answer(result, STOPPED)
    assert found["stopped"] is True
    assert found["output"] == "v.stopped.ome.tif"
    assert "v.stopped.ome.tif" in result.stderr
    assert set(names(folder)) - set(before) == {"v.stopped.ome.tif", "v.stopped.provenance.json"}
    assert json.loads((folder / "v.stopped.provenance.json").read_text())["reached"] == ["guide"] * 5
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.parametrize(("times", "sentence"), [(2, "cancelled"), (3, "interrupted")])
def test_ctrl_c_again_cancels_and_keeps_nothing(run, folder, monkeypatch, times, sentence):
    before = names(folder)
    monkeypatch.setattr("napari_microdiffusion.cli.reconstruction.follow", interrupting("guide", times))
    result = run("p.tif", "-o", "v.ome.tif")
    assert result.exit_code == CANCELLED
    assert sentence in result.stderr.splitlines()[-1]
    assert names(folder) == before


@pytest.fixture
def quick_training(monkeypatch):
    """A network and batches that take a moment."""

    class TinyRecipe(recipe.TrainingRecipe):
        def __init__(self, **settings):
            tiny = {
                "width": 8,
                "deep_width": 8,
                "blocks": 1,
                "deep_blocks": 1,
                "stacks": 1,
                "slabs": 2,
                "pool": 2,
                "recordings": 6,
                "unit_stacks": 8,
                "validation_batches": 3,
            }
            super().__init__(**tiny, patch=16, distribution_stacks=0, **settings)

    monkeypatch.setattr(recipe, "TrainingRecipe", TinyRecipe)


def train(*words: object):
    return CliRunner().invoke(app, ["train", *map(str, words)])


def test_train_writes_a_prior_and_goes_on_with_it(folder, quick_training):
    write_image(folder / "truth.tif", TRUTH)
    words = ("-o", "q.safetensors", "--reference", "truth.tif", "--seed", 3, "--json")
    found = answer(train(*words, "--minutes", 0.01))
    assert found["finished"] is True
    assert found["steps"] >= 1
    assert Prior.load("q.safetensors").card["recipe"]["seed"] == 3
    # However slow the machine was so far, there must be something left to do.
    longer = ("--minutes", found["minutes"] + 0.005)
    result = train(*words, *longer)
    assert answer(result)["steps"] > found["steps"]
    assert "going on from step" in result.stderr
    done = train(*words, *longer)
    assert (done.exit_code, "already" in done.stderr) == (1, True)


def test_ctrl_c_saves_a_training(folder, quick_training, monkeypatch):
    write_image(folder / "truth.tif", TRUTH)
    advance = recipe.Fitting._advance

    def interrupted(self, batch):
        if self.step == 2:
            signal.raise_signal(signal.SIGINT)
        return advance(self, batch)

    monkeypatch.setattr(recipe.Fitting, "_advance", interrupted)
    result = train("-o", "q.safetensors", "--reference", "truth.tif", "--minutes", 5, "--json")
    found = answer(result, STOPPED)
    assert (found["finished"], found["steps"]) == (False, 3)
    assert Prior.load("q.safetensors").card["steps"] == 3


def test_a_prior_is_fine_tuned(folder, quick_training, prior):
    write_image(folder / "truth.tif", TRUTH)
    words = ("-o", "q.safetensors", "--reference", "truth.tif", "--init", prior, "--minutes", 0.005)
    result = train(*words)
    assert result.exit_code == 0
    assert "q.safetensors" in result.stdout


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["-o", "q.pt"], 1, "must end in .safetensors"),
        (["-o", "none/q.safetensors"], 1, "there is no folder"),
        (["-o", "q.safetensors", "--minutes", "0"], 2, "--minutes is 0"),
        (["-o", "q.safetensors", "--reference", "none.tif"], 1, "no such file"),
        (["-o", "q.safetensors", "--reference", "p.tif"], 1, "reference 1 has 5 slices"),
        (["-o", "q.safetensors", "--init", "wonderful"], 2, "not shipped"),
    ],
)
def test_a_training_that_cannot_be_is_refused(folder, words, code, sentence):
    before = names(folder)
    result = train(*words)
    assert_refused(result, folder, before)
    assert result.exit_code == code
    assert sentence in result.stderr


def test_the_demo_shows_the_main_job(folder, prior, monkeypatch):
    quick = ReconstructionConfig(prior=prior, samples=1, steps=2, device="cpu")
    whole = demo.run_demo
    monkeypatch.setattr(
        demo, "run_demo", lambda folder, follow: whole(folder, follow, config=quick, shape=(24, 32, 32))
    )
    result = CliRunner().invoke(app, ["demo", "-o", "new/demo", "--json"])
    found = answer(result)
    assert names(folder / "new" / "demo") == [
        "comparison.png",
        "ground_truth.ome.tif",
        "projections.tif",
        "report.json",
        "uncertainty.ome.tif",
        "volume.ome.tif",
        "volume.provenance.json",
    ]
    assert found["metrics"].keys() == {"histospline", "reconstruction"}
    report = json.loads(Path(found["files"]["report"]).read_text())
    assert report["metrics"]["reconstruction"]["slices"] == 24
    assert read_image("new/demo/projections.tif").step_length == 6
    assert read_image("new/demo/volume.ome.tif").scale == (1, 1, 1)
    text = CliRunner().invoke(app, ["demo", "-o", "new/demo"]).stdout
    assert "histospline" in text
    assert "comparison.png" in text


def test_a_demo_into_a_file_is_refused(folder):
    before = names(folder)
    result = CliRunner().invoke(app, ["demo", "-o", "p.tif"])
    assert_refused(result, folder, before)


def test_a_preset_is_under_what_is_asked_for(run, folder):
    tiny = {
        "inr": {"epochs": 1, "frequencies": 4, "layers": 2, "width": 4},
        "paper": {"training_steps": 2, "batch": 2, "width": 8, "multipliers": [1, 2], "sampling_steps": 2},
    }
    (folder / "tiny.json").write_text(json.dumps(tiny))
    words = (
        "p.tif",
        "-o",
        "v.tif",
        "--preset",
        "paper-small",
        "--config",
        "tiny.json",
        "--seed",
        3,
        "--json",
    )
    found = answer(run(*words))
    assert (found["guide"], found["diffusion"], found["consistency"]) == ("inr", "paper", "none")
    assert found["seed"] == 3
    settings = json.loads((folder / "v.provenance.json").read_text())["settings"]
    assert settings["paper"]["training_steps"] == 2
    assert settings["paper"]["prediction"] == "x0"
