"""Weights in files of Keras, which may be a stranger's: numbers are read, and no code runs."""

import io
import json
import os
import shutil
import zipfile

import h5py
import keras as keras_3
import numpy as np
import pytest
import tf_keras

from trainer.warm_start import named_weights


def _network(library):
    make = library.layers
    inner = library.Sequential([make.Dense(3, name="inside")], name="inner")
    return library.Sequential(
        [
            make.Input([6, 6, 2]),
            make.Conv2D(4, 3, name="first"),
            make.BatchNormalization(scale=False, epsilon=0.5, name="norm"),
            make.DepthwiseConv2D(3, name="depthwise"),
            make.Flatten(),
            make.Dropout(0.5, name="draws"),
            make.Dense(5, name="second"),
            make.Dense(5, use_bias=False, name="third"),
            inner,
            make.LayerNormalization(epsilon=0.25, name="last"),
        ]
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Networks, and a folder with files of them."""
    folder = tmp_path_factory.mktemp("saved")
    networks = {"tf_keras": _network(tf_keras), "keras_3": _network(keras_3)}
    for name, network in networks.items():
        for suffix in (".keras", ".h5", ".weights.h5"):
            save = network.save_weights if "weights" in suffix else network.save
            save(folder / f"{name}{suffix}")
    networks["tf_keras"].save_weights(folder / "tf_keras_by_name.h5")
    networks["tf_keras"].save(folder / "tf_keras_folder", save_format="tf")
    networks["keras_3"].export(folder / "keras_3_folder", verbose=False)
    return networks, folder


@pytest.mark.parametrize(
    ("file", "has_epsilons"),
    [
        ("tf_keras.keras", True),
        ("tf_keras.h5", True),
        ("tf_keras_by_name.h5", False),
        ("tf_keras_folder", True),
        ("keras_3.keras", True),
        ("keras_3.h5", True),
        ("keras_3_folder", False),
    ],
)
def test_files_of_both_keras_are_read(saved, file, has_epsilons):
    networks, folder = saved
    read = named_weights.read(str(folder / file))
    network = networks["keras_3" if "keras_3" in file else "tf_keras"]
    weights = {
        named_weights.name(f"{layer.name}/{weight.name.split('/')[-1]}"): np.asarray(weight)
        for layer in [*network.layers[:-2], *network.get_layer("inner").layers, network.layers[-1]]
        for weight in layer.weights
    }
    assert read.values.keys() == weights.keys() and len(weights) == 14
    for name, value in weights.items():
        np.testing.assert_array_equal(read.values[name], value)
    assert read.epsilons == ({"norm": 0.5, "last": 0.25} if has_epsilons else {})


def test_weights_alone_are_read_where_the_file_names_layers(saved):
    _, folder = saved
    values = named_weights.read(str(folder / "keras_3.weights.h5")).values
    assert values["second/kernel"].shape == (16, 5) and "inside/bias" in values
    with pytest.raises(ValueError, match=r"does not say what the layer of .* save the model as"):
        named_weights.read(str(folder / "tf_keras.weights.h5"))


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model"])
def test_code_in_a_file_does_not_run(name, tmp_path):
    marker, path = tmp_path / "ran", tmp_path / name
    command = f"touch {marker}"
    model = tf_keras.Sequential(
        [
            tf_keras.layers.Dense(3, name="dense", input_shape=[4]),
            tf_keras.layers.Lambda(lambda x, c=command: (__import__("os").system(c), x)[1]),
        ]
    )
    model.save(path, save_format=None if path.suffix else "tf")
    marker.unlink()
    values = named_weights.read(str(path)).values
    assert not marker.exists()
    np.testing.assert_array_equal(values["dense/kernel"], model.layers[0].kernel)
    if name == "model.h5":  # Its code does run when Keras loads it.
        tf_keras.models.load_model(path, compile=False)
        assert marker.exists()


def _h5(fill):
    def write(path):
        with h5py.File(path, "w") as file:
            fill(file.create_group("model_weights/dense"), path)

    return write


def _external_array(group, path):
    (path.parent / "secret").write_bytes(bytes(80))
    group.create_dataset("kernel", [10], "f8", external=[(path.parent / "secret", 0, 80)])


def _virtual_array(group, path):
    layout = h5py.VirtualLayout((10,), "f8")
    layout[:] = h5py.VirtualSource(path.parent / "other.h5", "secret", (10,))
    group.create_virtual_dataset("kernel", layout)


def _link(link):
    def fill(group, path):
        group["kernel"] = link

    return fill


def _zip(**members):
    def write(path):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name.replace("_", "."), content)

    return write


def _truncated(path):
    tf_keras.Sequential([tf_keras.layers.Dense(30, input_shape=[40])]).save_weights(path)
    os.truncate(path, path.stat().st_size // 2)


def _giant(path):
    """An archive that claims to have 200 GB of weights."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", "x")
        archive.filelist[-1].file_size = 2 * 10**11
    path.write_bytes(content.getvalue())


