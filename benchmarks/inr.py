"""What the implicit representation costs and what it gains over the interpolations.

    python benchmarks/inr.py [--data DIR] [-n 6] [--threads 1] [--specimens NAME ...] [--from-zero]

Prints the cost of both fields, a point and a reconstruction, then a row for every volume and guide. The grid
field is fitted in full; of the paper's a few steps are timed, and the time of its whole schedule is what
these make of it, not a measurement. Guides are compared raw, without any consistency applied, and also made
consistent with the projections, since a reconstruction always is. Settings of the field were chosen on
other procedural specimens than these and on no real volume.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from frozen_cases import frozen_cases

from napari_microdiffusion.evaluation import compare
from napari_microdiffusion.inr.fitted import FittedInr
from napari_microdiffusion.inr.fitting import fit_inr
from napari_microdiffusion.inr.settings import PAPER_EPOCHS, InrSettings
from napari_microdiffusion.interpolation import choose_pedestal, histospline, logspline
from napari_microdiffusion.optics import IntensityScale, ProjectionOperator, make_consistent
from napari_microdiffusion.optics.detector.noise import estimate_noise
from napari_microdiffusion.specimens import make_specimen
from napari_microdiffusion.studies.benchmark import Case, case_of_volume, run_case

HERE = Path(__file__).resolve().parent
SPECIMENS = ("vasculature-1", "dendrites-2", "neurons-3", "nuclei-1")
COST_SHAPE = (16, 128, 128)
PAPER_STEPS = 12

# A guide takes unit projections and the operator; more of them, or whole methods, are lines here.
Guide = Callable[[np.ndarray, ProjectionOperator], np.ndarray]


@dataclass(frozen=True)
class Cost:
    """Processor time of one field at one size."""

    points: int
    seconds_per_pass: float
    passes: int
    seconds_to_fit: float
    seconds_to_render: float

    def line(self, name: str, is_measured: bool) -> str:
        """One row of the table."""
        fit = f"{self.seconds_to_fit:.1f} s" if is_measured else f"{self.seconds_to_fit / 3600:.1f} h"
        how = "measured" if is_measured else f"extrapolated from {PAPER_STEPS} steps"
        return (
            f"{name:6} {1e9 * self.seconds_per_pass / self.points:9.1f} ns a point and pass, "
            f"{self.seconds_per_pass:7.2f} s a pass, {self.passes} passes: {fit} ({how}); "
            f"all slices rendered in {self.seconds_to_render:.2f} s"
        )


def fit(projections: np.ndarray, profile: np.ndarray, settings: InrSettings) -> tuple[FittedInr, int]:
    """The fitted field and the steps that it took."""
    *_, last = fit_inr(projections, profile, settings)
    return last.fitted, last.step


def cost_projections(n: int) -> np.ndarray:
    """Unit projections of the size that costs are given for, the same every time."""
    count, height, width = COST_SHAPE
    volume = make_specimen("vasculature", (count * n, height, width), seed=5)
    projections = ProjectionOperator(np.full(n, 1 / n)).project(volume)
    return IntensityScale.of(projections).to_unit(projections)


def cost_of_grid(n: int) -> Cost:
    """Fit in full."""
    projections = cost_projections(n)
    settings = InrSettings(tolerance=0)
    started = time.process_time()
    fitted, _ = fit(projections, np.full(n, 1 / n), settings)
    fitting = time.process_time() - started
    passes = settings.epochs_to_run
    return Cost(projections.size * n, fitting / passes, passes, fitting, _render_time(fitted, n))


def cost_of_paper(n: int) -> Cost:
    """Time a few steps of the paper's field and scale them to its schedule."""
    projections = cost_projections(n)
    steps = islice(fit_inr(projections, np.full(n, 1 / n), InrSettings(field="paper")), PAPER_STEPS + 1)
    # The first step also builds the field.
    first = next(steps)
    started = time.process_time()
    for _ in steps:
        pass
    batches = first.steps // PAPER_EPOCHS
    a_pass = (time.process_time() - started) / PAPER_STEPS * batches
    render = _render_time(first.fitted, n)
    return Cost(projections.size * n, a_pass, PAPER_EPOCHS, a_pass * PAPER_EPOCHS, render)


def _render_time(fitted: FittedInr, n: int) -> float:
    """Seconds for all slices, from one slab's."""
    started = time.process_time()
    fitted.render(np.arange(n))
    return (time.process_time() - started) * fitted.shape[0] / n


def fitted_guide(settings: InrSettings) -> Guide:
    """The guide that a fit with these settings gives."""
    return lambda unit, operator: fit(unit, operator.profile, settings)[0].render()


def smooth_logarithm(unit: np.ndarray, operator: ProjectionOperator) -> np.ndarray:
    """The log-spline as a run makes it."""
    noise = estimate_noise(unit)
    return logspline(unit, operator, noise, pedestal=choose_pedestal(unit, operator, noise))


