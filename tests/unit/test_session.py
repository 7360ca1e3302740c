"""Sessions: what events add up to, what survives a crash, a full disk and hostile text."""

import os
import subprocess
import sys
import threading
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import ValidationError

from routerlab.core.corpus import load_corpus
from routerlab.core.errors import LabError
from routerlab.core.prediction import Latency, Tokens, Trial
from routerlab.core.session import (
    Annotation,
    ArmRecord,
    Event,
    Header,
    Session,
    State,
    TaxonomyPin,
    fragment,
    header_text,
    pin_corpus,
    pin_taxonomy,
)
from routerlab.core.sessionfile import SessionFile, new_session_path, peek_session, read_session
from routerlab.core.taxonomy import load_taxonomy
from routerlab.resources import ROUTING60, TAXONOMY

AT = datetime(2026, 11, 23, 19, 40, 3, 120000, UTC)
HEADER = Header(
    id="s1",
    created=AT,
    lab_version="0.1.0",
    machine="Linux x86_64, 2 CPUs",
    schedule="exclusive",
    repeats=1,
    taxonomy=TaxonomyPin(
        name="two", path="two.toml", sha256="ab" * 32, families={"code/simple": "code", "CoT/simple": "CoT"}
    ),
)
ARM = ArmRecord(
    at=AT,
    kind="gguf",
    model_file="m.gguf",
    model_sha256="cd" * 32,
    model_size=10,
    architecture="llama",
    parameters=135_000_000,
    quantization="Q4_1",
    contract="score",
    encoding="json name",
    prompt_sha256="ef" * 32,
    llama_cpp="b7000",
    device="CPU",
    threads=2,
    n_ctx=4096,
    layers_on_gpu=0,
    layers=30,
    load_ms=812.34567,
    name="smollm2-135m",
)


def trial(n: int, **more: Any) -> Trial:
    facts: dict[str, Any] = {"at": AT, "arm": "a", "case": f"c{n}", "status": "ok", "label": "code/simple"}
    return Trial(id=f"t{n:06d}", **{**facts, "contended": False, **more})


def note(
    n: int,
    trial: str | None = "t000001",
    label: str | None = None,
    action: Literal["skip", "flag", "undo"] | None = None,
    **more: Any,
) -> Annotation:
    return Annotation(
        id=f"a{n:06d}", at=AT, trial=trial, label=label, action=action, **{"annotator": "ada", **more}
    )


def written(path: Path, *events: Event) -> Path:
    path.write_bytes(header_text(HEADER) + b"".join(map(fragment, events)))
    return path


def events_of(session: Session) -> list[Event]:
    return [*session.arms.values(), *session.trials, *session.annotations]


def child(script: str, *args: object, **more: Any) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, args)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def output(script: str, *args: object) -> str:
    process = child(script, *args)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out


# Children share these lines.
SETUP = """
import os, random, resource, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from routerlab.core.errors import LabError
from routerlab.core.session import Annotation, fragment
from routerlab.core.sessionfile import SessionFile, read_session
path = Path(sys.argv[1])
AT = datetime(2026, 11, 23, tzinfo=UTC)
def note(n): return Annotation(id=f"a{n:06d}", at=AT, trial="t", note=f"n{n}", annotator="ada")
"""


@pytest.fixture
def no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that are about bytes, not about the disk."""
    monkeypatch.setattr(os, "fsync", lambda fd: None)


# --- what is written -------------------------------------------------------------------------------------


def test_a_trial_is_one_block_of_toml() -> None:
    event = trial(
        17,
        probabilities={"code/simple": 0.8333333333, "CoT/simple": 0.1666666667},
        mass=0.00000049,
        latency_ms=Latency(queue=0.4, prefill=702.12345, total=703.9),
        tokens=Tokens(cached=672, evaluated=49),
        gold="code/simple",
    )
    assert (
        fragment(event).decode()
        == """
