"""What was asked, what files say and what may be assumed: which comes first, and where a value is from."""

import numpy as np
import pytest

from napari_microdiffusion.errors import UsageError
from napari_microdiffusion.io import ImageStack
from napari_microdiffusion.optics import Acquisition
from napari_microdiffusion.optics.recorded_beam import KEY
from napari_microdiffusion.settings.recorded import Recorded
from napari_microdiffusion.settings.resolve import (
    check_asked,
    keeping_samples_only_where_written,
    make_acquisition,
    resolve,
)

STACK = np.zeros((4, 8, 8), np.float32)
PROFILE = (0.1, 0.2, 0.4, 0.2, 0.1, 0.0)
BENT = {"beam": "airy", "bend": 0.1, "apex": 1.0, "views": 2}


def beam(step_length: int | None = 6, **fields) -> Recorded:
    return Recorded.of_beam(step_length, fields, name="the stack")


def acquisition(**asked) -> dict:
    return {"acquisition": asked}


def is_changed(found: Acquisition) -> dict:
    return found.model_dump(exclude_defaults=True)


def test_every_value_says_where_it_is_from():
    found = resolve(
        {"acquisition": {"tilt": 0.5}, "method": {"steps": 8}, "input": {"channel": 1}},
        beam(6, beam="bessel"),
        earlier={"method": {"inr": {"epochs": 3}}},
        preset_name="paper-small",
    )
    origins = found.origins
    assert origins["acquisition.step_length"] == origins["acquisition.beam"] == "file"
    assert origins["acquisition.tilt"] == origins["method.steps"] == origins["input.channel"] == "asked"
    assert origins["method.inr.epochs"] == origins["method.paper.prediction"] == "asked"
    assert origins["acquisition.bend"] == origins["method.seed"] == origins["output.volume"] == "default"
    assert (found.method.steps, found.method.inr.epochs, found.method.paper.prediction) == (8, 3, "x0")
    assert (found.acquisition.beam, found.document.input.channel) == ("bessel", "1")


def test_a_step_length_is_assumed_only_where_that_is_allowed():
    image = ImageStack(STACK, scale=(3.1, 0.5, 0.5), name="plain")
    recorded = Recorded.of_projections(image)
    found = resolve({}, recorded, assume=True)
    assert (found.acquisition.step_length, found.origins["acquisition.step_length"]) == (6, "assumed")
    words = {"acquisition.step_length": "-n"}
    with pytest.raises(UsageError, match=r"not in plain; give it with -n \(isotropic voxels would mean -n 6"):
        resolve({}, recorded, names=words)
    with pytest.raises(UsageError, match="the step length is not known; give it with -n"):
        resolve({}, names=words, assume=True)
    asked = resolve(acquisition(step_length=5), recorded, assume=True)
    assert asked.origins["acquisition.step_length"] == "asked"


