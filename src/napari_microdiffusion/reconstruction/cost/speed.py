"""How fast this machine is, learned from every run and kept between sessions."""

import json
import math
import os
import platform
from collections.abc import Mapping
from pathlib import Path

from platformdirs import user_cache_path

from ...errors import UserError
from ...io import whole_file
from ..provenance import package_version

# Seconds of work that the figures in `estimate` count for before any run here.
_SECONDS_BEFORE = 0.2
# What is left of the weight of earlier runs when another one is learned.
_KEPT_WEIGHT = 0.25
# Runs on a machine that is busy with other things say little beyond this.
_LARGEST_FACTOR = 1000.0
# Seconds that a part may take longer when a process comes to it for the first time, to load what it needs.
_LOADING = {"posterior mean": 2.5}
# What the speed of parts that have not run yet is taken from.
_TIMED = "timed"
# A folder of caches may be shared by the machines of a cluster, and sees one version after the other.
_MACHINES_KEPT = 16
_Learned = dict[str, tuple[float, float]]


class MachineSpeed:
    """Factors on the estimated seconds of the parts of a run, by what the speed of a part depends on.

    Parameters
    ----------
    path : Path, optional
        Where the factors are kept, for each machine apart; what cannot be read or written there is lost and
        nothing else.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._machine = _this_machine()
        self._learned: _Learned = _read(path).get(self._machine, {}) if path is not None else {}
        self._loaded: set[str] = set()

    @classmethod
    def of_this_machine(cls) -> "MachineSpeed":
        """What was learned before, from the person's folder of caches."""
        return cls(user_cache_path("napari-microdiffusion") / "speed.json")

    def __contains__(self, kind: str) -> bool:
        """Whether anything was learned of a kind of part."""
        return kind in self._learned

    @property
    def is_known(self) -> bool:
        """Whether anything was learned at all."""
        return bool(self._learned)

    def factor(self, kind: str) -> float:
        """Seconds here for each second of the figures in `estimate`; 1 before anything was learned."""
        return self._learned.get(kind, self._learned.get(_TIMED, (1.0, 0.0)))[0]

    def time(
        self, estimated: Mapping[str, float], spent: Mapping[str, float], kinds: Mapping[str, str]
    ) -> None:
        """Learn from a short run that was made to be timed, for which everything was loaded before.

        Parameters are those of `learn`, `estimated` as without any factors. Parts that were in no run yet are
        taken to be as fast as this one as a whole.
        """
        parts = [part for part, before in estimated.items() if before > 0 and spent.get(part, 0) > 0]
        if not parts:
            return
        for part in parts:
            self._learned[kinds[part]] = (_held(spent[part] / estimated[part]), estimated[part])
            self._loaded.add(kinds[part])
        work = sum(estimated[part] for part in parts)
        self._learned[_TIMED] = (_held(sum(spent[part] for part in parts) / work), work)
        self._keep()

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
            kind = kinds[part]
            factor, weight = self._learned.get(kind, (self.factor(kind), _SECONDS_BEFORE / _KEPT_WEIGHT))
            now, kept = factor * spent[part] / before, _KEPT_WEIGHT * weight
            # In proportion: twice too long and twice too short err as much. Much work says more than little.
            share = before / (before + kept)
            if kind not in self._loaded and spent[part] > before:
                # So much of what it took longer may have been the loading.
                share *= max(0.0, 1 - _LOADING.get(part, 0.0) / spent[part])
            self._loaded.add(kind)
            mean = _held(math.exp((1 - share) * math.log(factor) + share * math.log(now)))
            self._learned[kind] = (mean, kept + before)
        self._keep()

    def _keep(self) -> None:
        """Write what is known, beside what is known of other machines."""
        if self._path is None:
            return
        others = [item for item in _read(self._path).items() if item[0] != self._machine]
        kept = dict(others[1 - _MACHINES_KEPT :])
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(self._path) as partial:
                partial.write_text(json.dumps(kept | {self._machine: self._learned}), encoding="utf-8")
        except (OSError, UserError):
            self._path = None  # a folder that may not be written to; for this session it is known


def _held(factor: float) -> float:
    return min(max(factor, 1 / _LARGEST_FACTOR), _LARGEST_FACTOR)


def _read(path: Path) -> dict[str, _Learned]:
    """What is known of each machine; nothing of a file that is missing, damaged or of another version."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        learned = {
            str(machine): {str(kind): (float(seen), float(weight)) for kind, (seen, weight) in one.items()}
            for machine, one in found.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
    figures = [figure for one in learned.values() for figure in one.values()]
    return learned if all(factor > 0 and weight >= 0 for factor, weight in figures) else {}


def _this_machine() -> str:
    """Processor, its cores, and the versions on which the speed depends."""
    versions = [f"{name} {package_version(name)}" for name in ("napari-microdiffusion", "torch")]
    return ", ".join([_processor(), f"{os.cpu_count() or 1} cores", *versions])


def _processor() -> str:
    """Its name; where the system tells none, its kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), "") or platform.processor() or platform.machine()
