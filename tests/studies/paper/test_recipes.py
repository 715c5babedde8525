"""Recipes: the shipped ones can be read, a small one gives the same figures twice and is written down."""

import csv
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_microdiffusion.errors import UsageError, UserError
from napari_microdiffusion.reconstruction.events import Progress, StageStarted
from napari_microdiffusion.settings.presets import merged
from napari_microdiffusion.specimens import make_specimen
from napari_microdiffusion.studies.paper.recipes import (
    Outcome,
    Recipe,
    RecipeRow,
    RecipeRunner,
    read_recipe,
    row_config,
)
from napari_microdiffusion.studies.paper.report import table, write_recipe

SHIPPED = sorted((Path(__file__).resolve().parents[3] / "benchmarks" / "paper").glob("*.yaml"))

SMALL = """
title: A small table
shape: [12, 16, 16]
step_length: 4
specimens: [{kind: vasculature, seed: 1}, {kind: nuclei, seed: 1}, {kind: neurons, seed: 1}]
rows:
  - {name: linear, settings: {guide: linear, diffusion: "off"}, published: [[0.5, 20.0, 0.4]]}
  - name: MicroDiffusion
    settings: &tiny
      inr: {epochs: 1, frequencies: 4, layers: 2, width: 4}
      paper: {training_steps: 3, batch: 2, width: 8, multipliers: [1, 2], features: 4, sampling_steps: 2}
  - {name: the same, settings: *tiny}
  - {name: twice the step, step_length: 6, value: 6, settings: {guide: cubic, diffusion: "off"}}
"""


def written(tmp_path, text=SMALL) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(text)
    return path


def run(recipe, runner):
    events = list(runner.run(recipe))
    return [e for e in events if isinstance(e, Outcome)], events


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_recipes_can_be_read(path):
    recipe = read_recipe(path)
    for row in recipe.rows:
        n = row.step_length or recipe.step_length
        assert recipe.shape[0] // n >= 3
        assert row_config(recipe, row, 0).consistency == "none"
        assert (row.value is not None) == bool(recipe.sweep)
    assert len({row.name for row in recipe.rows}) == len(recipe.rows)


def test_every_table_and_figure_of_the_paper_has_its_recipe():
    expected = {f"table{i}" for i in range(1, 7)} | {
        "figure4",
        "figure5",
        "figure6",
        "figure7",
        "prediction",
        "training",
    }
    assert {path.stem for path in SHIPPED} == expected
    (table1,) = (read_recipe(path) for path in SHIPPED if path.stem == "table1")
    systems = {(c.guide, c.diffusion) for c in (row_config(table1, row, 0) for row in table1.rows)}
    paper = {("none", "paper"), ("linear", "paper"), ("cubic", "paper"), ("inr", "paper")}
    assert paper | {("linear", "off"), ("cubic", "off"), ("inr", "off")} <= systems


def test_a_recipe_gives_the_same_figures_twice(tmp_path):
    recipe = read_recipe(written(tmp_path))
    (one, events), (two, _) = (run(recipe, RecipeRunner(seed=2)) for _ in range(2))
    assert [(o.row.name, o.case.name) for o in one] == [
        (row.name, f"{kind}-1") for row in recipe.rows for kind in ("vasculature", "nuclei", "neurons")
    ]
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.volume, b.volume)
        assert a.metrics == b.metrics
    assert any(isinstance(event, Progress) for event in events)


def test_what_was_run_before_is_not_run_again_and_is_the_same(tmp_path):
    outcomes, _ = run(read_recipe(written(tmp_path)), RecipeRunner())
    of_row = {name: [o for o in outcomes if o.row.name == name] for name in ("MicroDiffusion", "the same")}
    for one, two in zip(*of_row.values(), strict=True):
        assert one.volume is two.volume


def test_a_field_is_fitted_once_and_is_the_same_as_one_of_its_own(tmp_path):
    recipe = read_recipe(written(tmp_path))
    longer = merged(recipe.rows[1].settings, {"paper": {"training_steps": 4}})
    row = recipe.rows[1].model_copy(update={"settings": longer})
    after, alone = (recipe.model_copy(update={"rows": rows}) for rows in ((recipe.rows[1], row), (row,)))
    reused, events = run(after, RecipeRunner())
    fits = [e for e in events if isinstance(e, StageStarted) and e.text == "Fitting the INR"]
    assert len(fits) == 3
    for one, two in zip(reused[3:], run(alone, RecipeRunner())[0], strict=True):
        np.testing.assert_array_equal(one.volume, two.volume)


