"""Loaders of the public data sets that the benchmarks use."""

import inspect
import os
from functools import partial
from http.client import HTTPException
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets as sk_datasets
from sklearn.utils import Bunch, check_random_state

# Loader: names of the classes in the order of their labels, the favourable label.
_CLASSES = {
    "fetch_adult": (["<=50K", ">50K"], ">50K"),
    "fetch_california_housing": (["up to the median", "above the median"], 1),
    "fetch_compas": (["no new arrest", "new arrest"], 0),
    "fetch_credit_default": (["no default", "default"], 0),
    "fetch_german_credit": (["bad", "good"], "good"),
    "fetch_gmsc": (["no distress", "distress"], 0),
    "fetch_mnist": ([str(digit) for digit in range(10)], None),
}


def _load(filename, data_home, read, download=None, source=""):
    """Read the file if there is one, download the set otherwise."""
    folders = [f for f in (data_home, os.environ.get("SKLEARN_CT_DATA")) if f]
    for folder in folders:
        path = Path(folder).expanduser() / filename
        if path.is_file():
            return read(path)
    start = f"No file {filename!r} (folders: {', '.join(map(str, folders)) or 'none'})"
    place = (
        f"put the file {filename!r} into the folder given as 'data_home' or into the "
        "one that the environment variable SKLEARN_CT_DATA names"
    )
    if download is None:
        raise FileNotFoundError(
            f"{start}, and scikit-learn has no downloader for this set: {place}. "
            f"It is {source}, compressed with gzip."
        )
    try:
        return download(data_home=data_home)
    except (OSError, ValueError, HTTPException) as error:
        raise OSError(
            f"{start}, and the download failed ({type(error).__name__}): either "
            f"{place}, or connect to the internet for scikit-learn's downloader."
        ) from error


def _read_csv(path):
    # "none" and "?" are levels of these sets: only an empty field and NA are missing.
    return pd.read_csv(path, keep_default_na=False, na_values=["", "NA"])


def _openml(name, version, data_home):
    fetch = sk_datasets.fetch_openml
    return fetch(name, version=version, data_home=data_home, as_frame=True).frame


def _as_categories(frame, columns, **orders):
    """Make columns categorical; those with a given order of levels are ordered."""
    new = {}
    for column in columns:
        values, levels = np.asarray(frame[column]), orders.get(column)
        if pd.isna(values).any() or not set(values) <= set(levels or values):
            raise ValueError(f"The column {column!r} has missing or unknown levels.")
        ordered = levels is not None
        new[column] = pd.Categorical(values, categories=levels, ordered=ordered)
    return frame.assign(**new)


def _as_integers(frame, columns):
    whole = [c for c in columns if (frame[c] % 1 == 0).all()]  # no NaN either
    return frame.astype(dict.fromkeys(whole, np.int64))


def _labels(column, name):
    return pd.Series(np.asarray(column, dtype=object), name=name, dtype=object)


def _balance(frame, target, random_state):
    """Under-sample every class to the size of the smallest; rows keep their order."""
    rng = check_random_state(random_state)
    size = frame[target].value_counts().min()
    drawn = frame.groupby(target).sample(n=size, random_state=rng)
    return drawn.sort_index().reset_index(drop=True)


def _bunch(loader, data, target, return_X_y, as_frame, **extra):
    """Assemble the answer; without frames a category becomes its position."""
    labelled = data.select_dtypes("category")
    categories = {c: labelled[c].cat.categories.tolist() for c in labelled}
    names = data.columns.tolist()
    frame = pd.concat([data, target], axis=1) if as_frame and not return_X_y else None
    if not as_frame:
        codes = {c: labelled[c].cat.codes for c in labelled}
        data, target = data.assign(**codes).to_numpy(), target.to_numpy()
        data = data if data.dtype.kind == "f" else data.astype(np.float64)
    if return_X_y:
        return data, target
    target_names, favourable = _CLASSES[loader.__name__]
    return Bunch(
        data=data,
        target=target,
        frame=frame,
        feature_names=names,
        target_names=list(target_names),
        categories=categories,
        favourable=favourable,
        DESCR=inspect.getdoc(loader) or "",
        **extra,
    )


