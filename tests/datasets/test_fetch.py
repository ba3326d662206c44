import inspect
import os
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal
from sklearn.utils import Bunch

from sklearn_ct import datasets
from sklearn_ct.datasets import (
    fetch_adult,
    fetch_california_housing,
    fetch_compas,
    fetch_credit_default,
    fetch_german_credit,
    fetch_gmsc,
    fetch_mnist,
)

REAL = os.environ.get("SKLEARN_CT_DATA")
FETCHERS = [getattr(datasets, n) for n in datasets.__all__ if n.startswith("fetch_")]
FILES = {f: f.__name__.removeprefix("fetch_") + ".csv.gz" for f in FETCHERS}
FILES[fetch_mnist] = "mnist_10k.npz"
NO_DOWNLOADER = [fetch_compas, fetch_gmsc]

ADULT = pd.DataFrame(
    {
        "age": [39, 50, 28, 17],
        "workclass": ["State-gov", "?", "Private", "?"],
        "fnlwgt": [77516, 83311, 338409, 1],
        "education": ["Bachelors", "Masters", "Bachelors", "10th"],
        "education-num": [13, 14, 13, 6],
        "sex": ["Male", "Male", "Female", "Male"],
        "income": ["<=50K", ">50K", "<=50K", "<=50K"],
        "split": ["train", "train", "test", "test"],
    }
)
CALIFORNIA = pd.DataFrame(
    {
        "MedInc": [8.0, 7.0, 3.0, 2.0],
        "HouseAge": [41.0, 21.0, 52.0, 52.0],
        "Population": [322.0, 2401.0, 496.0, 558.0],
        "AveOccup": [2.5, 2.1, 2.8, 2.5],
        "MedHouseVal": [4.5, 1.0, 3.5, 1.0],
    }
)
COMPAS = pd.DataFrame(
    {
        "id": [1, 2, 3, 4, 5, 6],
        "sex": ["Male", "Female", "Male", "Male", "Male", "Male"],
        "age": [69, 34, 24, 23, 43, 44],
        "race": ["Other", "Native American", "Other", "Other", "Other", "Other"],
        "juv_fel_count": [0, 0, 1, 0, 0, 0],
        "decile_score": [1, 3, 4, 8, 1, 1],
        "juv_misd_count": [0] * 6,
        "juv_other_count": [0] * 6,
        "priors_count": [0, 4, 1, 2, 3, 1],
        "days_b_screening_arrest": [-1, 30, -31, np.nan, 0, 0],
        "c_charge_degree": ["F", "M", "F", "F", "O", "F"],
        "is_recid": [0, 1, 0, 0, 0, -1],
        "two_year_recid": [0, 1, 1, 1, 1, 1],
    }
)
_PAY = [f"PAY_{i}" for i in (0, 2, 3, 4, 5, 6)]
_BILL = [f"BILL_AMT{i}" for i in range(1, 7)]
_PAID = [f"PAY_AMT{i}" for i in range(1, 7)]
CREDIT_COLUMNS = ["LIMIT_BAL", "SEX", "EDUCATION", "MARRIAGE", "AGE"]
CREDIT_COLUMNS += _PAY + _BILL + _PAID
CREDIT = pd.DataFrame(np.arange(8 * 23).reshape(8, 23), columns=CREDIT_COLUMNS)
CREDIT["SEX"] = [1, 2] * 4
CREDIT["EDUCATION"] = [1, 2, 3, 0] * 2
CREDIT["MARRIAGE"] = [1, 2] * 4
CREDIT.insert(0, "ID", np.arange(1, 9))
CREDIT["default.payment.next.month"] = [0, 0, 1, 0, 0, 1, 0, 0]
GERMAN = pd.DataFrame(
    {
        "checking_status": ["<0", "no checking", ">=200"],
        "duration": [6, 48, 12],
        "savings_status": ["no known savings", "<100", "<100"],
        "employment": [">=7", "unemployed", "1<=X<4"],
        "other_parties": ["none", "none", "guarantor"],
        "own_telephone": ["yes", "none", "none"],
        "class": ["good", "bad", "good"],
    }
)
GMSC = pd.DataFrame(
    {
        "SeriousDlqin2yrs": [1, 0, 0, 0, 1, 0],
        "RevolvingUtilizationOfUnsecuredLines": [0.7, 0.9, 0.6, 0.2, 0.9, 0.1],
        "age": [45, 40, 38, 30, 49, 74],
        "DebtRatio": [1.0, 2.0, 1.0, 5710.0, 1.0, 1.0],
        "MonthlyIncome": [9120, 2600, 3042, np.nan, 63588, 3500],
        "NumberOfDependents": [2, 1, 0, np.nan, 0, 1],
    }
)
TABLES = {
    fetch_adult: ADULT,
    fetch_california_housing: CALIFORNIA,
    fetch_compas: COMPAS,
    fetch_credit_default: CREDIT,
    fetch_german_credit: GERMAN,
    fetch_gmsc: GMSC,
}


