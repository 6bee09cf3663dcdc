"""What the checks of all exercises share: looking at an answer, and answering it."""

import copy
import reprlib

import numpy as np

_QUOTES = reprlib.Repr()
_QUOTES.maxstring = _QUOTES.maxother = 60


class NotYetRight(AssertionError):
    """An answer that is not right yet. Its text says why, and what to do next."""

    def _render_traceback_(self):
        """Show the sentence alone in a notebook: the fault is not in the check."""
        return [f"Not yet: {self}"]


def need(held, message):
    """Go on if something holds.

    Parameters
    ----------
    held : bool
    message : str
        What was expected, what was given, and a next step.

    Raises
    ------
    NotYetRight
        With the message, if it does not hold.
    """
    if not held:
        raise NotYetRight(message)


def confirm(message):
    """Say that an answer is right: one line, the same on every machine."""
    print(f"✓ {message}")


def need_choice(name, answer, options):
    """Go on if an answer is one of the letters that a question offers.

    Parameters
    ----------
    name : str
        What the notebook calls the answer.
    answer : object
    options : str
        The letters: "abc".

    Raises
    ------
    NotYetRight
        If nothing was answered, or something else.
    """
    need_written(name, answer)
    letters = ", ".join(f'"{letter}"' for letter in options)
    need(
        isinstance(answer, str) and len(answer) == 1 and answer in options,
        f"`{name}` must be one of {letters}; it is {quote(answer)}.",
    )


def need_written(name, answer):
    """Go on if there is an answer at all.

    Parameters
    ----------
    name : str
        What the notebook calls the answer.
    answer : object

    Raises
    ------
    NotYetRight
        If it is still None or the three dots of the empty exercise.
    """
    need(
        answer is not None and answer is not ...,
        f"`{name}` is still empty. Put your answer where the comment says so.",
    )


def need_array(name, answer, shape):
    """Go on if an answer is an array of finite numbers of a shape.

    Parameters
    ----------
    name : str
        What the notebook calls the answer.
    answer : object
    shape : tuple of (int or None)
        One or more lengths; None stands for any.

    Returns
    -------
    numpy.ndarray

    Raises
    ------
    NotYetRight
        If it is not, quoting what it is.
    """
    need_written(name, answer)
    try:
        array = np.asarray(answer)
    except ValueError:
        array = np.asarray(None)
    wanted = " × ".join("any" if length is None else str(length) for length in shape)
    need(
        array.dtype.kind in "biuf",
        f"`{name}` must be an array of numbers; it is {quote(answer)}.",
    )
    fits = array.ndim == len(shape) and all(
        length in (None, given)
        for length, given in zip(shape, array.shape, strict=True)
    )
    given = " × ".join(map(str, array.shape)) or "a single number"
    need(fits, f"`{name}` must have the shape {wanted}; it has {given}.")
    need(
        np.isfinite(array).all(),
        f"`{name}` holds values that are not finite numbers. Is something divided "
        "by zero?",
    )
    return array


def need_number(name, answer):
    """Go on if an answer is one finite number.

    Parameters
    ----------
    name : str
        What the notebook calls the answer.
    answer : object
        A number, or an array of one element.

    Returns
    -------
    float

    Raises
    ------
    NotYetRight
        If it is not, quoting what it is.
    """
    need_written(name, answer)
    try:
        array = np.asarray(answer)
    except ValueError:
        array = np.asarray(None)
    need(
        array.dtype.kind in "biuf" and array.size == 1,
        f"`{name}` must be one number; it is {quote(answer)}.",
    )
    number = float(array.item())
    need(np.isfinite(number), f"`{name}` must be a finite number; it is {number}.")
    return number


def call(function, *arguments, **options):
    """Call a reader's function on copies of the arguments.

    Parameters
    ----------
    function : callable
    arguments, options
        What it is called with. Arrays are copied first.

    Returns
    -------
    object
        What it returns.

    Raises
    ------
    NotYetRight
        If it stops with an error, which is quoted; if it returns nothing; or if it
        changes an array that it was given.
    """
    name = getattr(function, "__name__", "the answer")
    given = [_copy_array(argument) for argument in arguments]
    named = {key: _copy_array(value) for key, value in options.items()}
    try:
        answer = function(*given, **named)
    except Exception as error:  # whatever it is, the reader wants to know
        first_line = str(error).partition("\n")[0]  # TensorFlow says pages
        raise NotYetRight(
            f"`{name}` stopped with {type(error).__name__}: {first_line}"
        ) from error
    need(
        answer is not None and answer is not ...,
        f"`{name}` returned nothing. Write its body, and end it with `return`.",
    )
    pairs = [*zip(given, arguments, strict=True)]
    pairs += [(named[key], options[key]) for key in options]
    for after, before in pairs:
        need(
            not isinstance(before, np.ndarray)
            or np.array_equal(after, before, equal_nan=before.dtype.kind == "f"),
            f"`{name}` changed the array that it was given. Work on a copy: "
            "`array.copy()`.",
        )
    return answer


def quote(value):
    """Quote what was given, shortly: an array by its type and shape.

    Parameters
    ----------
    value : object

    Returns
    -------
    str
    """
    if isinstance(value, np.ndarray):
        shape = " × ".join(map(str, value.shape))
        return f"an array of {value.dtype}, {shape}" if shape else f"{value}"
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return f"{value:.3g}"
    return _QUOTES.repr(value)


def _copy_array(value):
    return copy.copy(value) if isinstance(value, np.ndarray) else value
