"""A course for nbgrader, which hands exercises out, collects and grades them.

    python -m helpers.assignments [--output build/assignments]

writes its folder, with a release of each notebook in notebooks/solutions.
"""

import argparse
import re
import shutil
import sys
from pathlib import Path

from nbgrader.apps import NbGraderAPI
from traitlets.config.loader import Config, PyFileConfigLoader

from helpers.run_notebooks import ROOT
from helpers.student import STUB

_CONFIG = """\
# Written by `python -m helpers.assignments`, which replaces it. Settings of your own,
# such as the folder of the exchange, go to ~/.jupyter/nbgrader_config.py.
import os
import sysconfig

c = get_config()
c.CourseDirectory.course_id = "what-a-classifier-looks-at"
c.ClearSolutions.code_stub = {{"python": {stub!r}}}
c.Execute.timeout = 600  # seconds a cell; some train a network


# Kernels that grade find `helpers` here and draw no widgets; nbgrader finds alembic.
def put_first(name, folder):
    os.environ[name] = os.pathsep.join(filter(None, [folder, os.environ.get(name)]))


put_first("PYTHONPATH", {project!r})
put_first("PATH", sysconfig.get_path("scripts"))
os.environ["COURSE_WIDGETS"] = "off"
"""


def write(output, root=ROOT, names=None):
    """Write a course folder for nbgrader: config, sources, releases, gradebook.

    Nothing outside of the folder is touched. What was submitted and graded there
    stays. `nbgrader` commands work inside the folder as they are.

    Parameters
    ----------
    output : pathlib.Path
    root : pathlib.Path
        The folder that has notebooks/solutions.
    names : list of str, optional
        Which notebooks: "01_one_or_seven". Without it, all of them.

    Returns
    -------
    list of pathlib.Path
        The released notebooks.

    Raises
    ------
    RuntimeError
        If nbgrader cannot release a notebook.
    """
    output.mkdir(parents=True, exist_ok=True)
    text = _CONFIG.format(stub=STUB, project=str(ROOT))
    (output / "nbgrader_config.py").write_text(text, "utf-8")
    grader = open_course(output)
    released = []
    for path in sorted((root / "notebooks" / "solutions").glob("*.ipynb")):
        if names is None or path.stem in names:
            source = output / "source" / path.stem
            source.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, source)
            result = grader.generate_assignment(path.stem)
            if not result["success"]:
                raise RuntimeError(
                    f"nbgrader could not release {path.stem} ({_find_cause(result)}); "
                    f"mend notebooks/solutions/{path.name}, or delete {output}."
                )
            released.append(output / "release" / path.stem / path.name)
    return released


def open_course(folder):
    """Open a course folder with nbgrader's own interface.

    Parameters
    ----------
    folder : pathlib.Path
        It holds nbgrader_config.py, whose settings count here too; those of the
        environment stay set.

    Returns
    -------
    nbgrader.apps.NbGraderAPI
    """
    config = Config(PyFileConfigLoader("nbgrader_config.py", str(folder)).load_config())
    config.CourseDirectory.root = str(folder.resolve())
    for name in ("root", "cache"):  # not those of this machine
        config.Exchange[name] = str(folder.resolve() / "exchange")
    return NbGraderAPI(config=config)


def _find_cause(result):
    """Return the last line of the first traceback that nbgrader logged."""
    lines = f"{result.get('log', '')}\n{result.get('error', '')}".splitlines()
    causes = [
        line.strip() for line in lines if re.match(r"\s*[\w.]*(Error|Exception)", line)
    ]
    return causes[0] if causes else "no reason given"


def main(arguments=None):
    """Write the course, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "assignments")
    output = parser.parse_args(arguments).output
    if output.exists() and not output.is_dir():
        parser.error(f"--output must be a folder, got the file {output}; name another.")
    try:
        released = write(output)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 2
    for path in released:
        print(f"Released {path.stem}")
    print(f"Grade them in {output}: nbgrader autograde NAME, then nbgrader export.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
