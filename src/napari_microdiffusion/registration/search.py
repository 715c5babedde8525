"""Where in a reference stack projections may lie: a search over all depths and lateral shifts at once.

For every depth the reference is projected through the beam and correlated with the measurement over all
lateral shifts, by fast Fourier transforms of the overlap alone (masked normalised cross-correlation, Padfield
2012). The same search in the reference upside down and mirrored tells what chance alone would reach.

Two things make chance matches: a corner that overlaps little, so the less overlaps the less a match counts;
and one large structure that lies on another, so it is also asked how many places speak for a match.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import scipy

from ..optics.operators.conjugate_gradients import unchecked
from .forward import Forward
from .pose import Pose

# Widths of the band of structures that are compared, in pixels.
_FINE, _COARSE = 1.0, 6.0
# Pixels along a side above which the search takes a coarser image.
_SIDE = 128
# Share of the projections' pixels that must overlap, and of the slabs.
_LEAST_OVERLAP = 0.4
# Pixels along a side of a place that speaks for a match, or against it.
_PLACE = 8
# How often better than chance a match has to be, or what it may leave unexplained of what chance leaves:
# tissue that is nearly symmetric matches well by chance, too.
_BETTER_THAN_CHANCE, _LEFT_BY_CHANCE = 1.2, 0.6
# What leaves as little as this of what chance leaves need not agree in more places than chance does: tissue
# that is one large structure agrees in few, and on another such structure would lie as well mirrored.
_HARDLY_ANY = 0.15


@dataclass(frozen=True)
class Found:
    """The best match of a search.

    Attributes
    ----------
    pose : Pose
    match : float
        Correlation coefficient of the structures, -1 to 1.
    score : float
        The same, less where less overlaps: a few pixels correlate with something anywhere.
    evidence : float
        About the square root of the number of places that speak for it, less those that speak against it.
    """

    pose: Pose
    match: float
    score: float
    evidence: float = 0.0

    def is_better_than(self, others: "Iterable[Found]") -> bool:
        """Whether it is clearly better than each of these, which chance made."""

        def is_better(other: Found) -> bool:
            scores_more = self.score > max(0.0, _BETTER_THAN_CHANCE * other.score)
            left = (1 - self.score) / max(1 - other.score, 1e-9)
            has_evidence = self.evidence > other.evidence or left < _HARDLY_ANY
            return (scores_more or left < _LEFT_BY_CHANCE) and has_evidence

        return all(is_better(other) for other in others)


def structures(projections: np.ndarray) -> np.ndarray:
    """What is compared: structures of a band of sizes, bright ones not drowning the others, (N, H, W).

    The square root makes photon noise alike everywhere, and bleaching a factor.
    """
    low = np.percentile(projections, 0.5)
    root = np.sqrt(np.maximum(np.asarray(projections, np.float32) - np.float32(low), 0))
    fine, coarse = (scipy.ndimage.gaussian_filter(root, (0, s, s), mode="nearest") for s in (_FINE, _COARSE))
    return np.asarray(fine - coarse)


def search(
    projections: np.ndarray, stack: np.ndarray, forward: Forward, check: Callable[[], None] = unchecked
) -> Found:
    """Find the pose, without rotation, at which a stack matches projections best.

    Parameters
    ----------
    projections : ndarray, shape (V*N, H, W)
    stack : ndarray, shape (D, H', W')
        The reference in voxels of the volume, centred on it.
    forward : Forward
    check : callable
        Called now and then; may raise to leave.
    """
    factor = max(1, int(np.ceil(max(projections.shape[1:]) / _SIDE)))
    x, s = (_binned(np.asarray(a, np.float32), factor) for a in (projections, stack))
    measured = structures(x)
    spectra = _Spectra(measured, s.shape[1:])
    depth, n = forward.depth, forward.step_length
    spare = len(s) - depth
    # Depth of the volume's first slice in the stack: half of the stack beside the volume is enough to try.
    beyond = min(2 * n, depth // 2)
    first, last = min(0, spare) - beyond, max(0, spare) + beyond
    best, overlapping = Found(Pose(), -1.0, -1.0), None
    for start in range(first, last + 1, max(1, n // 4)):
        check()
        piece = np.zeros((depth, *s.shape[1:]), np.float32)
        inner = s[max(start, 0) : max(start + depth, 0)]
        if len(inner) < _LEAST_OVERLAP * min(depth, len(s)):
            continue
        piece[max(-start, 0) : max(-start, 0) + len(inner)] = inner
        seen = structures(forward(piece))
        slabs = np.repeat(_is_seen(len(inner), start, forward), len(seen) // forward.slabs, 0).reshape(-1)
        match, share, offset = spectra.best(seen, slabs)
        score = match * float(np.sqrt(share * slabs.mean()))
        if share and score > best.score:
            # Between the centres.
            down, right = (
                factor * (o + (a - b) / 2)
                for o, a, b in zip(offset, seen.shape[1:], measured.shape[1:], strict=True)
            )
            best = Found(Pose((spare / 2 - start, down, right)), match, score)
            overlapping = _overlapping(measured[slabs], seen[slabs], offset)
    return best if overlapping is None else replace(best, evidence=_evidence(*overlapping))


def _overlapping(
    measured: np.ndarray, seen: np.ndarray, offset: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """What overlaps of two stacks (N, H, W), the second one's first pixel lying at an offset in the first."""
    first, second = [], []
    for o, inner, outer in zip(offset, measured.shape[1:], seen.shape[1:], strict=True):
        first.append(slice(max(0, o), min(inner, outer + o)))
        second.append(slice(max(0, -o), min(outer, inner - o)))
    return measured[:, *first], seen[:, *second]


