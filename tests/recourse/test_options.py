"""What a call asks for is checked once, and in scikit-learn's words."""

import re

import pytest

from sklearn_ct._recourse.options import ExplainOptions


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("n_counterfactuals", 0, "an int in the range [1, inf)"),
        ("n_counterfactuals", True, "an int in the range [1, inf)"),
        ("max_changes", 1.5, "an int in the range [1, inf) or None"),
        ("tau", 1.0, "a float in the range (0.0, 1.0) or None"),
        ("effort", "half", "a str among {'"),
        ("project", "table", "a callable or None"),
        ("margin", -0.1, "a float in the range [0.0, inf)"),
        ("margin", float("inf"), "a float in the range [0.0, inf)"),
        ("noise", 0.0, "a float in the range (0.0, inf) or None"),
        ("noise", float("nan"), "a float in the range (0.0, inf) or None"),
        ("feature_costs", [1.0], "an instance of 'dict' or None"),
    ],
)
def test_a_keyword_that_is_not_what_it_may_be(name, value, words):
    message = f"The '{name}' parameter of explain must be {words}"
    with pytest.raises(ValueError, match="^" + re.escape(message)) as error:
        ExplainOptions(**{name: value})
    assert str(error.value).endswith(f". Got {value!r} instead.")


def test_the_defaults_are_allowed():
    assert ExplainOptions().effort == "full"
