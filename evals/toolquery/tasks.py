"""All tasks, each written down by making its reference calls, and the tools to put them with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from evals.toolquery.academia import Academia
from evals.toolquery.academia_tasks import academia_tasks
from evals.toolquery.movie import Movie
from evals.toolquery.movie_tasks import movie_tasks
from evals.toolquery.tools import Task, Toolkit
from evals.toolquery.weather import Weather
from evals.toolquery.weather_tasks import weather_tasks

VERSION: Final = 1
"""Version of data and tasks: scores of another version are not comparable."""
DRAWS: Final = 3
"""Tasks of each template."""
TOOLKITS: Final[Mapping[str, type[Toolkit]]] = {"weather": Weather, "movie": Movie, "academia": Academia}
"""Domain -> its tools."""
_MAKERS: Final[Mapping[str, Callable[[int], Iterator[Task]]]] = {"weather": weather_tasks, "movie": movie_tasks, "academia": academia_tasks}


@lru_cache(maxsize=1)
def all_tasks() -> Mapping[str, Task]:
    """Every task by its id, domain by domain; the same in every process."""
    return {task.id: task for domain in TOOLKITS for task in _MAKERS[domain](DRAWS)}


def open_tools(task: Task) -> Toolkit:
    """The tools of a task's domain at its beginning."""
    opened: Callable[[Mapping[str, str]], Toolkit] = TOOLKITS[task.domain]
    return opened(task.start)