def test_consistency_is_reported_beside_the_published_way(tmp_path):
    outcomes, _ = run(read_recipe(written(tmp_path)), RecipeRunner())
    for outcome in outcomes:
        assert outcome.metrics["none"]["reprojection_max"] > 1e-3
        assert outcome.metrics["nonnegative"]["reprojection_max"] < 1e-4
        alike = outcome.metrics["none"]
        assert -1 <= alike["like_projection"] <= 1
        assert 0.3 < alike["truth_like_projection"] < 1


def test_what_repeats_its_projection_is_known_for_a_copy(tmp_path):
    recipe = read_recipe(written(tmp_path))
    row = RecipeRow(name="nearest", settings={"guide": "nearest", "diffusion": "off"})
    outcomes, _ = run(recipe.model_copy(update={"rows": (row,)}), RecipeRunner())
    assert [o.metrics["none"]["like_projection"] for o in outcomes] == pytest.approx([1, 1, 1])
    assert "nearest 1.000" in table(recipe.model_copy(update={"rows": (row,)}), outcomes)[-1]


def test_table_page_and_picture_are_written(tmp_path):
    recipe = read_recipe(written(tmp_path))
    list(write_recipe(recipe, RecipeRunner(), tmp_path, "out"))
    with (tmp_path / "out.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 4 * 3 * 2
    page = (tmp_path / "out.md").read_text()
    assert "0.500 / 20.00 / 0.400" in page
    assert page.count(" ± ") > 20
    assert (tmp_path / "out.png").stat().st_size > 5_000


def test_a_sweep_is_drawn_as_curves(tmp_path):
    text = SMALL.split("rows:")[0] + (
        "sweep: step length n\nrows:\n"
        '  - {name: n = 3, value: 3, step_length: 3, settings: {guide: linear, diffusion: "off"}}\n'
        '  - {name: n = 4, value: 4, settings: {guide: linear, diffusion: "off"}}\n'
    )
    outcomes = [
        event
        for event in write_recipe(read_recipe(written(tmp_path, text)), RecipeRunner(), tmp_path, "out")
        if isinstance(event, Outcome)
    ]
    assert [o.case.acquisition.step_length for o in outcomes] == [3] * 3 + [4] * 3
    assert (tmp_path / "out.png").stat().st_size > 5_000


def test_volumes_take_the_place_of_the_specimens_cut_to_size(tmp_path):
    path = tmp_path / "tissue.tif"
    volume = make_specimen("nuclei", (14, 20, 24), 1)
    tifffile.imwrite(path, volume)
    recipe = read_recipe(written(tmp_path))
    outcomes, _ = run(recipe, RecipeRunner([path]))
    assert [o.case.name for o in outcomes] == ["tissue"] * 4
    np.testing.assert_array_equal(outcomes[0].case.truth, volume[1:13, 2:18, 4:20])
    tifffile.imwrite(path, volume[:, :12])
    with pytest.raises(UserError, match="12×16×16"):
        run(recipe, RecipeRunner([path]))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("title: A small table", "name: A small table", "title"),
        ("guide: linear", "guide: magic", "guide"),
        ("seed: 1}, {kind: nuclei, seed: 1}, {kind: neurons, seed: 1}]", "seed: 1}]", "specimens"),
        ("title:", "preset: huge\ntitle:", "paper-small"),
        ("kind: nuclei", "kind: rocks", "nuclei"),
    ],
)
def test_what_is_wrong_in_a_recipe_is_one_sentence(tmp_path, old, new, words):
    with pytest.raises(UsageError, match=r"small\.yaml") as caught:
        read_recipe(written(tmp_path, SMALL.replace(old, new, 1)))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_three_specimens_are_the_least():
    with pytest.raises(ValueError, match="specimens"):
        Recipe(title="t", shape=(8, 8, 8), specimens=(), rows=())
