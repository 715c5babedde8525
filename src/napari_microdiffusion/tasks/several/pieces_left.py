"""How long each piece of a batch and all of them together will still take."""

import time
from collections.abc import Callable, Sequence

from ...batch import Piece, Work, cost_of
from ...errors import UserError
from ...reconstruction.cost.estimate import Estimate
from ...reconstruction.cost.speed import MachineSpeed
from ..progress import Step
from ..remaining import Remaining


class PiecesLeft:
    """Follows pieces that are worked on one after the other.

    What a piece should take is first what is known of this machine, later what the pieces before it took.

    Parameters
    ----------
    pieces : sequence of Piece
    work : Work
    speed : MachineSpeed
    clock : callable
        Gives seconds.
    """

    def __init__(
        self,
        pieces: Sequence[Piece],
        work: Work,
        speed: MachineSpeed,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pieces, self._clock = pieces, clock
        known: dict[tuple[object, ...], Estimate | None] = {}
        self._costs: list[Estimate | None] = []
        for piece in pieces:
            # Time points and channels of a file are of one size.
            stack = (piece.source, piece.input.position)
            if stack not in known:
                known[stack] = _cost(piece, work, speed)
            self._costs.append(known[stack])
        self._number, self._began = 0, clock()
        self._expected = self._spent = 0.0
        self._now: Remaining | None = None

    def begin(self, number: int) -> None:
        """A piece comes next."""
        cost = self._costs[number]
        self._number, self._began = number, self._clock()
        self._now = None if cost is None else Remaining(cost, self._clock)

    def handle(self, event: object) -> None:
        """Take an event of the piece."""
        if self._now is not None:
            self._now.handle(event)

    def end(self, is_done: bool) -> None:
        """The piece is over; what failed says nothing of the others."""
        cost = self._costs[self._number]
        if is_done and cost is not None:
            self._expected += cost.seconds
            self._spent += self._clock() - self._began
        self._number, self._now = self._number + 1, None

    def seconds(self, number: int) -> float | None:
        """What a piece will still take; None where nothing is known of it."""
        cost = self._costs[number]
        if number == self._number and self._now is not None:
            return self._now.step().seconds_left
        if cost is None or number < self._number:
            return None
        return cost.seconds * (self._spent / self._expected if self._expected else 1.0)

    def step(self) -> Step:
        """The piece, the share of all pieces that is done, and the seconds that the rest will take."""
        count = len(self._pieces)
        within = 0.0 if self._now is None else self._now.step().fraction or 0.0
        name = self._pieces[self._number].name
        left = sum(self.seconds(number) or 0.0 for number in range(self._number, count))
        share = (self._number + within) / count
        return Step(f"Piece {self._number + 1} of {count}: {name}", share, left or None)


def _cost(piece: Piece, work: Work, speed: MachineSpeed) -> Estimate | None:
    try:
        return cost_of(piece, work, speed)
    except (UserError, OSError):
        return None  # its own turn will say what is wrong
