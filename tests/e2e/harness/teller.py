"""A provider that tells the golden answers: what it says follows from the name of the model."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

GOLDEN = Path(__file__).parents[3] / "dialect/tests/golden/answers"
_KINDS = {".json": "application/json", ".sse": "text/event-stream"}


def story(provider: str, feature: str, ending: str) -> bytes:
    """A golden answer without the lines that name its sources."""
    text = (GOLDEN / provider / f"{feature}{ending}").read_text()
    return "".join(
        line for line in text.splitlines(keepends=True) if not line.startswith("// ")
    ).encode()


class Teller:
    """Listens on a port of its own, below `/openai`, `/anthropic` and `/gemini`."""

    def __init__(self) -> None:
        teller = self
        # Unset, it lets a stream stop behind its first words until it is set.
        self.go = threading.Event()
        self.go.set()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:  # noqa: N802 - the base class's name for it
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                provider = self.path.split("/")[1]
                in_path = re.search(r"/models/([^:]+):", self.path)
                feature = in_path[1] if in_path else body["model"]
                stream = body.get("stream") or "stream" in self.path
                ending = ".sse" if stream else ".json"
                answer = story(provider, feature, ending)
                self.send_response(200)
                self.send_header("content-type", _KINDS[ending])
                self.send_header("content-length", str(len(answer)))
                self.send_header("x-frame-options", "DENY")
                self.send_header("openai-processing-ms", "7")
                self.end_headers()
                begun = 0 if teller.go.is_set() else answer.index(b"\n\n", answer.index(b"text")) + 2
                self.wfile.write(answer[:begun])
                self.wfile.flush()
                assert teller.go.wait(30), "nobody lets the stream go on"
                self.wfile.write(answer[begun:])

            def log_message(self, *_: object) -> None:
                """Says nothing: a failing test shows the logs of what it tests."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
