"""As `inside`, with bfcl_eval 2026.3.23 (BFCL-v4), for the multi-turn categories."""

from __future__ import annotations

import importlib
import json
import os
from typing import Any
from uuid import uuid4

from evals.bfcl.relay import RelayedConversation, error_of, judged
from evals.bfcl.stand_ins import put_stand_ins

# The package makes directories for its results and locks when it is imported.
os.environ["BFCL_PROJECT_ROOT"] = os.getcwd()
put_stand_ins(always=("openai", "pandas", "dotenv"))

from bfcl_eval._llm_response_generation import multi_threaded_inference  # noqa: E402
from bfcl_eval.constants.executable_backend_config import CLASS_FILE_PATH_MAPPING  # noqa: E402
from bfcl_eval.eval_checker.eval_runner import _evaluate_single_multi_turn_entry  # noqa: E402
from bfcl_eval.model_handler.api_inference.openai_completion import OpenAICompletionsHandler  # noqa: E402
from bfcl_eval.utils import add_language_specific_hint_to_function_doc, populate_test_cases_with_predefined_functions  # noqa: E402

for _name, _module in CLASS_FILE_PATH_MAPPING.items():
    # Once, and not in every process that is forked. Memory and web search belong to categories that do not run here.
    if "Memory" not in _name and "Search" not in _name:
        importlib.import_module(_module)


def handler_for(mode: str) -> Any:
    """As in `inside`."""
    name = f"magnet-{uuid4().hex}"
    return OpenAICompletionsHandler(name, temperature=0.001, registry_name=name, is_fc_model=mode == "fc")


class Conversation(RelayedConversation):
    """See `RelayedConversation`."""

    def handler(self, mode: str) -> Any:
        """See there."""
        return handler_for(mode)

    def prepared(self, entry: dict[str, Any]) -> dict[str, Any]:
        """See there."""
        [entry] = add_language_specific_hint_to_function_doc(populate_test_cases_with_predefined_functions([entry]))
        return entry

    def carried_on(self, handler: Any, entry: dict[str, Any]) -> dict[str, Any]:
        """See there."""
        row: dict[str, Any] = multi_threaded_inference(handler, entry, include_input_log=False, exclude_state_log=True)
        return row


def judge(mode: str, entry: str, answer: str, row: str) -> str:
    """As in `inside`."""
    prompt, result, truth = json.loads(entry), json.loads(row), json.loads(answer)["ground_truth"]
    handler = handler_for(mode)

    def check() -> dict[str, Any]:
        category = prompt["id"].rsplit("_", 1)[0]
        found = _evaluate_single_multi_turn_entry(handler, result["id"], result["result"], truth, prompt, handler.model_name, category)
        return {"valid": True, "error_type": "", "error": ""} if found["valid"] else {"valid": False, **error_of(found)}

    return judged(check)
