"""The academia tasks: each template is a way of reference calls, drawn with other papers and authors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from random import Random
from typing import Any, Final

from evals.toolquery.academia import Academia, Paper, authors, collaborations, collaborators, papers
from evals.toolquery.tools import Question, Script, Task, drawn

Template = Callable[["Scene"], tuple[str, Any] | None]
"""Makes the calls of a task; gives goal and answer, or None when the draw makes no good question."""


class Scene:
    """What a template draws from, and the calls that it makes."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.paper, self.other = rng.sample([paper for paper in papers().values() if len(paper.cites) > 1], 2)
        self.author = rng.choice([name for name in authors() if collaborators(name)])
        self.script = Script(Academia({}))

    def cited(self, paper: Paper) -> list[str]:
        """Look up what a paper cites."""
        found: list[str] = self.script("neighbourCheck", graph="PaperNet", node=paper.title)
        return found

    def details(self, titles: list[str]) -> dict[str, Mapping[str, Any]]:
        """Look papers up."""
        return {title: self.script("paperNodeCheck", node=title) for title in titles}


def year_and_venue(scene: Scene) -> tuple[str, Any]:
    scene.script("loadPaperNet")
    found = scene.details([scene.paper.title])[scene.paper.title]
    return f"Where was the paper {scene.paper.title} published? Answer with the venue.", found["venue"]


def how_many_collaborators(scene: Scene) -> tuple[str, Any]:
    scene.script("loadAuthorNet")
    count = len(scene.script("neighbourCheck", graph="AuthorNet", node=scene.author))
    return f"With how many authors has {scene.author} written papers? Answer with a number.", count


def written_together(scene: Scene) -> tuple[str, Any] | None:
    other = scene.rng.choice(collaborators(scene.author))
    scene.script("loadAuthorNet")
    titles = scene.script("authorEdgeCheck", node1=scene.author, node2=other)["collaborative_papers"]
    goal = f"Which papers have {scene.author} and {other} written together? Answer with the list of their titles."
    return (goal, sorted(titles)) if len(titles) <= 4 else None


def collaborator_at(scene: Scene) -> tuple[str, Any] | None:
    if len(collaborators(scene.author)) > 5:
        return None
    scene.script("loadAuthorNet")
    names = scene.script("neighbourCheck", graph="AuthorNet", node=scene.author)
    places = {name: scene.script("authorNodeCheck", node=name)["org"] for name in names}
    single = sorted(place for place in places.values() if list(places.values()).count(place) == 1)
    if not single:
        return None
    place = scene.rng.choice(single)
    goal = f"Who of those that {scene.author} has written papers with works at {place}?"
    return goal, next(name for name, org in places.items() if org == place)


def most_cited_reference(scene: Scene) -> tuple[str, Any]:
    scene.script("loadPaperNet")
    counts = {title: found["n_citation"] for title, found in scene.details(scene.cited(scene.paper)).items()}
    goal = f"Of the papers that {scene.paper.title} cites, which one has the most citations? Answer with its title."
    return goal, max(counts, key=counts.__getitem__)


def shared_collaborators(scene: Scene) -> tuple[str, Any] | None:
    other = scene.rng.choice(collaborators(scene.author))
    scene.script("loadAuthorNet")
    known = [set(scene.script("neighbourCheck", graph="AuthorNet", node=name)) for name in (scene.author, other)]
    shared = sorted(known[0] & known[1])
    goal = f"Who has written papers both with {scene.author} and with {other}? Answer with a list of names."
    return (goal, shared) if 1 <= len(shared) <= 4 else None


def reference_in_venue(scene: Scene) -> tuple[str, Any] | None:
    scene.script("loadPaperNet")
    venues = {title: found["venue"] for title, found in scene.details(scene.cited(scene.paper)).items()}
    single = sorted(venue for venue in venues.values() if list(venues.values()).count(venue) == 1)
    if not single:
        return None
    venue = scene.rng.choice(single)
    goal = f"Which paper from {venue} does {scene.paper.title} cite? Answer with its title."
    return goal, next(title for title, place in venues.items() if place == venue)


def shared_keywords(scene: Scene) -> tuple[str, Any] | None:
    scene.script("loadPaperNet")
    one, other = scene.details([scene.paper.title, scene.other.title]).values()
    shared = sorted(set(one["keywords"]) & set(other["keywords"]))
    goal = f"Which keywords do the papers {scene.paper.title} and {scene.other.title} share? Answer with a list."
    return (goal, shared) if len(shared) >= 2 else None


def best_joint_paper(scene: Scene) -> tuple[str, Any] | None:
    one, other = sorted(scene.rng.choice([pair for pair, titles in collaborations().items() if 2 <= len(titles) <= 3]))
    scene.script("loadAuthorNet")
    titles = scene.script("authorEdgeCheck", node1=one, node2=other)["collaborative_papers"]
    scene.script("loadPaperNet")
    counts = {title: found["n_citation"] for title, found in scene.details(titles).items()}
    goal = f"Of the papers that {one} and {other} wrote together, which one was cited most? Answer with its title."
    return (goal, max(counts, key=counts.__getitem__)) if len(set(counts.values())) == len(counts) else None


def citations_of_references(scene: Scene) -> tuple[str, Any]:
    scene.script("loadPaperNet")
    total = sum(found["n_citation"] for found in scene.details(scene.cited(scene.paper)).values())
    return f"How many citations do the papers that {scene.paper.title} cites have altogether? Answer with a number.", total


def same_organization(scene: Scene) -> tuple[str, Any]:
    scene.script("loadPaperNet")
    names = scene.details([scene.paper.title])[scene.paper.title]["authors"]
    scene.script("loadAuthorNet")
    places = [scene.script("authorNodeCheck", node=name)["org"] for name in names]
    goal = f"Where do the authors of {scene.paper.title} work? Answer with the list of their organizations, each of them once."
    return goal, sorted(set(places))


def years_between(scene: Scene) -> tuple[str, Any] | None:
    scene.script("loadPaperNet")
    one, other = scene.details([scene.paper.title, scene.other.title]).values()
    goal = f"How many years lie between the papers {scene.paper.title} and {scene.other.title}? Answer with a number."
    return (goal, abs(one["year"] - other["year"])) if one["year"] != other["year"] else None


TEMPLATES: Final[tuple[Template, ...]] = (
    *(year_and_venue, how_many_collaborators, written_together, collaborator_at, most_cited_reference, shared_collaborators),
    *(reference_in_venue, shared_keywords, best_joint_paper, citations_of_references, same_organization, years_between),
)


def academia_tasks(draws: int) -> Iterator[Task]:
    """The tasks: `draws` of each template."""
    for template in TEMPLATES:
        for draw in range(draws):
            yield drawn(f"academia-{template.__name__}-{draw}", partial(_made, template))


def _made(template: Template, rng: Random) -> tuple[Script, Question | None]:
    scene = Scene(rng)
    question = template(scene)
    return scene.script, question
