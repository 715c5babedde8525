"""The slab network: any size, no dependence on how an image is cut, and sight along the slabs."""

import pytest
import torch
from torch.nn import functional

from napari_microdiffusion.diffusion.networks import SlabNetwork, shift_between_slabs

SIZES = {"width": 16, "deep_width": 16, "blocks": 1, "deep_blocks": 1}
# Pixels that reach one output: 3x3 convolutions at half (5) and quarter resolution (2), and the resampling.
REACH = 2 * 5 + 4 * 2 + 4


def network(seed: int = 0, *, knows_clean: bool = False) -> SlabNetwork:
    """A network whose residual branches and head are not the zeros it starts with."""
    torch.manual_seed(seed)
    net = SlabNetwork(3, 2, 4, 1, **SIZES, knows_clean=knows_clean)
    with torch.no_grad():
        for parameter in net.parameters():
            if not parameter.any():
                parameter.normal_(0, 0.1)
    return net.eval()


def inputs(slabs: int, height: int, width: int, batch: int = 1):
    generator = torch.Generator().manual_seed(1)

    def draw(*shape):
        return torch.randn(shape, generator=generator)

    return (
        draw(batch, slabs, 3, height, width),
        draw(batch, 2),
        draw(batch, slabs, 2, height, width),
        draw(batch, 4),
    )


@pytest.mark.parametrize(("height", "width"), [(16, 24), (13, 7), (1, 1), (5, 18)])
@torch.no_grad()
def test_the_output_has_the_size_of_the_state(height, width):
    state, *rest = inputs(2, height, width)
    assert network()(state, *rest).shape == state.shape


@torch.no_grad()
def test_it_starts_from_zero():
    torch.manual_seed(0)
    assert not SlabNetwork(3, 2, 4, 1, **SIZES)(*inputs(2, 8, 8)).any()


@torch.no_grad()
def test_the_interior_of_a_tile_equals_the_whole_image():
    net = network()
    state, noise, condition, globals_ = inputs(3, 96, 96)
    whole = net(state, noise, condition, globals_)
    top, left, side = 16, 28, 64
    cut = (..., slice(top, top + side), slice(left, left + side))
    tile = net(state[cut], noise, condition[cut], globals_)
    inner = (..., slice(REACH, side - REACH), slice(REACH, side - REACH))
    torch.testing.assert_close(tile[inner], whole[cut][inner], atol=1e-5, rtol=1e-5)
    # At the tile's border it does differ, or the test would see nothing.
    assert (tile - whole[cut]).abs().max() > 1e-3


@torch.no_grad()
def test_stacks_of_a_batch_do_not_see_each_other():
    net = network()
    both = inputs(3, 16, 16, batch=2)
    alone = net(*(part[1:] for part in both))
    torch.testing.assert_close(net(*both)[1:], alone, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_slab_sees_its_neighbours_but_not_beyond_its_blocks():
    net = network()
    state, *rest = inputs(9, 16, 16)
    changed = state.clone()
    changed[:, 0] += 1
    difference = (net(changed, *rest) - net(state, *rest)).abs().amax((0, 2, 3, 4))
    # Three blocks, each of which looks one slab further.
    assert (difference[:4] > 1e-6).all()
    assert (difference[4:] < 1e-6).all()


def test_shifting_moves_an_eighth_of_the_channels_each_way():
    x = torch.arange(4, dtype=torch.float32)[:, None, None, None].expand(4, 8, 2, 2) + 1
    shifted = shift_between_slabs(x.clone(), slabs=4)[:, :, 0, 0]
    torch.testing.assert_close(shifted[:, 0], torch.tensor([0.0, 1, 2, 3]))
    torch.testing.assert_close(shifted[:, 1], torch.tensor([2.0, 3, 4, 0]))
    torch.testing.assert_close(shifted[:, 2:], x[:, 2:, 0, 0])
    # Two stacks of two slabs: nothing passes from one to the other.
    apart = shift_between_slabs(x.clone(), slabs=2)[:, :, 0, 0]
    torch.testing.assert_close(apart[:, 0], torch.tensor([0.0, 1, 0, 3]))
    torch.testing.assert_close(apart[:, 1], torch.tensor([2.0, 0, 4, 0]))


@torch.no_grad()
def test_the_readout_is_linear_in_intensity_with_coefficients_of_the_sample():
    """Alone, it answers with the first channels over the amplitude, by coefficients that the globals give."""
    net = SlabNetwork(3, 2, 4, 1, **SIZES).eval()
    net.readout.bias.fill_(0.5)
    state, noise, condition, globals_ = inputs(2, 8, 8)
    expected = 0.5 * condition[:, :, :1] * torch.exp(-condition[:, :, 1:])
    before = net(state, noise, condition, globals_)
    torch.testing.assert_close(before[:, :, 1:], expected.expand_as(state[:, :, 1:]))
    # Order 0 is what noise leaves open: no part of it is linear in intensity.
    assert not before[:, :, 0].any()
    net.readout.weight.normal_(0, 1)
    other = net(state, noise, condition, globals_ + 1)
    ratio = ((other - net(state, noise, condition, globals_)) / expected)[:, :, 1:]
    # One number for each channel of the state, the same at every pixel.
    torch.testing.assert_close(ratio, ratio[:, :1, :, :1, :1].expand_as(ratio), atol=1e-3, rtol=1e-3)
    assert ratio.abs().min() > 1e-4


@pytest.mark.parametrize(("height", "width"), [(16, 24), (13, 7)])
@torch.no_grad()
def test_its_first_weights_are_those_of_pixels_that_became_channels(height, width):
    """What checkpoints hold, though the pixels are no longer rearranged for it."""
    net, (state, noise, condition, globals_) = network(), inputs(3, height, width)
    seen = []
    net.down_blocks[0].register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0].clone()))
    net(state, noise, condition, globals_)
    joined = torch.cat([state, condition], 2).flatten(0, 1)
    padded = functional.pad(joined, (0, -width % 4, 0, -height % 4), mode="replicate")
    torch.testing.assert_close(seen[0], net.stem(functional.pixel_unshuffle(padded, 2)))


@torch.no_grad()
def test_what_it_knows_of_clean_projections_counts_as_far_as_they_are_clean():
    net, given = network(knows_clean=True), inputs(2, 8, 8)
    nothing, half, whole = (net(*given, torch.tensor([share])) for share in (0.0, 0.5, 1.0))
    torch.testing.assert_close(nothing, net(*given))
    assert not torch.allclose(whole, nothing)
    assert 0 < (half - nothing).norm() < (whole - nothing).norm()
    code = net.if_clean.code.clone()
    net.if_clean.code.zero_()
    by_layers, halfway = (net(*given, torch.tensor([share])) for share in (1.0, 0.5))
    torch.testing.assert_close(halfway, (by_layers + nothing) / 2)
    assert code.any()
    assert not torch.allclose(by_layers, whole)
    # Until something is learned it makes no difference.
    untaught = SlabNetwork(**net.description())
    for part in untaught.if_clean.parameters():
        assert not part.any()


@pytest.mark.parametrize("knows_clean", [False, True])
def test_its_description_rebuilds_it(knows_clean):
    net = network(knows_clean=knows_clean)
    twin = SlabNetwork(**net.description())
    twin.load_state_dict(net.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(twin(*inputs(2, 8, 8)), net(*inputs(2, 8, 8)))
