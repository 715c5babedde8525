"""Blocks: the volume is that of the whole stack, and a run goes on where it was interrupted."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_microdiffusion.errors import Cancelled, UserError
from napari_microdiffusion.io import read_image, write_image
from napari_microdiffusion.optics import Acquisition
from napari_microdiffusion.reconstruction.blocks import plan as plan_module
from napari_microdiffusion.reconstruction.blocks.finished_blocks import FinishedBlocks
from napari_microdiffusion.reconstruction.blocks.plan import Block, BlockPlan, needs_blocks
from napari_microdiffusion.reconstruction.blocks.reconstruction import reconstruct_in_blocks
from napari_microdiffusion.reconstruction.blocks.surveying import survey
from napari_microdiffusion.reconstruction.engine import _run
from napari_microdiffusion.reconstruction.events import CancelToken, Finished, Progress
from napari_microdiffusion.reconstruction.facts import StackFacts
from napari_microdiffusion.reconstruction.run_state import RunState
from napari_microdiffusion.settings.method import ReconstructionConfig

SHAPE = (5, 70, 84)
# So little memory that blocks are single tiles of 32 pixels.
LITTLE = 0.03


@pytest.fixture(scope="module")
def noisy(measure):
    found = measure(height=SHAPE[1], width=SHAPE[2])
    noise = np.random.default_rng(4).normal(0, 60, found.projections.shape).astype(np.float32)
    return dataclasses.replace(found, projections=found.projections + noise)


def planes(volume) -> np.ndarray:
    return np.stack(list(volume.planes()))


@pytest.fixture
def in_blocks(noisy, tmp_path):
    """The result of a run in blocks, as a function of its settings."""

    def run(config, projections=noisy.projections, folder="blocks", cancel=None):
        *_, last = reconstruct_in_blocks(
            projections, noisy.acquisition, config, tmp_path / folder, cancel=cancel
        )
        assert isinstance(last, Finished)
        return last.result

    return run


@pytest.fixture
def at_once(noisy):
    """The same facts, without blocks."""

    def run(config, projections=noisy.projections):
        token = CancelToken()
        found = survey(projections, noisy.acquisition, config, token)
        facts = StackFacts(projections, noisy.acquisition, config, survey=found)
        facts = dataclasses.replace(facts, inner=facts.region)
        *_, last = _run(facts, RunState.of(facts, token))
        return last.result

    return run


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"consistency": "exact"},
        {"consistency": "nonnegative", "guide": "histospline"},
        {"diffusion": "off"},
        {"light": "flicker"},
    ],
    ids=str,
)
def test_blocks_join_to_the_volume_of_the_whole_stack(settings, configure, in_blocks, at_once):
    config = configure(samples=0, memory_gb=LITTLE, **settings)
    result, whole = in_blocks(config), at_once(config)
    assert result.provenance["blocks"]["count"] == 9
    volume, span = planes(result.volume), float(np.ptp(whole.volume))
    np.testing.assert_allclose(volume, whole.volume, atol=2e-5 * span)
    assert result.misfit == (None if whole.misfit is None else pytest.approx(whole.misfit, rel=1e-3))
    assert result.reprojection_max == pytest.approx(whole.reprojection_max, abs=1e-5)
    for key in ("prior_weight", "noise", "pedestal", "light", "consistency", "input"):
        assert result.provenance[key] == whole.provenance[key]


def test_samples_share_their_noise_by_position(configure, in_blocks, at_once):
    config = configure(samples=1, steps=2, memory_gb=LITTLE)
    result, whole = in_blocks(config), at_once(config)
    uncertainty = planes(result.uncertainty)
    assert np.isfinite(uncertainty).all() and uncertainty.min() >= 0
    # Another noise would leave nothing in common.
    assert np.corrcoef(uncertainty.ravel(), whole.uncertainty.ravel())[0, 1] > 0.98


def test_missing_pixels_have_no_value_in_any_block(noisy, configure, in_blocks):
    stack = noisy.projections.copy()
    stack[:, :3] = stack[2, :, 40:] = np.nan
    config = configure(samples=0, diffusion="off", memory_gb=LITTLE, mask_missing=True)
    result = in_blocks(config, stack)
    np.testing.assert_array_equal(np.isnan(planes(result.volume)), np.isnan(stack).repeat(4, axis=0))
    assert any("have no value" in notice for notice in result.notices)
    with pytest.raises(UserError, match="--mask-missing"):
        in_blocks(configure(samples=0, diffusion="off", memory_gb=LITTLE), stack)


class Lazy:
    """A stack on disk: read image by image, never as a whole."""

    ndim = 3

    def __init__(self, data: np.ndarray) -> None:
        self._data, self.shape, self.dtype, self.size = data, data.shape, data.dtype, data.size

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, index: int) -> np.ndarray:
        assert isinstance(index, int)
        return self._data[index]


def test_a_stack_is_read_image_by_image(noisy, configure, in_blocks):
    config = configure(samples=0, diffusion="off", memory_gb=LITTLE)
    whole, lazy = in_blocks(config), in_blocks(config, Lazy(noisy.projections), "lazy")
    np.testing.assert_array_equal(planes(whole.volume), planes(lazy.volume))


def test_it_goes_on_from_its_finished_blocks_to_the_same_bytes(configure, in_blocks, tmp_path, monkeypatch):
    config = configure(samples=1, steps=2, memory_gb=LITTLE)
    expected = in_blocks(config, folder="uninterrupted")

    class Killed(BaseException):
        pass

    real, written = FinishedBlocks.write, []

    def write(self, block, record, **pixels):
        if len(written) == 4:
            # Half of a block's files are there, but not its record.
            (self.folder / f"volume-{block.name}.raw").write_bytes(b"half of it")
            raise Killed
        written.append(block.name)
        real(self, block, record, **pixels)

    monkeypatch.setattr(FinishedBlocks, "write", write)
    with pytest.raises(Killed):
        in_blocks(config)
    made = []
    monkeypatch.setattr(
        FinishedBlocks,
        "write",
        lambda self, block, record, **pixels: (made.append(block.name), real(self, block, record, **pixels)),
    )
    result = in_blocks(config)
    assert len(made) == 9 - 4
    assert not set(made) & set(written)
    np.testing.assert_array_equal(planes(result.volume), planes(expected.volume))
    np.testing.assert_array_equal(planes(result.uncertainty), planes(expected.uncertainty))
    assert result.misfit == expected.misfit


@pytest.mark.parametrize("change", ["settings", "input"])
def test_blocks_of_another_run_are_not_taken(change, noisy, configure, in_blocks):
    config = configure(samples=0, diffusion="off", memory_gb=LITTLE)
    in_blocks(config)
    if change == "settings":
        config = config.model_copy(update={"guide": "nearest"})
    stack = noisy.projections + (5 if change == "input" else 0)
    np.testing.assert_array_equal(
        planes(in_blocks(config, stack).volume), planes(in_blocks(config, stack, "fresh").volume)
    )


@pytest.mark.parametrize("how", ["stop", "cancel"])
def test_an_interrupted_run_is_cancelled_and_keeps_its_blocks(how, noisy, configure, tmp_path):
    token, config = CancelToken(), configure(samples=0, diffusion="off", memory_gb=LITTLE)
    events = reconstruct_in_blocks(
        noisy.projections, noisy.acquisition, config, tmp_path / "blocks", cancel=token
    )
    with pytest.raises(Cancelled):
        for event in events:
            if isinstance(event, Progress) and event.fraction > 0.3:
                getattr(token, how)()
    assert 3 <= len(list((tmp_path / "blocks").glob("block-*.json"))) < 9


def planned(shape, **settings) -> BlockPlan:
    """Blocks for a stack of six slices a slab."""
    config = ReconstructionConfig(**{"samples": 0, **settings})
    return BlockPlan.of(shape, Acquisition(step_length=6), config)


class TestPlan:
    def test_blocks_cover_the_image_once_and_are_whole_tiles(self):
        plan = BlockPlan(70, 84, 32, 64)
        seen = np.zeros((70, 84), int)
        for block in plan.blocks():
            seen[block.keep.index] += 1
            assert block.keep.top % 32 == block.keep.left % 64 == 0
            inside = np.zeros((70, 84), bool)
            inside[block.read.index] = True
            assert inside[block.keep.index].all()
        assert (seen == 1).all()

    def test_more_memory_makes_larger_blocks(self):
        sizes = [
            planned((64, 2048, 2048), memory_gb=gb, samples=samples).largest_read
            for gb, samples in ((2, 0), (4, 0), (16, 0), (4, 4))
        ]
        assert sizes[0] < sizes[1] < sizes[2]
        assert sizes[3] < sizes[1]

    def test_stacks_of_any_number_of_slabs_fill_the_same_memory(self):
        voxels = [6 * slabs * planned((slabs, 2048, 2048)).largest_read for slabs in (8, 16, 32, 64, 128)]
        assert max(voxels) < 1.15 * min(voxels)

    @given(
        shape=st.tuples(st.integers(1, 80), st.integers(1, 30000), st.integers(1, 3000)),
        gb=st.sampled_from((0.03, 1, 2.5, 8)),
    )
    def test_no_other_blocks_of_whole_tiles_read_less_in_the_same_memory(self, shape, gb):
        plan = planned(shape, memory_gb=gb)
        read = [block.read.height * block.read.width for block in plan.blocks()]
        assert plan.pixels_read == sum(read) and plan.largest_read == max(read)
        tiles = BlockPlan.of_tiles(shape, ReconstructionConfig(memory_gb=gb))
        assert plan.pixels_read <= tiles.pixels_read
        assert plan.rows % tiles.rows == plan.columns % tiles.columns == 0

    def test_only_large_stacks_of_local_methods_need_them(self, configure):
        acquisition, large = Acquisition(step_length=6), (64, 1024, 1024)
        assert needs_blocks(large, acquisition, configure())
        assert not needs_blocks((16, 512, 512), acquisition, configure())
        assert not needs_blocks(large, acquisition, configure(guide="inr"))
        assert not needs_blocks(large, Acquisition(step_length=6, beam="bessel"), configure())

    def test_inner_is_where_the_kept_part_lies(self):
        block = next(b for b in BlockPlan(200, 200, 64, 64).blocks() if b.keep.top == b.keep.left == 64)
        assert isinstance(block, Block)
        assert block.read.top + block.inner.top == block.keep.top
        assert block.inner.bottom - block.inner.top == 64


def test_the_command_line_and_batches_go_through_blocks(noisy, configure, tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from napari_microdiffusion.cli import app

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plan_module, "LARGE", 10_000)
    write_image("p.tif", noisy.projections, scale=(8, 2, 2), step_length=4)
    prior = configure().prior
    words = ["--prior", prior, "--memory", str(LITTLE), "--device", "cpu", "--steps", "2", "--samples", "1"]

    def run(*own: str):
        done = CliRunner().invoke(app, [*own, *words, "--json"])
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)

    answer = run("reconstruct", "p.tif", "-o", "v.ome.zarr", "--uncertainty", "u.ome.tif")
    assert answer["shape"] == [20, *SHAPE[1:]]
    run("reconstruct", "p.tif", "-o", "v.ome.tif")
    run("batch", "p.tif", "-o", "out", "--uncertainty")
    volume = read_image("v.ome.zarr")
    np.testing.assert_array_equal(volume.data, read_image("v.ome.tif").data)
    np.testing.assert_array_equal(volume.data, read_image("out/p_volume.ome.tif").data)
    np.testing.assert_array_equal(read_image("u.ome.tif").data, read_image("out/p_uncertainty.ome.tif").data)
    assert (volume.scale, volume.data.shape) == ((2, 2, 2), (20, *SHAPE[1:]))
    beside = json.loads((tmp_path / "v.provenance.json").read_text())
    assert beside["blocks"]["count"] == 9
    assert not list(tmp_path.glob(".*.blocks")) + list((tmp_path / "out").glob(".*"))


def test_a_disk_without_room_is_known_before(noisy, configure, tmp_path, monkeypatch):
    from napari_microdiffusion.reconstruction.outputs import Outputs

    outputs = Outputs(tmp_path / "v.ome.tif", tmp_path / "u.ome.tif")
    with pytest.raises(UserError, match=r"v.ome.tif needs .* GB while it is made, but the disk of"):
        outputs.check_room(10**18)
    with pytest.raises(UserError, match=r"more than an ImageJ TIFF holds; use .ome.tif"):
        Outputs(tmp_path / "v.tif").check_room(5 * 10**9)
