"""`python -m tests.fault_server [port]`: serve until standard input closes; the first line is the address."""

from __future__ import annotations

import sys
import threading

from tests.fault_server.server import FaultyServer


def main() -> None:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    server = FaultyServer("127.0.0.1", port)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    # Whoever started it holds the other end: it cannot outlive them.
    sys.stdin.read()


if __name__ == "__main__":
    main()
