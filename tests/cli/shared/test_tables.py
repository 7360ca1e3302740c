"""Tables for the terminal, 80 columns wide."""

from dataclasses import replace

from rich.console import Console

from routerlab.cli.shared.tables import summary_table
from routerlab.core.statistics.metrics import ArmSummary

STRICT = ArmSummary("qwen2.5-coder-0.5b:json", 60, 60, 0.5, 0.4, 0.6, {}, 0.25, 10.0, 20.0, False)
FAMILIES = {"code/simple": "code", "CoT/simple": "CoT", "hybrid/agentic": "hybrid"}


def shown(*summaries: ArmSummary) -> str:
    console = Console(width=80)
    with console.capture() as captured:
        console.print(summary_table(summaries, FAMILIES))
    return captured.get()


def test_both_parse_rates_of_a_lenient_arm_are_there() -> None:
    assert "leniently" not in shown(STRICT)
    both = shown(STRICT, replace(STRICT, arm="m:json-lenient", lenient_rate=0.75))
    assert "0.25 +0.75" in both
    assert "parse: read strictly, and + leniently" in both
    assert max(map(len, both.splitlines())) <= 80
