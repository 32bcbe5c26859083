"""What runs inside the isolated processes: the inference loop and the scoring of bfcl_eval 2025.6.8 (BFCL-v3), unchanged.

Only `magnet_ray.environments.isolated_worker` imports this module, in a process of its own. Model output is evaluated nowhere else.
"""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

from evals.bfcl.relay import RelayedConversation, error_of, judged
from evals.bfcl.stand_ins import FC_SUFFIX, put_stand_ins

# The package makes directories for its results when it is imported.
os.environ["BFCL_PROJECT_ROOT"] = os.getcwd()
put_stand_ins(always=("openai", "pandas", "dotenv"))

from bfcl_eval._llm_response_generation import multi_threaded_inference, process_multi_turn_test_case  # noqa: E402
from bfcl_eval.eval_checker.eval_runner import ast_file_runner, multi_turn_runner, relevance_file_runner  # noqa: E402
from bfcl_eval.eval_checker.multi_turn_eval.multi_turn_utils import CLASS_FILE_PATH_MAPPING  # noqa: E402
from bfcl_eval.model_handler.api_inference.openai import OpenAIHandler  # noqa: E402
from bfcl_eval.utils import is_java, is_js, is_multi_turn, is_relevance_or_irrelevance  # noqa: E402

for _module in CLASS_FILE_PATH_MAPPING.values():
    # Once, and not in every process that is forked.
    importlib.import_module(_module)


def handler_for(mode: str) -> Any:
    """The package's handler of OpenAI's chat completions, under a name that was never used before.

    Its checker and its environments keep instances under the model's name for as long as the process lives.
    """
    return OpenAIHandler(f"magnet-{uuid4().hex}{FC_SUFFIX if mode == 'fc' else ''}", temperature=0.001)


class Conversation(RelayedConversation):
    """See `RelayedConversation`."""

    def handler(self, mode: str) -> Any:
        """See there."""
        return handler_for(mode)

    def prepared(self, entry: dict[str, Any]) -> dict[str, Any]:
        """See there."""
        [entry] = process_multi_turn_test_case([entry])
        return entry

    def carried_on(self, handler: Any, entry: dict[str, Any]) -> dict[str, Any]:
        """See there."""
        row: dict[str, Any] = multi_threaded_inference(handler, entry, include_input_log=False, exclude_state_log=True)
        return row


def judge(mode: str, entry: str, answer: str, row: str) -> str:
    """What the package's runner of the entry's category says of a result row.

    Args:
        mode: `fc` or `prompt`.
        entry: the entry, as JSON text.
        answer: its ground truth, as JSON text; empty where there is none.
        row: `{"id": …, "result": …}`, as JSON text.

    Returns:
        See `judged`.
    """
    prompt, result, truth = json.loads(entry), json.loads(row), json.loads(answer or "null")
    return judged(lambda: _run_checker(mode, prompt, result, truth))


def _run_checker(mode: str, prompt: Any, result: Any, answer: Any) -> dict[str, Any]:
    category = prompt["id"].rsplit("_", 1)[0]
    directory = Path(f"scores-{uuid4().hex}")
    handler = handler_for(mode)
    name = handler.model_name
    if is_relevance_or_irrelevance(category):
        relevance_file_runner(handler, [result], [prompt], name, category, directory)
    elif is_multi_turn(category):
        multi_turn_runner(handler, [result], [prompt], [answer], name, category, directory)
    else:
        # JavaScript first: the package's test for Java holds for it too.
        language = "JavaScript" if is_js(category) else "Java" if is_java(category) else "Python"
        ast_file_runner(handler, [result], [prompt], [answer], language, category, name, directory)
    [file] = (directory / name).iterdir()
    lines = file.read_text(encoding="utf-8").split("\n")
    file.unlink()
    right = json.loads(lines[0])["correct_count"] == 1
    return {"valid": True, "error_type": "", "error": ""} if right else {"valid": False, **error_of(json.loads(lines[1]))}
