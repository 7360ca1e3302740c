"""What a trial says of money: prices, misroutes, and the accuracy at which a router pays."""

from dataclasses import replace

import pytest

from routerlab.core.files.toml import load_toml
from routerlab.resources import ROUTES
from routerlab.study.figures.rows import Row
from routerlab.study.report.sections.trial import economics
from routerlab.study.routing_table import Routes
from routerlab.study.trial.analysis.economics import requests
from routerlab.study.trial.protocol.assignment import Planned
from tests.study.trial.analysis.made import Made, bill, hypothesis, number
from tests.study.trial.harness import LABELS, Answer


def test_costs_are_those_of_the_table(made: Made) -> None:
    routes = load_toml(ROUTES, Routes)
    result = made(routes=routes)
    control, keywords = bill(result, "control"), bill(result, "keywords")
    assert control.ratio == 1
    assert control.saved_per_1000 == 0
    assert keywords.default == control.default  # the same cases
    router = 30 * 3.6 / 3600  # a second each, without the wait
    assert keywords.router == pytest.approx(router)
    price = routes.targets
    tokens = {f"c{i}": (len(f"prompt number {i}") + 3) // 4 for i in range(30)}
    expected = 0.0
    for i in range(30):
        gold = LABELS[i % 6]
        given = LABELS[(i + 1) % 6] if i % 5 == 0 else gold
        out = routes.routes[gold].output_tokens
        went, right = price[routes.routes[given].model], price[routes.routes[gold].model]
        expected += went.cost(tokens[f"c{i}"], out)
        expected += right.cost(tokens[f"c{i}"], out) if went.tier < right.tier else 0
    assert keywords.routed == pytest.approx(expected)
    assert keywords.ratio == pytest.approx((expected + router) / keywords.default)
    assert keywords.ratio_low is not None
    assert keywords.ratio_high is not None
    assert keywords.ratio is not None
    assert keywords.ratio_low < keywords.ratio < keywords.ratio_high


def test_a_router_that_is_paid_by_the_token_costs_that(made: Made) -> None:
    machine = '[[cost.machine]]\narms = ["keywords", "majority"]\nper_hour = 3.6'
    tokens = '[[cost.tokens]]\narms = ["keywords"]\ninput_per_million = 10000\noutput_per_million = 250000'
    result = made(instead=(machine, tokens))
    assert bill(result, "keywords").router == pytest.approx(30 * 1.5)
    assert bill(result, "majority").router is None
    cost = result.analysis.by_name["keywords"].cost
    assert cost is not None
    assert cost.basis == "tokens"
    assert cost.per_1000 == pytest.approx(1500.0)


def test_misroutes_have_their_price_and_wrong_labels_to_the_right_model_are_none(made: Made) -> None:
    keywords = bill(made(), "keywords")
    # wrong: c0 code/simple -> code/complex, c5 generative -> code/simple, c10 agentic -> generative,
    # c15 CoT/complex -> agentic, c20 CoT/simple -> CoT/complex, c25 code/complex -> CoT/simple
    found = {(one.gold, one.label): one for one in keywords.misroutes}
    assert set(found) == {
        ("code/simple", "code/complex"),
        ("hybrid/generative", "code/simple"),
        ("hybrid/agentic", "hybrid/generative"),
        ("CoT/complex", "hybrid/agentic"),
        ("CoT/simple", "CoT/complex"),
        ("code/complex", "CoT/simple"),
    }
    assert found["hybrid/agentic", "hybrid/generative"].weaker
    assert not found["code/simple", "code/complex"].weaker
    assert keywords.misroutes[0].extra == max(one.extra for one in keywords.misroutes)
    assert keywords.outcome_accuracy.value == pytest.approx(24 / 30)

    def to_the_same_model(planned: Planned, gold: str) -> Answer:
        swapped = {"code/simple": "CoT/simple", "CoT/simple": "code/simple"}
        return "ok", swapped.get(gold, gold), 1.0

    result = made(to_the_same_model)
    accuracy = result.analysis.by_name["keywords"].accuracy
    assert accuracy is not None
    assert accuracy.value == pytest.approx(20 / 30)
    assert bill(result, "keywords").outcome_accuracy.value == 1
    assert bill(result, "keywords").misroutes == ()


def test_a_prompt_that_an_arm_abstained_from_costs_what_the_default_model_costs() -> None:
    routes = load_toml(ROUTES, Routes)
    answered = Row(arm="a", case="c", repeat=1, gold="code/simple", label="code/simple", status="ok")
    first, other = requests([answered, replace(answered, abstained=True)], routes, {"c": "x" * 400})
    assert first.routed < other.routed == other.default == first.default


def test_the_break_even_accuracy_is_where_nothing_is_saved(made: Made) -> None:
    dear = load_toml(ROUTES, Routes).model_copy(update={"misroute": "accept"})

    # a router so dear that it pays only when it is right: mistakes all go to the dearest model
    def all_to_the_dearest(planned: Planned, gold: str) -> Answer:
        return "ok", gold if number(planned.case) % 3 else "hybrid/agentic", 4000.0

    result = made(all_to_the_dearest, routes=dear)
    one = bill(result, "keywords")
    assert one.break_even is not None
    wrong = sum(i % 3 == 0 and LABELS[i % 6] != "hybrid/agentic" for i in range(30)) / 30
    best = (one.default - one.router - sum_right(dear)) / 30  # type: ignore[operator]
    now = one.saved_per_1000 / 1000
    # at accuracy a the saving is best - (1 - a) / wrong (best - now)
    assert best - (1 - one.break_even) / wrong * (best - now) == pytest.approx(0, abs=1e-12)
    assert (one.break_even < 1 - wrong) == (now > 0)


def sum_right(routes: Routes) -> float:
    return sum(routes.routed_cost(f"prompt number {i}", LABELS[i % 6], LABELS[i % 6]) for i in range(30))


def test_where_no_label_was_wrong_nothing_is_said_of_mistakes(made: Made) -> None:
    one = bill(made(lambda _, gold: ("ok", gold, 1000.0)), "keywords")
    assert one.break_even is None
    assert one.break_even_says == "no label was wrong, so what a wrong one costs is not known"


def test_a_router_that_costs_more_than_it_can_save_never_pays(made: Made) -> None:
    one = bill(made(lambda _, gold: ("ok", gold, 3.6e6)), "keywords")
    assert one.break_even is None
    assert one.break_even_says == "it saves nothing, however accurate"


def test_a_default_model_that_costs_nothing_has_no_ratio_and_a_hypothesis_says_so(made: Made) -> None:
    data = load_toml(ROUTES, Routes).model_dump()
    for target in data["model"]:
        if target["name"] == data["default"]:
            target.update(input_per_million=0.0, output_per_million=0.0, per_request=0.0)
    result = made(routes=Routes.model_validate(data))
    assert bill(result, "control").default == 0
    assert bill(result, "keywords").ratio is None
    assert bill(result, "keywords").ratio_low is None
    cost = hypothesis(result, "H6")
    assert cost.found == "not tested: without a router it costs nothing, so there is no ratio"
    assert economics(result) is not None


def test_constraints_count_what_went_where_it_may_not(made: Made) -> None:
    table = load_toml(ROUTES, Routes)
    data = table.model_dump()
    for route in data["route"]:
        if route["label"] == "code/simple":
            route["self_hosted_only"] = True
    result = made(routes=Routes.model_validate(data))
    found = {(one.gold, one.label): one.forbidden for one in bill(result, "keywords").misroutes}
    assert found["code/simple", "code/complex"] == 1
    assert found["hybrid/generative", "code/simple"] == 0
