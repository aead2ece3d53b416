"""The application behind a socket, until somebody stops it."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn

from campaigns.web.app import create_app
from campaigns.web.errors import WebError
from campaigns.web.settings import Settings

__all__ = ["run"]


def run(settings: Settings, port: int, ready: Callable[[str], None]) -> None:
    """Serve until stopped by a signal.

    Args:
        settings: what to serve.
        port: to listen on; 0 takes a free one.
        ready: told the address once the campaigns are open.

    Raises:
        WebError: if the address cannot be listened on. Others as `create_app`.
    """
    with _listen(settings.host, port) as listener:
        app = create_app(settings)
        name = f"[{settings.host}]" if ":" in settings.host else settings.host
        ready(f"http://{name}:{listener.getsockname()[1]}/")
        config = uvicorn.Config(
            app,
            log_level="warning",
            server_header=False,
            date_header=True,
            timeout_keep_alive=20,
            timeout_graceful_shutdown=5,
            limit_concurrency=1000,
        )
        uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(256)
    except OSError as error:
        listener.close()
        raise WebError(
            f"cannot listen on {host} port {port} ({error.strerror}); is another server there? --port"
        ) from error
    return listener
