"""What knowing the beam is worth, and what being wrong about it costs: the tables of docs/beams.md.

    python benchmarks/beams.py truth       the true beam against the uniform assumption
    python benchmarks/beams.py views       two mirrored Airy views against one
    python benchmarks/beams.py mistakes    width and step that are wrong
    python benchmarks/beams.py noise       noise-aware against noise-blind data consistency, 5 to 500 photons

Procedural specimens by default; `--real` adds the volumes in ../shared/data. Projections are taken inside
each volume, so that light from outside what is reconstructed is real structure.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from beam_cases import BeamCase, beam_case, mistaken, score

from napari_microdiffusion.io import read_image
from napari_microdiffusion.optics import Acquisition, DetectorNoise
from napari_microdiffusion.settings.method import ReconstructionConfig
from napari_microdiffusion.specimens import KINDS, ImagingConditions, make_specimen

DATA = Path(__file__).parents[2] / "shared" / "data"
CONDITIONS = ImagingConditions(lateral_blur=0.8, axial_blur=1.5, background=0.03, background_variation=0.3)
DEFAULT = ReconstructionConfig(samples=0)
BEAMS = {
    "Bessel, width n": {"beam": "bessel"},
    "Bessel, width 1.5 n": {"beam": "bessel", "width": 9},
    "uniform, width 2 n (half-width steps)": {"width": 12},
    "Airy, apex 3 slices off": {"beam": "airy", "bend": 0.1, "apex": -3},
    "Bessel, tilted 0.5 px a slice": {"beam": "bessel", "tilt": 0.5},
}


def volumes(seeds: int, with_real: bool) -> Iterator[tuple[str, np.ndarray]]:
    """Names and volumes to record."""
    for kind in KINDS:
        for seed in range(seeds):
            yield f"{kind}-{seed + 1}", make_specimen(kind, (96, 80, 80), 9500 + seed, CONDITIONS)
    if with_real:
        for path in sorted(DATA.glob("*.ome.tif")):
            volume = np.asarray(read_image(path).data).squeeze().astype(np.float32)
            yield path.name.split("_")[0], volume[:, :80, :80]


def row(*cells: object) -> None:
    """One line of a Markdown table."""
    shown = (f"{cell:+.2f}" if isinstance(cell, float) else str(cell) for cell in cells)
    print("| " + " | ".join(shown) + " |", flush=True)


def means(scores: list[dict[str, float]], name: str) -> float:
    """Mean of one score."""
    return float(np.mean([s[name] for s in scores]))


def truth(seeds: int, with_real: bool) -> None:
    """The true beam against the uniform assumption."""
    row("beam", "volume", "uniform (dB)", "true beam", "gain (dB)", "gain (R2)")
    row(*["---"] * 6)
    for name, beam in BEAMS.items():
        gains = []
        for volume_name, volume in volumes(seeds, with_real):
            case = beam_case(volume_name, volume, Acquisition(step_length=6, **beam))
            known = score(case, case.acquisition, DEFAULT)
            plain = score(case, Acquisition(step_length=6), DEFAULT)
            gain = {key: known[key] - plain[key] for key in known}
            gains.append(gain)
            cells = f"{plain['psnr']:.2f}", f"{known['psnr']:.2f}", gain["psnr"], gain["null_space_r2"]
            row(name, volume_name, *cells)
        row(name, "**mean**", "", "", means(gains, "psnr"), means(gains, "null_space_r2"))


def views(seeds: int, with_real: bool) -> None:
    """Two mirrored views against one, and against a straight uniform beam."""
    row("n", "apex", "volume", "straight uniform (dB)", "one view", "two views", "gain (dB)", "gain (R2)")
    row(*["---"] * 8)
    for n in (6, 12):
        # 1.5 pixels half a slab away from the apex.
        bend = 6 / n**2
        for place, apex in (("centre", 0.0), ("edge", -n / 2), ("outside", -float(n))):
            gains = []
            for volume_name, volume in volumes(seeds, with_real):
                beam = {"bend": bend, "apex": apex, "step_length": n}
                two = beam_case(volume_name, volume, Acquisition(**beam, views=2))
                half = BeamCase(
                    volume_name, two.projections[: len(two.projections) // 2], two.truth, Acquisition(**beam)
                )
                straight = _straight(volume_name, volume, two)
                scores = [score(case, case.acquisition, DEFAULT) for case in (straight, half, two)]
                gain = {key: scores[2][key] - scores[1][key] for key in scores[2]}
                gains.append(gain)
                shown = [f"{s['psnr']:.2f}" for s in scores]
                row(n, place, volume_name, *shown, gain["psnr"], gain["null_space_r2"])
            row(n, place, "**mean**", "", "", "", means(gains, "psnr"), means(gains, "null_space_r2"))


def _straight(name: str, volume: np.ndarray, like: BeamCase) -> BeamCase:
    """The same truth recorded with a uniform beam that keeps to its slab."""
    acquisition = Acquisition(step_length=like.acquisition.step_length)
    return beam_case(name, like.truth, acquisition)


def mistakes(seeds: int, with_real: bool) -> None:
    """What errors about width and step cost."""
    row("beam", "error", "loss (dB)", "loss (R2)", "difference")
    row(*["---"] * 5)
    chosen = ["Bessel, width n", "uniform, width 2 n (half-width steps)", "Airy, apex 3 slices off"]
    for name, beam in ({"uniform, width n": {}} | {key: BEAMS[key] for key in chosen}).items():
        cases = [
            beam_case(v, volume, Acquisition(step_length=6, **beam))
            for v, volume in volumes(seeds, with_real)
        ]
        right = [score(case, case.acquisition, DEFAULT) for case in cases]
        row(name, "none", 0.0, 0.0, f"{means(right, 'reprojection_max'):.1e}")
        for error, assumed in mistaken(cases[0].acquisition):
            wrong = [score(case, assumed, DEFAULT) for case in cases]
            losses = [means(wrong, key) - means(right, key) for key in ("psnr", "null_space_r2")]
            row(name, error, *losses, f"{means(wrong, 'reprojection_max'):.1e}")


def noise(seeds: int, with_real: bool) -> None:
    """Noise-aware data consistency against noise-blind, with the noise stated."""
    row("beam", "photons", "nonnegative (dB)", "noise (dB)", "gain (dB)")
    row(*["---"] * 5)
    for name, beam in ({"uniform, width n": {}} | BEAMS).items():
        for photons in (5, 15, 50, 150, 500):
            blind, aware = [], []
            for volume_name, volume in volumes(seeds, with_real):
                known = Acquisition(step_length=6, **beam)
                case = beam_case(volume_name, volume, known, DetectorNoise(photons=photons, seed=1))
                gain = float(np.percentile(case.truth, 99.9)) / photons
                stated = Acquisition(step_length=6, **beam, photon_gain=gain)
                for scores, consistency in ((blind, "nonnegative"), (aware, "noise")):
                    config = DEFAULT.model_copy(update={"consistency": consistency})
                    scores.append(score(case, stated, config))
            first, second = means(blind, "psnr"), means(aware, "psnr")
            row(name, photons, f"{first:.2f}", f"{second:.2f}", second - first)


TABLES = {"truth": truth, "views": views, "mistakes": mistakes, "noise": noise}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", choices=TABLES)
    parser.add_argument("--seeds", type=int, default=2, help="specimens of each kind")
    parser.add_argument("--real", action="store_true", help="the real volumes too, where they are")
    arguments = parser.parse_args()
    TABLES[arguments.table](arguments.seeds, arguments.real)
