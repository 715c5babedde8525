"""Side lobes of an Airy beam."""

from dataclasses import replace

import numpy as np

from .foci import MAIN_LOBE, SIDE_LOBE
from .sampling import SampledBeam

# Gauss-Legendre points for a lobe, which is as smooth as half a wave.
_POINTS = 16
# Depths at which lobes are integrated; the logarithm of their light is almost linear in the depth's square.
_DEPTHS = 12


def with_side_lobes(
    beam: SampledBeam,
    lobes: int,
    spacing: float,
    *,
    bend: float,
    width: float,
    depth: np.ndarray,
    heading: np.ndarray,
) -> SampledBeam:
    """A bent beam with the lobes that trail it, as further taps of each slice.

    The light of each lobe, relative to the main one, is the integral of the finite-energy Airy beam's squared
    intensity (two photons) between the zeros of Ai; its displacement is where Ai^2 is largest there. With
    s = x/x0 and xi = z/(k x0^2) measured from the bend and the apex, the intensity is
    |Ai(s + i a xi)|^2 exp(2 a s) times a function of xi (Siviloglou and Christodoulides, Opt. Lett. 32, 979,
    2007). Its a follows from width, bend and spacing: see `foci.airy_focus` for a phase along one axis.

    Parameters
    ----------
    beam : SampledBeam
        The main lobe, one tap a slice.
    lobes : int
        Number of side lobes, 0 or more.
    spacing : float
        From the main lobe to the first side lobe, in pixels.
    bend : float
        In pixels per squared slice; the lobes lie on the side that the beam bends away from.
    width : float
        Full width at half maximum of the main lobe along z, in slices.
    depth : ndarray, shape (T,)
        Of each tap from the apex, in slices.
    heading : ndarray, shape (2,)
        Unit vector (y, x) of the bend.

    Returns
    -------
    SampledBeam
        With (1 + lobes) T taps in the order of the slices, weights of sum 1.
    """
    from scipy.special import ai_zeros

    decay, reach = _truncation(spacing, bend, width)
    shares = _lobe_light(lobes, decay, np.abs(depth) * reach)
    turning = np.array([MAIN_LOBE]) if not lobes else ai_zeros(lobes + 1)[1]
    offset = (turning - MAIN_LOBE) / (MAIN_LOBE - SIDE_LOBE) * spacing * np.sign(bend)
    weights = beam.weights[:, None] * shares
    moved = beam.displacement[:, None] + offset[:, None] * np.asarray(heading)
    return replace(
        beam,
        slices=np.repeat(beam.slices, lobes + 1),
        weights=(weights / weights.sum()).ravel(),
        displacement=moved.reshape(-1, 2),
    )


def _truncation(spacing: float, bend: float, width: float) -> tuple[float, float]:
    """The truncation a of the beam, and xi per slice."""
    x0 = spacing / (MAIN_LOBE - SIDE_LOBE)
    # a (1 + 2 a s0) = ln 2 x0 / (width^2 bend), at most what has a solution: there hardly anything trails.
    product = min(np.log(2) * x0 / (width**2 * abs(bend)), 1 / (8 * abs(MAIN_LOBE)))
    decay = (1 - np.sqrt(1 - 8 * abs(MAIN_LOBE) * product)) / (4 * abs(MAIN_LOBE))
    return float(decay), float(2 * np.sqrt(np.log(2) / product) / width)


def _lobe_light(lobes: int, decay: float, xi: np.ndarray) -> np.ndarray:
    """Light of the main lobe and the next ones relative to the main one's, shape (T, 1 + lobes)."""
    from scipy.special import ai_zeros, airy

    edges = np.concatenate([[4.0], ai_zeros(lobes + 1)[0]])
    points, shares = np.polynomial.legendre.leggauss(_POINTS)
    half = (edges[:-1] - edges[1:]) / 2
    s = (edges[:-1] + edges[1:])[:, None] / 2 + half[:, None] * points
    squares = np.linspace(0, float(np.max(xi)) ** 2, _DEPTHS)
    field = airy(s + 1j * decay * np.sqrt(squares)[:, None, None])[0] * np.exp(decay * s)
    light = np.log((np.abs(field) ** 4 * shares).sum(axis=-1) * half)
    return np.stack([np.exp(np.interp(xi**2, squares, lobe - light[:, 0])) for lobe in light.T], axis=1)
