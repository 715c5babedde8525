"""Which step length makes slices of which thickness, and what that means for the pixels at hand."""

from ..diffusion.slab import MAX_DIFFUSION_STEP_LENGTH
from ..optics import MAX_STEP_LENGTH, MIN_STEP_LENGTH

# Slices this many times as thick as a pixel is wide, or as thin, are worth a word.
_UNLIKE = 2.0


def step_length_for(slab: float, slice_thickness: float) -> int:
    """Slices per slab that come nearest to a wished thickness, 2 to 64; both in the same unit."""
    return min(max(round(slab / slice_thickness), MIN_STEP_LENGTH), MAX_STEP_LENGTH)


def describe_slices(slab: float, pixel: float, n: int, beam: float | None = None, unit: str = "µm") -> str:
    """Say what a step length means for the slices, where they are unlike the pixels; else nothing.

    Parameters
    ----------
    slab : float
        Distance between two projections.
    pixel : float
        Width of a pixel, in the same unit.
    n : int
        Slices per slab.
    beam : float, optional
        Depth of the beam, full width at half maximum, in the same unit.
    """
    thickness = slab / n
    ratio = thickness / pixel
    if 1 / _UNLIKE < ratio < _UNLIKE:
        return ""
    times = f"{ratio:.2g} times as thick as" if ratio > 1 else f"{1 / ratio:.2g} times thinner than"
    text = f"Slices of {thickness:.2g} {unit} are {times} a pixel is wide ({pixel:.2g} {unit})."
    best = step_length_for(slab, pixel)
    if best != n:
        limits = ""
        if best > MAX_DIFFUSION_STEP_LENGTH >= n:
            most = MAX_DIFFUSION_STEP_LENGTH
            limits = f"; the learned model serves up to n = {most}, slices of {slab / most:.2g} {unit}"
        text += f" n = {best} makes them {slab / best:.2g} {unit}{limits}."
    if beam is not None and beam > slab:
        text += f" The beam is {beam:.2g} {unit} deep, {beam / slab:.2g} slabs, whatever n."
    return text