def _evidence(measured: np.ndarray, seen: np.ndarray) -> float:
    """Sum over places of how they agree, relative to the root of the sum of squares.

    One place alone has 1, K places that agree alike have sqrt(K), and chance has 0 on average. Brighter
    places count for more, but not in proportion.
    """
    side = min(*measured.shape[1:], _PLACE)
    products, own, others = (
        _binned(part, side) for part in (measured * seen, np.square(measured), np.square(seen))
    )
    agreement = products / np.maximum(own * others, 1e-30) ** 0.25
    squares = float(np.square(agreement).sum())
    return float(agreement.sum()) / float(np.sqrt(squares)) if squares > 0 else 0.0


def _is_seen(inner: int, start: int, forward: Forward) -> np.ndarray:
    """Which slabs lie in the stack for the most part, shape (1, N)."""
    n = forward.step_length
    begin = max(-start, 0)
    share = np.clip(begin + inner - n * np.arange(forward.slabs), 0, n)
    share = share - np.clip(begin - n * np.arange(forward.slabs), 0, n)
    return np.asarray(share > n / 2)[None]


def _binned(stack: np.ndarray, factor: int) -> np.ndarray:
    if factor == 1:
        return stack
    height, width = (size // factor * factor for size in stack.shape[1:])
    cut = stack[:, :height, :width]
    return np.asarray(
        cut.reshape(len(cut), height // factor, factor, width // factor, factor).mean((2, 4), np.float32)
    )


class _Spectra:
    """Fourier transforms of the measurement, to be correlated with many candidates of one lateral size."""

    def __init__(self, measured: np.ndarray, size: tuple[int, int]) -> None:
        self.inner, self.outer = measured.shape[1:], size
        self.padded = tuple(
            scipy.fft.next_fast_len(a + b - 1, real=True) for a, b in zip(self.inner, size, strict=True)
        )
        ones = np.ones((1, *self.inner), np.float32)
        self.values, self.squares, self.mask = (
            scipy.fft.rfft2(part, self.padded) for part in (measured, np.square(measured), ones)
        )

    def best(self, seen: np.ndarray, slabs: np.ndarray) -> tuple[float, float, tuple[int, int]]:
        """Correlation coefficient, share that overlaps, and offset of a candidate at its best place.

        The offset (y, x) is that of the candidate's first pixel from the measurement's; the share is 0 where
        nothing shows structures.
        """
        values, squares = seen[slabs], np.square(seen[slabs])
        if not len(values):
            return -1.0, 0.0, (0, 0)
        own = np.ones((1, *self.outer), np.float32)
        product = self._correlated(self.values[slabs], values)
        energy = self._correlated(self.squares[slabs], own) * self._correlated(self.mask, squares)
        pixels = self._correlated(self.mask, own)
        most = min(np.prod(self.inner), np.prod(self.outer))
        least = 1e-6 * float(energy.max())
        shows = (pixels > _LEAST_OVERLAP * most) & (energy > least)
        if not shows.any():
            return -1.0, 0.0, (0, 0)
        match = np.where(shows, product / np.sqrt(np.maximum(energy, max(least, 1e-30))), -1)
        share = np.clip(pixels / most, 0, 1)
        peak = np.unravel_index(int(np.where(shows, match * np.sqrt(share), -1).argmax()), match.shape)
        y, x = (
            int(p) if p < inner else int(p) - padded
            for p, inner, padded in zip(peak, self.inner, self.padded, strict=True)
        )
        return float(match[peak]), float(share[peak]), (y, x)

    def _correlated(self, spectrum: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Sum over slabs of the products at every shift."""
        product = (spectrum * np.conj(scipy.fft.rfft2(other, self.padded))).sum(0)
        return np.asarray(scipy.fft.irfft2(product, self.padded))
