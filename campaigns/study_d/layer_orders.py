#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""layer_orders.py SEARCH/results.json SAMPLE/results.json: a network's layers, the most vulnerable first, as a genetic
search and as plain sampling rank them. Prints JSON: the most vulnerable quarter of each (fewer layers where no flip of
the others did harm), how many layers these have in common, and the rank correlation of the two orders (Spearman; equal
values share their ranks; null where all are equal)."""
import json
import sys


def ranks(values):
    """Of each value, 1 the largest; equal ones get their mean."""
    order = sorted(values, reverse=True)
    return [order.index(value) + (order.count(value) + 1) / 2 for value in values]


def correlation(a, b):
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    both = sum((x - mean_a) * (y - mean_b) for x, y in zip(a, b))
    size = (sum((x - mean_a) ** 2 for x in a) * sum((y - mean_b) ** 2 for y in b)) ** 0.5
    return both / size if size > 0 else None


def quarter(of_layer):
    order = sorted(of_layer, key=lambda layer: (-of_layer[layer], layer))[:max(1, len(of_layer) // 4)]
    return sorted(layer for layer in order if of_layer[layer] > 0 or layer == order[0])


def fault_set(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)["fault_sets"][0]


search = {row["layer"]: row["lvf"] for row in fault_set(sys.argv[1])["search"]["layers"]}
sample = {row["layer"]: row["changed_share"] for row in fault_set(sys.argv[2])["by_layer"]}
layers = sorted(search)
print(json.dumps({
    "search": quarter(search),
    "sample": quarter(sample),
    "common": len(set(quarter(search)) & set(quarter(sample))),
    "rank_correlation": correlation(ranks([search[layer] for layer in layers]),
                                    ranks([sample[layer] for layer in layers])),
}))
