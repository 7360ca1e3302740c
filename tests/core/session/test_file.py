"""Session files: what survives a crash, a full disk, a second lab and a damaged file."""

import os
import threading
from pathlib import Path

import pytest

from routerlab.core.errors import LabError
from routerlab.core.prediction import Trial
from routerlab.core.session.arm import ArmRecord
from routerlab.core.session.file import SessionFile, new_session_path, peek_session, read_session
from routerlab.core.session.fragment import fragment
from routerlab.core.session.session import Annotation, Event
from tests.core.session.harness import ARM, AT, HEADER, SETUP, child, events_of, note, output, trial, written


@pytest.fixture
def no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that are about bytes, not about the disk."""
    monkeypatch.setattr(os, "fsync", lambda fd: None)


# --- faults ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_fsync")
@pytest.mark.parametrize("last", [ARM, trial(2, case=None, prompt="é\n[[x]]"), note(2, label="x", note="é")])
def test_a_tail_torn_anywhere_is_set_aside(tmp_path: Path, last: Event) -> None:
    first: list[Event] = [trial(1), note(1, label="kept")]
    good = written(tmp_path / "s.toml", *first).read_bytes()
    whole = fragment(last)
    for length in range(len(whole) + 1):
        path = tmp_path / f"{length}.toml"
        path.write_bytes(good + whole[:length])
        peeked = read_session(path)
        assert path.read_bytes() == good + whole[:length], "reading must not touch the file"
        with SessionFile.open(path) as file:
            kept = events_of(file.session)
            # Without its last byte, a newline, a record is whole; and a blank line is no record.
            assert len(kept) == 2 + (length >= len(whole) - 1), length
            assert [e for e in kept if e in first] == first
            assert events_of(peeked.session) == kept
            assert peeked.torn == file.torn
            if file.torn:
                assert file.torn_path.read_bytes() == whole[1:length]
                assert path.read_bytes() == good + b"\n"
            else:
                assert length in (0, 1, len(whole) - 1, len(whole))
                assert not file.torn_path.exists()
            file.append(trial(3))
        assert events_of(read_session(path).session) == sorted([*kept, trial(3)], key=order)


def order(event: Event) -> int:
    return [ArmRecord, Trial, Annotation].index(type(event))


@pytest.mark.parametrize(
    "tail", [b"\0" * 4096, b"\n[[tri\0\0\0", b"\n[\0\0", b'\n\0\0\0\0\nlabel = "x"\ncontended = false\n']
)
def test_space_that_was_never_written_is_torn(tmp_path: Path, tail: bytes) -> None:
    path = written(tmp_path / "s.toml", trial(1))
    good = path.read_bytes()
    path.write_bytes(good + tail)
    with SessionFile.open(path) as file:
        assert file.session.trials == [trial(1)]
        assert file.torn_path.read_bytes() == tail.removeprefix(b"\n")
        assert file.torn == len(tail.removeprefix(b"\n"))
    assert path.read_bytes().rstrip(b"\n") == good.rstrip(b"\n")


def test_a_second_torn_tail_goes_below_the_first(tmp_path: Path) -> None:
    path = written(tmp_path / "s.toml", trial(1))
    for tail in (b"[[one", b"[[two"):
        with path.open("ab") as f:
            f.write(tail)
        SessionFile.open(path).close()
    aside = (tmp_path / "s.toml.torn").read_text().splitlines()
    assert (aside[0], aside[-1]) == ("[[one", "[[two")
    assert read_session(path).torn == 0


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        (b'status = "ok"', b'status = "ok', 8, "not valid TOML"),
        (b'status = "ok"', b'status = "fine"', 8, "trial.status: should be"),
        (b"repeat = 1", b"repeat = []", 7, "trial.repeat: "),
        (b"contended = false", b"", 2, "trial.contended: missing"),
        (b"contended = false", b"contended = false\nfuture = 1", 13, "trial.future: no key of this name"),
        (b"[[trial]]", b"[[verdict]]", 2, "no record this version knows: 'verdict'"),
        (b'arm = "a"', b'arm = "\xff"', 6, "not UTF-8"),
        (b"repeat = 1", b"repeat = " + b"[" * 3000, None, "not valid TOML"),
        (b"repeat = 1", b"repeat = " + b"9" * 5000, None, "not valid TOML"),
        (b'arm = "a"', b"arm = \0", 6, "not valid TOML"),
    ],
    ids=range(10),
)
def test_a_bad_record_in_the_middle_is_named_and_left_alone(
    tmp_path: Path, old: bytes, new: bytes, line: int | None, message: str
) -> None:
    path = written(tmp_path / "s.toml", trial(1))
    first_line = path.read_bytes().count(b"\n")
    data = path.read_bytes() + fragment(trial(2)).replace(old, new) + fragment(trial(3))
    path.write_bytes(data)
    for reader in (read_session, SessionFile.open):
        with pytest.raises(LabError) as fault:
            reader(path)
        assert message in str(fault.value)
        assert str(fault.value).startswith(f"{path}:{first_line + line}: " if line else f"{path}:")
    assert path.read_bytes() == data
    assert not (tmp_path / "s.toml.torn").exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'status = "ok"', b'status = "fine"'),
        (b"repeat = 1", b"repeat = 1\nfuture = 1"),
        (b"[[trial", b"[[next"),
    ],
)
def test_a_whole_last_record_is_never_taken_for_torn(tmp_path: Path, old: bytes, new: bytes) -> None:
    path = written(tmp_path / "s.toml", trial(1))
    data = path.read_bytes().replace(old, new)
    path.write_bytes(data)
    with pytest.raises(LabError, match=r"s\.toml:\d+: "):
        SessionFile.open(path)
    assert path.read_bytes() == data


@pytest.mark.parametrize(
    "data", [b"", b"\0\0", b"a = ", b"schema_version = 2\n", b'name = "corpus"\n', b"\xff"]
)
def test_a_file_that_is_no_session_is_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(data)
    for reader in (read_session, peek_session, SessionFile.open):
        with pytest.raises(LabError, match=r"s\.toml"):
            reader(path)
    assert path.read_bytes() == data


def test_names_that_cannot_be_used(tmp_path: Path) -> None:
    path = written(tmp_path / "s.toml")
    with pytest.raises(LabError, match="exists already"):
        SessionFile.create(path, HEADER)
    with pytest.raises(LabError, match="cannot be made"):
        SessionFile.create(path / "below.toml", HEADER)
    for reader in (read_session, SessionFile.open):
        with pytest.raises(LabError, match="no such file"):
            reader(tmp_path / "none.toml")
    SessionFile.open(path).close()


def test_a_new_path_is_free(tmp_path: Path) -> None:
    path = new_session_path(tmp_path, AT)
    assert path.parent == tmp_path
    assert path.name.startswith("20261123-1940-")
    assert len(path.name) == len("20261124-0815-3fa9.toml")
    assert new_session_path(tmp_path, AT) != path


def test_everything_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    """25 times: a process appends and acknowledges each record on a pipe until it is killed at random."""
    path = written(tmp_path / "s.toml")
    script = (
        SETUP
        + """
