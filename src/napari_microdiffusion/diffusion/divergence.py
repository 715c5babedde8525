"""When a training has diverged, and the state that it goes on from."""

from collections.abc import Callable
from math import isfinite
from typing import Generic, TypeVar

from ..errors import RunFailed

State = TypeVar("State")

# Steps between two looks at whether the state is worth keeping, and steps without a finite gradient in a row
# that are taken for bad luck with a batch.
KEEP_EVERY, PATIENCE = 100, 5
# The running loss, relative to its lowest and to its first, from which a training has lost what it learned. A
# loss over random noise levels varies by a factor of a few from batch to batch, its mean over about twenty
# hardly; and one that nears zero may vary by any factor.
DIVERGED, WORSE_THAN_AT_FIRST, MEMORY = 30.0, 3.0, 0.95
# The learning rate after a restart, relative to that before it, and the restarts without an end in sight.
RATE_FACTOR, MOST_RESTARTS = 0.5, 4


class DivergenceWatch(Generic[State]):
    """Keeps the last good state of a training and says when to go back to it.

    Parameters
    ----------
    keep : callable
        Returns a copy of the state.

    Attributes
    ----------
    good : State
        The last state that was good.
    restarts : int
    rate : float
        Factor on the learning rate: 1, and smaller after each restart.
    is_doubtful : bool
        Whether the last steps had no finite gradient, so that the state may be bad.
    """

    def __init__(self, keep: Callable[[], State]) -> None:
        self._keep = keep
        self.restarts, self.rate = 0, 1.0
        self._forget()

    def _forget(self) -> None:
        self.good = self._keep()
        self._since, self._bad = 0, 0
        self._mean: float | None = None
        self._first = self._lowest = float("inf")

    @property
    def is_doubtful(self) -> bool:
        """See the class."""
        return self._bad > 0

    def is_diverged(self, loss: float, gradient: float) -> bool:
        """Take note of a step; true where the state should go back to `good`."""
        if not (isfinite(loss) and isfinite(gradient)):
            self._bad += 1
            return self._bad >= PATIENCE
        self._bad = 0
        self._mean = loss if self._mean is None else MEMORY * self._mean + (1 - MEMORY) * loss
        self._since += 1
        if self._since % KEEP_EVERY == 0 and self._mean < 4 * self._lowest:
            self.good = self._keep()
        if self._since < 1 / (1 - MEMORY):
            # Still the mean of a few batches, which may be low by chance.
            return False
        if not isfinite(self._first):
            self._first = self._mean
        self._lowest = min(self._lowest, self._mean)
        return self._mean > max(DIVERGED * self._lowest, WORSE_THAN_AT_FIRST * self._first)

    def restarted(self) -> None:
        """Count a restart from `good`, with a smaller learning rate from here.

        Raises
        ------
        RunFailed
            After too many of them.
        """
        self.restarts += 1
        if self.restarts > MOST_RESTARTS:
            raise RunFailed(
                f"the training diverged {self.restarts} times, each time at a smaller learning rate; check "
                "what it is trained on, or begin at a smaller learning rate"
            )
        self.rate *= RATE_FACTOR
        self._forget()
