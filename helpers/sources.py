"""The files the real edition needs: where each comes from, and a checked way to it.

A file counts only after its size and hash agree with the table below. No hash of the
MobileNetV2 weights, the VGG-Face weights and the London faces is published, so theirs
are recorded on the first download and compared ever after.

A download that breaks off, or is killed, goes on where it stopped when it is asked for
again. What is there already is in a partial file whose name stands for one version of
the file at one address, so that two versions are never mixed; and only one process at
a time writes it, while others wait.
"""

import contextlib
import hashlib
import itertools
import json
import os
import shutil
import stat
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pooch
import requests
from tqdm.auto import tqdm

STALL_SECONDS = 30  # a server that sends nothing for so long is given up
STALE_SECONDS = 7 * 24 * 3600  # a partial file untouched for so long is given up
RECORDS = "recorded_hashes.json"

_PART = ".part"
_OSSCI = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_CVDF = "https://storage.googleapis.com/cvdf-datasets/mnist/"
_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/"
_CHOLLET = "https://github.com/fchollet/deep-learning-models/releases/download/v0.1/"
_MOBILENET_V2 = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5"
_XCEPTION = "fer2013_mini_XCEPTION.102-0.66.hdf5"
_VGG16 = "vgg16_weights_tf_dim_ordering_tf_kernels.h5"
_VGG16_WITHOUT_TOP = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
_VGG_FACE = "rcmalli_vggface_tf_notop_vgg16.h5"


class SourceError(RuntimeError):
    """A file is neither here nor to be had; the message says what to do."""


class Source(NamedTuple):
    """One row of the table: `file_name` is relative to a cache folder, `size` in bytes.

    `known_hash` is "sha256:…" or "md5:…", or None where none is published. `urls` are
    tried in order; `page` is for people. `size` is None where none is published.
    """

    file_name: str
    urls: tuple[str, ...]
    size: int | None
    known_hash: str | None
    licence: str
    page: str
    description: str


def _list_mnist(file_name, size, sha256, description):
    return Source(
        f"mnist/{file_name}",
        (_OSSCI + file_name, _CVDF + file_name),
        size,
        f"sha256:{sha256}",
        "CC BY-SA 3.0, as usually stated",
        "https://github.com/cvdfoundation/mnist",
        description,
    )


def _list_london(file_name, number):
    return Source(
        f"faces_london_archives/{file_name}",
        (f"https://ndownloader.figshare.com/files/{number}",),
        None,
        None,
        "CC BY 4.0, L. DeBruine and B. Jones 2017",
        "https://doi.org/10.6084/m9.figshare.5047666.v5",
        "photographs of 102 adults who agreed to it",
    )


