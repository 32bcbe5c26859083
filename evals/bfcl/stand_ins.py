"""Stand-ins for what `bfcl_eval` imports and nothing here calls, put into `sys.modules` before it is imported.

Its registry of 100 models imports a dozen vendors' clients, of which its checkers only read whether a model writes `_` for the dots
in functions' names. With the stand-ins it runs from `pip install --no-deps` and a few small packages, unchanged.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterable
from types import ModuleType, SimpleNamespace
from typing import Any, Final

FC_SUFFIX: Final = "-FC"
"""End of the names of models that are asked by tools; the handlers look for it."""


class Registry(dict[str, Any]):
    """A registry of models that knows any name."""

    def __init__(self) -> None:
        super().__init__()
        self.handler: Any = None
        """Class of the handlers that the package's command line makes; None where it is not run."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> Any:
        calls = name.endswith(FC_SUFFIX)
        # The fields of bfcl_eval's ModelConfig that its runners read.
        self[name] = SimpleNamespace(
            model_name=name,
            display_name=name,
            url="",
            org="",
            license="",
            model_handler=self.handler,
            input_price=None,
            output_price=None,
            is_fc_model=calls,
            underscore_to_dot=calls,
        )
        return self[name]


def _same(function: Any) -> Any:
    return function


def _nothing(*arguments: object, **named: object) -> None:
    return None


def _decorator(*arguments: object, **named: object) -> Callable[[Any], Any]:
    return _same


MEMBERS: Final[dict[str, dict[str, Any]]] = {
    "dotenv": {"load_dotenv": _nothing},
    "openai": {"OpenAI": _nothing, "RateLimitError": type("RateLimitError", (Exception,), {})},
    "overrides": {"EnforceOverrides": object, "final": _same, "override": _same},
    "pandas": {},
    "tabulate": {"tabulate": _nothing},
    "tenacity": {
        "retry": _decorator,
        "retry_if_exception_message": _nothing,
        "retry_if_exception_type": _nothing,
        "wait_random_exponential": _nothing,
    },
    "tqdm": {"tqdm": _same},
}
"""Module -> names that bfcl_eval takes from it."""


def put_stand_ins(always: Iterable[str] = ()) -> Registry:
    """Put the registry, the modules of `always`, and those that are not installed into `sys.modules`; returns the registry."""
    registry = Registry()
    _put("bfcl_eval.constants.model_config", {"MODEL_CONFIG_MAPPING": registry})
    for name, members in MEMBERS.items():
        if name in always or (name not in sys.modules and importlib.util.find_spec(name) is None):
            _put(name, members)
    return registry


def _put(name: str, members: dict[str, Any]) -> None:
    module = ModuleType(name)
    for member, value in members.items():
        setattr(module, member, value)
    sys.modules[name] = module
