"""Which conversations are trained on, and which are held out to measure the model on.

Held out by `domain`: whole domains, so that no held-out function is trained on, neither called nor offered. By `function`: single
functions; rows that call one are held out, rows that only offer one are left out. By `row`: rows, whatever they call.
Invariants: no row is both trained and held out; a pair is trained exactly when its row is; the choice follows from the seed and the
rows' ids, domains and functions alone, however they are sharded or ordered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Final, Literal, Protocol

import orjson

from magnet_ray.errors import ConfigError, RunError
from magnet_ray.finished_runs import read_manifest, read_outlines
from magnet_ray.places import Place, place
from magnet_ray.types import Category, PreferencePair, content_id

By = Literal["domain", "function", "row"]
_HASHES: Final = 2**64
"""How many hashes `content_id` can give."""


class Row(Protocol):
    """What is looked at of a `Trajectory`."""

    @property
    def id(self) -> str: ...
    @property
    def category(self) -> Category: ...
    @property
    def domains(self) -> tuple[str, ...]: ...
    @property
    def tools(self) -> str: ...
    @property
    def tools_added(self) -> str: ...
    @property
    def reference_calls(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The columns of a `Trajectory` that choosing needs."""

    id: str
    """The path's id."""
    category: Category
    """Kind of conversation."""
    domains: tuple[str, ...]
    """Domains of the functions that were called or asked for."""
    tools: str
    """Offered tools as JSON text."""
    tools_added: str
    """JSON text: turn -> list of tools."""
    reference_calls: str
    """JSON text: per turn, the list of calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Tells of every row and pair whether it is trained on or held out."""

    by: By
    """What is held out."""
    seed: int
    """Seed of the choice."""
    share: float
    """Share of the rows that was to be held out; 0 trains on everything."""
    domains: frozenset[str] = frozenset()
    """Held-out domains."""
    functions: frozenset[str] = frozenset()
    """Held-out functions, those of held-out domains among them."""
    rows: frozenset[str] = frozenset()
    """Ids of rows that are not trained though the tools that they start with are: with these, a pair's tools tell the rest."""
    trained: int = 0
    """Rows that are trained on."""
    held_out: int = 0
    """Rows that are held out."""
    left_out: int = 0
    """Rows that are neither: they offer a held-out function, or ask for one where others are offered."""

    def trains(self, row: Row) -> bool:
        """Whether a row is trained on: it touches nothing that is held out."""
        if self.by == "row":
            return not self._drawn(row.id)
        return self.domains.isdisjoint(row.domains) and (not self.functions or self.functions.isdisjoint(offered_functions(row)))

    def holds_out(self, row: Row) -> bool:
        """Whether the model is measured on a row.

        By domain, all that it asks for and offers is held out. By function, it calls a held-out function, or offers one where
        the right move is to call none.
        """
        if self.by == "row":
            return self._drawn(row.id)
        if self.by == "domain":
            return bool(self.domains) and self.domains.issuperset(row.domains) and self.functions.issuperset(offered_functions(row))
        return not self.functions.isdisjoint(_wanted_functions(row))

    def trains_pair(self, pair: PreferencePair) -> bool:
        """Whether a pair is trained on: exactly when the row that it was made from is."""
        if self.by == "row":
            return not self._drawn(pair.path_id)
        return pair.path_id not in self.rows and self.functions.isdisjoint(chain(_names(pair.tools_chosen), _names(pair.tools_rejected)))

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values, for the manifest."""
        names = {name: sorted(getattr(self, name)) for name in ("domains", "functions", "rows")}
        counts = {"trained": self.trained, "held_out": self.held_out, "left_out": self.left_out}
        return {"by": self.by, "seed": self.seed, "share": self.share, **names, **counts}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Split:
        """The split that `as_json` wrote."""
        names = {name: frozenset(values[name]) for name in ("domains", "functions", "rows")}
        return cls(**{**values, **names})

    def _drawn(self, id: str) -> bool:
        return int(content_id(self.seed, "held out", id), 16) < self.share * _HASHES


def split_runs(runs: Sequence[Place | str], *, by: By, share: float, seed: int) -> Split:
    """The split of finished runs of `magnet synthesize`; see `choose_split`. Only the columns of `Outline` are read.

    Raises:
        RunError: a run cannot be read.
        ConfigError: nothing is left to train on, or to hold out.
    """
    return choose_split(lambda: chain.from_iterable(read_outlines(Outline, run) for run in runs), by=by, share=share, seed=seed)


def synthesised_runs(runs: Sequence[Place | str]) -> tuple[Place, ...]:
    """The runs of `magnet synthesize` among `runs`, and those that runs of `magnet distill` among them were made from.

    Raises:
        RunError: one cannot be read, or the run that pairs were made from is no longer where it was.
    """
    found = []
    for run in map(place, runs):
        manifest = read_manifest(run)
        source = place(manifest.config["run"]) if manifest.kind == "distill" else run
        if not source.is_dir():
            raise RunError(
                f"the conversations that the pairs in {run} were made from are gone",
                str(source),
                fix="put that run back, start where magnet distill was started, or set held_out.share=0",
            )
        found.append(source.resolve())
    return tuple(dict.fromkeys(found))


def choose_split(read: Callable[[], Iterable[Row]], *, by: By, share: float, seed: int) -> Split:
    """Choose what to hold out.

    Domains or functions are gone through in the order of their hashes, and each is taken that brings the share of the rows nearer to
    `share`; when none does, the rarest one is taken. Rows are taken by their own hashes. Functions cost more rows than they hold
    out, for every row that offers one is lost to training.

    Args:
        read: reads all rows; called up to twice, so that they need not be kept.
        by: what to hold out.
        share: share of the rows, at least 0 and below 1; 0 trains on everything.
        seed: seed of the order.

    Raises:
        ConfigError: nothing would be left to train on, or to hold out.
    """
    if not 0 <= share < 1:
        raise ConfigError("held_out.share cannot be used", share, "a share of at least 0 and below 1")
    split = Split(by=by, seed=seed, share=share)
    if share and by != "row":
        split = _with_names(split, read())
    return _counted(split, read())


def offered_functions(row: Row) -> frozenset[str]:
    """Names of the functions that a row offers, at once or later."""
    added = orjson.loads(row.tools_added)
    return frozenset(chain(_names(row.tools), *(map(_name, tools) for tools in added.values())))


def _names(tools: str) -> Iterator[str]:
    return map(_name, orjson.loads(tools))


def _name(tool: Mapping[str, Any]) -> str:
    name: str = tool["function"]["name"]
    return name


def _wanted_functions(row: Row) -> frozenset[str]:
    """The functions that a row calls; those that it offers where it calls none."""
    called = frozenset(call["name"] for calls in orjson.loads(row.reference_calls) for call in calls)
    return called or offered_functions(row)


def _with_names(split: Split, rows: Iterable[Row]) -> Split:
    """The split with the domains and functions that it holds out."""
    groups: Counter[frozenset[str]] = Counter()
    functions: dict[str, set[str]] = {}
    for row in rows:
        groups[frozenset(row.domains) if split.by == "domain" else _wanted_functions(row)] += 1
        # An irrelevant request may be offered another domain's functions.
        if split.by == "domain" and row.category is not Category.IRRELEVANCE:
            for domain in row.domains:
                functions.setdefault(domain, set()).update(offered_functions(row))
    if len(frozenset(chain.from_iterable(groups))) < 2:
        raise _nothing(split, f"the rows have fewer than two {split.by}s")
    names = _chosen(groups, split)
    if split.by == "function":
        return replace(split, functions=names)
    return replace(split, domains=names, functions=frozenset(chain.from_iterable(functions.get(name, ()) for name in names)))


def _chosen(groups: Counter[frozenset[str]], split: Split) -> frozenset[str]:
    """Names that about `split.share` of the rows have, given how many rows have which names."""
    members: dict[str, list[frozenset[str]]] = {}
    for group in groups:
        for name in group:
            members.setdefault(name, []).append(group)
    order = sorted(members, key=lambda name: (content_id(split.seed, split.by, name), name))
    total, wanted, held = groups.total(), split.share * groups.total(), 0
    covered: set[frozenset[str]] = set()
    chosen: list[str] = []
    for name in order:
        gained = sum(groups[group] for group in members[name] if group not in covered)
        if held + gained < total and abs(held + gained - wanted) < abs(held - wanted):
            held += gained
            covered.update(members[name])
            chosen.append(name)
    return frozenset(chosen or [min(order, key=lambda name: sum(groups[group] for group in members[name]))])


def _counted(split: Split, rows: Iterable[Row]) -> Split:
    """The split with its counts and with the rows that a pair's tools do not give away.

    Raises:
        ConfigError: a count that must not be 0 is.
    """
    counts: Counter[str] = Counter()
    hidden: set[str] = set()
    for row in rows:
        trained = split.trains(row)
        counts["trained" if trained else "held_out" if split.holds_out(row) else "left_out"] += 1
        if not trained and split.by != "row" and split.functions.isdisjoint(_names(row.tools)):
            hidden.add(row.id)
    if not counts["trained"]:
        raise _nothing(split, f"of {counts.total()} rows none is left to train on")
    if split.share and not counts["held_out"]:
        raise _nothing(split, f"of {counts.total()} rows none is held out")
    return replace(split, rows=frozenset(hidden), trained=counts["trained"], held_out=counts["held_out"], left_out=counts["left_out"])


def _nothing(split: Split, why: str) -> ConfigError:
    others = {"domain": "held_out.by=function or held_out.by=row", "function": "held_out.by=row", "row": "another held_out.share"}
    asked = f"held_out.by={split.by} and held_out.share={split.share:g}"
    return ConfigError(f"{asked} cannot be carried out: {why}", fix=f"--set {others[split.by]}, or train on more rows")
