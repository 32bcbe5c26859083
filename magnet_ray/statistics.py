"""What a run looks like: counts, distributions and text diversity, gathered table by table in bounded memory."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import orjson
import pyarrow as pa

from magnet_ray.rows import from_table
from magnet_ray.types import Category, Trajectory

SAMPLED_QUERIES = 20_000
"""Queries that text diversity is measured over: the first of the run."""
EXAMPLES = 3
"""Conversations of each category that the data card shows."""
PAPER = {"turns": 4.71, "calls": 15.13}
"""Turns and calls of a multi-turn trajectory in the paper's SFT set (section 4.1)."""
_CALLED = re.compile(r'\{"name":"([^"]+)","arguments":')
_ORIGIN = re.compile(r'\{"origin":"([a-z_]+)","turn":')
_SENTENCE = re.compile(r"(?<=[.?!])\s+")
_WORD = re.compile(r"\w+(?:['\u2019]\w+)?")


class RunStatistics:
    """An accumulator: `add` tables of rows, `merge` what others gathered over later ones, then read `summary`."""

    def __init__(self, *, diversity: bool = True) -> None:
        """`diversity`: measure it too."""
        self._measures_diversity = diversity
        self.categories: Counter[str] = Counter()
        self.domains: Counter[str] = Counter()
        self.operations: Counter[str] = Counter()
        self.functions: Counter[str] = Counter()
        self.turns: dict[str, Counter[int]] = {}
        self.calls: dict[str, Counter[int]] = {}
        self.nested = 0
        self.arguments: Counter[str] = Counter()
        self.examples: dict[str, list[Trajectory]] = {}
        self.diversity = Diversity()

    def add(self, rows: pa.Table) -> None:
        """Count the rows of a table with the schema of `Trajectory`."""
        column = {name: rows.column(name).to_pylist() for name in ("category", "domains", "ops", "num_turns", "num_calls")}
        self.categories.update(column["category"])
        self.domains.update(chain.from_iterable(column["domains"]))
        self.operations.update(chain.from_iterable(set(ops) for ops in column["ops"]))
        for category, turns, calls in zip(column["category"], column["num_turns"], column["num_calls"], strict=True):
            self.turns.setdefault(category, Counter())[turns] += 1
            self.calls.setdefault(category, Counter())[calls] += 1
        # Searched as text, ten times faster than parsing: a quotation mark inside a value is escaped, so it cannot match.
        for calls in rows.column("reference_calls").to_pylist():
            self.functions.update(_CALLED.findall(calls))
            self.nested += calls.count('"nested":true')
        for provenance in rows.column("provenance").to_pylist():
            self.arguments.update(_ORIGIN.findall(provenance))
        self._look_closer(rows, column["category"])

    def _look_closer(self, rows: pa.Table, categories: Sequence[str]) -> None:
        """Keep examples, and measure the diversity of the first queries."""
        for index, category in enumerate(categories):
            shown = self.examples.setdefault(category, [])
            if len(shown) < EXAMPLES:
                shown += from_table(Trajectory, rows.slice(index, 1))
        if not self._measures_diversity or self.diversity.queries >= SAMPLED_QUERIES:
            return
        for messages, provenance in zip(rows.column("messages").to_pylist(), rows.column("provenance").to_pylist(), strict=True):
            if self.diversity.queries < SAMPLED_QUERIES:
                queries = [message["content"] for message in orjson.loads(messages) if message["role"] == "user"]
                self.diversity.add(queries, orjson.loads(provenance))

    def merge(self, later: RunStatistics) -> None:
        """Add what was gathered over rows that come after these; diversity stays that of these."""
        for name in ("categories", "domains", "operations", "functions", "arguments"):
            getattr(self, name).update(getattr(later, name))
        for name in ("turns", "calls"):
            for category, counts in getattr(later, name).items():
                getattr(self, name).setdefault(category, Counter()).update(counts)
        self.nested += later.nested
        for category, rows in later.examples.items():
            shown = self.examples.setdefault(category, [])
            shown += rows[: EXAMPLES - len(shown)]

    def summary(self) -> dict[str, Any]:
        """The figures as plain JSON values, for the manifest."""
        multi = [Category.MULTI_TURN.value, Category.MISS_FUNC.value, Category.MISS_PARAMS.value]
        return {
            "multi_turn_mean_turns": _mean(self.turns.get(name, Counter()) for name in multi),
            "multi_turn_mean_calls": _mean(self.calls.get(name, Counter()) for name in multi),
            "paper_mean_turns": PAPER["turns"],
            "paper_mean_calls": PAPER["calls"],
            "functions_called": len(self.functions),
            "nested_calls": self.nested,
            "arguments_by_origin": dict(sorted(self.arguments.items())),
            "rows_by_domain": dict(sorted(self.domains.items())),
            "rows_by_operation": dict(sorted(self.operations.items())),
            "diversity": self.diversity.summary(),
        }


