import json

import numpy as np
import pytest

from tests.reference import compare, make_reference

pytestmark = pytest.mark.usefixtures("started")

COMPARISONS = compare.list_comparisons()
FILES = ("captum", "grades", "networks", "pair", "xplique", "zennit")


def list_cases(agrees):
    return [
        pytest.param(
            compared, network, id=f"{compared.method}-{compared.library}-{network}"
        )
        for compared in COMPARISONS
        for network in compared.networks
        if compared.agrees == agrees
    ]


@pytest.mark.parametrize(("compared", "network"), list_cases(agrees=True))
def test_ours_equals_an_independent_implementation(compared, network):
    assert compare.measure(compared, network) <= compare.TOLERANCE


@pytest.mark.parametrize(("compared", "network"), list_cases(agrees=False))
def test_where_a_library_means_something_else_the_numbers_differ(compared, network):
    assert compare.measure(compared, network) > 100 * compare.TOLERANCE


def test_arrays_are_those_that_were_made():
    recorded = json.loads(make_reference.VERSIONS.read_text("utf-8"))["sha256"]
    found = {
        path.name: make_reference.hash_file(path) for path in compare.HERE.glob("*.npz")
    }
    assert found == recorded
    assert sorted(found) == [f"{name}.npz" for name in FILES]


def test_hashes_follow_the_content(tmp_path):
    # The SHA-256 of "abc" is the first test vector of FIPS 180-4.
    (tmp_path / "abc").write_bytes(b"abc")
    wanted = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert make_reference.hash_file(tmp_path / "abc") == wanted


def test_versions_are_those_asked_for():
    recorded = json.loads(make_reference.VERSIONS.read_text("utf-8"))["versions"]
    for environment in make_reference.ENVIRONMENTS:
        made = recorded[environment.script]
        pinned = dict(
            package.split("==") for package in environment.packages + environment.bare
        )
        for name, version in made.items():
            assert name == "python" or version.split("+")[0] == pinned[name]


def test_networks_are_those_that_are_drawn():
    drawn = make_reference.draw_networks()
    stored = compare.read("networks")
    assert drawn.keys() == stored.keys()
    for name, values in drawn.items():
        assert np.array_equal(values, stored[name])
        assert values.dtype == stored[name].dtype


def test_every_stored_array_is_compared_and_says_something():
    used = {
        (compared.library.lower(), f"{network}/{compared.key}")
        for compared in COMPARISONS
        for network in compared.networks
    }
    stored = {
        (library, key): values
        for library in FILES
        if library not in ("networks", "grades")
        for key, values in compare.read(library).items()
    }
    assert used == stored.keys()
    for values in stored.values():
        assert np.isfinite(values).all()
        assert np.ptp(values) > 1e-4


def test_arrays_stay_small():
    assert sum(path.stat().st_size for path in compare.HERE.glob("*.npz")) < 300e3
