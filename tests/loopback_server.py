"""A web server on this machine that misbehaves on request, to try downloads against."""

import contextlib
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class LoopbackServer(ThreadingHTTPServer):
    """Serves `body`; the first part of a request's path says how.

    ``/good/…`` whole · ``/truncated/…`` half, then a clean end · ``/dying/…`` half,
    then a reset · ``/mute/…`` whole, but only after `patience` seconds ·
    ``/stalling/…`` half, and the rest after `patience` seconds · ``/altered/…`` one
    byte changed · ``/page/…`` a short web page · ``/403/…``, ``/404/…``, ``/500/…``
    that answer. `paths` lists what was asked for.
    """

    daemon_threads = True

    def __init__(self, body):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.body = body
        self.paths = []
        self.patience = 3
        self.closing = threading.Event()

    def url(self, behaviour):
        return f"http://127.0.0.1:{self.server_port}/{behaviour}/file"

    def handle_error(self, request, client_address):
        """Say nothing: clients that hang up are what the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.paths.append(self.path)
        behaviour, body = self.path.split("/")[1], self.server.body
        half = len(body) // 2
        if behaviour.isdigit():
            self.send_error(int(behaviour))
        elif behaviour == "good":
            self._send(len(body), body)
        elif behaviour == "truncated":
            self._send(len(body), body[:half])
        elif behaviour == "dying":
            self._send(len(body), body[:half])
            # Lingering for no time makes close() a reset instead of an orderly end.
            self.connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            self.connection.close()
        elif behaviour == "mute":
            self.server.closing.wait(self.server.patience)
            self._send(len(body), body)
        elif behaviour == "stalling":
            self._send(len(body), body[:half])
            self.server.closing.wait(self.server.patience)
            self.wfile.write(body[half:])
        elif behaviour == "altered":
            self._send(len(body), bytes([body[0] ^ 1]) + body[1:])
        elif behaviour == "page":
            page = b"<html>Please log in to the school's network.</html>"
            self._send(len(page), page)

    def _send(self, length, content):
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, *_):
        """Keep the tests' output clean."""


@contextlib.contextmanager
def serving(body):
    """Run a `LoopbackServer` in a thread for the length of a with block."""
    server = LoopbackServer(body)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()


def refused_url():
    """Return an address of this machine at which nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    return f"http://127.0.0.1:{port}/good/file"
