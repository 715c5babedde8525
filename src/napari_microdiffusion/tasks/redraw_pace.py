"""How often a growing volume is redrawn: seldom enough that the window answers and the run goes on."""

import time
from collections.abc import Callable

# Redrawing a volume in 3D sends all of it to the graphics card again.
SECONDS_BETWEEN_3D = 0.25
SECONDS_BETWEEN_2D = 0.1
# The preview is over in a moment; every redraw would only delay it.
SECONDS_BETWEEN_PREVIEWS = 0.3
LONGEST_PAUSE = 2.0
# Where a redraw in 3D takes longer than this, volumes are drawn by the processor: a redraw at the end of each
# stage must do then.
SLOW_3D = 0.25
# Share of the window's time that redrawing may take.
REDRAW_SHARE = 0.08


class RedrawPace:
    """Says when to redraw, by how long it took before.

    Parameters
    ----------
    tick : float
        Seconds between two questions.
    clock : callable
        Gives seconds.
    """

    def __init__(self, tick: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self._tick, self._clock = tick, clock
        self._began = clock()
        self._next, self._ended = self._began + SECONDS_BETWEEN_2D, 0.0
        self._is_slow_3d = False

    def is_due(self, in_3d: bool, is_new_stage: bool) -> bool:
        """Whether it is time for what is new, in 2D or 3D, of the stage before or of another."""
        now = self._clock()
        if self._ended:
            # What was drawn is painted later, between two ticks: a late tick tells what that took.
            painting = now - self._ended - self._tick
            self._is_slow_3d |= painting > SLOW_3D and in_3d
            self._next = max(self._next, now + min(painting / REDRAW_SHARE, LONGEST_PAUSE))
            self._ended = 0.0
        self._began = now
        return now >= self._next and not (self._is_slow_3d and in_3d and not is_new_stage)

    def drawn(self, in_3d: bool, is_preview: bool) -> None:
        """It was redrawn since the last question."""
        self._ended = self._clock()
        pause = SECONDS_BETWEEN_PREVIEWS if is_preview else SECONDS_BETWEEN_2D
        pause = SECONDS_BETWEEN_3D if in_3d else pause
        self._next = self._began + max(pause, (self._ended - self._began) / REDRAW_SHARE)
