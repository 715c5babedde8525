"""Grey levels of every type and range, flawed pixels and odd sizes: finite, consistent, in their units."""

import dataclasses

import numpy as np
import pytest

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.optics import Acquisition, ProjectionOperator

N = 3
SAMPLED = {"diffusion": "slab", "samples": 1, "steps": 2}
TYPES = ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8", ">u2", ">i2", ">i4", ">f4", ">f8"]


def smooth(slabs: int = 4, height: int = 9, width: int = 11) -> np.ndarray:
    """Structures between 0.1 and 0.95 with a little noise."""
    z, y, x = (
        np.linspace(0, 3, slabs)[:, None, None],
        np.linspace(0, 6, height)[:, None],
        np.linspace(0, 5, width),
    )
    noise = np.random.default_rng(2).random((slabs, height, width))
    return 0.5 + 0.4 * np.sin(z + y) * np.cos(x) + 0.02 * noise


def flawed(**flaws: object) -> dict[str, np.ndarray]:
    stacks = {name: smooth() for name in ("saturated", "dead", "hot", "empty slab", "one slab", "one pixel")}
    stacks["saturated"] = np.minimum(stacks["saturated"], 0.55)
    stacks["dead"][:, 3, 4] = stacks["dead"][:, 7] = 0
    stacks["hot"][:, 3, 4] = 1e6
    stacks["empty slab"][1] = 0
    stacks["one slab"][[0, 1, 3]] = 0
    stacks["one pixel"][:] = 0
    stacks["one pixel"][2, 5, 5] = 1
    return stacks | {"black and white": (smooth() > 0.5).astype(np.uint8), "raised": smooth() + 1e6}


@pytest.fixture
def reconstructed(measurement, configure, record):
    """The result for any projections, checked for what holds for all."""

    def run(projections: np.ndarray, n: int = N, diffusion: str = "off", consistency="exact", **settings):
        taken = dataclasses.replace(
            measurement, projections=projections, acquisition=Acquisition(step_length=n)
        )
        config = configure(guide="logspline", diffusion=diffusion, consistency=consistency, **settings)
        result = record(taken, config).result
        assert result.volume.shape == (n * len(projections), *projections.shape[1:])
        assert result.volume.dtype == np.float32
        assert np.isfinite(result.volume).all()
        grey = projections.astype(np.float64)
        seen = ProjectionOperator(np.full(n, 1 / n)).project(result.volume.astype(np.float64))
        rounding = 4 * np.finfo(np.float32).eps * np.abs(grey).max()
        if consistency == "exact":
            assert np.abs(seen - grey).max() <= max(1e-5 * np.ptp(grey), rounding)
        if result.uncertainty is not None:
            assert np.isfinite(result.uncertainty).all() and result.uncertainty.min() >= 0
        return result

    return run


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("diffusion", ["off", "slab"])
def test_every_type_of_pixel_in_its_own_unit(dtype, diffusion, reconstructed):
    kind = np.dtype(dtype)
    unit = smooth()
    if kind.kind == "u":
        unit = unit * min(np.iinfo(kind).max, 60_000)
    elif kind.kind == "i":
        unit = (unit - 0.5) * min(np.iinfo(kind).max, 30_000)
    reconstructed(unit.astype(kind), diffusion=diffusion, samples=1 if diffusion == "slab" else 0, steps=2)


@pytest.mark.parametrize("factor", [2.0**-120, 2.0**-90, 2.0**-40, 2.0**60, 2.0**100, 2.0**124])
@pytest.mark.parametrize("settings", [{"consistency": "noise"}, SAMPLED])
def test_the_unit_changes_nothing_but_the_unit(factor, settings, reconstructed):
    stack = smooth().astype(np.float32)
    usual, other = reconstructed(stack, **settings), reconstructed(stack * np.float32(factor), **settings)
    np.testing.assert_array_equal(other.volume / np.float32(factor), usual.volume)
    np.testing.assert_array_equal(other.guide / np.float32(factor), usual.guide)
    assert other.noise["read_noise"] / factor == pytest.approx(usual.noise["read_noise"], rel=1e-6)
    assert other.provenance["noise"] == other.noise
    assert other.misfit == usual.misfit
    if usual.uncertainty is not None:
        np.testing.assert_array_equal(other.uncertainty / np.float32(factor), usual.uncertainty)


def test_what_is_shown_on_the_way_is_in_the_same_unit(measurement, configure, record):
    from napari_microdiffusion.reconstruction.events import SliceReady

    factor = np.float32(2.0**100)
    huge = dataclasses.replace(measurement, projections=measurement.projections * factor)
    settings = configure(guide="logspline", diffusion="off")
    shown, usual = ([e.plane for e in record(m, settings).of(SliceReady)] for m in (huge, measurement))
    np.testing.assert_array_equal(np.concatenate(shown) / factor, np.concatenate(usual))


@pytest.mark.parametrize("grey", [1e-45, 3e38])
def test_what_no_volume_can_hold_is_refused(grey, reconstructed):
    with pytest.raises(UserError, match=f"reach {grey:.0e}".replace("+", r"\+")):
        reconstructed((smooth() / smooth().max()) * grey)


def test_a_detector_that_is_stated_goes_with_the_unit(measurement, configure, record):
    factor = 2.0**90
    stated = measurement.acquisition.model_copy(update={"dark_level": 400.0, "photon_gain": 20.0})
    scaled = stated.scaled(factor)
    assert (scaled.dark_level, scaled.photon_gain, scaled.read_noise) == (400 * factor, 20 * factor, None)
    huge = dataclasses.replace(
        measurement, projections=measurement.projections * np.float32(factor), acquisition=scaled
    )
    usual = dataclasses.replace(measurement, acquisition=stated)
    results = [record(m, configure(guide="logspline", diffusion="off")).result for m in (huge, usual)]
    np.testing.assert_array_equal(results[0].volume / np.float32(factor), results[1].volume)
    assert results[0].provenance["acquisition"]["photon_gain"] == 20 * factor


@pytest.mark.parametrize("name", flawed())
@pytest.mark.parametrize("settings", [{}, {"consistency": "noise"}, SAMPLED])
def test_flawed_pixels(name, settings, reconstructed):
    reconstructed(flawed()[name], **settings)


@pytest.mark.parametrize("n", range(2, 65))
def test_every_step_length(n, reconstructed):
    reconstructed(smooth(3, 3, 4), n)


SIZES = [(1, 1), (1, 2), (2, 1), (1, 9), (9, 1), (2, 2), (3, 3), (5, 7), (1, 70)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("slabs", [2, 3])
@pytest.mark.parametrize("settings", [{"consistency": "noise"}, SAMPLED])
def test_odd_sizes(size, slabs, settings, reconstructed):
    reconstructed(smooth(slabs, *size), **settings)


def test_one_projection_is_refused(reconstructed):
    with pytest.raises(UserError, match="a single 2D image; a stack of at least 2 projections is needed"):
        reconstructed(smooth(1))
