"""The paper's diffusion on one sample (Sec. 4.2): its model, its loss, its guided prediction.

Images are the projections mapped to [-1, 1]. What the network sees of a noisy image is mixed with the guide
(equation 9); the state of the diffusion is not.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .ddpm import NoiseSchedule
from .settings import PaperSettings
from .unet import ConditionalUnet, ImageEncoder


@dataclass(frozen=True)
class ImageConditions:
    """What is known of some slices, or of slabs in training, besides the noisy image.

    Attributes
    ----------
    projection : Tensor, shape (B, 1, H, W)
        That of the slab a slice lies in.
    position : Tensor, shape (B, E)
        The encoded depth.
    guide : Tensor, shape (B, 1, H, W), or None
        The guide there; None without one.
    """

    projection: Tensor
    position: Tensor
    guide: Tensor | None

    def part(self, index: slice) -> "ImageConditions":
        """Some of the slices."""
        guide = None if self.guide is None else self.guide[index]
        return ImageConditions(self.projection[index], self.position[index], guide)


class PaperModel(nn.Module):
    """U-Net and encoders.

    Parameters
    ----------
    settings : PaperSettings
    encoded : int
        Length of an encoded depth.
    """

    def __init__(self, settings: PaperSettings, encoded: int) -> None:
        super().__init__()
        self.settings = settings
        features = settings.features
        self.has_guide_condition = settings.prior_use == "condition"
        parts = 3 if self.has_guide_condition else 2
        self.image_encoder = ImageEncoder(settings.width, features)
        self.position_encoder = nn.Sequential(
            nn.Linear(encoded, features), nn.SiLU(), nn.Linear(features, features)
        )
        self.unet = ConditionalUnet(
            settings.width, settings.multipliers, settings.blocks, parts * features, settings.fusion
        )

    def forward(
        self, state: Tensor, times: Tensor, conditions: ImageConditions, is_conditioned: Tensor
    ) -> Tensor:
        """Predict the noise or the image.

        Parameters
        ----------
        state : Tensor, shape (B, 1, H, W)
            x_t.
        times : Tensor, shape (B,)
        conditions : ImageConditions
        is_conditioned : Tensor, shape (B,)
            1 where the condition is given, 0 where it is dropped.
        """
        shown = state
        if conditions.guide is not None and not self.has_guide_condition:
            shown = torch.lerp(state, conditions.guide, self.settings.gamma)
        prediction: Tensor = self.unet(shown, times, self.encoded(conditions) * is_conditioned[:, None])
        return prediction

    def encoded(self, conditions: ImageConditions) -> Tensor:
        """The condition c, E_img(X) and E_pos(p(z)) one behind the other (equation 8)."""
        parts = [self.image_encoder(conditions.projection), self.position_encoder(conditions.position)]
        if self.has_guide_condition:
            guide = torch.zeros_like(conditions.projection) if conditions.guide is None else conditions.guide
            parts.insert(1, self.image_encoder(guide))
        return torch.cat(parts, 1)


@dataclass(frozen=True)
class PaperBatch:
    """The draws of one training step; all of its randomness, so that a step is the same whenever it is made.

    Attributes
    ----------
    chosen : Tensor of int, shape (B,)
        Which projections.
    times : Tensor of int, shape (B,)
    noise : Tensor, shape (B, 1, H, W)
    is_conditioned : Tensor, shape (B,)
        1 where the condition is given.
    """

    chosen: Tensor
    times: Tensor
    noise: Tensor
    is_conditioned: Tensor


def draw_batch(
    step: int, count: int, size: tuple[int, int], settings: PaperSettings, seed: int
) -> PaperBatch:
    """The draws of a step: an epoch passes over all projections in an order of its own.

    Parameters
    ----------
    step : int
        From 0.
    count : int
        Projections there are.
    size : tuple of int
        Rows and columns.
    settings : PaperSettings
    seed : int
    """
    batches = -(-count // settings.batch)
    epoch, index = divmod(step, batches)
    order = np.random.default_rng([seed, 1, epoch]).permutation(count)
    chosen = order[index * settings.batch : (index + 1) * settings.batch]
    rng = np.random.default_rng([seed, 2, step])
    times = rng.integers(1, settings.diffusion_steps + 1, len(chosen))
    noise = rng.standard_normal((len(chosen), 1, *size), dtype=np.float32)
    is_conditioned = (rng.random(len(chosen)) >= settings.drop).astype(np.float32)
    if settings.fusion == "none":
        is_conditioned[:] = 0
    return PaperBatch(*(torch.from_numpy(np.asarray(a)) for a in (chosen, times, noise, is_conditioned)))


def denoising_loss(
    model: PaperModel, batch: PaperBatch, clean: Tensor, conditions: ImageConditions
) -> Tensor:
    """Mean squared error of the prediction (equation 6, or the loss of Algorithm 1).

    Parameters
    ----------
    model : PaperModel
    batch : PaperBatch
        On the device of the others.
    clean : Tensor, shape (B, 1, H, W)
        The batch's projections, x_0.
    conditions : ImageConditions
        Of the batch.
    """
    signal = _signal(model.settings, batch.times, clean)
    noisy = signal.sqrt() * clean + (1 - signal).sqrt() * batch.noise
    prediction = model(noisy, batch.times, conditions, batch.is_conditioned)
    target = batch.noise if model.settings.prediction == "epsilon" else clean
    return functional.mse_loss(prediction, target)


def predict_clean(
    model: PaperModel, state: Tensor, time: int, conditions: ImageConditions, limits: tuple[float, float]
) -> Tensor:
    """The image x_0 that the guided prediction stands for (equation 7).

    Parameters
    ----------
    model : PaperModel
    state : Tensor, shape (B, 1, H, W)
        x_t.
    time : int
    conditions : ImageConditions
    limits : tuple of float
        The projections' range, which the image is held within if the settings say so.
    """
    settings = model.settings
    times = torch.full((len(state),), time, device=state.device)
    ones = torch.ones(len(state), device=state.device)
    if settings.fusion == "none":
        prediction = model(state, times, conditions, 0 * ones)
    else:
        prediction = model(state, times, conditions, ones)
        if settings.guidance:
            without = model(state, times, conditions, 0 * ones)
            prediction = torch.lerp(without, prediction, 1 + settings.guidance)
    if settings.prediction == "epsilon":
        signal = _signal(settings, times, state)
        prediction = (state - (1 - signal).sqrt() * prediction) / signal.sqrt()
    return prediction.clamp(*limits) if settings.clip else prediction


def _signal(settings: PaperSettings, times: Tensor, like: Tensor) -> Tensor:
    """a_t, shape (B, 1, 1, 1)."""
    table = torch.from_numpy(NoiseSchedule(settings.diffusion_steps).signal)
    return table.to(like.device, like.dtype)[times][:, None, None, None]
