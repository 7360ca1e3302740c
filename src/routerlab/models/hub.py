"""A file from the model hub, resumed where an earlier download stopped.

The library's own `hf_hub_download` starts every call in a fresh temporary file, so an interrupted pull
would start over; here its client, headers and metadata are used, and the bytes are kept.
"""

import hashlib
import os
import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO

import httpx2
from huggingface_hub import HfFileMetadata, get_hf_file_metadata, get_session, hf_hub_url, hf_raise_for_status
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # listed, but loaded lazily

from routerlab.core.errors import Exit, LabError
from routerlab.core.text import printable
from routerlab.models.catalog import HubSource
from routerlab.models.fingerprint import hash_file
from routerlab.models.progress import Watch, check_disk

LOOKUP_TIMEOUT = 4.0  # seconds; an unreachable hub must not keep the next source waiting
TIMEOUT = (LOOKUP_TIMEOUT, 30.0, 30.0, 30.0)  # connect, read, write, pool
TRIES = 5  # connections in a row that bring no byte
CHUNK = 1 << 18
FAULTS = (OSError, ValueError, ImportError, httpx2.HTTPError, httpx2.InvalidURL)
"""What a connection raises, or a client that cannot be made: of a proxy or a token that it cannot use."""


def fetch(source: HubSource, work: Path, watch: Watch) -> tuple[Path, str]:
    """The file, complete, in `work`, and its SHA-256; LabError when the hub cannot give it."""
    url = hf_hub_url(source.repo, source.file, revision=source.revision)
    try:
        meta = get_hf_file_metadata(url, timeout=LOOKUP_TIMEOUT)
    except FAULTS as e:
        raise LabError(_reason(e, source), Exit.MISSING) from None
    # Named after the content, so that a file changed on the hub is not glued to an old half.
    key = hashlib.sha256(f"{url} {meta.etag} {meta.size}".encode()).hexdigest()[:16]
    part = work / f"hub-{key}.part"
    for stale in work.glob("hub-*.part"):
        if stale != part:
            stale.unlink()
    have = part.stat().st_size if part.exists() else 0
    if meta.size is not None:
        check_disk(work, meta.size - have)
    if have:
        watch.note(f"going on after the first {have:,} bytes")
    _download(url, part, meta, source, watch)
    digest = hash_file(part, partial(watch.tell, "verify", "verifying"))
    if meta.etag and re.fullmatch("[0-9a-f]{64}", meta.etag) and meta.etag != digest:
        part.unlink()
        raise LabError(f"wrong hash: the hub announced {meta.etag}, the file is {digest}", Exit.MISSING)
    return part, digest


def _download(url: str, part: Path, meta: HfFileMetadata, source: HubSource, watch: Watch) -> None:
    """Appends to `part` until it is complete; connections that break are taken up again."""
    left = TRIES
    with part.open("ab") as f:

        def progress() -> None:
            watch.tell("download", "downloading from the hub", f.tell(), meta.size)

        while meta.size is None or f.tell() < meta.size:
            before = f.tell()
            progress()
            try:
                _stream(url, f, progress)
            except FAULTS as e:
                transient = isinstance(e, httpx2.TransportError) or (
                    isinstance(e, HfHubHTTPError) and e.response.status_code in (408, 429, 500, 502, 503, 504)
                )
                left = TRIES if f.tell() > before else left - 1
                if not transient or left == 0:
                    raise LabError(_reason(e, source), Exit.MISSING) from None
                time.sleep(0.5)
            else:
                break
        f.flush()
        os.fsync(f.fileno())
        size = f.tell()
    if meta.size is not None and size != meta.size:
        part.unlink()  # longer or shorter than announced: nothing to go on from
        raise LabError(f"the hub sent {size:,} bytes where it announced {meta.size:,}", Exit.MISSING)


def _stream(url: str, f: BinaryIO, progress: Callable[[], None]) -> None:
    """One connection: the rest of the file from `f`'s end on."""
    have = f.tell()
    headers = build_hf_headers() | {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with get_session().stream(
        "GET", url, headers=headers, timeout=TIMEOUT, follow_redirects=True
    ) as response:
        if response.status_code >= 400:
            response.read()
        hf_raise_for_status(response)
        resumed = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if have and not (response.status_code == 206 and resumed):
            f.truncate(0)  # the server sends the whole file again
        for chunk in response.iter_bytes(CHUNK):
            f.write(chunk)
            progress()


def _reason(e: Exception, source: HubSource) -> str:
    page = f"https://huggingface.co/{source.repo}"
    match e:
        case OfflineModeIsEnabled():
            return "HF_HUB_OFFLINE is set"
        case GatedRepoError():
            return f"{source.repo} wants a token: accept its terms at {page} and set HF_TOKEN"
        case RemoteEntryNotFoundError() | RevisionNotFoundError():
            return f"{source.repo} has no {source.file} at revision {source.revision}"
        case RepositoryNotFoundError():
            return f"no repository {source.repo}, or it wants a token (HF_TOKEN)"
        case HfHubHTTPError():
            return f"the hub answered {e.response.status_code} for {source.repo}"
        case httpx2.TransportError() | httpx2.HTTPError():
            return f"the hub is not reachable ({type(e).__name__}: {printable(str(e))})"
        case (
            ImportError() | ValueError() | httpx2.InvalidURL()
        ):  # whose words may have a proxy's password in them
            return f"no client can be made ({type(e).__name__}): see what is set for a proxy, and HF_TOKEN"
        case _:
            return printable(str(e))
