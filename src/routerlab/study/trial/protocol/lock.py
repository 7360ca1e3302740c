"""Freezing a protocol: its content and the hashes of all that it names, in a file beside it.

The protocol keeps its comments; the lock is made by the lab, and holds a hash of itself. A run compares both
with what is there now.
"""

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from routerlab.core.errors import LabError
from routerlab.core.files.atomic import write_new
from routerlab.core.files.toml import canonical_json, canonical_sha256, load_toml
from routerlab.core.hashed import Hashed
from routerlab.core.moment import Moment
from routerlab.core.prediction import Record
from routerlab.core.session.fragment import toml_value
from routerlab.engine.arms.arm import ArmSpec, Spec
from routerlab.engine.arms.baseline import BaselineSpec
from routerlab.engine.contract.router import load_router
from routerlab.engine.remote.arm import RemoteSpec
from routerlab.engine.remote.playback import RecordedSpec
from routerlab.models.fingerprint import file_sha256, hash_file
from routerlab.resources import KEYWORDS, POOL
from routerlab.study.benchmark.harmony import weights
from routerlab.study.trial.protocol.assignment import plan_sha256
from routerlab.study.trial.protocol.protocol import Protocol
from routerlab.study.trial.protocol.registration import Registered, connections
from routerlab.version import __version__

_HEAD = (
    "# The lock of {name}, made by `routerlab trial lock`. It is not to be edited: it holds its own hash.\n"
)


class LockedArm(Record):
    """An arm as it was pinned: `files` is file name -> SHA-256 of all it is made of, `endpoint` is where a
    remote one is asked. It serves as many sessions at a time as it has `connections`."""

    name: str
    ask: str
    contract: str
    files: dict[str, str]
    endpoint: str | None = None
    connections: int = 1


class Lock(Record):
    """A frozen protocol. `protocol` is its canonical content as JSON, `pins` name -> SHA-256 of the canonical
    content of corpus, taxonomy, exemplars, routes, recording, and of the plan of sessions, and of the file of
    outcomes; `cases` are asked.

    `git_commit` is that of the protocol's folder, `git_clean` whether the protocol was committed as it is.
    `replaces` is the hash of an older lock. `sha256` is the hash of everything else here.
    """

    schema_version: Literal[1] = 1
    name: str
    locked_at: Moment
    lab_version: str
    git_commit: str | None = None
    git_clean: bool | None = None
    replaces: str | None = None
    protocol: str
    pins: dict[str, str]
    cases: tuple[str, ...]
    arm: tuple[LockedArm, ...]
    sha256: str

    @property
    def content(self) -> Protocol:
        """The protocol that was frozen."""
        return Protocol.model_validate_json(self.protocol)


def lock_path(protocol: Path) -> Path:
    """Where the lock of a protocol lies."""
    return protocol.with_name(f"{protocol.stem}.lock.toml")


def make_lock(work: Registered, replaces: str | None = None) -> Lock:
    """The lock of a protocol as it is now."""
    arms, (commit, clean) = work.protocol.arm, _git(work.path)
    lock = Lock(
        name=work.protocol.name,
        locked_at=datetime.now(UTC).replace(microsecond=0),
        lab_version=__version__,
        git_commit=commit,
        git_clean=clean,
        replaces=replaces,
        protocol=canonical_json(work.protocol),
        pins=_pins(work),
        cases=tuple(case.id for case in work.cases),
        arm=tuple(_arm(work, spec, arm.ask) for spec, arm in zip(work.specs, arms, strict=True)),
        sha256="",
    )
    return lock.model_copy(update={"sha256": _own_hash(lock)})


def write_lock(path: Path, lock: Lock) -> None:
    """Write the lock, whole or not at all; LabError when that cannot be done."""
    data = lock.model_dump(exclude_none=True)
    arms = data.pop("arm")
    lines = [f"{key} = {toml_value(value)}" for key, value in data.items()]
    for arm in arms:
        lines += ["", "[[arm]]", *(f"{key} = {toml_value(value)}" for key, value in arm.items())]
    text = _HEAD.format(name=lock.name) + "\n".join(lines) + "\n"
    try:
        write_new(path, text.encode())
    except OSError as e:
        raise LabError(f"{path}: cannot be written: {e.strerror}") from None


def load_lock(path: Path) -> Lock:
    """The lock in `path`; LabError when there is none, or it was edited."""
    if not path.exists():
        raise LabError(f"{path}: no such file: the protocol is not locked; `routerlab trial lock` it first")
    lock = load_toml(path, Lock)
    if _own_hash(lock) != lock.sha256:
        raise LabError(f"{path}: was edited after it was made; lock the protocol again")
    return lock


