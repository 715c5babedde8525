"""The frozen set: what every published figure was measured on must never change unnoticed."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from napari_microdiffusion.specimens import KINDS, ImagingConditions, make_specimen

ROOT = Path(__file__).resolve().parents[2]
FROZEN = yaml.safe_load((ROOT / "benchmarks" / "specimens.yaml").read_text())
# Mean, median, 99th percentile and the mean of the central slice of each.
EXPECTED = json.loads(Path(__file__).with_name("frozen.json").read_text())


def test_the_set_has_three_of_every_kind_and_seeds_of_its_own():
    specimens = FROZEN["specimens"]
    assert sorted(s["kind"] for s in specimens) == sorted(3 * KINDS)
    assert {s["name"] for s in specimens} == EXPECTED.keys()
    seeds = [s["seed"] for s in specimens]
    assert min(seeds) >= 9000
    assert len(set(seeds)) == len(seeds)


@pytest.mark.parametrize("entry", FROZEN["specimens"], ids=lambda entry: entry["name"])
def test_every_specimen_is_what_it_was(entry):
    volume = make_specimen(
        entry["kind"], tuple(FROZEN["shape"]), entry["seed"], ImagingConditions(**entry["conditions"])
    )
    found = [
        volume.mean(dtype=float),
        *np.percentile(volume, (50, 99)),
        volume[len(volume) // 2].mean(dtype=float),
    ]
    np.testing.assert_allclose(found, EXPECTED[entry["name"]], atol=1e-4)