_TEXT = h5py.string_dtype()
_BAD = {
    "no HDF5": ("a.h5", lambda p: p.write_bytes(b"no"), "file signature not found"),
    "empty": ("a.h5", lambda p: p.write_bytes(b""), ""),
    "truncated": ("a.h5", _truncated, "truncated file"),
    "soft link": ("a.h5", _h5(_link(h5py.SoftLink("/other"))), "dense/kernel is a link"),
    "external": ("a.h5", _h5(_link(h5py.ExternalLink("/b.h5", "/x"))), "dense/kernel is a link"),
    "external array": ("a.h5", _h5(_external_array), "dense/kernel is kept in another file"),
    "virtual array": ("a.h5", _h5(_virtual_array), "dense/kernel is kept in another file"),
    "circle": ("a.h5", _h5(lambda g, p: g.__setitem__("again", g)), "recursion"),
    "giant array": (
        "a.h5",
        _h5(lambda g, p: g.create_dataset("kernel", [10**6, 10**6], "f4", chunks=(1000, 1000))),
        "dense/kernel would have the shape",
    ),
    "objects": (
        "a.h5",
        _h5(lambda g, p: g.create_dataset("kernel", data=["text"], dtype=_TEXT)),
        "dense/kernel is no array of numbers",
    ),
    "nothing in it": (
        "a.h5",
        _h5(lambda g, p: g.create_dataset("k", dtype=h5py.Empty("f4"))),
        "no",
    ),
    "no zip": ("a.keras", lambda p: p.write_bytes(b"PK no"), "not a zip file"),
    "another zip": ("a.keras", _zip(notes_txt="hello"), "no item named 'config.json'"),
    "no JSON": ("a.keras", _zip(config_json="{", model_weights_h5=""), "Expecting"),
    "deep JSON": ("a.keras", _zip(config_json="[" * 10**5, model_weights_h5=""), "recursion"),
    "other JSON": ("a.keras", _zip(config_json=json.dumps([1]), model_weights_h5=""), "signature"),
    "zip bomb": ("a.keras", _giant, "would have the shape"),
}


@pytest.mark.parametrize(("name", "write", "message"), _BAD.values(), ids=_BAD)
def test_a_file_that_cannot_be_trusted_is_told_in_one_line(name, write, message, tmp_path):
    write(tmp_path / name)
    with pytest.raises(ValueError, match=rf"WarmStart.path = \S+ cannot be read: .*{message}") as e:
        named_weights.read(str(tmp_path / name))
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("damaged", ["saved_model.pb", "keras_metadata.pb", "variables/variables"])
def test_a_damaged_saved_model_is_told(saved, damaged, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(saved[1] / "tf_keras_folder", folder)
    for file in folder.glob(f"{damaged}*"):
        file.write_bytes(file.read_bytes()[:50] + b"\xff" * 50)
    if damaged == "saved_model.pb":  # The graph is not read.
        assert named_weights.read(str(folder)).values
        return
    with pytest.raises(ValueError, match="WarmStart.path = .*(cannot be read|is damaged)"):
        named_weights.read(str(folder))
