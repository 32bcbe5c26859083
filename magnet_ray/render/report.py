"""What is trained, shown: an example conversation in which the trained tokens stand out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from magnet_ray.errors import ModelError, Rejected
from magnet_ray.render.base import Message, Rendered, Tools
from magnet_ray.render.renderer import Renderer, load_renderer
from magnet_ray.types import compact

TRAINED: Final = "bold green"
GIVEN: Final = "dim"


def _tool(name: str, description: str, parameter: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {parameter: {"type": "string"}}, "required": [parameter]}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


def _call(number: int, name: str, arguments: dict[str, Any]) -> Message:
    return {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": compact(arguments)}}


EXAMPLE_TOOLS: Final[Tools] = (
    _tool("find_tables", "Free tables of a restaurant.", "restaurant"),
    _tool("book_table", "Book a table.", "table_id"),
)
EXAMPLE: Final[tuple[Message, ...]] = (
    {"role": "system", "content": "Today is Monday, 4 May 2026."},
    {"role": "user", "content": "Do Nordlicht and Süd have a table for two tonight?"},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [_call(1, "find_tables", {"restaurant": "Nordlicht"}), _call(2, "find_tables", {"restaurant": "Süd"})],
    },
    {"role": "tool", "tool_call_id": "call_1", "name": "find_tables", "content": '[{"table_id":"N-4"}]'},
    {"role": "tool", "tool_call_id": "call_2", "name": "find_tables", "content": "[]"},
    {"role": "assistant", "content": "Nordlicht has one, table N-4; Süd has none."},
    {"role": "user", "content": "Book it."},
    {"role": "assistant", "content": "", "tool_calls": [_call(3, "book_table", {"table_id": "N-4"})]},
    {"role": "tool", "tool_call_id": "call_3", "name": "book_table", "content": '{"code":"A-1"}'},
    {"role": "assistant", "content": "Booked, the code is A-1."},
)


def template_report(model_directory: Path | str) -> RenderableType:
    """What training on a checkpoint teaches: facts about its template, and an example with the trained tokens coloured.

    Raises:
        ModelError: there is no tokenizer, no chat template, or none that can be trained on.
    """
    renderer = load_renderer(model_directory)
    try:
        rendered = renderer.render(EXAMPLE, EXAMPLE_TOOLS)
    except Rejected as refusal:
        raise ModelError("the chat template refuses a plain conversation with calls", refusal.detail) from None
    title = Text.assemble("trained: ", ("like this", TRAINED), "; given: ", ("like this", GIVEN))
    example = Text.assemble(*_coloured(renderer, rendered))
    return Group(_facts(renderer, rendered), Panel(example, title=title, title_align="left", border_style="dim"))


def _facts(renderer: Renderer, rendered: Rendered) -> Table:
    template = renderer.template
    abilities = template.abilities
    facts = {
        "chat template": template.origin.value,
        "calls": template.form.value,
        "several calls in a message": "as they are" if abilities.several_calls else "one after another, each with its output",
        "text beside calls": "kept" if abilities.text_beside_calls else "refused, for the template leaves it out",
        "thinking": "an empty thought is trained where there is none" if abilities.thinks else "none",
        "generation prompt": repr(template.generation_prompt),
        "end of turn": f"{template.end_of_turn} (token {renderer.end_of_turn})",
        "example": f"{len(rendered.ids)} tokens, {rendered.trained} of them trained",
    }
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, fact in facts.items():
        grid.add_row(name, Text(fact))
    return grid


def _coloured(renderer: Renderer, rendered: Rendered) -> Iterator[tuple[str, str]]:
    """Runs of tokens as text, with their style."""
    for trained, run in groupby(zip(rendered.ids, rendered.mask, strict=True), key=lambda pair: pair[1]):
        yield renderer.decode([token for token, _ in run]), TRAINED if trained else GIVEN
