"""How each role's model is asked: the configuration with every null filled in, and the request bodies it leads to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

import orjson

from magnet_ray.config import RoleConfig, TeacherConfig
from magnet_ray.errors import ConfigError, Rejected
from magnet_ray.llm.base import ChatRequest, Role
from magnet_ray.llm.budget import Price
from magnet_ray.types import FailureReason, JsonValue

OPENAI = "https://api.openai.com/v1"
DEFAULT_KEY = "OPENAI_API_KEY"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """A role's model and how it is sampled."""

    name: str
    """Name of the model, as the endpoint knows it."""
    base_url: str
    """Endpoint."""
    api_key_env: str
    """Environment variable that holds the key."""
    key_required: bool
    """Whether the variable was named, so that its absence is a mistake."""
    temperature: float | None
    """Sampling temperature; None: the endpoint's own."""
    top_p: float | None
    """Nucleus sampling; None: the endpoint's own."""
    max_tokens: int
    """Most tokens of one answer."""
    structured: str
    """`json_schema`, `json_object` or `none`."""
    concurrency: int
    """Most requests in flight from one worker."""
    timeout: float
    """Seconds that one try may take."""
    price: Price
    """What its tokens cost."""
    extra_body: Mapping[str, JsonValue]
    """Keys added to every body; null takes a key out."""

    @property
    def endpoint(self) -> tuple[str, str]:
        """What roles must share to share connections and limits."""
        return self.base_url, self.api_key_env

    def api_key(self) -> str:
        """The key, or empty for servers that want none.

        Raises:
            ConfigError: the variable that was named is not set.
        """
        key = os.environ.get(self.api_key_env, "").strip()
        if not key and self.key_required:
            raise ConfigError(f"the environment variable {self.api_key_env} is not set", expected="the API key that api_key_env promises")
        return key


def role_settings(config: TeacherConfig, role: Role) -> ModelSettings:
    """The settings of a teacher's role: `teacher.roles.<role>` over `teacher.model`.

    Raises:
        ConfigError: no model is named, or extra_body is not a JSON object.
    """
    own: RoleConfig = getattr(config.roles, role.value) or RoleConfig()
    merged = {name: value if (value := getattr(own, name)) is not None else getattr(config.model, name) for name in RoleConfig.model_fields}
    return settings_of(RoleConfig.model_construct(**merged), f"teacher.roles.{role.value}")


def settings_of(config: RoleConfig, where: str) -> ModelSettings:
    """The settings of one model, nulls replaced. `where`: its configuration key, for messages.

    Raises:
        ConfigError: no model is named, or extra_body is not a JSON object.
    """
    if not config.name:
        raise ConfigError(f"{where} names no model", expected="its name, as the endpoint knows it", fix="set teacher.model.name")
    return ModelSettings(
        name=config.name,
        base_url=config.base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI,
        api_key_env=config.api_key_env or DEFAULT_KEY,
        key_required=config.api_key_env is not None,
        temperature=config.temperature,
        top_p=config.top_p,
        max_tokens=config.max_tokens or 2_048,
        structured=config.structured or "json_schema",
        concurrency=config.concurrency or 64,
        timeout=config.timeout or 120.0,
        price=Price(input=config.input_price or 0.0, output=config.output_price or 0.0),
        extra_body=_extra(config.extra_body, where),
    )


def _extra(text: str | None, where: str) -> Mapping[str, JsonValue]:
    try:
        extra = orjson.loads(text) if text else {}
    except orjson.JSONDecodeError:
        extra = None
    if not isinstance(extra, dict):
        raise ConfigError(f"{where}.extra_body cannot be used", text, "the text of a JSON object")
    return extra


def request_body(request: ChatRequest, settings: ModelSettings) -> dict[str, JsonValue]:
    """The chat completion request in OpenAI's format."""
    body: dict[str, JsonValue] = {"model": settings.name, "messages": request.messages, "max_tokens": settings.max_tokens}
    if settings.temperature is not None:
        body["temperature"] = settings.temperature
    if settings.top_p is not None:
        body["top_p"] = settings.top_p
    if request.tools and (tools := orjson.loads(request.tools)):
        # An empty list is refused by most servers.
        body["tools"] = tools
    if request.schema and settings.structured == "json_schema":
        body["response_format"] = _response_format(request.schema)
    elif request.schema and settings.structured == "json_object":
        body["response_format"] = {"type": "json_object"}
    for key, value in settings.extra_body.items():
        if value is None:
            body.pop(key, None)
        else:
            body[key] = value
    return body


def identity(request: ChatRequest, body: Mapping[str, JsonValue]) -> bytes:
    """16 bytes that tell a request from every other: its key and all that shapes the answer. The address does not.

    Raises:
        Rejected: MODEL_UNAVAILABLE, the request holds what JSON cannot (a lone surrogate, a number beyond 64 bits).
    """
    digest = blake2b(f"{request.key}\n".encode("utf-8", "surrogatepass"), digest_size=16)
    try:
        digest.update(orjson.dumps(body))
    except TypeError as error:
        raise Rejected(FailureReason.MODEL_UNAVAILABLE, f"the request cannot be written as JSON: {error}") from None
    return digest.digest()


@lru_cache(maxsize=1_024)
def _response_format(schema: str) -> dict[str, JsonValue]:
    value = orjson.loads(schema)
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": value, "strict": _may_be_strict(value)}}


def _may_be_strict(schema: JsonValue) -> bool:
    """Whether every object is closed and needs all of its properties, as OpenAI's strict mode demands."""
    if isinstance(schema, list):
        return all(map(_may_be_strict, schema))
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    if schema.get("type") == "object" or isinstance(properties, dict):
        required = schema.get("required")
        if schema.get("additionalProperties") is not False or sorted(required or ()) != sorted(properties or ()):
            return False
    return all(map(_may_be_strict, schema.values()))
