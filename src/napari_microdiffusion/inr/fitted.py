"""A fitted INR: slices at any depth, and its file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from ..errors import UsageError, UserError
from ..io import check_tensors, load_checkpoint, save_checkpoint
from .settings import Inference, InrSettings

if TYPE_CHECKING:
    from .fields import ImplicitField

KIND = "inr"
INFERENCES: tuple[Inference, ...] = ("gaussian", "uniform", "none")
# The Gaussian of neighbour-based inference, relative to the beam's width.
GAUSSIAN_WIDTH = 0.2
_MAX_SLICES = 1 << 20
_MAX_STEP_LENGTH = 64


def inference_taps(
    profile: npt.ArrayLike, inference: Inference
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Offsets and weights by which a slice is read from the field (paper, eq. 3).

    As many taps as the beam is wide, one slice apart and centred on the slice, so that an even number lies at
    half slices. The width of a beam with weights w is 1/sum(w^2), which is n for the uniform beam. The
    Gaussian has a standard deviation of 0.2 widths; weights sum to 1.

    Parameters
    ----------
    profile : array_like, shape (n,)
        Axial weights of the beam, sum 1.
    inference : {"gaussian", "uniform", "none"}

    Returns
    -------
    offsets, weights : ndarray, shape (taps,)
        Offsets in slices.
    """
    if inference not in INFERENCES:
        raise UsageError(f"inference {inference!r} is not known; it is one of {', '.join(INFERENCES)}.")
    width = float(1 / np.sum(np.square(np.asarray(profile, np.float64))))
    taps = 1 if inference == "none" else max(1, round(width))
    offsets = np.arange(taps, dtype=np.float64) - (taps - 1) / 2
    weights = np.ones(taps)
    if inference == "gaussian":
        weights = np.exp(-0.5 * np.square(offsets / (GAUSSIAN_WIDTH * width)))
    return offsets, np.asarray(weights / weights.sum())


