"""Makes docs/images/tour.gif: from a sample to a volume, its uncertainty and its truth, in the real viewer.

    .ci/with-screen python docs/make_tour.py [--samples 2] [--steps 10]

Nothing in it is drawn or sped up but the waiting: each frame is a picture of the window, over a line
of text.
"""

import argparse
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from studio import IMAGES, Studio, without_warnings

SIZE = (1200, 740)
WIDTH = 800
# Few, since most of it is grey; without dithering, which changes every pixel of every frame.
COLOURS = 128
LINE_HEIGHT = 34
# Seconds that a frame is shown.
MOVING, READING = 0.35, 1.6
FRAMES_OF_A_STAGE = 3


class Tour:
    """Frames, each with the line below it and how long it is shown."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.frames: list[tuple[Image.Image, float]] = []
        self._font = ImageFont.load_default(size=18)

    def frame(self, line: str, seconds: float = MOVING) -> None:
        """Take one."""
        self.frames.append((self.take(line), seconds))

    def take(self, line: str) -> Image.Image:
        """Picture the window, smaller, over a line of text."""
        shot = self.studio.shot()
        height = round(shot.height * WIDTH / shot.width)
        picture = Image.new("RGB", (WIDTH, height + LINE_HEIGHT), "#262930")
        picture.paste(shot.resize((WIDTH, height), Image.Resampling.LANCZOS))
        middle = (WIDTH // 2, height + LINE_HEIGHT // 2)
        ImageDraw.Draw(picture).text(middle, line, "#ffffff", self._font, anchor="mm")
        return picture

    def save(self, path: Path) -> None:
        """Write the frames as one animation that repeats."""
        pictures = [picture for picture, _ in self.frames]
        # One palette for all frames: what does not change then keeps its colours, and costs nothing.
        sheet = Image.new("RGB", (WIDTH, pictures[0].height * len(pictures)))
        for index, picture in enumerate(pictures):
            sheet.paste(picture, (0, index * picture.height))
        # By octree: the median cut spends all colours on greys, and an uncertainty would have none.
        palette = sheet.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        drawn = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
        durations = [round(1000 * seconds) for _, seconds in self.frames]
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn[0].save(path, save_all=True, append_images=drawn[1:], duration=durations, loop=0, optimize=True)
        print(f"{path} {len(drawn)} frames, {path.stat().st_size // 1000} kB", flush=True)


def open_sample(tour: Tour) -> None:
    """From an empty viewer to projections."""
    studio = tour.studio
    dock = studio.open("Reconstruct volume")
    tour.frame("Drop projections on the dock, or open a sample", READING)
    dock.runs.open_sample()
    studio.wait(lambda: not dock.runs.is_running)
    studio.pause()
    tour.frame("Each projection averages 6 slices", READING)
    for slab in (6, 7):
        studio.viewer.dims.set_current_step(0, slab)
        studio.pause(0.2)
        tour.frame("Each projection averages 6 slices")


def reconstruct(tour: Tour, samples: int, steps: int) -> None:
    """One slice as it becomes better; then through the volume."""
    studio = tour.studio
    dock = studio.dock
    dock.document.ask({"method.samples": samples, "method.steps": steps})
    studio.pause()
    tour.frame("Press Reconstruct volume", READING)
    dock.panel.follow.setChecked(False)
    dock.panel.button.click()
    studio.viewer.dims.set_current_step(0, 42)
    seen: dict[str, list[Image.Image]] = {}
    while dock.runs.is_running:
        studio.pause(0.1)
        stage = dock.panel.stage.text()
        seen.setdefault(stage, []).append(tour.take(f"While it runs · {stage}"))
    seen.pop("Starting", None)
    for taken in seen.values():
        # Evenly, the last among them.
        shown = taken[:: -max(1, len(taken) // FRAMES_OF_A_STAGE)][:FRAMES_OF_A_STAGE][::-1]
        tour.frames += [(picture, 2 * MOVING) for picture in shown]
    studio.viewer.dims.set_current_step(0, 42)
    studio.pause()
    tour.frame("A slice for every depth, with how sure it is", READING)
    for z in range(43, 48):
        studio.viewer.dims.set_current_step(0, z)
        studio.pause(0.2)
        tour.frame("A slice for every depth, with how sure it is")
    if samples:
        dock.outcome.uncertainty.click()
        studio.pause()
        tour.frame("Where it could have been otherwise", READING)
        dock.outcome.uncertainty.click()


def turn(tour: Tour) -> None:
    """The volume in 3D."""
    studio = tour.studio
    studio.dock.outcome.three_d.click()
    studio.pause(1)
    camera = studio.viewer.scene.camera
    first, second, third = camera.angles
    for step in range(6):
        camera.angles = (first, second + 8 * step, third)
        studio.pause(0.5)
        tour.frame("The volume in true proportions")
    studio.dock.outcome.three_d.click()


def compare(tour: Tour) -> None:
    """Beside the truth, slice by slice, and under a curtain."""
    studio = tour.studio
    studio.dock.outcome.compare.click()
    dock = studio.viewer.window.add_plugin_dock_widget("napari-microdiffusion", "Compare with ground truth")[
        1
    ]
    studio.viewer.window.remove_dock_widget(studio.dock)
    studio.dock = dock
    studio.wait(lambda: not dock.runner.is_running)
    studio.viewer.dims.set_current_step(0, 47)
    dock.looking.modes["side by side"].click()
    studio.pause()
    tour.frame("Scores against the ground truth, where there is one", READING)
    dock.looking.modes["curtain"].click()
    for thousandths in (200, 350, 500, 650, 800):
        dock.looking.curtain.setValue(thousandths)
        studio.pause(0.3)
        tour.frame("The truth behind a curtain", 2 * MOVING)


def main() -> None:
    """Go through the session and record it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--path", type=Path, default=IMAGES / "tour.gif")
    parser.add_argument("--samples", type=int, default=2)
    parser.add_argument("--steps", type=int, default=10)
    arguments = parser.parse_args()
    with without_warnings():
        tour = Tour(Studio(arguments.path.parent, SIZE))
        open_sample(tour)
        reconstruct(tour, arguments.samples, arguments.steps)
        turn(tour)
        compare(tour)
        tour.studio.viewer.close()
    tour.save(arguments.path)


if __name__ == "__main__":
    main()
