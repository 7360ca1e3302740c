"""The one error that commands and screens show to people, and the exit codes they document."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command."""

    OK = 0
    CHECK_FAILED = 1
    USAGE = 2
    MISSING = 3
    INTERRUPTED = 130


class LabError(Exception):
    """Something a person can put right: one line that says what, where and what to do.

    `code` is the exit code a command ends with when nobody handles the error.
    """

    def __init__(self, message: str, code: Exit = Exit.USAGE) -> None:
        super().__init__(message)
        self.code = code
