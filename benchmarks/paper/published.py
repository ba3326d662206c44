"""The paper's figures, typed once: P. Altmeyer et al., arXiv:2601.16205.

Reductions are in per cent, pairs are CT / BL. For its accuracies under PGD and for the
synthetic sets under attack no figures are given in its text.
"""

NAMES = ("LS", "Circ", "Moon", "OL", "Adult", "CH", "Cred", "GMSC", "MNIST")


def _table(*values, names=NAMES):
    return dict(zip(names, values, strict=True))


def _pairs(ct, twin, names=NAMES):
    return _table(*zip(ct, twin, strict=True), names=names)


REDUCTION = {
    "ip": _table(26.26, 58.88, 19.59, -1.93, 0.19, 10.65, 10.14, 10.65, 6.36),
    "mmd": _table(51.28, 93.84, 8.00, -27.70, 34.35, 63.06, 50.35, 24.75, -70.31),
    "cost": _table(16.41, 42.99, 5.16, 40.86, 4.03, 44.23, -18.17, 66.01, -35.11),
}
VALIDITY = _pairs(
    (1.00, 1.00, 1.00, 0.86, 0.68, 1.00, 0.72, 0.94, 1.00),
    (1.00, 0.51, 1.00, 0.98, 0.99, 1.00, 1.00, 1.00, 1.00),
)
VALIDITY_PROTECTED = _pairs(
    (1.00, 0.71, 1.00, 0.34, 0.70, 1.00, 0.74, 0.97, 1.00),
    (1.00, 0.48, 0.98, 0.56, 0.99, 1.00, 1.00, 1.00, 1.00),
)
SENSITIVITY = _pairs(
    (0.21, 6.96, 0.54, 0.59, 0.48, 0.04, 0.00, 0.71, 0.17),
    (30.69, 19.20, 0.66, 24.55, 0.74, 0.05, 0.20, 0.16, 0.35),
)
ACCURACY = _pairs(
    (1.00, 1.00, 1.00, 0.92, 0.85, 0.79, 0.71, 0.61, 0.90),
    (1.00, 1.00, 1.00, 0.91, 0.85, 0.85, 0.70, 0.75, 0.92),
)
FGSM = _pairs(  # epsilon 0.1
    (0.83, 0.76, 0.70, 0.58, 0.84), (0.41, 0.74, 0.52, 0.42, 0.78), NAMES[4:]
)
IP = _pairs(
    (2.51, 0.97, 1.37, 4.52, 15.13, 6.72, 19.79, 7.24, 261),
    (3.40, 2.36, 1.71, 4.44, 15.16, 7.52, 22.02, 8.10, 279),
)
COST = _pairs(  # protected
    (3.75, 0.70, 1.52, 1.55, 2.19, 1.37, 2.70, 1.03, 72),
    (4.48, 1.22, 1.60, 2.62, 2.28, 2.46, 2.29, 3.04, 53),
)