def changes(lock: Lock, work: Registered) -> list[str]:
    """What is not as it was locked, a line each; empty where all is."""
    now = make_lock(work)
    lines = list(_differ(json.loads(lock.protocol), json.loads(now.protocol), ""))
    # The plan of sessions follows from the rest: it is worth a word only where nothing else differs.
    planned = {"sessions": now.pins["sessions"]}
    lines += _other_hashes(lock.pins | planned, now.pins)
    then = {arm.name: arm for arm in lock.arm}
    for arm in now.arm:
        if arm.name in then:  # another list of arms is told already
            lines += (f"{arm.name}: {line}" for line in _other_hashes(then[arm.name].files, arm.files))
            if then[arm.name].endpoint != arm.endpoint:
                lines.append(f"{arm.name}: endpoint: {then[arm.name].endpoint} -> {arm.endpoint}")
    if not lines and lock.pins.get("sessions") != now.pins["sessions"]:
        lines.append(f"version {lock.lab_version} of the lab planned other sessions than {__version__} does")
    return lines


def _other_hashes(then: dict[str, str], now: dict[str, str]) -> list[str]:
    """The names whose content is another, with both hashes."""
    return [
        f"{name}: another content ({_short(then.get(name))}, now {_short(now.get(name))})"
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
    ]


def _short(sha256: str | None) -> str:
    return sha256[:12] if sha256 else "none"


def _own_hash(lock: Lock) -> str:
    return canonical_sha256(lock.model_copy(update={"sha256": ""}))


def _differ(then: Any, now: Any, at: str) -> Iterator[str]:
    """The leaves that differ, as `key: then -> now`."""
    if isinstance(then, dict) and isinstance(now, dict):
        for key in sorted(then.keys() | now.keys()):
            yield from _differ(then.get(key), now.get(key), f"{at}.{key}" if at else key)
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for i, (a, b) in enumerate(zip(then, now, strict=True)):
            yield from _differ(a, b, f"{at}[{i}]")
    elif then != now:
        yield f"{at}: {_told(then)} -> {_told(now)}"


def _told(value: Any) -> str:
    return "(absent)" if value is None else json.dumps(value, ensure_ascii=False)


def _pins(work: Registered) -> dict[str, str]:
    named: dict[str, Hashed | None] = {
        "corpus": work.corpus,
        "taxonomy": work.taxonomy,
        "exemplars": work.exemplars,
        "routes": work.routes,
    }
    pins = {name: content.sha256 for name, content in named.items() if content}
    pins["sessions"] = plan_sha256(work.planned())
    if work.stamps:
        pins["stamps"] = canonical_sha256({"stamps": list(work.stamps)})
    if work.protocol.outcomes:
        pins["outcomes"] = hash_file(Path(work.protocol.outcomes))
    return pins


def _arm(work: Registered, spec: Spec, ask: str) -> LockedArm:
    hashes = {path: file_sha256(path) for path in weights(spec).values()}
    hashes |= {path: hash_file(path) for path in _others(spec)}
    files: dict[str, str] = {}
    seen: Counter[str] = Counter()
    for path, sha256 in hashes.items():
        seen[path.name] += 1  # others may have the same name, in another folder
        files[path.name + (f" ({n})" if (n := seen[path.name]) > 1 else "")] = sha256
    return LockedArm(
        name=spec.name,
        ask=ask,
        contract=spec.contract,
        files=files,
        endpoint=f"{spec.remote.base_url} {spec.remote.model}" if isinstance(spec, RemoteSpec) else None,
        connections=connections(spec, work.protocol.traffic.schedule),
    )


def _others(spec: Spec) -> list[Path]:
    """The files besides models that an arm is made of: routers with their heads, tables, recordings."""
    if isinstance(spec, RecordedSpec):
        return [spec.file]
    if isinstance(spec, BaselineSpec):
        own = spec.file or {"majority": POOL, "keywords": KEYWORDS}.get(spec.contract)
        return [*([own] if own else []), *(path for m in spec.members for path in _others(m))]
    if not isinstance(spec, ArmSpec) or spec.router is None:
        return []
    return [spec.router, *_router_files(spec.router)]


def _router_files(path: Path) -> list[Path]:
    """What a router file names: its head, or a cascade's members and theirs."""
    data = load_router(path).model_dump()
    head = (data.get("head") or {}).get("file")
    found = [path.parent / head] if head else []
    for member in data.get("member", ()):
        file = path.parent / member["file"]
        found += [file, *_router_files(file)]
    return found


def _git(path: Path) -> tuple[str | None, bool | None]:
    """The commit of the folder that the protocol is in, and whether the protocol is committed as it is."""
    folder = path.absolute().parent

    def git(*args: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(folder), *args], capture_output=True, text=True, timeout=10, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    commit = git("rev-parse", "HEAD")
    if not commit:
        return None, None
    status = git("status", "--porcelain", "--", path.name)
    return commit, None if status is None else not status
