"""What may be shown of what others said. Nothing else of the screen reads it: blind means blind."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from routerlab.annotate.desk.desk import Desk
from routerlab.annotate.desk.item import Opinion


@dataclass(frozen=True)
class Seen:
    """Empty where nothing may be shown. `suggest` is None where nothing is suggested at all, "" on a tie."""

    suggest: str | None = None
    models: Mapping[str, tuple[str, float | None]] = field(default_factory=dict)
    people: Mapping[str, Opinion] = field(default_factory=dict)
    gold: str | None = None

    @property
    def anything(self) -> bool:
        """Whether there is anything that others said."""
        return bool(self.models or self.people or self.gold)


def seen(desk: Desk, i: int) -> Seen:
    """What may be shown of item `i` now; a label that is not on the disk yet reveals nothing."""
    item = desk.items[i]
    if desk.revealed(i) and not desk.file.pending:
        return Seen(None, item.models, item.people, item.gold)
    suggest = (desk.suggestion(i) or "") if desk.mode == "suggest" else None
    return Seen(suggest, people=item.people if desk.mode == "adjudicate" else {})
