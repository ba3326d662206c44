"""The protocol of the paper's tables.

`data` and `settings` say what is trained, `protocol` how a model is measured,
`pictures` what is drawn of it, `units` trains and measures one model. `compare` sets
two models side by side, `published` holds the paper's figures, `tables` both.
"""
