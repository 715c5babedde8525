"""Noise of the projections: how strong it is, and what can be said of the light beneath it."""

from dataclasses import dataclass

import numpy as np

from ..acquisition import Acquisition

# Side of the blocks that tell of noise, in pixels; classes of brightness, and blocks that one must have.
_BLOCK, _CLASSES, _BLOCKS_IN_CLASS = 12, 12, 8
# Share of a block that must be brighter than the darkest pixel of all: else it has been cut off there.
_LIT_SHARE = 0.75
# Quantile of the blocks of a class that stands for the noise.
_LOW_QUANTILE = 0.35
# Light at which noise is judged, relative to the projections' range.
MID_LIGHT = 0.2
# Noise, relative to the range, that is too little to matter; and estimated noise that may as well be fine
# structure, which would be lost with it.
NEGLIGIBLE, AMBIGUOUS = 0.002, 0.016
# Read noise relative to the standard deviation of the projections that is no structure.
TELLING = 0.15
# Read noise that is left at least where photons are counted, in photons.
_LEAST_READ = 0.1
# How much brighter the brightest block of a class may be than its darkest.
_UNEVEN = 4.0
# Relative to the range, what single precision may add to a mean.
_ROUNDING = 1e-5
# Quantile of the means of 4 x 4 pixels that stands for the darkest light.
_DARK_QUANTILE = 0.05
# How often the line of variance against light is fitted.
_REFITS = 4
# Slabs, and pixels along each side, that tell how noisy a stack is.
_SLABS, _SIDE = 32, 512


@dataclass(frozen=True)
class NoiseModel:
    """Noise of variance photon_gain * max(X - dark_level, 0) + read_noise^2, all in one unit of intensity."""

    photon_gain: float = 0.0
    read_noise: float = 0.0
    dark_level: float = 0.0

    @property
    def is_negligible(self) -> bool:
        """Whether there is none."""
        return self.photon_gain <= 0 and self.read_noise <= 0

    def deviation(self, light: np.ndarray) -> np.ndarray:
        """Standard deviation where the expected projection is `light`, float32."""
        above = np.maximum(np.asarray(light, np.float32) - np.float32(self.dark_level), 0)
        return np.sqrt(np.float32(self.photon_gain) * above + np.float32(self.read_noise**2))

    def if_above(self, share: float, span: float) -> "NoiseModel":
        """The same, or none where its deviation at mid-range is below a share of the projections' range."""
        mid = self.dark_level + MID_LIGHT * span
        return self if float(self.deviation(np.array(mid))) > share * span else NoiseModel()

    def averaged(self, count: int) -> "NoiseModel":
        """That of the mean of so many projections."""
        read = self.read_noise / float(np.sqrt(count))
        return NoiseModel(self.photon_gain / count, read, self.dark_level)

    def scaled(self, background: float, span: float) -> "NoiseModel":
        """The same for (X - background) / span."""
        return NoiseModel(
            self.photon_gain / span, self.read_noise / span, (self.dark_level - background) / span
        )


def likely_noise(projections: np.ndarray, acquisition: Acquisition) -> NoiseModel:
    """The noise as stated, or else as the projections show it.

    Parameters
    ----------
    projections : ndarray, shape (N, H, W)
        Grey levels.
    acquisition : Acquisition
        Whose photon gain and read noise count where either is stated.

    Returns
    -------
    NoiseModel
        Grey levels.
    """
    if acquisition.has_noise_model:
        gain, read = acquisition.photon_gain or 0.0, acquisition.read_noise or 0.0
        return NoiseModel(gain, read, acquisition.dark_level)
    return shown_noise(projections)


