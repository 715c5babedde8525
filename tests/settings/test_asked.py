"""Settings as they are asked for step by step: which of them count, and how one goes back."""

import pytest

from napari_microdiffusion.errors import UsageError
from napari_microdiffusion.settings.asked import STEP_LENGTH, AskedSettings
from napari_microdiffusion.settings.files import read_run
from napari_microdiffusion.settings.presets import PAPER_SYSTEMS
from napari_microdiffusion.settings.recorded import Recorded


@pytest.mark.parametrize("system", PAPER_SYSTEMS)
def test_choosing_a_system_of_the_paper_and_going_back_changes_nothing(system):
    before = AskedSettings().asking({"method.guide": "cubic", "method.samples": 3, "acquisition.width": 7.25})
    chosen = before.in_system(system)
    method = chosen.resolved.method
    assert (method.guide, method.diffusion, method.consistency) == (*PAPER_SYSTEMS[system], "none")
    exact = chosen.asking({"method.consistency": "exact"})
    assert exact.resolved.method.consistency == "exact"
    assert exact.in_system("").resolved.document == before.resolved.document


def test_another_guide_leaves_a_system_of_the_paper():
    chosen = AskedSettings().in_system("Interpolation", "paper")
    assert chosen.asking({"method.guide": "linear"}).system == "Interpolation"
    left = chosen.asking({"method.guide": "cubic"})
    assert (left.system, left.resolved.method.guide, left.resolved.method.diffusion) == ("", "cubic", "slab")


def test_what_is_as_it_would_be_anyway_is_not_noted():
    said = AskedSettings().recording(Recorded.of_beam(5, {"beam": "airy", "bend": 0.25}))
    assert (said.value("acquisition.bend"), said.origin("acquisition.bend")) == (0.25, "file")
    other = said.asking({"acquisition.bend": 0.5})
    assert (other.value("acquisition.bend"), other.origin("acquisition.bend")) == (0.5, "asked")
    back = other.asking({"acquisition.bend": 0.25})
    assert (back.asked, back.origin("acquisition.bend")) == ({}, "file")


def test_a_file_goes_before_what_was_asked_for_while_another_was_chosen():
    asked = AskedSettings().asking({STEP_LENGTH: 9, "acquisition.beam": "bessel", "method.seed": 7})
    assumed = asked.recording(Recorded(suggested=3))
    assert (assumed.value(STEP_LENGTH), assumed.origin(STEP_LENGTH)) == (3, "assumed")
    assert (assumed.value("acquisition.beam"), assumed.value("method.seed")) == ("bessel", 7)
    said = assumed.recording(Recorded.of_beam(4, {"beam": "gaussian"})).resolved.acquisition
    assert (said.step_length, said.beam) == (4, "gaussian")


def test_another_image_that_says_nothing_does_not_take_the_step_length_typed_for_the_last():
    typed = AskedSettings().asking({STEP_LENGTH: 9})
    assert typed.recording(Recorded(name="the same")).value(STEP_LENGTH) == 9
    assert typed.recording(Recorded(name="another"), forget_step_length=True).value(STEP_LENGTH) == 6


def test_settings_that_cannot_be_together_are_told_and_stay_as_they_were_typed():
    asked = AskedSettings().asking({"acquisition.side_lobes": 2})
    assert "bend" in asked.problem
    assert (asked.value("acquisition.side_lobes"), asked.value(STEP_LENGTH)) == (2, 6)
    with pytest.raises(UsageError, match="bend"):
        asked.resolved  # noqa: B018
    back = asked.asking({"acquisition.side_lobes": 0})
    assert (back.problem, back.asked) == ("", {})


def test_settings_of_an_earlier_run_replace_what_was_asked_for():
    asked = AskedSettings().asking({STEP_LENGTH: 5, "method.seed": 1})
    used = asked.using({"acquisition": {"width": 3.456}, "method": {"seed": 2**62}})
    acquisition, method = used.resolved.acquisition, used.resolved.method
    assert (acquisition.step_length, acquisition.width, method.seed) == (5, 3.456, 2**62)
    with pytest.raises(UsageError, match="crystal ball"):
        asked.using({"method": {"guide": "crystal ball"}})


def test_the_schedule_of_the_paper_s_networks_comes_with_the_settings_that_have_it():
    method = {"guide": "inr", "diffusion": "paper", "paper": {"epochs": 3}, "inr": {"field": "paper"}}
    used = AskedSettings().using({"method": method})
    assert (used.system, used.schedule) == ("MicroDiffusion", "")
    assert used.resolved.method.paper.epochs == 3
    assert used.in_system("MicroDiffusion", "paper").resolved.method.paper.epochs == 2000
    assert used.in_system("").resolved.method.diffusion == "slab"


def test_the_same_beam_at_another_step_length():
    asked = AskedSettings().asking({"acquisition.tilt": 0.5, "acquisition.views": 2})
    other = asked.acquisition_at(4)
    assert (other.step_length, other.tilt, other.views) == (4, 0.5, 2)


def test_a_file_of_settings_written_by_the_first_version_still_opens(tmp_path):
    path = tmp_path / "old.json"
    path.write_text(
        '{"acquisition": {"step_length": 5, "photon_gain": 0.0, "read_noise": 0.0}, "settings": {"seed": 3}}'
    )
    used = AskedSettings().using(read_run(path)).resolved
    assert (used.acquisition.step_length, used.method.seed, used.acquisition.photon_gain) == (5, 3, None)
