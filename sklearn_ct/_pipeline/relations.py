"""What holds between the input columns of a pipeline."""

import warnings
from copy import copy
from weakref import WeakKeyDictionary

from sklearn_ct._pipeline.background import typed
from sklearn_ct._rules.observed import observe
from sklearn_ct._rules.relations import Relations

# For each trained net the columns and steps in front of it, and what was learned.
_LEARNED = WeakKeyDictionary()


def outer_relations(codec, classifier):
    """Relations of the input columns: those given, or learned from the rows kept.

    They are learned once for a fitted pipeline.
    """
    given = classifier.relations
    if given is None or not isinstance(given, str):
        return Relations.of(given or (), codec)
    key = (*codec.names, *(id(step) for _, step in codec.steps))
    known, words = _LEARNED.get(classifier.net_, (None, None))
    if known != key:
        words = observe(_rows(codec, classifier), codec)
        _LEARNED[classifier.net_] = key, words
    return Relations.of(words, codec)


def _rows(codec, classifier):
    """Values of the rows kept, in the input columns; those held are all alike."""
    frame, _ = codec.invert(codec.inner.table(classifier.rows_))
    reader = copy(codec.outer)
    reader.handle_unknown = "ignore"  # a label that the sample of references lacks
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        values = reader.read(typed(codec, frame)[0])
    held = [j for j in range(len(codec.variables_)) if codec.is_dropped(j)]
    values[:, held] = 0.0
    return values
