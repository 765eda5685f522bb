"""How far two engines agree that did the same training: its first losses, its final accuracy, its predictions."""

import csv
import json
import math
from statistics import mean, stdev

import numpy as np
from pipe_stage import File, Input, Run, StageError, stage

from .tensors import read_tensors

CELL = ["model", "optimizer", "seed"]
COLUMNS = [
    *CELL,
    "loss_difference_step_1",
    "loss_difference_10_steps",
    "loss_difference_first_steps",
    "loss_difference_engine_double",
    "loss_difference_pytorch_double",
    "steps",
    "accuracy_engine",
    "accuracy_pytorch",
    "accuracy_double",
    "difference_points",
    "same_predictions",
    "weights_distance",
]


@stage(
    outputs={
        "table": File("table.md", "Markdown: the agreement seed by seed, and over the seeds"),
        "rows": File("table.csv", "CSV: the same, one row per seed, numbers unrounded"),
    }
)
def agreement(engine: list[Input], first: list[Input], pytorch: list[Input], *, title: str = "Two engines", run: Run):
    """Compares trainings by the stages train and torch/train, cell by cell, and tabulates what differs.

    Double precision is a comparison more where it was trained.

    Args:
        title: heading of the table
    """
    others = {(key_of(each), each.cell["precision"]): each for each in pytorch}
    begun = {key_of(each): each for each in first}
    rows = []
    for each in engine:
        key = key_of(each)
        found = [begun.get(key), others.get((key, "single"))]
        if None in found:
            raise StageError(f"expected first steps and a training in PyTorch for {key}, got none")
        rows.append(compare(each, *found, others.get((key, "double"))))
    with open(run.out("rows"), "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    run.out("table").write_text(markdown(title, rows), encoding="utf-8")
    return {
        "largest_loss_difference": max(row["loss_difference_first_steps"] for row in rows),
        "largest_first_loss_difference": max(row["loss_difference_step_1"] for row in rows),
        "largest_accuracy_difference": max(abs(row["difference_points"]) for row in rows) / 100,
        "mean_accuracy_difference": mean(row["difference_points"] for row in rows) / 100,
    }


def key_of(each):
    return json.dumps({axis: value for axis, value in each.cell.items() if axis != "precision"}, sort_keys=True)


def losses_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def distances(ours, theirs):
    """Relative differences, step by step."""
    if len(ours) != len(theirs):
        raise StageError(f"expected as many first steps from both, got {len(ours)} and {len(theirs)}")
    return [abs(a - b) / abs(b) for a, b in zip(ours, theirs)]


def compare(engine, first, pytorch, double):
    ours, theirs = losses_of(first.files["losses"]), losses_of(pytorch.files["losses"])
    apart = distances(ours, theirs)
    exact = None if double is None else losses_of(double.files["losses"])
    predicted, _ = read_tensors(engine.files["predictions"])
    also, _ = read_tensors(pytorch.files["predictions"])
    weights, _ = read_tensors(engine.files["weights"])
    others, _ = read_tensors(pytorch.files["weights"])
    names = [name for name in weights if not name.endswith((".mean", ".variance"))]
    distance = math.sqrt(sum(float(np.square(weights[name].astype(float) - others[name]).sum()) for name in names))
    length = math.sqrt(sum(float(np.square(weights[name].astype(float)).sum()) for name in names))
    accuracies = [each and each.metrics.get("test_accuracy", math.nan) for each in (engine, pytorch, double)]
    cell = {name: engine.cell.get(name, "") for name in CELL}
    values = [
        apart[0],
        max(apart[:10]),
        max(apart),
        exact and max(distances(ours, exact)),
        exact and max(distances(theirs, exact)),
        len(apart),
        *accuracies,
        100 * (accuracies[1] - accuracies[0]),
        float((predicted["predictions"] == also["predictions"]).mean()),
        distance / length,
    ]
    return {**cell, **dict(zip(COLUMNS[len(CELL) :], values))}


def markdown(title, rows):
    steps = rows[0]["steps"]
    lines = [f"#### {title}: the first {steps} losses", ""]
    heads = [*CELL, "step 1", "10 steps", f"{steps} steps", "engine, double", "PyTorch, double"]
    lines += table(heads, [cell_of(row) + [number(row[name], "{:.1e}") for name in COLUMNS[3:8]] for row in rows], 2)
    lines += [
        "",
        "Relative differences of the loss: of the engine and PyTorch at the first step, their largest within 10 and "
        f"{steps} steps, and the largest of each from PyTorch in double precision within all of them.",
        "",
        f"#### {title}: accuracy on the test split, seed by seed",
        "",
    ]
    heads = [*CELL, "engine (%)", "PyTorch (%)", "double (%)", "difference (points)", "same predictions (%)", "weights"]
    lines += table(heads, [line_of(row) for row in rows], 2)
    lines += [
        "",
        "At the last epoch; the difference is PyTorch − engine. Weights: the distance of the final weights over their "
        "length.",
        "",
        f"#### {title}: over the seeds",
        "",
    ]
    groups = {}
    for row in rows:
        groups.setdefault((str(row["model"]), str(row["optimizer"])), []).append(row)
    heads = [*CELL[:2], "seeds", "engine (%)", "PyTorch (%)", "paired difference (points)", "largest"]
    lines += table(heads, [group_of(key, group) for key, group in groups.items()], 2)
    lines += ["", "Mean ± standard deviation over the seeds (n − 1 in the denominator); differences seed by seed."]
    return "\n".join(lines) + "\n"


def cell_of(row):
    return [str(row[name]) for name in CELL]


def line_of(row):
    names = ("accuracy_engine", "accuracy_pytorch", "accuracy_double")
    accuracies = [number(row[name] and 100 * row[name], "{:.2f}") for name in names]
    return [
        *cell_of(row),
        *accuracies,
        signed(row["difference_points"]),
        f"{100 * row['same_predictions']:.2f}",
        f"{row['weights_distance']:.1e}",
    ]


def group_of(key, group):
    differences = [row["difference_points"] for row in group]
    means = [spread([100 * row[name] for row in group]) for name in ("accuracy_engine", "accuracy_pytorch")]
    return [*key, str(len(group)), *means, spread(differences, signed), f"{max(map(abs, differences)):.2f}"]


def number(value, form):
    return "–" if value is None else form.format(value)


def signed(value):
    return f"{value:+.2f}".replace("-", "−").replace("+0.00", "0.00").replace("−0.00", "0.00")


def spread(values, show="{:.2f}".format):
    return show(mean(values)) + (f" ± {stdev(values):.2f}" if len(values) > 1 else "")


def table(heads, rows, left):
    """Markdown; so many columns to the left, the others to the right."""
    widths = [max(3, *(len(row[at]) for row in [heads, *rows])) for at in range(len(heads))]
    pad = lambda text, at: text.ljust(widths[at]) if at < left else text.rjust(widths[at])
    line = lambda cells: "| " + " | ".join(pad(text, at) for at, text in enumerate(cells)) + " |"
    rules = ["-" * width if at < left else "-" * (width - 1) + ":" for at, width in enumerate(widths)]
    return [line(heads), line(rules), *map(line, rows)]
