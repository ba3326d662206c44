"""What the advice is worth, judged by models that took no part.

One command measures what ``docs/benchmarks/outcomes.md`` shows, on two processes::

    SKLEARN_CT_DATA=... python -m benchmarks.outcomes

Of each data set one half trains the networks, and two more of each kind on bootstrapped
rows with other seeds. Of the other half, three fifths train the judges, models of other
kinds on raw columns, and two fifths are the test rows, whose rejected rows are
explained. On generated loans the judge is the truth. ``--quick`` takes one split,
few rows and few epochs, to see that all runs.
"""
