"""What the docstrings of `helpers` say is complete: numpy's sections, by a lean rule.

A function of which three lines tell all needs no sections. Any longer docstring names
every parameter and what comes back, and whatever raises an error says so.
"""

import ast
import inspect
import re
from pathlib import Path

import pytest

HELPERS = Path(__file__).resolve().parent.parent / "helpers"
SHORT = 3  # lines that may do without sections
BORROWED = re.compile(r"Parameters(?:, errors)?(?: and \w+)? are those of\s+`")


def list_functions():
    """List the public functions; those of a class are its own business.

    The checks of exercises are left out: they take what the reader made, and the
    exercise says what that is.
    """
    for path in sorted(HELPERS.rglob("*.py")):
        if path.parent.name != "exercises":
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.FunctionDef) and node.name[0] != "_":
                    name = f"{path.relative_to(HELPERS).with_suffix('').as_posix()}"
                    yield pytest.param(node, id=f"{name}.{node.name}")


def walk_body(node):
    """Walk what a function itself does, not the functions inside it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            yield child
            yield from walk_body(child)


def read_sections(docstring):
    """Cut a docstring at its underlined titles: {title: its lines}."""
    sections, title = {}, ""
    lines = docstring.splitlines()
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if re.fullmatch("-{3,}", below) and len(line) == len(below):
            title = line
        elif not re.fullmatch("-{3,}", line):
            sections.setdefault(title, []).append(line)
    return sections


def name_parameters(node):
    """Return the names of a function's parameters, and those its docstring names."""
    given = node.args
    names = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    names += [name for name in (given.vararg, given.kwarg) if name]
    lines = read_sections(inspect.cleandoc(ast.get_docstring(node)))
    named = [
        name.strip(" *")
        for line in lines.get("Parameters", [])
        if line and not line.startswith(" ")
        for name in line.split(" : ")[0].split(",")
    ]
    return [name.arg for name in names], named


@pytest.mark.parametrize("node", [*list_functions()])
def test_public_functions_say_what_they_take_return_and_raise(node):
    docstring = ast.get_docstring(node)
    assert docstring, "a public function has a docstring"
    borrowed = BORROWED.search(docstring)
    sections = read_sections(docstring)
    names, named = name_parameters(node)
    body = list(walk_body(node))
    if any(isinstance(step, ast.Raise) and step.exc for step in body):
        assert "Raises" in sections or "Error" in docstring or borrowed
    if len(docstring.splitlines()) <= SHORT:
        return
    if not borrowed:
        assert sorted(named) == sorted(names), "the Parameters section names each one"
    if any(isinstance(step, ast.Return) and step.value for step in body):
        assert "Returns" in sections
    if any(isinstance(step, ast.Yield) and step.value for step in body):
        assert "Yields" in sections
