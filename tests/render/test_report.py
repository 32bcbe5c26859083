"""The coloured example of what is trained."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from magnet_ray.errors import ModelError
from magnet_ray.render.report import template_report
from tests.render.families import FAMILIES, stand_in


@pytest.mark.parametrize("family", FAMILIES)
def test_the_example_colours_what_is_trained(family: str, tmp_path: Path) -> None:
    stand_in(family).save_pretrained(str(tmp_path))
    console = Console(record=True, width=120, force_terminal=True, color_system="standard", quiet=False, file=(tmp_path / "out").open("w"))
    console.print(template_report(tmp_path))
    console.file.close()
    styled = console.export_text(styles=True)
    assert "\x1b[1;32mBooked, the code is A-1." in styled
    assert "\x1b[2mBook it." in styled or "\x1b[2m" in styled.split("Book it.")[0].rsplit("\n", 1)[-1]
    assert "end of turn" in styled and "of them trained" in styled


def test_a_checkpoint_without_template_is_refused(tmp_path: Path) -> None:
    tokenizer = stand_in("qwen2.5")
    tokenizer.chat_template = None
    tokenizer.save_pretrained(str(tmp_path))
    with pytest.raises(ModelError, match="no chat template"):
        template_report(tmp_path)
