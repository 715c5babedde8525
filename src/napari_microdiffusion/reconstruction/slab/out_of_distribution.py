"""The out-of-distribution score of a run's projections, and what is said where it is too high."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ...diffusion.out_of_distribution import TrainingDistribution


def out_of_distribution_score(sample: np.ndarray, known: "TrainingDistribution | None") -> float | None:
    """The score of the statistics of a stack; None where there are none of it or of the training data."""
    # Of a stack that is too small, no statistics are known.
    return known.score(sample) if known is not None and np.isfinite(sample).all() else None


def out_of_distribution_warning(sample: np.ndarray, known: "TrainingDistribution | None") -> str | None:
    """What to say of a stack whose score is beyond the limit; None of others."""
    score = out_of_distribution_score(sample, known)
    if known is None or score is None or score <= known.limit:
        return None
    return (
        "These images differ from all that the prior was trained on "
        f"({' and '.join(known.most_unusual(sample))}; score {score:.1f}, usual up to {known.limit:.1f}): "
        "detail within the slabs may be wrong. Look at the uncertainty, or adapt the prior to your tissue."
    )
