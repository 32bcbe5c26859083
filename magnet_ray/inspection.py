"""One conversation as a person reads it in a terminal: turns, calls, outputs, and where each argument came from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from magnet_ray.errors import RunError
from magnet_ray.finished_runs import read_trajectories
from magnet_ray.places import Place
from magnet_ray.types import Category, Trajectory

OUTPUT_WIDTH = 400
"""Characters of an output that are shown."""


def show_run(
    directory: Place | str, console: Console, *, id: str | None = None, category: str | None = None, seed: int = 0, full: bool = False
) -> None:
    """Print one conversation: the one with an id (or its beginning), or a seeded choice, of a category when given.

    Raises:
        RunError: the run cannot be read, or holds no such conversation.
    """
    console.print(render_trajectory(choose_trajectory(directory, id=id, category=category, seed=seed), full=full))


def choose_trajectory(directory: Place | str, *, id: str | None = None, category: str | None = None, seed: int = 0) -> Trajectory:
    """The conversation to show; without an id the choice is seeded, and the run is read as a stream.

    Raises:
        RunError: the run cannot be read, holds no such conversation, or the id's beginning fits several.
    """
    rows = _of_category(read_trajectories(directory), category)
    if id is None:
        rng, chosen = Random(seed), None
        for number, row in enumerate(rows, start=1):
            # Each row replaces the choice with chance 1 / number, so that every row is as likely.
            if rng.randrange(number) == 0:
                chosen = row
        if chosen is None:
            raise RunError(
                f"{directory} holds no conversation{f' of category {category}' if category else ''}", fix="see magnet inspect --list"
            )
        return chosen
    found = [row for row in rows if row.id.startswith(id)]
    exact = [row for row in found if row.id == id]
    if len(exact or found) != 1:
        got = f"{len(found)} that begin with {id!r}" if found else f"none that begins with {id!r}"
        raise RunError(f"--id must name one conversation of {directory}", got, fix=f"see magnet inspect {directory} --list")
    return (exact or found)[0]


def list_run(directory: Place | str, console: Console, *, category: str | None = None, limit: int = 50) -> None:
    """Print a table of the first conversations of a run.

    Raises:
        RunError: the run cannot be read.
    """
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("id", no_wrap=True, min_width=16)
    table.add_column("category", no_wrap=True, min_width=11)
    table.add_column("turns", justify="right", min_width=5)
    table.add_column("calls", justify="right", min_width=5)
    table.add_column("domains", no_wrap=True, min_width=10, max_width=18)
    table.add_column("first request", no_wrap=True, max_width=max(20, console.width - 66))
    total = 0
    for total, row in enumerate(_of_category(read_trajectories(directory), category), start=1):
        if total <= limit:
            first = next(message["content"] for message in json.loads(row.messages) if message["role"] == "user")
            cells = (row.id, row.category.value, str(row.num_turns), str(row.num_calls), ", ".join(row.domains), first)
            table.add_row(*(Text(cell) for cell in cells))
    console.print(table)
    if total > limit:
        console.print(Text(f"… and {total - limit} more (--limit {total})", style="dim"))


def render_trajectory(trajectory: Trajectory, *, full: bool = False) -> RenderableType:
    """A conversation for a terminal; outputs are shortened unless `full`."""
    turns = list(_turns(json.loads(trajectory.messages)))
    added: Mapping[str, Any] = json.loads(trajectory.tools_added)
    provenance: Sequence[Sequence[Mapping[str, Any]]] = json.loads(trajectory.provenance)
    references: Sequence[Sequence[Mapping[str, Any]]] = json.loads(trajectory.reference_calls)
    parts: list[RenderableType] = [_heading(trajectory)]
    for number, turn in enumerate(turns):
        parts.append(Text())
        parts.append(Text(f"Turn {number}", style="bold underline"))
        if str(number) in added:
            parts.append(Text(f"  tools added: {', '.join(_tool_names(added[str(number)]))}", style="yellow"))
        nested = [bool(call.get("nested")) for call in _at(references, number)]
        parts.extend(_render_turn(turn, _at(provenance, number), nested, full))
    return Group(*parts)


def describe_origin(origin: Mapping[str, Any]) -> str:
    """An argument's provenance in words, such as "turn 1's output: restaurants[2].name"."""
    place = f"turn {origin.get('turn', 0)}"
    match origin.get("origin"):
        case "query":
            return f"this request: “{origin['text']}”" if origin.get("text") else "this request"
        case "earlier_query":
            return f"{place}'s request: “{origin['text']}”" if origin.get("text") else f"{place}'s request"
        case "output":
            return f"{place}'s output, call {origin.get('call', 0)}: {origin.get('path') or '$'}"
        case "state":
            return f"the scenario's state: {origin.get('path') or '$'}"
        case other:
            return str(other)


