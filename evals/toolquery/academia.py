"""The academia domain: an invented net of papers that cite each other and one of authors that write together, and AgentBoard's tools.

Both nets follow from one seed. A paper cites older ones; two authors are joined by exactly the papers that both have written. A net has to
be loaded before it can be asked, as in AgentBoard.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, product
from random import Random
from typing import Final

from evals.toolquery.tools import Refused, Toolkit, tool
from magnet_ray.types import JsonValue

SEED: Final = 20_242
"""Seed of both nets."""
AUTHORS, PAPERS = 60, 130
"""How many there are."""
VENUES: Final = (
    *("Journal of Patient Computation", "Conference on Slow Algorithms", "Letters in Applied Inference", "Workshop on Open Graphs"),
    *("Annals of Useful Software", "Symposium on Reliable Learning", "Transactions on Small Data"),
)
ORGANIZATIONS: Final = (
    *("Aldermoor University", "Brightwater Institute of Technology", "Cairn Research", "University of Dunhollow", "Eastgate Laboratories"),
    *("Foxmere College", "Institute for Quiet Systems", "Harrowfield University"),
)
METHODS: Final = (
    *("Sparse", "Robust", "Adaptive", "Hierarchical", "Contrastive", "Incremental", "Federated", "Causal", "Lazy", "Streaming"),
    *("Certified", "Interactive"),
)
THINGS: Final = (
    *("Graph Matching", "Query Planning", "Parsing", "Topic Models", "Scheduling", "Clustering", "Retrieval", "Caching"),
    *("Program Repair", "Time Series Forecasting", "Speech Segmentation", "Entity Linking"),
)
SETTINGS: Final = ("under Noise", "at Scale", "with Few Labels", "on Edge Devices", "for Long Documents", "in Practice")
KEYWORDS: Final = (
    *("sampling", "benchmarks", "latency", "privacy", "optimization", "annotation", "transfer", "compression", "ranking", "calibration"),
    *("memory", "evaluation", "scheduling", "embeddings", "uncertainty", "crowdsourcing"),
)
FIRST: Final = (
    "Amara",
    "Benoit",
    "Chiara",
    "Daichi",
    "Elif",
    "Fergus",
    "Gulnara",
    "Henrik",
    "Ivana",
    "Jamal",
    "Katya",
    "Lorenzo",
    "Mei",
    "Noor",
)
LAST: Final = (
    *("Adeyemi", "Brandt", "Chowdhury", "Dvorak", "Eriksen", "Fontaine", "Grigoryan", "Hoshino", "Ishii", "Jankowski", "Kaplan"),
    *("Lindgren", "Moreau", "Nakamura"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A paper."""

    title: str
    """Title, unique."""
    authors: tuple[str, ...]
    """Names, first author first."""
    year: int
    """Year of publication."""
    venue: str
    """Where it was published."""
    citations: int
    """How often it was cited anywhere."""
    keywords: tuple[str, ...]
    """What it is tagged with."""
    kind: str
    """`Conference` or `Journal`."""
    cites: tuple[str, ...]
    """Titles of the papers in the net that it cites."""


@lru_cache(maxsize=1)
def authors() -> dict[str, str]:
    """Author -> organization."""
    rng = Random(f"{SEED}/authors")
    names = rng.sample([f"{first} {last}" for first, last in product(FIRST, LAST)], AUTHORS)
    return {name: rng.choice(ORGANIZATIONS) for name in names}


@lru_cache(maxsize=1)
def papers() -> dict[str, Paper]:
    """Every paper by title, the oldest first."""
    rng = Random(f"{SEED}/papers")
    titles = [f"{method} {thing} {setting}" for method, thing, setting in rng.sample(list(product(METHODS, THINGS, SETTINGS)), PAPERS)]
    names = list(authors())
    found: dict[str, Paper] = {}
    for number, title in enumerate(titles):
        # Circles of ten, so that the same people write together more than once.
        circle = names[10 * (number % 6) : 10 * (number % 6) + 12]
        venue = rng.choice(VENUES)
        older = list(found)
        found[title] = Paper(
            title=title,
            authors=tuple(rng.sample(circle, rng.randint(2, 4))),
            year=2004 + number * 20 // PAPERS,
            venue=venue,
            citations=rng.randrange(0, 900),
            keywords=tuple(rng.sample(KEYWORDS, rng.randint(3, 5))),
            kind="Journal" if venue.startswith(("Journal", "Letters", "Annals", "Transactions")) else "Conference",
            cites=tuple(rng.sample(older, min(len(older), rng.randint(1, 5)))),
        )
    return found


