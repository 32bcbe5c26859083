"""`python -m evals.online` is `magnet eval online`."""

from __future__ import annotations

from evals.commands import run_module

if __name__ == "__main__":
    run_module("online")
