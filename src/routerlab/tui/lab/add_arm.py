"""Choose a model that is here, or write a path; and how to ask it."""

import asyncio

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Label, OptionList, RadioButton, RadioSet
from textual.widgets.option_list import Option

from routerlab.core.errors import LabError
from routerlab.core.remote import Remote
from routerlab.core.text import printable
from routerlab.engine.arms.arm import Spec
from routerlab.engine.contract.names import UNTUNED, Untuned
from routerlab.engine.lab.specs import REMOTE, any_spec, local_routers
from routerlab.models.catalog import LocalModel, local_models
from routerlab.settings import load_settings
from routerlab.tui.shared.dialogs import Dialog

ROUTER = "router with its own model"


class Way(RadioButton):
    """A ring, filled where it is chosen: a colour alone would not say it."""

    BUTTON_LEFT = BUTTON_RIGHT = ""

    def render(self) -> Content:
        """The ring and the name."""
        self.BUTTON_INNER = "●" if self.value else "○"
        return super().render()


class AddArm(Dialog[Spec | None]):
    """Answers with a specification, None when left."""

    def __init__(self, contract: Untuned) -> None:
        super().__init__("Add an arm")
        self._contract = contract
        self._choices: list[str] = []

    def body(self) -> ComposeResult:
        """The routers and models that are here, a path, the contract."""
        yield OptionList(markup=False)
        yield Input(placeholder="or a .gguf file, a router file, a catalogue id", id="path")
        with RadioSet():
            for name in UNTUNED:
                yield Way(name, value=name == self._contract)
        yield Label("", id="fault", markup=False)

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
        lines = {str(model.path): _model(model) for model in models}
        lines |= {str(path): _line(path.stem, "", ROUTER) for path in routers}
        for remote in remotes:
            name = REMOTE + remote.name
            lines[name] = _line(name, "", f"{remote.model} at {remote.host}")
        self._choices = list(lines)
        options = self.query_one(OptionList)
        options.add_options(map(Option, lines.values()))
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


def _line(name: str, size: str, about: str) -> Content:
    return Content.assemble(f"{printable(name):<28} ", (f"{size:>10}   {printable(about)}", "$dim"))


def _model(model: LocalModel) -> Content:
    about = f"{model.entry.parameters}  {model.entry.quantization}" if model.entry else "no catalogue entry"
    return _line(model.name, f"{model.size / 2**20:,.0f} MiB", about)
