"""The peers that there are, what each is, and what it needs."""

from dataclasses import dataclass

from routerlab.bench.peers.embeddings import TOP_K
from routerlab.bench.peers.heuristics import TIERS
from routerlab.bench.peers.protocol import PeerKind


@dataclass(frozen=True)
class Kind:
    """`library` is what its users import, which the extra `extra` installs; `about` says in one line how they
    use it. `fitted`: to the pool; `same_model`: it asks the model that our ways ask."""

    library: str
    extra: str
    about: str
    fitted: bool = False
    same_model: bool = False


def _llama(about: str) -> Kind:
    return Kind("llama_cpp", "bench", about, same_model=True)


PEERS: dict[PeerKind, Kind] = {
    "chat": _llama("llama-cpp-python create_chat_completion, the answer parsed as JSON"),
    "grammar": _llama("the same, held to the labels by a GBNF grammar"),
    "schema": _llama("the same, held to a JSON schema"),
    "server": _llama("llama-cpp-python's server on loopback, held to a JSON schema"),
    "encoder": Kind(
        "sentence_transformers",
        "peers",
        "sentence-transformers and scikit-learn's logistic regression, fitted to the pool",
        fitted=True,
    ),
    "neighbours": Kind(
        "sentence_transformers",
        "peers",
        f"as semantic-router: of the {TOP_K} nearest prompts of the pool the label with the best mean cosine",
        fitted=True,
    ),
    "heuristics": Kind(
        "litellm",
        "peers",
        "LiteLLM's complexity router, " + ", ".join(f"{tier} as {label}" for tier, label in TIERS.items()),
    ),
}
