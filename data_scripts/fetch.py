"""Fetch the real edition's files into the cache folder, each of them verified.

Run it from anywhere:

    python data_scripts/fetch.py --list     what there is, and what is here already
    python data_scripts/fetch.py mnist      one group, or single names
    python data_scripts/fetch.py --all      everything, about 700 MB

The files go to the folder that the environment variable COURSE_CACHE names, or, if it
is not set or cannot be written, to the user's own cache folder.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from helpers import sources


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0, or 1 when a name failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="names or groups, as --list shows")
    parser.add_argument("--list", action="store_true", help="show what there is")
    parser.add_argument("--all", action="store_true", help="fetch everything")
    options = parser.parse_args(arguments)
    if not (options.list or options.all or options.names):
        parser.error("give names, --all or --list")
    names = [*sources.SOURCES] if options.all else expand_groups(options.names)
    failed = sum([not fetch_or_complain(name) for name in names])
    if options.list:
        print(format_table())
    return 1 if failed else 0


def expand_groups(names: list[str]) -> list[str]:
    """Replace each group, such as ``mnist``, by the names that start with it."""
    expanded = []
    for name in names:
        members = [
            member for member in sources.SOURCES if member.startswith(f"{name}/")
        ]
        expanded += members or [name]
    return list(dict.fromkeys(expanded))


def fetch_or_complain(name: str) -> bool:
    """Fetch one file and print its path, or one sentence on stderr; return success."""
    try:
        path = sources.fetch(name)
    except (sources.SourceError, ValueError) as error:
        print(error, file=sys.stderr)
        return False
    print(f"{name}: {path}")
    return True


def format_table() -> str:
    """Return all sources as aligned lines: name, size, licence, place, description."""
    rows = [("name", "size", "licence", "what", "where")]
    for name, source in sources.SOURCES.items():
        path = sources.locate(name)
        rows.append(
            (
                name,
                sources.format_size(source.size),
                source.licence,
                source.description,
                str(path or "not here"),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    )


if __name__ == "__main__":
    sys.exit(main())
