"""`routerlab corpus agreement`, through the real command on real session files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from routerlab.cli.main import app
from routerlab.core.errors import Exit, LabError
from routerlab.core.session.fragment import fragment
from tests.annotate.sessions import CODE, COT, answer, prompt, said, saved

N = 24
SAID = {
    "ada": [CODE if i % 2 else COT for i in range(N)],
    "ben": [CODE if i % 2 or i % 5 == 0 else COT for i in range(N)],
    "cyd": [CODE if i % 3 else COT for i in range(N)],
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")


def labelled(folder: Path, who: str, n: int = N, *more: Any) -> Path:
    """`who` labelled the first n prompts."""
    events = [e for i in range(n) for e in (prompt(f"c{i}"), said(f"c{i}", SAID[who][i], who, at=i))]
    return saved(folder / f"{who}.toml", *events, *more)


def run(*args: object) -> Any:
    result = CliRunner().invoke(app, ["corpus", "agreement", *map(str, args)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def facts(*args: object) -> Any:
    return json.loads(run(*args, "--format", "json").stdout)


# --- figures ---------------------------------------------------------------------------------------------


def test_two_annotators(tmp_path: Path) -> None:
    from sklearn.metrics import cohen_kappa_score, confusion_matrix, f1_score

    found = facts(labelled(tmp_path, "ada"), labelled(tmp_path, "ben"))
    ada, ben = SAID["ada"], SAID["ben"]
    assert [(r["name"], r["kind"], r["labelled"]) for r in found["raters"]] == [
        ("ada", "annotator", N),
        ("ben", "annotator", N),
    ]
    assert (found["units"], found["paired"], found["fits"]) == (N, N, "cohen")
    assert found["raw"]["value"] == pytest.approx(np.mean([a == b for a, b in zip(ada, ben, strict=True)]))
    cohen = found["coefficients"]["cohen"]
    assert cohen["value"] == pytest.approx(cohen_kappa_score(ada, ben))
    assert cohen["low"] < cohen["value"] < cohen["high"] <= 1
    assert set(found["coefficients"]) == {"cohen", "alpha"}
    for row in found["labels"]:
        assert row["given"] == (ada + ben).count(row["label"])
        assert row["specific"]["value"] == pytest.approx(f1_score(ada, ben, pos_label=row["label"]))
    labels = [row["label"] for row in found["labels"]]
    assert labels == [CODE, COT]
    assert found["confusion"] == {
        "rows": "ada",
        "columns": "ben",
        "counts": confusion_matrix(ada, ben, labels=labels).tolist(),
    }
    assert found["pairs"] == []
    assert [d["case"] for d in found["adjudicate"]] == ["c0", "c10", "c20"]
    assert found["adjudicate"][0] == {
        "case": "c0",
        "prompt": "Prompt c0",
        "labels": {"ada": COT, "ben": CODE},
        "notes": {},
        "flagged": [],
    }


def test_three_annotators_who_labelled_everything(tmp_path: Path) -> None:
    from sklearn.metrics import cohen_kappa_score, confusion_matrix
    from statsmodels.stats.inter_rater import fleiss_kappa

    found = facts(*(labelled(tmp_path, who) for who in SAID), "--pair", "cyd,ada")
    table = [[row.count(CODE), row.count(COT)] for row in zip(*SAID.values(), strict=True)]
    assert found["fits"] == "fleiss"
    assert found["coefficients"]["fleiss"]["value"] == pytest.approx(float(fleiss_kappa(np.array(table))))  # type: ignore[no-untyped-call]
    assert [(p["a"], p["b"], p["n"]) for p in found["pairs"]] == [
        ("ada", "ben", N),
        ("ada", "cyd", N),
        ("ben", "cyd", N),
    ]
    for p in found["pairs"]:
        assert p["cohen"]["value"] == pytest.approx(cohen_kappa_score(SAID[p["a"]], SAID[p["b"]]))
    expected = confusion_matrix(SAID["cyd"], SAID["ada"], labels=[CODE, COT]).tolist()
    assert found["confusion"] == {"rows": "cyd", "columns": "ada", "counts": expected}


def test_annotators_who_left_gaps(tmp_path: Path) -> None:
    import krippendorff

    found = facts(labelled(tmp_path, "ada"), labelled(tmp_path, "ben", 15), labelled(tmp_path, "cyd", 9))
    names = {CODE: 0.0, COT: 1.0}
    rows = [
        [names[x] for x in SAID[who][:n]] + [np.nan] * (N - n)
        for who, n in (("ada", N), ("ben", 15), ("cyd", 9))
    ]
    expected = krippendorff.alpha(reliability_data=rows, level_of_measurement="nominal")
    assert (found["fits"], found["units"], found["paired"]) == ("alpha", N, 15)
    assert found["coefficients"]["alpha"]["value"] == pytest.approx(expected)
    assert set(found["coefficients"]) == {"alpha"}


def test_the_seed_makes_the_intervals(tmp_path: Path) -> None:
    paths = labelled(tmp_path, "ada"), labelled(tmp_path, "cyd")
    first = facts(*paths, "--seed", 1, "--resamples", 200)
    assert facts(*paths, "--seed", 1, "--resamples", 200) == first
    assert facts(*paths, "--seed", 2, "--resamples", 200)["raw"] != first["raw"]
    assert (first["seed"], first["resamples"]) == (1, 200)


# --- who rates -------------------------------------------------------------------------------------------


def test_models_and_gold_may_be_raters_too(tmp_path: Path) -> None:
    from sklearn.metrics import cohen_kappa_score

    answers = [answer(i, "ada", SAID["cyd"][i], prompt=None, gold=COT) for i in range(N)]
    path = saved(
        tmp_path / "s.toml",
        *(prompt(f"c{i}") for i in range(N)),
        *answers,
        *(said(f"c{i}", SAID["ada"][i]) for i in range(N)),
    )
    with pytest.raises(
        LabError, match=r"ada is alone: name another annotator's session, or .*--models.*--gold"
    ):
        run(path)
    found = facts(path, "--models", "--gold")
    assert [(r["name"], r["kind"]) for r in found["raters"]] == [
        ("ada", "annotator"), ("ada (model)", "model"), ("gold", "gold")
    ]  # fmt: skip
    assert found["pairs"][0]["cohen"]["value"] == pytest.approx(cohen_kappa_score(SAID["ada"], SAID["cyd"]))
    assert found["adjudicate"] == []  # what models say is not to be adjudicated
    only = facts(path, "--models", "--gold", "--rater", "gold", "--rater", "ada")
    assert [r["name"] for r in only["raters"]] == ["gold", "ada"]
    assert only["fits"] == "cohen"


def test_gold_needs_to_be_known(tmp_path: Path) -> None:
    paths = labelled(tmp_path, "ada"), labelled(tmp_path, "ben")
    with pytest.raises(LabError, match="no gold label is known"):
        run(*paths, "--gold")
    corpus = tmp_path / "mine.toml"
    cases = "".join(f'[[case]]\nid = "x{i}"\nprompt = "prompt C{i}"\nlabel = "{CODE}"\n' for i in range(4))
    corpus.write_text(f'schema_version = 1\nname = "mine"\ntaxonomy = "two"\n{cases}')
    found = facts(*paths, "--gold", "--corpus", corpus)
    assert [(r["name"], r["labelled"]) for r in found["raters"]] == [("ada", N), ("ben", N), ("gold", 4)]


def test_only_the_raters_that_are_named(tmp_path: Path) -> None:
    paths = [labelled(tmp_path, who) for who in SAID]
    found = facts(*paths, "--rater", "cyd", "--rater", "ada")
    assert [r["name"] for r in found["raters"]] == ["cyd", "ada"]
    with pytest.raises(LabError, match="no rater 'dan'; there are: ada, ben, cyd"):
        run(*paths, "--rater", "dan")


def test_labels_after_suggestions_are_counted_and_can_be_left_out(tmp_path: Path) -> None:
    from sklearn.metrics import cohen_kappa_score

    ada = labelled(tmp_path, "ada")
    events = [said(f"c{i}", SAID["ben"][i], "ben", seen="suggestion" if i < 6 else None) for i in range(N)]
    changed = [said(f"c{i}", SAID["ada"][i], "ben", at=9, seen="reveal") for i in (10, 20)]
    ben = saved(tmp_path / "ben.toml", *(prompt(f"c{i}") for i in range(N)), *events, *changed)
    everything = facts(ada, ben)
    assert [(r["labelled"], r["suggested"], r["revealed"]) for r in everything["raters"]] == [
        (N, 0, 0),
        (N, 6, 2),
    ]
    assert [d["case"] for d in everything["adjudicate"]] == ["c0"]
    blind = facts(ada, ben, "--blind")
    assert [r["labelled"] for r in blind["raters"]] == [N, N - 6]
    assert [d["case"] for d in blind["adjudicate"]] == ["c10", "c20"]
    assert blind["coefficients"]["cohen"]["value"] == pytest.approx(
        cohen_kappa_score(SAID["ada"][6:], SAID["ben"][6:])
    )


def test_a_blind_label_that_a_later_taxonomy_has_not_still_counts(tmp_path: Path) -> None:
    """ada corrected it after the reveal."""
    events = [said(f"c{i}", "code/old" if i == 0 else CODE, "ada") for i in range(4)]
    corrected = said("c0", CODE, "ada", at=9, seen="reveal", id="a2")
    ada = saved(tmp_path / "ada.toml", *(prompt(f"c{i}") for i in range(4)), *events, corrected)
    found = facts(ada, labelled(tmp_path, "ben", 4), "--blind")
    assert "code/old" in [one["label"] for one in found["labels"]]


# --- the list to adjudicate ------------------------------------------------------------------------------


def test_flagged_prompts_and_notes_are_listed_and_decided_ones_are_not(tmp_path: Path) -> None:
    more = [
        said("c1", None, note="unclear: <b>"),
        said("c3", None, action="flag"),
        said("c10", None, note="hm"),
    ]
    ada, ben = labelled(tmp_path, "ada", N, *more), labelled(tmp_path, "ben")
    found = facts(ada, ben)
    assert [(d["case"], d["flagged"], d["notes"]) for d in found["adjudicate"]] == [
        ("c0", [], {}),
        ("c3", ["ada"], {}),
        ("c10", [], {"ada": "hm"}),
        ("c20", [], {}),
    ]
    decision = said("c0", CODE, "dan", decides={"ada": COT, "ben": CODE}, note="because")
    dan = saved(tmp_path / "dan.toml", prompt("c0"), decision)
    after = facts(ada, ben, dan)
    assert [d["case"] for d in after["adjudicate"]] == ["c3", "c10", "c20"]
    assert after["decided"] == 1
    assert [r["name"] for r in after["raters"]] == ["ada", "ben"]
    text = run(ada, ben, dan).stdout
    assert "to adjudicate: 3 prompts, 1 of them flagged; 1 decided already" in text
    assert "c10  Prompt c10\n  ada CoT/simple; ben code/simple\n  ada notes: hm\n" in text
    assert "c3  Prompt c3\n  ada code/simple; ben code/simple\n  flagged by ada\n" in text


def test_people_are_shown_the_start_of_a_long_list_and_programs_all(tmp_path: Path) -> None:
    ada = saved(tmp_path / "a.toml", *(said(f"c{i}", CODE) for i in range(70)))
    ben = saved(tmp_path / "b.toml", *(said(f"c{i}", COT, "ben") for i in range(70)))
    text = run(ada, ben).stdout
    assert "c49  (the prompt is not here)" in text
    assert "c50 " not in text
    assert "and 20 more: --format json lists them" in text
    assert len(facts(ada, ben)["adjudicate"]) == 70


# --- what people see -------------------------------------------------------------------------------------


def test_tables_fit_a_narrow_terminal(tmp_path: Path) -> None:
    result = run(*(labelled(tmp_path, who) for who in SAID))
    for part in (
        "Fleiss' kappa *",
        "Krippendorff's alpha",
        "ada & cyd",
        "specific",
        "rows: ada; columns",
        "24 of 24",
    ):
        assert part in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert result.stderr == ""


def test_nothing_from_a_file_acts_on_the_terminal(tmp_path: Path) -> None:
    nasty = "[red]\x1b[2J[/x]\u202e"
    evil = prompt("c0").model_copy(update={"prompt": nasty * 1000})
    paths = [
        saved(tmp_path / f"{i}.toml", evil, said("c0", f"{label}", f"{nasty}{i}", note=nasty))
        for i, label in enumerate((CODE, nasty))
    ]
    for more in ((), ("--format", "json")):
        result = run(*paths, *more)
        assert "\x1b" not in result.output
        assert "\u202e" not in result.output
        assert len(result.stdout.splitlines()[0]) < 200
    assert "[red]\\x1b[2J[/x]\\u202e" in run(*paths).stdout


def test_a_torn_tail_is_told_on_stderr_and_the_rest_counts(tmp_path: Path) -> None:
    ada, ben = labelled(tmp_path, "ada"), labelled(tmp_path, "ben")
    with ben.open("ab") as f:
        f.write(fragment(said("c0", COT, "ben"))[:-9])
    result = run(ada, ben, "--format", "json")
    assert f"{ben}: an unfinished record of " in result.stderr
    found = json.loads(result.stdout)
    assert found["raters"][1]["labelled"] == N
    assert any("unfinished record" in line for line in found["notes"])


def test_what_figures_cannot_say_is_noted(tmp_path: Path) -> None:
    ada, ben = labelled(tmp_path, "ada", 8), saved(tmp_path / "b.toml", said("other", CODE, "ben"))
    apart = run(ada, ben)
    assert "no prompt was labelled by two of these raters" in apart.stderr
    assert apart.exit_code == Exit.OK
    assert facts(ada, ben)["coefficients"]["alpha"] == {"value": None, "low": None, "high": None}
    same = saved(
        tmp_path / "c.toml",
        *(e for i in range(8) for e in (prompt(f"c{i}"), said(f"c{i}", SAID["ada"][i], "cyd"))),
    )
    agreed = run(ada, same)
    assert "all agree on all 8 prompts" in agreed.stderr
    assert "agreed on 0.69 of all such prompts" in agreed.stderr  # 0.69 ** 8 = 0.05
    one = saved(tmp_path / "d.toml", prompt("c1"), said("c1", CODE, "dan"))
    two = saved(tmp_path / "e.toml", prompt("c1"), said("c1", CODE, "eve"))
    assert "only one label was given" in run(one, two).stderr


# --- bad input -------------------------------------------------------------------------------------------


def test_one_rater_is_not_enough_and_the_command_says_so(tmp_path: Path) -> None:
    path = labelled(tmp_path, "ada", 3)
    with pytest.raises(LabError, match="agreement needs two raters, and ada is alone") as e:
        run(path)
    assert e.value.code == Exit.USAGE
    with pytest.raises(LabError, match="nobody submitted a label"):
        run(saved(tmp_path / "none.toml", said("c1", CODE, draft=True)))


@pytest.mark.parametrize("pair", ["ada", "ada,dan", "ada,ada", ",", ""])
def test_a_pair_is_two_of_the_raters(tmp_path: Path, pair: str) -> None:
    with pytest.raises(LabError, match="give two of the raters with a comma between: ada, ben"):
        run(labelled(tmp_path, "ada"), labelled(tmp_path, "ben"), "--pair", pair)


def test_a_name_may_have_a_comma(tmp_path: Path) -> None:
    one = saved(tmp_path / "1.toml", said("c1", CODE, "Lovelace, Ada"), said("c2", COT, "Lovelace, Ada"))
    two = saved(tmp_path / "2.toml", said("c1", COT, "ben"), said("c2", COT, "ben"))
    found = facts(one, two, "--pair", "ben,Lovelace, Ada")["confusion"]
    assert (found["rows"], found["columns"], found["counts"]) == ("ben", "Lovelace, Ada", [[0, 0], [1, 1]])


def test_a_missing_session_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"none\.toml: no such file"):
        run(labelled(tmp_path, "ada"), "none.toml")


def test_help_shows_an_example() -> None:
    text = " ".join(run("--help").stdout.split())
    assert "routerlab corpus agreement sessions/p.ada.toml sessions/p.ben.toml" in text


# --- whether any label fits ------------------------------------------------------------------------------


def unfit(folder: Path, who: str, *none: int) -> Path:
    """`who` labelled all prompts, and said of some that no label fits."""
    events = [
        e
        for i in range(N)
        for e in (prompt(f"c{i}"), said(f"c{i}", COT, who, at=i, fit="none" if i in none else None))
    ]
    return saved(folder / f"{who}.toml", *events)


def test_that_no_label_fits_has_a_kappa_of_its_own(tmp_path: Path) -> None:
    from sklearn.metrics import cohen_kappa_score

    ada, ben = (0, 1, 2, 5), (1, 2, 5, 6, 7)
    paths = unfit(tmp_path, "ada", *ada), unfit(tmp_path, "ben", *ben)
    found = facts(*paths)
    expected = cohen_kappa_score([i in ada for i in range(N)], [i in ben for i in range(N)])
    assert (found["fit"]["none"], found["fit"]["paired"]) == (9, N)
    assert found["fit"]["raw"]["value"] == pytest.approx(21 / N)
    assert found["fit"]["cohen"]["value"] == pytest.approx(expected)
    assert found["adjudicate"] == []  # the label is what is decided on
    line = next(line for line in run(*paths).stdout.splitlines() if line.startswith("no label fits"))
    assert f"said 9 times of {N} prompts" in line
    assert f"raw 0.875, Cohen's kappa {expected:.3f} (95 %" in line


def test_no_word_of_fit_where_nobody_said_it(tmp_path: Path) -> None:
    paths = labelled(tmp_path, "ada"), labelled(tmp_path, "ben")
    assert facts(*paths)["fit"] is None
    assert "no label fits" not in run(*paths).stdout


def test_blind_fit_is_that_of_the_blind_label(tmp_path: Path) -> None:
    again = (said(f"c{i}", COT, at=N + i, seen="reveal") for i in (1, 2))
    path = unfit(tmp_path, "ada", 1, 2, 3)
    with path.open("ab") as file:
        for event in again:
            file.write(fragment(event.model_copy(update={"id": f"z{event.case}"})))
    paths = path, unfit(tmp_path, "ben", 1, 2, 3)
    assert facts(*paths)["fit"]["raw"]["value"] == pytest.approx((N - 2) / N)
    assert facts(*paths, "--blind")["fit"]["raw"]["value"] == 1
