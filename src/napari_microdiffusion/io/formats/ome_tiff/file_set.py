"""The files of an OME-TIFF set: found by their names and identifiers beside the file that is read."""

import re
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.formats.file_faults import as_user_error
from napari_microdiffusion.io.formats.ome_tiff.description import PlaneRun
from napari_microdiffusion.io.formats.tiff_file import check_tiff
from napari_microdiffusion.io.formats.tiff_image import Page, placed_pages

if TYPE_CHECKING:
    from tifffile import TiffFile

COMPANION_SUFFIXES = (".ome", ".xml")
"""Endings of the XML files that describe a set in place of one of its members."""

_MOST_FILES = 20_000
_ROOT_UUID = re.compile(r"<(?:\w+:)?OME\b[^>]*?\bUUID\s*=\s*[\"']([^\"']+)")


class FileSet:
    """The files among which the planes of a description lie.

    Parameters
    ----------
    path, file
        The file that is read, open; None for an XML file.
    head
        The file that holds the description.
    head_uuid
        Its identifier, as the description has it.
    stack
        Closes the other files.
    """

    def __init__(
        self, path: Path, file: "TiffFile | None", head: Path, head_uuid: str | None, stack: ExitStack
    ) -> None:
        self.path = path
        self.head = head
        self.notes: list[str] = []
        self.missing: set[str] = set()
        self._head_uuid = head_uuid
        self._is_companion = head.suffix.lower() in COMPANION_SUFFIXES
        self._stack = stack
        self._renamed: PlaneRun | None = None
        self._found: dict[tuple[str | None, str | None], Path | None] = {}
        self._pages: dict[Path, list[Page]] = {}
        self._files: dict[Path, TiffFile] = {}
        self._uuids: dict[str, Path] | None = None
        if file is not None:
            self._files[path] = file

    @property
    def sources(self) -> frozenset[Path]:
        """All files of the set that are there."""
        return frozenset({self.path, self.head, *(path for path in self._found.values() if path)})

    def find_renamed(self, runs: Iterable[PlaneRun]) -> None:
        """Take the file that is read for the only one that is named, where no such file is there."""
        named = {(run.file, run.uuid): run for run in runs}
        if len(named) == 1 and self.head == self.path and self.path in self._files:
            (run,) = named.values()
            if run.file is not None and self._search(run) is None:
                self._renamed = run
                called = _beside(self.path, run.file).name
                self.notes.append(f"The file was called {called} when it was written.")

    def file_of(self, run: PlaneRun) -> Path | None:
        """Return the file in which planes lie, or None, which is recorded in `missing`."""
        if self._renamed is not None:
            return self.path
        if run.file is None and run.uuid is None:
            return None if self._is_companion else self.head
        key = (run.file, run.uuid)
        if key not in self._found:
            self._found[key] = self._search(run)
        where = self._found[key]
        if where is None:
            self.missing.add(run.file or str(run.uuid))
        return where

    def pages(self, path: Path) -> list[Page]:
        """Return the pages of a file of the set."""
        if path not in self._pages:
            file = self._open(path)
            with as_user_error(path):
                self._pages[path] = placed_pages(file)
            if path != self.path:
                # A set may have thousands of files; tifffile opens those again that it reads.
                file.close()
        return self._pages[path]

    def keep_open(self, members: set[Path]) -> None:
        """Open the one file again in which all planes of an image lie."""
        if len(members) == 1:
            (path,) = members
            if path != self.path:
                handle = self._files[path].filehandle
                handle.open()
                self._stack.callback(handle.close)

    def _open(self, path: Path) -> "TiffFile":
        if path not in self._files:
            import tifffile

            check_tiff(path)
            with as_user_error(path):
                self._files[path] = tifffile.TiffFile(path)
        return self._files[path]

    def _search(self, run: PlaneRun) -> Path | None:
        if run.uuid is not None and run.uuid == self._head_uuid and not self._is_companion:
            return self.head
        named = None if run.file is None else _beside(self.path, run.file)
        if named is not None and named.is_file():
            own = self._uuid(named)
            if run.uuid is None or own in (None, run.uuid):
                return named
            other = self._by_uuid().get(run.uuid)
            if other is None:
                self.notes.append(f"{named.name} is not marked as the file of this set that is named so.")
            return other or named
        return None if run.uuid is None else self._by_uuid().get(run.uuid)

    def _by_uuid(self) -> dict[str, Path]:
        """Identifiers of all files beside, for a set whose files have new names."""
        if self._uuids is None:
            self._uuids = {}
            beside = [p for p in self.path.parent.iterdir() if p.suffix.lower() in (".tif", ".tiff")]
            for path in sorted(beside)[:_MOST_FILES]:
                try:
                    uuid = self._uuid(path)
                except UserError:
                    continue
                if uuid is not None:
                    self._uuids.setdefault(uuid, path)
        return self._uuids

    def _uuid(self, path: Path) -> str | None:
        if path in self._files:
            text = self._files[path].pages.first.description
        else:
            import tifffile

            check_tiff(path)
            with as_user_error(path), tifffile.TiffFile(path) as file:
                text = file.pages.first.description
        found = _ROOT_UUID.search(text)
        return found[1] if found else None


def _beside(path: Path, name: str) -> Path:
    """Return a file in the folder of `path`: what leads elsewhere, on any system, is not followed."""
    return path.with_name(name.replace("\\", "/").rstrip("/").rpartition("/")[2] or "absent")
