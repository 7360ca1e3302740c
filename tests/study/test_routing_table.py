"""The routing table: where a label leads, what it costs, what is not allowed."""

from pathlib import Path

import pytest

from routerlab.core.errors import LabError
from routerlab.core.taxonomy import load_taxonomy
from routerlab.resources import ROUTES, TAXONOMY
from routerlab.study.routing_table import Routes, load_routes

SIX = load_taxonomy(TAXONOMY)


def test_the_table_that_ships_has_a_route_for_every_label_and_says_when_its_prices_are_from() -> None:
    routes = load_routes(ROUTES, SIX)
    assert tuple(routes.routes) == SIX.labels
    assert routes.date.year == 2026
    assert {target.hosting for target in routes.model} == {"self-hosted", "serverless", "api"}


def test_a_request_costs_its_tokens_and_a_redone_answer_costs_both() -> None:
    routes = load_routes(ROUTES, SIX)
    prompt = "x" * 401
    small, frontier = routes.targets["local-small"], routes.targets["frontier"]
    assert routes.tokens(prompt, "code/complex") == (101, 1800)
    assert small.cost(101, 1800) == pytest.approx((101 * 0.05 + 1800 * 0.20) / 1e6)
    assert routes.default_cost(prompt, "code/simple") == pytest.approx(frontier.cost(101, 250))
    assert routes.routed_cost(prompt, "code/simple", "code/simple") == pytest.approx(small.cost(101, 250))
    # too weak a model: its answer is thrown away and the right one is asked as well
    both = small.cost(101, 1800) + frontier.cost(101, 1800)
    assert routes.routed_cost(prompt, "code/complex", "code/simple") == pytest.approx(both)
    # too strong a model only costs more; no label goes to the default
    dear = frontier.cost(101, 250)
    assert routes.routed_cost(prompt, "code/simple", "code/complex") == pytest.approx(dear)
    assert routes.routed_cost(prompt, "code/simple", None) == pytest.approx(dear)
    accept = routes.model_copy(update={"misroute": "accept"})
    assert accept.routed_cost(prompt, "code/complex", "code/simple") == pytest.approx(small.cost(101, 1800))


def test_a_price_by_request_is_added() -> None:
    data = load_routes(ROUTES, SIX).model_dump()
    data["model"][0]["per_request"] = 0.5
    assert Routes.model_validate(data).targets["local-small"].cost(0, 0) == 0.5


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('model = "open-medium"', 'model = "nowhere"', "goes to 'nowhere', which is no [[model]] here"),
        ('default = "frontier"', 'default = "x"', "default 'x' is no [[model]] here"),
        ('name = "open-medium"', 'name = "frontier"', "model 'frontier' appears twice"),
        ('label = "CoT/simple"', 'label = "code/simple"', "label 'code/simple' appears twice"),
        ('label = "CoT/simple"', 'label = "CoT/easy"', "no [[route]] for CoT/simple"),
        (
            "output_tokens = 4000",
            "output_tokens = 4000\nself_hosted_only = true",
            "its own constraints forbid",
        ),
        ("output_tokens = 900", "output_tokens = 900\nregions = ['us']", "its own constraints forbid"),
        ("output_tokens = 900", "output_tokens = 0", "output_tokens: should be greater than 0"),
        ("date = 2026-11-24", "", "date: missing"),
    ],
)
def test_a_table_that_does_not_hang_together_is_refused(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    path = tmp_path / "routes.toml"
    text = ROUTES.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(LabError) as e:
        load_routes(path, SIX)
    assert str(path) in str(e.value)
    assert words in str(e.value)


def test_a_label_that_the_taxonomy_has_not_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "routes.toml"
    path.write_text(
        ROUTES.read_text() + '\n[[route]]\nlabel = "other"\nmodel = "frontier"\noutput_tokens = 1\n'
    )
    with pytest.raises(LabError, match="unknown label 'other'"):
        load_routes(path, SIX)
