"""The frozen set: procedural specimens that every published figure is measured on."""

from collections.abc import Iterator
from pathlib import Path

import yaml

from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.optics.detector.noise import NoiseModel
from napari_microdiffusion.specimens import ImagingConditions, make_specimen
from napari_microdiffusion.studies.benchmark import Case, recorded

SPECIMENS = Path(__file__).resolve().with_name("specimens.yaml")


def frozen_cases(step_length: int | None = None, light: float | None = None) -> Iterator[Case]:
    """The procedural specimens of `specimens.yaml`, one after the other.

    At the set's own step length and noise, where none is given; slices beyond whole slabs are dropped.
    `light` is in photons, as `recorded` counts them.
    """
    frozen = yaml.safe_load(SPECIMENS.read_text(encoding="utf-8"))
    shape, n = tuple(frozen["shape"]), step_length or int(frozen["step_length"])
    acquisition = Acquisition(step_length=n)
    for entry in frozen["specimens"]:
        truth = make_specimen(entry["kind"], shape, entry["seed"], ImagingConditions(**entry["conditions"]))
        projections = simulate_projections(
            truth,
            acquisition,
            photons=entry["photons"],
            read_noise=entry["read_noise"],
            seed=entry["noise_seed"],
        )
        name, noise = entry["name"], NoiseModel()
        if light is not None:
            projections, noise = recorded(
                simulate_projections(truth, acquisition), light, entry["noise_seed"]
            )
            name += f"-{light:g}"
        yield Case(name, truth[: len(projections) * n], projections, acquisition, noise)