@pytest.mark.parametrize(
    ("asked", "recorded", "earlier", "expected"),
    [
        ({}, beam(6, **BENT), None, {"step_length": 6, **BENT}),
        ({}, beam(6, **BENT), {"step_length": 6, "tilt": 1.0}, {"step_length": 6, "tilt": 1.0}),
        ({}, beam(6, beam="airy", bend=0.1), {"step_length": 5}, {"step_length": 5, "beam": "airy"}),
        ({"bend": 0.2}, beam(6, **BENT), None, {"step_length": 6, **BENT, "bend": 0.2}),
        ({"beam": "bessel", "tilt": 1.0}, beam(6, **BENT), None,
         {"step_length": 6, "beam": "bessel", "tilt": 1.0, "views": 2}),
        ({"step_length": 4, "tilt": 1.0}, beam(6, **BENT), None,
         {"step_length": 4, "beam": "airy", "tilt": 1.0, "views": 2}),
        ({"step_length": 9, "step": 6}, beam(6, **BENT), None, {"step_length": 6, "width": 9.0, **BENT}),
        ({"step": 6}, beam(6, width=9.0), None, {"step_length": 6, "width": 9.0}),
        ({}, beam(6, axial_profile=PROFILE), None, {"step_length": 6, "axial_profile": PROFILE}),
        ({"beam": "uniform"}, beam(6, axial_profile=PROFILE), None, {"step_length": 6}),
        ({"width": 7.0}, beam(6, axial_profile=PROFILE), None, {"step_length": 6, "width": 7.0}),
        ({"width": None}, beam(6, axial_profile=PROFILE), None,
         {"step_length": 6, "axial_profile": PROFILE}),
        ({"tilt": 0.5}, beam(6, axial_profile=PROFILE, displacement=((0.0, 1.0),) * 6), None,
         {"step_length": 6, "axial_profile": PROFILE, "tilt": 0.5}),
        ({}, beam(None, beam="bessel"), {"step_length": 7}, {"step_length": 7, "beam": "bessel"}),
        ({"dark_level": 3.0}, beam(6), {"dark_level": 2.0, "read_noise": 0.0},
         {"step_length": 6, "dark_level": 3.0, "read_noise": 0.0}),
    ],
)  # fmt: skip
def test_the_beam_that_counts(asked, recorded, earlier, expected):
    found = resolve(acquisition(**asked), recorded, earlier={"acquisition": earlier or {}})
    assert is_changed(found.acquisition) == expected


def test_two_views_last_though_their_bend_was_in_other_slices():
    with pytest.raises(UsageError, match="give bend or tilt"):
        resolve(acquisition(step_length=5), beam(6, **BENT))
    found = resolve(acquisition(step_length=5, tilt=1.0), beam(6, **BENT)).acquisition
    assert is_changed(found) == {"step_length": 5, "beam": "airy", "tilt": 1.0, "views": 2}


def test_another_step_length_than_the_files_is_reported():
    assert resolve({}, beam(6)).notices == ()
    (notice,) = resolve(acquisition(step_length=4), beam(6)).notices
    assert notice == "the stack records step length 6; 4 is used, as asked"


def test_a_beam_that_no_longer_counts_is_reported():
    notices = resolve(acquisition(step_length=4), beam(6, beam="airy", bend=0.1, apex=1.0)).notices
    assert notices[1] == (
        "bend, apex of the beam belong to step length 6 and are left aside; give what they are at 4"
    )
    assert len(resolve(acquisition(step_length=4, bend=0.2), beam(6, beam="airy", bend=0.1)).notices) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"beam": "bessel", "bend": 1e9},
        {"beam": "bessel", "views": 2},
        {"beam": "bessel", "axial_profile": (1,)},
    ],
)
def test_a_beam_that_cannot_be_is_left_aside_but_for_its_name(fields):
    found = resolve({}, beam(6, **fields))
    assert is_changed(found.acquisition) == {"step_length": 6, "beam": "bessel"}
    assert found.notices == ("the stack describes a beam that cannot be; it is left aside",)
    assert is_changed(resolve({}, beam(6, beam="laser")).acquisition) == {"step_length": 6}


def test_what_an_image_says_is_taken_from_it():
    image = ImageStack(
        STACK,
        scale=(3.0, 0.5, 0.4),
        step_length=6,
        beam="airy",
        metadata={"description": {KEY: {"bend": 0.2}}},
    )
    recorded = Recorded.of_projections(image)
    assert recorded.acquisition == {"step_length": 6, "beam": "airy", "bend": 0.2}
    assert (recorded.slice_spacing_for(6), recorded.pixel_size) == (0.5, (0.5, 0.4))
    volume = Recorded.of_volume(image)
    assert (volume.slice_spacing_for(6), volume.acquisition) == (3.0, {})
    made = {"step_length": 4, "photon_gain": 0.0, "read_noise": 0.0, "tilt": 0.5}
    result = ImageStack(STACK, metadata={"description": {"acquisition": made}})
    assert Recorded.of_result(result).acquisition == {"step_length": 4, "tilt": 0.5}


