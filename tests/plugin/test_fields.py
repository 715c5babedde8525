"""Fields made from the settings' models."""

from typing import get_args

import pytest

from napari_microdiffusion.optics import Acquisition
from napari_microdiffusion.plugin.reconstruct.sections.advanced import AdvancedSection
from napari_microdiffusion.plugin.reconstruct.sections.diffusion import DiffusionSection
from napari_microdiffusion.plugin.reconstruct.sections.guide import GUIDE_WORDS
from napari_microdiffusion.plugin.widgets import fields
from napari_microdiffusion.settings.method import ReconstructionConfig


@pytest.fixture(autouse=True)
def application(qapp):
    """Widgets need one."""


def test_a_box_takes_range_default_and_words_from_the_model():
    box = fields.whole_number(Acquisition, "step_length")
    assert (box.minimum(), box.maximum()) == (2, 64)
    steps = fields.whole_number(ReconstructionConfig, "steps")
    assert steps.value() == ReconstructionConfig().steps
    assert ReconstructionConfig.model_fields["steps"].description in steps.toolTip()
    assert "slices" in fields.tooltip(Acquisition, "step_length")


def test_every_guide_can_be_chosen():
    box = fields.choice(ReconstructionConfig, "guide", GUIDE_WORDS)
    allowed = get_args(ReconstructionConfig.model_fields["guide"].annotation)
    assert {box.itemData(index) for index in range(box.count())} == set(allowed)
    assert box.currentData() == ReconstructionConfig().guide


def test_untouched_sections_give_the_default_settings():
    given = AdvancedSection().settings() | DiffusionSection().settings()
    default = ReconstructionConfig().model_dump()
    assert {name: default[name] for name in given} == given


def test_memory_is_left_to_the_program_until_a_figure_is_given():
    section = AdvancedSection()
    assert section.memory.text() == "automatic"
    section.memory.setValue(4)
    assert section.settings()["memory_gb"] == 4


def test_a_prior_from_a_file_is_chosen_and_named(tmp_path):
    section = DiffusionSection()
    asked = []
    section.file_wanted.connect(lambda: asked.append(True))
    section.prior.setCurrentIndex(1)
    section.prior.activated.emit(1)
    assert asked
    assert section.settings()["prior"] == "general"
    section.use_file(str(tmp_path / "mine.safetensors"))
    assert section.settings()["prior"] == str(tmp_path / "mine.safetensors")
    assert section.state.startswith("mine.safetensors")