def fetch_adult(*, data_home=None, return_X_y=False, as_frame=True):
    """Load Adult ("Census Income"): who earns more than 50,000 dollars a year.

    48,842 persons of the US census of 1994, 12 columns, 23.9 % of them ">50K". The
    census weight `fnlwgt` is left out, and so is `education-num`, whose order the
    ordered category `education` has. "?" (not stated) is a level of its own.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder that holds the file "<name>.csv.gz" (here "adult.csv.gz"). If the file is
        not there, the folder that the environment variable `SKLEARN_CT_DATA` names is
        tried, then scikit-learn's downloader, with its own cache in `data_home`.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.
    as_frame : bool, default=True
        Whether to return a DataFrame and a Series. False: `data` is a float array in
        which a category is its position in ``categories[column]``.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        - data : DataFrame or ndarray of shape (48842, 12); ages in years, capital gains
          and losses in US dollars, hours a week
        - target : Series or ndarray of shape (48842,); "<=50K" or ">50K"
        - frame : DataFrame of both, None without `as_frame`
        - feature_names, target_names : lists of column and class names
        - categories : dict of the levels of each categorical column
        - favourable : the label that people hope for
        - split : Series, "train" or "test" as published; None if downloaded
        - DESCR : this text

    Raises
    ------
    OSError
        If there is no file and the download fails; it says where the file may be put.

    References
    ----------
    B. Becker and R. Kohavi, Adult, UCI Machine Learning Repository, 1996,
    https://doi.org/10.24432/C5XW20 (CC BY 4.0).
    """
    download = partial(_openml, "adult", 2)
    frame = _load("adult.csv.gz", data_home, _read_csv, download)
    target = _labels(frame["income" if "income" in frame else "class"], "income")
    order = frame.drop_duplicates("education").sort_values("education-num")["education"]
    # The columns of the file and of OpenML, which names the target "class".
    dropped = ["fnlwgt", "education-num", "income", "class", "split"]
    data = frame.drop(columns=dropped, errors="ignore")
    text = data.select_dtypes(exclude="number").astype(object).fillna("?")
    data = _as_categories(data.assign(**text), text.columns, education=list(order))
    split = frame.get("split")
    return _bunch(fetch_adult, data, target, return_X_y, as_frame, split=split)


def fetch_california_housing(*, data_home=None, return_X_y=False, as_frame=True):
    """Load California Housing as a classification: where houses cost more.

    20,640 block groups of the US census of 1990, 8 numeric columns. The target is 1
    where the median house value lies above its own median over all rows (50.0 %).

    Parameters
    ----------
    data_home, return_X_y, as_frame
        As in :func:`fetch_adult`; the file is "california_housing.csv.gz".

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        As in :func:`fetch_adult`, without `split`. `MedInc` is in 10,000 US dollars,
        `HouseAge` in years and `Population` in persons, both of integer dtype.

    References
    ----------
    R. K. Pace and R. Barry, Sparse spatial autoregressions, Statistics & Probability
    Letters 33(3), 1997, https://doi.org/10.1016/S0167-7152(96)00140-X.
    """

    def download(data_home):
        loader = sk_datasets.fetch_california_housing
        return loader(data_home=data_home, as_frame=True).frame

    frame = _load("california_housing.csv.gz", data_home, _read_csv, download)
    data = _as_integers(frame, ["HouseAge", "Population"])
    value = data.pop("MedHouseVal")
    target = (value > value.median()).astype(np.int64).rename("AboveMedian")
    return _bunch(fetch_california_housing, data, target, return_X_y, as_frame)


