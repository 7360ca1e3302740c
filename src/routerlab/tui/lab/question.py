"""One question in full, the prompt and what every arm said: to read, and to take along."""

from collections.abc import Sequence

import tomli_w
from textual.content import Content

from routerlab.core.prediction import Trial
from routerlab.core.text import printable
from routerlab.engine.lab.lab import Lab
from routerlab.tui.lab.known import answered, known
from routerlab.tui.lab.sitting import Question
from routerlab.tui.lab.state import annotation, case_name, prompt_of
from routerlab.tui.lab.strip import note_text
from routerlab.tui.shared.palette import Palette
from routerlab.tui.shared.text import MARKS, milliseconds, probability

LONGEST = 50_000
"""Characters of a prompt or an answer that the dialog shows."""
LINE = 40
"""Columns that a line of it has at least."""


def question_text(lab: Lab, question: Question, p: Palette) -> Content:
    """The text of the dialog; everything foreign in it is escaped."""
    parts: list[tuple[str, str]] = [(case_name(question), p.dim)]
    if gold := question.first.gold:
        parts += [("   gold ", p.dim), (printable(gold), f"bold {p.label(gold)}")]
    if note := note_text(annotation(lab, question)[1]):
        parts += [("   you ", p.dim), (note, f"bold {p.accent}")]
    parts += [("\n\n", ""), (_cut(prompt_of(lab, question.first)), ""), ("\n", "")]
    for arm, trial in question.trials.items():
        parts += [
            (f"\n{MARKS[trial.correct]} ", p.mark(trial.correct)),
            (printable(arm), "bold"),
            ("  ", ""),
            (answered(trial), f"bold {_colour(trial, p)}"),
            (f"  by {printable(trial.member)}" if trial.member else "", p.dim),
            (f"  {milliseconds(trial.latency_ms.total)}", p.dim),
            ("  contended" if trial.contended else "", p.warn),
        ]
        if trial.familiarity is not None:
            parts += [("\n  ", ""), *known(trial, LINE, p), (f" familiarity {trial.familiarity:.3f}", p.dim)]
        if trial.probabilities:
            best = sorted(trial.probabilities.items(), key=lambda item: -item[1])
            shown = "   ".join(f"{printable(name)} {probability(value)}" for name, value in best[:8])
            parts.append((f"\n  {shown}", p.dim))
        parts += [(f"\n  {_cut(text)}", p.dim) for text in (trial.answer, trial.error) if text]
        parts.append(("\n", ""))
    return Content.assemble(*parts)


def _colour(trial: Trial, p: Palette) -> str:
    if trial.abstained:
        return p.warn
    return p.label(trial.label) if trial.label else p.bad


def result_text(lab: Lab, questions: Sequence[Question]) -> str:
    """The question and every arm's answer, as TOML; several are tables called `question`."""
    found = [_result(lab, question) for question in questions]
    return tomli_w.dumps(found[0] if len(found) == 1 else {"question": found})


def _result(lab: Lab, question: Question) -> dict[str, object]:
    first = question.first
    state = annotation(lab, question)[1]
    head = {"case": first.case, "prompt": prompt_of(lab, first), "gold": first.gold}
    data: dict[str, object] = {k: v for k, v in {**head, "annotation": state.label}.items() if v is not None}
    data["trial"] = [
        t.model_dump(mode="json", exclude_none=True, exclude={"prompt", "gold", "case"})
        for t in question.trials.values()
    ]
    return data


def _cut(text: str) -> str:
    shown = printable(text[:LONGEST], keep_newlines=True)
    more = len(text) - LONGEST
    return shown if more <= 0 else f"{shown}\n… {more:,} more characters (w saves all of it)"
