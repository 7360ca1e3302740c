"""Exports of annotation tools: Prodigy, doccano, Label Studio, Argilla."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from routerlab.annotate.formats.fields import Row, Shape, agreed, facts, labelled, prompt_of, told
from routerlab.core.corpus import Case
from routerlab.core.names import Turn

_ANSWERS = ("accept", "reject", "ignore")
_NOBODY = "00000000-0000-0000-0000-000000000000"


def _labels(case: Case) -> list[str]:
    return [case.label, *case.also] if case.label is not None else []


# --- Prodigy: {"text": ..., "accept": ["A"], "answer": "accept"}, or binary {"text", "label", "answer"} ----


def _is_prodigy(row: Row) -> bool:
    ours = row.get("answer") in _ANSWERS or "_task_hash" in row or isinstance(row.get("meta"), dict)
    return "text" in row and "prompt" not in row and ours


def _from_prodigy(row: Row, _turn: Turn) -> list[Row] | str:
    answer = row.get("answer", "accept")
    if answer != "accept":
        return f"answer {answer}"
    chosen = row.get("accept", [row["label"]] if row.get("label") else [])
    return [{**told(row.get("meta")), "prompt": row["text"], **labelled(chosen)}]


def to_prodigy(cases: Sequence[Case], labels: Iterable[str]) -> list[Row]:
    """Tasks of `choice`; those with a label are answered."""
    options = [{"id": label, "text": label} for label in labels]
    return [
        {"text": case.prompt, "options": options, "meta": facts(case, "label", "also")}
        | ({"accept": _labels(case), "answer": "accept"} if case.label is not None else {})
        for case in cases
    ]


# --- doccano: {"id": 1, "text": ..., "label": ["A", "B"]}; CSV joins labels with # --------------------------


def _is_doccano(row: Row) -> bool:
    lists = isinstance(row.get("label"), list) or isinstance(row.get("labels"), list)
    return ("text" in row or "data" in row) and "prompt" not in row and (lists or "Comments" in row)


def _from_doccano(row: Row, _turn: Turn) -> list[Row] | str:
    chosen = row.get("label", row.get("labels")) or []
    if isinstance(chosen, str):
        chosen = chosen.split("#")
    return [{**told(row), "prompt": row.get("text", row.get("data")), "label": None, **labelled(chosen)}]


def to_doccano(case: Case) -> Row:
    """A line of doccano's JSONL; further keys are its meta data there."""
    return {"text": case.prompt, "label": _labels(case), **facts(case, "label", "also")}


# --- Label Studio: {"data": {...}, "annotations": [{"result": [...]}]}, or flat with "annotation_id" --------


def _is_label_studio(row: Row) -> bool:
    return (isinstance(row.get("data"), dict) and ("annotations" in row or "predictions" in row)) or (
        "annotation_id" in row
    )


def _choices(result: Any) -> list[str]:
    return [c for part in result if part.get("type") == "choices" for c in part["value"]["choices"]]


def _from_label_studio(row: Row, _turn: Turn) -> list[Row] | str:
    if "annotation_id" in row:
        data = {k: v for k, v in row.items() if k not in _LABEL_STUDIO}
        chosen = row.get("label") or row.get("choice") or []
        if isinstance(chosen, str):
            chosen = json.loads(chosen) if chosen.startswith("{") else [chosen]
        return [
            {**told(data), "prompt": prompt_of(data, ""), "label": None}
            | labelled(chosen["choices"] if isinstance(chosen, dict) else chosen)
        ]
    given = [a for a in row.get("annotations") or () if not a.get("was_cancelled")]
    if row.get("annotations") and not given:
        return "skipped by its annotator"
    truth = [a for a in given if a.get("ground_truth")] or given
    chosen = agreed(c for a in truth if (c := _choices(a["result"])))
    if isinstance(chosen, str):
        return chosen
    return [{**told(row["data"]), "prompt": prompt_of(row["data"], "data."), **chosen}]


_LABEL_STUDIO = {
    "annotation_id", "annotator", "created_at", "updated_at", "lead_time", "label", "choice", "id",
}  # fmt: skip


