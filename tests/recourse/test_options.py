"""What a call asks for is checked once, and in scikit-learn's words."""

import pytest

from sklearn_ct._recourse.options import CHECKS, ExplainOptions


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_counterfactuals", 0),
        ("n_counterfactuals", True),
        ("max_changes", 1.5),
        ("tau", 1.0),
        ("effort", "half"),
        ("project", "table"),
        ("margin", -0.1),
        ("noise", 0.0),
        ("feature_costs", [1.0]),
    ],
)
def test_a_keyword_that_is_not_what_it_may_be(name, value):
    words = CHECKS[name][1]
    with pytest.raises(ValueError, match=f"The '{name}' parameter of explain") as error:
        ExplainOptions(**{name: value})
    assert str(error.value).endswith(f"must be {words}. Got {value!r} instead.")


def test_the_defaults_are_allowed():
    assert ExplainOptions().effort == "full"
