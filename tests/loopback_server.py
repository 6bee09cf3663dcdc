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
    that answer · ``/careful/…`` whole or from the byte asked for, with the ETag
    `version`. `paths` lists what was asked for, `ranges` from where (None: all).

    A careful server breaks off half-way in its first `breaks` answers, after waiting
    `patience` seconds if it `stalls`. It answers ranges as `range_status` says: 206
    with the rest, 200 with everything, or 416 with nothing.
    """

    daemon_threads = True

    def __init__(self, body):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.body = body
        self.paths = []
        self.ranges = []
        self.version = '"first"'
        self.breaks = 0
        self.stalls = False
        self.range_status = 206
        self.patience = 3
        self.closing = threading.Event()

    def url(self, behaviour):
        return f"http://127.0.0.1:{self.server_port}/{behaviour}/file"

    def handle_error(self, request, client_address):
        """Say nothing: clients that hang up are what the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.paths.append(self.path)
        self.server.ranges.append(self.headers.get("Range"))
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
        elif behaviour == "careful":
            self._send_carefully(self.server)

    def _send_carefully(self, server):
        asked, status = self.headers.get("Range"), 200
        start = 0
        if asked is not None:
            status = server.range_status
        if status == 416:
            self.send_error(416)
            return
        headers = {} if server.version is None else {"ETag": server.version}
        if status == 206:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            last, total = len(server.body) - 1, len(server.body)
            headers["Content-Range"] = f"bytes {start}-{last}/{total}"
        content = server.body[start:]
        if server.breaks == 0:
            self._send(len(content), content, status, headers)
            return
        server.breaks -= 1
        half = len(content) // 2
        self._send(len(content), content[:half], status, headers)
        if server.stalls:
            server.closing.wait(server.patience)
            self.wfile.write(content[half:])

    def _send(self, length, content, status=200, headers=None):
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
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