def to_label_studio(case: Case) -> Row:
    """A task of Label Studio, annotated where the case has a label; facts are further data of the task."""
    value = {"choices": _labels(case)}
    result = {"from_name": "label", "to_name": "text", "type": "choices", "value": value}
    row: Row = {"data": {"text": case.prompt, **facts(case, "label", "also")}}
    return row | {"annotations": [{"result": [result]}] if case.label is not None else []}


# --- Argilla: {"fields": {...}, "responses": {...}}, flat "label.responses", or "annotation" (version 1) ---


def _is_argilla(row: Row) -> bool:
    nested = isinstance(row.get("fields"), dict) and ("responses" in row or "suggestions" in row)
    first = "annotation" in row and ("prediction" in row or "annotation_agent" in row)
    return nested or first or any(key.endswith(".responses") for key in row)


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def _from_argilla(row: Row, _turn: Turn) -> list[Row] | str:
    if str(row.get("status")).lower() == "discarded":
        return "discarded"
    if "annotation" in row:
        texts = row.get("inputs") or {"text": row.get("text")}
        chosen = [v for v in _listed(row["annotation"]) if v]
        known = {**told(row.get("metadata")), **told({"id": row.get("id")})}
        return [{**known, "prompt": prompt_of(texts, "inputs."), **labelled(chosen)}]
    given = _responses(row)
    if given and all(status == "discarded" for _, status in given):
        return "discarded"
    agree = agreed(value for value, status in given if status == "submitted")
    if isinstance(agree, str):
        return agree
    nested = isinstance(row.get("fields"), dict)
    texts = row["fields"] if nested else {k: v for k, v in row.items() if "." not in k and k[0] != "_"}
    known = {**told(row.get("metadata") if nested else row), **told({"id": row.get("id")})}
    return [{**known, "prompt": prompt_of(texts, "fields." if nested else ""), **agree}]


def _responses(row: Row) -> list[tuple[list[str], str]]:
    """(labels, status) of everybody who answered the question "label", or the only question there is."""
    flat = {k.removesuffix(".responses"): row[k] or [] for k in row if k.endswith(".responses")}
    if flat:
        name = _question(flat)
        status = row.get(f"{name}.responses.status") or ["submitted"] * len(flat[name])
        return list(zip(map(_listed, flat[name]), status, strict=True))
    responses = row.get("responses") or {}
    if isinstance(responses, list):  # of version 1.x: a list of people, each with "values" by question
        values = [(r.get("values") or {}, str(r.get("status", "submitted"))) for r in responses]
        return [(_listed(v[_question(v)]["value"]), status) for v, status in values if v]
    given = responses.get(_question(responses)) or [] if responses else []
    return [(_listed(r["value"]), str(r.get("status") or "submitted")) for r in given]


def _question(questions: Any) -> str:
    names = [name for name in questions if name == "label" or len(questions) == 1]
    if not names:
        there = ", ".join(questions)
        raise ValueError(f"which question has the label? There are {there}; name one of them label")
    return str(names[0])


def to_argilla(case: Case) -> Row:
    """A record with the field "prompt" and the question "label", as version 2 writes records to JSON."""
    responses = {"label": [{"value": case.label, "user_id": _NOBODY}]} if case.label is not None else {}
    row: Row = {"id": case.id, "fields": {"prompt": case.prompt}, "metadata": facts(case, "id", "label")}
    return row | {
        "suggestions": {},
        "responses": responses,
        "status": "completed" if responses else "pending",
    }


SHAPES = (
    Shape("Argilla", _is_argilla, _from_argilla, "prompt = the field, label = responses to the question"),
    Shape("Label Studio", _is_label_studio, _from_label_studio, "prompt = data, label = choices"),
    Shape(
        "Prodigy", _is_prodigy, _from_prodigy, "prompt = text, label = accept or label, of answers accepted"
    ),
    Shape("doccano", _is_doccano, _from_doccano, "prompt = text, label = label"),
)
