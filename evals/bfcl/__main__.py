"""`python -m evals.bfcl` is `magnet eval bfcl`."""

from __future__ import annotations

from evals.commands import run_module

if __name__ == "__main__":
    run_module("bfcl")
