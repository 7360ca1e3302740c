"""Writes a lab's records into its session, off the event loop, and keeps what the disk refuses."""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

from routerlab.core.errors import LabError
from routerlab.core.session.file import SessionFile
from routerlab.core.session.session import Event, Header, Session


class Keeper:
    """A session, and the file that is made for it at the first record."""

    def __init__(
        self, path: Path | None, file: SessionFile | None, header: Header, tell: Callable[[str, bool], None]
    ) -> None:
        """`path` is where a new session goes, None to save nothing; `file` is an open one to go on with.
        `tell` gets what a person should read, and whether it is a fault."""
        self.path = file.path if file else path
        self.homeless: list[Event] = []
        self.unsaved = 0
        """Records that wait in memory because the disk refused them; one that is being written is none."""
        self._file = file
        self._draft = Session(header)
        self._tell = tell

    @property
    def session(self) -> Session:
        """All that was recorded."""
        return self._file.session if self._file else self._draft

    @property
    def saved(self) -> bool:
        """Whether there is a file."""
        return self._file is not None

    async def append(self, event: Event) -> None:
        """Write one record, off the event loop; a disk that refuses is told once, and the record waits."""
        if self.path is None:
            self._draft.add(event)
            return
        failure: LabError | None = None
        if self._file is None:
            try:
                self._file = await asyncio.to_thread(SessionFile.create, self.path, self._draft.header)
            except LabError as e:  # keep the sitting here; the next record tries again
                failure = e
                self._draft.add(event)
                self.homeless.append(event)
        if self._file is not None:
            for record in (*self.homeless, event):
                try:
                    await asyncio.to_thread(self._file.append, record)
                except LabError as e:  # the record waits in the file's memory
                    failure = e
            self.homeless.clear()
        before, self.unsaved = self.unsaved, len(self._file.pending if self._file else self.homeless)
        if failure and not before:  # told once; `unsaved` counts what waits
            self._tell(str(failure), True)
        if before and not failure:
            self._tell(f"{self.path}: written again, nothing was lost", False)

    async def close(self) -> None:
        """Write what waits and close; LabError when that cannot be done, which says where it is instead."""
        if self._file:
            await asyncio.to_thread(self._file.close)
        elif self.homeless:
            await asyncio.to_thread(self._house)

    def _house(self) -> None:
        """Make the session's file after all, in the temporary folder if need be (then LabError says so)."""
        assert self.path is not None
        reason = ""
        try:
            file = SessionFile.create(self.path, self._draft.header)
        except LabError as e:
            folder = Path(tempfile.mkdtemp(prefix="routerlab-"))
            reason = f"{e}; this session is in {folder / self.path.name} instead"
            file = SessionFile.create(folder / self.path.name, self._draft.header)
        with file:
            for record in self.homeless:
                file.append(record)
        self.homeless.clear()
        if reason:
            raise LabError(reason)
