"""Rules of a classifier behind a pipeline, in the pipeline's own columns."""

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sklearn_ct import CounterfactualTrainedClassifier, explain


@pytest.mark.parametrize("where", ["call", "classifier"])
def test_a_list_of_values(where):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"term": rng.integers(6, 73, 200), "sum": rng.normal(size=200)})
    scaler = MinMaxScaler().set_output(transform="pandas").fit(X)
    inside = scaler.transform(X.assign(term=np.resize([24, 36, 60], 200)))["term"]
    domain = {"term": inside.unique().tolist()} if where == "classifier" else None
    clf = CounterfactualTrainedClassifier(
        max_epochs=8, lr=0.02, random_state=0, domain=domain
    )
    model = make_pipeline(scaler, clf).fit(X, (X["term"] > 30).astype(int))
    asked = X[model.predict(X) == 0][:20]
    more = {"domain": {"term": [24, 36, 60]}} if where == "call" else {}
    answers = explain(model, asked, 1, mutability={"sum": "none"}, **more)
    assert answers.valid.any()
    found = answers.counterfactuals["term"][answers.valid]
    assert set(found) <= {24, 36, 60}
