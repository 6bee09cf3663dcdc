"""Make what `helpers.retraining` measures and trains, and store it in data/.

Run it from anywhere, for about six minutes:

    python data_scripts/retrain.py

It writes the table data/leaderboard/retraining.csv, and the network that learned
random labels, data/digits/random_labels.npz.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from helpers import runtime

DATA = Path(__file__).resolve().parent.parent / "data"


def main():
    """Write both files."""
    runtime.start("embedded")
    from helpers import digits, networks, retraining

    lesson = retraining.draw_random_labels(digits.load("embedded"))
    model = retraining.train_on_random_labels(*lesson)
    path = networks.name_file(DATA, "random labels")
    retraining.save_random_label_network(path, model)

    table = retraining.tabulate_retraining().round(4)
    retraining.TABLE.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(retraining.TABLE, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
