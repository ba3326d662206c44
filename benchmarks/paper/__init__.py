"""The protocol of the paper's tables, from settings to page.

`data` and `settings` say what is trained, `protocol` how a model is measured, `units`
trains and measures one model and keeps the result, `pictures` what is drawn of it.
`aggregate` compares two models over rounds and seeds, `published` holds the paper's
figures, `tables`, `figures` and `page` show it all.
"""
