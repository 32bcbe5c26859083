"""Any OpenAI-compatible endpoint over HTTP: `POST {base_url}/chat/completions`.

On aiohttp, not on the `openai` client: per 1,000 requests the client costs 1.0-1.3 CPU seconds at its leanest (aiohttp
transport, untyped `post`) and 5 as documented, aiohttp alone 0.3. The key leaves this object only in its header:
never in a message, a log or a repr. The connection pool is unlimited, since the limiter above bounds what is in flight.
"""

from __future__ import annotations

import time
import urllib.request
from email.utils import parsedate_to_datetime
from typing import Self
from urllib.parse import SplitResult, quote, urlsplit

import aiohttp
import orjson
from yarl import URL

from magnet_ray.errors import ConfigError
from magnet_ray.llm.transport import RequestFailed, Trouble, trouble_of_status
from magnet_ray.types import JsonValue

MOST_BYTES = 4 << 20
"""Size from which a reply is taken for a runaway one and cut off."""
MOST_ERROR_BYTES = 8_192
"""How much of an error's body is read."""
KEEP_ALIVE = 4.0
"""Seconds that an idle connection is kept: less than uvicorn's 5, which would close it under a request."""


class HttpTransport:
    """One endpoint. Connections are made lazily in the running loop; use `async with` or `close()`."""

    __slots__ = ("_headers", "_key", "_parts", "_proxy", "_session", "_timeouts", "_url")

    def __init__(self, base_url: str, api_key: str = "") -> None:
        """
        Raises:
            ConfigError: an address that is none or that holds credentials, or a key that no header can carry.
        """
        parts = _split(base_url)
        if not (api_key.isascii() and api_key.isprintable()):
            raise ConfigError(f"the API key for {parts.hostname} holds characters that no HTTP header can carry", fix="copy it again")
        self._parts, self._key = parts, api_key
        self._url = self._address("chat/completions")
        self._proxy = _proxy_for(parts.scheme, parts.hostname or "")
        self._session: aiohttp.ClientSession | None = None
        self._timeouts: dict[float, aiohttp.ClientTimeout] = {}
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {api_key}"} if api_key else {})

    def __repr__(self) -> str:
        return f"HttpTransport({self.place!r})"

    @property
    def place(self) -> str:
        """The address without its query, which may hold a secret."""
        return f"{self._parts.scheme}://{self._parts.netloc}{self._parts.path.rstrip('/')}"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; it may be used again afterwards."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def complete(self, body: dict[str, JsonValue], request_id: str, timeout: float) -> JsonValue:
        """The parsed reply to a chat completion request.

        Raises:
            RequestFailed: no reply that is JSON, after at most `timeout` seconds.
        """
        try:
            text = orjson.dumps(body)
        except TypeError as error:
            # Lone surrogates, or whole numbers beyond 64 bits.
            raise RequestFailed(Trouble.REFUSED, f"the request cannot be written as JSON: {error}") from None
        return await self._send("POST", self._url, text, request_id, timeout)

    async def models(self, timeout: float) -> tuple[str, ...]:
        """Names of the models that the endpoint lists; empty when it lists none in OpenAI's format.

        Raises:
            RequestFailed: it cannot be reached, lets nobody in, or has no such list.
        """
        reply = await self._send("GET", self._address("models"), None, "models", timeout)
        data = reply.get("data") if isinstance(reply, dict) else None
        items = data if isinstance(data, list) else []
        return tuple(item["id"] for item in items if isinstance(item, dict) and isinstance(item.get("id"), str))

    async def _send(self, method: str, url: URL, text: bytes | None, request_id: str, timeout: float) -> JsonValue:
        session = self._session or self._open()
        limit = self._timeouts.get(timeout) or self._timeouts.setdefault(timeout, aiohttp.ClientTimeout(total=timeout))
        headers = {"X-Request-Id": _header_text(request_id)}
        try:
            # A redirect would turn the POST into a GET, and could carry the key elsewhere.
            async with session.request(
                method, url, data=text, headers=headers, timeout=limit, allow_redirects=False, proxy=self._proxy
            ) as response:
                if response.status != 200:
                    raise await self._failure(response)
                reply = await _read(response, MOST_BYTES)
        except TimeoutError:
            raise RequestFailed(Trouble.TIMEOUT, f"no whole answer in {timeout:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise RequestFailed(Trouble.CONNECTION, self._clean(f"{type(error).__name__}: {error}")) from None
        if len(reply) > MOST_BYTES:
            raise RequestFailed(Trouble.MALFORMED, f"a reply of more than {MOST_BYTES >> 20} MiB")
        try:
            return orjson.loads(reply)
        except orjson.JSONDecodeError as error:
            raise RequestFailed(Trouble.MALFORMED, f"a reply that is not JSON: {error}"[:200]) from None

    async def _failure(self, response: aiohttp.ClientResponse) -> RequestFailed:
        trouble = trouble_of_status(response.status)
        try:
            text = await _read(response, MOST_ERROR_BYTES)
        except aiohttp.ClientError:
            # The status says enough.
            text = b""
        message, code = _error_message(text)
        if trouble is Trouble.RATE_LIMITED and code == "insufficient_quota":
            trouble = Trouble.NO_QUOTA
        return RequestFailed(trouble, self._clean(message), response.status, retry_after_seconds(response.headers.get("Retry-After")))

    def _clean(self, text: str) -> str:
        """One short line without the key, which some servers repeat."""
        if self._key:
            text = text.replace(self._key, "***")
        return " ".join(text.split())[:300]

    def _address(self, path: str) -> URL:
        parts = self._parts
        return URL(parts._replace(path=f"{parts.path.rstrip('/')}/{path}").geturl())

    def _open(self) -> aiohttp.ClientSession:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE, ttl_dns_cache=300),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
        )
        return self._session


def retry_after_seconds(text: str | None, now: float | None = None) -> float | None:
    """Seconds to wait from a Retry-After header, which holds seconds or an HTTP date (RFC 9110, 10.2.3); None if neither."""
    if not text:
        return None
    text = text.strip()
    if text.replace(".", "", 1).isdecimal() and text.isascii():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - (time.time() if now is None else now))
    except (ValueError, OverflowError):
        return None


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The body, or a little more than its first `most` bytes."""
    first = await response.content.readany()
    if response.content.at_eof():
        return first
    chunks, size = [first], len(first)
    while size <= most and (chunk := await response.content.readany()):
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)


def _error_message(text: bytes) -> tuple[str, str]:
    """(message, code) of an error body, whatever its shape."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text.decode("utf-8", "replace"), ""
    error = value.get("error", value) if isinstance(value, dict) else value
    if not isinstance(error, dict):
        return str(error), ""
    return str(error.get("message") or error), str(error.get("code") or error.get("type") or "")


def _header_text(text: str) -> str:
    return text if text.isascii() and text.isprintable() else quote(text, safe="/<>:;,.|=+@ ")


def _split(base_url: str) -> SplitResult:
    try:
        parts = urlsplit(base_url)
        # Reading the port, and building a URL, check them.
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and bool(URL(base_url).host)
    except ValueError:
        fine = False
    if not fine:
        raise ConfigError("base_url cannot be used", base_url.rpartition("@")[2], "an address such as http://host:8000/v1")
    if "@" in parts.netloc:
        raise ConfigError("base_url must not hold credentials", fix="put the key into an environment variable and name it in api_key_env")
    return parts


def _proxy_for(scheme: str, host: str) -> str | None:
    # Once for the endpoint: aiohttp's own look into the environment costs more than the rest of a request.
    return None if urllib.request.proxy_bypass(host) else urllib.request.getproxies().get(scheme)