def write(fetch, folder):
    path = Path(folder) / FILES[fetch]
    if fetch is fetch_mnist:
        images = np.zeros((3, 28, 28), dtype=np.uint8)
        images[1, 0, 0], images[2, 27, 27] = 255, 51
        np.savez_compressed(path, images=images, labels=np.uint8([7, 0, 3]))
    else:
        TABLES[fetch].to_csv(path, index=False, na_rep="NA")


def refuse(*args, **kwargs):
    raise AssertionError("The downloader was called.")


@pytest.fixture(autouse=True)
def no_download_and_no_folder(monkeypatch):
    monkeypatch.delenv("SKLEARN_CT_DATA", raising=False)
    monkeypatch.setattr("sklearn.datasets.fetch_openml", refuse)
    monkeypatch.setattr("sklearn.datasets.fetch_california_housing", refuse)


def test_every_loader_has_the_same_keywords():
    assert len(FETCHERS) == 7
    expected = {"data_home": None, "return_X_y": False, "as_frame": True}
    for fetch in FETCHERS:
        parameters = inspect.signature(fetch).parameters
        assert {p: parameters[p].default for p in expected} == expected
        assert all(p.kind is p.KEYWORD_ONLY for p in parameters.values())


@pytest.mark.parametrize("fetch", FETCHERS)
def test_bunch_is_complete_and_consistent(fetch, tmp_path):
    write(fetch, tmp_path)
    bunch = fetch(data_home=tmp_path)
    assert isinstance(bunch, Bunch)
    assert list(bunch.data.columns) == bunch.feature_names
    assert_frame_equal(bunch.frame[bunch.feature_names], bunch.data)
    assert_series_equal(bunch.frame[bunch.target.name], bunch.target)
    assert bunch.frame.shape[1] == bunch.data.shape[1] + 1
    categorical = bunch.data.select_dtypes("category").columns
    assert list(bunch.categories) == list(categorical)
    assert set(bunch.data.dtypes.map(lambda t: t.kind)) <= set("ifO")
    assert bunch.data.select_dtypes("object").empty
    if fetch is not fetch_mnist:
        assert bunch.favourable in set(bunch.target)
        assert len(bunch.target_names) == 2
    assert FILES[fetch].split("_")[0][:4] in bunch.DESCR.lower()
    X, y = fetch(data_home=tmp_path, return_X_y=True)
    assert_frame_equal(X, bunch.data)
    assert_series_equal(y, bunch.target)


@pytest.mark.parametrize("fetch", FETCHERS)
def test_arrays_hold_the_positions_of_the_levels(fetch, tmp_path):
    write(fetch, tmp_path)
    framed = fetch(data_home=str(tmp_path))
    bunch = fetch(data_home=str(tmp_path), as_frame=False)
    assert bunch.frame is None
    assert isinstance(bunch.data, np.ndarray)
    assert bunch.data.dtype.kind == "f"
    np.testing.assert_array_equal(bunch.target, framed.target.to_numpy())
    for j, column in enumerate(bunch.feature_names):
        values = bunch.data[:, j]
        if column in bunch.categories:
            levels = np.array(bunch.categories[column], dtype=object)
            values = levels[values.astype(int)]
        np.testing.assert_array_equal(values, framed.data[column].to_numpy())
    X, y = fetch(data_home=str(tmp_path), as_frame=False, return_X_y=True)
    np.testing.assert_array_equal(X, bunch.data)
    np.testing.assert_array_equal(y, bunch.target)


@pytest.mark.parametrize("fetch", FETCHERS)
def test_folder_of_the_environment_variable_is_read(fetch, tmp_path, monkeypatch):
    write(fetch, tmp_path)
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("SKLEARN_CT_DATA", str(tmp_path))
    assert len(fetch().data) == len(fetch(data_home=tmp_path / "empty").data) > 0


def test_data_home_comes_before_the_environment_variable(tmp_path, monkeypatch):
    for name, table in (("home", GERMAN), ("env", GERMAN.head(2))):
        (tmp_path / name).mkdir()
        table.to_csv(tmp_path / name / "german_credit.csv.gz", index=False)
    monkeypatch.setenv("SKLEARN_CT_DATA", str(tmp_path / "env"))
    assert len(fetch_german_credit().data) == 2
    assert len(fetch_german_credit(data_home=tmp_path / "home").data) == 3


