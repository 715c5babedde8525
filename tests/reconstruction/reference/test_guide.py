"""The guide from a reference: what it gains, and that it never harms."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from napari_microdiffusion.errors import UsageError, UserError
from napari_microdiffusion.evaluation import compare
from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.reconstruction.engine import reconstruct
from napari_microdiffusion.reconstruction.events import Finished, Notice
from napari_microdiffusion.registration.reference_stack import ReferenceStack
from napari_microdiffusion.specimens import make_specimen

MARGIN = 6
ELSEWHERE = (slice(20, 32), slice(12, 22), slice(12, 22))


@pytest.fixture(scope="module")
def tissue():
    return 500 + 3000 * make_specimen("neurons", (24 + 2 * MARGIN, 32 + 2 * MARGIN, 36 + 2 * MARGIN), 3)


@pytest.fixture(scope="module")
def truth(tissue):
    return np.ascontiguousarray(tissue[MARGIN:-MARGIN, MARGIN:-MARGIN, MARGIN:-MARGIN])


@pytest.fixture(scope="module")
def noisy(tissue):
    """As a point scan with 200 photons in its brightest voxels would have it."""
    counts = np.random.default_rng(0).poisson((tissue - 500) / 3000 * 200)
    return (counts * 15.0 + 500).astype(np.float32)


@pytest.fixture
def run(configure):
    def result(projections, reference=None, optics=None, **settings):
        acquisition = Acquisition(step_length=4, **(optics or {}))
        config = configure(**{"guide": "logspline" if reference is None else "reference", **settings})
        given = (
            reference
            if reference is None or isinstance(reference, ReferenceStack)
            else ReferenceStack(reference)
        )
        events = list(reconstruct(projections, acquisition, config, reference=given))
        assert isinstance(events[-1], Finished)
        return events[-1].result, [event for event in events if isinstance(event, Notice)]

    return result


def null_space_r2(result, truth):
    return compare(result.volume, truth, 4)["null_space_r2"]


@pytest.mark.parametrize(
    "optics", [{}, {"axial_profile": (1.0,) * 8}, {"bend": 0.3}], ids=["disjoint", "overlapping", "bent"]
)
def test_depth_comes_from_the_reference_through_any_beam(run, truth, noisy, optics):
    projections = simulate_projections(truth, Acquisition(step_length=4, **optics))
    with_reference, notices = run(projections, noisy, optics, samples=0)
    without, _ = run(projections, None, optics, samples=0)
    assert null_space_r2(with_reference, truth) > 0.85
    assert null_space_r2(with_reference, truth) > null_space_r2(without, truth) + 0.1
    assert [notice.level for notice in notices if "it matches" in notice.text] == ["info"]
    assert with_reference.reprojection_max < 0.02
    found = with_reference.provenance["reference"]
    assert found["registration"]["used"]
    assert len(found["sha256"]) == 64


def test_it_needs_no_diffusion(run, truth, noisy):
    projections = simulate_projections(truth, Acquisition(step_length=4))
    result, _ = run(projections, noisy, diffusion="off")
    assert null_space_r2(result, truth) > 0.85


def test_grey_levels_may_be_of_any_size(run, truth, noisy):
    projections = simulate_projections(truth, Acquisition(step_length=4))
    usual, _ = run(projections, noisy, diffusion="off")
    tiny, _ = run(1e-12 * projections.astype(np.float64), noisy, diffusion="off")
    # The range is 3000; a search that ends a thousandth of a pixel elsewhere moves steep places by this much.
    np.testing.assert_allclose(tiny.volume * 1e12, usual.volume, rtol=1e-2, atol=25)
    np.testing.assert_allclose(tiny.reference * 1e12, usual.reference, rtol=1e-2, atol=25)


def test_noise_of_the_projections_is_left_out_where_the_reference_knows_better(run, truth, noisy, rng):
    clean = simulate_projections(truth, Acquisition(step_length=4))
    unit = np.percentile(clean, 99.9) / 30
    projections = (rng.poisson(clean / unit) * unit).astype(np.float32)
    optics = {"photon_gain": unit, "read_noise": 0.0}
    result, _ = run(projections, noisy, optics, diffusion="off")
    seen = simulate_projections(result.volume, Acquisition(step_length=4))
    assert np.abs(seen - clean).mean() < 0.4 * np.abs(projections - clean).mean()


def test_what_has_brightened_brightens_where_it_is(run, truth, noisy):
    now = truth.copy()
    now[ELSEWHERE] = 500 + 2.5 * (now[ELSEWHERE] - 500)
    result, _ = run(simulate_projections(now, Acquisition(step_length=4)), noisy, diffusion="off")
    lit = np.zeros(now.shape, bool)
    lit[ELSEWHERE] = truth[ELSEWHERE] > 1500
    assert result.volume[lit].mean() == pytest.approx(now[lit].mean(), rel=0.1)


def test_where_the_tissue_has_changed_the_volume_is_uncertain_and_no_worse(run, truth, noisy):
    changed = noisy.copy()
    there = tuple(slice(part.start + MARGIN, part.stop + MARGIN) for part in ELSEWHERE)
    changed[there] = noisy[::-1, ::-1, ::-1][there]
    projections = simulate_projections(truth, Acquisition(step_length=4))
    result, _ = run(projections, changed)
    without, _ = run(projections)
    mask = np.zeros(truth.shape, bool)
    mask[ELSEWHERE] = True
    assert np.square(result.volume - truth).mean() < np.square(without.volume - truth).mean()
    assert result.uncertainty[mask].mean() > 1.5 * result.uncertainty[~mask].mean()


@pytest.mark.parametrize("flawed", ["upside down", "other tissue"])
def test_a_reference_that_is_none_is_said_and_changes_nothing(run, truth, noisy, tissue, flawed):
    other = {"upside down": noisy[::-1], "other tissue": make_specimen("nuclei", tissue.shape, 9)}[flawed]
    projections = simulate_projections(truth, Acquisition(step_length=4))
    result, notices = run(projections, other, samples=0)
    without, _ = run(projections, samples=0)
    np.testing.assert_array_equal(result.volume, without.volume)
    assert any("left aside" in notice.text and notice.level == "warning" for notice in notices)


def test_tissue_that_has_deformed_since_is_followed(run, truth, tissue, rng):
    z, y, x = np.mgrid[tuple(slice(size) for size in tissue.shape)].astype(float)
    lying = map_coordinates(
        tissue, [z, y + 2 * np.sin(x / 9), x + 2 * np.cos(y / 9)], order=3, mode="nearest"
    )
    reference = 500 + 15 * rng.poisson(np.maximum(lying - 500, 0) / 15)
    projections = simulate_projections(truth, Acquisition(step_length=4))
    result, notices = run(projections, reference, diffusion="off")
    assert null_space_r2(result, truth) > 0.75
    assert any("deformed by up to" in notice.text for notice in notices)
    assert max(result.provenance["reference"]["registration"]["deformed"]) > 0.8


def test_what_the_reference_does_not_cover_is_as_without_it(run, truth, noisy):
    projections = simulate_projections(truth, Acquisition(step_length=4))
    half = ReferenceStack(noisy[:, :, : MARGIN + 18])
    result, notices = run(projections, half, samples=0)
    without, _ = run(projections, samples=0)
    np.testing.assert_allclose(result.volume[:, :, -6:], without.volume[:, :, -6:], rtol=1e-3, atol=2)
    assert any("covers" in notice.text for notice in notices)


def test_it_is_the_guide_that_takes_a_reference(run, truth, noisy):
    projections = simulate_projections(truth, Acquisition(step_length=4))
    with pytest.raises(UsageError, match="there is none"):
        run(projections, guide="reference")
    with pytest.raises(UsageError, match="choose the guide reference"):
        run(projections, noisy, guide="linear")


@pytest.mark.parametrize(
    ("flaw", "words"),
    [
        (lambda stack: ReferenceStack(stack[0]), "a stack of slices"),
        (lambda stack: ReferenceStack(stack * np.nan), "NaN"),
        (lambda stack: ReferenceStack(stack * 0), "same value"),
        (lambda stack: ReferenceStack(stack > 0), "real numbers"),
        (lambda stack: replace(ReferenceStack(stack), voxel=(1e3, 1, 1)), "voxel size"),
    ],
)
def test_what_cannot_be_a_reference_is_refused_in_a_sentence(run, truth, noisy, flaw, words):
    with pytest.raises(UserError, match=words):
        run(simulate_projections(truth, Acquisition(step_length=4)), flaw(noisy))
