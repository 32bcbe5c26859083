"""Back-and-forth translation (paper, section 3.3): a signature path becomes queries, executed calls and replies.

Turn by turn: the turn's calls are planned and executed on the present state, then the teacher words the query
around them and closes the turn. A failed call is retried alone with other values, then the turn is tried again
from its beginning, then the path is given up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from magnet_ray.arguments import Chosen, Surroundings, choose_arguments, vary
from magnet_ray.changes import Deeds, things
from magnet_ray.consistency import mixes_things
from magnet_ray.environments.base import Environment, OpenEnvironment
from magnet_ray.environments.execution import execute
from magnet_ray.errors import CallError, EnvironmentFault, Rejected
from magnet_ray.functions.pool import FunctionPool
from magnet_ray.graph import FunctionGraph
from magnet_ray.misses import find_withheld, servers, yielders
from magnet_ray.node_ops import move_miss
from magnet_ray.offers import offer
from magnet_ray.planned_calls import executed_call, foretold, listing_order, nested_as_worded, planned_call, rounds, worded_origins
from magnet_ray.teacher.base import PlannedCall, Teacher, TurnRequest
from magnet_ray.types import (
    ArgumentOrigin,
    Category,
    Effect,
    ExecutedCall,
    FailureReason,
    FunctionSpec,
    JsonValue,
    Miss,
    SignaturePath,
    Step,
    TranslatedPath,
    TranslatedTurn,
    TurnSignature,
    canonical,
    compact,
    content_id,
)

MOVES = 6
"""Times that a miss is moved to another turn where it turns out not to be genuine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslationSettings:
    """How hard to try, and what else to offer."""

    call_retries: int = 5
    """Other values tried for one failed call."""
    turn_retries: int = 3
    """Times a turn is started again."""
    distractors: tuple[int, int] = (3, 8)
    """Fewest and most functions offered beside those that are needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What every path of a run is translated with."""

    pool: FunctionPool
    """The functions."""
    graph: FunctionGraph
    """Their dependencies."""
    teacher: Teacher
    """Writes the words."""
    open_environment: OpenEnvironment
    """Opens an environment by its key and a scenario's seed."""
    settings: TranslationSettings
    """How hard to try."""


async def translate(path: SignaturePath, workshop: Workshop) -> TranslatedPath:
    """A path in words and executed calls.

    Raises:
        Rejected: a turn could not be carried out or worded; the reason is that of its last attempt.
    """
    for moves in range(MOVES):
        try:
            return await _translated(path, workshop, moves)
        except Rejected as rejected:
            moved = move_miss(path, workshop.graph) if rejected.reason is FailureReason.NO_GENUINE_MISS else None
            if moved is None:
                raise
            path = moved
    return await _translated(path, workshop, MOVES)


async def _translated(path: SignaturePath, workshop: Workshop, moves: int) -> TranslatedPath:
    key = _environment_key(path, workshop.pool)
    scenario_seed = int(content_id(path.seed, "scenario")[:12], 16)
    try:
        environment = workshop.open_environment(key, scenario_seed, _specs_of(key, workshop.pool))
    except EnvironmentFault as fault:
        raise Rejected(FailureReason.ENVIRONMENT_FAULT, str(fault)) from fault
    try:
        return await _Translation(path, workshop, (key, scenario_seed), environment, moves).run()
    except EnvironmentFault as fault:
        raise Rejected(FailureReason.ENVIRONMENT_FAULT, str(fault)) from fault
    finally:
        environment.close()


def _environment_key(path: SignaturePath, pool: FunctionPool) -> str:
    keys = {pool.spec(step.function).environment for turn in path.turns for step in turn.steps}
    if len(keys) != 1:
        raise Rejected(FailureReason.NO_PATH, f"functions of {len(keys)} environments in one path: {', '.join(sorted(keys))}")
    return keys.pop()


def _specs_of(key: str, pool: FunctionPool) -> Mapping[str, FunctionSpec]:
    return pool.in_environment(key)


