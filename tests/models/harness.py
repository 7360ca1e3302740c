"""A hub and a package index on 127.0.0.1 for the tests of pulling, and the small things they serve."""

import hashlib
import os
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest
from huggingface_hub import constants

from routerlab.models.catalog import Entry
from routerlab.models.progress import Progress
from tests.conftest import PATIENCE_S

BODY = bytes(range(256)) * 4096  # 1 MiB
SHA = hashlib.sha256(BODY).hexdigest()
HUB = {"kind": "hub", "repo": "who/tiny", "file": "tiny.gguf"}
THIRD = len(BODY) // 3


class Server:
    """A hub and a package index on 127.0.0.1, whose faults a test chooses."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.etag: str | None = None
        self.status = 200
        self.ranges = True
        self.cuts: list[int] = []  # bytes after which the next downloads break off
        self.stall = ""  # a download with this in its name stops half-way until `go`
        self.stalled, self.go = threading.Event(), threading.Event()
        self.gets: Counter[str] = Counter()
        self.seen_ranges: list[str | None] = []
        self.tokens: list[str | None] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                return

            def do_HEAD(self) -> None:
                server.answer(self, body=False)

            def do_GET(self) -> None:
                server.answer(self, body=True)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}"

    def answer(self, h: BaseHTTPRequestHandler, *, body: bool) -> None:
        name = h.path.rsplit("/", 1)[-1]
        if not name:  # the index page
            page = "".join(f'<a href="{n}">{n}</a>' for n in self.files).encode()
            h.send_response(200)
            h.send_header("Content-Type", "text/html")
            h.send_header("Content-Length", str(len(page)))
            h.end_headers()
            h.wfile.write(page)
            return
        data = self.files.get(name)
        if data is None or self.status != 200:
            h.send_response(404 if data is None else self.status)
            h.send_header("X-Error-Code", "EntryNotFound" if data is None else "")
            h.send_header("Content-Length", "0")
            h.end_headers()
            return
        begin = 0
        if body:
            self.gets[name] += 1
            wanted = h.headers.get("Range")
            self.seen_ranges.append(wanted)
            if wanted and self.ranges:
                begin = int(wanted.removeprefix("bytes=").rstrip("-"))
        self.tokens.append(h.headers.get("Authorization"))
        h.send_response(206 if begin else 200)
        h.send_header("X-Repo-Commit", "0" * 40)
        h.send_header("ETag", f'"{self.etag or hashlib.sha256(data).hexdigest()}"')
        h.send_header("Content-Type", "application/octet-stream")
        h.send_header("Content-Length", str(len(data) - begin))
        if begin:
            h.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        h.end_headers()
        if not body:
            return
        data = data[begin:]
        if self.cuts:
            h.wfile.write(data[: self.cuts.pop(0)])
            h.wfile.flush()
            h.close_connection = True
            h.connection.shutdown(2)
            return
        if self.stall and self.stall in name and not self.go.is_set():
            half = len(data) // 2
            h.wfile.write(data[:half])
            h.wfile.flush()
            self.stalled.set()
            self.go.wait(PATIENCE_S)
            data = data[half:]
        try:
            h.wfile.write(data)
        except OSError:  # whoever asked is gone
            return


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    s = Server()
    monkeypatch.setattr(constants, "ENDPOINT", s.url)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", s.url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    yield s
    s.go.set()
    s.http.shutdown()
    s.http.server_close()


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the user's: home, caches, pip's settings, tokens."""
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name in [n for n in os.environ if n.startswith(("PIP_", "HF_")) or n.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_DEFAULT_TIMEOUT", "60")  # a stalled pip must not end by itself


class Told(NamedTuple):
    notes: list[str]
    steps: list[Progress]

    def report(self, p: Progress) -> None:
        if p.stage == "note":
            self.notes.append(p.text)
        else:
            self.steps.append(p)


@pytest.fixture
def told() -> Told:
    return Told([], [])


def entry(*sources: Mapping[str, object], sha256: str | None = SHA, size: int | None = len(BODY)) -> Entry:
    return Entry.model_validate(
        {
            "id": "tiny",
            "name": "Tiny",
            "file": "tiny.gguf",
            "size": size,
            "sha256": sha256,
            "license": "MIT",
            "parameters": "1M",
            "quantization": "F32",
            "source": sources or (HUB,),
        }
    )


def wheel(folder: Path, name: str, members: dict[str, bytes]) -> Path:
    """A wheel as pip accepts it."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as z:
        for member, content in members.items():
            z.writestr(member, content)
        z.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        z.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        z.writestr(f"{info}/RECORD", "")
    return path


def three_wheels(folder: Path) -> dict[str, object]:
    """BODY in three wheels, the first with two members out of order; the source that names them."""
    a, b, c = BODY[:THIRD], BODY[THIRD : 2 * THIRD], BODY[2 * THIRD :]
    wheel(folder, "part1", {"part1/data/part10.bin": a[1000:], "part1/data/part2.bin": a[:1000]})
    wheel(folder, "part2", {"part2/data/part1.bin": b, "part2/__init__.py": b"raise SystemExit('imported')"})
    wheel(folder, "part3", {"part3/data/part1.bin": c})
    return {
        "kind": "wheels",
        "packages": ["part1==1.0", "part2==1.0", "part3==1.0"],
        "members": "*/data/part*.bin",
    }
