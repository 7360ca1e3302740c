"""What a remote arm turned out to be."""

from routerlab.core.session.arm import RemoteRecord
from routerlab.engine.contract.info import Info


class RemoteInfo(RemoteRecord, Info):
    """What the session says of a remote arm; `local` where the server is on this machine."""

    local: bool = False

    @property
    def device(self) -> str:
        """The host, for that is where it computes."""
        host = self.base_url.partition("://")[2].partition("/")[0]
        return host if self.recording is None else f"recorded, {host}"

    @property
    def computes_on(self) -> frozenset[str]:
        """This machine's CPU for a server that runs here; what else such a server uses cannot be known."""
        return frozenset({"CPU"}) if self.local else frozenset()