def fetch_compas(*, data_home=None, return_X_y=False, as_frame=True):
    """Load COMPAS: who is arrested again within two years.

    6,172 defendants in Broward County, Florida, 2013-2014, after ProPublica's filter,
    45.5 % with target 1 (a new arrest). Eight columns: `sex`, `age` (years), `race`,
    `juv_fel_count`, `juv_misd_count`, `juv_other_count`, `priors_count`,
    `c_charge_degree`; neither COMPAS scores nor anything that became known later.

    Parameters
    ----------
    data_home, return_X_y, as_frame
        As in :func:`fetch_adult`; the file is "compas.csv.gz". There is no downloader.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        As in :func:`fetch_adult`, without `split`.

    References
    ----------
    J. Angwin, J. Larson, S. Mattu and L. Kirchner, Machine Bias, ProPublica, 2016,
    https://github.com/propublica/compas-analysis.
    """
    source = "'compas-scores-two-years.csv' of github.com/propublica/compas-analysis"
    frame = _load("compas.csv.gz", data_home, _read_csv, source=source)
    kept = frame["days_b_screening_arrest"].between(-30, 30)
    kept &= (frame["is_recid"] != -1) & (frame["c_charge_degree"] != "O")
    frame = frame[kept].reset_index(drop=True)
    counts = ["juv_fel_count", "juv_misd_count", "juv_other_count", "priors_count"]
    data = frame[["sex", "age", "race", *counts, "c_charge_degree"]]
    data = _as_categories(data, ["sex", "race", "c_charge_degree"])
    return _bunch(fetch_compas, data, frame["two_year_recid"], return_X_y, as_frame)


def fetch_credit_default(
    *,
    data_home=None,
    return_X_y=False,
    as_frame=True,
    balanced=False,
    random_state=None,
):
    """Load Default of Credit Card Clients: who misses the next payment.

    30,000 clients of a bank in Taiwan in 2005, 23 columns, 22.1 % with target 1
    (default). `SEX`, `EDUCATION` and `MARRIAGE` are categories that keep their codes;
    the repayment states `PAY_0` to `PAY_6` are integers (months of delay, -2 to 8).

    Parameters
    ----------
    data_home, return_X_y, as_frame
        As in :func:`fetch_adult`; the file is "credit_default.csv.gz".
    balanced : bool, default=False
        Whether to draw as few rows of class 0 as there are of class 1: 13,272 rows
        in all, the paper's version.
    random_state : int, RandomState instance or None, default=None
        Draws the rows if `balanced`.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        As in :func:`fetch_adult`, without `split`. Amounts are in NT dollars.

    References
    ----------
    I-C. Yeh, Default of Credit Card Clients, UCI Machine Learning Repository, 2009,
    https://doi.org/10.24432/C55S3H (CC BY 4.0).
    """
    download = partial(_openml, "default-of-credit-card-clients", 1)
    frame = _load("credit_default.csv.gz", data_home, _read_csv, download)
    columns = ["LIMIT_BAL", "SEX", "EDUCATION", "MARRIAGE", "AGE"]
    columns += [f"PAY_{i}" for i in (0, 2, 3, 4, 5, 6)]
    columns += [f"{kind}_AMT{i}" for kind in ("BILL", "PAY") for i in range(1, 7)]
    # OpenML has the same columns in the same order as x1 to x23 and y.
    names = {f"x{i}": name for i, name in enumerate(columns, start=1)}
    names |= dict.fromkeys(["y", "default.payment.next.month"], "default")
    frame = frame.rename(columns=names)[[*columns, "default"]].astype(np.int64)
    if balanced:
        frame = _balance(frame, "default", random_state)
    data = _as_categories(frame[columns], ["SEX", "EDUCATION", "MARRIAGE"])
    target = frame["default"]
    return _bunch(fetch_credit_default, data, target, return_X_y, as_frame)


