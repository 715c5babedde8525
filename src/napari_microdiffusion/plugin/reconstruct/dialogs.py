"""The questions for files that the dock asks."""

from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QFileDialog, QInputDialog, QWidget

from ...io import ZarrKind
from ...stacks.metadata import known_of
from ...tasks.exporting import free_path, named_as
from ...tasks.opening import Question
from .controller import Controller

# A folder cannot be chosen here: any of the header files in it stands for an OME-Zarr.
IMAGES = (
    "Images (*.tif *.tiff *.lsm zarr.json .zattrs .zgroup);;"
    "Settings of a result (*.json *.yaml *.yml);;All files (*)"
)
# What a result can be saved as: its ending, and the version where that is OME-Zarr. The first is suggested.
RESULTS: dict[str, tuple[str, ZarrKind]] = {
    "OME-TIFF (*.ome.tif)": (".ome.tif", "0.4"),
    "OME-Zarr (*.ome.zarr)": (".ome.zarr", "0.4"),
    "OME-Zarr 0.5 (*.ome.zarr)": (".ome.zarr", "0.5"),
    "ImageJ TIFF (*.tif)": (".tif", "0.4"),
}
MOVIES = "Movies (*.mp4)"
MODELS = "Checkpoints (*.safetensors)"


class Dialogs:
    """Asks for a file and passes it on; nothing happens without an answer.

    Parameters
    ----------
    dock : QWidget
        Whose window the dialogs belong to.
    """

    def __init__(self, dock: QWidget, runs: Controller) -> None:
        self._dock, self._runs = dock, runs

    def projections(self) -> None:
        """A file of projections to open."""
        if path := self._existing("Open projections", IMAGES):
            self._runs.open_path(str(path))

    def inr_to_load(self) -> None:
        """An INR to use."""
        if path := self._existing("Load an INR", MODELS):
            self._runs.load_inr(path)

    def prior(self) -> None:
        """A prior to use."""
        if path := self._existing("Choose a prior", MODELS):
            self._runs.sections.diffusion.use_prior(str(path))

    def inr_to_save(self) -> None:
        """Where the INR is to be saved."""
        if path := self._new("Save the INR", "inr.safetensors", MODELS):
            self._runs.save_inr(path)

    def result(self) -> None:
        """Where the last result is to be saved."""
        volume, run = self._runs.results.volume, self._runs.results.run
        if volume is None:
            return
        beside = known_of(volume).get("path") if run is None else run.projections.known.get("path")
        suggested = free_path(Path(beside).parent if beside else Path.home(), volume.name, ".ome.tif")
        if folder := self._runs.preferences.folder("save"):
            suggested = Path(folder) / suggested.name
        path, kind = self._asked("Save the volume", str(suggested), ";;".join(RESULTS))
        if path is None:
            return
        ending, zarr = RESULTS.get(kind, (".ome.tif", "0.4"))
        # A name that ends otherwise was typed; unless another kind than the suggested one was chosen.
        self._runs.save_to(path if ending == ".ome.tif" else named_as(path, ending), zarr)

    def movie(self) -> Path | None:
        """Where a movie of the result is to be saved."""
        volume = self._runs.results.volume
        folder = Path(self._runs.preferences.folder("save") or Path.home())
        if volume is None:
            return None
        path = self._new("Save a movie", str(free_path(folder, volume.name, ".mp4")), MOVIES)
        return path if path is None or path.suffix else path.with_suffix(".mp4")

    def ask(self, question: Question) -> None:
        """Which axes, or which image, of a file that leaves it open."""
        answer = answer_to(question, self._dock)
        if answer is None:
            self._runs.fail(question.message)
        else:
            self._runs.open_file(question.path, **answer)

    def _existing(self, title: str, kinds: str) -> Path | None:
        preferences = self._runs.preferences
        path, _ = QFileDialog.getOpenFileName(self._dock.window(), title, preferences.folder("open"), kinds)
        if not path:
            return None
        preferences.store_folder("open", Path(path))
        return Path(path)

    def _new(self, title: str, suggested: str, kinds: str) -> Path | None:
        return self._asked(title, suggested, kinds)[0]

    def _asked(self, title: str, suggested: str, kinds: str) -> tuple[Path | None, str]:
        """A new path, and the kind that was chosen for it."""
        path, kind = QFileDialog.getSaveFileName(self._dock.window(), title, suggested, kinds)
        if not path:
            return None, kind
        self._runs.preferences.store_folder("save", Path(path))
        return Path(path), kind


def answer_to(question: Question, dock: QWidget) -> dict[str, Any] | None:
    """What a person chooses of a question's answers, None for none."""
    words = list(question.answers)
    answer, is_given = QInputDialog.getItem(dock.window(), question.title, question.text, words, 0, False)
    return question.answers[answer] if is_given else None
