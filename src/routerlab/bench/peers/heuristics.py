"""A peer without a model: LiteLLM's complexity router, its rules of keywords and length as they come."""

import os

from routerlab.bench.peers.protocol import Call, PeerReply, PeerSetup

TIERS = {
    "SIMPLE": "CoT/simple",
    "MEDIUM": "code/simple",
    "COMPLEX": "code/complex",
    "REASONING": "CoT/complex",
}
"""A tier says how hard a prompt is, not what kind of work it asks for; the label is the nearest to what
LiteLLM says of the tier: "factual lookups with a short known answer", "minor code/technical content",
"non-trivial code, architecture", "step-by-step reasoning, tradeoffs". No tier is like a hybrid."""


def load(setup: PeerSetup) -> tuple[Call, float]:
    """The peer; it has no examples."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else importing it asks a server for prices
    from litellm.router_strategy.complexity_router import ComplexityRouter

    router = ComplexityRouter(model_name="peer", ctx=None)  # its rules need no deployments

    def call(prompt: str) -> PeerReply:
        tier = router.classify(prompt)[0].value
        return PeerReply(label=TIERS[tier], answer=tier)

    return call, 0.0
