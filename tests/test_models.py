"""The networks have the layers, shapes and parameter counts that the chapters state."""

import numpy as np
import pytest

from hwr_utils import models


@pytest.mark.parametrize(
    ("build", "parameters", "shapes"),
    [
        (
            models.build_cnn_2018,
            3_274_634,  # 832 + 51,264 + 3136 * 1024 + 1024 + 10,250
            [
                (28, 28, 1),
                (28, 28, 32),
                (14, 14, 32),
                (14, 14, 64),
                (7, 7, 64),
                (3136,),
                (1024,),
                (1024,),
                (10,),
            ],
        ),
        (
            models.build_lean_cnn,
            55_002,  # 144 + 64 + 4,608 + 128 + 18,432 + 256 + 31,370
            [
                (28, 28, 1),
                (28, 28, 16),
                (14, 14, 16),
                (14, 14, 16),
                (14, 14, 16),
                (14, 14, 32),
                (7, 7, 32),
                (7, 7, 32),
                (7, 7, 32),
                (7, 7, 64),
                (7, 7, 64),
                (7, 7, 64),
                (3136,),
                (10,),
            ],
        ),
    ],
)
def test_shapes_and_parameters(build, parameters, shapes):
    model = build()
    assert model.count_params() == parameters
    assert [tuple(layer.output.shape[1:]) for layer in model.layers] == shapes
    assert not model.compiled


@pytest.mark.parametrize("build", [models.build_cnn_2018, models.build_lean_cnn])
def test_bytes_go_in_and_logits_come_out(build):
    model = build(num_classes=3)
    images = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 1), dtype=np.uint8)
    logits = np.asarray(model(images))
    assert logits.shape == (2, 3)
    assert logits.dtype == np.float32
    assert np.allclose(logits, np.asarray(model(images.astype("float32"))), atol=1e-6)
    assert np.abs(logits).max() < 20  # scaled inside: raw bytes would give logits in the hundreds