SOURCES = {
    "mnist/train-images": _list_mnist(
        "train-images-idx3-ubyte.gz",
        9_912_422,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "60,000 handwritten digits, 28 by 28",
    ),
    "mnist/train-labels": _list_mnist(
        "train-labels-idx1-ubyte.gz",
        28_881,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "which digits they are",
    ),
    "mnist/t10k-images": _list_mnist(
        "t10k-images-idx3-ubyte.gz",
        1_648_877,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "10,000 more of them, to test on",
    ),
    "mnist/t10k-labels": _list_mnist(
        "t10k-labels-idx1-ubyte.gz",
        4_542,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        "which digits those are",
    ),
    "imagenet/class-index": Source(
        "models/mobilenet_v2/imagenet_class_index.json",
        (
            "https://storage.googleapis.com/download.tensorflow.org/data/"
            "imagenet_class_index.json",
            "https://s3.amazonaws.com/deep-learning-models/image-models/"
            "imagenet_class_index.json",
        ),
        35_363,
        "sha256:a1e7a966a1f601d39e4b43e119b3e7dd4a2ad3ea08cf69847cbaf021013767bc",
        "none stated",
        "https://keras.io/api/applications/",
        "the names of ImageNet's 1,000 classes",
    ),
    "mobilenet-v2/weights": Source(
        f"models/mobilenet_v2/{_MOBILENET_V2}",
        (f"{_KERAS}mobilenet_v2/{_MOBILENET_V2}",),
        14_536_120,
        None,
        "Apache-2.0",
        "https://keras.io/api/applications/mobilenet/",
        "MobileNetV2 trained on ImageNet, with its top",
    ),
    "vgg16/weights": Source(
        f"models/vgg16/{_VGG16}",
        (f"{_KERAS}vgg16/{_VGG16}", _CHOLLET + _VGG16),
        553_467_096,
        "md5:64373286793e3c8b2b4e3219cbf3544b",
        "CC BY 4.0, University of Oxford",
        "https://keras.io/api/applications/vgg/",
        "VGG16 trained on ImageNet, with its top",
    ),
    "vgg16/weights-without-top": Source(
        f"models/vgg16/{_VGG16_WITHOUT_TOP}",
        (f"{_KERAS}vgg16/{_VGG16_WITHOUT_TOP}", _CHOLLET + _VGG16_WITHOUT_TOP),
        58_889_256,
        "md5:6d6bbae143d832006294945121d1f1fc",
        "CC BY 4.0, University of Oxford",
        "https://keras.io/api/applications/vgg/",
        "its convolutions alone",
    ),
    "vgg-face/weights-without-top": Source(
        f"models/vgg_face/{_VGG_FACE}",
        (
            "https://github.com/rcmalli/keras-vggface/releases/download/v2.0/"
            f"{_VGG_FACE}",
        ),
        None,
        None,
        "for research, not for profit, as their converter states it; not confirmed",
        "https://www.robots.ox.ac.uk/~vgg/software/vgg_face/",
        "VGG16's convolutions trained to tell 2,622 celebrities apart (59 MB)",
    ),
    "mini-xception/weights": Source(
        f"models/emotion/{_XCEPTION}",
        (
            "https://github.com/oarriaga/face_classification/raw/master/"
            f"trained_models/emotion_models/{_XCEPTION}",
        ),
        872_856,
        "sha256:59534287fdfb125e30a94400296c25ea9f5d706fca93dd8adbbbed916799ea0e",
        "MIT; trained on FER2013, which is for research",
        "https://github.com/oarriaga/face_classification",
        "a network that names seven emotions in grey faces",
    ),
    "london-faces/neutral": _list_london("neutral_front.zip", 8541961),
    "london-faces/smiling": _list_london("smiling_front.zip", 8541964),
}

# Never downloaded, but taken where a cache folder has them. MobileNetV2's is the same
# network, its normalisation folded into the convolutions: good for answers, not for
# fine-tuning.
STAND_INS = {
    "mobilenet-v2/weights": SOURCES["mobilenet-v2/weights"]._replace(
        file_name="models/mobilenet_v2/"
        "tf2_mobilenet_v2_1.0_224_ptq_dequant_keras.weights.h5",
        urls=(),
        size=14_579_240,
        known_hash="sha256:"
        "34be146f4b85cdf30bc361198aba4ea3d78ae7e40b6e2c899cc47c737a86f112",
    ),
    "mobile-face-net/network": Source(
        "models/face_identity/mobilefacenet.keras",
        (),
        4_683_261,
        "sha256:41e1e07657fe6a8f88c6840a0022b1de4a3d10d14e6c3ca464a90c06805a4eb2",
        "Apache-2.0; trained on MS-Celeb-1M, which its makers have withdrawn",
        "https://arxiv.org/abs/1804.07573",
        "MobileFaceNet, which tells faces apart",
    ),
    "places365/network": Source(
        "models/places365/squeezenet11_bn_places365.keras",
        (),
        4_000_223,
        "sha256:2dc1fbbeabfedb811cc0ce1ccf4307565b0576b91b8d33039588a6b9ad97d750",
        "none stated",
        "http://places2.csail.mit.edu",
        "a SqueezeNet that names 365 kinds of places",
    ),
    "places365/mean-image": Source(
        "models/places365/places365_mean_image_bgr_hwc_224.npy",
        (),
        602_240,
        "sha256:c94978217e5c61c09ab67d1614b52efd0dea724cf6778482cfb068290a44ab1b",
        "none stated",
        "http://places2.csail.mit.edu",
        "the mean of the pictures it was trained on",
    ),
    "places365/categories": Source(
        "models/places365/categories_places365.txt",
        (),
        6_833,
        "sha256:2affba635eb657e7ca95f4e6cc69bd9fac29ef4c32aeb83cafdfcd06ec6a1ea6",
        "MIT",
        "https://github.com/CSAILVision/places365",
        "the names of its 365 classes",
    ),
}


