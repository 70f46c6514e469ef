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

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = ROOT / "hwr_utils" / "weights"
MODELS = ROOT / "book" / "_static" / "models"


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


def pack_lean_cnn(weights: list[np.ndarray]) -> dict[str, Any]:
    """Three rounds of kernel, gamma, beta, moving mean and moving variance; then the dense layer."""
    rounds = []
    for index in range(0, 15, 5):
        kernel, gamma, beta, mean, variance = weights[index : index + 5]
        scale = gamma / np.sqrt(variance + 1e-3)  # Keras' epsilon
        rounds.append(
            {"kernel": pack(kernel), "scale": plain(scale), "shift": plain(beta - mean * scale)}
        )
    return {"rounds": rounds, "kernel": pack(weights[15]), "bias": plain(weights[16])}


def pack_lstm(weights: list[np.ndarray]) -> dict[str, Any]:
    kernel, recurrent_kernel, bias, head, head_bias = weights
    return {
        "kernel": pack(kernel),
        "recurrent": pack(recurrent_kernel),
        "bias": plain(bias),
        "head": pack(head),
        "headBias": plain(head_bias),
    }


PACKERS = {"lean_cnn": pack_lean_cnn, "lstm": pack_lstm}


def script(name: str, weights: list[np.ndarray]) -> str:
    """The script that sets window.LeanCnn or window.Lstm."""
    variable = name.title().replace("_", "")
    return f"window.{variable} = {json.dumps(PACKERS[name](weights), separators=(',', ':'))};\n"


def main() -> None:
    MODELS.mkdir(exist_ok=True)
    for name in PACKERS:
        with np.load(WEIGHTS / f"{name}.npz") as stored:
            weights = [stored[key] for key in stored.files]
        path = MODELS / f"{name}.js"
        path.write_text(script(name, weights), encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
