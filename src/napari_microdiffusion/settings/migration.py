"""Settings of earlier versions, read with the meaning that they had."""

from collections.abc import Mapping
from typing import Any

DETECTOR_NOISE = ("photon_gain", "read_noise")


def migrated(content: Mapping[str, Any]) -> dict[str, Any]:
    """A table of settings as the present version would have written it.

    Until version 2, in tables without a version, a photon gain and a read noise of 0 meant that neither was
    stated; since then 0 states that there is none, and None leaves both to an estimate.

    Parameters
    ----------
    content : mapping
        A document, a provenance, or the description that a result carries.
    """
    result = dict(content)
    acquisition = result.get("acquisition")
    if result.get("version", 1) == 1 and isinstance(acquisition, Mapping):
        stated = {name: acquisition.get(name) for name in DETECTOR_NOISE}
        if not any(stated.values()):
            result["acquisition"] = {
                name: value for name, value in acquisition.items() if name not in DETECTOR_NOISE
            }
    return result
