// What `pipe init --python` writes beside the project itself: a training script of plain Python as a stage, a grid of it
// with seeds, and a table. docs/python.md tells how to get there from a script.

/** By path relative to the project. `modeline`: the line by which editors find the schema. */
export const pythonFiles = (modeline: string): ReadonlyMap<string, string> =>
  new Map([
    ['pipelines/digits.yaml', `${modeline}${PIPELINE}`],
    ['stages/points.py', POINTS],
    ['stages/fit.py', FIT],
    ['stages/table.py', TABLE],
    ['lib/network.py', NETWORK],
    ['pyproject.toml', PYPROJECT],
  ]);

const PIPELINE = `# A grid of a training script in Python, with seeds, and a table.
# Edit a line of lib/network.py and run it again: only what imports it runs.
pipeline: digits
about: Does momentum help a small network to tell two rings of points apart?

params:                        # what --set and --profile may change
  seeds: [0, 1, 2]

profiles:
  quick: {seeds: [0]}

stages:
  points:
    uses: points               # stages/points.py
    with: {count: 400}

  fit:
    uses: fit
    in: {data: points.points}
    matrix: {lr: [0.1, 0.3], momentum: [0, 0.9], seed: "\${seeds}"}
    with: {epochs: 30}

  table:
    uses: table
    in: {runs: {each: fit}}    # gathers every cell of fit
    publish: results/digits    # copies its outputs there
`;

const POINTS = `from pipe_stage import File, Run, stage


@stage(outputs={"points": File("points.json", "rows of x, y and the ring, 0 or 1")})
def points(*, count: int = 400, seed: int = 0, run: Run):
    """Draws points on two rings, one around the other."""
    import json
    import math
    import random

    generator = random.Random(seed)
    rows = []
    for index in range(count):
        ring = index % 2
        angle = generator.uniform(0, 2 * math.pi)
        radius = 1 + ring + generator.gauss(0, 0.2)
        rows.append([radius * math.cos(angle), radius * math.sin(angle), ring])
    run.out("points").write_text(json.dumps(rows))
`;

const FIT = `from pathlib import Path
from typing import Annotated

from pipe_stage import File, Range, Run, stage


@stage(outputs={"weights": File("weights.json")})
def fit(
    data: Path,
    *,
    lr: Annotated[float, Range(above=0)] = 0.1,
    momentum: Annotated[float, Range(at_least=0, below=1)] = 0,
    epochs: int = 30,
    seed: int,
    run: Run,
):
    """Trains a small network, and tests it on the last fifth of the points.

    Args:
        data: rows of x, y and the ring
        lr: how far a step goes
    """
    import json

    from lib.network import Network

    rows = json.loads(data.read_text())
    train, test = rows[: len(rows) * 4 // 5], rows[len(rows) * 4 // 5 :]
    network = Network(hidden=8, seed=seed)
    for epoch in range(epochs):
        loss = network.train_epoch(train, lr, momentum)
        run.progress(epoch + 1, epochs, unit="epochs", loss=loss)
    run.out("weights").write_text(json.dumps(network.weights))
    return {"loss": loss, "accuracy": network.accuracy(test)}
`;

const TABLE = `from statistics import mean, stdev

from pipe_stage import File, Input, Run, stage


@stage(outputs={"table": File("table.md")})
def table(runs: list[Input], *, over: str = "seed", metric: str = "accuracy", run: Run):
    """Means and standard deviations over the seeds, one row for each other choice."""
    rows = {}
    for each in runs:
        choice = tuple((axis, value) for axis, value in each.cell.items() if axis != over)
        rows.setdefault(choice, []).append(each.metrics[metric])
    axes = [axis for axis, _ in next(iter(rows))]
    lines = ["| " + " | ".join([*axes, "runs", metric, "SD"]) + " |", "|--:" * (len(axes) + 3) + "|"]
    for choice, values in rows.items():
        spread = f"{stdev(values):.3f}" if len(values) > 1 else ""
        cells = [*(str(value) for _, value in choice), str(len(values)), f"{mean(values):.3f}", spread]
        lines.append("| " + " | ".join(cells) + " |")
    run.out("table").write_text("\\n".join(lines) + "\\n")
`;

const NETWORK = `"""A network of one hidden layer, in plain Python."""

import math
import random


class Network:
    def __init__(self, hidden, seed):
        generator = random.Random(seed)
        # For each hidden unit: its weights of x, y and 1, and its weight in the answer.
        self.weights = [[generator.gauss(0, 1) for _ in range(4)] for _ in range(hidden)]
        self.steps = [[0.0] * 4 for _ in range(hidden)]

    def answer(self, x, y):
        inner = [math.tanh(a * x + b * y + c) for a, b, c, _ in self.weights]
        total = sum(value * unit[3] for value, unit in zip(inner, self.weights))
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, total)))), inner

    def train_epoch(self, rows, lr, momentum):
        total = 0.0
        for x, y, ring in rows:
            guess, inner = self.answer(x, y)
            total -= math.log(max(1e-12, guess if ring else 1 - guess))
            for value, unit, step in zip(inner, self.weights, self.steps):
                back = (guess - ring) * unit[3] * (1 - value * value)
                for index, slope in enumerate((back * x, back * y, back, (guess - ring) * value)):
                    step[index] = momentum * step[index] - lr * (1 - momentum) * slope
                    unit[index] += step[index]
        return total / len(rows)

    def accuracy(self, rows):
        return sum((self.answer(x, y)[0] > 0.5) == bool(ring) for x, y, ring in rows) / len(rows)
`;

const PYPROJECT = `[project]
name = "study"
version = "0"
requires-python = ">=3.9"

# Where type checkers and editors find pipe_stage; pipe itself needs none of this.
[tool.pyright]
extraPaths = ["node_modules/pipe-ml/python"]

[tool.mypy]
mypy_path = "node_modules/pipe-ml/python"
`;
