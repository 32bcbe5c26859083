"""A booking desk of a few functions and rows written by hand on it, for tests that need to know every call and state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from magnet_ray.environments.base import Environment, OpenEnvironment
from magnet_ray.errors import CallError
from magnet_ray.functions.pool import FunctionPool
from magnet_ray.rollouts.rollout import World
from magnet_ray.rollouts.tool_server import ToolServer
from magnet_ray.types import Category, FunctionSpec, Trajectory, compact
from tests.test_judge import TEXT, WHOLE, spec
from tests.tiny_world import KEY, State, TinyWorld

PLACES = {"Green Orchard": 4.5, "Silver Fig": 4.5, "Salt Cellar": 3.9}

Turn = tuple[str, Sequence[tuple[str, dict[str, Any]]], str]
"""(query, calls, reply)."""


@cache
def desk_pool() -> FunctionPool:
    """The desk's functions."""
    return FunctionPool(
        specs=(
            spec("book_table", {"place": TEXT, "?guests": {**WHOLE, "default": 2, "minimum": 1}}),
            spec("cancel_booking", {"code": TEXT}),
            spec("list_bookings", {}),
            spec("is_open", {"place": TEXT}),
            spec("rate", {"place": TEXT}),
            spec("break_down", {}),
            spec("stumble", {"?days": WHOLE}),
            spec("list_rooms", {}, environment="test:other"),
        )
    )


def _book(state: State, arguments: Mapping[str, Any]) -> Any:
    if arguments["place"] not in PLACES:
        raise CallError(f"There is no place called {arguments['place']!r}.")
    booking = {"code": f"TBL-{arguments['place'][0]}7", "place": arguments["place"], "guests": arguments.get("guests", 2)}
    state["bookings"].append(booking)
    return booking


def _cancel(state: State, arguments: Mapping[str, Any]) -> Any:
    state["bookings"] = [booking for booking in state["bookings"] if booking["code"] != arguments["code"]]
    return {"code": arguments["code"], "status": "cancelled"}


def _stumble(state: State, arguments: Mapping[str, Any]) -> Any:
    state["bookings"] = []
    return 10 ** arguments.get("days", 400) / 3


def fresh_desk() -> TinyWorld:
    """A desk without bookings."""
    return TinyWorld(
        functions={
            "book_table": _book,
            "cancel_booking": _cancel,
            "list_bookings": lambda state, arguments: {"bookings": state["bookings"]},
            "is_open": lambda state, arguments: True,
            "rate": lambda state, arguments: {"place": arguments["place"], "rating": PLACES[arguments["place"]]},
            "stumble": _stumble,
            "list_rooms": lambda state, arguments: {"rooms": ["Blue Room"]},
        },
        faults=frozenset({"break_down"}),
        held={"bookings": []},
    )


def desk_opener(opened: list[TinyWorld]) -> OpenEnvironment:
    """Opens fresh desks, and remembers them."""

    def open_desk(key: str, seed: int, specs: Mapping[str, FunctionSpec]) -> Environment:
        opened.append(fresh_desk())
        return opened[-1]

    return open_desk


def desk_world(opened: list[TinyWorld] | None = None) -> World:
    """Where the desk's calls are executed."""
    return World(pool=desk_pool(), open_environment=desk_opener([] if opened is None else opened))


def desk_row(*turns: Turn, category: Category = Category.MULTI_TURN, added: Mapping[str, Sequence[str]] | None = None) -> Trajectory:
    """A row of which each call is a round of its own; functions that are added later are not offered before."""
    pool, messages, made = desk_pool(), list[dict[str, Any]](), 0
    late = {name for names in (added or {}).values() for name in names}
    with ToolServer(pool, desk_opener([]), KEY, 5) as server:
        for query, calls, reply in turns:
            messages.append({"role": "user", "content": query})
            for name, arguments in calls:
                made += 1
                served = server.serve(name, compact(arguments), {name})
                call = {"id": f"call_{made}", "type": "function", "function": {"name": name, "arguments": compact(arguments)}}
                messages.append({"role": "assistant", "content": "", "tool_calls": [call]})
                messages.append({"role": "tool", "tool_call_id": f"call_{made}", "name": name, "content": compact(served.output)})
            messages.append({"role": "assistant", "content": reply})
        final_state = server.state()
    return Trajectory(
        id="desk",
        index=0,
        category=category,
        tools=compact([entry.as_tool() for entry in pool.specs if entry.name not in late]),
        tools_added=compact({turn: [pool.spec(name).as_tool() for name in names] for turn, names in (added or {}).items()}),
        messages=compact(messages),
        reference_calls=compact([[{"name": name, "arguments": given, "nested": False} for name, given in calls] for _, calls, _ in turns]),
        provenance=compact(
            [[{name: {"origin": "query", "turn": at} for name in given} for _, given in turn[1]] for at, turn in enumerate(turns)]
        ),
        ops=(),
        domains=("test",),
        source="test",
        environment=KEY,
        scenario_seed=5,
        final_state=final_state,
        num_turns=len(turns),
        num_calls=made,
    )


EVENING: Turn = (
    "Book Green Orchard for 3 of us.",
    [("book_table", {"place": "Green Orchard", "guests": 3})],
    "Green Orchard is booked for 3 guests: TBL-G7.",
)
RATING: Turn = ("How is Silver Fig rated?", [("rate", {"place": "Silver Fig"})], "Silver Fig has a rating of 4.5.")
UNCLEAR: Turn = ("Book a table somewhere.", [], "Sure, at which place?")
