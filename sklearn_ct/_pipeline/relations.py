"""What holds between the input columns of a pipeline."""

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
        frame = codec.invert(codec.inner.table(classifier.rows_))
        values = codec.outer.read(typed(codec, frame)[0])
        words = observe(values, codec)
        _LEARNED[classifier.net_] = key, words
    return Relations.of(words, codec)