def fetch_german_credit(*, data_home=None, return_X_y=False, as_frame=True):
    """Load Statlog (German Credit Data): who is a good credit risk.

    1,000 loans of a German bank, 20 columns, 70.0 % "good". `employment` is an ordered
    category; `checking_status` and `savings_status` are not ordered, having a level
    for "none" or "unknown". Several code tables of this version are known to be wrong.

    Parameters
    ----------
    data_home, return_X_y, as_frame
        As in :func:`fetch_adult`; the file is "german_credit.csv.gz".

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        As in :func:`fetch_adult`, without `split`; the labels are "bad" and "good".
        `duration` is in months, `credit_amount` in DM, `age` in years.

    References
    ----------
    H. Hofmann, Statlog (German Credit Data), UCI Machine Learning Repository, 1994,
    https://doi.org/10.24432/C5NC77 (CC BY 4.0).
    """
    download = partial(_openml, "credit-g", 1)
    frame = _load("german_credit.csv.gz", data_home, _read_csv, download)
    data = frame.drop(columns="class")
    text = data.select_dtypes(exclude="number").columns
    years = ["unemployed", "<1", "1<=X<4", "4<=X<7", ">=7"]
    data = _as_categories(data, text, employment=years)
    target = _labels(frame["class"], "class")
    return _bunch(fetch_german_credit, data, target, return_X_y, as_frame)


def fetch_gmsc(
    *,
    data_home=None,
    return_X_y=False,
    as_frame=True,
    balanced=False,
    random_state=None,
):
    """Load Give Me Some Credit: who falls 90 days behind within two years.

    150,000 borrowers, 10 numeric columns, 6.7 % with target 1 (in distress). Missing
    values (`MonthlyIncome`, `NumberOfDependents`) are NaN unless `balanced`.

    Parameters
    ----------
    data_home, return_X_y, as_frame
        As in :func:`fetch_adult`; the file is "gmsc.csv.gz". There is no downloader.
    balanced : bool, default=False
        Whether to keep complete rows only, and as many of class 0, drawn at random, as
        there are of class 1: 16,714 rows in all, the paper's version.
    random_state : int, RandomState instance or None, default=None
        Draws the rows if `balanced`.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        As in :func:`fetch_adult`, without `split`. `age` is in years, `MonthlyIncome`
        in US dollars; counts have integer dtype where none is missing.

    References
    ----------
    Give Me Some Credit, Kaggle, 2011, https://www.kaggle.com/c/GiveMeSomeCredit.
    """
    source = "'cs-training.csv' of https://www.kaggle.com/c/GiveMeSomeCredit"
    frame = _load("gmsc.csv.gz", data_home, _read_csv, source=source)
    if balanced:
        frame = _balance(frame.dropna(), "SeriousDlqin2yrs", random_state)
    target = frame["SeriousDlqin2yrs"]
    # Kaggle's file numbers its rows in a column without a name.
    data = frame.drop(columns=["SeriousDlqin2yrs", "Unnamed: 0"], errors="ignore")
    data = _as_integers(data, ["MonthlyIncome", "NumberOfDependents"])
    return _bunch(fetch_gmsc, data, target, return_X_y, as_frame)


def fetch_mnist(*, data_home=None, return_X_y=False, as_frame=True):
    """Load MNIST: handwritten digits 0 to 9, pixels scaled from [0, 255] to [-1, 1].

    10,000 images (the test part) from the file, 70,000 from the downloader. 784
    columns `pixel1` to `pixel784` of dtype float32, row by row of 28 x 28 images.

    Parameters
    ----------
    data_home, return_X_y, as_frame
        As in :func:`fetch_adult`; the file is "mnist_10k.npz" (`images`, `labels`).

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        As in :func:`fetch_adult`, without `split`; no label is favourable (None).

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-based learning applied to
    document recognition, Proc. IEEE 86(11), 1998, https://doi.org/10.1109/5.726791.
    """

    def read(path):
        with np.load(path) as file:
            pixels = pd.DataFrame(file["images"].reshape(-1, 784))
            return pixels.assign(**{"class": file["labels"]})

    download = partial(_openml, "mnist_784", 1)
    frame = _load("mnist_10k.npz", data_home, read, download)
    data = frame.drop(columns="class").astype(np.float32) / np.float32(127.5) - 1
    data.columns = [f"pixel{i}" for i in range(1, 785)]
    target = frame["class"].astype(np.int64).rename("digit")
    return _bunch(fetch_mnist, data, target, return_X_y, as_frame)
