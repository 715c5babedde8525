"""Metrics as a plain text table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Column:
    """How one metric is shown: heading, number format, whether more is better (None: no merit), meaning."""

    heading: str
    form: str
    more_is_better: bool | None
    meaning: str = ""


COLUMNS: dict[str, Column] = {
    "psnr": Column(
        "PSNR (dB)", ".2f", True, "Mean over the slices of the peak signal-to-noise ratio, in dB."
    ),
    "psnr_foreground": Column("PSNR fg (dB)", ".2f", True, "PSNR over the truth's foreground alone, in dB."),
    "ssim": Column(
        "SSIM",
        ".4f",
        True,
        "Mean over the slices of the structural similarity in windows of 7 × 7 pixels; 1 is the truth.",
    ),
    "ssim_3d": Column("SSIM 3D", ".4f", True, "Structural similarity in windows of 7 × 7 × 7 voxels."),
    "dice": Column(
        "Dice",
        ".4f",
        True,
        "Overlap of the foregrounds, above one threshold taken from the truth; 1 is the truth.",
    ),
    "dice_per_slice_otsu": Column("Dice/slice", ".4f", True),
    "null_space_r2": Column(
        "depth recovered",
        ".3f",
        True,
        "Share of what no projection sees that is right (null-space R²): 0 for repeating each projection, "
        "1 for the truth.",
    ),
    "axial_centroid_error_median": Column(
        "z error",
        ".2f",
        False,
        "How far structures lie from where they should along z; median, in slices.",
    ),
    "axial_centroid_error_p90": Column("z error p90", ".2f", False),
    "border_inner_step_ratio": Column("border step", ".2f", None),
    "reprojection_rmse": Column("vs. true proj., RMSE", ".1e", None),
    "reprojection_max": Column(
        "vs. true proj., max",
        ".1e",
        None,
        "Largest difference between the projections of both volumes, of the truth's range.",
    ),
}


def comparison_table(
    rows: Iterable[tuple[str, Mapping[str, Any]]], columns: Sequence[str] | None = None
) -> str:
    """Format metrics as aligned plain text, one reconstruction a line.

    Parameters
    ----------
    rows : iterable of (name, metrics)
        What `compare` returned for each reconstruction.
    columns : sequence of str, optional
        Metrics to show, keys of `COLUMNS`; by default all that some row has.

    Returns
    -------
    str
        Lines without a final newline. Where there are several rows, a star marks the best of each column.
    """
    held = list(rows)
    shown = [
        key
        for key in (COLUMNS if columns is None else columns)
        if any(m.get(key) is not None for _, m in held)
    ]
    cells = [["", *(COLUMNS[key].heading for key in shown)]]
    texts = {key: [_text(metrics.get(key), COLUMNS[key].form) for _, metrics in held] for key in shown}
    starred = {
        key: _best(texts[key], COLUMNS[key].more_is_better) if len(held) > 1 else None for key in shown
    }
    for index, (name, _) in enumerate(held):
        marks = [texts[key][index] + ("*" if texts[key][index] == starred[key] else " ") for key in shown]
        cells.append([name, *marks])
    # Headings end where the digits end, one place before the star.
    cells[0][1:] = [heading + " " for heading in cells[0][1:]]
    widths = [max(len(line[i]) for line in cells) for i in range(len(shown) + 1)]
    lines = [
        "  ".join(
            [line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))]
        )
        for line in cells
    ]
    lines.insert(1, "-" * max(len(line.rstrip()) for line in lines))
    return "\n".join(line.rstrip() for line in lines)


def _text(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _best(texts: list[str], more_is_better: bool | None) -> str | None:
    """The best of the rounded figures, so that what reads the same is starred alike."""
    present = [text for text in texts if text != "-"]
    if more_is_better is None or not present:
        return None
    return max(present, key=float) if more_is_better else min(present, key=float)
