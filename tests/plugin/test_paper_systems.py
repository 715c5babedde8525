"""The paper's systems under "Advanced": chosen by name, run with the loss in sight."""

import numpy as np
import pytest

from napari_microdiffusion.settings import asked
from napari_microdiffusion.settings.presets import PAPER_SYSTEMS
from napari_microdiffusion.tasks.held_inr import HeldInr

from .conftest import field_of, set_field

pytestmark = pytest.mark.windowless

TINY = {
    "inr": {"field": "paper", "epochs": 1, "frequencies": 4, "layers": 2, "width": 4},
    "paper": {
        "training_steps": 4,
        "batch": 2,
        "width": 8,
        "multipliers": (1, 2),
        "blocks": 1,
        "features": 4,
        "frequencies": 4,
        "sampler": "ddim",
        "sampling_steps": 2,
    },
}


def choose(section, system):
    set_field(section, "paper's system", system)


def test_every_system_of_table_1_can_be_chosen(opened):
    advanced = opened.sections.advanced
    assert len(PAPER_SYSTEMS) == 7
    for system, (guide, diffusion) in PAPER_SYSTEMS.items():
        choose(advanced, system)
        config = opened.document.method_of_run()
        assert (config.guide, config.diffusion, config.consistency) == (guide, diffusion, "none")
        assert opened.document.value("method.guide") == guide
        assert system in advanced.state
    set_field(advanced, "schedule", "paper")
    assert opened.document.method_of_run().paper.epochs == 2000
    assert opened.document.method_of_run().paper.training_steps is None


def test_another_guide_leaves_the_paper_s_system(opened):
    advanced = opened.sections.advanced
    choose(advanced, "MicroDiffusion")
    assert field_of(advanced, "schedule").isEnabled()
    set_field(opened, "method.guide", "cubic")
    assert opened.document.run.system == ""
    assert not field_of(advanced, "schedule").isEnabled()
    assert opened.document.method_of_run().diffusion == "off"


def test_what_a_paper_s_system_does_not_use_is_off_and_says_why(opened):
    advanced, diffusion, guide = (
        getattr(opened.sections, name) for name in ("advanced", "diffusion", "guide")
    )
    set_field(opened, "method.prior", "general")
    names = ("method.prior", "method.samples", "method.steps", "method.inr.epochs")
    unused = [field_of(opened, name) for name in names] + [diffusion.adapt]
    assert all(widget.isEnabled() for widget in unused)
    choose(advanced, "MicroDiffusion")
    for widget in unused:
        assert not widget.isEnabled()
        assert "chosen in Advanced" in widget.toolTip()
    assert diffusion.state == "the paper's: MicroDiffusion"
    assert guide.fine.state == "the paper's"
    choose(advanced, "")
    assert all(widget.isEnabled() for widget in unused)
    assert diffusion.state == "general prior, 4 uncertainty draws"
    assert "uncertainty" in field_of(opened, "method.samples").toolTip()


def test_an_inr_of_other_settings_does_not_stand_in_for_the_paper_s(opened):
    ours = opened.document
    ours.ask({"method.guide": "inr"}, inr=HeldInr("fitted", None, ours.inr_identity))
    assert ours.usable_inr is not None
    choose(opened.sections.advanced, "MicroDiffusion")
    assert ours.usable_inr is None


def test_consistency_can_be_had_with_the_paper_s_systems(opened):
    advanced = opened.sections.advanced
    choose(advanced, "Naive diffusion")
    set_field(opened, "method.consistency", "nonnegative")
    assert opened.document.method_of_run().consistency == "nonnegative"


def test_the_loss_is_plotted_while_it_is_trained(opened, finish, monkeypatch):
    monkeypatch.setattr(
        asked, "preset", lambda _: {"guide": "inr", "diffusion": "paper", "samples": 0, **TINY}
    )
    advanced = opened.sections.advanced
    choose(advanced, "MicroDiffusion")
    opened.runs.start()
    finish(opened)
    volume = opened.runs.last.layers.volume.data
    assert np.isfinite(volume).all()
    (curve,) = advanced.plot.curves
    assert list(curve.x) == [1, 2, 3, 4]
    assert np.isfinite(curve.y).all()
    assert not advanced.plot.isHidden()


def test_a_long_training_does_not_drown_the_plot(opened):
    advanced = opened.sections.advanced
    for step in range(1, 5001):
        advanced.show_loss(step, 1 / step)
    assert 100 < len(advanced.plot.curves[0].x) < 700


def test_choosing_none_again_brings_back_what_was_set_before(dock):
    before = {path: dock.document.value(path) for path in dock.document.fields}
    set_field(dock, "paper's system", next(iter(PAPER_SYSTEMS)))
    assert dock.document.value("method.diffusion") == "paper"
    set_field(dock, "paper's system", "none: as set above")
    assert {path: dock.document.value(path) for path in dock.document.fields} == before
