"""All metrics as text, in the format that Prometheus reads."""

import logging
import os
from collections.abc import Iterable, Iterator

import django
from django.conf import settings
from django.utils.module_loading import import_string
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from ops.contracts import Reading
from ops.observability.metrics import processes
from ops.observability.metrics.instruments import REGISTRY

logger = logging.getLogger(__name__)

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


def exposition() -> bytes:
    """Return what all processes have counted, and what METRICS_READINGS say now."""
    counted = REGISTRY
    if processes.FOLDER in os.environ:
        counted = CollectorRegistry()
        MultiProcessCollector(counted)
    read = CollectorRegistry()
    read.register(Readings())
    return generate_latest(counted) + generate_latest(read)


class Readings(Collector):
    """What the apps say of themselves when they are asked."""

    def collect(self) -> Iterator[Metric]:
        """Yield their readings; one that fails takes away its own alone, and shows in ``site_readings_up``."""
        build = {"version": settings.SITE_VERSION, "django": django.get_version()}
        readings = [Reading("site_build_info", "What is running", 1, build)]
        for name, path in settings.METRICS_READINGS.items():
            try:
                found = list(import_string(path)())
            except Exception as error:  # noqa: BLE001 - whatever it raises, the others are told
                logger.warning("The metrics of %s cannot be read: %s", name, error)
                found = []
                is_up = False
            else:
                is_up = True
            labels = {"source": name}
            readings += [*found, Reading("site_readings_up", "Whether these metrics could be read", is_up, labels)]
        yield from families(readings)


def families(readings: Iterable[Reading]) -> Iterable[Metric]:
    """Return readings as the library has them: all of a name together."""
    found: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
    for reading in readings:
        kind = CounterMetricFamily if reading.name.endswith("_total") else GaugeMetricFamily
        if reading.name not in found:
            found[reading.name] = kind(reading.name, reading.help, labels=list(reading.labels))
        found[reading.name].add_metric(list(reading.labels.values()), float(reading.value))
    return found.values()