def test_choices_within_a_file_are_those_of_that_file_alone():
    earlier = {"input": {"path": "a.tif", "channel": "2", "slice_spacing": 0.5}}
    same = resolve({**acquisition(step_length=4), "input": {"path": "a.tif"}}, earlier=earlier)
    assert (same.document.input.channel, same.document.input.slice_spacing) == ("2", 0.5)
    other = resolve({**acquisition(step_length=4), "input": {"path": "b.tif"}}, earlier=earlier)
    assert (other.document.input.channel, other.document.input.slice_spacing) == (None, 0.5)


def test_outputs_are_never_those_of_an_earlier_run():
    earlier = {"output": {"volume": "old.tif", "uncertainty": "old_u.tif"}}
    found = resolve({**acquisition(step_length=4), "output": {"volume": "v.tif"}}, earlier=earlier)
    assert found.document.output.uncertainty is None
    assert keeping_samples_only_where_written(found).method.samples == 0
    written = {"volume": "v.tif", "uncertainty": "u.tif"}
    kept = resolve({**acquisition(step_length=4), "output": written}, earlier=earlier)
    assert keeping_samples_only_where_written(kept) is kept


def test_a_second_view_makes_two_views():
    asked = {**acquisition(step_length=4, tilt=0.5), "input": {"second_view": "b.tif"}}
    assert resolve(asked).acquisition.views == 2


def test_a_measured_beam_is_read_where_it_was_not_before(tmp_path):
    (tmp_path / "beam.csv").write_text("-3 0\n-1.5 1\n0 2\n1.5 1\n3 0\n")
    inputs = {"beam_file": tmp_path / "beam.csv", "slice_spacing": 0.75}
    found = resolve({**acquisition(step_length=4), "input": inputs})
    profile = found.acquisition.axial_profile
    assert len(profile) == 8
    assert found.origins["acquisition.axial_profile"] == "asked"
    by_hand = {"acquisition": {"step_length": 4}, "input": inputs}
    assert resolve({}, earlier=by_hand).acquisition.axial_profile == profile
    # The settings of a run hold the profile itself, so the table may have gone.
    again = found.document.model_dump(mode="json")
    (tmp_path / "beam.csv").unlink()
    assert resolve({}, earlier=again).acquisition == found.acquisition
    with pytest.raises(UsageError, match="needs; give it with --slice-spacing"):
        resolve(
            {**acquisition(step_length=4), "input": {"beam_file": "beam.csv"}},
            names={"input.slice_spacing": "--slice-spacing"},
        )


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"acquisition": {"bend": 30}}, "--bend is 30"),
        ({"acquisition": {"step_length": 400, "step": 4}}, "-n is 400"),
        ({"acquisition": {"step_length": 4, "step": "x"}}, "--step is 'x'"),
        ({"method": {"seed": -1}}, "--seed is -1"),
        ({"input": {"time": -1}}, "time is -1"),
    ],
)
def test_what_cannot_be_whatever_the_file_says_is_refused_first(asked, sentence):
    names = {
        "acquisition.bend": "--bend",
        "acquisition.step_length": "-n",
        "acquisition.step": "--step",
        "method.seed": "--seed",
    }
    with pytest.raises(UsageError, match=sentence):
        check_asked(asked, names=names)
    # How the fields of a beam fit together is known later.
    check_asked({"acquisition": {"views": 2}})


def test_a_saved_inr_implies_its_guide():
    assert check_asked({"method": {"inr_file": "f.safetensors"}}).guide == "inr"
    with pytest.raises(UsageError, match="choose the guide inr"):
        check_asked({"method": {"inr_file": "f.safetensors", "guide": "cubic"}})


def test_names_of_python_calls():
    assert make_acquisition(6, step=4).width == 6
    with pytest.raises(UsageError, match="step length is 1, but"):
        make_acquisition(1)
