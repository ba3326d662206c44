"""How fast, side by side.

`measuring` has what all parts need: candidates in turn, ratios, exponents, fresh
processes. `tasks` says what is trained, `loops` how others train it, `training` times
them all; `explaining`, `floor`, `growth` and `importing` measure the other parts. Each
part has ``measure(rounds, quick)``, which gives its tables and figures for the report.
"""
