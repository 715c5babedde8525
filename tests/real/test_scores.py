"""Our metrics and guides beside an independent implementation of both, on the real volumes."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_microdiffusion.evaluation import compare
from napari_microdiffusion.interpolation import INTERPOLATIONS

pytestmark = pytest.mark.real

N = 6
SAME = {
    "psnr": "psnr",
    "ssim": "ssim",
    "dice": "dice",
    "dice_slice": "dice_per_slice_otsu",
    "null_r2": "null_space_r2",
}
# Half a unit of the last place that the scorer prints.
ROUNDING = {"psnr": 0.005, "ssim": 5e-5, "dice": 5e-5, "dice_slice": 5e-5, "null_r2": 5e-4}
VOLUMES = ["axon_lsfm_trailmap", "neuron_pyramidal_pnt", "nuclei_mesospim_c5", "vessel_lsfm_ve100"]


@pytest.fixture(scope="module")
def scorer(data_dir):
    path = Path(data_dir).parent / "tools" / "score.py"
    if not path.is_file():
        pytest.skip(f"the independent scorer is not at {path}")
    spec = importlib.util.spec_from_file_location("independent_score", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", params=VOLUMES)
def truth(request, data_dir):
    path = data_dir / f"{request.param}.ome.tif"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    return tifffile.imread(path)


@pytest.fixture(scope="module")
def theirs(scorer, truth):
    return scorer.baselines(scorer.project(truth.astype(np.float64), N), N)


def test_guides_are_the_scorers_baselines(scorer, truth, theirs):
    x = scorer.project(truth.astype(np.float64), N)
    for name, ours in INTERPOLATIONS.items():
        difference = np.abs(ours(x, N) - theirs[name]).max()
        assert difference < 1e-6 * np.ptp(x), name


@pytest.mark.parametrize("name", ["nearest", "linear", "cubic", "histospline", "cubic_histospline"])
def test_metrics_are_the_scorers(scorer, truth, theirs, name):
    expected = scorer.score(theirs[name], truth, N)
    found = compare(theirs[name], truth, N)
    for key, ours in SAME.items():
        assert found[ours] == pytest.approx(expected[key], abs=ROUNDING[key] * 1.001), key
    # Printed to three digits; below a millionth of the range it is rounding alone.
    assert found["reprojection_max"] == pytest.approx(expected["reprojection_max"], rel=0.006, abs=1e-6)
    assert found["slices"] == len(truth) // N * N
