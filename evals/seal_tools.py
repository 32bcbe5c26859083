"""Seal-Tools' `tool.jsonl` (fairyshine/Seal-Tools, Apache-2.0) in OpenAI's tool format with returns and category.

python -m evals.seal_tools tool.jsonl seal_tools.jsonl
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "list": "array", "dict": "object"}


def convert_seal_tools(source: Path, target: Path) -> int:
    """Write one tool a line and return how many; the category is the field before its `/`."""
    tools = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines() if line.strip()]
    target.write_text("".join(json.dumps(_tool(tool), ensure_ascii=False) + "\n" for tool in tools), encoding="utf-8")
    return len(tools)


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    function = {
        "name": tool["api_name"],
        "description": tool["api_description"],
        "parameters": _object(tool["parameters"], tool["required"]),
        "returns": _object(tool["responses"], list(tool["responses"])),
    }
    return {"type": "function", "category": tool["field"].split("/")[0], "function": function}


def _object(fields: dict[str, Any], required: list[str]) -> dict[str, Any]:
    properties = {
        name: {"type": _TYPES.get(field["type"], field["type"]), "description": field["description"]} for name, field in fields.items()
    }
    return {"type": "object", "properties": properties, "required": required}


def main(source: Path, target: Path) -> None:
    """Convert SOURCE and write TARGET."""
    typer.echo(f"{convert_seal_tools(source, target)} tools -> {target}")


if __name__ == "__main__":
    typer.run(main)
