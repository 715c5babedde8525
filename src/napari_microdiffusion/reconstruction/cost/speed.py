"""How fast this machine is, learned from every run and kept between sessions."""

import json
import math
from collections.abc import Mapping
from pathlib import Path

from platformdirs import user_cache_path

from ...errors import UserError
from ...io import whole_file

# Seconds of work that the figures in `estimate` count for before any run here.
_SECONDS_BEFORE = 0.2
# What is left of the weight of earlier runs when another one is learned.
_KEPT_WEIGHT = 0.25
# Runs on a machine that is busy with other things say little beyond this.
_LARGEST_FACTOR = 1000.0


class MachineSpeed:
    """Factors on the estimated seconds of the parts of a run, by what the speed of a part depends on.

    Parameters
    ----------
    path : Path, optional
        Where the factors are kept; what cannot be read or written there is lost and nothing else.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._learned: dict[str, tuple[float, float]] = {}
        if path is not None and path.is_file():
            self._learned = _read(path)

    @classmethod
    def of_this_machine(cls) -> "MachineSpeed":
        """What was learned before, from the person's folder of caches."""
        return cls(user_cache_path("napari-microdiffusion") / "speed.json")

    def __contains__(self, kind: str) -> bool:
        """Whether anything was learned of a kind of part."""
        return kind in self._learned

    def factor(self, kind: str) -> float:
        """Seconds here for each second of the figures in `estimate`; 1 before any run."""
        return self._learned.get(kind, (1.0, 0.0))[0]

    def learn(
        self, estimated: Mapping[str, float], spent: Mapping[str, float], kinds: Mapping[str, str]
    ) -> None:
        """Learn from a run that came to its end, and keep it.

        Parameters
        ----------
        estimated, spent : mapping of str to float
            Seconds of each part of the run: as estimated with these factors, and as they were.
        kinds : mapping of str to str
            For each part, what its speed depends on.
        """
        for part, before in estimated.items():
            if before <= 0 or spent.get(part, 0) <= 0:
                continue
            factor, weight = self._learned.get(kinds[part], (1.0, _SECONDS_BEFORE / _KEPT_WEIGHT))
            now, kept = factor * spent[part] / before, _KEPT_WEIGHT * weight
            # In proportion: twice too long and twice too short err as much. Much work says more than little.
            share = before / (before + kept)
            mean = math.exp((1 - share) * math.log(factor) + share * math.log(now))
            mean = min(max(mean, 1 / _LARGEST_FACTOR), _LARGEST_FACTOR)
            self._learned[kinds[part]] = (mean, kept + before)
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(self._path) as partial:
                partial.write_text(json.dumps(self._learned, indent=1), encoding="utf-8")
        except (OSError, UserError):
            self._path = None  # a folder that may not be written to; for this session it is known


def _read(path: Path) -> dict[str, tuple[float, float]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        learned = {str(kind): (float(factor), float(weight)) for kind, (factor, weight) in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # damaged or of another version: it is learned anew
    is_sound = all(factor > 0 and weight >= 0 for factor, weight in learned.values())
    return learned if is_sound else {}
