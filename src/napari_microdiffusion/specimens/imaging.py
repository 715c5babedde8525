"""What a point-scanning microscope makes of a structure: blur, attenuation, background, noise."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import convolve1d, gaussian_filter, gaussian_filter1d, shift, zoom

# How many specimens are as sharp and clean as volumes that were deconvolved or cut out to be traced.
_CRISP_SHARE = 0.26
# How many have the focus of a light sheet in cleared tissue: a cusp along z, a small core on long tails, so
# that even what is brightest has no flat middle.
_CUSP_SHARE = 0.33


@dataclass(frozen=True)
class ImagingConditions:
    """One set of conditions; lengths in voxels, brightness relative to the brightest structures."""

    lateral_blur: float = 0.7
    """Standard deviation of the lateral blur."""
    axial_blur: float = 1.2
    """Standard deviation of the core of the axial blur."""
    axial_tail: float = 0.0
    """Fraction of the light in the tails of the axial blur: real foci are no Gaussians."""
    tail_length: float = 2.0
    """Distance from the core at which the tails have fallen to 1/e."""
    tail_exponent: float = 1.0
    """p of the tails exp(-(|z|/length)^p): 1 is a light sheet's in scattering tissue, 2 a Gaussian."""
    tail_skew: float = 0.0
    """How much brighter the tail behind the core is than the one before it, -1 to 1: spherical aberration."""
    contrast: float = 1.0
    """Exponent of the structures' brightness: above 1, the bright ones outshine the dim ones."""
    unevenness: float = 0.0
    """Standard deviation of the logarithm of the brightness from place to place: few objects are alike."""
    patch_size: float = 12.0
    """Distance over which that brightness changes."""
    attenuation: float = 0.0
    """Natural logarithm of the brightness lost from the first slice to the last."""
    background: float = 0.0
    """Mean of the diffuse background."""
    background_variation: float = 0.0
    """Relative standard deviation of the background, over tens of voxels."""
    texture: float = 0.0
    """Standard deviation of a fine-grained background as coarse as the blur: unresolved, dim structure."""
    haze: float = 0.0
    """Out-of-focus light: fraction of the brightness spread over about 12 voxels."""
    gamma: float = 1.0
    """Exponent of the grey-level curve."""
    threshold: float = 0.0
    """Level subtracted, with what falls below cut to zero, as published volumes often are."""
    saturation: float = 1.0
    """Level at which bright voxels clip, relative to the brightest 0.05 %."""
    flicker: float = 0.0
    """Standard deviation of the logarithm of the brightness from slice to slice."""
    jitter: float = 0.0
    """Standard deviation of the lateral displacement of slices: the stage, or a breathing animal, moves."""
    voxel_noise: float = 0.0
    """Standard deviation, at full brightness, of the noise in the point scan itself (photon-like)."""


def draw_conditions(rng: np.random.Generator) -> ImagingConditions:
    """Random conditions over the whole range that training covers."""
    lateral = float(np.exp(rng.uniform(np.log(0.25), np.log(1.8))))
    # From sharper than lateral (coarsely sampled stacks) to thicker than many a slab: few are isotropic.
    thickest = float(rng.choice([2.5, 6.0], p=[0.7, 0.3]))
    axial = float(np.exp(rng.uniform(np.log(0.7 * lateral), np.log(thickest))))
    conditions = ImagingConditions(
        lateral_blur=lateral,
        axial_blur=axial,
        axial_tail=float(rng.choice([0, rng.uniform(0.1, 0.9)], p=[0.35, 0.65])),
        tail_length=float(np.exp(rng.uniform(np.log(0.8), np.log(5)))),
        tail_exponent=float(rng.uniform(0.6, 1.6)),
        tail_skew=float(rng.choice([0, rng.uniform(-0.6, 0.6)], p=[0.7, 0.3])),
        contrast=float(rng.choice([1, rng.uniform(1, 4)], p=[0.5, 0.5])),
        unevenness=float(rng.choice([0, rng.uniform(0.1, 1.3)], p=[0.2, 0.8])),
        patch_size=float(np.exp(rng.uniform(np.log(5), np.log(40)))),
        attenuation=float(rng.choice([0, rng.uniform(0, 1.5)])),
        background=float(rng.choice([0, rng.uniform(0.01, 0.4)], p=[0.25, 0.75])),
        background_variation=float(rng.uniform(0, 0.6)),
        texture=float(rng.choice([0, rng.uniform(0.01, 0.1)], p=[0.4, 0.6])),
        haze=float(rng.choice([0, rng.uniform(0, 0.4)], p=[0.6, 0.4])),
        gamma=float(np.exp(rng.normal(0.1, 0.35))),
        threshold=float(rng.choice([0, rng.uniform(0.02, 0.35)], p=[0.65, 0.35])),
        # Down to where compact objects become flat discs with steep edges, up to where few voxels are far
        # brighter than all others.
        saturation=float(
            np.exp(
                rng.choice([0, rng.uniform(np.log(0.15), 0), rng.uniform(0, np.log(8))], p=[0.25, 0.25, 0.5])
            )
        ),
        flicker=float(rng.choice([0, rng.uniform(0.005, 0.05)], p=[0.75, 0.25])),
        jitter=float(rng.choice([0, rng.uniform(0.1, 0.8)], p=[0.85, 0.15])),
        voxel_noise=float(rng.choice([0, np.exp(rng.uniform(np.log(0.01), np.log(0.12)))], p=[0.5, 0.5])),
    )
    style = rng.random()
    if style < _CRISP_SHARE:
        return replace(
            conditions,
            axial_blur=min(axial, float(rng.uniform(0.3, 1.2))),
            axial_tail=0.0,
            texture=0.0,
            haze=0.0,
            threshold=float(rng.uniform(0.02, 0.35)),
        )
    if style < _CRISP_SHARE + _CUSP_SHARE:
        return replace(
            conditions,
            axial_blur=float(np.exp(rng.uniform(np.log(0.3), np.log(1.2)))),
            axial_tail=float(rng.uniform(0.4, 0.95)),
            tail_length=float(np.exp(rng.uniform(np.log(1.2), np.log(6)))),
            tail_exponent=float(rng.uniform(0.6, 1.2)),
            threshold=0.0,
            saturation=max(conditions.saturation, 1.0),
        )
    return conditions