def fetch(name: str) -> Path:
    """Return the local path of a source's verified file, downloaded where absent.

    Parameters
    ----------
    name : str
        A key of `SOURCES`.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    SourceError
        If no address gives the right file, no cache folder can be written, or the
        disk is too full. No unverified download gets the final name then.
    ValueError
        If the name is unknown.
    """
    return locate(name) or _download(name)


def locate(name: str) -> Path | None:
    """Return the path of a source's verified file, or None; nothing is downloaded.

    A damaged file is passed over, with a printed sentence that says what is wrong.

    Parameters
    ----------
    name : str
        One of `SOURCES`.

    Returns
    -------
    pathlib.Path or None

    Raises
    ------
    SourceError
        If the recorded hashes cannot be read.
    ValueError
        If the name is unknown.
    """
    wanted = [table[name] for table in (SOURCES, STAND_INS) if name in table]
    if not wanted:
        raise ValueError(
            f"There is no source named {name!r}; the names are {', '.join(SOURCES)}."
        )
    for source, folder in itertools.product(wanted, cache_folders()):
        path = folder / source.file_name
        if os.path.isfile(path):
            fault = _find_fault(path, name, source)
            if fault is None:
                return path
            print(f"{path} is not used, because it {fault}.")
    return None


def cache_folders() -> list[Path]:
    """List where files are looked for, in order.

    First ``COURSE_CACHE``, if it is set: it may be a classroom's shared, read-only
    folder. Then the user's own cache folder.

    Returns
    -------
    list of pathlib.Path
    """
    folders = [pooch.os_cache("what-a-classifier-looks-at")]
    if os.environ.get("COURSE_CACHE"):
        folders.insert(0, Path(os.environ["COURSE_CACHE"]).expanduser())
    return folders


def writable_cache_folder() -> Path:
    """Find the first cache folder that can be written; create it if it is absent.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    SourceError
        If none can be written.
    """
    for folder in cache_folders():
        if _can_write(folder):
            return folder
    raise SourceError(
        f"No cache folder can be written ({', '.join(map(str, cache_folders()))}); "
        "set COURSE_CACHE to a folder of yours, or set COURSE_EDITION=embedded, "
        "which needs no download."
    )


def format_size(size: int | None) -> str:
    """Write a number of bytes for people: "4.5 kB", "553.5 MB"."""
    if size is None:
        return "size unknown"
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"


def _can_write(folder):
    # Trying is the only test that holds for network shares and on Windows. But root may
    # write anywhere, so a folder that is marked read-only is taken at its word first.
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        if not nearest.stat().st_mode & stat.S_IWUSR:
            return False
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _download(name):
    """Try each address in turn; only a verified file gets the final name."""
    if name not in SOURCES:
        raise SourceError(
            f"{name} has no public address: put {STAND_INS[name].file_name} into one "
            f"of the cache folders ({', '.join(map(str, cache_folders()))}), or set "
            "COURSE_EDITION=embedded, which needs no download."
        )
    folder = writable_cache_folder()
    path = folder / SOURCES[name].file_name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _claim(path) as waited:
            # Whoever was waited for may have left the whole file.
            return (waited and locate(name)) or _try_addresses(name, folder)
    except OSError as error:
        raise SourceError(
            f"{name} could not be written to {path} ({error.strerror or error}): free "
            "the disk, or set COURSE_CACHE to another folder, or set "
            "COURSE_EDITION=embedded, which needs no download."
        ) from None


