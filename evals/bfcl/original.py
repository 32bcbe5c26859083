"""bfcl_eval's own command line, for comparison: `python -m evals.bfcl.original generate|evaluate …`.

Unchanged but for its registry, which here knows every name and has it asked through the package's handler of OpenAI's chat
completions: by tools if the name ends in `-FC`. Point it at an endpoint by OPENAI_BASE_URL and OPENAI_API_KEY; BFCL_PROJECT_ROOT is
the directory that it reads and writes.
"""

from __future__ import annotations

import importlib
import importlib.util

from evals.bfcl.stand_ins import put_stand_ins


def main() -> None:
    """Run the command line with the arguments of this process."""
    registry = put_stand_ins()
    from bfcl_eval.__main__ import cli

    # Its handler of chat completions, by the name of either release.
    place = "openai" if importlib.util.find_spec("bfcl_eval.model_handler.api_inference.openai") else "openai_completion"
    module = importlib.import_module(f"bfcl_eval.model_handler.api_inference.{place}")
    registry.handler = module.OpenAIHandler if place == "openai" else module.OpenAICompletionsHandler
    cli()


if __name__ == "__main__":
    main()
