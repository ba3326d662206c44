"""Counterfactual generators: hyperparameters of the search, tunable like any other.

A generator decides what the gradient walk minimises and in which space it walks. The
same generator serves training and explaining.
"""

from sklearn_ct.generators._base import BaseGenerator
from sklearn_ct.generators._eccco import ECCCo
from sklearn_ct.generators._generic import Generic
from sklearn_ct.generators._revise import REVISE

__all__ = ["GENERATORS", "REVISE", "BaseGenerator", "ECCCo", "Generic"]

GENERATORS = {"eccco": ECCCo, "generic": Generic, "revise": REVISE}