def _try_addresses(name, folder):
    source = SOURCES[name]
    path = folder / source.file_name
    failures = []
    if source.known_hash is None:
        _find_record(name)  # if damaged, it is better seen before a download
    _remove_stale_parts(path.parent)
    if source.size is not None:
        there = max((part.stat().st_size for part in _list_parts(path)), default=0)
        _check_disk(name, path.parent, source.size - there)
    for url in source.urls:
        host = urlsplit(url).hostname
        print(f"Fetching {name} ({format_size(source.size)}) from {host} to {folder}.")
        failure, part = _fetch_verified(name, url, path)
        if failure is None:
            _keep_record(name, folder, part)
            os.replace(part, path)
            _remove_parts(path)
            return path
        failures.append(f"{host} {failure}")
        print(f"{failures[-1]}.")
    raise SourceError(
        f"{name} could not be fetched ({'; '.join(failures)}): check the network, or "
        f"download the file by hand (see {source.page}) and put it at {path}, or set "
        "COURSE_EDITION=embedded, which needs no download."
    )


def _fetch_verified(name, url, path):
    """Return None and the right file's partial path, or what is wrong, and None."""
    failure, part, resumed = _copy(name, url, path)
    if failure is not None:
        return failure, None
    fault = _find_fault(part, name, SOURCES[name])
    if fault is None:
        return None, part
    part.unlink()
    if resumed:  # the fault may be in what an earlier run left
        print(f"What was continued {fault}; starting over.")
        return _fetch_verified(name, url, path)
    return fault, None


def _copy(name, url, path):
    """Download to a partial file, going on where one of the same version ends.

    Pooch's own downloader always starts at the first byte, so this asks by itself.

    Returns
    -------
    failure : str or None
        What the server did, as the end of a clause.
    part : pathlib.Path or None
        The whole file, but unverified; None after a failure.
    resumed : bool
        Is some of it from an earlier download?
    """
    part, keeps = None, False
    try:
        with _ask(url) as whole:
            whole.raise_for_status()
            version, total = _read_version(whole)
            part = _name_part(path, url, version, total)
            # Without version and hash nothing would tell two files' halves apart.
            keeps = total is not None and bool(version or SOURCES[name].known_hash)
            there = part.stat().st_size if keeps and part.is_file() else 0
            there = there if total is not None and there <= total else 0
            if total is not None:
                _check_disk(name, path.parent, total - there)
            if there and there == total:
                return None, part, True
            if there:
                with _ask(url, there) as rest:
                    if _goes_on(rest, there, version, total):
                        whole.close()
                        print(f"Going on after {format_size(there)}.")
                        _write(name, rest, part, total, there)
                        return None, part, True
            _write(name, whole, part, total)
            return None, part, False
    except requests.RequestException as error:
        if part is not None and not keeps:
            part.unlink(missing_ok=True)
        return _describe_failure(error), None, False
    except OSError:
        if part is not None:  # it would only fill the disk
            part.unlink(missing_ok=True)
        raise


def _ask(url, start=0):
    """Ask for a file from byte `start` on; uncompressed, for its bytes are counted."""
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    return requests.get(url, headers=headers, stream=True, timeout=STALL_SECONDS)


def _read_version(answer):
    """Return what the server calls this version of the file, and its size in bytes.

    "" and None where it does not say.
    """
    version = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
    size = answer.headers.get("Content-Length", "")
    if answer.status_code == 206:
        size = answer.headers.get("Content-Range", "").rpartition("/")[2]
    known = size.isdigit() and "Content-Encoding" not in answer.headers
    return version, int(size) if known else None


def _goes_on(answer, start, version, total):
    """Tell whether an answer is the rest of the same version, from byte `start` on."""
    return (
        answer.status_code == 206
        and answer.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        and _read_version(answer) == (version, total)
    )


def _write(name, answer, part, total, there=0):
    """Write an answer to a partial file, after the bytes that are there."""
    with (
        tqdm(
            desc=name,
            initial=there,
            total=total,
            unit="B",
            unit_scale=True,
            file=sys.stdout,
            delay=0.5,
        ) as bar,
        part.open("ab" if there else "wb") as file,
    ):
        for chunk in answer.iter_content(2**16):
            file.write(chunk)
            bar.update(len(chunk))