[[trial]]
id = "t000017"
at = 2026-11-23T19:40:03.120Z
case = "c17"
arm = "a"
repeat = 1
gold = "code/simple"
status = "ok"
label = "code/simple"
probabilities = { "code/simple" = 0.833333, "CoT/simple" = 0.166667 }
mass = 0.0
latency_ms = { queue = 0.4, tokenize = 0.0, prefill = 702.123, generate = 0.0, total = 703.9 }
tokens = { cached = 672, evaluated = 49, generated = 0 }
contended = false
"""
    )


@pytest.mark.parametrize(
    ("event", "mark"), [(ARM, "name"), (trial(1), "contended"), (note(1, label="x", note="y"), "annotator")]
)
def test_the_last_key_of_a_record_is_required(event: Event, mark: str) -> None:
    assert fragment(event).decode().rstrip().splitlines()[-1].startswith(f"{mark} = ")
    assert type(event).model_fields[mark].is_required()


def test_a_session_comes_back_as_it_was_written(tmp_path: Path) -> None:
    header = HEADER.model_copy(update={"title": 'say "hi"', "seed": 7})
    events: list[Event] = [
        ARM,
        trial(1),
        trial(2, status="crashed", label=None, error="killed"),
        note(1, label="x"),
    ]
    with SessionFile.create(tmp_path / "deep" / "s.toml", header) as file:
        for event in events:
            file.append(event)
    opened = read_session(tmp_path / "deep" / "s.toml")
    assert opened.torn == 0
    assert opened.session.header == header
    assert events_of(opened.session) == [ARM.model_copy(update={"load_ms": 812.346}), *events[1:]]
    assert peek_session(tmp_path / "deep" / "s.toml") == (header, {"arm": 1, "trial": 2, "annotation": 1})
    assert tomllib.loads((tmp_path / "deep" / "s.toml").read_text())["schema_version"] == 1
    assert not [p for p in (tmp_path / "deep").iterdir() if p.name.endswith(".new")]


def test_the_header_pins_corpus_and_taxonomy(tmp_path: Path) -> None:
    taxonomy = load_taxonomy(TAXONOMY)
    corpus = load_corpus(ROUTING60, taxonomy)
    pins = {"corpus": pin_corpus(corpus, ROUTING60), "taxonomy": pin_taxonomy(taxonomy, TAXONOMY)}
    header = HEADER.model_copy(update=pins)
    SessionFile.create(tmp_path / "s.toml", header).close()
    again = read_session(tmp_path / "s.toml").session.header
    assert again == header
    assert again.taxonomy.labels == taxonomy.labels
    assert again.corpus is not None
    assert again.corpus.sha256 == corpus.sha256


HOSTILE = [
    "two\nlines",
    'quotes " \'\'\' """ and \\ back\\slashes \\u0041',
    '\n[[trial]]\nid = "t9"\n',
    '"\n\n[[annotation]]\nannotator = "eve"\n',
    "[[trial]]",
    "NUL \0 ESC \x1b[2J BEL \x07 DEL \x7f C1 \x9b31m CR \r TAB \t FF \f VT \v",
    "bidi \u202e\u2066 mark \u200f line \u2028 paragraph \u2029 next \x85 bom \ufeff",
    "emoji 👩‍👩‍👧 astral \U0001d518 combining e\u0301 عربى 漢字",
    "[red]markup[/red] {jinja} # comment",
    "   spaces   ",
    "x" * 1_000_000,
]


