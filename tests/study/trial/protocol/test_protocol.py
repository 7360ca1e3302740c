"""Protocols and their locks: what is refused, and what is noticed."""

import subprocess
import tomllib
from pathlib import Path

import pytest

from routerlab.core.errors import LabError
from routerlab.core.files.toml import load_toml
from routerlab.study.trial.protocol.lock import changes, load_lock, lock_path, make_lock, write_lock
from routerlab.study.trial.protocol.protocol import TEMPLATE, Protocol
from routerlab.study.trial.protocol.registration import register
from tests.study.trial.harness import locked, protocol_file


def edited(path: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def test_the_template_is_a_protocol_and_every_hypothesis_of_the_study_that_can_be_run_is_in_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "p.toml"
    path.write_text(TEMPLATE.read_text().format(name="mine", seed=3, today="2026-11-24"))
    protocol = load_toml(path, Protocol)
    assert [one.id for one in protocol.hypothesis] == ["H5", "H6", "H7", "H7b", "H8"]
    assert protocol.gates == ("accuracy>=0.85", "p95<=2000")
    assert protocol.assignment == "blocks"
    assert protocol.looks.rule == "none"


def test_what_the_template_has_as_comments_is_right_too(tmp_path: Path) -> None:
    text = TEMPLATE.read_text().format(name="mine", seed=3, today="2026-11-24")
    lines = []
    for line in text.splitlines():
        bare = line.removeprefix("# ")
        setting = bare.partition("#")[0].strip()
        is_setting = line.startswith("# ") and (setting.startswith("[[") or " = " in setting)
        lines.append(bare if is_setting else line)
    text = "\n".join(lines).replace('rule = "none"', 'rule = "obrien-fleming"')
    path = tmp_path / "p.toml"
    path.write_text(text)
    protocol = load_toml(path, Protocol)
    assert protocol.remote[0].key_env == "DEEPSEEK_API_KEY"
    assert protocol.looks.fractions == (0.5,)
    assert protocol.exclude[0].case == "R60-017"
    assert protocol.traffic.patience_s == 30


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("sessions = 30", "sessions = 0", "sessions: should be greater than or equal to 1"),
        ("seed = 7", "seed = 7\ncolour = 1", "colour: no key of this name"),
        ("rate = 200.0", "", "traffic: poisson traffic needs a rate"),
        (
            'pattern = "poisson"',
            'pattern = "replay"',
            "traffic: stamps names the recording of replay traffic",
        ),
        ('pattern = "poisson"', 'pattern = "closed"', "traffic: closed traffic has users instead of a rate"),
        ("[looks]", '[looks]\nrule = "obrien-fleming"', "looks: fractions are those of obrien-fleming looks"),
        ("[looks]", "[looks]\nfractions = [0.5]", "looks: fractions are those of obrien-fleming looks"),
        ("[looks]", '[looks]\nrule = "obrien-fleming"\nfractions = [0.5, 1.0]', "ascending between 0 and 1"),
        ("[looks]", '[looks]\nrule = "sprt"\np0 = 0.9', "p0 < p1"),
        ('endpoint = "cost"', 'endpoint = "joy"', "endpoint is accuracy, cost, macro_f1, f1:LABEL or p95"),
        ("limit = 0.75", "", "every endpoint but accuracy and quality, which compare, needs a limit"),
        ("limit = 0.75", "limit = 75", "the limit of cost is a share"),
        ('id = "H6"', 'id = "H5"', "hypothesis 'H5' appears twice"),
        ('endpoint = "cost"\nlimit = 0.75', 'endpoint = "accuracy"', "H5 and H6 are both about accuracy"),
        ("seed = 7", 'seed = 7\ngates = ["speed>=1"]', "unknown metric 'speed'"),
    ],
)
def test_a_protocol_that_cannot_be_is_refused_with_file_and_reason(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    path = edited(protocol_file(tmp_path), old, new)
    with pytest.raises(LabError) as e:
        load_toml(path, Protocol)
    assert str(e.value).startswith(str(path))
    assert words in str(e.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('ask = "baseline:keywords"', 'ask = "no-such-model"', "no model of this name"),
        ('ask = "baseline:keywords"', 'ask = "baseline:majority"', "'majority' is named twice"),
        ('arms = ["keywords"', 'arms = ["keyword"', "a price for 'keyword', which is none of control"),
        (
            "[traffic]",
            "[[exclude]]\ncase = 'c99'\nreason = 'odd'\n[traffic]",
            "excludes 'c99', which is no case of",
        ),
        ("seed = 7", "seed = 7\nroutes = 'nowhere.toml'", "nowhere.toml: no such file"),
        ("[cost]", "[cost]\ncurrency = 'EUR'", r"\[cost\] has prices in EUR, routing table .* in USD"),
    ],
)
def test_what_a_protocol_names_must_be_there(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = edited(protocol_file(tmp_path), old, new)
    with pytest.raises(LabError, match=words):
        register(path)


def test_a_lock_keeps_the_content_and_formatting_does_not_count(tmp_path: Path) -> None:
    path = protocol_file(tmp_path)
    work, lock = locked(path)
    assert load_lock(lock_path(path)) == lock
    assert lock.content == work.protocol
    edited(path, "seed = 7", "# another comment\nseed    =   7")
    edited(tmp_path / "round.toml", 'id = "c0"', '# c0 is easy\nid = "c0"')
    assert changes(lock, register(path)) == []


def test_what_was_changed_since_is_told_line_by_line(tmp_path: Path) -> None:
    path = protocol_file(tmp_path)
    _, lock = locked(path)
    edited(path, "sessions = 30", "sessions = 60")
    edited(path, "limit = 2000", "limit = 2500")
    edited(tmp_path / "round.toml", "prompt number 3", "prompt number three")
    found = changes(lock, register(path))
    assert found[:2] == ["hypothesis[4].limit: 2000.0 -> 2500.0", "sessions: 30 -> 60"]
    assert found[2].startswith("corpus: another content (")
    assert len(found) == 3


def test_a_router_or_model_that_is_another_file_is_noticed(tmp_path: Path) -> None:
    words = tmp_path / "words.toml"
    table = 'schema_version = 1\nname = "w"\ntaxonomy = "front-door"\notherwise = "code/simple"\n'
    words.write_text(table + '[[rule]]\nlabel = "code/complex"\nwords = ["tests"]\n')
    path = edited(protocol_file(tmp_path), "baseline:keywords", f"baseline:keywords:{words}")
    _, lock = locked(path)
    assert "words.toml" in next(arm.files for arm in lock.arm if arm.contract == "keywords")
    edited(words, '"tests"', '"tests", "files"')
    (line,) = changes(lock, register(path))
    assert line.startswith("keywords: words.toml: another content (")


def test_files_of_one_name_are_each_pinned(tmp_path: Path) -> None:
    models = [tmp_path / folder / "m.gguf" for folder in "ab"]
    for model in models:
        model.parent.mkdir()
        model.write_bytes(b"GGUF" + model.parent.name.encode())
    both = f"baseline:agreement:{models[0]}:json,{models[1]}:score"
    path = edited(protocol_file(tmp_path), "baseline:keywords", both)
    edited(path, '"keywords", ', "")
    _, lock = locked(path)
    models[0].write_bytes(b"GGUF another")
    (line,) = changes(lock, register(path))
    assert ": m.gguf: another content (" in line


def test_a_lock_pins_the_weights_router_and_head_of_a_tuned_arm(
    tmp_path: Path, routed_smollm2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").symlink_to(routed_smollm2.parent)
    monkeypatch.chdir(tmp_path)
    path = edited(protocol_file(tmp_path), "baseline:keywords", "smollm2-135m:probe")
    edited(path, '"keywords", ', "")
    lock = make_lock(register(path))
    files = next(arm.files for arm in lock.arm if arm.name == "smollm2-135m:probe")
    assert set(files) == {routed_smollm2.name, "smollm2-135m.toml", "smollm2-135m.npz"}


def test_an_edited_lock_or_none_is_refused(tmp_path: Path) -> None:
    path = protocol_file(tmp_path)
    with pytest.raises(LabError, match="the protocol is not locked"):
        load_lock(lock_path(path))
    locked(path)
    edited(lock_path(path), '\\"sessions\\":30', '\\"sessions\\":31')
    with pytest.raises(LabError, match="was edited after it was made"):
        load_lock(lock_path(path))


def test_a_lock_is_toml_that_names_the_lock_it_replaces(tmp_path: Path) -> None:
    path = protocol_file(tmp_path)
    work, first = locked(path)
    second = make_lock(work, replaces=first.sha256)
    write_lock(lock_path(path), second)
    data = tomllib.loads(lock_path(path).read_text())
    assert data["replaces"] == first.sha256
    assert data["pins"].keys() == {"corpus", "taxonomy", "exemplars", "routes", "sessions"}
    assert data["cases"] == [f"c{i}" for i in range(30)]


def test_the_commit_is_in_the_lock_and_whether_the_protocol_is_in_it(tmp_path: Path) -> None:
    def git(*args: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        done = subprocess.run(["git", *who, *args], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    path = protocol_file(tmp_path)
    assert make_lock(register(path)).git_commit is None
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "protocol")
    lock = make_lock(register(path))
    assert (lock.git_commit, lock.git_clean) == (git("rev-parse", "HEAD"), True)
    edited(path, "seed = 7", "seed = 8")
    assert make_lock(register(path)).git_clean is False


def test_no_key_is_in_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_TRIAL_KEY", "sk-very-secret")
    remote = (
        '[[remote]]\nname = "r"\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\nhosting = "api"\n'
        'key_env = "TEST_TRIAL_KEY"\n[traffic]'
    )
    path = edited(protocol_file(tmp_path), "[traffic]", remote)
    edited(path, 'ask = "baseline:keywords"', 'ask = "remote:r"\nname = "keywords"')
    _, lock = locked(path)
    assert "sk-very-secret" not in lock_path(path).read_text()
    assert lock.arm[1].endpoint == "http://127.0.0.1:9/v1 m"
    edited(path, "127.0.0.1:9", "127.0.0.1:10")
    assert "keywords: endpoint: http://127.0.0.1:9/v1 m -> http://127.0.0.1:10/v1 m" in (
        changes(lock, register(path))
    )


def test_wald_and_patience_are_read(tmp_path: Path) -> None:
    looks = 'rule = "sprt"\np0 = 0.6\np1 = 0.8\naction = "drop"'
    protocol = load_toml(protocol_file(tmp_path, looks=looks, traffic="patience_s = 2.5"), Protocol)
    assert protocol.looks.sprt.limits[0] < 0 < protocol.looks.sprt.limits[1]
    assert protocol.traffic.patience_s == 2.5
