"""The prior of a run: one that is shipped, by name, or one from a file."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from ..diffusion.slab import PRIOR_KIND
from ..errors import UsageError, UserError
from ..io import read_table

if TYPE_CHECKING:
    from ..diffusion.prior import Prior


def load_prior(name: str) -> "Prior":
    """A prior by name, or from a file.

    Raises
    ------
    UsageError
        If there is no such shipped prior.
    UserError
        If the file is no prior, or a shipped one that is not as it was released.
    """
    from ..diffusion.prior import Prior

    with _prior_file(name) as path:
        if not Path(name).suffix:
            _check_shipped(path)
        return Prior.load(path)


def check_prior(name: str) -> None:
    """Refuse at once, without importing torch, what `load_prior` would refuse when its turn comes.

    Raises are those of `load_prior`, save for what only its tensors tell.
    """
    with _prior_file(name) as path:
        table = read_table(path)
    if table.kind != PRIOR_KIND:
        raise UserError(f"{path} holds a model of kind {table.kind!r}; a {PRIOR_KIND!r} is needed.")


def _check_shipped(path: Path) -> None:
    """Refuse weights other than those whose hash is recorded beside them."""
    listed = (files("napari_microdiffusion") / "weights" / "SHA256SUMS").read_text(encoding="utf-8")
    known = {name: digest for digest, name in (line.split() for line in listed.splitlines())}
    if hashlib.sha256(path.read_bytes()).hexdigest() != known.get(path.name):
        raise UserError(
            f"{path} is not as it was released (its SHA-256 differs); install this package again, or give "
            "the path of a prior of your own"
        )


@contextmanager
def _prior_file(name: str) -> Iterator[Path]:
    if Path(name).suffix:
        yield Path(name)
        return
    shipped = files("napari_microdiffusion") / "weights" / f"slab-{name}.safetensors"
    if not shipped.is_file():
        raise UsageError(
            f"prior is {name!r}, which is not shipped; use general, or the path of a .safetensors file"
        )
    with as_file(shipped) as path:
        yield path
