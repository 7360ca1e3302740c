"""Choose a model that is here, or write a path; and how to ask it."""

import asyncio
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Footer, Input, Label, OptionList, RadioButton, RadioSet
from textual.widgets.option_list import Option

from routerlab.core.errors import LabError
from routerlab.core.remote import Remote
from routerlab.core.text import printable
from routerlab.engine.arms.arm import Spec
from routerlab.engine.contract.names import UNTUNED, Untuned
from routerlab.engine.lab.specs import REMOTE, any_spec, local_routers
from routerlab.models.catalog import LocalModel, local_models
from routerlab.settings import load_settings
from routerlab.tui.shared.dialogs import CLOSE


class AddArm(ModalScreen[Spec | None]):
    """Answers with a specification, None when left."""

    BINDINGS: ClassVar[list[BindingType]] = [CLOSE]

    def __init__(self, contract: Untuned) -> None:
        super().__init__()
        self._contract = contract
        self._choices: list[str] = []

    def compose(self) -> ComposeResult:
        """The routers and models that are here, a path, the contract."""
        with Vertical(classes="dialog"):
            yield Label("Add an arm", classes="title")
            yield OptionList(markup=False)
            yield Input(placeholder="or a .gguf file, a router file, a catalogue id", id="path")
            with RadioSet():
                for name in UNTUNED:
                    yield RadioButton(name, value=name == self._contract)
            yield Label("", id="fault", markup=False)
            yield Footer()

    async def on_mount(self) -> None:
        """List what is here, models first; the folders may be slow, so not on the event loop."""
        models: list[LocalModel] = []
        remotes: tuple[Remote, ...] = ()
        try:
            models = await asyncio.to_thread(local_models)
            remotes = (await asyncio.to_thread(load_settings)).remote
        except LabError as e:
            self._fault(str(e))
        routers = await asyncio.to_thread(local_routers)
        named = [REMOTE + remote.name for remote in remotes]
        self._choices = [*(str(m.path) for m in models), *map(str, routers), *named]
        options = self.query_one(OptionList)
        options.add_options(Option(_line(model)) for model in models)
        options.add_options(Option(_router_line(path)) for path in routers)
        options.add_options(Option(_remote_line(remote)) for remote in remotes)
        if self._choices:
            options.highlighted = 0
            options.focus()
        else:
            options.add_option(Option("no model is here: see `routerlab models list`", disabled=True))
            self.query_one(Input).focus()

    @on(OptionList.OptionSelected)
    async def _chosen(self, event: OptionList.OptionSelected) -> None:
        await self._answer(self._choices[event.option_index])

    @on(Input.Submitted)
    async def _written(self, event: Input.Submitted) -> None:
        if event.value.strip():
            await self._answer(event.value.strip())

    async def _answer(self, text: str) -> None:
        contract = UNTUNED[max(0, self.query_one(RadioSet).pressed_index)]
        try:
            self.dismiss(await asyncio.to_thread(any_spec, text, contract))
        except LabError as e:
            self._fault(str(e))

    def _fault(self, message: str) -> None:
        self.query_one("#fault", Label).update(printable(message))


def _router_line(path: Path) -> Content:
    about = "router: its model and contract are its own"
    return Content.assemble(f"{printable(path.stem):<28} ", (f"{'':>10}   {about}", "$foreground 60%"))


def _remote_line(remote: Remote) -> Content:
    about = printable(f"{remote.model} at {remote.host}")
    return Content.assemble(f"{REMOTE + remote.name:<28} ", (f"{'':>10}   {about}", "$foreground 60%"))


def _line(model: LocalModel) -> Content:
    size = f"{model.size / 2**20:,.0f} MiB"
    about = f"{model.entry.parameters}  {model.entry.quantization}" if model.entry else "no catalogue entry"
    return Content.assemble(
        f"{printable(model.name):<28} ", (f"{size:>10}   {printable(about)}", "$foreground 60%")
    )
