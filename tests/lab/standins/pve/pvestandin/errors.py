# SPDX-License-Identifier: GPL-3.0-or-later
"""What the programs die of. `code` is the exit code of a command line, `status` the HTTP status of an API call."""


class PveError(Exception):
    def __init__(self, message, code=255, status=500, errors=None):
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.errors = errors or {}


class UsageError(PveError):
    """A command line that was not understood: the usage of the command follows the message."""

    def __init__(self, message, before=""):
        super().__init__(message, status=400)
        self.before = before


class ParameterError(PveError):
    """Values that do not fit a command's schema."""

    def __init__(self, errors):
        super().__init__("Parameter verification failed.\n", status=400, errors=errors)