@lru_cache(maxsize=1)
def collaborations() -> dict[frozenset[str], tuple[str, ...]]:
    """Two authors -> titles of the papers that both have written, the oldest first."""
    found: dict[frozenset[str], tuple[str, ...]] = {}
    for paper in papers().values():
        for pair in combinations(paper.authors, 2):
            found[frozenset(pair)] = (*found.get(frozenset(pair), ()), paper.title)
    return found


def collaborators(author: str) -> list[str]:
    """Who has written with an author, in the order of `authors`."""
    return [other for other in authors() if frozenset((author, other)) in collaborations() and other != author]


_GRAPHS: Final = {"graph": ("PaperNet", "AuthorNet")}


class Academia(Toolkit):
    """The academia tools."""

    tools = (
        tool("loadPaperNet", "Load PaperNet: its nodes are papers, its edges citations."),
        tool("loadAuthorNet", "Load AuthorNet: its nodes are authors, its edges the papers that two wrote together."),
        tool(
            "neighbourCheck",
            "List the neighbours of a node: in PaperNet the papers that a paper cites, in AuthorNet who an author has written with.",
            _GRAPHS,
            graph="Name of the net.",
            node="Title of the paper, or name of the author.",
        ),
        tool("paperNodeCheck", "Authors, year, venue, number of citations, keywords and type of a paper.", node="Title of the paper."),
        tool("authorNodeCheck", "Name and organization of an author.", node="Name of the author."),
        tool("authorEdgeCheck", "Papers that two authors wrote together.", node1="One author.", node2="The other author."),
        tool(
            "paperEdgeCheck",
            "What is known of the citation of one paper by another.",
            node1="The paper that cites.",
            node2="The cited paper.",
        ),
    )

    def __init__(self, start: Mapping[str, str]) -> None:
        """`start` plays no part."""
        self._loaded: set[str] = set()

    def loadPaperNet(self) -> JsonValue:
        self._loaded.add("PaperNet")
        return "PaperNet is ready."

    def loadAuthorNet(self) -> JsonValue:
        self._loaded.add("AuthorNet")
        return "AuthorNet is ready."

    def neighbourCheck(self, graph: str, node: str) -> JsonValue:
        if graph == "PaperNet":
            return list(self._paper(node).cites)
        return collaborators(self._author(node))

    def paperNodeCheck(self, node: str) -> JsonValue:
        paper = self._paper(node)
        return {
            "authors": list(paper.authors),
            "year": paper.year,
            "venue": paper.venue,
            "n_citation": paper.citations,
            "keywords": list(paper.keywords),
            "doc_type": paper.kind,
        }

    def authorNodeCheck(self, node: str) -> JsonValue:
        author = self._author(node)
        return {"name": author, "org": authors()[author]}

    def authorEdgeCheck(self, node1: str, node2: str) -> JsonValue:
        one, other = self._author(node1), self._author(node2)
        shared = collaborations().get(frozenset((one, other)))
        if not shared:
            raise Refused(f"{one} and {other} are not joined in AuthorNet")
        return {"weight": len(shared), "collaborative_papers": list(shared)}

    def paperEdgeCheck(self, node1: str, node2: str) -> JsonValue:
        one, other = self._paper(node1), self._paper(node2)
        if other.title not in one.cites:
            raise Refused(f"{one.title} does not cite {other.title}")
        return {"citing": one.title, "cited": other.title, "year": one.year}

    def _paper(self, node: str) -> Paper:
        self._need("PaperNet")
        titles = {title.casefold(): title for title in papers()}
        wanted = node.strip().rstrip(".").casefold()
        if wanted not in titles:
            raise Refused(f"there is no node {node!r} in PaperNet")
        return papers()[titles[wanted]]

    def _author(self, node: str) -> str:
        self._need("AuthorNet")
        names = {name.casefold(): name for name in authors()}
        if node.strip().casefold() not in names:
            raise Refused(f"there is no node {node!r} in AuthorNet")
        return names[node.strip().casefold()]

    def _need(self, net: str) -> None:
        if net not in self._loaded:
            raise Refused(f"{net} is not loaded; call load{net} first")
