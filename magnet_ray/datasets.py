"""Views of a run: training examples, and the files that other trainers read.

Invariants: a view adds nothing to the rows that it is made from; an example offers exactly the tools that
its assistant had; messages keep the text that was stored. `sft.jsonl` holds call arguments as JSON *objects*,
because chat templates (Qwen2.5's among them) apply `tojson` to them and would quote a text a second time.
`tools` is JSON text, which TRL parses.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import IO, Any, TypeVar

from magnet_ray.atomic_files import write_atomically
from magnet_ray.errors import RunError
from magnet_ray.finished_runs import read_pairs, read_trajectories
from magnet_ray.places import Place, place
from magnet_ray.types import PreferencePair, SftExample, Trajectory, compact

Message = dict[str, Any]
Record = TypeVar("Record")
Line = Callable[[Trajectory, SftExample], Mapping[str, Any]]


def sft_examples(trajectory: Trajectory) -> tuple[SftExample, ...]:
    """The training examples of a row: one, and one more for each turn that adds tools.

    Each example ends before the next addition and trains only from the last one on, so every reply is trained
    once, under the tools that were offered when it was made.
    """
    messages: list[Message] = json.loads(trajectory.messages)
    added: dict[str, list[Any]] = json.loads(trajectory.tools_added)
    users = [index for index, message in enumerate(messages) if message["role"] == "user"]
    # (first message, tools that come with it); turn 0 is where every conversation starts.
    additions = [(users[turn], added[str(turn)]) for turn in sorted(map(int, added)) if turn > 0]
    starts = [0, *(start for start, _ in additions)]
    ends = [*starts[1:], len(messages)]
    tools = json.loads(trajectory.tools) + added.get("0", [])
    examples = []
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        if number:
            tools = tools + additions[number - 1][1]
        whole = len(starts) == 1
        examples.append(
            SftExample(
                id=trajectory.id if whole else f"{trajectory.id}-{number}",
                messages=trajectory.messages if end == len(messages) else compact(messages[:end]),
                tools=compact(tools),
                loss_from=_first_assistant(messages, start),
            )
        )
    return tuple(examples)


def write_sft_jsonl(run: Place | str, file: Place | str) -> int:
    """Write `messages` and `tools` for TRL, one example a line, and return how many.

    Keys: `id`, `category`, `messages`, `tools` (JSON text), `loss_from`. Assistant messages carry `weight`, 1 where
    they are trained (OpenAI's fine-tuning format). TRL ignores both and trains on every assistant message, so for rows
    with `tools_added` use a trainer that heeds them, or `write_prompt_completion`, which says it in TRL's own terms.

    Raises:
        RunError: the run is unfinished or damaged, or the file cannot be written.
    """
    return _write_lines(run, file, _conversation)


def write_prompt_completion(run: Place | str, file: Place | str) -> int:
    """Write `prompt` and `completion` for TRL, split where the loss starts; use it with `assistant_only_loss=True`.

    Keys: `id`, `category`, `prompt`, `completion`, `tools` (JSON text).
    """
    return _write_lines(run, file, _prompt_completion)


def write_sharegpt(run: Place | str, file: Place | str) -> int:
    """Write ShareGPT conversations with `function_call` and `observation` turns, one example a line.

    Keys: `id`, `category`, `system`, `conversations`, `tools` (JSON text), `loss_from` (index into `conversations`).
    Calls of one round stand in one `function_call` turn (an object, or a list when there are several), their outputs
    in one `observation` turn, so that the two sides alternate as LLaMA-Factory expects.
    """
    return _write_lines(run, file, _sharegpt)


def write_preferences(run: Place | str, file: Place | str) -> int:
    """Write the pairs of a run of `magnet distill` as JSON lines in TRL's conversational preference format.

    Keys: `id`, `category`, `error_type`, `prompt`, `chosen`, `rejected` (messages), `tools` (JSON text).

    Raises:
        RunError: the run is unfinished or damaged or holds no pairs, or the file cannot be written.
    """
    return _write_values(read_pairs(run), file, _preference)


WRITERS: Mapping[str, Callable[[Place | str, Place | str], int]] = {
    "sft": write_sft_jsonl,
    "prompt-completion": write_prompt_completion,
    "sharegpt": write_sharegpt,
    "preference": write_preferences,
}
"""Export format -> what writes it."""


def _first_assistant(messages: Sequence[Message], start: int) -> int:
    return next((index for index in range(start, len(messages)) if messages[index]["role"] == "assistant"), len(messages))


def _write_lines(run: Place | str, file: Place | str, line: Line) -> int:
    trajectories = read_trajectories(run)
    return _write_values(
        ((trajectory, example) for trajectory in trajectories for example in sft_examples(trajectory)), file, partial(_example, line)
    )


def _example(line: Line, pair: tuple[Trajectory, SftExample]) -> Mapping[str, Any]:
    trajectory, example = pair
    return {"id": example.id, "category": trajectory.category.value, **line(trajectory, example)}


def _preference(pair: PreferencePair) -> Mapping[str, Any]:
    sides = {
        name: [_template_message(message, trained) for message in json.loads(getattr(pair, name))]
        for name, trained in (("prompt", False), ("chosen", True), ("rejected", True))
    }
    return {"id": pair.id, "category": pair.category.value, "error_type": pair.error_type.value, **sides, "tools": pair.tools_chosen}


def _write_values(records: Iterable[Record], file: Place | str, values_of: Callable[[Record], Mapping[str, Any]]) -> int:
    file = place(file)
    if file.is_dir():
        raise RunError(f"{file} is a directory", expected="a file to write", fix=f"name one, such as {file / 'sft.jsonl'}")
    if isinstance(file, Path) and not file.parent.is_dir():
        raise RunError(f"the directory {file.parent} does not exist", fix="make it first, or choose another --out")
    written = 0

    def write(temporary: Path) -> None:
        nonlocal written
        with temporary.open("w", encoding="utf-8") as output:
            for record in records:
                _write_line(output, values_of(record))
                written += 1

    write_atomically(file, write)
    return written


def _write_line(output: IO[str], values: Mapping[str, Any]) -> None:
    output.write(json.dumps(values, ensure_ascii=False) + "\n")


def _conversation(_: Trajectory, example: SftExample) -> Mapping[str, Any]:
    return {"messages": _template_messages(example), "tools": example.tools, "loss_from": example.loss_from}


def _prompt_completion(_: Trajectory, example: SftExample) -> Mapping[str, Any]:
    messages = _template_messages(example)
    return {"prompt": messages[: example.loss_from], "completion": messages[example.loss_from :], "tools": example.tools}


def _sharegpt(_: Trajectory, example: SftExample) -> Mapping[str, Any]:
    messages = _template_messages(example)
    system = [message["content"] for message in messages if message["role"] == "system"]
    turns: list[dict[str, str]] = []
    loss_from = 0
    position = 0
    for role, group in groupby(messages, key=lambda message: message["role"]):
        members = list(group)
        for turn in _sharegpt_turns(role, members):
            turns.append(turn)
        position += len(members)
        if position <= example.loss_from:
            loss_from = len(turns)
    return {"system": "\n".join(system), "conversations": turns, "tools": example.tools, "loss_from": loss_from}


def _sharegpt_turns(role: str, messages: Sequence[Message]) -> Iterator[dict[str, str]]:
    """The turns of consecutive messages of one role."""
    if role == "tool":
        outputs = [message["content"] for message in messages]
        yield {"from": "observation", "value": outputs[0] if len(outputs) == 1 else f"[{','.join(outputs)}]"}
        return
    for message in messages:
        if message.get("tool_calls"):
            calls = [call["function"] for call in message["tool_calls"]]
            yield {"from": "function_call", "value": compact(calls[0] if len(calls) == 1 else calls)}
        elif role in {"user", "assistant"}:
            yield {"from": "human" if role == "user" else "gpt", "value": message["content"]}


def _template_messages(example: SftExample) -> list[Message]:
    """The messages as chat templates take them: call arguments as objects, contents as text, `weight` on the assistant's.

    The weight has a second use: it makes the keys of messages differ in every row, and so `datasets` stores the
    column as JSON from its first block on, whatever that block holds, and never merges the keys of arguments.
    """
    return [_template_message(message, index >= example.loss_from) for index, message in enumerate(json.loads(example.messages))]


def _template_message(message: Message, trained: bool) -> Message:
    changed = {**message, "content": message.get("content") or ""}
    if message.get("tool_calls"):
        changed["tool_calls"] = [{**call, "function": _with_object(call["function"])} for call in message["tool_calls"]]
    if message["role"] == "assistant":
        changed["weight"] = int(trained)
    return changed


def _with_object(function: Mapping[str, Any]) -> dict[str, Any]:
    arguments = function["arguments"]
    return {**function, "arguments": json.loads(arguments) if isinstance(arguments, str) else arguments}
