"""Cases of the frozen set."""

import numpy as np
from frozen_cases import frozen_cases

from napari_microdiffusion.optics import simulate_projections


def test_the_frozen_set_is_noisy_in_its_projections_alone() -> None:
    case = next(frozen_cases())
    clean = simulate_projections(case.truth, case.acquisition)
    assert case.truth.shape == (96, 96, 96)
    assert 0.001 < np.std(case.projections - clean) < 0.1


def test_the_frozen_set_is_projected_at_any_step_length() -> None:
    """The specimens stay the same; slices beyond whole slabs are dropped from the truth as well."""
    own, other = next(frozen_cases()), next(frozen_cases(7))
    assert own.acquisition.step_length == 6
    assert other.projections.shape[0] == 13
    np.testing.assert_array_equal(other.truth, own.truth[:91])
