# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The flow: exactly invertible, with the determinant of its Jacobian, and it learns."""

from __future__ import annotations

import math

import pytest
import torch

from hybrid_training.flow.divergence import js_to_uniform
from hybrid_training.flow.image_flow import ImageFlow
from hybrid_training.flow.layers import ActNorm, AffineCoupling, InvertibleConvolution


def seeded(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def flow_that_does_something(steps=(1, 1, 2), hidden=8, dtype=torch.float64) -> ImageFlow:
    """Return a flow whose couplings are no longer the identity that they start as."""
    torch.manual_seed(0)
    flow = ImageFlow(steps, hidden).to(dtype)
    flow.encode(torch.rand(4, 3, 16, 16, dtype=dtype) - 0.5)
    with torch.no_grad():
        for parameter in flow.parameters():
            # as far from a rotation, or from doing nothing, as a trained flow is
            amount = 0.02 if parameter.ndim == 2 else 0.05
            parameter.add_(amount * torch.randn_like(parameter))
    return flow


@pytest.mark.parametrize('layer', [
    lambda: ActNorm(4), lambda: InvertibleConvolution(4), lambda: AffineCoupling(4, 8)])
def test_layers_are_invertible_with_their_determinant(layer):
    torch.manual_seed(1)
    module = layer().double()
    maps = torch.randn(2, 4, 2, 3, dtype=torch.float64)
    module(maps)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    out, determinant = module(maps)
    torch.testing.assert_close(module.inverse(out), maps, atol=1e-12, rtol=1e-9)
    for number in range(2):
        jacobian = torch.autograd.functional.jacobian(
            lambda x: module(x[None])[0][0], maps[number]).reshape(24, 24)
        torch.testing.assert_close(
            determinant[number], torch.linalg.slogdet(jacobian).logabsdet)


def test_first_batch_decides_the_actnorm_and_no_later_one():
    norm = ActNorm(3)
    maps = torch.randn(8, 3, 5, 5, generator=seeded()) * 4 + 2
    out, _ = norm(maps)
    torch.testing.assert_close(out.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.std((0, 2, 3)), torch.ones(3), atol=1e-4, rtol=0)
    before = norm.state_dict()['shift'].clone()
    norm(maps * 3)
    assert torch.equal(norm.shift, before)
    assert bool(norm.state_dict()['initialised'])


@pytest.mark.parametrize(('size', 'dtype', 'tolerance'), [
    ((8, 24), torch.float64, 1e-10), ((32, 16), torch.float32, 1e-4)])
def test_whole_flow_is_invertible_at_any_size(size, dtype, tolerance):
    flow = flow_that_does_something((3, 4, 8), dtype=dtype)
    maps = torch.rand(2, 3, *size, dtype=dtype, generator=seeded()) - 0.5
    with torch.no_grad():
        latents, _ = flow.encode(maps)
        assert [tuple(z.shape[1:]) for z in latents] == [
            (6, size[0] // 2, size[1] // 2), (12, size[0] // 4, size[1] // 4),
            (48, size[0] // 8, size[1] // 8)]
        assert sum(z[0].numel() for z in latents) == maps[0].numel()
        torch.testing.assert_close(flow.decode(latents), maps, atol=tolerance, rtol=0)


def test_determinant_of_the_whole_flow_is_autograds():
    flow = flow_that_does_something()
    maps = torch.rand(1, 3, 8, 8, dtype=torch.float64, generator=seeded()) - 0.5

    def latents(flat):
        return torch.cat([z.flatten() for z in flow.encode(flat.view(1, 3, 8, 8))[0]])

    jacobian = torch.autograd.functional.jacobian(latents, maps.flatten())
    _, [determinant] = flow.encode(maps)
    torch.testing.assert_close(determinant, torch.linalg.slogdet(jacobian).logabsdet)


def test_bits_of_an_identity_flow_are_those_of_the_normal_density():
    flow = ImageFlow((1, 1, 1), 4)
    with torch.no_grad():
        for module in flow.modules():
            if isinstance(module, ActNorm):
                module.initialised.fill_(True)
            if isinstance(module, InvertibleConvolution):
                module.weight.copy_(torch.eye(len(module.weight)))
    pixels = torch.full((1, 3, 8, 8), 192.0)
    # y = 192 / 256 - 0.5 = 0.25 everywhere
    nats = 0.5 * (0.25 ** 2 + math.log(2 * math.pi))
    found = flow.bits_per_dimension(pixels, torch.zeros_like(pixels))
    assert float(found.detach()) == pytest.approx(8 + nats / math.log(2), abs=1e-5)


def test_flow_learns_what_patches_look_like():
    torch.manual_seed(0)
    flow = ImageFlow((1, 1, 2), 16)
    optimizer = torch.optim.Adamax(flow.parameters(), lr=3e-3)
    rng = seeded(3)

    def patches(count):
        shade = torch.randint(60, 200, (count, 3, 1, 1), generator=rng).float()
        return (shade + torch.randint(-4, 5, (count, 3, 16, 16), generator=rng)).round()

    def bits(count=16):
        pixels = patches(count)
        return flow.bits_per_dimension(pixels, torch.rand(pixels.shape, generator=rng)).mean()

    first = float(bits().detach())
    for _ in range(80):
        optimizer.zero_grad()
        loss = bits()
        loss.backward()
        optimizer.step()
    assert float(bits(64).detach()) < min(first - 0.7, 6.0)
    drawn = flow.sample(16, (16, 16), seeded(5)).detach()
    assert drawn.min() >= 0
    assert drawn.max() <= 255
    assert 90 < float(drawn.mean()) < 170


def test_samples_follow_their_seed_and_come_in_any_size():
    flow = flow_that_does_something(dtype=torch.float32)
    first, again = (flow.sample(2, (24, 8), seeded(7)) for _ in range(2))
    assert first.shape == (2, 3, 24, 8)
    assert torch.equal(first, again)
    assert not torch.equal(first, flow.sample(2, (24, 8), seeded(8)))


def test_odd_patch_is_refused():
    with pytest.raises(ValueError, match='multiples of 8'):
        ImageFlow((1, 1, 1), 4).encode(torch.zeros(1, 3, 12, 16))


def test_divergence_of_the_worked_example():
    # method facts: three classes, four pixels
    logits = torch.tensor([[2, 0, 1, 0.5], [0, 1, 1, -0.5], [-1, 3, 1, 1.5]])[None]
    wanted = torch.tensor([[0.14953804, 0.14953804, 0.0, 0.06871160]])
    torch.testing.assert_close(js_to_uniform(logits), wanted, atol=1e-6, rtol=0)


def test_divergence_is_bounded_and_finite_for_sure_predictions():
    logits = torch.zeros(1, 19, 1)
    logits[0, 3] = 500.0
    logits.requires_grad_()
    found = js_to_uniform(logits)
    # p = one of 19: 0.5 (ln(1 / m1)) + 0.5 (1/19 ln(1/19 / m1) + 18/19 ln 2), m1 = 10/19
    m1 = 10 / 19
    wanted = 0.5 * -math.log(m1) + 0.5 * (
        math.log(1 / 19 / m1) / 19 + 18 / 19 * math.log(2))
    assert float(found.detach()) == pytest.approx(wanted, abs=1e-5)
    found.sum().backward()
    assert torch.isfinite(logits.grad).all()
