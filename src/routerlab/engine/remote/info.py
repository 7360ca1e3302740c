"""What a remote arm turned out to be."""

from routerlab.core.remote import Body, Hosting, Prices
from routerlab.engine.contract.info import Info


class RemoteInfo(Info):
    """What is known of a remote arm (see RemoteRecord); `local` where the server is on this machine.

    `recording` is the session that a recorded arm answers from, `recording_sha256` that of its bytes.
    """

    remote: str
    base_url: str
    model: str
    served_model: str | None = None
    system_fingerprint: str | None = None
    prompt_sha256: str
    client: str
    hosting: Hosting
    retries: int
    prices: Prices | None = None
    body: Body | None = None
    local: bool = False
    recording: str | None = None
    recording_sha256: str | None = None

    @property
    def device(self) -> str:
        """The host, for that is where it computes."""
        host = self.base_url.partition("://")[2].partition("/")[0]
        return host if self.recording is None else f"recorded, {host}"

    @property
    def computes_on(self) -> frozenset[str]:
        """This machine's CPU for a server that runs here; what else such a server uses cannot be known."""
        return frozenset({"CPU"}) if self.local else frozenset()
