"""What a trial decided beforehand, for whoever watches it. Pure functions."""

from textual.content import Content

from routerlab.core.text import plural
from routerlab.study.trial.protocol.protocol import Looks, Protocol
from routerlab.tui.shared.palette import Palette
from routerlab.tui.shared.wrap import wrapped

HEAD = 8


def registered_text(protocol: Protocol, cases: int, width: int, p: Palette) -> Content:
    """Hypotheses, gates, looks, how much is asked and when it ends, a paragraph each."""
    said = [
        *((one.id, one.says) for one in protocol.hypothesis),
        ("gates", ", ".join(protocol.gates)),
        ("looks", looks_words(protocol.looks)),
        ("asks", f"{plural(cases, 'case')}, {plural(protocol.sessions, 'session')} an arm"),
        ("ends", f"after {protocol.limit_minutes:g} minutes at the latest"),
    ]
    lines = [Content.styled("Registered", "bold")]
    for head, text in said:
        first, *more = wrapped(text, max(10, width - HEAD))
        lines.append(Content.assemble((head.ljust(HEAD), p.dim), first))
        lines += [Content(" " * HEAD + line) for line in more]
    return Content("\n").join(lines)


def looks_words(looks: Looks) -> str:
    """When outcomes are looked at before the end, and what follows."""
    if looks.rule == "none":
        return "none before the end"
    follows = {"record": "nothing follows", "drop": "an arm may be dropped", "stop": "it may stop the trial"}
    if looks.rule == "sprt":
        return (
            f"after every case, accuracy {looks.p0:g} or {looks.p1:g} (Wald's test); {follows[looks.action]}"
        )
    at = ", ".join(f"{fraction:.0%}" for fraction in looks.fractions)
    return f"at {at} of the cases (O'Brien-Fleming); {follows[looks.action]}"
