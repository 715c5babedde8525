"""The pieces of a batch as a table, each with its state."""

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QSizePolicy, QTableWidget, QTableWidgetItem

from ...tasks.several.batch import Row

_HEIGHT = 260
_TIME_WIDTH = 72


class PiecesTable(QTableWidget):
    """A row for each piece.

    `opened` is emitted with the number of a row that was double-clicked, or chosen by the return key.
    """

    opened = Signal(int)

    def __init__(self) -> None:
        super().__init__(0, 3)
        self.setHorizontalHeaderLabels(["Piece", "State", "Time"])
        self.setObjectName("pieces")
        self.setAccessibleName("Pieces")
        self.setToolTip("<qt>Double-click a finished piece to open its volume.</qt>")
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(_HEIGHT)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setWordWrap(False)
        head, side = self.horizontalHeader(), self.verticalHeader()
        if head is not None:
            # Names and stages are about as long as each other.
            head.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
            head.setSectionResizeMode(2, QHeaderView.ResizeMode.Fixed)
            head.resizeSection(2, _TIME_WIDTH)
        if side is not None:
            side.hide()
            side.setDefaultSectionSize(24)
        self.cellActivated.connect(self._open)

    @property
    def chosen(self) -> list[int]:
        """The numbers of the selected rows."""
        model = self.selectionModel()
        return [] if model is None else sorted(index.row() for index in model.selectedRows())

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Fill the table anew."""
        self.setRowCount(len(rows))
        for number, row in enumerate(rows):
            name = QTableWidgetItem(row.piece.name)
            name.setToolTip(str(row.piece.source))
            self.setItem(number, 0, name)
            self.show_state(number, row)

    def show_state(self, number: int, row: Row) -> None:
        """Show the state of one row, and what it took or will still take."""
        for column, text in ((1, str(row)), (2, row.time)):
            item = QTableWidgetItem(text)
            item.setToolTip(text)
            self.setItem(number, column, item)

    def _open(self, row: int, _column: int) -> None:
        self.opened.emit(row)
