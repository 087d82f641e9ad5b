"""What an app tells the metrics: each in METRICS_READINGS is a function without arguments that yields these."""

from collections.abc import Mapping
from typing import NamedTuple


class Reading(NamedTuple):
    """A number as it is now, or, when its name ends in ``_total``, one that only grows.

    All readings of a name have the same help and the same names of labels, whose values must be few.
    """

    name: str
    help: str
    value: float
    labels: Mapping[str, str] = {}
