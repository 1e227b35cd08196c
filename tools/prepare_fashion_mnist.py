"""Prepares Fashion-MNIST for TensorFlow Datasets from local files, without the internet.

    bazel run //tools:prepare_fashion_mnist -- --data_dir=/tmp/tensorflow_datasets

Debian's package dataset-fashion-mnist holds the four files of the data set. TensorFlow Datasets
refuses them as downloads, because they were compressed anew and its checksums are of the .gz. Here
its own builder reads them, so that metadata and format are those of `tfds build fashion_mnist`.
"""

import collections
import os
import pathlib
import shutil
import sys
import tempfile

import tensorflow_datasets as tfds
from absl import app, flags, logging

from trainer.command import paths

_SOURCE_DIR = flags.DEFINE_string(
    "source_dir",
    "/usr/share/datasets/fashion-mnist",
    "The folder of the four files *-ubyte.gz.",
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir",
    None,
    "Where to write fashion_mnist/; by default where TensorFlow Datasets looks: $TFDS_DATA_DIR or "
    "~/tensorflow_datasets.",
)

FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)

# Of the size of the four files, how much is written, with a fifth to spare: measured are 1.3 for
# the prepared set, and 2.7 for copies of the files, uncompressed as well, which go again.
_PREPARED, _TEMPORARY = 1.6, 3.2


def prepare(source_dir: str | os.PathLike, data_dir: str | os.PathLike | None) -> str:
    """Writes fashion_mnist/VERSION under `data_dir`, unless it is there.

    It appears under its name only when it is complete.

    Args:
      source_dir: the folder of the four `FILES`.
      data_dir: the root of TensorFlow Datasets' data; None for its default.

    Returns:
      What was done, a sentence.

    Raises:
      FileNotFoundError: a file is missing.
      OSError: there is too little room on a disk; nothing has been written then.
    """
    builder = tfds.builder("fashion_mnist", data_dir=data_dir)
    if builder.is_prepared():
        return f"Fashion-MNIST is already prepared in {builder.data_dir}."
    source_dir = pathlib.Path(source_dir).absolute()
    missing = [name for name in FILES if not (source_dir / name).is_file()]
    if missing:
        raise FileNotFoundError(
            f"--source_dir={source_dir} lacks {', '.join(missing)}. Debian's package "
            "dataset-fashion-mnist puts them under /usr/share/datasets/fashion-mnist: apt-get "
            "install dataset-fashion-mnist"
        )
    _check_room(sum((source_dir / name).stat().st_size for name in FILES), builder.data_dir)
    # An address that TensorFlow Datasets has no checksum for.
    builder.URL = f"file://{source_dir}/"
    # After an error, TensorFlow Datasets' threads may still write there.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as download_dir:
        builder.download_and_prepare(
            download_dir=download_dir,
            download_config=tfds.download.DownloadConfig(try_download_gcs=False),
        )
    return f"Fashion-MNIST is prepared in {builder.data_dir}."


def _check_room(source_bytes: int, data_dir: str | os.PathLike) -> None:
    """Raises an OSError unless the disks have room for what `prepare` writes."""
    needed, folders = collections.Counter(), collections.defaultdict(list)
    for folder, factor in [(data_dir, _PREPARED), (tempfile.gettempdir(), _TEMPORARY)]:
        folder = pathlib.Path(folder).absolute()
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        disk = existing.stat().st_dev
        needed[disk] += round(factor * source_bytes)
        folders[disk].append(existing)
    for disk, wanted in needed.items():
        free = shutil.disk_usage(folders[disk][0]).free
        if free < wanted:
            raise OSError(
                f"too little disk: {' and '.join(map(str, folders[disk]))} need "
                f"{wanted / 1e6:.0f} MB, and {free / 1e6:.0f} MB are free. Make room, or choose "
                "other disks by --data_dir and the environment variable TMPDIR (for temporary "
                "files)"
            )


def _local(flag: flags.FlagHolder[str | None]) -> str | None:
    """The path that a flag has, with `~` expanded."""
    if flag.value is None:
        return None
    return paths.bound(f"--{flag.name}", flag.value, of_datasets=flag is _DATA_DIR)


def main(argv: list[str]) -> int:
    """Returns the exit status."""
    if argv[1:]:
        raise app.UsageError(f"unexpected arguments: {' '.join(argv[1:])}")
    # `bazel run` starts programs in a folder of its own, and tells the caller's.
    os.chdir(os.environ.get("BUILD_WORKING_DIRECTORY", os.curdir))
    tfds.disable_progress_bar()
    logging.set_verbosity(logging.ERROR)  # Nothing is downloaded, whatever it says.
    try:
        folders = [_local(_SOURCE_DIR), _local(_DATA_DIR)]
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        print(prepare(*folders))
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    app.run(main)
