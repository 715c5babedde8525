"""What knowing the beam is worth, on small specimens and with plain methods."""

import numpy as np
import pytest
from beam_cases import beam_case, mistaken, score

from napari_microdiffusion.optics import Acquisition, DetectorNoise, project_through
from napari_microdiffusion.settings.method import ReconstructionConfig
from napari_microdiffusion.specimens import make_specimen

PLAIN = ReconstructionConfig(diffusion="off", samples=0)


@pytest.fixture(scope="module")
def volume() -> np.ndarray:
    return make_specimen("vasculature", (60, 32, 32), 8)


@pytest.mark.parametrize(
    "beam", [{}, {"beam": "bessel"}, {"bend": 0.1, "apex": -3, "direction": 90, "views": 2}]
)
def test_the_inside_of_a_volume_is_recorded_with_the_light_from_outside(volume, beam):
    acquisition = Acquisition(step_length=6, **beam)
    case = beam_case("v", volume, acquisition)
    slabs, height, width = len(case.truth) // 6, *case.truth.shape[1:]
    assert case.projections.shape == (acquisition.views * slabs, height, width)
    # The truth is part of the volume, and away from its ends continuing it makes no difference.
    windows = np.lib.stride_tricks.sliding_window_view(volume, case.truth.shape).reshape(
        -1, *case.truth.shape
    )
    assert any(np.array_equal(window, case.truth) for window in windows)
    again = project_through(case.truth, acquisition).reshape(acquisition.views, slabs, height, width)
    ours = case.projections.reshape(again.shape)
    np.testing.assert_allclose(again[:, 2:-2, 8:-8], ours[:, 2:-2, 8:-8], atol=1e-5)


def test_noise_has_its_variance(volume):
    acquisition = Acquisition(step_length=6, beam="bessel")
    clean = beam_case("v", volume, acquisition).projections
    noisy = beam_case(
        "v", volume, acquisition, DetectorNoise(photons=20, read_noise=0.01, seed=3)
    ).projections
    gain = np.percentile(beam_case("v", volume, acquisition).truth, 99.9) / 20
    expected = (gain * clean + 1e-4).mean()
    assert np.square(noisy - clean).mean() == pytest.approx(expected, rel=0.1)


def test_the_true_beam_scores_above_a_wrong_one(volume):
    case = beam_case("v", volume, Acquisition(step_length=6, width=12))
    right = score(case, case.acquisition, PLAIN)
    assert right["reprojection_max"] < 1e-3
    for name, wrong in (("uniform", Acquisition(step_length=6)), *mistaken(case.acquisition)):
        assert score(case, wrong, PLAIN)["psnr"] < right["psnr"], name


def test_too_few_slices_for_the_beam_are_refused(volume):
    with pytest.raises(ValueError, match="no two slabs"):
        beam_case("v", volume[:18], Acquisition(step_length=6, beam="bessel"))
