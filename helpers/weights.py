"""Networks' weights in compressed files: small, without pickle, checked when read."""

import numpy as np


def save_weights(path, models, names=None):
    """Store networks of one architecture in one file, as float16: half the size.

    Parameters
    ----------
    path : pathlib.Path
        Written whole or not at all.
    models : list of keras.Model
    names : list of str, optional
        Told apart by these in the file; "0", "1", … if absent.
    """
    names = _number(models) if names is None else names
    arrays = {
        f"{name}/{key}": values.astype("float16")
        for name, model in zip(names, models, strict=True)
        for key, values in _name_weights(model).items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, **arrays)
    partial.replace(path)


def read_weights(path, models, remake, names=None):
    """Give networks the weights that `save_weights` stored.

    Parameters
    ----------
    path : pathlib.Path
    models : list of keras.Model
        Changed in place.
    remake : str
        The command that makes the file again, for the error.
    names : list of str, optional
        Which of the stored networks; "0", "1", … if absent.

    Returns
    -------
    list of keras.Model
        The same.

    Raises
    ------
    ValueError
        If the file does not hold exactly these layers in these shapes.
    """
    names = _number(models) if names is None else names
    with np.load(path, allow_pickle=False) as stored:
        for name, model in zip(names, models, strict=True):
            start = f"{name}/"
            wanted = {k: values.shape for k, values in _name_weights(model).items()}
            found = {
                key.removeprefix(start): stored[key]
                for key in stored.files
                if key.startswith(start)
            }
            for key in wanted | found:
                shape = found[key].shape if key in found else "absent"
                if wanted.get(key) != shape:
                    raise ValueError(
                        f"{path.name} does not fit the network: {key} should be "
                        f"{wanted.get(key, 'absent')} and is {shape}; "
                        f"make it again with `{remake}`."
                    )
            model.set_weights([found[key] for key in wanted])
    return models


def _number(models):
    return [str(place) for place in range(len(models))]


def _name_weights(model):
    return {
        f"{layer.name}.{variable.name}": variable.numpy()
        for layer in model.layers
        for variable in layer.weights
    }