def guides(is_from_zero: bool) -> dict[str, Guide]:
    """Guides by name, the reference of the differences first."""
    named: dict[str, Guide] = {
        "histospline": lambda unit, operator: histospline(unit, operator.step_length),
        "logspline": smooth_logarithm,
        "inr": fitted_guide(InrSettings()),
        "inr, no coherence": fitted_guide(InrSettings(coherence=0)),
    }
    if is_from_zero:
        named["inr from zero"] = fitted_guide(InrSettings(start="zero"))
        named["inr from zero, 120 passes"] = fitted_guide(InrSettings(start="zero", epochs=120))
    return named


def cases(arguments: argparse.Namespace) -> Iterator[Case]:
    """Some of the frozen specimens, then the real volumes."""
    for case in frozen_cases():
        if case.name in arguments.specimens:
            yield case
    for path in sorted(arguments.data.glob("*.ome.tif")) if arguments.data.is_dir() else []:
        yield case_of_volume(path, arguments.n)


def rows(case: Case, named: dict[str, Guide]) -> Iterator[tuple[str, list[float]]]:
    """Every guide's figures: raw, made consistent, distance from the histospline, processor time."""
    operator = ProjectionOperator(case.acquisition.profile)
    scale = IntensityScale.of(case.projections)
    unit, n = scale.to_unit(case.projections), case.acquisition.step_length
    reference: np.ndarray | None = None
    for name, guide in named.items():
        started = time.process_time()
        volume = guide(unit, operator)
        seconds = time.process_time() - started
        reference = volume if reference is None else reference
        distance = float(np.sqrt(np.square(volume - reference).mean()))
        figures = []
        # Real volumes may lie below the background, which the projections' lowest pixels are taken for.
        floor = min(0.0, float(unit.min()))
        consistent = make_consistent(volume, unit, operator, "nonnegative", dark_level=floor)
        for candidate in (volume, consistent):
            metrics = compare(scale.to_grey(candidate), case.truth, n)
            figures += [metrics["psnr"], metrics["null_space_r2"]]
        yield name, [*figures, distance, seconds]


def with_prior(case: Case) -> Iterator[tuple[str, list[float]]]:
    """The shipped prior on top of each guide: the figures of the volume, consistent by construction."""
    methods = [f"{guide}/slab/nonnegative" for guide in ("histospline", "logspline", "inr")]
    for row in run_case(case, methods):
        yield row.method, [row.metrics["psnr"], row.metrics["null_space_r2"], row.seconds]


def main() -> None:
    """Run and print."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("-n", type=int, default=6, help="step length of the real volumes")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--specimens", nargs="*", default=SPECIMENS)
    parser.add_argument("--from-zero", action="store_true", help="also fit from zero knowledge (slow)")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    shape = "×".join(map(str, COST_SHAPE))
    print(f"{shape} projections, n = {arguments.n}, {arguments.threads} thread(s), processor time")
    grid, paper = cost_of_grid(arguments.n), cost_of_paper(arguments.n)
    print(grid.line("grid", is_measured=True))
    print(paper.line("paper", is_measured=False))
    print(
        f"a point of the grid field costs 1/{paper.seconds_per_pass / grid.seconds_per_pass:.0f}\n",
        flush=True,
    )

    columns = ("PSNR", "R2", "PSNR cons.", "R2 cons.", "RMS dist.", "seconds")
    print(f"{'':24} {'':26} " + " ".join(f"{c:>9}" for c in columns))
    collected: dict[str, list[list[float]]] = {}
    priors: dict[str, list[list[float]]] = {}
    for case in cases(arguments):
        for name, figures in rows(case, guides(arguments.from_zero)):
            print(f"{case.name:24} {name:26} " + " ".join(f"{f:9.3f}" for f in figures), flush=True)
            collected.setdefault(name, []).append(figures)
        for name, figures in with_prior(case):
            psnr, r2, seconds = figures
            empty = " " * 9
            print(
                f"{case.name:24} {name:26} {empty} {empty} {psnr:9.3f} {r2:9.3f} {empty} {seconds:9.3f}",
                flush=True,
            )
            priors.setdefault(name, []).append(figures)
    for name, table in collected.items():
        print(f"{f'mean of {len(table)}':24} {name:26} " + " ".join(f"{f:9.3f}" for f in np.mean(table, 0)))
    for name, table in priors.items():
        psnr, r2, seconds = np.mean(table, 0)
        print(f"{f'mean of {len(table)}':24} {name:26} {'':19} {psnr:9.3f} {r2:9.3f} {'':9} {seconds:9.3f}")
    print("R2: null-space R2; cons.: made consistent; RMS dist.: from the histospline, of the range")


if __name__ == "__main__":
    main()
