"""Presets: settings of the published method, and what is set above them."""

import pytest

from napari_microdiffusion.errors import UsageError
from napari_microdiffusion.settings.method import ReconstructionConfig
from napari_microdiffusion.settings.presets import PRESET_WORDS, PRESETS, merged, preset


def test_presets_are_settings_of_the_published_method():
    assert PRESETS.keys() == PRESET_WORDS.keys()
    for name in PRESETS:
        config = ReconstructionConfig(**preset(name))
        assert (config.guide, config.diffusion, config.consistency) == ("inr", "paper", "none")
        assert config.inr.field == "paper"
        assert config.paper.gamma == 0.1
    published = ReconstructionConfig(**preset("paper"))
    assert (published.inr.epochs_to_run, published.inr.rate, published.inr.frequencies) == (5000, 1e-3, 256)
    paper = published.paper
    assert (paper.epochs, paper.learning_rate, paper.weight_decay) == (2000, 2e-4, 1e-4)
    assert (paper.diffusion_steps, paper.sampler, paper.sampling_steps) == (1000, "ddpm", 1000)
    with pytest.raises(UsageError, match="paper-small"):
        preset("huge")


def test_settings_are_merged_to_any_depth():
    below = {"a": 1, "paper": {"x": 1, "y": 2}}
    assert merged(below, {"paper": {"y": 3}}, {"a": 4}) == {"a": 4, "paper": {"x": 1, "y": 3}}
    assert below == {"a": 1, "paper": {"x": 1, "y": 2}}
