"""What can go wrong with the servers. Each message says what happened and what to do."""


class ServerError(RuntimeError):
    """Base of the errors that are meant for the person at the terminal."""
