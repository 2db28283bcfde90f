"""Makes tests/reference/boosted-trees.json: log odds of scikit-learn's HistGradientBoostingClassifier on fixed rows.

    python scripts/reference_trees.py     (scikit-learn 1.9.1, numpy 2.4)

Values have at most 20 levels, so that every bin is one level and both ask the same questions. A soft target y is a row
with the label 1 and weight y beside one with the label 0 and weight 1 - y; each is given half the smallest leaf.
"""
import json
import os

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

rng = np.random.default_rng(5)
ROWS, WIDTH, TREES, LEAVES, FEWEST, L2, RATE = 400, 6, 30, 8, 15, 2.0, 0.1
values = np.stack([rng.integers(0, levels, ROWS) / 4 for levels in (2, 3, 5, 20, 20, 12)], axis=1)
logit = 2 * values[:, 0] * (values[:, 3] > 2) - values[:, 1] + np.sin(values[:, 4]) + 0.3 * rng.normal(size=ROWS)
# Shares of seven votes.
targets = rng.binomial(7, 1 / (1 + np.exp(-logit))) / 7

settings = dict(learning_rate=RATE, max_iter=TREES, max_leaf_nodes=LEAVES, l2_regularization=L2, early_stopping=False)
soft = HistGradientBoostingClassifier(min_samples_leaf=2 * FEWEST, **settings).fit(
    np.vstack([values, values]), np.r_[np.ones(ROWS), np.zeros(ROWS)], sample_weight=np.r_[targets, 1 - targets])
hard = HistGradientBoostingClassifier(min_samples_leaf=FEWEST, **settings).fit(values, targets > 0.5)

path = os.path.join(os.path.dirname(__file__), "..", "tests", "reference", "boosted-trees.json")
with open(path, "w") as file:
    json.dump({
        "trees": TREES, "leaves": LEAVES, "fewestRows": FEWEST, "l2": L2, "learningRate": RATE,
        "values": values.tolist(), "targets": targets.tolist(),
        "soft": [round(float(x), 6) for x in soft.decision_function(values)],
        "hard": [round(float(x), 6) for x in hard.decision_function(values)],
    }, file)
