"""Whole-tensor mini-batches, and the counterfactuals that go with them."""

import torch

from sklearn_ct._core.backprop import logits_and_back
from sklearn_ct._core.objective import Bank


class Batches:
    """Whole-tensor mini-batches in order."""

    def __init__(self, X, y, batch_size):
        self.X, self.y, self.batch_size = X, y, batch_size

    def __len__(self):
        return -(-len(self.X) // self.batch_size)

    def __iter__(self):
        for rows in torch.arange(len(self.X)).split(self.batch_size):
            part = slice(int(rows[0]), int(rows[-1]) + 1)
            yield self.X[part], (None if self.y is None else self.y[part])


class Epoch(Batches):
    """Shuffled mini-batches, each with its share of the epoch's counterfactuals."""

    def __init__(self, net, X, y, sample_weight):
        super().__init__(X, y, net.batch_size)
        self.net = net
        self.sample_weight = None if sample_weight is None else sample_weight.to(X)
        self.sizes = [len(rows) for rows in torch.arange(len(X)).split(self.batch_size)]
        if self.sizes[-1] == 1 < len(X) and logits_and_back(net.network).has_modes:
            # Batch normalisation takes no row alone: it joins those before it.
            self.sizes[-2:] = [self.sizes[-2] + 1]

    def __len__(self):
        return len(self.sizes)

    def __iter__(self):
        chunks = [None] * len(self)
        n_classes = len(self.net.classes_)
        if self.net.searching and any(self.net.weights_of_searches):
            weights = self.net.weights_of_searches
            bank = Bank(self.net.generate(self.X, self.y), weights, n_classes)
            self.net.run_.bank, chunks = bank, bank.chunks(len(self))
        order = torch.randperm(len(self.X), generator=self.net.draw_).to(self.X.device)
        rows = order.split(self.sizes)
        labels = self.y.index_select(0, order).split(self.sizes)
        weights = [None] * len(self)
        if self.sample_weight is not None:
            weights = self.sample_weight.index_select(0, order).split(self.sizes)
        for part, *rest in zip(rows, labels, weights, chunks, strict=True):
            # Twice as fast as indexing, which asks what kind of index it is given.
            yield self.X.index_select(0, part), tuple(rest)