rng, acknowledged = random.Random(0), 0
for _ in range(25):
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        with SessionFile.open(path) as file:
            while True:
                event = note(int(file.session.next_annotation_id()[1:]))
                file.append(event)
                os.write(w, event.id.encode() + b"\\n")
    os.close(w)
    with os.fdopen(r, "rb", buffering=0) as acks:
        seen = b""
        wanted = rng.randrange(12)
        while seen.count(b"\\n") < wanted:
            seen += acks.read(1)
        for _ in range(rng.randrange(20000)):
            pass
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        seen += acks.read(1 << 16) or b""
    acknowledged += seen.count(b"\\n")
    found = [a.id for a in read_session(path).session.annotations]
    missing = set(seen.decode().split()) - set(found)
    assert not missing, missing
    assert found == [note(n + 1).id for n in range(len(found))], found
print(acknowledged)
"""
    )
    assert int(output(script, path)) > 25
    SessionFile.open(path).close()


def test_the_second_lab_is_refused_by_name(tmp_path: Path) -> None:
    path = written(tmp_path / "s.toml", trial(1))
    other = child(SETUP + "file = SessionFile.open(path)\nprint('open', flush=True)\nsys.stdin.read()", path)
    assert other.stdout is not None
    try:
        assert other.stdout.readline() == "open\n"
        for _ in range(3):
            with pytest.raises(LabError, match=rf"s\.toml is open in another lab \(pid {other.pid}\)"):
                SessionFile.open(path)
        assert read_session(path).session.trials == [trial(1)]
    finally:
        other.kill()
        other.communicate()
    with SessionFile.open(path) as mine, pytest.raises(LabError, match=f"pid {os.getpid()}"):
        SessionFile.open(path)
    mine.close()


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """The kernel refuses to let the file grow (RLIMIT_FSIZE), then allows it again."""
    script = (
        SETUP
        + """
