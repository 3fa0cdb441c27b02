"""python -m aiops.providers.local --port 8711: a small model on this machine, to prove the plumbing."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from types import FrameType

from aiops.providers.local.weights import NotInstalled, WrongWeights
from aiops.providers.models import LOCAL_CAVEAT


def main() -> int:
    """Serve until SIGTERM or SIGINT. Returns 2, with the way out on stderr, when it cannot start."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    # One thread for NumPy too, before it is imported: it must not fight the workers for the cores.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    started = time.monotonic()
    try:
        from aiops.providers.local.server import LocalModelServer

        server = LocalModelServer(arguments.host, arguments.port)
    except (NotInstalled, WrongWeights) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(
            f"The local model cannot listen on {arguments.host}:{arguments.port}: {error}. "
            "Stop what uses the port, or choose another with --port.\n"
        )
        return 2
    _say(
        f"ready on http://{arguments.host}:{arguments.port}/v1 in {time.monotonic() - started:.1f} s"
    )
    _say(f"its answers: {LOCAL_CAVEAT}")
    server.serve_forever()
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m aiops.providers.local", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8711)
    return parser.parse_args()


def _stop(signum: int, frame: FrameType | None) -> None:
    # Nothing is kept in memory, and llama.cpp's threads take their time to end: leave at once.
    os._exit(0)


def _say(text: str) -> None:
    sys.stdout.write(f"local model: {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
