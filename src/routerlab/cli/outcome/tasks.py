"""`routerlab outcome tasks`: are tasks sound?"""

from pathlib import Path
from typing import Annotated

import typer

from routerlab.cli.shared import options as o
from routerlab.cli.shared.show import say
from routerlab.core.text import plural, printable


def tasks(
    file: Annotated[Path, typer.Argument(help="The tasks, a TOML file.", metavar="FILE")],
    taxonomy: o.TaxonomyFile = None,
    together: Annotated[int, typer.Option(min=1, max=64, help="Tasks checked at the same time.")] = 2,
    corpus: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the prompts and labels as a new corpus, for `trial`, too."),
    ] = None,
) -> None:
    """Check tasks: keys, labels, and that a right answer passes and nothing else does.

    The reference must score at least the task's `good`; each wrong answer, an empty one and the prompt itself
    less. Sound tasks end with 0 and lines that count them; otherwise every fault is a line on stderr, and the
    exit code is 1 (2 where the file cannot be read). Answers' code runs in the sandbox that is named.

    Example: routerlab outcome tasks corpus/tasks.toml
    """
    from collections import Counter

    from routerlab.annotate.corpus.file import write_corpora
    from routerlab.core.errors import Exit
    from routerlab.core.taxonomy import load_taxonomy
    from routerlab.resources import TAXONOMY
    from routerlab.study.outcome.check.sandbox import open_sandbox
    from routerlab.study.outcome.check.sound import faults_of
    from routerlab.study.outcome.task import checks_of, corpus_of, load_tasks

    loaded = load_tasks(file, load_taxonomy(taxonomy or TAXONOMY))
    sandbox = open_sandbox()
    say(f"answers' code runs in {sandbox.words}")
    wrong = 0
    for fault in faults_of(loaded, sandbox, together):
        wrong += 1
        say(f"{file}: {fault}")
    counts: dict[str, Counter[str]] = {
        "labels": Counter(task.label for task in loaded.task),
        "difficulties": Counter(task.difficulty for task in loaded.task),
        "languages": Counter(task.language for task in loaded.task),
        "checks": Counter(check.kind for task in loaded.task for check in checks_of(task)),
    }
    typer.echo(printable(f"{loaded.name}: {plural(len(loaded.task), 'task')}, sha256 {loaded.sha256[:12]}"))
    for name, each in counts.items():
        typer.echo(printable(f"{name}: {', '.join(f'{key} {n}' for key, n in each.most_common())}"))
    if corpus is not None:
        write_corpora({corpus: corpus_of(loaded)})
    if wrong:
        say(plural(wrong, "fault"))
        raise typer.Exit(Exit.CHECK_FAILED)
