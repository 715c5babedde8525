"""A deeper network that answers like the one it is made from, to train on where a smaller one has settled."""

from napari_microdiffusion.diffusion.preconditioning import Denoiser
from napari_microdiffusion.diffusion.prior import resized


def grown(denoiser: Denoiser, blocks: int, deep_blocks: int) -> Denoiser:
    """A denoiser with more residual blocks; new ones add nothing until they are trained.

    Parameters
    ----------
    denoiser : Denoiser
    blocks, deep_blocks : int
        Residual blocks at half resolution, each way, and at quarter resolution; not fewer than there are.

    Returns
    -------
    Denoiser
        A new one, with the same answers.

    Raises
    ------
    ValueError
        If there would be fewer blocks than now.
    """
    sizes = denoiser.network.description()
    if blocks < sizes["blocks"] or deep_blocks < sizes["deep_blocks"]:
        raise ValueError(
            f"a network of {sizes['blocks']} and {sizes['deep_blocks']} blocks cannot shrink to {blocks} and "
            f"{deep_blocks}"
        )
    return resized(denoiser, blocks=blocks, deep_blocks=deep_blocks)
