"""The prompts: Markdown files beside this module, read once, filled strictly, and known to a run by their content.

A file holds parts under the headings `## System` and `## User`; `{{name}}` is a place for a value. What never changes
stands in the system part, which comes first, so that servers can reuse the work on it for every request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from magnet_ray.types import JsonValue, content_id

_PLACE = re.compile(r"\{\{(\w+)\}\}")
_HEADING = re.compile(r"^## (System|User)[ \t]*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One prompt file."""

    name: str
    """Its name without `.md`."""
    parts: tuple[tuple[str, str], ...]
    """(role, template) of each message, in order."""

    @property
    def places(self) -> frozenset[str]:
        """Names that must be given values."""
        return frozenset(name for _, template in self.parts for name in _PLACE.findall(template))

    def fill(self, **values: str) -> tuple[Mapping[str, JsonValue], ...]:
        """The messages, in OpenAI's chat format. What a value holds is never read as a place.

        Raises:
            ValueError: a place has no value, or a value has no place.
        """
        if values.keys() != self.places:
            missing, unknown = sorted(self.places - values.keys()), sorted(values.keys() - self.places)
            raise ValueError(f"prompt {self.name}: no value for {missing}, no place for {unknown}")
        return tuple({"role": role, "content": _PLACE.sub(lambda place: values[place.group(1)], template)} for role, template in self.parts)


@cache
def prompt(name: str) -> Prompt:
    """The prompt of a name.

    Raises:
        ValueError: the package has no such prompt, or its file does not begin with a part.
    """
    texts = _texts()
    if name not in texts:
        raise ValueError(f"no prompt {name!r}; there are {', '.join(texts)}")
    return read_prompt(name, texts[name])


def read_prompt(name: str, text: str) -> Prompt:
    """A prompt from the text of its file.

    Raises:
        ValueError: the text does not begin with a heading, or a part is empty.
    """
    before, *found = _HEADING.split(text)
    parts = tuple((role.lower(), template.strip()) for role, template in zip(found[::2], found[1::2], strict=True))
    if before.strip() or not parts or not all(template for _, template in parts):
        raise ValueError(f"prompt {name}: expected parts under `## System` and `## User`, none of them empty")
    return Prompt(name=name, parts=parts)


def prompt_versions() -> dict[str, str]:
    """File name -> content hash of every prompt, for a run's manifest."""
    return {f"{name}.md": content_id(text) for name, text in _texts().items()}


@cache
def _texts() -> dict[str, str]:
    folder = files("magnet_ray.teacher") / "prompts"
    found = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name.endswith(".md")}
    return {name.removesuffix(".md"): found[name] for name in sorted(found)}
