"""Another version of the package and this one, asked for the same in turn."""

from contextlib import ExitStack

from benchmarks.speed.measuring import Process, aim, interleave, ratio, spread

FIT, CONVENTIONAL = "fit with defaults", "fit, conventional"
ONE, MANY = "explaining rows one by one", "explaining rows in one call"
# Share of the seconds of the other version that is asked for.
ASKED = {FIT: 1.0, CONVENTIONAL: 1.0, ONE: 0.75, MANY: 1 / 1.5}


def measure(rounds, quick, before):
    """Time the pieces in both versions, the processes one after the other."""
    if before is None:
        return {"versions": [], "versions_aims": []}
    n_epochs, few, many = (2, 5, 50) if quick else (10, 20, 4_000)
    pieces = {
        FIT: lambda i: ("fit", {"n_epochs": n_epochs, "conventional": False}),
        CONVENTIONAL: lambda i: ("fit", {"n_epochs": n_epochs, "conventional": True}),
        ONE: lambda i: ("answers", {"start": few * i, "n": few, "size": 1}),
        MANY: lambda i: ("answers", {"start": 0, "n": many, "size": many}),
    }
    with ExitStack() as stack:
        both = {
            word: stack.enter_context(Process("pieces", folder))
            for word, folder in (("before", before), ("now", None))
        }

        def ask(word, piece, i):
            what, arguments = pieces[piece](i)
            return both[word].ask(f"seconds_of_{what}", quick=quick, **arguments)

        runs = {
            (piece, word): lambda i, piece=piece, word=word: ask(word, piece, i)
            for piece in pieces
            for word in both
        }
        for run in runs.values():  # what is made at the first call
            run(0)
        found = interleave(runs, rounds)
    lines, aims = [], []
    for piece, limit in ASKED.items():
        seconds, now = (found[piece, word] for word in both)
        share = ratio(now, seconds)
        of = {f"{word}, seconds": spread(found[piece, word])["value"] for word in both}
        lines.append({"piece": piece, **of, "now / before": share})
        aims.append(aim(f"{piece}, now / before", limit, share))
    return {"versions": lines, "versions_aims": aims}
