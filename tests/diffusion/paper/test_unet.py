"""The paper's network: any size, every way of fusing the condition, and a condition that can be dropped."""

import pytest
import torch

from napari_microdiffusion.diffusion.paper.unet import ConditionalUnet, ImageEncoder, sinusoids


def unet(fusion="addition", multipliers=(1, 2)):
    torch.manual_seed(0)
    return ConditionalUnet(8, multipliers, 1, 6, fusion).eval()


def evaluate(net, condition=0.0, time=300, size=(12, 16)):
    image = torch.randn(2, 1, *size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return net(image, torch.full((2,), time), torch.full((2, 6), float(condition)))


@pytest.mark.parametrize("size", [(16, 16), (13, 22), (5, 3)])
@pytest.mark.parametrize("multipliers", [(1,), (1, 2, 2)])
def test_images_keep_their_size(size, multipliers):
    assert evaluate(unet(multipliers=multipliers), size=size).shape == (2, 1, *size)


@pytest.mark.parametrize(
    ("fusion", "matters"), [("addition", True), ("cross-attention", True), ("none", False)]
)
def test_the_condition_matters_where_it_is_fused(fusion, matters):
    net = unet(fusion)
    assert (evaluate(net, 1) != evaluate(net, 0)).any() == matters


def test_time_matters():
    net = unet()
    assert (evaluate(net, time=10) != evaluate(net, time=900)).any()


def test_a_single_key_makes_cross_attention_an_addition():
    attention = unet("cross-attention").attention
    x = torch.randn(1, 8 * 2, 4, 4)
    added = attention(x, torch.ones(1, 6)) - x
    torch.testing.assert_close(added, added[..., :1, :1].expand_as(added))


def test_every_parameter_learns():
    # With self-attention in cross-attention's place nothing is idle.
    net = unet().train()
    out = net(torch.randn(2, 1, 8, 8), torch.tensor([1, 1000]), torch.randn(2, 6))
    out.square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def test_images_of_any_size_are_encoded_alike_long():
    encoder = ImageEncoder(4, 10)
    assert encoder(torch.zeros(3, 1, 9, 40)).shape == encoder(torch.zeros(3, 1, 64, 8)).shape == (3, 10)


def test_times_are_told_apart():
    codes = sinusoids(torch.arange(0, 1001, 50), 16)
    assert torch.cdist(codes, codes).fill_diagonal_(9).min() > 0.05
