"""Fetch clips of CREMA-D, harvest their faces and sort them by what was acted.

Run it from anywhere, with a network:

    python data_scripts/fetch_crema_d.py

It fetches the 364 clips of data/crema_d.csv, 109 MB: 91 actors say one sentence angry,
happy, sad and neutral. Each is checked against its hash; what is there already is not
fetched again. The faces go to crema_d/sorted in the cache folder. To have chapters 3
and 4 use them, set COURSE_EDITION=real and COURSE_FACES to that folder.

CREMA-D: H. Cao and others (2014), https://doi.org/10.1109/TAFFC.2014.2336244, under the
Open Database License; the actors agreed to the recording and its release.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pandas as pd
import pooch
import requests
from imageio.v3 import imwrite
from tqdm.auto import tqdm

from helpers import harvest, sources

TABLE = Path(__file__).resolve().parent.parent / "data" / "crema_d.csv"
ADDRESSES = (
    "https://gitlab.com/cs-cooper-lab/crema-d-mirror/-/raw/main/VideoFlash/{clip}",
    "https://media.githubusercontent.com/media/CheyneyComputerScience/CREMA-D/master/"
    "VideoFlash/{clip}",
)
EMOTIONS = {"ANG": "angry", "HAP": "happy", "SAD": "sad", "NEU": "neutral"}
EVERY = 0.5  # seconds between the frames that are looked at


def main():
    """Fetch, harvest and sort; return the exit code."""
    try:
        folder = sources.writable_cache_folder() / "crema_d"
        clips = fetch_clips(pd.read_csv(TABLE), folder / "clips")
    except sources.SourceError as error:
        print(error, file=sys.stderr)
        return 1
    count = sort_faces(clips, folder / "sorted")
    print(f"{count} faces are in {folder / 'sorted'}. To use them in chapters 3 and 4:")
    print(f"COURSE_EDITION=real COURSE_FACES={folder / 'sorted'}")
    return 0


def fetch_clips(table, folder):
    """Fetch the clips of a table, each checked against its hash.

    Parameters
    ----------
    table : pandas.DataFrame
        ``clip``, ``bytes`` and ``sha256``.
    folder : pathlib.Path

    Returns
    -------
    list of pathlib.Path

    Raises
    ------
    helpers.sources.SourceError
        If a clip cannot be had from either address.
    """
    paths = []
    with tqdm(
        total=table["bytes"].sum(), unit="B", unit_scale=True, desc="clips"
    ) as bar:
        for row in table.itertuples():
            paths.append(_fetch_clip(row.clip, row.sha256, folder))
            bar.update(row.bytes)
    return paths


def sort_faces(clips, folder):
    """Harvest clips and write each face to the folder of what was acted.

    Parameters
    ----------
    clips : list of pathlib.Path
        Named as CREMA-D names them: actor, sentence, emotion, level.
    folder : pathlib.Path

    Returns
    -------
    int, the number of faces
    """
    crops, index, _ = harvest.harvest(clips, every=EVERY, unit="seconds")
    for crop, row in zip(crops, index.itertuples(), strict=True):
        label = EMOTIONS[row.film.split("_")[2]]
        (folder / label).mkdir(parents=True, exist_ok=True)
        imwrite(folder / label / Path(row.file).with_suffix(".png"), crop)
    return len(crops)


def _fetch_clip(clip, digest, folder):
    failures = []
    for address in ADDRESSES:
        try:
            return Path(
                pooch.retrieve(
                    address.format(clip=clip), f"sha256:{digest}", clip, folder
                )
            )
        except (requests.RequestException, ValueError, OSError) as error:
            failures.append(f"{type(error).__name__}: {error}".splitlines()[0])
    raise sources.SourceError(
        f"{clip} could not be fetched ({'; '.join(failures)}): check the network and "
        "the disk, and run this again; what is here already stays."
    )


if __name__ == "__main__":
    sys.exit(main())
