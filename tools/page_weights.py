"""Write the trained networks as scripts that a page can load: `python tools/page_weights.py`.

The weights of `hwr_utils/weights/*.npz` become whole numbers from -127 to 127 with one scale per output, in base64.
That takes a quarter of the space; tests/test_labs.py states what it costs in accuracy.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np

from hwr_utils import trained
from hwr_utils.data import publish

MODELS = Path(__file__).resolve().parent.parent / "book" / "_static" / "models"


def pack(array: np.ndarray) -> dict[str, Any]:
    """A kernel in 8 bits: the last axis counts the outputs, each with a scale of its own."""
    scales = np.abs(array.reshape(-1, array.shape[-1])).max(axis=0) / 127
    whole = np.round(array / np.where(scales > 0, scales, 1)).astype(np.int8)
    return {
        "shape": list(array.shape),
        "scales": [float(f"{scale:.6g}") for scale in scales],
        "bytes": base64.b64encode(whole.tobytes()).decode(),
    }


def unpack(packed: dict[str, Any]) -> np.ndarray:
    """What the page makes of it."""
    whole = np.frombuffer(base64.b64decode(packed["bytes"]), np.int8).reshape(packed["shape"])
    return (whole * np.array(packed["scales"])).astype(np.float32)


def plain(array: np.ndarray) -> list[float]:
    return [float(f"{number:.6g}") for number in array.ravel()]


def pack_convolutions(weights: list[np.ndarray]) -> dict[str, Any]:
    """Rounds of kernel, gamma, beta, moving mean and moving variance; then the dense layer."""
    *convolutions, kernel, bias = weights
    rounds = []
    for index in range(0, len(convolutions), 5):
        filters, gamma, beta, mean, variance = convolutions[index : index + 5]
        scale = gamma / np.sqrt(variance + 1e-3)  # Keras' epsilon
        rounds.append(
            {"kernel": pack(filters), "scale": plain(scale), "shift": plain(beta - mean * scale)}
        )
    return {"rounds": rounds, "kernel": pack(kernel), "bias": plain(bias)}


def pack_lstm(weights: list[np.ndarray]) -> dict[str, Any]:
    kernel, recurrent_kernel, bias, head, head_bias = weights
    return {
        "kernel": pack(kernel),
        "recurrent": pack(recurrent_kernel),
        "bias": plain(bias),
        "head": pack(head),
        "headBias": plain(head_bias),
    }


PACKERS = {"lean_cnn": pack_convolutions, "lstm": pack_lstm}


def script(name: str, value: dict[str, Any]) -> str:
    """The script lean_cnn.js sets window.LeanCnn."""
    variable = name.title().replace("_", "")
    return f"window.{variable} = {json.dumps(value, separators=(',', ':'))};\n"


def write_script(name: str, value: dict[str, Any]) -> None:
    path = MODELS / f"{name}.js"
    publish(script(name, value).encode(), path)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


def main() -> None:
    for name, packer in PACKERS.items():
        write_script(name, packer(trained.load_arrays(trained.SHIPPED / f"{name}.npz")))


if __name__ == "__main__":
    main()
