"""The audit by group: what it counts, compares, refuses and says."""

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from pandas.testing import assert_frame_equal
from scipy.sparse import csr_array
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.audit import audit_recourse
from sklearn_ct.datasets import make_moons

KEYS = ["feature", "group", "measure"]
FAST = {"target": "approved", "n_bootstrap": 200, "n_permutations": 199}


@pytest.fixture(scope="module")
def audit(fitted, loans, answers):
    X, y, sex = loans
    return audit_recourse(
        fitted, X, y, sensitive_features=sex, answers=answers, budget=1.0, **FAST
    )


def test_by_group_is_counted_by_hand(audit, loans, answers):
    _, y, sex = loans
    rejected = answers.status != "already"
    cost = np.where(answers.valid, answers.cost, np.inf)
    assert audit.cap == np.quantile(cost[rejected & np.isfinite(cost)], 0.95)
    spent = np.where(rejected, np.minimum(cost, audit.cap), 0.0)
    infeasible = answers.status == "infeasible"
    assert infeasible.sum() > 20
    weak = answers.valid & (answers.reason != "")
    for label in ("f", "m"):
        of = (sex == label).to_numpy()
        asked, qualified = of & rejected, of & (y == "approved").to_numpy()
        expected = {
            "n": of.sum(),
            "n_rejected": asked.sum(),
            "rejection_rate": rejected[of].mean(),
            "false_negative_rate": rejected[qualified].mean(),
            "infeasible_rate": infeasible[asked].mean(),
            "fallback_rate": (answers.status == "fallback")[asked].mean(),
            "below_tau_rate": weak[asked].mean(),
            "cost_median": np.median(cost[asked]),
            "cost": spent[asked].mean(),
            "beyond_budget": (cost[asked] > 1.0).mean(),
            "n_changes": answers.n_changes[asked & answers.valid].mean(),
            "burden": spent[of].mean(),
            "false_negative_burden": spent[qualified].mean(),
            "small": False,
        }
        assert audit.by_group.loc[("sex", label)].to_dict() == pytest.approx(expected)


def test_infeasible_rows_count_as_the_cap(fitted, loans, answers, audit):
    X, _, sex = loans
    dear = audit_recourse(
        fitted, X, sensitive_features=sex, answers=answers, cap=50.0, **FAST
    )
    burden = dear.by_group["burden"]
    share = dear.by_group["infeasible_rate"] * dear.by_group["rejection_rate"]
    assert (burden > 50 * share).all()
    assert (burden > audit.by_group["burden"]).all()
    assert np.isinf(dear.rows["cost"][dear.rows["infeasible"]]).all()


def test_fairlearn_gives_the_same_group_values(audit, loans):
    metrics = pytest.importorskip("fairlearn.metrics", reason="needs the extra 'test'")
    rows = audit.rows

    def mean(y_true, y_pred):
        return np.mean(y_pred)

    spent = rows["cost"].clip(upper=audit.cap).fillna(0.0)
    columns = {
        "rejection_rate": (rows["rejected"], rows["rejected"]),
        "burden": (spent, rows["rejected"] | True),
        "cost": (spent, rows["rejected"]),
        "infeasible_rate": (rows["infeasible"], rows["rejected"]),
        "false_negative_burden": (spent, rows["qualified"]),
    }
    columns["rejection_rate"] = (rows["rejected"], rows["rejected"] | True)
    for name, (values, over) in columns.items():
        values = values[over].astype(float)
        frame = metrics.MetricFrame(
            metrics=mean,
            y_true=values,
            y_pred=values,
            sensitive_features=loans[2][over],
        )
        own = audit.by_group.loc["sex"][name]
        np.testing.assert_allclose(frame.by_group.loc[own.index], own)
        ours = audit.comparisons.set_index("measure").loc[name]
        assert abs(ours["difference"]) == pytest.approx(frame.difference())


