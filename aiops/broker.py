"""Redis as the broker of workers that hold messages when it goes away."""

from __future__ import annotations

from kombu.transport import redis


class QoS(redis.QoS):
    """The messages that a worker holds.

    With Celery and kombu 5.7 a worker that holds one ends when Redis refuses connections: it gives
    its messages back over the connection that has just been closed, and later acknowledges them
    over it. Until all that it runs has ended, nobody serves its pool. Nothing needs either: the
    record says what was done, and a message that is delivered once more does nothing.
    """

    restore_at_shutdown = False

    def ack(self, delivery_tag: str) -> None:
        if not self.channel.closed:
            super().ack(delivery_tag)


class Channel(redis.Channel):
    QoS = QoS


class Transport(redis.Transport):
    Channel = Channel
