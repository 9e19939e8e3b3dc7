#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws the demo's data set, trains its network and writes both, quantized, to a folder.

Ten classes of shapes, 24 x 24 grey pixels, drawn from formulas with random size, place, contrast
and noise; nothing is downloaded. Run it through scripts/make_demo.sh, which sets up TensorFlow.
"""
import argparse
import pathlib

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

SIZE = 24
CLASSES = ("disc", "ring", "square", "frame", "triangle",
           "plus", "saltire", "bars", "columns", "checker")


def shape_mask(name, x, y, radius):
    """True where the shape covers the pixel; x and y are relative to its centre."""
    distance = np.hypot(x, y)
    box = np.maximum(np.abs(x), np.abs(y))
    period = max(2.0, radius / 1.5)
    inside = box <= radius
    return {
        "disc": distance <= radius,
        "ring": (distance <= radius) & (distance >= 0.6 * radius),
        "square": box <= 0.9 * radius,
        "frame": (box <= radius) & (box >= 0.65 * radius),
        "triangle": (y <= 0.8 * radius) & (y >= 2.0 * np.abs(x) - radius),
        "plus": inside & (np.minimum(np.abs(x), np.abs(y)) <= 0.25 * radius),
        "saltire": inside & (np.minimum(np.abs(x - y), np.abs(x + y)) <= 0.35 * radius),
        "bars": inside & (np.floor(y / period * 2) % 2 == 0),
        "columns": inside & (np.floor(x / period * 2) % 2 == 0),
        "checker": inside & ((np.floor(x / period * 1.4) + np.floor(y / period * 1.4)) % 2 == 0),
    }[name]


def draw(count, seed):
    """(images [count, SIZE, SIZE, 1] uint8, labels [count] uint8)."""
    random = np.random.default_rng(seed)
    images = np.empty((count, SIZE, SIZE, 1), np.uint8)
    labels = (np.arange(count) % len(CLASSES)).astype(np.uint8)
    random.shuffle(labels)
    rows, columns = np.mgrid[0:SIZE, 0:SIZE].astype(np.float64)
    for index, label in enumerate(labels):
        radius = random.uniform(5.0, 9.5)
        margin = SIZE / 2 - radius
        x = columns - (SIZE - 1) / 2 - random.uniform(-margin, margin)
        y = rows - (SIZE - 1) / 2 - random.uniform(-margin, margin)
        dark, light = random.uniform(20, 90), random.uniform(130, 235)
        if random.random() < 0.3:
            dark, light = light, dark
        image = np.where(shape_mask(CLASSES[label], x, y, radius), light, dark)
        image = image + random.normal(0, random.uniform(4, 22), image.shape)
        images[index, :, :, 0] = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return images, labels


def build_network():
    layers = tf.keras.layers
    return tf.keras.Sequential([
        layers.Input((SIZE, SIZE, 1)),
        layers.Conv2D(8, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(len(CLASSES)),
    ])


def scaled(images):
    return images.astype(np.float32) / 255.0


def quantize(network, calibration):
    """The network as an INT8 .tflite file with INT8 input and output."""
    run = tf.function(lambda x: network(x, training=False))
    concrete = run.get_concrete_function(tf.TensorSpec((1, SIZE, SIZE, 1), tf.float32, "image"))
    frozen = convert_variables_to_constants_v2(concrete)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None]] for image in calibration)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    return converter.convert()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--images", type=int, default=400, help="test images to write")
    arguments = parser.parse_args()

    tf.keras.utils.set_random_seed(arguments.seed)
    tf.config.experimental.enable_op_determinism()
    train, train_labels = draw(20000, arguments.seed)
    test, test_labels = draw(arguments.images, arguments.seed + 1)

    network = build_network()
    network.compile(tf.keras.optimizers.Adam(2e-3),
                    tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                    metrics=["accuracy"])
    for rate in (2e-3, 5e-4, 1e-4):
        network.optimizer.learning_rate.assign(rate)
        network.fit(scaled(train), train_labels, batch_size=64, epochs=10, verbose=2)
    print("float accuracy", network.evaluate(scaled(test), test_labels, verbose=0)[1])

    arguments.folder.mkdir(parents=True, exist_ok=True)
    (arguments.folder / "shapes.tflite").write_bytes(quantize(network, scaled(train[:300])))
    np.save(arguments.folder / "images.npy", test)
    np.save(arguments.folder / "labels.npy", test_labels)


if __name__ == "__main__":
    main()
