"""The paper's systems under "Advanced": chosen by name, run with the loss in sight."""

import numpy as np
import pytest

from napari_microdiffusion.plugin.reconstruct.sections import advanced as advanced_section
from napari_microdiffusion.plugin.reconstruct.sections.advanced import PAPER_SYSTEMS
from napari_microdiffusion.plugin.reconstruct.sections.guide import HeldInr

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
    section.system.setCurrentIndex(section.system.findData(system))
    section.system.activated.emit(section.system.currentIndex())


def test_every_system_of_table_1_can_be_chosen(opened):
    advanced = opened.sections.advanced
    assert len(PAPER_SYSTEMS) == 7
    for system, (guide, diffusion) in PAPER_SYSTEMS.items():
        choose(advanced, system)
        config = opened.sections.config()
        assert (config.guide, config.diffusion, config.consistency) == (guide, diffusion, "none")
        assert opened.sections.guide.guide == guide
        assert system in advanced.state
    advanced.schedule.setCurrentIndex(advanced.schedule.findData("paper"))
    assert opened.sections.config().paper.epochs == 2000
    assert opened.sections.config().paper.training_steps is None


def test_another_guide_leaves_the_paper_s_system(opened):
    advanced = opened.sections.advanced
    choose(advanced, "MicroDiffusion")
    assert advanced.schedule.isEnabled()
    opened.sections.guide.set_guide("cubic")
    assert advanced.system.currentData() is None
    assert not advanced.schedule.isEnabled()
    assert opened.sections.config().diffusion == "off"


def test_what_a_paper_s_system_does_not_use_is_off_and_says_why(opened):
    advanced, diffusion, guide = (
        getattr(opened.sections, name) for name in ("advanced", "diffusion", "guide")
    )
    diffusion.prior.setCurrentIndex(diffusion.prior.findData("general"))
    diffusion.prior.activated.emit(diffusion.prior.currentIndex())
    unused = (diffusion.prior, diffusion.samples, diffusion.steps, diffusion.adapt, guide.inr)
    assert all(widget.isEnabled() for widget in unused)
    choose(advanced, "MicroDiffusion")
    for widget in unused:
        assert not widget.isEnabled()
        assert "chosen in Advanced" in widget.toolTip()
    assert diffusion.state == "the paper's: MicroDiffusion"
    assert guide.fine.state == "the paper's, small"
    advanced.system.setCurrentIndex(0)
    assert all(widget.isEnabled() for widget in unused)
    assert diffusion.state == "general prior, 4 samples"
    assert "posterior" in diffusion.samples.toolTip()


def test_an_inr_of_other_settings_does_not_stand_in_for_the_paper_s(opened):
    guide = opened.sections.guide
    guide.set_guide("inr")
    guide.hold(HeldInr("fitted", None, opened.sections.inr_identity()))
    assert guide.usable_inr is not None
    choose(opened.sections.advanced, "MicroDiffusion")
    assert guide.usable_inr is None


def test_consistency_can_be_had_with_the_paper_s_systems(opened):
    advanced = opened.sections.advanced
    choose(advanced, "Naive diffusion")
    advanced.consistency.setCurrentIndex(advanced.consistency.findData("nonnegative"))
    assert opened.sections.config().consistency == "nonnegative"


def test_the_loss_is_plotted_while_it_is_trained(opened, finish, monkeypatch):
    monkeypatch.setattr(
        advanced_section, "preset", lambda _: {"guide": "inr", "diffusion": "paper", "samples": 0, **TINY}
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
