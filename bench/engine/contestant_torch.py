"""One contestant, in a process of its own: the same training steps in PyTorch.

Arguments and protocol as in contestant-engine.ts, and a mode: eager, channels_last, compile (of the model). The models are those of stages/learn/models: SimpleNN 784-512-512-10
and pre-activation Wide ResNets with projection shortcuts. SAM follows Foret et al. 2021 in the usual two passes.
"""

import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

NAME, RULE, THREADS, MODE = sys.argv[1:5]
BATCH = 128
RHO = 0.05

torch.set_num_threads(int(THREADS))
torch.set_num_interop_threads(1)
torch.manual_seed(0)


class Unit(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        changes = inputs != outputs or stride != 1
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if changes else None

    def forward(self, x):
        h = F.relu(self.norm1(x))
        y = self.conv2(F.relu(self.norm2(self.conv1(h))))
        return y + (x if self.shortcut is None else self.shortcut(h))


def wide_resnet(depth, width):
    layers, inputs = [nn.Conv2d(3, 16, 3, 1, 1, bias=False)], 16
    for group, outputs in enumerate([16 * width, 32 * width, 64 * width]):
        for i in range((depth - 4) // 6):
            layers.append(Unit(inputs, outputs, 2 if group and i == 0 else 1))
            inputs = outputs
    tail = [nn.BatchNorm2d(inputs), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 10)]
    return nn.Sequential(*layers, *tail)


if NAME == "mlp":
    model = nn.Sequential(
        nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)
    )
    samples, steps, image = 6400, 50, (784,)
else:
    model = wide_resnet(16, int(NAME.split("-")[2]))
    samples, steps, image = 512, 1, (3, 32, 32)

if MODE == "channels_last":
    model = model.to(memory_format=torch.channels_last)
forward = torch.compile(model) if MODE == "compile" else model

optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
size = torch.Size((samples, *image))
images = ((torch.arange(size.numel(), dtype=torch.float64) * 0.6180339887498949) % 1).float().reshape(size)
if MODE == "channels_last":
    images = images.contiguous(memory_format=torch.channels_last)
labels = (torch.arange(samples) * 7) % 10
batches = ((torch.arange(steps * BATCH) * 31) % samples).reshape(steps, BATCH)


def gradients(x, y):
    optimizer.zero_grad()
    loss = F.cross_entropy(forward(x), y)
    loss.backward()
    return loss


def run_step(indices):
    x, y = images[indices], labels[indices]
    loss = gradients(x, y)
    if RULE == "sam":
        with torch.no_grad():
            given = list(model.parameters())
            norm = torch.norm(torch.stack([p.grad.norm() for p in given]))
            moves = [p.grad * (RHO / (norm + 1e-12)) for p in given]
            for p, move in zip(given, moves):
                p.add_(move)
        gradients(x, y)
        with torch.no_grad():
            for p, move in zip(given, moves):
                p.sub_(move)
    optimizer.step()
    return loss.detach()


def measure():
    start = time.perf_counter()
    for indices in batches:
        run_step(indices)
    return (time.perf_counter() - start) * 1e3 / steps


measure()
print("ready", flush=True)
for _ in sys.stdin:
    print(measure(), flush=True)