path2 = path.with_name("other.toml")
path2.write_bytes(path.read_bytes())
def limit(size): resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
file = SessionFile.open(path)
file.append(note(1))
before = path.read_bytes()
limit(len(before) + 20)
for waiting in (1, 2):
    try:
        file.append(note(1 + waiting))
    except LabError as e:
        assert f"waiting in memory: {waiting}" in str(e), e
    else:
        raise AssertionError
    assert path.read_bytes() == before, "half a record was left in the file"
assert len(file.pending) == 2 and len(file.session.annotations) == 3
limit(resource.RLIM_INFINITY)
file.append(note(4))
assert not file.pending
assert [a.note for a in read_session(path).session.annotations] == ["n1", "n2", "n3", "n4"]
limit(path.stat().st_size)
try:
    file.append(note(5))
except LabError:
    pass
limit(resource.RLIM_INFINITY)
file.flush()
file.close()
assert [a.note for a in read_session(path).session.annotations] == ["n1", "n2", "n3", "n4", "n5"]

file = SessionFile.open(path2)
size = path2.stat().st_size
limit(size)
for n in (1, 2):
    try:
        file.append(note(n))
    except LabError:
        pass
file._fd, real = os.open("/dev/full", os.O_WRONLY), file._fd
limit(resource.RLIM_INFINITY)
try:
    file.close()
except LabError as e:
    rescued = Path(next(w for w in str(e).replace(":", " ").split() if w.endswith(".rescued.toml")))
assert path2.stat().st_size == size
path2.write_bytes(path2.read_bytes() + rescued.read_bytes())
rescued.unlink()
assert [a.note for a in read_session(path2).session.annotations] == ["n1", "n2"]
SessionFile.open(path2).close()
"""
    )
    output(script, written(tmp_path / "s.toml"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_no_space_is_told_in_one_line(tmp_path: Path) -> None:
    path = written(tmp_path / "s.toml")
    file = SessionFile.open(path)
    real, full = os.dup(file._fd), os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, file._fd)
    with pytest.raises(LabError, match="No space left on device; records waiting in memory: 1") as fault:
        file.append(trial(1))
    assert "\n" not in str(fault.value)
    os.dup2(real, file._fd)
    file.close()
    os.close(real)
    os.close(full)
    assert read_session(path).session.trials == [trial(1)]


def test_an_interrupt_in_mid_write_does_not_double_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "s.toml")

    def interrupted(fd: int) -> None:
        raise KeyboardInterrupt

    with SessionFile.open(path) as file:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", interrupted)
            with pytest.raises(KeyboardInterrupt):
                file.append(trial(1))
        file.append(trial(2))
    assert read_session(path).session.trials == [trial(1), trial(2)]


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="bytes are counted by Linux")
def test_appending_is_constant_however_long_the_session(tmp_path: Path) -> None:
    script = (
        SETUP
        + """
head = path.read_bytes()
def io():
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["rchar"]), int(fields["wchar"])
for size in (10, 20000):
    path.write_bytes(head + b"".join(fragment(note(n)) for n in range(size)))
    file = SessionFile.open(path)
    event = note(size)
    before = io()
    file.append(event)
    after = io()
    file.close()
    print(after[0] - before[0] < 1000, after[1] - before[1] == len(fragment(event)))
"""
    )
    assert output(script, written(tmp_path / "s.toml")) == "True True\nTrue True\n"


@pytest.mark.usefixtures("no_fsync")
def test_threads_may_append_together(tmp_path: Path) -> None:
    path = written(tmp_path / "s.toml")
    with SessionFile.open(path) as file:

        def work() -> None:
            for _ in range(50):
                file.append(trial(1).model_copy(update={"id": file.session.next_trial_id()}))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(read_session(path).session.trials) == 200


def test_a_long_session_opens_with_progress(tmp_path: Path) -> None:
    path = written(tmp_path / "s.toml", *(note(n, note="x") for n in range(1200)))
    seen: list[tuple[int, int]] = []
    read_session(path, lambda done, total: seen.append((done, total)))
    size = path.stat().st_size
    assert seen == sorted(seen)
    assert len(seen) == 4
    assert seen[-1] == (size, size)
    assert all(total == size for _, total in seen)