@contextlib.contextmanager
def _claim(path):
    """Be the only process that writes a file; wait for another that does.

    The system takes the lock from a process that is killed. Yields whether there was
    one to wait for.
    """
    lock = path.with_name(f"{path.name}.lock")
    waited = False
    try:
        while True:
            with lock.open("ab") as file:
                if _lock(file) and _is_open_at(file, lock):
                    try:
                        yield waited
                        return
                    finally:
                        with contextlib.suppress(OSError):
                            lock.unlink()
            if not waited:
                print(f"Another process is fetching {path.name}; waiting for it.")
                waited = True
            time.sleep(0.2)
    finally:
        if os.name == "nt":  # where an open file cannot be deleted
            with contextlib.suppress(OSError):
                lock.unlink()


def _lock(file):
    """Lock an open file if no other process has; return success."""
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _is_open_at(file, path):
    """Tell whether a path still leads to an open file: its holder deletes a lock."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _describe_failure(error):
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"answered {error.response.status_code} {error.response.reason}"
    # A stall after the first byte comes as a ConnectionError around urllib3's own.
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return f"sent nothing for {STALL_SECONDS} seconds"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "broke off half-way"
    if isinstance(error, requests.exceptions.SSLError):
        return "gave no secure connection"
    return "could not be reached"


def _find_fault(path, name, source):
    """Return None for the right file, else what is wrong, as the end of a clause."""
    try:
        size = path.stat().st_size
        if source.size is not None and size != source.size:
            return f"has {size:,} bytes instead of {source.size:,}"
        known_hash, origin = source.known_hash, "published"
        if known_hash is None:
            known_hash, origin = _find_record(name)
        if known_hash is None:
            return None
        algorithm, digest = known_hash.split(":")
        if pooch.file_hash(path, algorithm) != digest:
            return f"has another {algorithm} hash than the one {origin}"
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    return None


def _find_record(name):
    """Return the recorded hash and a clause that says where, or None and ""."""
    for folder in cache_folders():
        records = _read_records(folder)
        if name in records:
            return records[name], (
                "recorded on the first download (delete it from "
                f"{folder / RECORDS} if the new file is right)"
            )
    return None, ""


def _keep_record(name, folder, part):
    """Record the hash of a first download of which no hash is published.

    It is done before the file gets its name: a kill in between leaves a record to
    compare the next download with, rather than a file that nothing checks.
    """
    if SOURCES[name].known_hash is not None or _find_record(name)[0] is not None:
        return
    new = folder / f".{RECORDS}.partial"
    with _claim(folder / RECORDS):
        records = _read_records(folder) | {name: f"sha256:{pooch.file_hash(part)}"}
        new.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")
        os.replace(new, folder / RECORDS)


def _read_records(folder):
    path = folder / RECORDS
    if not os.path.isfile(path):
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise SourceError(
            f"{path} is damaged: delete it, and hashes are recorded anew on the next "
            "download."
        ) from None


def _name_part(path, url, version, total):
    """Name the partial file of one version of a file at one address."""
    digest = hashlib.sha256(repr((url, version, total)).encode()).hexdigest()[:32]
    return path.with_name(f"{path.name}.{digest}{_PART}")


def _list_parts(path):
    return path.parent.glob(f"{path.name}.{'[0-9a-f]' * 32}{_PART}")


def _remove_parts(path):
    for part in _list_parts(path):
        part.unlink(missing_ok=True)


def _remove_stale_parts(folder):
    """Delete what nobody has gone on with for long, of whatever file."""
    for part in folder.glob(f"*.{'[0-9a-f]' * 32}{_PART}"):
        with contextlib.suppress(OSError):
            if time.time() - part.stat().st_mtime > STALE_SECONDS:
                part.unlink()


def _check_disk(name, folder, missing):
    """Raise a `SourceError` if the bytes that are missing have no room."""
    free = shutil.disk_usage(folder).free
    if free < missing:
        raise SourceError(
            f"{name} needs {format_size(missing)}, and the disk of {folder} has "
            f"{format_size(free)} left: free some space, or set COURSE_CACHE to a "
            "folder on another disk, or set COURSE_EDITION=embedded, which needs no "
            "download."
        )
