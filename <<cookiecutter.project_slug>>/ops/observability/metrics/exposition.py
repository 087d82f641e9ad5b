"""All metrics as text, in the format that Prometheus reads."""

import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import django
from django.conf import settings
from django.utils.module_loading import import_string
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from ops.contracts import Sample
from ops.observability.metrics import processes
from ops.observability.metrics.instruments import REGISTRY

logger = logging.getLogger(__name__)

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


def exposition() -> bytes:
    """Return the counters of all processes and the samples of METRICS_COLLECTORS."""
    counted = REGISTRY
    if processes.FOLDER in os.environ:
        counted = CollectorRegistry()
        counted.register(ProcessesCollector())
    read = CollectorRegistry()
    read.register(SiteCollector())
    return generate_latest(counted) + generate_latest(read)


class ProcessesCollector(Collector):
    """The counters of all processes, which are in files."""

    def collect(self) -> Iterable[Metric]:
        """Return the sums. A file is empty when a process has just created it, and the library fails on such a file."""
        paths = Path(os.environ[processes.FOLDER]).glob("*.db")
        metrics: Iterable[Metric] = MultiProcessCollector.merge([str(path) for path in paths if size(path)])
        return metrics


def size(path: Path) -> int:
    """Return the size of a file in bytes, or 0 if it was removed."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


class SiteCollector(Collector):
    """The samples of METRICS_COLLECTORS, taken at each request."""

    def collect(self) -> Iterator[Metric]:
        """Yield all samples. A collector that fails loses only its own; ``site_collector_up`` is 0 then."""
        build = {"version": settings.SITE_VERSION, "django": django.get_version()}
        samples = [Sample("site_build_info", "What is running", 1, build)]
        for name, path in settings.METRICS_COLLECTORS.items():
            try:
                found = list(import_string(path)())
            except Exception as error:  # noqa: BLE001 - other collectors still report
                logger.warning("The metrics of %s cannot be read: %s", name, error)
                found = []
                is_up = False
            else:
                is_up = True
            labels = {"source": name}
            samples += [*found, Sample("site_collector_up", "Whether these metrics could be read", is_up, labels)]
        yield from families(samples)


def families(samples: Iterable[Sample]) -> Iterable[Metric]:
    """Return the metrics of the library, each with all its samples."""
    found: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
    for sample in samples:
        kind = CounterMetricFamily if sample.name.endswith("_total") else GaugeMetricFamily
        if sample.name not in found:
            found[sample.name] = kind(sample.name, sample.help, labels=list(sample.labels))
        found[sample.name].add_metric(list(sample.labels.values()), float(sample.value))
    return found.values()
