"""Chat templates of well-known families, and what stands in where one cannot be used."""

import json

import pytest

from routerlab.engine.contract.contract import DROPS, frame, system_prompt
from routerlab.engine.worker.template import renderer, usable
from tests.engine.asking import TWO, shots_for
from tests.engine.contract.templates import FAMILIES, Family
from tests.engine.tiny import TEMPLATES

SHOT = shots_for(TWO.labels)[:1]
ANSWER = f'{{"label": "{SHOT[0].label}"}}'
LISTED = "{% for m in messages %}{{ m | tojson }}\n{% endfor %}"


def read(source: str, prompt: str) -> str:
    """What a model with this template reads under `score`, its prefilled answer left out."""
    framing = frame(TWO, "score", SHOT, renderer(source, "<s>", "</s>"))
    pieces = (*framing.prefix, *framing.suffix[:-1])
    before = "".join(p.text for p in framing.prefix)
    return before + framing.written(prompt) + "".join(p.text for p in pieces[len(framing.prefix) :])


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_families(family: Family) -> None:
    found = read(family.source, "USER")
    for text, name in ((system_prompt(TWO, "score"), "SYS"), (SHOT[0].prompt, "ASK"), (ANSWER, "ANSWER")):
        found = found.replace(text, name)
    assert found == family.expected
    way = frame(TWO, "score", SHOT, renderer(family.source, "<s>", "</s>"))
    assert (way.template, way.plain_text) == (family.way, None)


def test_contents_that_a_template_writes_as_json_stay_within_their_quotes() -> None:
    prompt = 'say "hi"\n\\ and é'
    lines = [json.loads(line) for line in read(LISTED, prompt).splitlines()]
    assert [line["role"] for line in lines] == ["system", "user", "assistant", "user"]
    assert [line["content"] for line in lines][1:] == [SHOT[0].prompt, ANSWER, prompt]
    quoted = frame(TWO, "score", SHOT, renderer(LISTED, "", ""))
    assert "é" in quoted.written(prompt)
    plain = frame(TWO, "score", SHOT, renderer(LISTED.replace(" | tojson", ""), "", ""))
    assert not plain.quoted
    assert plain.written(prompt) == prompt


def test_a_template_that_writes_a_list_of_parts_out_as_one_is_not_used() -> None:
    only_lists = (
        "{% for m in messages %}{% if m.content is not string %}{{ m.content }}{% endif %}{% endfor %}"
    )
    framing = frame(TWO, "score", SHOT, renderer(only_lists, "", ""))
    assert (framing.template, framing.plain_text) == ("plain", DROPS)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (TEMPLATES["chatml"], "used"),
        (TEMPLATES["refuses system"], "used, the instruction in the first user turn"),
        (
            TEMPLATES["strips turns"],
            f"used, but not with worked examples, where plain text stands in: {DROPS}",
        ),
        (
            "{{ raise_exception('not\n\x1b[31mtoday') }}",
            r"not used, plain text stands in: its chat template fails: not\x0a\x1b[31mtoday",
        ),
        (
            TEMPLATES["broken"],
            "not used, plain text stands in: its chat template fails: Unexpected end of template.",
        ),
    ],
)
def test_what_is_said_of_a_template(source: str, said: str) -> None:
    assert usable(source).startswith(said)
    assert len(usable(source)) < 170
