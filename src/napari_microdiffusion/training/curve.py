"""The curve of a training: every step in a table beside the weights, and the gist of it in their card."""

import csv
from pathlib import Path

import numpy as np

from ..diffusion.fitting import TrainingStep

_COLUMNS = 5


class TrainingCurve:
    """A table without headings: step, loss, length of the gradient, learning rate, share explained.

    The last is empty but for the steps that ended with a validation. A resumed training goes on below.

    Parameters
    ----------
    path : Path
        Of the CSV file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, step: TrainingStep, validation: float | None) -> None:
        """Write down one step."""
        shown = "" if validation is None else f"{validation:.5f}"
        with self.path.open("a", newline="") as file:
            file.write(f"{step.step},{step.loss:.6g},{step.gradient:.4g},{step.learning_rate:.4g},{shown}\n")

    def gist(self) -> list[dict[str, float]]:
        """One entry a validation: its step, the median loss since the one before, and what it explained.

        Steps after the last validation are not in it, nor is a line that a killed training left unfinished.
        """
        if not self.path.exists():
            return []
        found: list[dict[str, float]] = []
        losses: list[float] = []
        with self.path.open(newline="") as file:
            for row in csv.reader(file):
                if len(row) != _COLUMNS:
                    continue
                step, loss, *_, explained = row
                losses.append(float(loss))
                if explained:
                    median = float(f"{np.median(losses):.4g}")
                    found.append({"step": int(step), "loss": median, "explained": float(explained)})
                    losses = []
        return found
