"""What waits for a worker, and what workers have taken, as the broker has it.

A task that was taken stays in the broker until it has run, so that it is not lost with its worker.
"""

import json
from collections import Counter
from typing import Any

from celery import current_app
from django.conf import settings
from redis import Redis

from ops.deliveries import broker

Message = dict[str, Any]


def lists(channel: Any) -> list[str]:
    """Return the names of the lists of Redis in which tasks wait: of each queue one for each priority."""
    return [
        channel._q_for_pri(queue, priority) for queue in current_app.amqp.queues for priority in channel.priority_steps
    ]


def name_of(message: Message) -> str:
    """Return the name of the task that a message asks for."""
    return str(message["headers"]["task"])


def waiting() -> Counter[str]:
    """Return how many tasks wait, by their names."""
    with broker() as channel:
        return Counter(
            name_of(json.loads(message)) for place in lists(channel) for message in channel.client.lrange(place, 0, -1)
        )


def taken() -> Counter[str]:
    """Return how many tasks workers have taken and not ended, by their names; also workers that are there no more."""
    with broker() as channel:
        return Counter(name_of(json.loads(kept)[0]) for kept in channel.client.hvals(channel.unacked_key))


def remove(name: str | None = None) -> tuple[int, int]:
    """Remove the tasks of a name, or all; return how many had been waiting, and how many had been taken.

    One that runs goes on to its end, and will not run again if its worker is killed meanwhile.
    """
    count, count_taken = 0, 0
    with broker() as channel:
        for place in lists(channel):
            for message in channel.client.lrange(place, 0, -1):
                if name in (None, name_of(json.loads(message))):
                    count += channel.client.lrem(place, 1, message)
        for tag, kept in channel.client.hgetall(channel.unacked_key).items():
            if name in (None, name_of(json.loads(kept)[0])):
                channel.client.zrem(channel.unacked_index_key, tag)
                count_taken += channel.client.hdel(channel.unacked_key, tag)
    return count, count_taken


def move_former() -> int:
    """Move tasks from where former versions kept them, the database after that of REDIS_URL; return how many.

    No worker may take tasks there any more, or one that runs would run twice.
    """
    count = 0
    former = Redis.from_url(settings.REDIS_URL)
    place = former.connection_pool.connection_kwargs
    place["db"] = int(place.get("db", 0)) + 1
    with former, broker() as channel:
        present = channel.client.connection_pool.connection_kwargs
        if [present.get(key) for key in ("host", "port", "db")] == [place.get(key) for key in ("host", "port", "db")]:
            return 0
        for waiting_list in lists(channel):
            # Copied before it is removed: a task may run twice, and is not lost.
            while message := former.lindex(waiting_list, -1):
                channel.client.lpush(waiting_list, message)
                former.rpop(waiting_list)
                count += 1
        for tag, kept in former.hgetall(channel.unacked_key).items():
            message, _, queue = json.loads(kept)
            channel.client.lpush(queue, json.dumps(message))
            former.hdel(channel.unacked_key, tag)
            former.zrem(channel.unacked_index_key, tag)
            count += 1
    return count
