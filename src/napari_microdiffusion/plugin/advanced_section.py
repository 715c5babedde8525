"""Settings that most runs leave alone."""

from typing import Any

from qtpy.QtCore import Signal

from ..optics import Acquisition
from ..reconstruction.config import ReconstructionConfig
from .fields import choice, real_number, title_label, whole_number
from .guide_section import GUIDE_WORDS
from .section import Section, form

CONSISTENCY_WORDS = {
    "nonnegative": "exact, not negative",
    "exact": "exact",
    "noise": "within the noise",
    "none": "none",
}
DEVICE_WORDS = {"auto": "automatic", "cpu": "CPU", "cuda": "GPU (CUDA)", "mps": "Apple GPU"}
LARGEST_SEED = 2**31 - 1


class AdvancedSection(Section):
    """Consistency, seed, device, memory, the detector, and every guide there is."""

    guide_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__("Advanced")
        self.guide = choice(ReconstructionConfig, "guide", GUIDE_WORDS)
        self.consistency = choice(ReconstructionConfig, "consistency", CONSISTENCY_WORDS)
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
            (Acquisition, "dark_level", self.dark_level),
            (Acquisition, "photon_gain", self.photon_gain),
            (Acquisition, "read_noise", self.read_noise),
            (ReconstructionConfig, "seed", self.seed),
            (ReconstructionConfig, "device", self.device),
            (ReconstructionConfig, "memory_gb", self.memory),
        ):
            layout.addRow(title_label(model, name), box)
        self.set_content(layout)
        self.guide.activated.connect(self._tell_guide)
        for box in (self.consistency, self.device):
            box.currentIndexChanged.connect(self._update)
        for number in (self.seed, self.memory, self.dark_level, self.photon_gain, self.read_noise):
            number.valueChanged.connect(self._update)
        self._update()

    def show_guide(self, guide: str) -> None:
        """Show a guide that was chosen elsewhere."""
        self.guide.setCurrentIndex(self.guide.findData(guide))

    def optics(self) -> dict[str, Any]:
        """Fields of the acquisition that are set here."""
        return {
            "dark_level": self.dark_level.value(),
            "photon_gain": self.photon_gain.value(),
            "read_noise": self.read_noise.value(),
        }

    def settings(self) -> dict[str, Any]:
        """Fields of the configuration that are set here."""
        return {
            "consistency": self.consistency.currentData(),
            "seed": self.seed.value(),
            "device": self.device.currentData(),
            "memory_gb": self.memory.value() or None,
        }

    def _tell_guide(self, _index: int) -> None:
        self.guide_chosen.emit(self.guide.currentData())

    def _update(self, *_: Any) -> None:
        self.set_state(
            f"{self.consistency.currentText()}, seed {self.seed.value()}, {self.device.currentText()}"
        )
        self.changed.emit()
