"""Dev and test parts: disjoint, balanced, seeded, and with nothing near in both."""

import random
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from routerlab.annotate.corpus.split import split
from routerlab.annotate.corpus.text import cut
from routerlab.cli.main import app
from routerlab.core.corpus import Case, Corpus, load_corpus
from routerlab.core.errors import LabError
from routerlab.core.files.toml import load_toml
from routerlab.core.similar import groups
from routerlab.core.taxonomy import load_taxonomy
from routerlab.resources import POOL, TAXONOMY

TAX = load_taxonomy(TAXONOMY)


def made(n: int, seed: int, labels: int = 4, groups: int = 0) -> list[Case]:
    """Prompts that share no word, with uneven labels (one of them none) and some named groups."""
    rng = random.Random(seed)
    names = [*(f"l{i}" for i in range(labels - 1)), None]
    return [
        Case(
            id=f"c{i}",
            prompt=f"w{i}",
            label=rng.choices(names, range(1, labels + 1))[0],
            group=f"g{rng.randrange(groups)}" if groups and rng.random() < 0.3 else None,
        )
        for i in range(n)
    ]


@pytest.mark.parametrize("share", [0.5, 0.2, 0.77])
@pytest.mark.parametrize("seed", range(5))
def test_each_label_is_within_one_of_its_share(share: float, seed: int) -> None:
    cases = made(97, seed, labels=7)
    dev, test = split(cases, share, seed)
    assert sorted(dev + test) == list(range(97))
    assert dev == sorted(dev)
    assert test == sorted(test)
    whole, part = Counter(c.label for c in cases), Counter(cases[i].label for i in test)
    assert all(abs(part[label] - share * n) <= 1 for label, n in whole.items())
    assert abs(len(test) - share * 97) <= 1


@pytest.mark.parametrize("seed", range(10))
def test_groups_are_whole_and_labels_still_near_their_share(seed: int) -> None:
    cases = made(200, seed, groups=20)
    cases += [
        c.model_copy(update={"id": f"d{i}", "prompt": f"{c.prompt} x{i // 10}"})
        for i, c in enumerate(cases[:30])
    ]
    of = groups(cases)
    assert max(Counter(of).values()) > 2
    dev, test = split(cases, 0.5, seed)
    assert not {of[i] for i in dev} & {of[i] for i in test}
    whole, part = Counter(c.label for c in cases), Counter(cases[i].label for i in test)
    assert all(abs(part[label] - 0.5 * n) <= 2 for label, n in whole.items())


def test_near_duplicates_with_different_labels_are_kept_together() -> None:
    a = Case(id="1", prompt="sort this list of names", label="x")
    b = Case(id="2", prompt="sort that list of names", label="y")
    others = [Case(id=f"o{i}", prompt=f"w{i}", label="xy"[i % 2]) for i in range(6)]
    for seed in range(20):
        dev, test = split([a, *others, b], 0.5, seed)
        assert ({0, 7} <= set(dev)) != ({0, 7} <= set(test))
        assert len(dev) == len(test) == 4


def test_the_seed_decides() -> None:
    cases = made(60, 1)
    assert split(cases, 0.5, 3) == split(cases, 0.5, 3)
    assert len({str(split(cases, 0.5, seed)) for seed in range(20)}) == 20
    tests = Counter(i for seed in range(200) for i in split(cases, 0.5, seed)[1])
    assert set(tests) == set(range(60))
    assert max(tests.values()) < 150  # every case is on both sides, about as often


def test_what_cannot_be_split() -> None:
    same = [Case(id=f"c{i}", prompt=f"w{i}", label="x", group="g") for i in range(9)]
    for cases in (same, same[:1]):
        with pytest.raises(LabError, match="cannot be split"):
            split(cases, 0.5, 0)


def run(*args: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["corpus", "split", *map(str, args)])
    if isinstance(result.exception, LabError):
        return result.exception.code, str(result.exception)
    return result.exit_code, result.stdout


def test_the_pool_is_split_into_two_sound_files(tmp_path: Path) -> None:
    code, out = run(POOL, "--seed", 7, "--test", 0.3, "--out-dir", tmp_path / "new")
    assert code == 0
    dev, test = (load_corpus(tmp_path / "new" / f"pool-{side}.toml", TAX) for side in ("dev", "test"))
    pool = load_toml(POOL, Corpus)
    assert sorted([*dev.case, *test.case], key=lambda c: c.id) == sorted(pool.case, key=lambda c: c.id)
    assert (dev.name, dev.description, dev.author) == ("pool-dev", pool.description, pool.author)
    assert [line.split() for line in out.splitlines()[-2:]] == [
        ["hybrid/generative", "91", "39"],
        ["all", "546", "234"],
    ]
    text = POOL.read_text()
    preface, parts = cut(text, 780)
    kept = (tmp_path / "new" / "pool-test.toml").read_text()
    assert kept == (
        f"# Split from pool, sha256 {pool.sha256[:12]}, with --seed 7 --test 0.3\n"
        + preface.replace('"pool"', '"pool-test"', 1)
        + "".join(part for part, case in zip(parts, pool.case, strict=True) if case.id in test.by_id)
    )


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    there = tmp_path / "pool-test.toml"
    there.write_text("mine")
    code, message = run(POOL, "--seed", 1, "--out-dir", tmp_path)
    assert code == 2
    assert message == f"{there}: exists already, and nothing is overwritten; choose another name"
    assert there.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [there]


def test_comments_and_line_ends_survive(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    cases = "".join(
        f'# about {i}\n[[case]] # {i}\nid = "c{i}"\nlabel = "code/simple"\nprompt = "w{i}"\n\n'
        for i in range(4)
    )
    head = (
        '# top\nschema_version = 1\nname = "mine"  # the name\ntaxonomy = "front-door"\nsource = "mail"\n\n'
    )
    file.write_bytes((head + cases).replace("\n", "\r\n").encode())
    assert run(file, "--seed", 1)[0] == 0
    texts = [(tmp_path / f"mine-{side}.toml").read_bytes().decode() for side in ("dev", "test")]
    for i in range(4):
        assert sum(f'# about {i}\r\n[[case]] # {i}\r\nid = "c{i}"\r\n' in text for text in texts) == 1
    for side, text in zip(("dev", "test"), texts, strict=True):
        assert f'# top\r\nschema_version = 1\r\nname = "mine-{side}"  # the name\r\n' in text
        assert text.count("\n") == text.count("\r\n")


def test_a_form_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'schema_version = 1\nname = "m"\ntaxonomy = "front-door"\n'
        'case = [{ id = "1", prompt = "a" }, { id = "2", prompt = "b" }]\n'
    )
    code, message = run(file, "--seed", 1)
    assert code == 2
    assert message.startswith(
        f"{file}: its text cannot be kept as it is; write every case as a [[case]] table"
    )
    assert list(tmp_path.iterdir()) == [file]
