"""How fast, side by side: from what is timed to the page.

`measuring` has what all parts need: candidates in turn, ratios, exponents, fresh
processes. `tasks` says what is trained, `loops` how others train it, `training` times
them all; `explaining`, `floor`, `profile`, `growth` and `importing` measure the other
parts. `aims`, `figures` and `page` show it all.
"""