def test_frames_are_long_and_consistent(audit):
    assert list(audit.intervals) == [*KEYS, "value", "low", "high", "n"]
    assert not audit.intervals.duplicated(KEYS).any()
    wide = audit.intervals.pivot(index=KEYS[:2], columns="measure", values="value")
    np.testing.assert_allclose(wide, audit.by_group.loc[wide.index, wide.columns])
    known = audit.intervals.dropna()
    assert (known["low"] <= known["value"]).all()
    assert (known["value"] <= known["high"]).all()
    compared = audit.comparisons
    assert set(compared["reference"]) == {"m"}
    assert set(compared["group"]) == {"f"}
    by_group = audit.by_group.loc["sex"]
    for row in compared.itertuples():
        own, other = by_group.loc["f", row.measure], by_group.loc["m", row.measure]
        assert row.difference == pytest.approx(own - other)
        assert row.ratio == pytest.approx(own / other)
        assert row.difference_low <= row.difference <= row.difference_high
        assert row.ratio_low <= row.ratio <= row.ratio_high
    assert (compared["p_adjusted"] >= compared["p_value"]).all()


def test_asked_and_cost_share(audit, answers, loans):
    changes = answers.changes()
    rejected = audit.rows["rejected"]
    for label in ("f", "m"):
        people = rejected.index[rejected & (loans[2] == label)]
        counts = changes["feature"][changes["row"].isin(people)].value_counts()
        asked = audit.asked.loc[("sex", label)]
        assert asked[asked > 0].to_dict() == pytest.approx(
            (counts / len(people)).to_dict()
        )
        # One change each: a column's share is that of the costs of its answers.
        own = answers[audit.rows["rejected"] & answers.valid & (loans[2] == label)]
        paid = pd.Series(own.cost).groupby(own.changes()["feature"].to_numpy()).sum()
        share = audit.cost_share.loc[("sex", label)]
        assert share[paid.index].to_dict() == pytest.approx(
            (paid / paid.sum()).to_dict(), abs=1e-6
        )
        assert share.sum() == pytest.approx(1.0)


def test_explains_itself_what_is_not_explained(fitted, loans, answers):
    X, y, sex = loans
    own = audit_recourse(
        fitted, X, y, sensitive_features=sex, max_changes=1, budget=1.0, **FAST
    )
    given = audit_recourse(
        fitted, X, y, sensitive_features=sex, answers=answers, budget=1.0, **FAST
    )
    assert_frame_equal(own.by_group, given.by_group)
    rejected = np.flatnonzero(answers.status != "already")
    part = audit_recourse(
        fitted,
        X,
        y,
        sensitive_features=sex,
        answers=fitted.explain(X.iloc[rejected], "approved", max_changes=1),
        budget=1.0,
        **FAST,
    )
    assert_frame_equal(part.comparisons, given.comparisons)


def test_of_several_answers_the_cheapest_counts(fitted, loans):
    X, y, sex = loans
    X, y, sex = X[:120], y[:120], sex[:120]
    several = fitted.explain(X, "approved", n_counterfactuals=3)
    audit = audit_recourse(
        fitted, X, y, sensitive_features=sex, answers=several, **FAST
    )
    cost = pd.Series(np.where(several.valid, several.cost, np.inf))
    cheapest = cost.groupby(several.query).min().to_numpy()
    rejected = audit.rows["rejected"].to_numpy()
    np.testing.assert_array_equal(
        audit.rows["cost"].to_numpy()[rejected], cheapest[rejected]
    )


