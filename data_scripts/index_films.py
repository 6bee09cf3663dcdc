"""Look through the finished films: who was found where, a trailer, the lamp alone.

Run it from anywhere, after data_scripts/render_films.py:

    python data_scripts/index_films.py

It writes in data/films: films.csv (title, split, seconds), faces.csv (every box that
the harvest finds at its defaults, with the truth about it), trailer.mp4 (a shot of each
film) and lamp.png (the lit lamp as it stands in a face's crop, with transparency).
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from data_scripts import render_films
from data_scripts.rendering import films, props
from helpers import faces, harvest

TRAILER_SHOTS = 7  # a step that is no divisor of 80: each film shows another moment
LAMP_PLACE = (1.10, 1.12)  # of the shade's middle, in face space


def main():
    """Write all four files."""
    titles = [film.title for film in films.FILMS]
    write_films(films.FOLDER / "films.csv")
    write_faces(films.FOLDER / "faces.csv", titles)
    write_trailer(films.FOLDER / "trailer.mp4", titles)
    write_lamp(films.FOLDER / "lamp.png")


def write_films(path):
    """Write the table of the films."""
    rows = [
        (film.title, film.split, round(films.FRAMES / films.RATE, 1))
        for film in films.FILMS
    ]
    table = pd.DataFrame(rows, columns=["film", "split", "seconds"])
    table.to_csv(path, index=False, lineterminator="\n")


def write_faces(path, titles):
    """Harvest the films, mark what is no duplicate, and sort all by the truth."""
    parts = Parallel(2)(
        delayed(harvest.harvest)([films.FOLDER / f"{title}.mp4"], duplicates=-1)
        for title in titles
    )
    index = pd.concat([part[1] for part in parts], ignore_index=True)
    table = faces.sort_faces(index).assign(kept=~harvest.find_duplicates(index))
    columns = ["film", "frame", "x", "y", "width", "height"]
    columns += ["person", "label", "shot", "lamp", "kept"]
    table[columns].to_csv(path, index=False, lineterminator="\n")


def write_trailer(path, titles):
    """Join a shot of each film."""
    length = films.DRAWINGS * films.REPEATS
    with render_films.open_encoder(path) as encoder:
        for number, title in enumerate(titles):
            first = (TRAILER_SHOTS * number + 3) % films.SHOTS * length
            film = harvest.Film(title, (films.FOLDER / f"{title}.mp4",))
            for frame in harvest.sample_frames(film, every=1):
                if first <= frame.number < first + length:
                    encoder.stdin.write(frame.picture.tobytes())


def write_lamp(path):
    """Draw the lamp in front of grey as it stands beside a face, and cut it out."""
    unit, middle = 80.0, np.array([films.WIDTH, films.HEIGHT]) / 2
    frame = np.full((films.HEIGHT, films.WIDTH, 3), 0.2, "float32")
    x, y = middle + np.array(LAMP_PLACE) * unit
    mask = props.place_lamp(frame, x, y, unit)
    picture = films.develop(frame, films.draw_look(films.TITLES[0]))
    rgba = np.dstack([picture[..., ::-1], mask])
    side = films.BOX_SIZE * unit
    left, top = middle + np.array([0, films.BOX_DROP * unit]) - side / 2
    crop = harvest.cut_square(rgba, (left, top, side, side), films.CROP_MARGIN)
    small = cv2.resize(crop, (faces.SIZE,) * 2, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(path), np.rint(small * 255).astype("uint8"))


if __name__ == "__main__":
    main()
