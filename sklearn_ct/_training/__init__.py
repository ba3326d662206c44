"""The training loop, run by skorch."""