def test_seed_decides_and_n_jobs_does_not(fitted, loans, answers):
    X, y, sex = loans
    np.random.seed(3)
    before = np.random.get_state()[1].copy()

    def audited(seed, n_jobs=None):
        return audit_recourse(
            fitted,
            X,
            y,
            sensitive_features=sex,
            answers=answers,
            random_state=seed,
            n_jobs=n_jobs,
            **FAST,
        )

    one, other = audited(1), audited(2)
    with parallel_config("threading"):
        two = audited(1, 2)
    assert_frame_equal(one.intervals, two.intervals)
    assert_frame_equal(one.comparisons, two.comparisons)
    assert not one.intervals.equals(other.intervals)
    assert_frame_equal(one.by_group, other.by_group)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_groups_from_anywhere_are_the_same(fitted, loans, answers):
    X, y, sex = loans

    def compared(features, **options):
        audit = audit_recourse(
            fitted,
            X,
            y,
            sensitive_features=features,
            answers=answers,
            **FAST,
            **options,
        )
        return audit.comparisons.drop(columns="feature")

    expected = compared(sex)
    for features in (
        sex.sample(frac=1, random_state=0),  # in another order, with its index
        sex.to_frame(),
        {"sex": sex.to_numpy()},
        sex.to_numpy(),
        sex.tolist(),
        sex.astype("category"),
    ):
        assert_frame_equal(compared(features), expected)
    assert_frame_equal(compared("housing"), compared(X["housing"]))
    assert set(compared(sex == "f")["group"]) == {True}
    assert_frame_equal(compared(sex, reference="majority"), expected)
    assert set(compared(sex, reference="f")["group"]) == {"m"}


def test_several_features_and_their_intersections(fitted, loans, answers):
    X, y, sex = loans
    audit = audit_recourse(
        fitted,
        X,
        y,
        sensitive_features={"sex": sex, "housing": X["housing"]},
        reference={"sex": "m", "housing": "own"},
        intersections=True,
        answers=answers,
        **FAST,
    )
    assert audit.references["sex & housing"] == "m & own"
    both = audit.by_group.loc["sex & housing"]
    assert len(both) == 6
    assert both["n"].sum() == len(X)
    of = (sex == "f") & (X["housing"] == "rent")
    assert both.loc["f & rent", "n"] == of.sum()
    compared = audit.comparisons
    alone = compared["feature"] != "sex & housing"
    # Each family is adjusted for the number of its own tests.
    for family in (compared[alone], compared[~alone]):
        tested = family.dropna(subset="p_value")
        smallest = tested.loc[tested["p_value"].idxmin()]
        assert smallest["p_adjusted"] == pytest.approx(
            min(1.0, len(tested) * smallest["p_value"])
        )


def test_within_control_features(fitted, loans, answers):
    X, y, sex = loans
    audit = audit_recourse(
        fitted,
        X,
        y,
        sensitive_features=sex,
        control_features=X["housing"].astype(str),
        answers=answers,
        **FAST,
    )
    assert audit.by_group.index.names == ["feature", "control", "group"]
    rent = (X["housing"] == "rent").to_numpy()
    alone = audit_recourse(
        fitted,
        X[rent],
        y[rent],
        sensitive_features=sex[rent],
        answers=answers[rent],
        cap=audit.cap,
        **FAST,
    )
    within = audit.by_group.xs("rent", level="control")
    assert_frame_equal(within, alone.by_group, check_index_type=False)
    assert "within 'rent'" in audit.summary()


def test_small_groups_are_flagged_and_not_tested(fitted, loans, answers):
    X, y, sex = loans
    rejected = np.flatnonzero(answers.status != "already")
    third = sex.copy()
    third.iloc[rejected[:8]] = "other"
    audit = audit_recourse(
        fitted, X, y, sensitive_features=third, answers=answers, **FAST
    )
    assert audit.by_group.loc["sex", "small"].to_dict() == {
        "f": False,
        "m": False,
        "other": True,
    }
    of = audit.comparisons["group"] == "other"
    assert audit.comparisons.loc[of, "small"].all()
    assert audit.comparisons.loc[of, ["p_value", "p_adjusted"]].isna().all(axis=None)
    assert not audit.comparisons.loc[~of, "p_value"].isna().any()
    assert "fewer than 30 of them are rejected: sex 'other' (8)" in audit.summary()


def test_a_group_that_is_asked_nothing(fitted, loans, answers):
    X, y, sex = loans
    happy = sex.mask(answers.status == "already", "happy")
    audit = audit_recourse(
        fitted, X, y, sensitive_features=happy, answers=answers, **FAST
    )
    row = audit.by_group.loc[("sex", "happy")]
    assert row["n_rejected"] == row["burden"] == 0
    assert np.isnan(row["cost"])
    assert row["small"]


