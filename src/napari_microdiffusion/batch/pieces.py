"""Pieces of a batch: which stack of which file, where its volume goes, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import RunFailed, UserError
from ..io import ImageStack
from ..reconstruction.outputs import Outputs
from ..settings.document import InputSettings, Tables
from ..settings.method import ReconstructionConfig
from ..settings.recorded import Recorded
from ..settings.resolve import (
    Resolved,
    check_asked,
    keeping_samples_only_where_written,
    resolve,
    resolve_input,
)


@dataclass(frozen=True)
class Piece:
    """One stack of projections and where its volume goes.

    Attributes
    ----------
    source : Path
    outputs : Outputs
    input : InputSettings
        Which stack of the file is meant; a time point where it has several and they are not averaged.
    """

    source: Path
    outputs: Outputs
    input: InputSettings = field(default_factory=InputSettings)

    @property
    def name(self) -> str:
        """What messages call it."""
        chosen = {
            "position": self.input.position,
            "channel": self.input.channel,
            "time point": self.input.time,
        }
        return ", ".join(
            [self.source.name, *(f"{what} {which}" for what, which in chosen.items() if which is not None)]
        )


@dataclass(frozen=True)
class Work:
    """What is done with every piece; settings as `settings.resolve` takes them.

    Attributes
    ----------
    asked : mapping of mappings
        By part of a run's document; a step length or beam that is missing is taken from each file.
    earlier : mapping of mappings or None
        Settings of an earlier run.
    preset_name : str or None
    names : mapping
        How the person calls a field, for messages.
    step_length : int or None
        Of files that record none, where it was not asked for; None refuses them.
    """

    asked: Tables = field(default_factory=dict)
    earlier: Tables | None = None
    preset_name: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    step_length: int | None = None

    def check(self) -> ReconstructionConfig:
        """Refuse what cannot be for any piece; returns the method.

        Raises
        ------
        UsageError
            For a setting that cannot be.
        """
        return check_asked(self.asked, **self._layers)

    @property
    def _layers(self) -> dict[str, Any]:
        return {"earlier": self.earlier, "preset_name": self.preset_name, "names": self.names}

    def input_for(self, source: Path) -> InputSettings:
        """Which stack of a file is meant.

        Raises
        ------
        UsageError
            For a choice that cannot be.
        """
        own = {**self.asked.get("input", {}), "path": source}
        return resolve_input({"input": own}, self.earlier, self.names)

    def settings_for(self, piece: Piece, image: ImageStack) -> Resolved:
        """The settings of one piece.

        Raises
        ------
        UserError
            For a setting that cannot be, or a step length that is not known.
        """
        outputs = {"volume": piece.outputs.volume, "uncertainty": piece.outputs.uncertainty}
        asked = {
            **self.asked,
            "input": piece.input.model_dump(exclude_unset=True),
            "output": {**self.asked.get("output", {}), **outputs},
        }
        recorded, assume = Recorded.of_projections(image), self.step_length is not None
        if assume:
            recorded = replace(recorded, suggested=self.step_length)
        resolved = resolve(asked, recorded, assume=assume, **self._layers)
        return keeping_samples_only_where_written(resolved)


@dataclass(frozen=True)
class Report:
    """What became of a piece.

    Attributes
    ----------
    piece : Piece
    files : dict of str to str
        Names of the written files by what they hold; empty after a failure.
    error : str
        One sentence; empty after a success.
    seconds : float
    notes : tuple of str
        What the reader notes of the file, and what was left aside of its settings.
    """

    piece: Piece
    files: Mapping[str, str]
    error: str = ""
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @classmethod
    def of_failure(cls, piece: Piece, error: BaseException, seconds: float = 0.0) -> "Report":
        """What is said of a piece that could not be done, in one line."""
        text = " ".join(str(error).split())
        known = isinstance(error, UserError | RunFailed)
        return cls(piece, {}, text if known else f"{type(error).__name__}: {text}", seconds)
