"""Settings that most runs leave alone."""

from typing import Any

from magicgui.widgets import ComboBox

from ....settings.presets import PAPER_SYSTEMS, PRESET_WORDS
from ...widgets.form import Form, narrow
from ...widgets.line_plot import LinePlot
from ...widgets.section import Section, button, column, titled
from ..document import GUIDE, ReconstructionDocument
from .guide import GUIDE_WORDS

CONSISTENCY, LIGHT, SEED, DEVICE = "method.consistency", "method.light", "method.seed", "method.device"
WORDS = {
    GUIDE: GUIDE_WORDS,
    CONSISTENCY: {
        "noise": "within their noise",
        "nonnegative": "exactly, none below dark",
        "exact": "exactly",
        "none": "not at all",
    },
    LIGHT: {"as recorded": "as recorded", "flicker": "even out flicker", "drift": "even out drift"},
    DEVICE: {"auto": "automatic", "cpu": "CPU", "cuda": "GPU (CUDA)", "mps": "Apple GPU"},
}
_UNSET = {"acquisition.photon_gain": "estimated", "acquisition.read_noise": "estimated"}
_ELSEWHERE = {"method.diffusion", "method.samples", "method.steps", "method.prior", "method.inr_file"}
SCHEDULE_WORDS = {"paper-small": "small", "paper": "published"}
THEIRS = "that of the settings"


class AdvancedSection(Section):
    """The detector, the method's further settings, and the paper's systems."""

    def __init__(self, document: ReconstructionDocument) -> None:
        super().__init__("Advanced", page="dock")
        self.document = document
        self.form = Form(document, advanced_paths(document), WORDS, _UNSET)
        self.system = ComboBox(
            choices=[("none: as set above", ""), *((name, name) for name in PAPER_SYSTEMS)]
        )
        self.schedule = ComboBox(choices=self._schedules)
        self.system.native.setObjectName("paper's system")
        self.system.native.setToolTip(f"<qt>{document.model.model_fields['method'].description}</qt>")
        self.schedule.native.setObjectName("schedule")
        self.schedule.native.setToolTip(
            "<br>".join(f"{SCHEDULE_WORDS[k]}: {v}" for k, v in PRESET_WORDS.items())
        )
        self._plotted = 0.0
        self.plot = LinePlot("training step", height=110, is_logarithmic=True)
        self.plot.setToolTip("Loss of the paper's diffusion while it is trained")
        self.plot.hide()
        system = titled("Paper's system", narrow(self.system.native))
        schedule = titled("Schedule", narrow(self.schedule.native))
        about = "Go back to what the file says and to the settings that the program comes with."
        self.reset = button("Reset to defaults", about, document.reset)
        self.set_content(column(self.form, system, schedule, self.plot, self.reset))
        self.system.changed.connect(self._choose_system)
        self.schedule.changed.connect(self._choose_schedule)
        document.events.revision.connect(self.refresh)
        self.refresh()

    def show_loss(self, step: int, loss: float) -> None:
        """A point of the loss of a training that is under way; the first begins a new curve."""
        if step == 1 or not self.plot.curves:
            self.plot.clear()
            self.plot.show()
            self._plotted = 0.0
        # Ever wider apart, so that a long training does not drown the plot in points.
        if step >= self._plotted:
            self.plot.add(step, loss)
            self._plotted = 1.01 * step

    def refresh(self, _revision: int = 0) -> None:
        """Show what is set."""
        document = self.document
        for box, shown in ((self.system, document.run.system), (self.schedule, document.run.schedule)):
            with box.changed.blocked():
                box.reset_choices()
                box.value = shown
        self.schedule.native.setEnabled(bool(document.run.system))
        light = document.value(LIGHT)
        parts = [
            f"paper: {document.run.system}" if document.run.system else "",
            WORDS[CONSISTENCY][document.value(CONSISTENCY)],
            "" if light == "as recorded" else WORDS[LIGHT][light],
            f"seed {document.value(SEED)}",
            WORDS[DEVICE][document.value(DEVICE)],
        ]
        self.set_state(", ".join(part for part in parts if part))

    def release(self) -> None:
        """Let go of the settings."""
        for box in (self.system, self.schedule):
            box.changed.disconnect()
            box.close()

    def _schedules(self, _box: Any) -> list[tuple[str, str]]:
        theirs = [(THEIRS, "")] if self.document.run.schedule == "" else []
        return [*theirs, *((words, name) for name, words in SCHEDULE_WORDS.items())]

    def _choose_system(self, system: Any) -> None:
        self.document.choose_system(str(system))

    def _choose_schedule(self, schedule: Any) -> None:
        self.document.choose_system(self.document.run.system, str(schedule))


def advanced_paths(document: ReconstructionDocument) -> list[str]:
    """The fields that have no other place in the dock, one added to the models among them."""
    detector = [path for path, field in document.fields.items() if field.group == "detector"]
    method = [path for path in document.fields if path.startswith("method.") and path.count(".") == 1]
    return [GUIDE, CONSISTENCY, LIGHT, *detector] + [
        path for path in method if path not in {GUIDE, CONSISTENCY, LIGHT} | _ELSEWHERE
    ]
