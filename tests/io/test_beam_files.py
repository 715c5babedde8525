"""Measured beams: tables, stacks of a bead, and what they become in slices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import write_image
from napari_microdiffusion.io.beam_files import read_beam, write_beam
from napari_microdiffusion.io.measured_beam import MeasuredBeam
from napari_microdiffusion.optics import Acquisition, simulate_projections

GOLDEN = "-2 0\n-1 1\n0 2\n1 1\n2 0\n"


def gaussian(width: float, reach: float = 15.0, step: float = 0.5) -> MeasuredBeam:
    z = np.arange(-reach, reach + step / 2, step)
    return MeasuredBeam(z, np.exp(-4 * np.log(2) * (z / width) ** 2))


@pytest.mark.parametrize(
    "text",
    [
        GOLDEN,
        "z_um,intensity\n" + GOLDEN.replace(" ", ","),
        "z;I\n" + GOLDEN.replace(" ", ";").replace("2\n", "2,0\n"),
        "# measured on a slide\n\n" + GOLDEN.replace(" ", "\t") + "# end\n",
        "z (um)   intensity\n" + GOLDEN.replace(" ", "   "),
        "\ufeffz, I\r\n" + GOLDEN.replace(" ", ", ").replace("\n", "\r\n"),
        "2 0\n1 1\n0 2  # the middle\n-1 1\n-2 0\n",
        "-2 -0.05\n-1 1\n0 2\n1 1\n2 0\n",
    ],
)
def test_tables_as_programs_write_them(tmp_path, text):
    (tmp_path / "beam.csv").write_text(text, encoding="utf-8")
    beam = read_beam(tmp_path / "beam.csv")
    np.testing.assert_allclose(beam.z, [-2, -1, 0, 1, 2])
    np.testing.assert_allclose(beam.intensity, [0, 1, 2, 1, 0])
    assert beam.displacement is None


def test_golden_weights(tmp_path):
    (tmp_path / "beam.csv").write_text(GOLDEN)
    # A triangle over slices of 1 um, whose edges are at whole numbers for an even step length.
    fields = read_beam(tmp_path / "beam.csv").fields(4, 1.0)
    assert fields == {"axial_profile": pytest.approx((0.125, 0.375, 0.375, 0.125)), "displacement": None}
    # Odd: the middle slice is centred.
    odd = read_beam(tmp_path / "beam.csv").fields(3, 1.0)["axial_profile"]
    assert odd == pytest.approx((1 / 32, 1 / 4, 7 / 16, 1 / 4, 1 / 32))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=3, max_size=30),
    st.lists(st.floats(0.1, 3), min_size=32, max_size=32),
    st.integers(2, 12),
    st.floats(0.2, 4),
)
def test_light_and_centre_are_kept(values, steps, n, spacing):
    intensity = np.array([0, *values, 0])
    intensity[len(values) // 2 + 1] = 2
    z = np.cumsum(steps)[: len(intensity)]
    weights = np.array(MeasuredBeam(z, intensity).fields(n, spacing)["axial_profile"])
    assert weights.sum() == pytest.approx(1)
    assert (len(weights) - n) % 2 == 0
    assert (weights >= 0).all()
    # The middle of the profile is its centre of mass, but for what lies within a slice and what is cut.
    middle = (weights * (np.arange(len(weights)) - (len(weights) - 1) / 2)).sum()
    assert abs(middle) < 0.5 + 0.02 * len(weights)


def test_width_survives_resampling():
    for spacing in (0.5, 1.0, 2.0):
        weights = np.array(gaussian(8).fields(6, spacing)["axial_profile"])
        z = (np.arange(len(weights)) - (len(weights) - 1) / 2) * spacing
        spread = np.sqrt((weights * z**2).sum() - spacing**2 / 12)
        assert spread * 2.3548 == pytest.approx(8, rel=0.03)
        assert len(weights) <= 8 * 2.7 / spacing + 2


def test_centre_on_the_maximum():
    z = np.arange(9.0)
    lopsided = MeasuredBeam(z, np.array([0, 4, 3, 2, 1, 1, 1, 0, 0.0]))
    weights = np.array(lopsided.fields(3, 1.0, centre="maximum")["axial_profile"])
    assert weights.argmax() == len(weights) // 2
    assert np.array(lopsided.fields(3, 1.0)["axial_profile"]).argmax() < len(weights) // 2


def test_displacement_becomes_pixels(tmp_path):
    z = np.arange(-5.0, 6)
    beam = MeasuredBeam(z, np.maximum(0, 5 - abs(z)), np.stack([0 * z, 0.1 * z**2], axis=1))
    write_beam(tmp_path / "airy.csv", beam)
    fields = read_beam(tmp_path / "airy.csv").fields(5, 1.0, (0.5, 0.2))
    moved = np.array(fields["displacement"])
    assert len(moved) == len(fields["axial_profile"])
    depth = np.arange(len(moved)) - len(moved) // 2
    near = abs(depth) < 4
    np.testing.assert_allclose(moved[near, 1], 0.5 * depth[near] ** 2, atol=0.3)
    assert not moved[:, 0].any()
    with pytest.raises(UserError, match="size of the projections' pixels"):
        beam.fields(5, 1.0)


def test_round_trip(tmp_path):
    beam = gaussian(6, step=1.5)
    write_beam(tmp_path / "b.tsv", beam)
    again = read_beam(tmp_path / "b.tsv")
    np.testing.assert_allclose(again.z, beam.z)
    np.testing.assert_allclose(again.intensity, beam.intensity, rtol=1e-8)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no numbers"),
        ("z,I\n", "no numbers"),
        ("z,I\n1,2\n2,b\n", "line 3: '2,b'"),
        ("1,2,3\n", "line 1: 3 columns"),
        ("0,1\n1,2,3,4\n", "line 2: 4 columns"),
        ("0,0\n1,nan\n2,0\n", "line 2"),
        ("0,0\n1,2\n", "2 depths"),
        ("# c\n0,0\n2,2\n1,1\n3,0\n", "line 4: z is 1 after 2"),
        ("0,0\n1,2\n1,1\n3,0\n", "line 3: z is 1 after 1"),
        ("0,0\n1,2\n2,-1\n3,0\n", "line 3: the intensity is -1"),
        ("0,0\n1,0\n2,0\n", "no intensity is above zero"),
        ("0,0\n1,1\n2,2\n3,1.5\n", "line 4: the intensity is still above half"),
    ],
)
def test_bad_tables_name_file_and_line(tmp_path, text, said):
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(UserError, match=r"bad\.csv") as raised:
        read_beam(tmp_path / "bad.csv")
    assert said in str(raised.value)


def test_no_text_and_no_file(tmp_path):
    (tmp_path / "beam.csv").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "beam.csv", tmp_path / "none.csv"):
        with pytest.raises(UserError, match="cannot be read"):
            read_beam(path)


def bead_stack(bend: float = 0.0, noise: float = 0.0, width: float = 8.0) -> np.ndarray:
    """A bead of 1 pixel at (z, y, x) = (20, 16, 12), seen with a bent beam, and a fainter one beside."""
    z, y, x = np.mgrid[:41, :32, :40].astype(float)
    stack = np.full(z.shape, 100.0)
    for brightness, column in ((1000, 12), (300, 32)):
        along = column + bend * (z - 20) ** 2
        axial = np.exp(-4 * np.log(2) * ((z - 20) / width) ** 2)
        stack += brightness * axial * np.exp(-((y - 16) ** 2 + (x - along) ** 2) / 2)
    return (stack + np.random.default_rng(0).normal(0, noise, stack.shape)).astype(np.float32)


@pytest.mark.parametrize("noise", [0.0, 5.0])
def test_bead_shows_the_axial_profile(tmp_path, noise):
    path = tmp_path / "bead.tif"
    write_image(path, bead_stack(noise=noise), scale=(0.5, 0.2, 0.2))
    fields = read_beam(path).fields(4, 0.5, (0.2, 0.2))
    assert fields["displacement"] is None
    weights = np.array(fields["axial_profile"])
    z = np.arange(len(weights)) - (len(weights) - 1) / 2
    assert np.sqrt((weights * z**2).sum()) * 2.3548 == pytest.approx(8, rel=0.08)


def test_bead_shows_the_bend(tmp_path):
    path = tmp_path / "bead.ome.tif"
    write_image(path, bead_stack(bend=0.06, noise=2.0), scale=(0.5, 0.2, 0.2))
    fields = read_beam(path).fields(5, 0.5, (0.4, 0.4))
    moved, weights = np.array(fields["displacement"]), np.array(fields["axial_profile"])
    depth = np.arange(len(weights)) - len(weights) // 2
    bend = np.polyfit(depth, moved[:, 1], 2, w=np.sqrt(weights))[0]
    assert bend == pytest.approx(0.06 / 2, rel=0.1)
    assert abs(np.average(moved[:, 1], weights=weights)) < 0.1
    assert np.abs(moved[weights > 0.01, 0]).max() < 0.2


def test_a_bead_scanned_through_a_beam_shows_that_beam(tmp_path):
    """Lopsided and tilted, so that nothing can be turned round unnoticed."""
    profile = (1.0, 2, 3, 4, 5, 6, 4, 2)
    tilted = tuple((0.0, 0.8 * k) for k in range(8))
    acquisition = Acquisition(step_length=2, axial_profile=profile, displacement=tilted)
    z, y, x = np.mgrid[:40, :32, :40].astype(float)
    volume = 1000.0 * (z == 20) * np.exp(-((y - 16) ** 2 + (x - 20) ** 2) / 3)
    path = tmp_path / "bead.tif"
    write_image(path, simulate_projections(volume, acquisition), scale=(2.0, 0.5, 0.5))
    beam = read_beam(path)
    # The stack's slices are two of the beam's apart.
    centroid = np.average(np.arange(8), weights=profile)
    found = np.interp(
        np.arange(8) - centroid, beam.z - np.average(beam.z, weights=beam.intensity), beam.intensity
    )
    assert np.corrcoef(found, profile)[0, 1] > 0.97
    seen = beam.intensity > 0.2 * beam.intensity.max()
    assert np.polyfit(beam.z[seen], beam.displacement[seen, 1] / 0.5, 1)[0] == pytest.approx(0.8, rel=0.02)


@pytest.mark.parametrize(
    ("stack", "scale", "said"),
    [
        (bead_stack(), None, "does not tell its scale"),
        (np.random.default_rng(0).normal(100, 5, (9, 30, 30)).astype(np.float32), (1, 1, 1), "no bead"),
        (bead_stack()[:22], (1, 1, 1), "slice 22: the intensity is still above half"),
    ],
)
def test_bad_beads_are_named(tmp_path, stack, scale, said):
    path = tmp_path / "bead.tif"
    write_image(path, stack, scale=scale)
    with pytest.raises(UserError, match=r"bead\.tif") as raised:
        read_beam(path)
    assert said in str(raised.value)
