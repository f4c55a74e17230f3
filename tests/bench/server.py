"""What both stubs share: a loopback HTTP server in threads, one for each connection."""

from __future__ import annotations

import contextlib
import json
import threading
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Status, headers, body's pieces.
Answer = tuple[int, dict[str, str], list[bytes]]
# Asked with the path, the headers and the body.
Responder = Callable[[str, dict[str, str], bytes], Answer]


def json_answer(status: int, answer: dict) -> Answer:
    """An answer of the AWS JSON protocol."""
    body = json.dumps(answer).encode()
    return status, json_headers(zlib.crc32(body)), [body]


def json_headers(crc: int) -> dict[str, str]:
    """The headers of such an answer, with its checksum."""
    return {"Content-Type": "application/x-amz-json-1.0", "x-amz-crc32": str(crc)}


@contextlib.contextmanager
def serving(respond: Responder) -> Iterator[str]:
    """Serves on a free loopback port for as long as the block lasts; gives host and port."""
    server = _Server(("127.0.0.1", 0), _handler(respond))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # An idle connection must not keep the benchmark from ending.
    block_on_close = False


def _handler(respond: Responder) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle(self) -> None:
            # Processes are ended with their connections open.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                super().handle()

        def handle_any(self) -> None:
            body = self._body()
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, more, pieces = respond(self.path, headers, body)
            self.send_response_only(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(sum(map(len, pieces))))
            self.end_headers()
            for piece in pieces:
                self.wfile.write(piece)

        do_GET = do_POST = do_PUT = handle_any

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            pieces = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
