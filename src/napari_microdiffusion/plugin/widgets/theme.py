"""Colours of the dock, taken from napari's theme, and its style sheet."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Appearance:
    """Colours as #rrggbb; `series` are those of the curves of a plot.

    `accent` fills buttons; `mark` is the same colour for what is thin, such as a line; `done` fills what
    `text` is written on, a progress bar.
    """

    text: str
    dim: str
    line: str
    field: str
    accent: str
    mark: str
    done: str
    on_accent: str
    warning: str
    error: str
    series: tuple[str, ...]

    @classmethod
    def plain(cls) -> "Appearance":
        """Greys, until a theme is known."""
        grey = "#808080"
        return cls(grey, grey, grey, grey, grey, grey, grey, grey, grey, grey, _ON_DARK)

    @classmethod
    def of_theme(cls, name: str) -> "Appearance":
        """The colours of one of napari's themes."""
        from napari.utils.theme import get_theme

        theme = get_theme(name)
        text, back, accent = _rgb(theme.text), _rgb(theme.background), _rgb(theme.current)
        # napari's light theme is paler than its dark one is dark.
        light = theme.type == "light"
        return cls(
            text=_hex(text),
            dim=_hex(_mixed(text, back, 0.32 if light else 0.4)),
            line=_hex(_rgb(theme.primary)),
            field=_hex(_rgb(theme.foreground)),
            accent=_hex(accent),
            mark=_hex(_mixed(accent, text, 0.4 if light else 0.0)),
            done=_hex(_mixed(accent, back, 0.35)),
            on_accent="#ffffff" if _luma(accent) < 150 else "#000000",
            warning=_hex(_mixed(_rgb(theme.warning), text, 0.6 if light else 0.0)),
            error=_hex(_rgb(theme.error)),
            series=_ON_LIGHT if light else _ON_DARK,
        )

    def style_sheet(self) -> str:
        """Qt style sheet for the dock; `tone` is a property that labels set."""
        return f"""
            QLabel[tone="dim"] {{ color: {self.dim}; }}
            QLabel[tone="warning"] {{ color: {self.warning}; }}
            QLabel[tone="error"] {{
                color: {self.text}; background: {self.field}; padding: 6px;
                border-left: 3px solid {self.error};
            }}
            QLabel[tone="empty"] {{
                color: {self.dim}; border: 1px dashed {self.line}; border-radius: 4px; padding: 10px;
            }}
            QPushButton {{ padding: 3px 7px; border: 1px solid transparent; }}
            QPushButton:focus, QComboBox:focus, QAbstractSpinBox:focus, QLineEdit:focus, QListWidget:focus,
            QTableWidget:focus {{ border: 1px solid {self.mark}; }}
            QCheckBox:focus, QRadioButton:focus {{ background: {self.field}; }}
            QPushButton#section {{ background: transparent; border-radius: 0; padding: 0; min-height: 24px; }}
            QPushButton#section:hover {{ background: {self.field}; }}
            QPushButton#section QLabel {{ background: transparent; }}
            QPushButton#help {{
                background: transparent; border: none; padding: 0 6px; color: {self.dim}; font-weight: bold;
            }}
            QPushButton#help:hover {{ color: {self.text}; }}
            QFrame#line {{ background: {self.field}; }}
            QProgressBar {{ background: {self.field}; color: {self.text}; border: none; border-radius: 3px; }}
            QProgressBar::chunk {{ background: {self.done}; border-radius: 3px; }}
            QPushButton#main {{
                padding: 7px; font-weight: bold; background: {self.accent}; color: {self.on_accent};
            }}
            QPushButton#main:disabled {{ background: {self.field}; color: {self.dim}; }}
            QScrollArea, QScrollArea > QWidget > QWidget {{ background: transparent; border: none; }}
        """


RGB = tuple[int, int, int]

# Okabe and Ito's colours, which remain distinct with any colour vision, as they read on each ground.
_ON_LIGHT = ("#0072b2", "#d55e00", "#008060", "#b0558a", "#a67700", "#333333")
_ON_DARK = ("#56b4e9", "#e69f00", "#2ec49b", "#e08fc0", "#f0e442", "#ffffff")


def _rgb(colour: object) -> RGB:
    r, g, b = colour.as_rgb_tuple(alpha=False)  # type: ignore[attr-defined]
    return int(r), int(g), int(b)


def _mixed(colour: RGB, other: RGB, share: float) -> RGB:
    r, g, b = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return r, g, b


def _luma(colour: RGB) -> float:
    """Luminance as ITU-R BT.601 weighs it, 0 to 255."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def _hex(colour: RGB) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