def test_nobody_is_rejected(fitted, loans):
    X, y, sex = loans
    happy = fitted.predict(X) == "approved"
    audit = audit_recourse(
        fitted, X[happy], y[happy], sensitive_features=sex[happy], **FAST
    )
    assert audit.overall["n_rejected"] == 0
    assert audit.summary().endswith("Nobody is asked for anything.")
    assert "0 rejected" in repr(audit)


def test_the_numbers_of_permutations(fitted, loans, answers):
    X, y, sex = loans
    options = {"answers": answers, "target": "approved", "n_bootstrap": 100}
    few = audit_recourse(fitted, X, y, sensitive_features=sex, **options)
    assert few.n_permutations == 1999
    # Twenty groups and their tests: the smallest p-value must pass Holm's correction.
    many = pd.Series(np.arange(len(X)) % 20, X.index).astype(str)
    audit = audit_recourse(
        fitted, X, y, sensitive_features=many, min_rejected=5, **options
    )
    tests = audit.comparisons["p_value"].notna().sum()
    assert tests / (1 + audit.n_permutations) < 0.05 / 4.9
    assert audit.n_permutations > 1999


def test_anything_that_explain_takes(loans):
    X, y, sex = loans
    numbers = X.select_dtypes("number")
    pipeline = make_pipeline(
        ColumnTransformer(
            [("scale", StandardScaler(), list(numbers.columns))],
            verbose_feature_names_out=False,
        ),
        CounterfactualTrainedClassifier(max_epochs=3, lr=0.01, random_state=0),
    )
    name = "counterfactualtrainedclassifier__lambda_reg"
    search = GridSearchCV(pipeline, {name: [0.05]}, cv=2).fit(numbers, y)
    threshold = FixedThresholdClassifier(
        search.best_estimator_, threshold=0.7, pos_label="approved"
    ).fit(numbers, y)
    for estimator in (search.best_estimator_, search, threshold):
        audit = audit_recourse(estimator, numbers, y, sensitive_features=sex, **FAST)
        rejected = estimator.predict(numbers) != "approved"
        assert audit.overall["n_rejected"] == rejected.sum() > 0
        assert audit.cost_share.sum(axis=1).to_numpy() == pytest.approx([1.0, 1.0])
    assert threshold.predict(numbers).tolist() != search.predict(numbers).tolist()


def test_arrays_sparse_tables_and_labels_without_names():
    X, y = make_moons(300, random_state=0)
    clf = CounterfactualTrainedClassifier(max_epochs=5, lr=0.01, random_state=0)
    clf.fit(X, y)
    groups = X[:, 0] > 0
    options = {"sensitive_features": groups, "n_bootstrap": 200}
    audit = audit_recourse(clf, X, y, **options)
    assert audit.target == 1  # what is asked for, where classes are 0 and 1
    sparse = audit_recourse(clf, csr_array(X), y, **options)
    assert_frame_equal(audit.comparisons, sparse.comparisons)


def test_polars_tables(fitted, loans):
    polars = pytest.importorskip("polars", reason="needs the extra 'test'")
    X, y, sex = loans
    X, y, sex = X.astype({"housing": str})[:200], y[:200], sex[:200]
    X = X.drop(columns=["education", "purpose"])
    table = polars.DataFrame({c: X[c].to_list() for c in X})
    clf = CounterfactualTrainedClassifier(max_epochs=3, lr=0.01, random_state=0)
    clf.fit(table, y)
    audit = audit_recourse(clf, table, y, sensitive_features="housing", **FAST)
    assert audit.by_group["n"].sum() == 200
    assert (audit.cost_share.sum(axis=1).dropna().round(6) == 1).all()


def test_y_without_the_target(fitted, loans, answers):
    X, y, sex = loans
    audit = audit_recourse(
        fitted,
        X,
        np.full(len(y), "rejected"),
        sensitive_features=sex,
        answers=answers,
        **FAST,
    )
    assert audit.by_group["false_negative_rate"].isna().all()
    assert "No row of y is 'approved'" in audit.summary()
    assert (
        "Without y"
        in audit_recourse(
            fitted, X, sensitive_features=sex, answers=answers, **FAST
        ).summary()
    )


