"""What is projected and by what: the volume, the beam, the detector's noise."""

from typing import TYPE_CHECKING

from pydantic import ValidationError
from qtpy.QtWidgets import QVBoxLayout

from ...optics import Acquisition, DetectorNoise
from ...settings.method import settings_error
from ..beam.form import BeamFields
from ..beam.views import ViewsChoice
from ..layers.placement import spacing_um
from ..layers.roles import why_no_volume
from ..layers.stack import Stack
from ..widgets.fields import real_number, title_label, whole_number
from ..widgets.section import Section, form, label
from ..widgets.stack_chooser import StackChooser

if TYPE_CHECKING:
    from napari import Viewer


class VolumeSection(Section):
    """Choice of the volume."""

    def __init__(self, viewer: "Viewer") -> None:
        super().__init__("Volume", is_open=True)
        self.chooser = StackChooser(viewer, why_no_volume, "volume")
        self.chooser.box.setToolTip("<qt>A stack of slices, as a point scan would have recorded it.</qt>")
        self._about = label(tone="dim", wrap=True)
        column = QVBoxLayout()
        column.addWidget(self.chooser)
        column.addWidget(self._about)
        self.set_content(column)
        self.chooser.changed.connect(self._describe)
        self.refresh()

    @property
    def stack(self) -> Stack | None:
        """The chosen stack."""
        return self.chooser.stack

    def refresh(self) -> None:
        """Take the list from the viewer."""
        self.chooser.refresh()
        self._describe()

    def _describe(self) -> None:
        stack = self.stack
        if stack is None:
            self._about.setText("No image layer is a stack of slices yet.")
            self.set_state("none")
        else:
            slices, height, width = stack.shape
            placement = stack.placement
            voxel = placement.describe_voxel() if placement.is_known else "voxel size not known"
            self._about.setText(f"{slices} slices of {height} × {width} · {voxel} · {stack.layer.dtype}")
            self.set_state(stack.name)
        self.changed.emit()


class DetectorSection(Section):
    """The beam, and the noise."""

    def __init__(self) -> None:
        super().__init__("Beam and noise", is_open=True)
        self.views = ViewsChoice()
        self.fields = BeamFields(self.views)
        self.beam, self.plot = self.fields.beam, self.fields.plot
        self.photons = real_number(DetectorNoise, "photons", unset="no photon noise")
        self.read_noise = real_number(DetectorNoise, "read_noise")
        self.seed = whole_number(DetectorNoise, "seed")
        layout = form()
        layout.addRow(self.fields)
        for name, box in (("photons", self.photons), ("read_noise", self.read_noise), ("seed", self.seed)):
            layout.addRow(title_label(DetectorNoise, name), box)
            box.valueChanged.connect(self._update)
        self.set_content(layout)
        self.fields.changed.connect(self._update)
        self.views.changed.connect(self._update)
        self._update()

    def noise(self) -> DetectorNoise:
        """The noise as it is set.

        Raises
        ------
        UsageError
            For a setting that cannot be.
        """
        try:
            return DetectorNoise(
                photons=self.photons.value() or None,
                read_noise=self.read_noise.value(),
                seed=self.seed.value(),
            )
        except ValidationError as error:
            raise settings_error(error) from error

    def acquisition(self, n: int) -> Acquisition:
        """The beam as it is set, at a step length.

        Raises
        ------
        UserError
            For a beam that cannot be.
        """
        return self.fields.acquisition(n, views=self.views.views)

    def set_volume(self, n: int, stack: Stack | None) -> None:
        """Say which volume is projected, with how many slices per slab."""
        self.fields.set_volume(n, None if stack is None else spacing_um(stack.placement))

    def _update(self, _value: object = None) -> None:
        photons, read = self.photons.value(), self.read_noise.value()
        noise = [f"{photons:g} photons"] * bool(photons) + [f"read noise {read:g}"] * bool(read)
        self.set_state(f"{self.fields.state()}, {', '.join(noise) or 'no noise'}")
        self.changed.emit()
