"""What a sweep of the step length tries, and how."""

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ..errors import UsageError
from ..optics import check_step_lengths
from ..settings.method import ReconstructionConfig

DEFAULT_LENGTHS = "2 3 4 6 8 12 16"


class SweepSettings(BaseModel):
    """What a sweep tries."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step_lengths: str = Field(
        DEFAULT_LENGTHS,
        title="Step lengths",
        description="Step lengths to try, in slices, separated by blanks.",
    )
    method: Literal["log-spline (fast)", "default method"] = Field(
        "log-spline (fast)",
        title="Method",
        description="The log-spline takes seconds for each step length; the default method adds the "
        "diffusion, which takes longer.",
    )

    def lengths(self, depth: int) -> list[int]:
        """The step lengths as they are written, for a volume of so many slices.

        Raises
        ------
        UsageError
            For what is no number, or a step length that cannot be.
        """
        words = [word for word in re.split(r"[\s,;]+", self.step_lengths) if word]
        for word in words:
            if not word.isdecimal():
                raise UsageError(f"step lengths must be whole numbers separated by blanks; {word!r} is none")
        return check_step_lengths([int(word) for word in words], depth)

    def config(self, threads: int | None = None) -> ReconstructionConfig:
        """The method, without samples: the sweep compares volumes."""
        fast = {} if self.method == "default method" else {"guide": "logspline", "diffusion": "off"}
        return ReconstructionConfig.model_validate({"samples": 0, "threads": threads, **fast})
