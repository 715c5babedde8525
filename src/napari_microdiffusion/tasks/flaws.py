"""Looks at projections for what would ruin a result, before any run."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..errors import UserError
from ..reconstruction.events import CancelToken
from ..settings.wording import sentence


@dataclass(frozen=True)
class Flaws:
    """What is wrong with projections, a sentence each; nothing where all is well.

    `is_mixed` where it is that another reader mixed the planes of the file up, so that ours would mend it.
    """

    texts: list[str]
    is_mixed: bool = False


@dataclass(frozen=True, eq=False)
class LookForFlaws:
    """Looks for flaws of projections (views * N, H, W), which may be lazy; `path` is another reader's.

    With `masks_missing`, pixels without a value are none.
    """

    projections: Any
    path: str = ""
    views: int = 1
    dark_level: float = 0
    masks_missing: bool = False

    def __call__(self, cancel: CancelToken) -> Iterator[Flaws]:
        """One `Flaws`."""
        from ..io import validate_projections
        from ..io.mixed_planes import mixed_up
        from ..optics.detector.flaws import find_flaws

        if mixed := mixed_up(self.projections.shape[0], self.path):
            yield Flaws([mixed], is_mixed=True)
            return
        try:
            validate_projections(self.projections, mask_missing=self.masks_missing or None)
        except UserError as error:
            remedy = ""
            with suppress(UserError):
                validate_projections(self.projections, mask_missing=True)
                remedy = " Tick “Mask missing pixels” in Advanced to leave those without a value out."
            yield Flaws([sentence(str(error)) + remedy])
            return
        found = []
        for text in find_flaws(self.projections, views=self.views, dark_level=self.dark_level):
            cancel.check()
            if text:
                found.append(text)
        yield Flaws(found)
