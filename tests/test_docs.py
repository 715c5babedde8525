"""The user guide: every page is reachable, every link leads somewhere, every command is one."""

import re
from pathlib import Path

import pytest
import typer
import yaml

from napari_microdiffusion.cli import app

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = sorted(DOCS.glob("*.md"))
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
# Lines of a table that is shown whole.
MOST_ROWS = 30
HELP = re.compile(r'page="([\w-]+)#?([\w-]*)"')
COMMAND = re.compile(r"^microdiffusion (\w+)(.*)$", re.MULTILINE)


def pages_of(nav) -> list[str]:
    found = []
    for entry in nav:
        (value,) = entry.values()
        found += pages_of(value) if isinstance(value, list) else [value]
    return found


def test_the_navigation_names_only_pages_that_exist(repository):
    config = yaml.safe_load((repository / "mkdocs.yml").read_text(encoding="utf-8"))
    assert [page for page in pages_of(config["nav"]) if not (DOCS / page).is_file()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_lead_somewhere(page):
    targets = [t for t in LINK.findall(page.read_text(encoding="utf-8")) if not t.startswith("http")]
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_their_options_exist(page):
    commands = typer.main.get_command(app).commands
    for name, rest in COMMAND.findall(page.read_text(encoding="utf-8")):
        assert name in commands, f"microdiffusion {name}"
        known = {flag for parameter in commands[name].params for flag in parameter.opts} | {"--help"}
        used = re.findall(r"(?<=\s)--?[a-z][\w-]*", rest.split("#")[0].split("|")[0])
        assert [flag for flag in used if flag not in known] == []


def test_every_fault_names_a_test_that_exists(repository):
    page = (DOCS / "faults.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ")][1:]
    rows = [row for row in rows if not row.startswith("| ---")]
    assert len(rows) > 15
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 4, row
        file, _, name = cells[3].strip("`").partition("::")
        tests = (repository / file).read_text(encoding="utf-8")
        assert re.search(rf"^ *def {name.split('::')[-1]}\(", tests, re.MULTILINE), row


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pictures_in_html_exist(page):
    sources = re.findall(r'src="([^"]+)"', page.read_text(encoding="utf-8"))
    assert [source for source in sources if not (page.parent / source).is_file()] == []


def test_long_tables_are_folded():
    lists = {"licences.md", "faults.md"}  # tables that are the page
    for page in [page for page in PAGES if page.name not in lists]:
        folded, rows = False, 0
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
            folded = line.startswith("<details") or (folded and not line.startswith("</details"))
            rows = rows + 1 if line.startswith("|") else 0
            assert folded or rows <= MOST_ROWS, f"{page.name}, line {number}"


def test_help_pages_of_the_dock_exist(repository):
    """Every section's help opens a page of the manual, at a heading where one is named."""
    sections = (repository / "src/napari_microdiffusion/plugin").rglob("*.py")
    wanted = {found for path in sections for found in HELP.findall(path.read_text(encoding="utf-8"))}
    assert len(wanted) > 5
    for page, anchor in wanted:
        text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
        headings = {
            re.sub(r"[^\w]+", "-", h.lower()).strip("-") for h in re.findall(r"^#+ (.+)$", text, re.M)
        }
        assert not anchor or anchor in headings, f"{page}#{anchor}"