@pytest.mark.parametrize("fetch", [f for f in FETCHERS if f not in NO_DOWNLOADER])
@pytest.mark.parametrize("error", [URLError("no route"), ValueError("unknown")])
def test_a_failed_download_names_both_ways(fetch, error, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fail)
    monkeypatch.setattr("sklearn.datasets.fetch_california_housing", fail)
    with pytest.raises(OSError, match="the download failed") as caught:
        fetch(data_home=tmp_path)
    assert caught.value.__cause__ is error
    for word in (FILES[fetch], "data_home", "SKLEARN_CT_DATA", str(tmp_path)):
        assert word in str(caught.value)


@pytest.mark.parametrize("fetch", NO_DOWNLOADER)
def test_a_set_without_downloader_says_what_to_put_where(fetch):
    with pytest.raises(FileNotFoundError, match="no downloader") as caught:
        fetch()
    words = (FILES[fetch], "data_home", "SKLEARN_CT_DATA", "gzip", "(folders: none)")
    for word in words:
        assert word in str(caught.value)


def adult_of_openml():
    remote = ADULT.drop(columns="split").rename(columns={"income": "class"})
    text = remote.select_dtypes(exclude="number").columns
    remote[text] = remote[text].replace("?", np.nan).astype("category")
    return remote


def credit_default_of_openml():
    remote = CREDIT.drop(columns="ID").astype(float)
    remote.columns = [*(f"x{i}" for i in range(1, 24)), "y"]
    return remote.assign(y=pd.Categorical(remote["y"].astype(int).astype(str)))


def mnist_of_openml():
    remote = pd.DataFrame(np.zeros((3, 784), dtype=np.int64))
    remote.iloc[1, 0], remote.iloc[2, 783] = 255, 51
    return remote.assign(**{"class": pd.Categorical(["7", "0", "3"])})


@pytest.mark.parametrize(
    ("fetch", "remote", "name"),
    [
        (fetch_adult, adult_of_openml(), "adult"),
        (fetch_california_housing, CALIFORNIA, None),
        (fetch_credit_default, credit_default_of_openml(), "default-of-credit-card-c"),
        (fetch_german_credit, GERMAN.astype({"employment": "category"}), "credit-g"),
        (fetch_mnist, mnist_of_openml(), "mnist_784"),
    ],
)
def test_the_download_equals_the_file(fetch, remote, name, tmp_path, monkeypatch):
    write(fetch, tmp_path)
    local, before, calls = fetch(data_home=tmp_path), remote.copy(), []

    def download(*args, **kwargs):
        calls.append((args, kwargs))
        return Bunch(frame=remote)

    source = "fetch_openml" if name else "fetch_california_housing"
    monkeypatch.setattr(f"sklearn.datasets.{source}", download)
    bunch = fetch(data_home=tmp_path / "cache")
    assert_frame_equal(bunch.frame, local.frame)
    assert_frame_equal(remote, before)
    ((args, kwargs),) = calls
    assert kwargs["data_home"] == tmp_path / "cache"
    assert kwargs["as_frame"] is True
    if name:
        assert args[0].startswith(name)
        assert kwargs["version"] == (2 if fetch is fetch_adult else 1)
    if fetch is fetch_adult:
        assert bunch.split is None


def test_adult_columns(tmp_path):
    write(fetch_adult, tmp_path)
    bunch = fetch_adult(data_home=tmp_path)
    dropped = ["fnlwgt", "education-num", "income", "split"]
    assert bunch.feature_names == [c for c in ADULT if c not in dropped]
    assert bunch.data["education"].cat.ordered
    assert bunch.categories["education"] == ["10th", "Bachelors", "Masters"]
    assert not bunch.data["workclass"].cat.ordered
    assert "?" in bunch.categories["workclass"]
    assert list(bunch.split) == list(ADULT["split"])
    assert bunch.target.dtype == object


def test_california_target_lies_strictly_above_the_median(tmp_path):
    write(fetch_california_housing, tmp_path)
    bunch = fetch_california_housing(data_home=tmp_path)
    assert list(bunch.target) == [1, 0, 1, 0]
    integers = list(bunch.data.select_dtypes("int64"))
    assert integers == ["HouseAge", "Population"]


def test_compas_filter_and_columns(tmp_path):
    write(fetch_compas, tmp_path)
    bunch = fetch_compas(data_home=tmp_path)
    assert list(bunch.target) == [0, 1]
    assert list(bunch.data["age"]) == [69, 34]
    assert list(bunch.data.index) == [0, 1]
    outcomes = {"id", "decile_score", "is_recid", "two_year_recid"}
    assert outcomes.isdisjoint(bunch.feature_names)
    assert list(bunch.categories) == ["sex", "race", "c_charge_degree"]


def test_credit_default_columns(tmp_path):
    write(fetch_credit_default, tmp_path)
    bunch = fetch_credit_default(data_home=tmp_path)
    assert bunch.feature_names == CREDIT_COLUMNS
    assert list(bunch.categories) == ["SEX", "EDUCATION", "MARRIAGE"]
    assert bunch.categories["EDUCATION"] == [0, 1, 2, 3]
    assert list(bunch.target) == list(CREDIT["default.payment.next.month"])


