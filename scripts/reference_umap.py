"""Makes tests/reference/umap.json: seeded rows, and how umap-learn and scikit-learn lay them out.

    python scripts/reference_umap.py            (numpy 2.4, scikit-learn 1.9, umap-learn 0.5)

Twelve clusters of unequal size and width in ten dimensions, a ring, and scattered rows between them. Trustworthiness by
scikit-learn of umap-learn's layouts (its defaults: 15 neighbours, minimum distance 0.1) from five seeds, and of the PCA
plane, whose points are given so that the measure itself can be checked. Tests that read it need no Python.
"""
import json
import os

import numpy as np
import sklearn
import umap
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness

rng = np.random.default_rng(11)
clusters = [rng.normal(size=10) * 3 + rng.normal(size=(int(rng.integers(15, 60)), 10)) * rng.uniform(0.2, 1.2) for _ in range(12)]
turn = rng.uniform(0, 2 * np.pi, size=60)
ring = np.zeros((60, 10))
ring[:, :2] = 4 * np.column_stack([np.cos(turn), np.sin(turn)])
rows = np.vstack([*clusters, ring + rng.normal(size=ring.shape) * 0.1, rng.normal(size=(40, 10)) * 3])
rows = np.round(rows, 2).astype(np.float32)

plane = np.round(PCA(n_components=2).fit_transform(rows), 3)
layouts = [umap.UMAP(random_state=seed).fit_transform(rows) for seed in range(5)]
versions = {module.__name__: module.__version__ for module in (np, sklearn, umap)}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "reference", "umap.json"), "w") as file:
    json.dump(dict(versions=versions, neighbours=15, rows=np.round(rows.astype(float), 2).tolist(), plane=plane.tolist(), plane_trustworthiness=float(trustworthiness(rows, plane, n_neighbors=15)), trustworthiness=[float(trustworthiness(rows, layout, n_neighbors=15)) for layout in layouts]), file)
    file.write("\n")
