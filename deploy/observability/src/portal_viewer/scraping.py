"""Reads `/metrics` of every process every few seconds, as Prometheus would: `up` says whether it answered."""

import asyncio
import time
from collections.abc import Mapping
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from portal_viewer.keeping import Metrics

_ANSWER_SECONDS: Final = 2.0
_SKIPPED: Final = ("_created",)


async def scrape(targets: Mapping[str, str], metrics: Metrics) -> None:
    """Read all targets once, side by side; one that does not answer has `up` 0."""
    async with httpx.AsyncClient(timeout=_ANSWER_SECONDS, trust_env=False) as client:
        await asyncio.gather(*(_scrape_one(client, name, url, metrics) for name, url in targets.items()))


async def _scrape_one(client: httpx.AsyncClient, job: str, url: str, metrics: Metrics) -> None:
    try:
        answer = await client.get(url)
        answer.raise_for_status()
        keep(answer.text, job, metrics, time.time())
    except (httpx.HTTPError, ValueError):
        metrics.add("up", (("job", job),), 0.0, time.time())
    else:
        metrics.add("up", (("job", job),), 1.0, time.time())


def keep(text: str, job: str, metrics: Metrics, now: float) -> None:
    """Keep what one answer says; raises ValueError when it is no exposition."""
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if not sample.name.endswith(_SKIPPED):
                labels = tuple(sorted({**sample.labels, "job": job}.items()))
                metrics.add(sample.name, labels, sample.value, now)
