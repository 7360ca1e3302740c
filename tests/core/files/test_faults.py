"""Whatever is wrong with a file is told in one go: each fault with its line, at most twenty, then a count."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from routerlab.annotate.corpus.prompts import read_prompts
from routerlab.core.corpus import Corpus, load_corpus
from routerlab.core.errors import Faults, LabError, several
from routerlab.core.files.toml import line_numbers, line_of, load_toml
from routerlab.core.session.file import read_session
from routerlab.core.taxonomy import load_taxonomy
from routerlab.engine.arms.baseline import Keywords
from routerlab.engine.contract.router import load_router
from routerlab.models.catalog import load_catalog
from routerlab.resources import CATALOG, KEYWORDS, POOL, TAXONOMY
from routerlab.settings import load_settings
from routerlab.study.benchmark.plan import Plan
from routerlab.study.figures.columns import Columns
from routerlab.study.figures.costs import load_costs
from routerlab.study.figures.logs import read_log
from routerlab.study.routing_table import load_routes
from routerlab.study.trial.protocol.protocol import Protocol
from tests import program
from tests.conftest import REPO

SIX = load_taxonomy(TAXONOMY)
PLAN = REPO / "benchmarks" / "plans" / "cpu-three-models.toml"
PROTOCOL = REPO / "benchmarks" / "protocols" / "four-arms.toml"
ROUTES = REPO / "corpus" / "routes.toml"
ROUTER = REPO / "routers" / "smollm2-135m.toml"
SESSION = REPO / "sessions" / "example.toml"
COSTS = """schema_version = 1
currency = "USD"
date = 2026-03-16
machine = [{ arms = ["a"], per_hour = 0.75 }]
"""


def lines_of(error: LabError) -> list[int]:
    return [int(found[1]) for line in error.lines if (found := re.match(r"  line (\d+): ", line))]


def broken(text: str, at: list[int]) -> str:
    """The text with an unknown key in front of those lines (1-based, of the text that comes out)."""
    lines = text.split("\n")
    for number in at:
        lines.insert(number - 1, f"unknown_{number} = 1")
    return "\n".join(lines)


FLAT = ("settings", "costs", "session")
KINDS: list[tuple[str, Callable[[Path], object], str]] = [
    ("settings", load_settings, 'theme = "x"\ncontext = 512\n'),
    ("taxonomy", load_taxonomy, TAXONOMY.read_text()),
    ("corpus", lambda path: load_corpus(path, SIX), (REPO / "corpus" / "routing60.toml").read_text()),
    ("catalogue", load_catalog, CATALOG.read_text()),
    ("plan", lambda path: load_toml(path, Plan), PLAN.read_text()),
    ("protocol", lambda path: load_toml(path, Protocol), PROTOCOL.read_text()),
    ("routes", lambda path: load_routes(path, SIX), ROUTES.read_text()),
    ("router", load_router, ROUTER.read_text()),
    ("keywords", lambda path: load_toml(path, Keywords), KEYWORDS.read_text()),
    ("costs", load_costs, COSTS),
    ("session", read_session, SESSION.read_text()),
]


@pytest.mark.parametrize(("kind", "load", "text"), KINDS, ids=[kind for kind, *_ in KINDS])
def test_three_faults_of_every_kind_of_file_are_all_told(
    kind: str, load: Callable[[Path], object], text: str, tmp_path: Path
) -> None:
    path = tmp_path / f"{kind}.toml"
    heads = [n for n, line in enumerate(text.split("\n"), 1) if line.startswith("[")]
    places = [1, heads[0] + 2, heads[-1] + 2] if kind not in FLAT else [1, 2, 3]
    path.write_text(broken(text, places))
    with pytest.raises(LabError) as e:
        load(path)
    assert e.value.lines[0] == f"{path}: 3 faults"
    assert lines_of(e.value) == places
    assert all(f"unknown_{place}" in line for place, line in zip(places, e.value.lines[1:], strict=True))
    assert str(e.value).startswith(f"{path}:{places[0]}: unknown_{places[0]}: ")
    assert str(e.value).endswith(" (and 2 more)")


def test_one_fault_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text('theme = "x"\nkontext = 1\n')
    with pytest.raises(LabError, match=r"s\.toml:2: kontext: ") as e:
        load_settings(path)
    assert e.value.lines == (str(e.value),)


def test_of_thirty_faults_twenty_are_told_and_the_rest_counted(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    text = (REPO / "corpus" / "routing60.toml").read_text()
    path.write_text(re.sub(r"\nlabel = ", "\nlabel = 5 # ", text, count=30))
    with pytest.raises(LabError) as e:
        load_corpus(path, SIX)
    assert e.value.lines[0].endswith(": 30 faults")
    assert len(e.value.lines) == 22
    assert e.value.lines[-1] == "  and 10 more"
    run = program.run(tmp_path, "corpus", "check", path)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.splitlines() == ["error: " + e.value.lines[0], *e.value.lines[1:]]


def test_every_known_line_of_the_pool_that_is_broken_is_named(tmp_path: Path) -> None:
    """Prompts of the pool hold what looks like tables and keys."""
    lines = POOL.read_text().split("\n")
    table = line_numbers("\n".join(lines))
    labels = [n for loc, n in table.items() if loc[-1] == "label"][::40]
    for n in labels:
        lines[n - 1] = "label = 7"
    path = tmp_path / "pool.toml"
    path.write_text("\n".join(lines))
    with pytest.raises(LabError) as e:
        load_toml(path, Corpus)
    assert len(labels) > 15
    assert lines_of(e.value) == labels[:20]


TEXT = '''schema_version = 1 # name = "no"
a.b = 1
"quoted key" = "[[case]]"
text = """
[[case]]
id = 1 \\""" still
"""
literal = \'\'\'
name = 2
\'\'\'
[[case]]
id = "x"
[case.inner]
deep = { x = 1, y = [1, 2] }
[[case.part]]
n = 1
[[case.part]]
n = 2
[[case]]
# id = "comment"
id = "y" # [[case]]
[last . "of all"]
k = 1
'''


@pytest.mark.parametrize(
    ("loc", "line"),
    [
        (("schema_version",), 1),
        (("a", "b"), 2),
        (("quoted key",), 3),
        (("name",), None),
        (("literal",), 8),
        (("case", 0), 11),
        (("case", 0, "id"), 12),
        (("case", 0, "missing"), 11),
        (("case", 0, "inner", "deep", "y", 1), 14),
        (("case", 0, "part", 1, "n"), 18),
        (("case", 1, "id"), 21),
        (("case", 2, "id"), None),
        (("last", "of all", "k"), 23),
        ((), None),
    ],
)
def test_the_line_of_a_key_path(loc: tuple[int | str, ...], line: int | None) -> None:
    assert line_of(TEXT, loc) == line


def test_prompts_tell_every_line_and_every_key(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text('{"prompt": 5, "also": 3}\nnope\n{"prompt": "a"}\n{"prompt": "b", "id": true}\n')
    with pytest.raises(LabError) as e:
        read_prompts(path, SIX)
    assert lines_of(e.value) == [1, 1, 2, 4]
    path.write_text(
        '{"prompt": "a", "label": "x"}\n{"prompt": "b", "label": "CoT/simple", "also": ["y", "z"]}\n'
    )
    with pytest.raises(LabError) as e:
        read_prompts(path, SIX)
    assert lines_of(e.value) == [1, 2, 2]


def test_logs_tell_every_row_and_every_column(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        "gold,predicted,arm,case,latency_ms,status\na,b,x,1,fast,odd\na,b,,2,5,ok\na,b,x\na,b,x,3,1,\n"
    )
    with pytest.raises(LabError) as e:
        read_log(path, Columns())
    assert lines_of(e.value) == [2, 2, 3, 4]
    path = tmp_path / "log.jsonl"
    path.write_text('{"gold": "a", "predicted": "b", "arm": "x", "case": 1}\nno\n[1]\n')
    with pytest.raises(LabError) as e:
        read_log(path, Columns())
    assert lines_of(e.value) == [2, 3]


def test_two_labels_of_one_name_and_what_validators_find_have_lines_too(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    label = '[[label]]\nname = "a"\nfamily = "f"\ncue = "c"\n'
    path.write_text('schema_version = 1\nname = "t"\nversion = "1"\n' + label * 3)
    with pytest.raises(LabError) as e:
        load_taxonomy(path)
    assert lines_of(e.value) == [9, 13]


def test_faults_are_told_in_the_order_of_their_lines() -> None:
    faults = Faults("f")
    faults.end()
    faults.add(12, "twelve")
    with faults.told():
        raise several("f", [LabError("f:3: three"), LabError("f: none"), LabError("f:2: two")])
    with pytest.raises(LabError) as e:
        faults.end()
    assert e.value.lines == ("f: 4 faults", "  line 2: two", "  line 3: three", "  line 12: twelve", "  none")
