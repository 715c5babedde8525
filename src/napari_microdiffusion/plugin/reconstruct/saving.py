"""Writes results and INRs to files, and takes INRs from them."""

from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QWidget

from ...errors import UserError
from ...io import ZarrKind, read_table
from ...optics.placement import TURNED
from ...reconstruction.outputs import Outputs
from ...settings.method import ReconstructionConfig
from ...stacks.metadata import known_of
from ...stacks.placement import Placement
from ...stacks.stack import array_of
from ...tasks.exporting import ExportSixteenBits, SaveLayers, SaveResult, as_layers_hold, is_edited
from ...tasks.held_inr import HeldInr
from ...tasks.threads import Source
from ..jobs.activity import Activity
from ..jobs.run_panel import RunPanel
from ..jobs.runner import Runner
from .document import ReconstructionDocument
from .outcome_panel import OutcomePanel
from .preferences import Preferences
from .results import Results


class Saving(Runner):
    """Jobs of the dock that write files."""

    def __init__(
        self,
        document: ReconstructionDocument,
        panel: RunPanel,
        outcome: OutcomePanel,
        results: Results,
        parent: QWidget,
    ) -> None:
        super().__init__(panel, outcome, parent)
        self.document, self.outcome, self.results = document, outcome, results
        self.preferences = Preferences()

    def save_to(self, path: Path, zarr: ZarrKind = "0.4") -> None:
        """Write the chosen result: volume, uncertainty and settings, as the layers hold them now.

        `zarr` is the version of an OME-Zarr.
        """
        volume, uncertainty, run = self.results.volume, self.results.uncertainty, self.results.run
        if volume is None or self.is_running:
            return
        outputs = Outputs.beside(path, uncertainty is not None)
        try:
            if run is None:
                task: Source = SaveLayers(outputs, volume, uncertainty, zarr)
            else:
                source, result = (
                    run.projections.source_of(volume),
                    as_layers_hold(run.result, volume, uncertainty),
                )
                outputs.check(ReconstructionConfig(**result.provenance["settings"]), [source.path])
                task = SaveResult(outputs, result, source, zarr)
        except UserError as error:
            self.fail(str(error))
            return

        def take(event: Any) -> None:
            self.say_where(event)
            if run is not None and not Placement.of_layer(volume).is_upright:
                self.outcome.warn(TURNED.format(volume.name))
            if run is not None:
                run.is_saved = True
                if is_edited(run.result, volume, uncertainty):
                    self.outcome.warn("The layers were edited since the run, and are saved as they are now.")

        self.begin(Activity("Saving", task, take, keeps_messages=True))

    def export(self) -> None:
        """Write the chosen result in 16 bits, beside the projections or where the last result was saved."""
        volume, run = self.results.volume, self.results.run
        if volume is None or self.is_running:
            return
        known = known_of(volume).get("path") if run is None else run.projections.known.get("path")
        folder = Path(known).parent if known else Path(self.preferences.folder("save") or Path.home())
        lies = Placement.of_layer(volume)
        scale = None if lies == Placement() else lies.scale
        axes = f"{''.join(volume.axis_labels[:-3])}zyx"
        task = ExportSixteenBits(
            array_of(volume), folder, volume.name, scale, lies.units[-1], lies.translate, axes
        )
        self.begin(Activity("Exporting", task, self.say_where, keeps_messages=True))

    def load_inr(self, path: Path) -> None:
        """Use an INR from a file."""
        try:
            kind = read_table(path).kind
            if kind != "inr":
                raise UserError(f"{path.name} holds a model of kind {kind!r}; an INR is needed.")
        except UserError as error:
            self.fail(str(error))
            return
        self.document.ask({"method.guide": "inr"}, inr=HeldInr(path.name, path))

    def save_inr(self, path: Path) -> None:
        """Write the INR that was fitted here."""
        held = self.document.usable_inr
        if held is None or held.fitted is None:
            return
        path = path if path.suffix == ".safetensors" else path.with_name(f"{path.name}.safetensors")
        try:
            held.fitted.save(path)
        except UserError as error:
            self.fail(str(error))
            return
        self.document.change(inr=HeldInr(f"saved as {path.name}", path, held.belongs_to, held.fitted))
