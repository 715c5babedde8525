"""A reference from a file, on the voxels of the volume that projections will become."""

from ...io import ImageStack, depth_stack, input_record, read_image
from ...optics.placement import StackPlacement
from ...registration.reference_stack import ReferenceStack
from ...settings.document import InputSettings


def read_reference(chosen: InputSettings, projections: ImageStack, step_length: int) -> ReferenceStack | None:
    """The reference that the settings name; None where they name none.

    Of a file with several channels the one of the projections is taken, of frames the mean.

    Parameters
    ----------
    chosen : InputSettings
    projections : ImageStack
        For their scale.
    step_length : int

    Raises
    ------
    UserError
        If the file is no such stack.
    """
    if chosen.reference is None:
        return None
    opened = read_image(chosen.reference)
    channel = chosen.channel if opened.sizes.get("c", 1) > 1 else None
    image = depth_stack(opened, channel, average_frames=opened.sizes.get("t", 1) > 1)
    reference = reference_of(image, projections, step_length)
    reference.check()
    return reference


def reference_of(image: ImageStack, projections: ImageStack, step_length: int) -> ReferenceStack:
    """A point-scanned stack with its voxel size relative to that of the volume.

    Where either size is not known both are taken for the same, and a note says so.
    """
    slabs, height, width = (projections.sizes[letter] for letter in "zyx")
    return ReferenceStack.lying(
        image.data,
        StackPlacement.recorded(image.scale, image.unit, image.origin),
        (slabs * step_length, height, width),
        StackPlacement.recorded(projections.scale, projections.unit).of_volume(step_length),
        name=image.name,
        about={"read": input_record(image)},
    )
