"""The dock's colours can be read in both of napari's themes."""

import pytest
from napari.utils.theme import get_theme

from napari_microdiffusion.plugin.widgets.theme import Appearance


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (W3C, WCAG 2.1, 1.4.3)."""

    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted(luminance(colour) for colour in (first, second))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_and_curves_stand_out(theme):
    ground = "#{:02x}{:02x}{:02x}".format(*get_theme(theme).background.as_rgb_tuple(alpha=False))
    seen = Appearance.of_theme(theme)
    for tone in (seen.text, seen.dim, seen.warning):
        assert contrast(tone, ground) > 4.5
    assert contrast(seen.on_accent, seen.accent) > 4.5
    assert contrast(seen.text, seen.field) > 4.5
    assert contrast(seen.mark, ground) > 2.5
    assert all(contrast(curve, ground) > 3 for curve in seen.series)
