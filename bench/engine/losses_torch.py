"""The losses of SAM's steps in PyTorch, from given weights and batches: see losses.ts.

`losses_torch.py START.safetensors LEARNING_RATE MOMENTUM WEIGHT_DECAY RHO` prints a JSON list.
"""

import json
import sys

import torch
from safetensors.torch import load_file
from torch.nn import functional as F

start = load_file(sys.argv[1])
rate, momentum, decay, rho = map(float, sys.argv[2:6])
torch.set_num_threads(1)
names = sorted(name for name in start if name.startswith("weight."))
layers = {}
for name in names:
    layer = name.split(".")[1]
    layers.setdefault(layer, []).append(start[name].clone().requires_grad_())
layers = [sorted(pair, key=lambda t: -t.dim()) for _, pair in sorted(layers.items())]
given = [t for pair in layers for t in pair]
optimizer = torch.optim.SGD(given, lr=rate, momentum=momentum, weight_decay=decay)
images = start["images"].reshape(len(start["labels"]), -1)
labels = start["labels"].long()


def gradients(x, y):
    optimizer.zero_grad()
    for i, (kernel, bias) in enumerate(layers):
        x = x @ kernel + bias
        if i < len(layers) - 1:
            x = F.relu(x)
    loss = F.cross_entropy(x, y)
    loss.backward()
    return loss.item()


losses = []
for batch in start["indices"].long():
    x, y = images[batch], labels[batch]
    losses.append(gradients(x, y))
    with torch.no_grad():
        norm = torch.norm(torch.stack([t.grad.norm() for t in given]))
        moves = [t.grad * (rho / (norm + 1e-12)) for t in given]
        for t, move in zip(given, moves):
            t.add_(move)
    gradients(x, y)
    with torch.no_grad():
        for t, move in zip(given, moves):
            t.sub_(move)
    optimizer.step()
print(json.dumps(losses))
