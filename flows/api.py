"""Prefect's server, API and pages, as the process that the supervisor of `slip up` starts.

    python -m slipstream.flows.api HOST PORT

What `prefect server start` runs, and it ends when standard input does: with the supervisor.
"""

from __future__ import annotations

import os
import sys
import threading

from slipstream.flows import server
from slipstream.flows.same_origin import guarded

END_SECONDS = 3
"""For requests under way; a page in a browser keeps its connection open for ever."""


def main(host: str, port: int) -> None:
    """Serve until standard input ends, or SIGTERM comes."""
    import uvicorn
    from prefect.server.api.server import create_app

    served = uvicorn.Server(
        uvicorn.Config(
            guarded(create_app(final=True), host),
            host=host,
            port=port,
            log_level="warning",
            timeout_keep_alive=5,
            timeout_graceful_shutdown=END_SECONDS,
        )
    )

    def end() -> None:
        sys.stdin.read()
        served.should_exit = True
        threading.Timer(4 * END_SECONDS, os._exit, [1]).start()

    threading.Thread(target=end, daemon=True).start()
    served.run()
    server.leave(0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
