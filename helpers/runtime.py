"""How every notebook starts: quietly, seeded, and in a named edition."""

import contextlib
import os
import platform
import sys
import tempfile
import warnings

EDITIONS = ("embedded", "real")


def choose_edition(edition):
    """Return the edition to run: ``COURSE_EDITION`` if it is set, else `edition`.

    Parameters
    ----------
    edition : str

    Returns
    -------
    str
        One of `EDITIONS`.

    Raises
    ------
    ValueError
        If the name is not one of `EDITIONS`.
    """
    override = os.environ.get("COURSE_EDITION")
    name, origin = (
        (override, "COURSE_EDITION") if override else (edition, "EDITION, above,")
    )
    if name not in EDITIONS:
        raise ValueError(
            f"The edition must be 'embedded' or 'real', got {name!r}; "
            f"set {origin} to one of the two."
        )
    return name


def start(edition="embedded", seed=0):
    """Start TensorFlow without its chatter, set every seed, print the versions.

    Parameters
    ----------
    edition : str
        "embedded" or "real"; the environment variable ``COURSE_EDITION`` wins.
    seed : int
        The seed of Python, NumPy and TensorFlow. Operations are made deterministic,
        so that a second run on the same machine gives the same numbers.

    Returns
    -------
    str
        The edition that runs.
    """
    edition = choose_edition(edition)
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silenced_descriptors():
        import keras
        import tensorflow

        tensorflow.config.list_physical_devices()
    tensorflow.get_logger().setLevel("ERROR")
    tensorflow.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(seed)
    # tf-keras-vis 0.8.7 calls models and SciPy in ways that Keras 3 and SciPy 1.16
    # remark on. Neither remark changes a result, and one prints a path.
    warnings.filterwarnings("ignore", message="The structure of .inputs.")
    warnings.filterwarnings("ignore", message=".*scipy.ndimage.* namespace")
    print(
        f"{edition} edition · Python {platform.python_version()} · "
        f"TensorFlow {tensorflow.__version__} · Keras {keras.__version__} · seed {seed}"
    )
    return edition


@contextlib.contextmanager
def silenced_descriptors():
    """Send what C++ libraries write to file descriptors 1 and 2 into the void.

    TensorFlow and absl write on import whatever the log level says, straight to the
    descriptor, before logging is set up; inside Jupyter those lines would become part
    of the notebook. If the body fails, what was swallowed is written out after all.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = {descriptor: os.dup(descriptor) for descriptor in (1, 2)}
    with tempfile.TemporaryFile() as swallowed:
        try:
            for descriptor in saved:
                os.dup2(swallowed.fileno(), descriptor)
            yield
        except BaseException:
            swallowed.seek(0)
            os.write(saved[2], swallowed.read())
            raise
        finally:
            for descriptor, copy in saved.items():
                os.dup2(copy, descriptor)
                os.close(copy)
