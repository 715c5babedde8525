"""What judges an adapted prior takes no part in its training."""

import numpy as np

from napari_microdiffusion.training.held_out import LEAST, held_out


def test_a_strip_of_the_longer_side_is_set_aside():
    volume = np.arange(8 * 40 * 100, dtype=np.float32).reshape(8, 40, 100)
    (learned,), (judged,) = held_out([volume])
    assert (learned.shape, judged.shape) == ((8, 40, 80), (8, 40, 20))
    np.testing.assert_array_equal(np.concatenate([learned, judged], 2), volume)


def test_what_is_too_narrow_or_empty_there_is_learned_from_as_a_whole_or_judges_nothing(rng):
    narrow = rng.random((8, 30, 3 * LEAST - 1))
    dark = rng.random((8, 100, 60))
    dark[:, 80:] = 5
    learned, judged = held_out([narrow, dark])
    assert [volume.shape for volume in learned] == [(8, 30, 3 * LEAST - 1), (8, 80, 60)]
    assert judged == ()