@pytest.mark.parametrize("prompt", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_comes_back_exactly(tmp_path: Path, prompt: str) -> None:
    hostile = trial(1, case=None, prompt=prompt, answer=prompt, probabilities={prompt[:100]: 1.0})
    path = written(tmp_path / "s.toml", hostile, note(1, note=prompt), trial(2))
    session = read_session(path).session
    assert events_of(session) == [hostile, trial(2), note(1, note=prompt)]
    shown = set(path.read_bytes().decode()) - {"\n"}
    assert min(shown) == " "
    assert not shown & set("\x7f\x85\x9b\u202e\u2066\u200f\u2028\u2029\ufeff")


def test_a_lone_surrogate_is_replaced_not_lost(tmp_path: Path) -> None:
    path = written(tmp_path / "s.toml", trial(1, case=None, prompt="caf\udce9 \ud83d"))
    assert read_session(path).session.trials[0].prompt == "caf\ufffd \ufffd"


# --- what it adds up to ----------------------------------------------------------------------------------


def folded(*events: Event) -> Session:
    session = Session(HEADER)
    for event in events:
        session.add(event)
    return session


def test_the_last_annotation_counts() -> None:
    events = [
        note(1, label="code/simple", note="why"),
        note(2, label="not/in-taxonomy"),
        note(3, action="flag"),
    ]
    assert folded(*events).current("t000001") == State("not/in-taxonomy", False, True, "why")
    assert folded(*events, note(4, action="skip")).current("t000001") == State(None, True, True, "why")
    assert folded(note(1, action="skip"), note(2, label="x")).current("t000001") == State("x")
    assert folded(note(1, note="a"), note(2, note="")).current("t000001") == State()
    assert folded(*events).current("t000002") == State()


def test_trials_and_cases_are_different_targets() -> None:
    session = folded(note(1, trial=None, case="t000001", label="x"))
    assert session.current("t000001") == State()
    assert session.current("t000001", "case") == State("x")
    assert session.last_annotated() == ("case", "t000001")


def test_undo_walks_back_to_the_beginning_across_targets() -> None:
    session = folded(
        note(1, "t1", "A"),
        note(2, "t2", "B"),
        note(3, "t1", "C"),
        note(4, "t1", action="flag"),
        note(5, "t2", "D"),
    )
    seen: list[tuple[str, State, State]] = []
    while (target := session.last_annotated()) is not None:
        session.add(note(10 + len(seen), target[1], action="undo"))
        seen.append((target[1], session.current("t1"), session.current("t2")))
    assert seen == [
        ("t2", State("C", flagged=True), State("B")),
        ("t1", State("C"), State("B")),
        ("t1", State("A"), State("B")),
        ("t2", State("A"), State()),
        ("t1", State(), State()),
    ]
    session.add(note(20, "t1", action="undo"))
    assert session.current("t1") == State()
    session.add(note(21, "t1", "E"))
    assert session.current("t1") == State("E")
    assert len(session.annotations) == 12


def test_undo_of_an_older_target_leaves_the_newer_one() -> None:
    session = folded(note(1, "t1", "A"), note(2, "t2", "B"), note(3, "t1", action="undo"))
    assert (session.current("t1"), session.current("t2")) == (State(), State("B"))
    assert session.last_annotated() == ("trial", "t2")


def test_a_reloaded_arm_replaces_its_record() -> None:
    again = ARM.model_copy(update={"threads": 1})
    assert folded(ARM, again).arms == {ARM.name: again}


def test_a_replay_resumes_by_finished_trials() -> None:
    session = folded(
        trial(1),
        trial(2, status="cancelled", label=None),
        trial(3, status="crashed", label=None, repeat=2),
        trial(4, case=None, prompt="typed", status="timeout", label=None),
    )
    assert session.keys() == {("c1", "a", 1), ("c3", "a", 2), ("typed", "a", 1)}


def test_ids_go_on_after_the_highest(tmp_path: Path) -> None:
    session = read_session(written(tmp_path / "s.toml", trial(41), trial(7), note(3, label="x"))).session
    assert [session.next_trial_id() for _ in range(2)] == ["t000042", "t000043"]
    assert session.next_annotation_id() == "a000004"
    assert folded(trial(1).model_copy(update={"id": "t٣"})).next_trial_id() == "t000001"


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"trial": None}, "exactly one"),
        ({"case": "c1"}, "exactly one"),
        ({"action": "skip"}, "not both"),
        ({"label": None}, "needs a label, an action or a note"),
    ],
)
def test_an_annotation_says_one_thing_of_one_target(facts: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        note(1, **{"label": "x", **facts})


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
        (b'status = "ok"', b'status = "fine"', 8, "trial.status: Input should be"),
        (b"repeat = 1", b"repeat = []", 7, "trial.repeat: "),
        (b"contended = false", b"", 2, "trial.contended: Field required"),
        (b"contended = false", b"contended = false\nfuture = 1", 13, "trial.future: Extra inputs"),
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
