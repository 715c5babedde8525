"""What is projected and by what: the volume, the beam, the detector's noise."""

from napari import Viewer

from ...optics import DetectorNoise
from ...settings.recorded import NOTHING_RECORDED, Recorded
from ...stacks.placement import spacing_um
from ...stacks.roles import why_no_volume
from ...stacks.stack import Stack
from ..beam.form import BeamForm
from ..beam.views import ViewsChoice
from ..document import FormSettings, RunDocument
from ..widgets.form import Form
from ..widgets.layer_chooser import LayerChooser
from ..widgets.section import Section, column, label


class VolumeSection(Section):
    """Choice of the volume.

    Parameters
    ----------
    document : RunDocument
        Takes the volume in place of projections.
    """

    def __init__(self, document: RunDocument, viewer: Viewer) -> None:
        super().__init__("Volume", is_open=True, page="step-length")
        self.document = document
        tip = "A stack of slices, as a point scan would have recorded it."
        self.chooser = LayerChooser(viewer, why_no_volume, "volume", tip)
        self._about = label(tone="dim", wrap=True)
        self.set_content(column(self.chooser, self._about))
        self.chooser.changed.connect(self._take)
        self.refresh()

    def refresh(self) -> None:
        """Take the list from the viewer."""
        self.chooser.refresh()
        self._take()

    def _take(self) -> None:
        layer = self.chooser.layer
        if layer is None:
            self._about.setText("No image layer is a stack of slices yet.")
            self.set_state("none")
            self.document.record(NOTHING_RECORDED, projections=None)
            return
        stack = Stack(layer, self.chooser.chosen)
        self._about.setText(stack.describe("slices"))
        self.set_state(stack.name)
        spacing = spacing_um(stack.placement)
        found = Recorded(slice_spacing=spacing[0], pixel_size=spacing[1:]) if spacing else NOTHING_RECORDED
        self.document.record(found, projections=stack)


class DetectorSection(Section):
    """The beam, and the noise.

    Parameters
    ----------
    noise : FormSettings
        Of the model `DetectorNoise`.
    """

    def __init__(self, document: RunDocument, noise: FormSettings) -> None:
        super().__init__("Beam and noise", is_open=True)
        self.noise = noise
        self.form = BeamForm(document, ViewsChoice(document))
        of_noise = Form(noise, DetectorNoise.model_fields, unset={"photons": "none"})
        self.set_content(column(self.form, of_noise))
        document.events.revision.connect(self.refresh)
        noise.events.revision.connect(self.refresh)
        self.refresh()

    def refresh(self, _revision: int = 0) -> None:
        """Show what is set."""
        photons, read = self.noise.value("photons"), self.noise.value("read_noise")
        noise = [f"{photons:g} photons"] if photons else []
        noise += [f"read noise {read:g}"] if read else []
        self.set_state(f"{self.form.state()}, {', '.join(noise) or 'no noise'}")
