from typing import Any

import numpy as np
import pytest

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import validate_projections

GOOD = np.arange(3 * 4 * 5, dtype="float32").reshape(3, 4, 5)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint64", "float16", "float32", "float64", ">f4"])
def test_every_real_type_passes(dtype: str) -> None:
    validate_projections(GOOD.astype(dtype))


def test_lists_pass_and_the_array_is_untouched() -> None:
    validate_projections(GOOD.tolist())
    before = GOOD.copy()
    validate_projections(GOOD)
    np.testing.assert_array_equal(GOOD, before)


def test_read_plane_by_plane() -> None:
    class Lazy:
        """An array that can only be read in planes, as one on disk."""

        ndim, shape, dtype, size = 3, GOOD.shape, GOOD.dtype, GOOD.size

        def __getitem__(self, index: int) -> np.ndarray:
            assert isinstance(index, int)
            return GOOD[index]

    validate_projections(Lazy())


def spoiled(value: float, dtype: str = "float32", count: int = 1) -> np.ndarray:
    data = GOOD.astype(dtype)
    data[1].flat[:count] = value
    return data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (spoiled(np.nan), r"NaN or infinite pixels \(1 of 60, the first in projection 2\)"),
        (spoiled(np.inf, count=3), r"NaN or infinite pixels \(3 of 60, the first in projection 2\)"),
        (spoiled(-np.inf, "float16"), "NaN or infinite"),
        (spoiled(1e300, "float64"), "NaN or infinite"),
        (np.full((3, 4, 5), np.nan), r"60 of 60, the first in projection 1"),
        (np.full((3, 4, 5), 7, "uint16"), r"every pixel has the same value \(7\)"),
        (np.zeros((3, 4, 5)), "same value"),
        (GOOD[0], "a single 2D image; a stack of at least 2 projections is needed"),
        (GOOD[:1], "a single 2D image"),
        (GOOD[:0], r"empty, of shape \(0, 4, 5\)"),
        (GOOD[:, :, :0], "empty"),
        (GOOD[None], r"4 axes, of shape \(1, 3, 4, 5\)"),
        (GOOD[0, 0], "1 axes"),
        (GOOD > 5, "a mask"),
        (GOOD + 1j, "complex numbers"),
        (GOOD.astype(str), "of type <U"),
    ],
)
def test_refused_in_one_sentence(data: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        validate_projections(data, "stack.tif")
    assert str(caught.value).startswith("stack.tif: ")
    assert str(caught.value).endswith(".")


class TestMissingPixels:
    def test_they_pass_where_they_may_be(self) -> None:
        validate_projections(spoiled(np.nan), mask_missing=True)
        lost = spoiled(np.nan, count=20)
        validate_projections(lost, mask_missing=True)

    def test_what_overflows_does_not(self) -> None:
        with pytest.raises(UserError, match=r"infinite pixels \(1 of 60"):
            validate_projections(np.where(GOOD == 3, 1e300, spoiled(np.nan, "float64")), mask_missing=True)

    def test_the_choice_is_named_where_there_is_one(self) -> None:
        with pytest.raises(UserError, match="choose mask missing") as caught:
            validate_projections(spoiled(np.nan), mask_missing=False)
        assert "--mask-missing" in str(caught.value)
        with pytest.raises(UserError) as caught:
            validate_projections(spoiled(np.inf), mask_missing=False)
        assert "mask" not in str(caught.value)

    def test_nothing_but_them_is_refused(self) -> None:
        with pytest.raises(UserError, match="no pixel has a value"):
            validate_projections(np.full((3, 4, 5), np.nan), mask_missing=True)
        with pytest.raises(UserError, match="same value"):
            validate_projections(np.where(GOOD > 30, np.nan, 2.0), mask_missing=True)
