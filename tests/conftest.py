"""The same random state for every test, and fixtures that several share."""

import random
import sys

import numpy as np
import pytest

from helpers import runtime


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup():
    """Seed Python, NumPy and TensorFlow, so that no test depends on those before it.

    Where Keras is imported later, its layers draw their seeds from Python's.
    """
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    if keras := sys.modules.get("keras"):
        keras.utils.set_random_seed(0)


@pytest.fixture(scope="session")
def started():
    """TensorFlow, started as the notebooks start it."""
    return runtime.start()


@pytest.fixture(scope="session")
def small_model(started):
    """An untrained network with a softmax head: 12x12x1 pictures, three classes."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            layers.Input((12, 12, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )


@pytest.fixture
def small_images():
    """Four pictures that fit `small_model`."""
    return np.random.default_rng(2).random((4, 12, 12, 1)).astype("float32")
