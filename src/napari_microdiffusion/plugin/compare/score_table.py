"""Reconstructions and their metrics as a table; the best figure of each column stands out."""

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QSizePolicy, QTableWidget, QTableWidgetItem
from superqt.utils import signals_blocked

from ...evaluation.table import COLUMNS

SHOWN = (
    "psnr",
    "ssim",
    "dice",
    "null_space_r2",
    "psnr_foreground",
    "ssim_3d",
    "axial_centroid_error_median",
    "reprojection_max",
)
_NAME_WIDTH = 88
_ROW_HEIGHT, _HEAD_HEIGHT = 24, 40
_MOST_ROWS = 6


class ScoreTable(QTableWidget):
    """A row for each reconstruction.

    `chosen` is emitted with the number of a row that was clicked or reached by keys.
    """

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__(0, 1 + len(SHOWN))
        # In two lines, so that the first four figures fit into the dock.
        self.setHorizontalHeaderLabels(["", *(COLUMNS[key].heading.replace(" ", "\n", 1) for key in SHOWN)])
        for column, key in enumerate(SHOWN, 1):
            item = self.horizontalHeaderItem(column)
            if item is not None:
                item.setToolTip(f"<qt>{COLUMNS[key].meaning}</qt>")
        self.setAccessibleName("Scores")
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setWordWrap(False)
        head, side = self.horizontalHeader(), self.verticalHeader()
        if head is not None:
            head.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            head.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
            head.resizeSection(0, _NAME_WIDTH)
            head.setFixedHeight(_HEAD_HEIGHT)
        if side is not None:
            side.hide()
            side.setDefaultSectionSize(_ROW_HEIGHT)
        self.currentCellChanged.connect(self._tell)
        self._fit()

    def show_scores(self, rows: Sequence[tuple[str, dict[str, Any]]]) -> None:
        """Fill the table anew, keeping the row that is chosen."""
        selected = max(0, self.currentRow())
        with signals_blocked(self):
            self._fill(rows, selected)
        self._fit()

    def _fill(self, rows: Sequence[tuple[str, dict[str, Any]]], selected: int) -> None:
        self.setRowCount(len(rows))
        for number, (name, metrics) in enumerate(rows):
            self._set(number, 0, name).setToolTip(name)
            for column, key in enumerate(SHOWN, 1):
                value = metrics.get(key)
                text = "–" if value is None else format(value, COLUMNS[key].form)
                item = self._set(number, column, text)
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if len(rows) > 1:
            self._mark_best(len(rows))
        if rows:
            self.selectRow(min(selected, len(rows) - 1))

    def _mark_best(self, count: int) -> None:
        for column, key in enumerate(SHOWN, 1):
            more = COLUMNS[key].more_is_better
            items = [item for row in range(count) if (item := self.item(row, column)) is not None]
            numbers = [float(item.text()) for item in items if item.text() != "–"]
            if more is None or not numbers:
                continue
            best = max(numbers) if more else min(numbers)
            for item in items:
                font = item.font()
                font.setBold(item.text() != "–" and float(item.text()) == best)
                item.setFont(font)

    def _set(self, row: int, column: int, text: str) -> QTableWidgetItem:
        item = QTableWidgetItem(text)
        self.setItem(row, column, item)
        return item

    def _fit(self) -> None:
        """As tall as its rows, so that the dock scrolls and not the table."""
        rows = max(1, min(self.rowCount(), _MOST_ROWS))
        self.setFixedHeight(_ROW_HEIGHT * rows + _HEAD_HEIGHT + 20)

    def _tell(self, row: int, *_: int) -> None:
        if row >= 0:
            self.chosen.emit(row)
