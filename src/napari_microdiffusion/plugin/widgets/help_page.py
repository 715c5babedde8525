"""The manual's pages, which come with the package, in a window of their own."""

from pathlib import Path

from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QTextDocument
from qtpy.QtWidgets import QDialog, QTextBrowser, QVBoxLayout, QWidget

from ... import __file__ as package

_SIZE = 720, 640


def pages() -> Path:
    """The folder of the pages: in an installed package inside it, in a checkout beside it."""
    inside = Path(package).parent / "docs"
    return inside if inside.is_dir() else Path(package).parents[2] / "docs"


class HelpPage(QDialog):
    """A page, from which links lead to others."""

    def __init__(self, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("MicroDiffusion: manual")
        self.resize(*_SIZE)
        self.browser = QTextBrowser()
        self.browser.setOpenExternalLinks(True)
        self.browser.setSearchPaths([str(pages())])
        self.browser.setSource(QUrl(f"{name}.md"), QTextDocument.ResourceType.MarkdownResource)
        QVBoxLayout(self).addWidget(self.browser)
