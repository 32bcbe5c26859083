"""Every role's model behind one `ChatModel`: answers on the disk first, then the role's endpoint.

Roles with the same address and key share connections, limit and pauses. The transport is injected, so HTTP and a
Serve handle stand below the same cache, budget, limit and retries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Self

from magnet_ray.config import RequestsConfig, RoleConfig, TeacherConfig
from magnet_ray.errors import ConfigError, Rejected
from magnet_ray.llm.base import ChatAnswer, ChatRequest, RequestKey, Role
from magnet_ray.llm.budget import Ledger, Price, local_ledger
from magnet_ray.llm.cache import ResponseCache
from magnet_ray.llm.endpoint import Endpoint
from magnet_ray.llm.http import HttpTransport
from magnet_ray.llm.limiter import Limiter
from magnet_ray.llm.settings import ModelSettings, identity, request_body, role_settings, settings_of
from magnet_ray.llm.transport import RequestFailed, Transport, Trouble
from magnet_ray.llm.usage import UsageBook
from magnet_ray.types import FailureReason

TEACHER_ROLES = tuple(role for role in Role if role is not Role.STUDENT)


def teacher_settings(config: TeacherConfig, student: RoleConfig | None = None) -> dict[Role, ModelSettings]:
    """Role -> settings: all roles of the teacher and, if there is one, the student, which inherits nothing from the teacher.

    Raises:
        ConfigError: a role without a model, or with settings that cannot be used.
    """
    settings = {role: role_settings(config, role) for role in TEACHER_ROLES}
    return settings | ({Role.STUDENT: settings_of(student, "student")} if student else {})


def role_prices(settings: Mapping[Role, ModelSettings]) -> dict[Role, Price]:
    """Role -> price of its tokens."""
    return {role: each.price for role, each in settings.items()}


def connect(settings: ModelSettings) -> Transport:
    """The HTTP transport of an endpoint, with its key from the environment."""
    return HttpTransport(settings.base_url, settings.api_key())


class Models:
    """A `ChatModel` for several roles, for one event loop. Close it, or use `async with`."""

    def __init__(
        self,
        settings: Mapping[Role, ModelSettings],
        *,
        requests: RequestsConfig,
        ledger: Ledger,
        cache: ResponseCache | None = None,
        bucket_of: Callable[[RequestKey], str] = lambda key: "all",
        transport: Callable[[ModelSettings], Transport] = connect,
    ) -> None:
        """`bucket_of`: the cache's bucket of a request. `transport`: what sends to the endpoint of these settings."""
        self._settings, self._ledger, self._cache, self._bucket_of = settings, ledger, cache, bucket_of
        self.usage = UsageBook()
        """What was asked so far."""
        self._endpoints: dict[tuple[str, str], Endpoint] = {}
        for each in settings.values():
            if each.endpoint not in self._endpoints:
                most = max(other.concurrency for other in settings.values() if other.endpoint == each.endpoint)
                self._endpoints[each.endpoint] = Endpoint(transport(each), Limiter(most), requests, ledger)

    @classmethod
    def of_teacher(cls, config: TeacherConfig, cache: ResponseCache | None = None, student: RoleConfig | None = None) -> Self:
        """The models of a run of one process, over HTTP, with the whole budget.

        Raises:
            ConfigError: a role without a model, or with settings that cannot be used.
        """
        settings = teacher_settings(config, student)
        ledger = local_ledger(config.budget, role_prices(settings))
        return cls(settings, requests=config.requests, ledger=ledger, cache=cache)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Give back connections and what is left of the budget's block. The cache stays open: it is the caller's."""
        try:
            await self._ledger.close()
        finally:
            for endpoint in self._endpoints.values():
                await endpoint.transport.close()

    async def answer(self, request: ChatRequest) -> ChatAnswer:
        """The model's answer, from the disk if this very request was answered before.

        Raises:
            Rejected: MODEL_UNAVAILABLE, when the retries are spent or the endpoint refuses this request for good.
            BudgetSpent: the run may buy nothing more.
            RunError: the answer cannot be written down.
        """
        role = request.key.role
        settings = self._of(role)
        body = request_body(request, settings)
        digest = identity(request, body)
        usage = self.usage.of(role)
        if self._cache is None:
            return await self._endpoints[settings.endpoint].ask(request, body, settings.timeout, usage)
        bucket = self._bucket_of(request.key)
        if (known := self._cache.find(bucket, digest)) is not None:
            usage.from_cache += 1
            return known
        answer = await self._endpoints[settings.endpoint].ask(request, body, settings.timeout, usage)
        # Also when the caller cannot parse it: it was paid for.
        self._cache.keep(bucket, digest, request.key, answer)
        return answer

    def set_ending(self, ending: bool) -> None:
        """Say whether nothing more is waiting to begin; see `Limiter.set_ending`."""
        for endpoint in self._endpoints.values():
            endpoint.limiter.set_ending(ending)

    async def check(self) -> None:
        """Find out, before any work, whether every role's model can be reached.

        The list of models costs nothing and is asked first; where it does not name the model, one tiny request is sent.

        Raises:
            ConfigError: an endpoint is away, lets nobody in, or does not know its model.
        """
        checked = set()
        for role, settings in self._settings.items():
            if (settings.endpoint, settings.name) not in checked:
                checked.add((settings.endpoint, settings.name))
                await self._check(role, settings)

    async def _check(self, role: Role, settings: ModelSettings) -> None:
        endpoint = self._endpoints[settings.endpoint]
        try:
            names = await endpoint.transport.models(min(settings.timeout, 30.0))
            if any(name == settings.name or name.endswith(f"/{settings.name}") for name in names):
                return
        except RequestFailed as failure:
            if failure.trouble in (Trouble.NOT_ALLOWED, Trouble.CONNECTION, Trouble.TIMEOUT):
                raise _unusable(endpoint, settings, failure) from None
        key = RequestKey(record="check", role=role, step="0")
        request = ChatRequest(key=key, messages=({"role": "user", "content": "Say ok."},))
        body = request_body(request, settings)
        try:
            await endpoint.ask_once(request, body, settings.timeout, self.usage.of(role))
        except RequestFailed as failure:
            # A busy or faltering endpoint is there: the retries will deal with it.
            if failure.trouble in (Trouble.CONNECTION, Trouble.TIMEOUT) or not failure.retriable:
                raise _unusable(endpoint, settings, failure) from None

    def _of(self, role: Role) -> ModelSettings:
        settings = self._settings.get(role)
        if settings is None:
            raise Rejected(FailureReason.MODEL_UNAVAILABLE, f"no model is configured for the role {role.value}")
        return settings


_ADVICE = {
    Trouble.NOT_ALLOWED: "check the key in {key}",
    Trouble.NOT_FOUND: "check the model's name and base_url",
    Trouble.CONNECTION: "start the server or correct base_url",
    Trouble.TIMEOUT: "start the server, correct base_url or allow more time",
    Trouble.NO_QUOTA: "top the account up",
}


def _unusable(endpoint: Endpoint, settings: ModelSettings, failure: RequestFailed) -> ConfigError:
    fix = _ADVICE.get(failure.trouble, "change the role's settings").format(key=settings.api_key_env)
    return ConfigError(f"the model {settings.name} at {endpoint.transport.place} cannot be used: {failure}", fix=fix)