def check_category(category: str | None) -> None:
    """Refuse a category that does not exist.

    Raises:
        RunError: there is none of that name.
    """
    known = [each.value for each in Category]
    if category is not None and category not in known:
        raise RunError("there is no such category", category, "one of " + ", ".join(known))


def render_messages(messages: Sequence[Mapping[str, Any]], *, full: bool = False) -> Iterator[RenderableType]:
    """Chat messages for a terminal; outputs are shortened unless `full`."""
    return _render_turn(messages, (), (), full)


def _of_category(rows: Iterator[Trajectory], category: str | None) -> Iterator[Trajectory]:
    check_category(category)
    return (row for row in rows if category is None or row.category.value == category)


def _heading(trajectory: Trajectory) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    facts = {
        "category": trajectory.category.value,
        "size": f"{trajectory.num_turns} turns, {trajectory.num_calls} calls",
        "domains": ", ".join(trajectory.domains),
        "operations": _counted(trajectory.ops) or "none",
        "environment": f"{trajectory.environment}, scenario {trajectory.scenario_seed}",
        "tools offered": ", ".join(_tool_names(json.loads(trajectory.tools))),
    }
    for name, fact in facts.items():
        grid.add_row(name, Text(fact))
    return Panel(grid, title=Text(f"conversation {trajectory.id}"), title_align="left", border_style="dim")


def _turns(messages: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Messages by user turn; what comes before the first user message belongs to turn 0."""
    turn: list[Mapping[str, Any]] = []
    for message in messages:
        if message["role"] == "user" and any(earlier["role"] == "user" for earlier in turn):
            yield turn
            turn = []
        turn.append(message)
    if turn:
        yield turn


def _render_turn(
    turn: Sequence[Mapping[str, Any]], provenance: Sequence[Mapping[str, Any]], nested: Sequence[bool], full: bool
) -> Iterator[RenderableType]:
    made = 0
    for message in turn:
        role, content = message["role"], message.get("content") or ""
        if role == "tool":
            yield _hanging(Text("    →", style="dim"), Text(content if full else _shortened(content), style="dim", overflow="fold"))
        elif content:
            style = {"user": "bold cyan", "assistant": "bold green"}.get(role, "bold magenta")
            yield _hanging(Text(f"  {role:<9}", style=style), Text(content))
        for call in message.get("tool_calls", ()):
            origins = provenance[made] if made < len(provenance) else {}
            yield _render_call(call["function"], origins, made < len(nested) and nested[made])
            made += 1


def _hanging(label: Text, body: Text) -> RenderableType:
    """A label with a body beside it, whose further lines start below its first."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(label, body)
    return grid


def _render_call(function: Mapping[str, Any], origins: Mapping[str, Any], nested: bool) -> RenderableType:
    arguments = function["arguments"]
    values = _object(arguments)
    grid = Table.grid(padding=(0, 1))
    grid.add_column(overflow="fold")
    grid.add_column(style="dim", overflow="fold")
    for name, value in values.items():
        origin = f"← {describe_origin(origins[name])}" if name in origins else ""
        grid.add_row(Text(f"{name} = {json.dumps(value, ensure_ascii=False)}"), Text(origin))
    title = Text.assemble(
        "    call ", (function["name"], "bold yellow"), (" (nested: the request does not mention it)" if nested else "", "dim")
    )
    return Group(title, Padding(grid, (0, 0, 0, 8))) if values else title


def _object(arguments: Any) -> Mapping[str, Any]:
    """The arguments of a call; those that a model garbled as they are."""
    try:
        values = json.loads(arguments) if isinstance(arguments, str) else arguments
    except ValueError:
        values = None
    return values if isinstance(values, dict) else {"(not a JSON object)": arguments}


def _tool_names(tools: Iterable[Mapping[str, Any]]) -> list[str]:
    return [tool["function"]["name"] for tool in tools]


def _counted(ops: Sequence[str]) -> str:
    return ", ".join(f"{op} x{ops.count(op)}" if ops.count(op) > 1 else op for op in dict.fromkeys(ops))


def _shortened(text: str) -> str:
    return text if len(text) <= OUTPUT_WIDTH else f"{text[:OUTPUT_WIDTH]}… ({len(text)} characters; --full shows all)"


def _at(rows: Sequence[Sequence[Mapping[str, Any]]], number: int) -> Sequence[Mapping[str, Any]]:
    return rows[number] if number < len(rows) else ()
