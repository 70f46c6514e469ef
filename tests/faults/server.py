"""A mirror on the loopback interface that fails in one chosen way: real sockets, so real time-outs and real cuts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = b"<!DOCTYPE html><title>Welcome to the hotel network</title>"


class Mirror(ThreadingHTTPServer):
    """`files` by name, sent as `fault` does it; `asked` are the names in the order they were asked for."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes], fault: Callable[[Request, bytes], None]) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.files, self.fault = files, fault
        self.asked: list[str] = []
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/mnist/"

    def handle_error(self, request, client_address) -> None:
        """Clients that hang up are what many of these tests are about."""


class Request(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        self.server.asked.append(name)
        self.server.fault(self, self.server.files[name])

    def begin(self, length: int | None, status: int = 200) -> None:
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *arguments) -> None:
        """No lines on stderr."""


def good(request: Request, content: bytes) -> None:
    request.begin(len(content))
    request.wfile.write(content)


def another_file(request: Request, content: bytes) -> None:
    good(request, next(other for other in request.server.files.values() if other != content))


def html_page(request: Request, content: bytes) -> None:
    good(request, PAGE)


def bit_flip(request: Request, content: bytes) -> None:
    middle = len(content) // 2
    good(request, content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])


def short_with_length(request: Request, content: bytes) -> None:
    request.begin(len(content))
    request.wfile.write(content[: len(content) // 2])


def short_without_length(request: Request, content: bytes) -> None:
    request.begin(None)
    request.wfile.write(content[: len(content) // 2])


def unavailable(request: Request, content: bytes) -> None:
    request.begin(len(PAGE), status=503)
    request.wfile.write(PAGE)


def forbidden(request: Request, content: bytes) -> None:
    request.begin(len(PAGE), status=403)
    request.wfile.write(PAGE)


def no_answer(request: Request, content: bytes) -> None:
    request.server.closing.wait()


def stall(request: Request, content: bytes) -> None:
    request.begin(len(content))
    request.wfile.write(content[: len(content) // 2])
    request.wfile.flush()
    request.server.closing.wait()


def trickle(request: Request, content: bytes) -> None:
    """Never silent for long, so no socket ever times out."""
    request.begin(len(content))
    while not request.server.closing.wait(0.05):
        request.wfile.write(b"\x1f")
        request.wfile.flush()


def slow(request: Request, content: bytes) -> None:
    """Whole and right, in 20 pieces over a fifth of a second: time to be killed in."""
    request.begin(len(content))
    for start in range(0, len(content), len(content) // 20 + 1):
        request.wfile.write(content[start : start + len(content) // 20 + 1])
        request.wfile.flush()
        request.server.closing.wait(0.01)


def endless(request: Request, content: bytes) -> None:
    request.begin(None)
    while not request.server.closing.is_set():
        request.wfile.write(bytes(65_536))


@contextmanager
def serve(files: dict[str, bytes], fault: Callable[[Request, bytes], None]) -> Iterator[Mirror]:
    """Run one such mirror in a thread."""
    with Mirror(files, fault) as mirror:
        thread = threading.Thread(target=mirror.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield mirror
        finally:
            mirror.closing.set()
            mirror.shutdown()
            thread.join()
