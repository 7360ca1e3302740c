"""A plan's local models: how they are made, here or on a cluster's machines, and how they are asked there."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from routerlab.engine.arms.arm import ArmSpec
from routerlab.engine.arms.downstream import Answered, Asked, ChatModel
from routerlab.engine.worker.protocol import LoadChat
from routerlab.models.placement import want
from routerlab.settings import Settings
from routerlab.study.outcome.run.plan import Plan


def settings_for(plan: Plan, settings: Settings) -> Settings:
    """The settings with the plan's context and, where it says so, threads."""
    own = {"context": plan.chat.context, "threads": plan.threads or settings.threads}
    return settings.model_copy(update=own)


def chat_models(plan: Plan, settings: Settings) -> Callable[[ArmSpec], ChatModel]:
    """Makes the plan's models, with the settings that are for it."""

    def made(spec: ArmSpec) -> ChatModel:
        load = LoadChat(
            model=spec.model.absolute(),
            system=plan.chat.system,
            n_ctx=settings.context,
            threads=settings.threads,
            wanted=want(settings.devices, settings.gpu_layers, settings.split),
            slots=plan.together,
        )
        return ChatModel(spec, load)

    return made


async def untimed(how: Asked, model: ChatModel, prompts: Sequence[str]) -> list[Answered]:
    """The answers to prompts, one by one, on a cluster's machine: what its times would be of is not known."""
    said = [await model.chat(prompt, how) for prompt in prompts]
    return [replace(answered, first_ms=None, total_ms=None) for answered in said]