class FittedInr:
    """A field as fitted to one stack of projections, in the intensities it was fitted on.

    Attributes
    ----------
    settings : InrSettings
        How it was built and fitted.
    profile : ndarray, shape (n,)
        Axial weights of the beam.
    shape : tuple of int
        Slices, rows and columns of the volume; slices = projections * n.
    extra : dict
        What the caller wants to keep with it, e.g. the map from these intensities to grey levels; JSON.
    """

    def __init__(
        self,
        field: ImplicitField,
        settings: InrSettings,
        profile: npt.ArrayLike,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self.field = field
        self.settings = settings
        self.profile = np.asarray(profile, np.float64)
        self.shape = field.shape
        self.extra = dict(extra or {})

    @property
    def step_length(self) -> int:
        """Slices per slab, n."""
        return len(self.profile)

    def require(self, projections_shape: Sequence[int], n: int, name: str = "the INR") -> None:
        """Refuse an INR that was fitted to projections of another shape or step length.

        Raises
        ------
        UserError
            Naming `name`, what it was fitted to and what is asked for.
        """
        slices, height, width = self.shape
        fitted = (slices // self.step_length, height, width)
        if fitted != tuple(projections_shape) or n != self.step_length:
            given = "×".join(map(str, projections_shape))
            raise UserError(
                f"{name} was fitted to projections of {'×'.join(map(str, fitted))} at step length "
                f"{self.step_length}; these are {given} at step length {n}. Use it with those, "
                "or have an INR fitted to these."
            )

    def scaled(self, factor: float) -> FittedInr:
        """The same field for grey levels multiplied by a factor, in the map that `extra` has to them."""
        grey = {name: factor * self.extra[name] for name in ("background", "span") if name in self.extra}
        return FittedInr(self.field, self.settings, self.profile, self.extra | grey)

    def render(
        self, positions: Sequence[float] | np.ndarray | None = None, inference: Inference | None = None
    ) -> npt.NDArray[np.float32]:
        """Slices at some depths.

        Parameters
        ----------
        positions : sequence of float, optional
            Depths in slices, -0.5 to Z - 0.5; whole numbers are slice centres. All slices by default.
        inference : {"gaussian", "uniform", "none"}, optional
            That of the settings by default.

        Returns
        -------
        ndarray, shape (len(positions), H, W), float32

        Raises
        ------
        UsageError
            For a depth outside the volume or an unknown inference.
        """
        depths = self._depths(positions)
        volume = np.empty((len(depths), *self.shape[1:]), np.float32)
        for place, plane in zip(volume, self.render_slices(depths, inference), strict=True):
            place[:] = plane
        return volume

    def render_slices(
        self, positions: Sequence[float] | np.ndarray | None = None, inference: Inference | None = None
    ) -> Iterator[npt.NDArray[np.float32]]:
        """As `render`, one slice of shape (H, W) after the other; holds only a beam's width of them."""
        depths = self._depths(positions)
        offsets, weights = inference_taps(self.profile, inference or self.settings.inference)
        return self._slices(depths, offsets, weights)

    def _depths(self, positions: Sequence[float] | np.ndarray | None) -> npt.NDArray[np.float64]:
        if positions is None:
            return np.arange(self.shape[0], dtype=np.float64)
        depths = np.asarray(positions, np.float64)
        if depths.ndim != 1 or not np.all((depths >= -0.5) & (depths <= self.shape[0] - 0.5)):
            raise UsageError(
                f"positions must be depths in slices from -0.5 to {self.shape[0] - 0.5}, in one sequence."
            )
        return depths

    def _slices(
        self, depths: np.ndarray, offsets: np.ndarray, weights: np.ndarray
    ) -> Iterator[npt.NDArray[np.float32]]:
        # Slices one apart share all but one of their taps.
        known: dict[float, npt.NDArray[np.float32]] = {}
        for depth in depths:
            wanted = [min(max(float(depth + offset), 0.0), self.shape[0] - 1.0) for offset in offsets]
            known = {z: known[z] if z in known else self._plane(z) for z in wanted}
            plane = np.zeros(self.shape[1:], np.float32)
            for z, weight in zip(wanted, weights, strict=True):
                plane += np.float32(weight) * known[z]
            yield plane

    def _plane(self, z: float) -> npt.NDArray[np.float32]:
        plane: npt.NDArray[np.float32] = self.field.plane(z).cpu().numpy()
        return plane

    def save(self, path: str | PathLike[str]) -> None:
        """Write the field, its settings, profile, shape and `extra` to a safetensors file.

        Raises
        ------
        UserError
            Where the file cannot be written.
        """
        header = {
            "settings": self.settings.model_dump(),
            "profile": self.profile.tolist(),
            "shape": list(self.shape),
            "extra": self.extra,
        }
        save_checkpoint(
            path, KIND, {k: v.detach().cpu().numpy() for k, v in self.field.tensors.items()}, header
        )

    @classmethod
    def load(cls, path: str | PathLike[str]) -> FittedInr:
        """Read an INR written by `save`.

        Raises
        ------
        UserError
            No such file, a pickle, damaged, of another model, or with tensors that do not fit its settings.
        """
        import torch

        from .fields import GridField
        from .paper_field import PaperField

        checkpoint = load_checkpoint(path, KIND)
        settings, profile, shape, extra = _read_header(checkpoint.header, str(path))
        field_type = GridField if settings.field == "grid" else PaperField
        n = len(profile)
        check_tensors(checkpoint, field_type.tensor_shapes(shape, n, settings))
        stored = checkpoint.tensors.values()
        if any(tensor.dtype != np.float32 or not np.isfinite(tensor).all() for tensor in stored):
            raise UserError(f"{path} is a damaged INR: its tensors must hold finite numbers of type float32.")
        tensors = {name: torch.from_numpy(tensor) for name, tensor in checkpoint.tensors.items()}
        return cls(field_type(shape, n, settings, tensors), settings, profile, extra)


def _read_header(
    header: Mapping[str, Any], path: str
) -> tuple[InrSettings, npt.NDArray[np.float64], tuple[int, int, int], dict[str, Any]]:
    """Settings, profile, shape and extra out of a header, each of them checked."""
    try:
        settings = InrSettings.model_validate(header["settings"])
        profile = np.asarray(header["profile"], np.float64)
        depth, height, width = header["shape"]
        extra = dict(header["extra"])
    except (KeyError, TypeError, ValueError, ValidationError) as error:
        raise UserError(
            f"{path} is a damaged INR: settings, profile, shape or extra are not as saved."
        ) from error
    sizes_good = all(type(size) is int and 1 <= size <= _MAX_SLICES for size in (depth, height, width))
    if (
        not sizes_good
        or profile.ndim != 1
        or not 2 <= len(profile) <= _MAX_STEP_LENGTH
        or depth % len(profile)
        or not np.all(np.isfinite(profile))
        or profile.min() < 0
        or not np.isclose(profile.sum(), 1)
    ):
        raise UserError(
            f"{path} is a damaged INR: its shape and axial profile do not make a volume of slabs."
        )
    return settings, profile, (depth, height, width), extra
