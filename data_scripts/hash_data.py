"""Write data/SHA256SUMS: one line a file, as the tool sha256sum writes and checks it.

Run it from anywhere: python data_scripts/hash_data.py
"""

import hashlib
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "data"
SUMS = DATA / "SHA256SUMS"


def list_hashes(folder=DATA):
    """Return the lines of SHA256SUMS for what lies in a folder now, sorted by name."""
    described = {SUMS.name, "README.md"}
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  "
        f"{path.relative_to(folder).as_posix()}"
        for path in files
        if path.name not in described and not path.name.startswith(".")
    ]


def main():
    """Write the file."""
    SUMS.write_text("\n".join(list_hashes()) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
