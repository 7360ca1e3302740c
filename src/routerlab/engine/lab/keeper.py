"""Writes a lab's records into its session, off the event loop, and keeps what the disk refuses."""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import suppress
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
        self._turn = asyncio.Lock()

    @property
    def session(self) -> Session:
        """All that was recorded."""
        return self._file.session if self._file else self._draft

    @property
    def saved(self) -> bool:
        """Whether there is a file."""
        return self._file is not None

    async def append(self, event: Event) -> None:
        """Write one record, off the event loop; a disk that refuses is told once, and the record waits. One
        whose caller is cancelled is written all the same."""
        if self._file is None:
            self._draft.add(event)
        if self.path is not None:
            self.homeless.append(event)
            await _whole(self._write(self.path))

    async def flush(self) -> None:
        """Try again to write what waits, if anything does."""
        if self.unsaved and self.path is not None:
            await _whole(self._write(self.path))

    async def _write(self, path: Path) -> None:
        async with self._turn:
            failure: LabError | None = None
            try:
                if self._file is None:  # the next record tries again
                    self._file = await asyncio.to_thread(SessionFile.create, path, self._draft.header)
                elif not self.homeless:
                    await asyncio.to_thread(self._file.flush)
            except LabError as e:
                failure = e
            while self._file and self.homeless:
                try:
                    await asyncio.to_thread(self._file.append, self.homeless.pop(0))
                except LabError as e:  # the record waits in the file's memory
                    failure = e
            before, self.unsaved = self.unsaved, len(self._file.pending if self._file else self.homeless)
            if failure and not before:  # told once; `unsaved` counts what waits
                self._tell(str(failure), True)
            if before and not failure:
                self._tell(f"{path}: written again, nothing was lost", False)

    async def close(self) -> None:
        """Write what waits and close; LabError when that cannot be done, which says where it is instead."""
        async with self._turn:
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
            try:
                folder = Path(tempfile.mkdtemp(prefix="routerlab-"))
            except OSError:
                raise LabError(
                    f"{e}; the lab is closing and its records could not be saved anywhere"
                ) from None
            reason = f"{e}; this session is in {folder / self.path.name} instead"
            file = SessionFile.create(folder / self.path.name, self._draft.header)
        with file:
            for record in self.homeless:
                with suppress(LabError):  # it waits, and closing says where it is
                    file.append(record)
        self.homeless.clear()
        if reason:
            raise LabError(reason)


async def _whole(work: Coroutine[None, None, None]) -> None:
    """Do it to its end, also for a caller that is cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
