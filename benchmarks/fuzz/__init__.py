"""Fuzz: random tables, containers, pipelines and rules, judged from outside.

One command measures what ``docs/benchmarks/fuzz.md`` shows::

    python -m benchmarks.fuzz --minutes 60

What is asked is drawn in `cases`; the answers are judged in `judge`, by a reading of
the rules and a search of its own that share nothing with the library: they see tables
and `predict` alone.
"""
