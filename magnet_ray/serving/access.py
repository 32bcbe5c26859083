"""Who may ask, and how often.

Keys are held as SHA-256 digests: they are compared in constant time, whatever their length, and a key itself is neither stored
in the cluster nor in any log. A limit is a bucket of tokens for each key, full after a minute without requests.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from time import monotonic

from magnet_ray.errors import ConfigError
from magnet_ray.serving.api_errors import ApiError
from magnet_ray.serving.settings import ServeConfig

KEY_VARIABLE = "MAGNET_API_KEY"


def key_digests(config: ServeConfig, environment: Mapping[str, str] = os.environ) -> tuple[bytes, ...]:
    """Digests of the keys that are accepted: of the file if one is named, else of the environment; empty: everybody may ask.

    Raises:
        ConfigError: the file cannot be read or has no key.
    """
    if config.api_key_file is None:
        key = environment.get(KEY_VARIABLE, "").strip()
        return (_digest(key),) if key else ()
    try:
        lines = Path(config.api_key_file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        # Not the error's text: a file that is not UTF-8 would be quoted in it.
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"the file of API keys {config.api_key_file} cannot be read", reason, "a text file, one key a line") from None
    keys = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not keys:
        raise ConfigError(f"the file of API keys {config.api_key_file} has no key", expected="one key a line")
    return tuple(_digest(key) for key in dict.fromkeys(keys))


class Access:
    """Checks keys and rates for one process."""

    def __init__(self, digests: tuple[bytes, ...], requests_per_minute: float = 0.0, clock: Callable[[], float] = monotonic) -> None:
        """Checks against these digests; `requests_per_minute` is this process's share, 0 for no limit."""
        self._digests = digests
        self._buckets = [Bucket(requests_per_minute, clock) for _ in digests or (b"",)] if requests_per_minute else []

    def admit(self, authorization: str | None) -> None:
        """Let a request with this `Authorization` header pass.

        Raises:
            ApiError: 401 without a right key, 429 above the rate.
        """
        number = self._number_of(authorization)
        if self._buckets and (wait := self._buckets[number].take()) > 0:
            message = f"this key may send no more requests now; the next in {wait:.0f} s" if wait >= 1 else "too many requests for this key"
            raise ApiError(429, message, "rate_limit_exceeded", kind="rate_limit_error", retry_after=wait)

    def _number_of(self, authorization: str | None) -> int:
        if not self._digests:
            return 0
        scheme, _, key = (authorization or "").strip().partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise ApiError(401, "no API key was given; send it as `Authorization: Bearer KEY`", "invalid_api_key")
        given = _digest(key.strip())
        # All of them, so that the time does not tell which one came close.
        matches = [hmac.compare_digest(given, digest) for digest in self._digests]
        if True not in matches:
            raise ApiError(401, "this API key is not known here", "invalid_api_key")
        return matches.index(True)


class Bucket:
    """Tokens that come back at a steady rate, at most a minute's worth of them."""

    def __init__(self, per_minute: float, clock: Callable[[], float]) -> None:
        self._rate, self._size, self._clock = per_minute / 60.0, max(1.0, per_minute), clock
        self._tokens, self._seen = self._size, clock()

    def take(self) -> float:
        """Take a token: 0, or the seconds until there is one."""
        now = self._clock()
        self._tokens = min(self._size, self._tokens + (now - self._seen) * self._rate)
        self._seen = now
        if self._tokens < 1.0:
            return (1.0 - self._tokens) / self._rate
        self._tokens -= 1.0
        return 0.0


def _digest(key: str) -> bytes:
    return sha256(key.encode("utf-8", "surrogateescape")).digest()