def _mean(counters: Iterable[Counter[int]]) -> float:
    total, rows = 0, 0
    for counter in counters:
        total += sum(value * count for value, count in counter.items())
        rows += counter.total()
    return round(total / rows, 2) if rows else 0.0


class Diversity:
    """How varied the users' words are."""

    def __init__(self) -> None:
        self.queries = 0
        self.openings: Counter[str] = Counter()
        self.skeletons: Counter[str] = Counter()
        self.grams: dict[int, set[int]] = {1: set(), 2: set(), 3: set()}
        self.totals: Counter[int] = Counter()

    def add(self, queries: list[str], provenance: list[list[Mapping[str, Any]]]) -> None:
        """Count the queries of one conversation; provenance tells which words are values."""
        values: dict[int, list[str]] = {}
        for turn, calls in enumerate(provenance):
            for call in calls:
                for origin in call.values():
                    at = origin["turn"] if origin["origin"] in {"query", "earlier_query"} else turn
                    values.setdefault(at, []).append(origin.get("text", ""))
        for turn, query in enumerate(queries):
            self._add(query, values.get(turn, []))

    def _add(self, query: str, values: list[str]) -> None:
        self.queries += 1
        found = [word.lower() for word in _WORD.findall(query)]
        self.openings[" ".join(found[:3])] += 1
        for size, grams in self.grams.items():
            grams.update(map(hash, zip(*(found[start:] for start in range(size)), strict=False)))
            self.totals[size] += max(0, len(found) - size + 1)
        self.skeletons.update(skeletons(query, values))

    def summary(self) -> dict[str, Any]:
        """distinct-1/2/3, and the commonest opening and sentence skeleton with their shares of the queries."""
        opening, skeleton = self.openings.most_common(1), self.skeletons.most_common(1)
        return {
            "queries": self.queries,
            **{f"distinct_{size}": round(len(grams) / max(1, self.totals[size]), 4) for size, grams in self.grams.items()},
            "commonest_opening": opening[0][0] if opening else "",
            "commonest_opening_share": round(opening[0][1] / self.queries, 5) if opening else 0.0,
            "commonest_skeleton": skeleton[0][0] if skeleton else "",
            "commonest_skeleton_share": round(skeleton[0][1] / self.queries, 5) if skeleton else 0.0,
        }


def skeletons(query: str, values: Iterable[str]) -> list[str]:
    """The sentences of a query with every value masked: quoted texts, numbers, and the words given in `values`."""
    for value in sorted({value for value in values if value}, key=len, reverse=True):
        query = query.replace(value, "\0")
    query = re.sub(r'"[^"]*"', "\0", query)
    query = re.sub(r"\$?\d[\d,.:]*\d|\$?\d", "\0", query)
    return [re.sub(r"\0(?:[\s,]*(?:and )?\0)*", "_", sentence).strip().lower() for sentence in _SENTENCE.split(query) if sentence.strip()]