class _Translation:
    """The state of one translation."""

    def __init__(self, path: SignaturePath, workshop: Workshop, scenario: tuple[str, int], environment: Environment, moves: int) -> None:
        self.path, self.workshop, self.environment = path, workshop, environment
        self.key, self.scenario_seed = scenario
        self.specs = workshop.pool.by_name
        self.done: dict[int, tuple[PlannedCall, ...]] = {}
        self.turns: list[TranslatedTurn] = []
        self.withheld = _withheld_functions(path)
        self.offered = offer(path, workshop.pool, workshop.settings.distractors, self.withheld)
        self.attempt = 0
        self.deeds = Deeds()
        self.relents = False
        # Counts on over moves of a miss, so that a teacher never sees two different turns under one number.
        self.tries = self.first_try = moves * (workshop.settings.turn_retries + 1)

    async def run(self) -> TranslatedPath:
        """Translate every turn in order."""
        turn = 0
        while turn < len(self.path.turns):
            turn += await self._turn_with_retries(turn)
        return TranslatedPath(
            path=self.path,
            scenario_seed=self.scenario_seed,
            environment=self.key,
            today=self.environment.today,
            offered=self.offered,
            turns=tuple(self.turns),
            final_state=canonical(self.environment.state()),
        )

    async def _turn_with_retries(self, turn: int) -> int:
        """Translate a turn, or a miss with the turn that completes it; returns how many turns that were."""
        mark = self.environment.checkpoint()
        for attempt in range(self.workshop.settings.turn_retries + 1):
            rng = Random(f"{self.path.seed}/{turn}/{attempt}")
            # What could not be worded is tried again with fewer values out of earlier outputs, in the end with none.
            self.tries = self.first_try + attempt
            self.relents = bool(attempt) and attempt == self.workshop.settings.turn_retries
            self.attempt = attempt * (3 if self.relents or self.path.turns[turn].miss is Miss.PARAMETER else 1)
            try:
                added = await self._turn(turn, rng)
            except Rejected as rejected:
                self.environment.rollback(mark)
                self.done = {index: calls for index, calls in self.done.items() if index < turn}
                self.deeds.forget(turn)
                if attempt == self.workshop.settings.turn_retries:
                    raise Rejected(rejected.reason, f"turn {turn}: {rejected.detail}", rejected.raw) from rejected
                continue
            self.turns.extend(added)
            return len(added)
        raise AssertionError("unreachable")

    async def _turn(self, turn: int, rng: Random) -> list[TranslatedTurn]:
        signature = self.path.turns[turn]
        if self.path.category is Category.IRRELEVANCE:
            return await self._irrelevant(turn, signature, rng)
        if signature.miss is Miss.NONE:
            calls = self._calls(turn, signature, rng)
            return [await self._worded(turn, calls, rng)]
        completing = self.path.turns[turn + 1]
        before = self.environment.checkpoint()
        calls = self._calls(turn + 1, completing, rng)
        if signature.miss is Miss.FUNCTION:
            return await self._missing_function(turn, calls, before, rng)
        return await self._missing_parameter(turn, calls, before, rng)

    # Planning and executing

    def _calls(self, turn: int, signature: TurnSignature, rng: Random) -> tuple[PlannedCall, ...]:
        """Plan and execute the calls that are made in a turn."""
        self.done[turn] = ()
        for position, step in enumerate(signature.steps):
            for call in self._step(turn, position, step, rng):
                self.done[turn] = (*self.done[turn], call)
        if self.path.category is Category.PARALLEL and len(self.done[turn]) < 2:
            raise Rejected(FailureReason.NO_VALUE, "nothing to repeat the call over")
        return self.done[turn]

    def _step(self, turn: int, position: int, step: Step, rng: Random) -> list[PlannedCall]:
        spec = self.specs[step.function]
        around = self._around(turn, spec)
        made = [self._first_call(spec, position, step, around, rng)]
        taken = {str(value) for value in made[0].arguments.values()}
        only = ""
        for _ in range(step.repeats - 1):
            repeated = self._repeat(made[0], around, rng, taken, only)
            if repeated is None:
                break
            only, call = repeated
            taken.add(str(call.arguments[only]))
            made.append(call)
        return sorted(made, key=lambda call: listing_order(call.arguments[only])) if only and spec.effect is Effect.READ else made

    def _around(self, turn: int, spec: FunctionSpec) -> Surroundings:
        return Surroundings(
            environment=self.environment,
            graph=self.workshop.graph,
            done=self.done,
            turn=turn,
            speakable=self.workshop.teacher.speakable(spec),
            # A value that could be told from the conversation would not be missing.
            fresh=turn > 0 and self.path.turns[turn - 1].miss is Miss.PARAMETER,
            told={number: earlier.reply for number, earlier in enumerate(self.turns)},
        )

    def _first_call(self, spec: FunctionSpec, position: int, step: Step, around: Surroundings, rng: Random) -> PlannedCall:
        """A call that its environment accepts, retried alone with other values."""
        reason, mark = "no attempt", self.environment.checkpoint()
        before = None if spec.effect is Effect.READ else self.environment.state()
        for attempt in range(self.workshop.settings.call_retries + 1):
            chosen = choose_arguments(spec, step, around, rng, attempt=attempt + self.attempt)
            if early := foretold(chosen, self.done[around.turn]):
                reason = f"{spec.name} was given {early!r}, which nobody knows yet"
                continue
            made = self._made(spec, chosen)
            if (made and spec.effect is not Effect.READ) or self._done_before(spec, chosen):
                reason = f"{spec.name} was called with the same arguments before"
                continue
            try:
                output = execute(self.environment, spec, chosen.values)
            except CallError as error:
                # A function that answers with a failure message may have changed something all the same.
                self.environment.rollback(mark)
                reason = f"{spec.name}({compact(chosen.values)}): {error}"
                continue
            if made and made[-1].output == output:
                reason = f"{spec.name} was called with the same arguments before, and nothing has changed since"
                continue
            if not self._fits(around.turn, chosen, output, before):
                self.environment.rollback(mark)
                reason = f"{spec.name}({compact(chosen.values)}) takes what belongs to something else, or back what was just done"
                continue
            return planned_call(spec, chosen, output, position, nested=step.nested)
        raise Rejected(FailureReason.CALL_FAILED, reason)

    def _repeat(self, first: PlannedCall, around: Surroundings, rng: Random, taken: set[str], only: str) -> tuple[str, PlannedCall] | None:
        """What varies and the step's call over another entity, or None when the scenario has no other."""
        for _ in range(self.workshop.settings.call_retries):
            try:
                parameter, chosen = vary(first, around, rng, taken, only)
                if self._made(first.spec, chosen) or self._done_before(first.spec, chosen):
                    continue
                mark = self.environment.checkpoint()
                before = None if first.spec.effect is Effect.READ else self.environment.state()
                output = execute(self.environment, first.spec, chosen.values)
                if not self._fits(around.turn, chosen, output, before):
                    self.environment.rollback(mark)
                    continue
            except CallError:
                continue
            except Rejected:
                return None
            return parameter, planned_call(first.spec, chosen, output, first.step, nested=first.nested)
        return None

    def _made(self, spec: FunctionSpec, chosen: Chosen) -> list[PlannedCall]:
        """Earlier calls of the same function with the same arguments."""
        calls = (call for turn in sorted(self.done) for call in self.done[turn])
        return [call for call in calls if call.spec.name == spec.name and call.arguments == chosen.values]

    def _done_before(self, spec: FunctionSpec, chosen: Chosen) -> bool:
        """Whether the same was done to the same things before."""
        if spec.effect is not Effect.WRITE or self.relents:
            return False
        earlier = [call for calls in self.done.values() for call in calls if call.spec.name == spec.name]
        acted_on = things(spec, chosen.values) if earlier else frozenset()
        return bool(acted_on) and any(things(spec, call.arguments) == acted_on for call in earlier)

    def _fits(self, turn: int, chosen: Chosen, output: JsonValue, before: JsonValue) -> bool:
        """Whether a call that was made may stand beside those before it."""
        if mixes_things(chosen, output, self.done):
            return False
        after = None if before is None else self.environment.state()
        lately = max((index for index, calls in self.done.items() if index < turn and calls), default=turn)
        return self.deeds.admit(turn, before, after, lately=-1 if self.relents else lately)

    # Words

    def _request(self, turn: int, calls: tuple[PlannedCall, ...], rng: Random, withheld: tuple[int, str] | None = None) -> TurnRequest:
        return TurnRequest(
            record=self.path.id,
            turn=turn,
            turns=len(self.path.turns),
            attempt=self.tries,
            calls=calls,
            history=tuple(self.turns),
            specs=self.specs,
            today=self.environment.today,
            rng=rng,
            withheld=withheld,
        )

    async def _worded(self, turn: int, calls: tuple[PlannedCall, ...], rng: Random) -> TranslatedTurn:
        request = self._request(turn, calls, rng)
        words = await self.workshop.teacher.query(request)
        calls = nested_as_worded(calls, words.nested)
        reply = await self.workshop.teacher.reply(replace(request, calls=calls, query=words.text))
        executed = self._keep(turn, calls, [worded_origins(call, turn, span) for call, span in zip(calls, words.spans, strict=True)])
        return TranslatedTurn(query=words.text, calls=executed, reply=reply, steps=rounds(calls, turn))

    def _keep(self, turn: int, calls: tuple[PlannedCall, ...], origins: Sequence[Mapping[str, ArgumentOrigin]]) -> tuple[ExecutedCall, ...]:
        """Remember a turn's calls with their final origins, for the turns to come."""
        self.done[turn] = tuple(replace(call, origins=found) for call, found in zip(calls, origins, strict=True))
        return tuple(executed_call(call) for call in self.done[turn])

    # Misses

    async def _irrelevant(self, turn: int, signature: TurnSignature, rng: Random) -> list[TranslatedTurn]:
        """A request that no offered function can serve."""
        before = self.environment.checkpoint()
        calls = self._calls(turn, signature, rng)
        request = self._request(turn, calls, rng)
        words = await self.workshop.teacher.query(request)
        self._check_genuine(calls, before, words.text)
        self.environment.rollback(before)
        missing = tuple(call.spec.name for call in calls)
        declined = await self.workshop.teacher.decline(replace(request, query=words.text))
        return [TranslatedTurn(query=words.text, calls=(), reply=declined, miss=Miss.FUNCTION, missing=missing)]

    async def _missing_function(self, turn: int, calls: tuple[PlannedCall, ...], before: object, rng: Random) -> list[TranslatedTurn]:
        """A complete request without its function; the next turn brings the function and carries it out."""
        teacher = self.workshop.teacher
        request = self._request(turn + 1, calls, rng)
        words = await teacher.query(request)
        self._check_genuine(calls, before, words.text)
        calls = nested_as_worded(calls, words.nested)
        request = replace(request, calls=calls, query=words.text)
        missing = tuple(dict.fromkeys(call.spec.name for call in calls if call.spec.name in self.withheld))
        executed = self._keep(
            turn + 1, calls, [worded_origins(call, turn, span, late={}) for call, span in zip(calls, words.spans, strict=True)]
        )
        return [
            TranslatedTurn(query=words.text, calls=(), reply=await teacher.decline(request), miss=Miss.FUNCTION, missing=missing),
            TranslatedTurn(
                query=await teacher.enable(request),
                calls=executed,
                reply=await teacher.reply(request),
                steps=rounds(calls, turn + 1),
                tools_added=missing,
            ),
        ]

    async def _missing_parameter(self, turn: int, calls: tuple[PlannedCall, ...], before: object, rng: Random) -> list[TranslatedTurn]:
        """A request that forgets a required value; the next turn gives it."""
        teacher = self.workshop.teacher
        withheld = self._forgotten(turn, calls, before, rng)
        request = self._request(turn + 1, calls, rng, withheld)
        words = await teacher.query(request)
        calls = nested_as_worded(calls, words.nested)
        request = replace(request, calls=calls, query=words.text)
        supplied = await teacher.supply(request)
        completed = replace(request, query=f"{words.text} {supplied.text}")
        spans = zip(calls, words.spans, supplied.spans, strict=True)
        executed = self._keep(turn + 1, calls, [worded_origins(call, turn, span, late=late) for call, span, late in spans])
        return [
            TranslatedTurn(query=words.text, calls=(), reply=await teacher.clarify(request), miss=Miss.PARAMETER, missing=(withheld[1],)),
            TranslatedTurn(query=supplied.text, calls=executed, reply=await teacher.reply(completed), steps=rounds(calls, turn + 1)),
        ]

    def _forgotten(self, turn: int, calls: tuple[PlannedCall, ...], before: object, rng: Random) -> tuple[int, str]:
        """The (call, parameter) that the user forgets; see `find_withheld`."""
        droppable = [
            (index, parameter)
            for index, call in enumerate(calls)
            for parameter in call.spec.required
            if parameter in self.workshop.teacher.droppable(call.spec)
        ]
        earlier = [self.done[index] for index in sorted(self.done) if index < turn]
        after = self.environment.checkpoint()
        self.environment.rollback(before)
        try:
            return self._find_withheld(calls, droppable, earlier, rng)
        finally:
            self.environment.rollback(after)

    def _find_withheld(
        self, calls: tuple[PlannedCall, ...], droppable: list[tuple[int, str]], earlier: list[tuple[PlannedCall, ...]], rng: Random
    ) -> tuple[int, str]:
        """`find_withheld`, without distractors that would tell the value where nothing else is left."""
        graph, offered = self.workshop.graph, self._offered_specs()
        try:
            return find_withheld(calls, droppable, earlier, self.environment, offered, graph, rng)
        except Rejected:
            needed = {step.function for turn in self.path.turns for step in turn.steps}
            kept = [spec for spec in offered if spec.name in needed]
            index, parameter = find_withheld(calls, droppable, earlier, self.environment, kept, graph, rng)
            found = yielders(calls[index], parameter, calls, self.environment, offered, graph)
            self.offered = tuple(name for name in self.offered if name not in found)
            return index, parameter

    def _offered_specs(self) -> list[FunctionSpec]:
        return [self.specs[name] for name in self.offered]

    def _check_genuine(self, calls: tuple[PlannedCall, ...], before: object, query: str) -> None:
        """Stop offering what could serve instead of the withheld functions.

        Raises:
            Rejected: a function that the conversation needs could serve.
        """
        after_state = self.environment.state()
        after = self.environment.checkpoint()
        self.environment.rollback(before)
        found = servers(calls, after_state, self.environment, self.key, self._offered_specs(), self.scenario_seed, query)
        self.environment.rollback(after)
        needed = {step.function for turn in self.path.turns for step in turn.steps} - self.withheld
        if self.path.category is not Category.IRRELEVANCE and found & needed:
            raise Rejected(FailureReason.NO_GENUINE_MISS, f"{', '.join(sorted(found & needed))} would serve as well")
        self.offered = tuple(name for name in self.offered if name not in found)
        if not self.offered:
            raise Rejected(FailureReason.NO_GENUINE_MISS, "every offered function would serve as well")


def _withheld_functions(path: SignaturePath) -> frozenset[str]:
    """Functions that are not offered at first: those of an irrelevant request, or of the turn after a missing function."""
    if path.category is Category.IRRELEVANCE:
        return frozenset(step.function for turn in path.turns for step in turn.steps)
    for index, turn in enumerate(path.turns):
        if turn.miss is Miss.FUNCTION:
            earlier = {step.function for before in path.turns[:index] for step in before.steps}
            return frozenset(step.function for step in path.turns[index + 1].steps) - earlier
    return frozenset()
