"""A small measurement and a tiny prior that was never trained: what the engine does is the same with any."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from napari_microdiffusion.diffusion.prior import Prior, new_denoiser
from napari_microdiffusion.diffusion.slab import ORDERS
from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.reconstruction.engine import reconstruct
from napari_microdiffusion.reconstruction.events import CancelToken, Event, Finished
from napari_microdiffusion.reconstruction.result import ReconstructionResult
from napari_microdiffusion.settings.method import ReconstructionConfig
from napari_microdiffusion.specimens import make_specimen


@dataclass(frozen=True)
class Measurement:
    """Projections, how they were taken, and their ground truth."""

    projections: np.ndarray
    acquisition: Acquisition
    truth: np.ndarray


def _measure(n: int = 4, slabs: int = 5, height: int = 24, width: int = 30, **optics) -> Measurement:
    truth = 500 + 3000 * make_specimen("vasculature", (n * slabs, height, width), 3)
    acquisition = Acquisition(step_length=n, **optics)
    return Measurement(simulate_projections(truth, acquisition), acquisition, truth)


@pytest.fixture(scope="session")
def measure() -> Callable[..., Measurement]:
    """A measurement of any size, as a function."""
    return _measure


@pytest.fixture(scope="session")
def measurement() -> Measurement:
    return _measure()


@pytest.fixture(scope="session")
def tiny_prior(tmp_path_factory) -> str:
    """Path of a prior of random weights, small against the data."""
    torch.manual_seed(11)
    denoiser = new_denoiser(
        {"width": 8, "deep_width": 8, "blocks": 1, "deep_blocks": 1}, np.full(ORDERS, 0.3)
    )
    for parameter in denoiser.network.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, 0, 0.05)
    path = tmp_path_factory.mktemp("prior") / "tiny.safetensors"
    Prior(denoiser.eval(), {"data": "none"}).save(path)
    return str(path)


@pytest.fixture
def configure(tiny_prior: str) -> Callable[..., ReconstructionConfig]:
    """Settings for a quick run, as a function of what a test cares about."""

    def build(**settings) -> ReconstructionConfig:
        quick = {"prior": tiny_prior, "samples": 2, "steps": 3, "device": "cpu"}
        return ReconstructionConfig(**{**quick, **settings})

    return build


@dataclass(frozen=True)
class Record:
    """Every event of a run and its result."""

    events: list[Event]
    result: ReconstructionResult

    def of(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def record() -> Callable[..., Record]:
    """Runs the engine to the end, as a function of measurement, settings and token."""

    def run(
        measurement: Measurement, config: ReconstructionConfig, cancel: CancelToken | None = None
    ) -> Record:
        events = list(reconstruct(measurement.projections, measurement.acquisition, config, cancel=cancel))
        assert isinstance(events[-1], Finished)
        return Record(events, events[-1].result)

    return run
