# SPDX-License-Identifier: MIT
"""The HTTP server of `threadleak metrics --listen`: GET /metrics, and nothing else."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Tuple

TIMEOUT_S = 10  # for a request to arrive
Answer = Callable[[str], Tuple[bytes, str]]  # of the header Accept: body, Content-Type


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: Tuple[str, int], answer: Answer):
        self.answer = answer
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Without the look-up of our own name that HTTPServer makes."""
        socketserver_bind(self)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked is gone, which is no matter."""


def socketserver_bind(server: _Server) -> None:
    server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.socket.bind(server.server_address)
    server.server_address = server.socket.getsockname()


class _Handler(BaseHTTPRequestHandler):
    timeout = TIMEOUT_S
    server_version = "threadleak"
    sys_version = ""

    def do_GET(self) -> None:
        if self.path.split("?", 1)[0] != "/metrics":
            self.send_error(404, "The metrics are at /metrics")
            return
        body, kind = self.server.answer(self.headers.get("Accept") or "")  # type: ignore
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """A line each 15 seconds would tell nobody anything."""


def serve(address: Tuple[str, int], answer: Answer, ready: Callable[[str], None]) -> None:
    """Until SIGTERM or SIGINT; answers that have begun are given. OSError: it cannot listen there."""
    import signal

    server = _Server(address, answer)
    with server:
        for number in (signal.SIGTERM, signal.SIGINT):
            # shutdown() waits for serve_forever(), which the signal has interrupted
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        host, port = server.server_address[:2]
        shown = f"[{host!s}]" if ":" in str(host) else str(host)
        ready(f"http://{shown}:{port}/metrics")
        server.serve_forever(poll_interval=0.2)
