"""Loads the arms of a lab one after the other, for commands without a screen."""

from collections.abc import Callable, Mapping, Sequence

from routerlab.core.errors import Exit, LabError
from routerlab.engine.arms.arm import ArmState, Spec
from routerlab.engine.contract.info import ArmInfo
from routerlab.engine.lab.lab import Lab

Say = Callable[[str], None]
"""Takes a line for people to read."""


async def start_arms(lab: Lab, specs: Sequence[Spec], say: Say) -> None:
    """Load the arms in turn and tell; LabError (exit 3) when one cannot be loaded."""
    for spec in specs:
        lab.add_arm(spec)
        say(f"loading {spec.name} ...")
        await lab.settled()
        state = lab.arms[spec.name].state
        if state.phase == "failed":
            raise given_up(spec.name, state, say)
        info = state.info
        assert info is not None
        note = " (CPU build)" if isinstance(info, ArmInfo) and not info.gpu_build else ""
        where = f" on {info.device}{note}" if info.device else ""
        say(f"  ready in {info.load_ms / 1000:.1f} s{where}")
        if state.message:
            say(f"  {state.message}")


async def connect(lab: Lab, more: Mapping[str, int], say: Say) -> None:
    """Load so many `more` connections of arms that are here; LabError (exit 3) when one cannot be loaded."""
    before = set(lab.arms)
    for name, count in more.items():
        for _ in range(count):
            lab.add_connection(name)
    await lab.settled()
    for name, arm in lab.arms.items():
        if name not in before and arm.state.phase == "failed":
            raise given_up(name, arm.state, say)


def given_up(name: str, state: ArmState, say: Say, more: str = "") -> LabError:
    """The error (exit 3) for an arm that failed, after the end of its log, if that says why."""
    for line in state.log_tail:
        say(f"  log: {line}")
    return LabError(f"{name}: {state.message}{more}", Exit.MISSING)
