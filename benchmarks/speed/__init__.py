"""How fast, side by side.

`measuring` has what all parts need: candidates in turn, ratios, fresh processes.
`training` has epochs beside plain loops (`loops`), `explaining` rows and memory,
`walking` a step of the walk over its products, `shares` what the walk takes of a whole
fit or call, `versions` two versions of the package, asked for `pieces`. Each has
``measure(rounds, quick)``, which gives its tables.
"""
