"""The paper's figures, typed once: P. Altmeyer et al., arXiv:2601.16205.

Reductions are in per cent, pairs are CT / BL. For its accuracies under PGD and for the
synthetic sets under attack no figures are given in its text.
"""

import pandas as pd

REDUCTION = pd.DataFrame(
    {
        "ip": [26.26, 58.88, 19.59, -1.93, 0.19, 10.65, 10.14, 10.65, 6.36],
        "mmd": [51.28, 93.84, 8.00, -27.70, 34.35, 63.06, 50.35, 24.75, -70.31],
        "cost": [16.41, 42.99, 5.16, 40.86, 4.03, 44.23, -18.17, 66.01, -35.11],
    },
    index=["LS", "Circ", "Moon", "OL", "Adult", "CH", "Cred", "GMSC", "MNIST"],
)
VALIDITY = {
    "LS": (1.00, 1.00),
    "Circ": (1.00, 0.51),
    "Moon": (1.00, 1.00),
    "OL": (0.86, 0.98),
    "Adult": (0.68, 0.99),
    "CH": (1.00, 1.00),
    "Cred": (0.72, 1.00),
    "GMSC": (0.94, 1.00),
    "MNIST": (1.00, 1.00),
}
VALIDITY_PROTECTED = {
    "LS": (1.00, 1.00),
    "Circ": (0.71, 0.48),
    "Moon": (1.00, 0.98),
    "OL": (0.34, 0.56),
    "Adult": (0.70, 0.99),
    "CH": (1.00, 1.00),
    "Cred": (0.74, 1.00),
    "GMSC": (0.97, 1.00),
    "MNIST": (1.00, 1.00),
}
SENSITIVITY = {
    "LS": (0.21, 30.69),
    "Circ": (6.96, 19.20),
    "Moon": (0.54, 0.66),
    "OL": (0.59, 24.55),
    "Adult": (0.48, 0.74),
    "CH": (0.04, 0.05),
    "Cred": (0.00, 0.20),
    "GMSC": (0.71, 0.16),
    "MNIST": (0.17, 0.35),
}
ACCURACY = {
    "LS": (1.00, 1.00),
    "Circ": (1.00, 1.00),
    "Moon": (1.00, 1.00),
    "OL": (0.92, 0.91),
    "Adult": (0.85, 0.85),
    "CH": (0.79, 0.85),
    "Cred": (0.71, 0.70),
    "GMSC": (0.61, 0.75),
    "MNIST": (0.90, 0.92),
}
FGSM = {  # epsilon 0.1
    "Adult": (0.83, 0.41),
    "CH": (0.76, 0.74),
    "Cred": (0.70, 0.52),
    "GMSC": (0.58, 0.42),
    "MNIST": (0.84, 0.78),
}
IP = {
    "LS": (2.51, 3.40),
    "Circ": (0.97, 2.36),
    "Moon": (1.37, 1.71),
    "OL": (4.52, 4.44),
    "Adult": (15.13, 15.16),
    "CH": (6.72, 7.52),
    "Cred": (19.79, 22.02),
    "GMSC": (7.24, 8.10),
    "MNIST": (261, 279),
}
COST = {  # protected
    "LS": (3.75, 4.48),
    "Circ": (0.70, 1.22),
    "Moon": (1.52, 1.60),
    "OL": (1.55, 2.62),
    "Adult": (2.19, 2.28),
    "CH": (1.37, 2.46),
    "Cred": (2.70, 2.29),
    "GMSC": (1.03, 3.04),
    "MNIST": (72, 53),
}
