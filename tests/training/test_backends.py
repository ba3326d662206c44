"""`GridSearchCV` and `explain` on the engines that joblib can be pointed at."""

import importlib.util

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct._recourse.call import BLOCK
from sklearn_ct.datasets import make_loan_applications
from sklearn_ct.scoring import make_recourse_scorer


@pytest.fixture(scope="module")
def dask_cluster():
    distributed = pytest.importorskip(
        "distributed", reason="Dask is not installed: pip install 'sklearn-ct[dask]'"
    )
    # Not to be told of workers that take their time to end.
    with (
        distributed.LocalCluster(
            processes=True,
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=None,
            silence_logs=50,
        ) as cluster,
        distributed.Client(cluster),
    ):
        yield


@pytest.fixture(scope="module")
def ray_cluster():
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        import ray
        from ray.util.joblib import register_ray

        ray.init(
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            configure_logging=False,
        )
        register_ray()
        yield
        ray.shutdown()


@pytest.fixture(scope="module", params=["dask", "ray"])
def backend(request):
    request.getfixturevalue(f"{request.param}_cluster")
    return request.param


@pytest.fixture(scope="module")
def loans():
    return make_loan_applications(600, random_state=0)


@pytest.fixture(scope="module")
def clf(loans):
    return CounterfactualTrainedClassifier(
        hidden_layer_sizes=(8,),
        max_epochs=3,
        n_counterfactuals=50,
        lr=0.02,
        random_state=0,
    ).fit(*loans)


@pytest.mark.parametrize("verbose", [0, 1])
def test_explain(backend, clf, loans, verbose, capsys):
    X = pd.concat([loans[0]] * 8)
    here = clf.explain(X, effort="walk", n_jobs=1)
    # More rows than one block has, so that both workers get some.
    assert (here.status != "already").sum() > BLOCK
    with joblib.parallel_config(backend=backend):
        there = clf.explain(X, effort="walk", n_jobs=2, verbose=verbose)
    pd.testing.assert_frame_equal(here.to_frame(), there.to_frame(), check_exact=True)
    assert ("explaining: 100%" in capsys.readouterr().err) is bool(verbose)


def test_grid_search(backend, clf, loans):
    X, y = (part[:300] for part in loans)
    searches = [
        GridSearchCV(
            clf,
            {"lambda_div": [0.1, 0.25]},
            # It explains, so that `explain` runs inside of a worker, too.
            scoring={
                "accuracy": "accuracy",
                "cost": make_recourse_scorer("cost", n_samples=20),
            },
            refit="accuracy",
            cv=2,
            n_jobs=n_jobs,
        )
        for n_jobs in (1, 2)
    ]
    searches[0].fit(X, y)
    with joblib.parallel_config(backend=backend):
        searches[1].fit(X, y)
    here, there = (
        pd.DataFrame(search.cv_results_).drop(columns="params") for search in searches
    )
    assert here["mean_test_cost"].notna().all()
    columns = [name for name in here if "time" not in name]
    pd.testing.assert_frame_equal(here[columns], there[columns], check_exact=True)
    here, there = (search.best_estimator_.predict_proba(X) for search in searches)
    np.testing.assert_array_equal(here, there)
