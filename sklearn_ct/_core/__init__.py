"""Tensors in, tensors out: the network, the walk, the objective; imports torch only."""
