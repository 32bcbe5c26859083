"""How fast our training is, and what memory it takes, against plain TRL on the same model, data and batches.

    python -m evals.throughput.training sft        # SFTTrainer and ours, 64 conversations
    python -m evals.throughput.training mdpo       # DPOTrainer and ours, 64 pairs, references computed before
    python -m evals.throughput.training prefix     # mDPO: speed against the share of a pair that both sides begin with
    python -m evals.throughput.training settings   # TRL's micro-batches, to see which is its best

A random Qwen2 in float32 on CPUs (`OMP_NUM_THREADS` of them), or with `--gpu` on a GPU in bfloat16 over float32 weights. Runs
alternate, each in a process of its own; its first step is not counted. Tokens are those of whole examples, or of both sides of a
pair in full, however few are computed. SFT has the same labels on both sides. In mDPO ours trains the assistant's tokens of all
turns; TRL trains every token after what the sides begin with. Without Triton TRL's head scores every token, ours only those that
are trained.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

import pyarrow.parquet as pq
import typer

from evals.throughput.tables import print_table
from evals.throughput.training_pairs import paper_pairs, prefix_pairs
from evals.throughput.training_runs import Figures, Run, Shape, measured, write_checkpoint
from magnet_ray.training.token_table import token_table
from magnet_ray.training.tokens import Tokens, unshared

app = typer.Typer(no_args_is_help=True)
Objective = Literal["sft", "mdpo"]
TARGETS = {"sft": 1.0, "mdpo": 1.5}
"""How many times TRL's tokens a second are wanted."""
NAMES = {f"{share:.0%}": share for share in (0.0, 0.25, 0.5, 0.75, 0.9)}
"""Shares of the common beginning."""
CHOICES: dict[Objective, Sequence[tuple[int, bool]]] = {
    "sft": ((1, False), (2, False), (4, False), (2, True), (4, True)),
    "mdpo": ((1, False), (2, False), (4, False)),
}
"""TRL's micro-batches, and whether they are laid end to end, which its DPO does not offer."""
MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What all runs of a comparison share."""

    shape: Shape = field(default_factory=Shape)
    """The model."""
    mean: int = 1_000
    """Mean tokens of an example, or of a side of a pair."""
    checkpointing: bool = True
    """Compute activations again in the backward pass, on both sides."""
    gpu: bool = False
    """On a GPU."""

    def pairs(self, count: int) -> list[Tokens]:
        """So many pairs with the paper's lengths."""
        return paper_pairs(count, mean=self.mean, words=self.shape.words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A model and a place for data."""

    setup: Setup
    """What is asked for."""
    directory: Path
    """Where it lies."""

    def run(self, name: str, objective: Objective, examples: Sequence[Tokens], batch: int, rows: int) -> Run:
        """A run of ours over examples."""
        if batch % rows or len(examples) % batch:
            raise typer.BadParameter("a batch is a multiple of rows, and the data of the batch")
        table = self.directory / f"{name}.parquet"
        pq.write_table(token_table(examples), table)
        return Run(
            trainer="ours",
            objective=objective,
            model=str(self.directory / "model"),
            table=str(table),
            batch=batch,
            rows=rows,
            checkpointing=self.setup.checkpointing,
            gpu=self.setup.gpu,
        )


@contextmanager
def bench(setup: Setup) -> Iterator[Bench]:
    """A directory with the random model."""
    with tempfile.TemporaryDirectory() as directory:
        write_checkpoint(Path(directory) / "model", setup.shape)
        yield Bench(setup=setup, directory=Path(directory))


@app.callback(help=__doc__)
def machine(
    context: typer.Context,
    mean: Annotated[int, typer.Option(help="Mean tokens of an example, or of a side of a pair.")] = 1_000,
    checkpointing: Annotated[bool, typer.Option(help="Compute activations again in the backward pass.")] = True,
    gpu: Annotated[bool, typer.Option(help="On a GPU in bfloat16, instead of CPUs in float32.")] = False,
    words: int = 32_768,
    hidden: int = 384,
    layers: int = 8,
) -> None:
    """Take the options that stand before the command."""
    context.obj = Setup(shape=Shape(words=words, hidden=hidden, layers=layers), mean=mean, checkpointing=checkpointing, gpu=gpu)


Rows = Annotated[int, typer.Option(help="Examples, or pairs, that TRL puts through the model at once; a pack of ours holds as much.")]
Flat = Annotated[bool, typer.Option(help="Let TRL lay its rows end to end, without padding.")]


@app.command()
def sft(context: typer.Context, examples: int = 64, batch: int = 8, repeats: int = 3, rows: Rows = 1, flat: Flat = False) -> None:
    """Our SFT against TRL's, over the right sides of pairs; the paper's lengths scaled to a mean."""
    data = right_sides(context.obj.pairs(examples + batch))
    with bench(context.obj) as place:
        found = compare(replace(place.run("sft", "sft", data, batch, rows), flat=flat), repeats)
    print_comparison(f"SFT, {described(data)}, {batch} a step", found, TARGETS["sft"])


@app.command()
def mdpo(context: typer.Context, pairs: int = 64, batch: int = 8, repeats: int = 3, rows: Rows = 1) -> None:
    """Our mDPO against TRL's DPO with its losses `sigmoid` and `sft`; the paper's lengths scaled to a mean."""
    data = context.obj.pairs(pairs + batch)
    with bench(context.obj) as place:
        found = compare(place.run("mdpo", "mdpo", data, batch, rows), repeats)
    print_comparison(f"mDPO, {described(data)}, {batch} a step", found, TARGETS["mdpo"])


@app.command()
def prefix(context: typer.Context, pairs: int = 16, batch: int = 8, repeats: int = 1, rows: Rows = 1) -> None:
    """mDPO's speed against the share that both sides begin with. TRL computes both sides in full: one measurement for all shares."""
    setup: Setup = context.obj
    found: dict[str, list[Figures]] = {name: [] for name in (*NAMES, "TRL")}
    with bench(setup) as place:
        runs: dict[str, Run] = {}
        for name, share in NAMES.items():
            data = prefix_pairs(pairs + batch, length=setup.mean, share=share, words=setup.shape.words)
            runs[name] = place.run(name, "mdpo", data, batch, rows)
        runs["TRL"] = replace(runs["0%"], trainer="trl")
        for _ in range(repeats):
            for name, run in runs.items():
                found[name].append(noted(run))
    rates = {name: statistics.median(each.rate for each in figures) for name, figures in found.items()}
    table: list[tuple[str, ...]] = [
        ("shared", "tokens/s", "times TRL's", "times that with nothing shared", "through the model", "memory of training")
    ]
    for name, figures in found.items():
        ratios = [f"{rates[name] / rates[other]:.2f}" for other in ("TRL", "0%")]
        grown = statistics.median(each.grown for each in figures) / MIB
        table.append((name, f"{rates[name]:,.0f}", *ratios, f"{computed(figures[0]):.0%}", f"{grown:,.0f} MiB"))
    title = f"mDPO, {pairs} pairs with sides of {setup.mean:,} tokens, {batch} a step, medians of {repeats}"
    print_table(f"{title}; {machine_of(found['TRL'][0])}", table)


@app.command()
def settings(context: typer.Context, pairs: int = 16, batch: int = 8) -> None:
    """TRL alone with several micro-batches, padded and, for SFT, laid end to end: which of its settings to compare with."""
    data = context.obj.pairs(pairs + batch)
    found: dict[str, Figures] = {}
    with bench(context.obj) as place:
        examples: dict[Objective, Sequence[Tokens]] = {"sft": right_sides(data), "mdpo": data}
        for objective, choices in CHOICES.items():
            for rows, flat in choices:
                run = replace(place.run(objective, objective, examples[objective], batch, rows), trainer="trl", flat=flat)
                found[f"{objective}, {rows} at once{' without padding' if flat else ''}"] = noted(run)
    table: list[tuple[str, ...]] = [("", "tokens/s", "memory of training", "through the model")]
    table += [(name, f"{each.rate:,.0f}", f"{each.grown / MIB:,.0f} MiB", f"{computed(each):.0%}") for name, each in found.items()]
    print_table(f"TRL, {described(data)}, {batch} a step; {machine_of(next(iter(found.values())))}", table)


def right_sides(pairs: Sequence[Tokens]) -> list[Tokens]:
    """What SFT is trained on: the right side of each pair."""
    return [unshared(pair)[0] for pair in pairs]


def compare(run: Run, repeats: int) -> dict[str, list[Figures]]:
    """Runs of both, in turn: `ours` and `trl`."""
    found: dict[str, list[Figures]] = {"ours": [], "trl": []}
    for _ in range(repeats):
        found["ours"].append(noted(replace(run, trainer="ours")))
        found["trl"].append(noted(replace(run, trainer="trl")))
    return found


def noted(run: Run) -> Figures:
    """Do a run and say on stderr what came of it."""
    figures = measured(run)
    came = f"{figures.rate:,.0f} tokens/s, {figures.grown / MIB:,.0f} MiB, first loss {figures.losses[0]:.4f}"
    typer.echo(f"{run.objective} {run.trainer}: {came}", err=True)
    return figures


def print_comparison(title: str, found: Mapping[str, Sequence[Figures]], target: float) -> None:
    """Print ours beside TRL's: medians, and the ratios of runs that followed each other."""
    wanted: tuple[tuple[str, Callable[[Figures], float], str], ...] = (
        (f"tokens/s; wanted: {target:g} times TRL's", lambda each: each.rate, ",.0f"),
        ("seconds of a step", lambda each: statistics.mean(each.seconds), ".2f"),
        ("MiB that training takes; wanted: no more than TRL", lambda each: each.grown / MIB, ",.0f"),
        ("MiB of the process at its peak", lambda each: each.peak / MIB, ",.0f"),
        ("tokens through the model", computed, ".0%"),
    )
    table: list[tuple[str, ...]] = [("", "ours", "TRL", "ours / TRL", "from, to")]
    for name, of, form in wanted:
        ours, theirs = ([of(each) for each in found[trainer]] for trainer in ("ours", "trl"))
        ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
        medians = (f"{statistics.median(values):{form}}" for values in (ours, theirs))
        table.append((name, *medians, f"{statistics.median(ratios):.2f}", f"{min(ratios):.2f} to {max(ratios):.2f} over {len(ratios)}"))
    print_table(f"{title}; {machine_of(found['trl'][0])}", table)


def described(data: Sequence[Tokens]) -> str:
    """What the examples or pairs are, those of the first step among them."""
    lengths = [len(side.ids) for tokens in data for side in (unshared(tokens) if tokens.is_pair else [tokens])]
    shared = 2 * sum(tokens.shared for tokens in data) / sum(lengths) if data[0].is_pair else None
    kind = "conversations" if shared is None else "pairs with sides"
    also = "" if shared is None else f", {shared:.0%} of them shared"
    return f"{len(data)} {kind} of {statistics.mean(lengths):,.0f} tokens ({min(lengths):,} to {max(lengths):,}){also}"


def machine_of(figures: Figures) -> str:
    """What a run was done with."""
    return f"{figures.parameters / 1e6:.1f}M parameters, {figures.device}"


def computed(figures: Figures) -> float:
    """Tokens that went through the model for each that counts."""
    return sum(figures.computed) / sum(figures.tokens)


if __name__ == "__main__":
    app()
