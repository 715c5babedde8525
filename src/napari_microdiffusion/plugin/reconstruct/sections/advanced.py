"""Settings that most runs leave alone."""

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox

from ....optics import Acquisition
from ....settings.method import ReconstructionConfig
from ....settings.presets import PRESET_WORDS, merged, preset
from ...widgets.fields import choice, narrow, real_number, title_label, tooltip, whole_number
from ...widgets.line_plot import LinePlot
from ...widgets.section import Section, form, label
from .guide import GUIDE_WORDS

CONSISTENCY_WORDS = {
    "noise": "within the noise",
    "nonnegative": "exact, not negative",
    "exact": "exact",
    "none": "none",
}
LIGHT_WORDS = {
    "as recorded": "as recorded",
    "flicker": "even out flicker",
    "drift": "even out drift",
}
DEVICE_WORDS = {"auto": "automatic", "cpu": "CPU", "cuda": "GPU (CUDA)", "mps": "Apple GPU"}
LARGEST_SEED = 2**31 - 1
# The seven systems of the paper's Table 1, as guide and diffusion.
PAPER_SYSTEMS = {
    "MicroDiffusion": ("inr", "paper"),
    "Interpolation diffusion": ("linear", "paper"),
    "Cubic interpolation diffusion": ("cubic", "paper"),
    "Naive diffusion": ("none", "paper"),
    "INR": ("inr", "off"),
    "Interpolation": ("linear", "off"),
    "Cubic interpolation": ("cubic", "off"),
}
SCHEDULE_WORDS = {"paper-small": "small", "paper": "published"}


class AdvancedSection(Section):
    """Consistency, light, seed, device, memory, the detector, every guide, and the paper's systems."""

    guide_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__("Advanced")
        self.guide = choice(ReconstructionConfig, "guide", GUIDE_WORDS)
        self.consistency = choice(ReconstructionConfig, "consistency", CONSISTENCY_WORDS)
        self.light = choice(ReconstructionConfig, "light", LIGHT_WORDS)
        self.seed = whole_number(ReconstructionConfig, "seed")
        self.device = choice(ReconstructionConfig, "device", DEVICE_WORDS)
        self.memory = real_number(ReconstructionConfig, "memory_gb", largest=4096, unset="automatic")
        self.dark_level = real_number(Acquisition, "dark_level")
        self.photon_gain = real_number(Acquisition, "photon_gain")
        self.read_noise = real_number(Acquisition, "read_noise")
        layout = form()
        for model, name, box in (
            (ReconstructionConfig, "guide", self.guide),
            (ReconstructionConfig, "consistency", self.consistency),
            (ReconstructionConfig, "light", self.light),
            (Acquisition, "dark_level", self.dark_level),
            (Acquisition, "photon_gain", self.photon_gain),
            (Acquisition, "read_noise", self.read_noise),
            (ReconstructionConfig, "seed", self.seed),
            (ReconstructionConfig, "device", self.device),
            (ReconstructionConfig, "memory_gb", self.memory),
        ):
            layout.addRow(title_label(model, name), box)
        self._plotted = 0.0
        self.system, self.schedule = narrow(QComboBox()), narrow(QComboBox())
        self.system.setToolTip(tooltip(ReconstructionConfig, "paper"))
        self.system.addItem("none: as set above", None)
        for name in PAPER_SYSTEMS:
            self.system.addItem(name, name)
        for name, words in SCHEDULE_WORDS.items():
            self.schedule.addItem(words, name)
        self.schedule.setToolTip("<br>".join(f"{SCHEDULE_WORDS[k]}: {v}" for k, v in PRESET_WORDS.items()))
        self.plot = LinePlot("training step", height=110, is_logarithmic=True)
        self.plot.setToolTip("Loss of the paper's diffusion while it is trained")
        self.plot.hide()
        layout.addRow(label("Paper's system"), self.system)
        layout.addRow(label("Its schedule"), self.schedule)
        layout.addRow(self.plot)
        self.set_content(layout)
        self.guide.activated.connect(self._tell_guide)
        self.system.activated.connect(self._choose_system)
        for box in (self.system, self.schedule, self.consistency, self.light, self.device):
            box.currentIndexChanged.connect(self._update)
        for number in (self.seed, self.memory, self.dark_level, self.photon_gain, self.read_noise):
            number.valueChanged.connect(self._update)
        self._update()

    @property
    def paper_schedule(self) -> str:
        """The schedule of the chosen system of the paper, in words; empty where none is chosen."""
        return "" if self.system.currentData() is None else str(self.schedule.currentText())

    def show_guide(self, guide: str) -> None:
        """Show a guide that was chosen elsewhere."""
        self.guide.setCurrentIndex(self.guide.findData(guide))
        chosen = self.system.currentData()
        if chosen is not None and PAPER_SYSTEMS[chosen][0] != guide:
            self.system.setCurrentIndex(0)

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

    def optics(self) -> dict[str, Any]:
        """Fields of the acquisition that are set here."""
        return {
            "dark_level": self.dark_level.value(),
            "photon_gain": self.photon_gain.value(),
            "read_noise": self.read_noise.value(),
        }

    def settings(self) -> dict[str, Any]:
        """Fields of the configuration that are set here."""
        own = {
            "consistency": self.consistency.currentData(),
            "light": self.light.currentData(),
            "seed": self.seed.value(),
            "device": self.device.currentData(),
            "memory_gb": self.memory.value() or None,
        }
        if self.system.currentData() is None:
            return own
        guide, diffusion = PAPER_SYSTEMS[self.system.currentData()]
        return merged(preset(self.schedule.currentData()), {"guide": guide, "diffusion": diffusion}, own)

    def _tell_guide(self, _index: int) -> None:
        self.guide_chosen.emit(self.guide.currentData())

    def _choose_system(self, _index: int) -> None:
        system = self.system.currentData()
        if system is not None:
            # As published; it can be set otherwise afterwards.
            self.consistency.setCurrentIndex(self.consistency.findData("none"))
            self.guide_chosen.emit(PAPER_SYSTEMS[system][0])

    def _update(self, *_: Any) -> None:
        system = self.system.currentData()
        self.schedule.setEnabled(system is not None)
        light = "" if self.light.currentData() == "as recorded" else f"{self.light.currentText()}, "
        self.set_state(
            f"{f'paper: {system}, ' if system else ''}{self.consistency.currentText()}, {light}"
            f"seed {self.seed.value()}, {self.device.currentText()}"
        )
        self.changed.emit()
