"""The task by which is seen that tasks are run."""

from celery import shared_task
from django.core.cache import cache


def key_of(word: str) -> str:
    """Return where the task writes a word in the cache."""
    return f"preflight-{word}"


@shared_task
def answer(word: str) -> None:
    """Write a word into the cache, for a minute: results are kept nowhere else."""
    cache.set(key_of(word), word, timeout=60)
