"""What a client is told when its request cannot be answered, in the shape that OpenAI's clients read.

Every refusal, from the API's checks to an engine's failure, is an `ApiError`; it pickles, since it is raised in replicas.
"""

from __future__ import annotations

from typing import Any

from magnet_ray.errors import MagnetError

INVALID = "invalid_request_error"
SERVER = "server_error"


class ApiError(MagnetError):
    """A request that gets an error for an answer."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        param: str | None = None,
        kind: str = INVALID,
        retry_after: float | None = None,
    ) -> None:
        """An error answer.

        Args:
            status: HTTP status.
            message: what is wrong, for people.
            code: what is wrong, for programs.
            param: the field of the request that is to blame.
            kind: OpenAI's `type`.
            retry_after: seconds after which it is worth another try.
        """
        super().__init__(status, message, code, param, kind, retry_after)
        self.status, self.message, self.code, self.param, self.kind, self.retry_after = status, message, code, param, kind, retry_after

    def __str__(self) -> str:
        return f"{self.status}: {self.message}"

    def body(self) -> dict[str, Any]:
        """OpenAI's error object."""
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}


def invalid(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """A request that is wrong in itself: 400."""
    return ApiError(400, message, code, param)


def unavailable(message: str, retry_after: float = 1.0) -> ApiError:
    """Nobody can answer now: 503."""
    return ApiError(503, message, "unavailable", kind=SERVER, retry_after=retry_after)
