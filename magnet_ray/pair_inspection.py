"""One preference pair as a person reads it in a terminal: what both sides share last, and how they part."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from random import Random

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from magnet_ray.errors import RunError
from magnet_ray.finished_runs import read_pairs
from magnet_ray.inspection import check_category, render_messages
from magnet_ray.pair_card import MEANINGS
from magnet_ray.places import Place
from magnet_ray.types import PreferencePair


def show_pair(
    directory: Place | str, console: Console, *, id: str | None = None, category: str | None = None, seed: int = 0, full: bool = False
) -> None:
    """Print one pair: the one with an id (or its beginning), or a seeded choice, of a category when given.

    Raises:
        RunError: the run cannot be read, or holds no such pair.
    """
    pairs = [pair for pair in _of_category(directory, category) if id is None or pair.id.startswith(id)]
    if not pairs:
        wanted = f" whose id begins with {id!r}" if id else f" of category {category}" if category else ""
        raise RunError(f"{directory} holds no pair{wanted}", fix=f"see magnet inspect {directory} --list")
    console.print(render_pair(Random(seed).choice(pairs), full=full))


def list_pairs(directory: Place | str, console: Console, *, category: str | None = None, limit: int = 50) -> None:
    """Print a table of the first pairs of a run.

    Raises:
        RunError: the run cannot be read.
    """
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, width in (("id", 16), ("category", 11), ("error type", 19)):
        table.add_column(name, no_wrap=True, min_width=width)
    table.add_column("last message of both sides", no_wrap=True, max_width=max(20, console.width - 52))
    total = 0
    for total, pair in enumerate(_of_category(directory, category), start=1):
        if total <= limit:
            shared = json.loads(pair.prompt)[-1]["content"] or ""
            cells = (pair.id, pair.category.value, pair.error_type.value, shared)
            table.add_row(*(Text(cell) for cell in cells))
    console.print(table)
    if total > limit:
        console.print(Text(f"… and {total - limit} more (--limit {total})", style="dim"))


def render_pair(pair: PreferencePair, *, full: bool = False) -> RenderableType:
    """A pair for a terminal; outputs are shortened unless `full`."""
    facts = Text(
        f"{pair.error_type.value}: {MEANINGS[pair.error_type]}\n"
        f"{pair.category.value}, the sides part in turn {pair.divergence_turn}; rejected side made by: {pair.source}, extent: {pair.extent}"
    )
    parts: list[RenderableType] = [Panel(facts, title=Text(f"pair {pair.id}"), title_align="left", border_style="dim")]
    for title, style, text in (
        ("both sides, from the last request on", "bold", _last_turn(pair.prompt)),
        ("chosen", "bold green", pair.chosen),
        ("rejected", "bold red", pair.rejected),
    ):
        parts += [Text(), Text(title, style=style), *render_messages(json.loads(text), full=full)]
    return Group(*parts)


def _last_turn(prompt: str) -> str:
    messages = json.loads(prompt)
    start = max((index for index, message in enumerate(messages) if message["role"] == "user"), default=0)
    return json.dumps(messages[start:])


def _of_category(directory: Place | str, category: str | None) -> Iterator[PreferencePair]:
    check_category(category)
    pairs: Iterable[PreferencePair] = read_pairs(directory)
    return (pair for pair in pairs if category is None or pair.category.value == category)