def shown_noise(projections: np.ndarray) -> NoiseModel:
    """The noise that projections (N, H, W) show, estimated from the middle of some slabs of a large stack."""
    rows, columns = (slice(max(0, (s - _SIDE) // 2), (s + _SIDE) // 2) for s in projections.shape[1:])
    slabs = np.unique(np.linspace(0, len(projections) - 1, _SLABS).round().astype(int))
    return estimate_noise_model(projections[slabs, rows, columns])


def estimate_noise(projections: np.ndarray) -> float:
    """Standard deviation of pixel noise, estimated from the diagonal differences of 2x2 pixels.

    The median absolute Haar diagonal coefficient over 0.6745 (Donoho and Johnstone 1994): edges are rare
    enough not to move the median, smooth structure cancels.

    Parameters
    ----------
    projections : ndarray, shape (N, H, W)
        Missing pixels (NaN) are left out.

    Returns
    -------
    float
        In the projections' grey levels; 0 for images with less than 2x2 pixels.
    """
    diagonal = _two_by_two(projections)[1]
    diagonal = diagonal[np.isfinite(diagonal)]
    return float(np.median(np.abs(diagonal)) / 0.6745) if diagonal.size else 0.0


def estimate_noise_model(projections: np.ndarray) -> NoiseModel:
    """Photon gain a, read noise b and dark level of the variance a*max(X - dark, 0) + b^2, from X alone.

    The mean square of second differences along rows and columns (Immerkaer 1996), which smooth structure
    hardly moves, in blocks of 12 x 12 pixels. In classes of blocks of like brightness a low quantile of it
    stands for the noise, each block compared with what the line says of its brightness, since structure only
    adds to it; then the line a*x + b^2 with a, b^2 >= 0 that fits best, relative to the variances, classes
    above it counting less. What the darkest class shows is the dark level, and its noise the read noise,
    unless some places are far darker: the line is followed down to them. Fine structure passes for noise all
    the same.

    Parameters
    ----------
    projections : ndarray, shape (N, H, W)
        Missing pixels (NaN) are left out.

    Returns
    -------
    NoiseModel
        In the projections' grey levels; where there are too few blocks the noise is one figure, and none for
        images too small to tell.
    """
    from scipy.special import gammaincinv

    x = np.asarray(projections, dtype=np.float32)
    brightness, variance = _blocks(x)
    classes = min(_CLASSES, len(variance) // _BLOCKS_IN_CLASS)
    if classes < 2:
        return NoiseModel(read_noise=estimate_noise(projections))
    order = np.argsort(brightness)
    parts = np.array_split(order, classes)
    dark = float(brightness[parts[0]].mean())
    brightness -= dark
    # Of a sparse specimen few blocks are bright, and those of the brightest class hardly alike.
    while len(parts[-1]) >= 2 * _BLOCKS_IN_CLASS and _is_uneven(brightness[parts[-1]]):
        parts[-1:] = np.array_split(parts[-1], 2)
    # Differences of overlapping neighbourhoods are correlated: of 3.78 pixels, one counts.
    freedom = _BLOCK**2 / 3.78
    # That quantile of a chi-squared distribution; `scipy.stats`, which has it by name, takes long to import.
    usual = 2 * float(gammaincinv(freedom / 2, _LOW_QUANTILE)) / freedom
    gain, square = _line(brightness, variance / usual, parts)
    found = NoiseModel(gain, float(np.sqrt(square)), dark)
    return _down_to_darkest(x, found)


def _is_uneven(ascending: np.ndarray) -> bool:
    return bool(ascending[-1] > _UNEVEN * ascending[0])


def _line(brightness: np.ndarray, variance: np.ndarray, parts: list[np.ndarray]) -> tuple[float, float]:
    """Slope and intercept, both >= 0, of the variance against brightness of blocks in classes."""
    from scipy.optimize import nnls

    light = np.array([brightness[part].mean() for part in parts])
    noise = np.array([np.quantile(variance[part], _LOW_QUANTILE) for part in parts])
    least = 1e-3 * float(noise.max())
    if not least:
        return 0.0, 0.0
    line, doubt = np.maximum(noise, least), np.ones_like(noise)
    for _ in range(_REFITS):
        weight = doubt / line
        (gain, square), _ = nnls(np.stack([light, np.ones_like(light)], 1) * weight[:, None], noise * weight)
        line = np.maximum(gain * light + square, least)
        # Blocks of one class differ in brightness, those of a sparse specimen's brightest by far: each is
        # compared with what the line says of it.
        ratio = variance / np.maximum(gain * brightness + square, least)
        noise = line * [np.quantile(ratio[part], _LOW_QUANTILE) for part in parts]
        doubt = np.minimum(line / np.maximum(noise, least), 1)
    return float(gain), float(square)


def _down_to_darkest(x: np.ndarray, found: NoiseModel) -> NoiseModel:
    """The same line, followed down where there is light far darker than all blocks it was fitted to."""
    rows, columns = (size // 4 * 4 for size in x.shape[1:])
    means = x[:, :rows, :columns].reshape(len(x), rows // 4, 4, columns // 4, 4).mean((2, 4))
    if found.photon_gain <= 0 or not np.isfinite(means).any():
        return found
    darkest = float(np.nanquantile(means, _DARK_QUANTILE))
    # As dark as any pixel, but for rounding, are means of many where photons are counted and none come.
    lowest = float(np.nanmin(x))
    is_empty = darkest - lowest <= _ROUNDING * (float(np.nanmax(x)) - lowest)
    if not is_empty and found.dark_level - darkest <= found.read_noise:
        return found
    square = found.read_noise**2
    dark = min(max(darkest, found.dark_level - square / found.photon_gain), found.dark_level)
    left = max(0.0, square - found.photon_gain * (found.dark_level - dark))
    # Where the line ends is not known well enough for no noise at all below it.
    read = max(float(np.sqrt(left)), _LEAST_READ * found.photon_gain)
    return NoiseModel(found.photon_gain, read, dark)


def _blocks(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean, and mean square of second differences along both axes, of all blocks that tell of noise."""
    rows, columns = ((size - 2) // _BLOCK for size in x.shape[1:])
    if min(rows, columns) < 1:
        return np.zeros(0), np.zeros(0)

    def blocks(values: np.ndarray) -> np.ndarray:
        cut = values[:, : rows * _BLOCK, : columns * _BLOCK]
        return np.asarray(cut.reshape(len(x), rows, _BLOCK, columns, _BLOCK).swapaxes(2, 3))

    bent = np.diff(np.diff(x, 2, axis=1), 2, axis=2) / np.float32(6)
    inner = blocks(x[:, 1:-1, 1:-1])
    square = blocks(np.square(bent)).mean((3, 4), dtype=np.float64)
    known = np.isfinite(square) & np.isfinite(inner).all((3, 4))
    # What is cut off at the bottom has no noise to tell of; blocks in which all of it is have none at all.
    share = (inner > np.nanmin(x)).mean((3, 4))
    choices = (known & (share >= _LIT_SHARE), known & (share > 0))
    lit = next((chosen for chosen in choices if int(chosen.sum()) >= 2 * _BLOCKS_IN_CLASS), known)
    return inner.mean((3, 4), dtype=np.float64)[lit], square[lit]


def _two_by_two(projections: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and diagonal Haar coefficient of all 2x2 blocks of pixels, flat."""
    x = np.asarray(projections, dtype=np.float32)
    height, width = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
    a, b = x[:, :height:2, :width:2], x[:, :height:2, 1:width:2]
    c, d = x[:, 1:height:2, :width:2], x[:, 1:height:2, 1:width:2]
    return ((a + b + c + d) / 4).ravel(), ((a - b - c + d) / 2).ravel()
