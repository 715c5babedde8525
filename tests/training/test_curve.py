"""The curve of a training: its table, and the gist of it."""

from napari_microdiffusion.diffusion.fitting import TrainingStep
from napari_microdiffusion.training.curve import TrainingCurve


def test_the_gist_has_one_entry_a_validation(tmp_path):
    curve = TrainingCurve(tmp_path / "prior.curve.csv")
    assert curve.gist() == []
    losses = [0.5, 0.3, 0.4, 0.2, 0.1]
    for number, loss in enumerate(losses, 1):
        validation = {3: 0.25, 4: 0.26}.get(number)
        curve.add(TrainingStep(number, number / 5, loss, 1.5, 1e-3), validation)
    assert curve.path.read_text().splitlines()[2] == "3,0.4,1.5,0.001,0.25000"
    assert curve.gist() == [
        {"step": 3, "loss": 0.4, "explained": 0.25},
        {"step": 4, "loss": 0.2, "explained": 0.26},
    ]


def test_a_line_cut_short_is_passed_over(tmp_path):
    curve = TrainingCurve(tmp_path / "prior.curve.csv")
    curve.path.write_text("1,0.5,1.5,0.001,\n2,0.4,1.")
    curve.add(TrainingStep(2, 0.4, 0.3, 1.5, 1e-3), None)
    curve.add(TrainingStep(3, 0.6, 0.1, 1.5, 1e-3), 0.2)
    assert curve.gist() == [{"step": 3, "loss": 0.3, "explained": 0.2}]