def test_names_that_clash(fitted, loans, answers):
    X, y, sex = loans
    audit = audit_recourse(
        fitted, X, y, sensitive_features={"cost": sex}, answers=answers, **FAST
    )
    assert audit.rows["cost_"].tolist() == sex.tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sensitive_features": "gender"}, "column 'gender', which is not in X"),
        ({"sensitive_features": "housin"}, "Did you mean 'housing'"),
        ({"sensitive_features": ["a", "b"]}, "column 'a', which is not in X"),
        ({"sensitive_features": []}, "a column at least"),
        ({"sensitive_features": "income"}, r"number with \d+ values: cut it"),
        ({"sensitive_features": np.ones(3)}, "value for each of its 700 rows"),
        ({"sensitive_features": np.ones(700, int)}, "one group 1: nothing to compare"),
        ({"reference": "x"}, "one of \\['f', 'm'\\]. Got 'x', which does not occur"),
        ({"reference": {"age": "x"}}, "the feature 'age', which is none of"),
        ({"target": None, "answers": None}, "cannot be told from the labels"),
        ({"target": "yes"}, "one of the classes .*Got 'yes'"),
        ({"y": ["approved"]}, "a label for each of the 700 rows"),
        ({"y": ["good"] * 700}, "label 'good', which is no class"),
        ({"intersections": True}, "two 'sensitive_features' at least"),
        ({"confidence": 95}, "'confidence' parameter .*Got 95"),
        ({"n_bootstrap": 10}, "'n_bootstrap' parameter .*at least 100"),
        ({"n_permutations": 3}, "'n_permutations' parameter .*'auto' or an int"),
        ({"adjust": "bonferroni"}, "'adjust' parameter .*'holm', 'bh' or None"),
        ({"min_rejected": 0}, "'min_rejected' parameter"),
        ({"cap": 0}, "'cap' parameter"),
        ({"budget": -1}, "'budget' parameter"),
    ],
)
def test_bad_input_is_named(fitted, loans, answers, change, message):
    X, y, sex = loans
    given = {"y": y, "sensitive_features": sex, "answers": answers, **FAST} | change
    with pytest.raises(ValueError, match=message):
        audit_recourse(fitted, X, given.pop("y"), **given)


def test_bad_tables_are_named(fitted, loans, answers):
    X, y, sex = loans
    missing = sex.mask(sex.index < 3)
    with pytest.raises(ValueError, match="3 missing values, and nobody may be left"):
        audit_recourse(fitted, X, y, sensitive_features=missing, **FAST)
    elsewhere = sex.set_axis(sex.index + 1_000.5)
    with pytest.raises(ValueError, match="index of the .* is not that of X"):
        audit_recourse(fitted, X, y, sensitive_features=elsewhere, **FAST)
    with pytest.raises(ValueError, match="has no rows"):
        audit_recourse(fitted, X[:0], y[:0], sensitive_features=sex[:0], **FAST)
    with pytest.raises(ValueError, match="must answer all 700 rows of X, or the"):
        audit_recourse(
            fitted, X, y, sensitive_features=sex, answers=answers[:5], **FAST
        )
    with pytest.raises(ValueError, match="other factuals than the rows of X"):
        audit_recourse(
            fitted, X[::-1], y, sensitive_features=sex[::-1], answers=answers, **FAST
        )


def test_it_is_frozen_and_prints(audit):
    with pytest.raises(AttributeError):
        audit.cap = 1.0
    assert repr(audit).startswith("<RecourseAudit of 700 rows by sex:")
    text = audit.summary()
    assert "tests" in text
    assert "no difference found in" in text
    found = audit.findings()
    assert (found["p_adjusted"] < 0.05).all()
    assert found["p_adjusted"].is_monotonic_increasing
    assert len(audit.findings(0.0)) == 0
    assert len(audit.findings(1.1)) == audit.comparisons["p_value"].notna().sum()
