"""The benchmark of relations: kinds, real rows that break one, and answers."""

import numpy as np
import pandas as pd
import pytest

from benchmarks import relations
from sklearn_ct._rules.relations import Relation


def test_relations_are_told_by_kind():
    order = Relation("a", minus="b", at_most=0.0)
    limit = Relation("a", at_most=0.0, where={"b": 1.0})
    words = Relation("c", never=("x",), where={"b": 1.0})
    kinds = [relations.kind_of(each) for each in (order, limit, words)]
    assert kinds == ["orders", "limits", "categories"]


def test_an_order_is_learned_kept_and_told():
    rng = np.random.default_rng(0)
    part = rng.integers(0, 20, 2000)
    whole = part + rng.integers(0, 20, 2000) * (rng.random(2000) < 0.7)
    X = pd.DataFrame({"part": part, "whole": whole, "else": rng.normal(size=2000)})
    y = (part + 3 * X["else"] > 10).astype(int)
    line = relations.measure(X, y, 1, {}, n_rows=40, max_epochs=4, rounds=1)
    assert line["orders"] >= 1
    assert line["learned"] == line["orders"] + line["limits"] + line["categories"]
    assert line["people"] == 40
    assert line["impossible with"] == 0
    assert line["impossible without"] > 0
    assert line["answered with"] == pytest.approx(1)


def test_generated_applicants_are_asked_for_what_is_possible():
    line = relations.loans(15, 3)
    assert line["people"] == 15
    assert line["impossible"] == 0