def test_german_credit_levels(tmp_path):
    write(fetch_german_credit, tmp_path)
    data = fetch_german_credit(data_home=tmp_path).data
    order = ["unemployed", "<1", "1<=X<4", "4<=X<7", ">=7"]
    assert list(data["employment"].cat.categories) == order
    ordered = [c for c in data.select_dtypes("category") if data[c].cat.ordered]
    assert ordered == ["employment"]
    assert list(data["other_parties"]) == ["none", "none", "guarantor"]


def test_an_unknown_level_of_an_ordered_column_is_an_error(tmp_path):
    odd = GERMAN.assign(employment="for ever")
    odd.to_csv(tmp_path / "german_credit.csv.gz", index=False)
    with pytest.raises(ValueError, match="'employment' has missing or unknown levels"):
        fetch_german_credit(data_home=tmp_path)


def test_gmsc_keeps_missing_values_and_drops_the_row_number(tmp_path):
    # As Kaggle has it: a first column without a name.
    GMSC.to_csv(tmp_path / "gmsc.csv.gz", na_rep="NA")
    bunch = fetch_gmsc(data_home=tmp_path)
    assert bunch.feature_names == [c for c in GMSC if c != "SeriousDlqin2yrs"]
    assert_frame_equal(bunch.data, GMSC.drop(columns="SeriousDlqin2yrs"))
    assert bunch.data.isna().sum().sum() == 2
    complete = fetch_gmsc(data_home=tmp_path, balanced=True, random_state=0).data
    integers = list(complete.select_dtypes("int64"))
    assert integers == ["age", "MonthlyIncome", "NumberOfDependents"]


@pytest.mark.parametrize("fetch", [fetch_gmsc, fetch_credit_default])
def test_balanced_draws_as_many_of_each_class(fetch, tmp_path):
    write(fetch, tmp_path)
    source = fetch(data_home=tmp_path).data
    draws = []
    for seed in (0, 0, *range(1, 8)):
        bunch = fetch(data_home=tmp_path, balanced=True, random_state=seed)
        np.testing.assert_array_equal(np.bincount(bunch.target), [2, 2])
        assert bunch.data.index.equals(pd.RangeIndex(4))
        assert not bunch.data.isna().any().any()
        draws.append(bunch.data)
        column = bunch.data.columns[0] if fetch is fetch_credit_default else "age"
        position = [list(source[column]).index(v) for v in bunch.data[column]]
        assert position == sorted(set(position))
    assert_frame_equal(draws[0], draws[1])
    assert any(not draws[0].equals(other) for other in draws[2:])


def test_mnist_scaling(tmp_path):
    write(fetch_mnist, tmp_path)
    bunch = fetch_mnist(data_home=tmp_path, as_frame=False)
    assert bunch.data.shape == (3, 784)
    assert bunch.data.dtype == np.float32
    assert bunch.data[0].max() == -1
    assert bunch.data[1, 0] == 1
    assert bunch.data[2, 783] == pytest.approx(-0.6)
    assert bunch.target.dtype == np.int64
    np.testing.assert_array_equal(bunch.target, [7, 0, 3])
    assert bunch.favourable is None


@pytest.mark.parametrize(
    ("fetch", "options", "shape", "n_categories", "share"),
    [
        (fetch_adult, {}, (48_842, 12), 8, 11_687 / 48_842),
        (fetch_california_housing, {}, (20_640, 8), 0, 10_317 / 20_640),
        (fetch_compas, {}, (6_172, 8), 3, 0.5449),
        (fetch_credit_default, {}, (30_000, 23), 3, 1 - 6_636 / 30_000),
        (fetch_credit_default, {"balanced": True}, (13_272, 23), 3, 0.5),
        (fetch_german_credit, {}, (1_000, 20), 13, 0.7),
        (fetch_gmsc, {}, (150_000, 10), 0, 1 - 10_026 / 150_000),
        (fetch_gmsc, {"balanced": True}, (16_714, 10), 0, 0.5),
        (fetch_mnist, {"as_frame": False}, (10_000, 784), 0, None),
    ],
)
def test_real_file(fetch, options, shape, n_categories, share):
    if not REAL or not (Path(REAL) / FILES[fetch]).is_file():
        pytest.skip(f"SKLEARN_CT_DATA names no folder with {FILES[fetch]}")
    bunch = fetch(data_home=REAL, **options)
    assert bunch.data.shape == shape
    assert len(bunch.categories) == n_categories
    if share is None:
        np.testing.assert_array_equal(np.bincount(bunch.target)[:2], [980, 1135])
    else:
        assert (bunch.target == bunch.favourable).mean() == pytest.approx(
            share, abs=1e-4
        )
