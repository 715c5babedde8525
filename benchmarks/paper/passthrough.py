"""Two things that the authors' program does and the paper does not say, shown with code of our own.

    python benchmarks/paper/passthrough.py

1. Pass-through. The guide is mixed into the *state* of the diffusion at every step instead of into what the
   network sees. Each step then keeps a tenth of the state, so that nothing of the network outlives a few
   steps: with random numbers in the network's place the output is the guide.
2. Leak. A test slice is conditioned on the mean of the n ground-truth slices around that slice, where the
   microscope measured only one mean a slab. The sliding mean tells what no projection holds.
"""

import numpy as np

from napari_microdiffusion.diffusion.paper.ddpm import NoiseSchedule
from napari_microdiffusion.evaluation import compare
from napari_microdiffusion.interpolation import linear, nearest
from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.specimens import make_specimen

N = 6
SHARE = 0.9


def mixed_into_the_state(
    guide: np.ndarray, predicted_noise: object, rng: np.random.Generator, schedule: NoiseSchedule
) -> np.ndarray:
    """Ancestral sampling whose state is replaced by 0.9 guide + 0.1 state before every step."""
    x = rng.standard_normal(guide.shape)
    for t in range(schedule.steps, 0, -1):
        x = SHARE * guide + (1 - SHARE) * x
        a, before = schedule.signal[t], schedule.signal[t - 1]
        alpha = a / before
        noise = predicted_noise(x, t)  # type: ignore[operator]
        x = (x - (1 - alpha) / np.sqrt(1 - a) * noise) / np.sqrt(alpha)
        if t > 1:
            x = x + np.sqrt(1 - alpha) * rng.standard_normal(guide.shape)
    return x


def pass_through(guide: np.ndarray) -> None:
    """Print what is left of the network, for networks that could not be more different."""
    schedule = NoiseSchedule()
    networks = {
        "answers nothing": lambda x, t: np.zeros_like(x),
        "answers noise": lambda x, t: np.random.default_rng(t).standard_normal(x.shape),
        "answers its input": lambda x, t: x,
    }
    print("1. Pass-through: output = slope * guide + rest, whatever the network")
    outputs = {}
    for name, network in networks.items():
        out = mixed_into_the_state(guide, network, np.random.default_rng(0), schedule)
        slope = float((out * guide).sum() / (guide * guide).sum())
        rest = float(np.sqrt(np.mean((out - slope * guide) ** 2)))
        outputs[name] = out
        print(
            f"   a network that {name:18} slope {slope:.4f}, rest {rest:.4f} (RMS; the guide spans [-1, 1])"
        )
    # The weight of the guide in the output: a geometric series in what each step keeps.
    weight = 0.0
    for t in range(schedule.steps, 0, -1):
        weight = (SHARE + (1 - SHARE) * weight) / np.sqrt(schedule.signal[t] / schedule.signal[t - 1])
    print(f"   worked out: the guide's weight in the output is {weight:.5f}")


def leak(truth: np.ndarray) -> None:
    """Print what each condition holds by itself, and whether it depends on more than the projections."""
    acquisition = Acquisition(step_length=N)
    shuffled = truth.reshape(-1, N, *truth.shape[1:])[:, ::-1].reshape(truth.shape)
    projections = simulate_projections(truth, acquisition)
    print("2. Leak: what is in the condition of each slice, before any network")
    measured = {
        "projection of its slab": nearest(projections, N),
        "interpolated projections": linear(projections, N),
    }
    for name, volume in {**measured, "mean of the truth around it": sliding_mean(truth)}.items():
        scores = compare(volume, truth, N)
        print(f"   {name:28} PSNR {scores['psnr']:.2f} dB, null-space R2 {scores['null_space_r2']:.3f}")
    same = np.abs(simulate_projections(shuffled, acquisition) - projections).max()
    changed = np.abs(sliding_mean(shuffled) - sliding_mean(truth)).max()
    print(f"   every slab upside down: the projections change by {same:.1e}, that condition by {changed:.2f}")


def sliding_mean(truth: np.ndarray) -> np.ndarray:
    """The mean of n slices around each slice; at the ends the outermost slice stands for what lies beyond."""
    padded = np.concatenate([truth[:1]] * (N // 2) + [truth] + [truth[-1:]] * (N // 2))
    return np.stack([padded[z : z + N].mean(0) for z in range(len(truth))])


def main() -> None:
    """Run both."""
    truth = make_specimen("vasculature", (60, 64, 64), 1)
    acquisition = Acquisition(step_length=N)
    pass_through(2 * linear(simulate_projections(truth, acquisition), N)[N : 2 * N] - 1)
    leak(truth)


if __name__ == "__main__":
    main()