def draw_plain_conditions(rng: np.random.Generator) -> ImagingConditions:
    """Random conditions that a user is content with: moderate blur, little background, a clean scan."""
    return ImagingConditions(
        lateral_blur=rng.uniform(0.5, 1.1),
        axial_blur=rng.uniform(0.8, 2.4),
        attenuation=rng.choice([0, rng.uniform(0.2, 0.8)]),
        background=rng.choice([0, rng.uniform(0.03, 0.2)]),
        background_variation=rng.uniform(0.1, 0.4),
        haze=rng.choice([0, rng.uniform(0.1, 0.2)]),
        gamma=rng.uniform(0.85, 1.25),
    )


def image_specimen(
    structure: np.ndarray, conditions: ImagingConditions, rng: np.random.Generator
) -> np.ndarray:
    """Image a structure.

    Parameters
    ----------
    structure : ndarray, shape (Z, H, W)
        Brightness about 0 to 1.
    conditions : ImagingConditions
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (Z, H, W), float32
        Non-negative, brightest structures near 1, or brighter where they do not clip.
    """
    c = conditions
    light: np.ndarray = structure.astype(np.float32)
    if c.contrast != 1:
        light = np.maximum(light, 0) ** np.float32(c.contrast)
    if c.unevenness:
        light = light * np.exp(c.unevenness * _field(light.shape, c.patch_size, rng))
    light = _blur(light, c)
    peak = float(np.percentile(light, 99.9))
    light /= max(peak, 0.05)
    if c.texture:
        grain = _blur(rng.standard_normal(light.shape, dtype=np.float32), c)
        light += c.texture * np.abs(grain / max(float(grain.std()), 1e-6))
    if c.haze:
        coarse = zoom(light, 0.25, order=1)
        spread = gaussian_filter(coarse, (3, 3, 3), mode="nearest")
        light = (1 - c.haze) * light + c.haze * _enlarge(spread, light.shape)
    if c.attenuation:
        light *= np.exp(-c.attenuation * np.linspace(0, 1, len(light), dtype=np.float32))[:, None, None]
    if c.jitter:
        light = _displaced(light, c.jitter, rng)
    if c.background:
        light += c.background * _background(light.shape, c.background_variation, rng)
    if c.flicker:
        light *= np.exp(c.flicker * rng.standard_normal((len(light), 1, 1), dtype=np.float32))
    if c.threshold:
        light = np.maximum(light - c.threshold, 0)
    light /= max(float(np.percentile(light, 99.95)), 1e-3)
    light = np.minimum(light, c.saturation) / min(c.saturation, 1)
    if c.gamma != 1:
        light = np.maximum(light, 0) ** np.float32(c.gamma)
    if c.voxel_noise:
        noise = rng.standard_normal(light.shape, dtype=np.float32)
        light = np.maximum(light + c.voxel_noise * np.sqrt(np.maximum(light, 0)) * noise, 0)
    return light.astype(np.float32)


def _blur(light: np.ndarray, c: ImagingConditions) -> np.ndarray:
    """The point spread function: Gaussian laterally, a Gaussian core with tails axially."""
    blurred = gaussian_filter(
        light, (c.axial_blur, c.lateral_blur, c.lateral_blur), mode="nearest", truncate=3
    )
    if not c.axial_tail:
        return np.asarray(blurred)
    # Where the tails have fallen to e^-5; nothing is gained by going on for as long as the stack is deep.
    reach = min(int(np.ceil(c.tail_length * 5 ** (1 / c.tail_exponent))), 40)
    z = np.arange(-reach, reach + 1)
    tails = np.exp(-((np.abs(z) / c.tail_length) ** c.tail_exponent)) * (1 + c.tail_skew * np.sign(z))
    kernel = c.axial_tail * tails / tails.sum() + (1 - c.axial_tail) * (z == 0)
    return np.asarray(convolve1d(blurred, kernel.astype(np.float32), axis=0, mode="nearest"))


def _displaced(light: np.ndarray, distance: float, rng: np.random.Generator) -> np.ndarray:
    """Slices moved sideways by about `distance` pixels; neighbours move alike."""
    moves = gaussian_filter1d(rng.standard_normal((len(light), 2)), 1.0, axis=0)
    moves *= distance / max(float(moves.std()), 1e-6)
    return np.stack(
        [shift(plane, move, order=1, mode="nearest") for plane, move in zip(light, moves, strict=True)]
    )


def _background(shape: tuple[int, ...], variation: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth positive field of mean about 1."""
    return np.asarray(np.exp(variation * _field(shape, 24, rng)))


def _field(shape: tuple[int, ...], distance: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth random field of about unit variance that changes over `distance` voxels."""
    knots = [max(int(size / distance) + 2, 2) for size in shape]
    return _enlarge(rng.standard_normal(knots).astype(np.float32), shape)


def _enlarge(coarse: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Linear interpolation of a coarse field to `shape`."""
    larger = zoom(coarse, [s / c for s, c in zip(shape, coarse.shape, strict=True)], order=1, mode="nearest")
    return np.asarray(larger[tuple(slice(s) for s in shape)])
