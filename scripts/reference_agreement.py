"""Makes tests/reference/agreement.json: what scikit-learn and statsmodels make of seeded tables of labels.

    python scripts/reference_agreement.py            (numpy, scikit-learn 1.9, statsmodels 0.15)

Tables of two raters: Cohen's kappa (both libraries, which must agree), statsmodels' interval, raw agreement with
Wilson's interval. Counts of several raters: Fleiss' kappa, and a percentile bootstrap over items of 20,000 resamples
made with statsmodels' own estimate.
"""
import json
import os

import numpy as np
import sklearn
import statsmodels
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import cohens_kappa, fleiss_kappa
from statsmodels.stats.proportion import proportion_confint

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "reference", "agreement.json")
rng = np.random.default_rng(7)

cohen = []
for n, noise in [(12, 0.1), (30, 0.3), (200, 0.05), (200, 0.5), (1000, 0.2), (40, 0.95), (60, 0.0)]:
    truth = rng.choice(3, size=n, p=[0.2, 0.65, 0.15])
    a, b = (np.where(rng.random(n) < noise, rng.choice(3, size=n), truth) for _ in range(2))
    table = np.zeros((3, 3), int)
    np.add.at(table, (a, b), 1)
    result = cohens_kappa(table)
    assert np.isclose(result.kappa, cohen_kappa_score(a, b, labels=[0, 1, 2]))
    equal = int((a == b).sum())
    raw = proportion_confint(equal, n, method="wilson")
    cohen.append(dict(table=table.tolist(), kappa=result.kappa, low=result.kappa_low, high=result.kappa_upp, raw=equal / n, raw_low=raw[0], raw_high=raw[1]))

fleiss = []
for n, raters, noise in [(40, 3, 0.2), (150, 4, 0.4), (400, 5, 0.1)]:
    truth = rng.choice(3, size=n, p=[0.2, 0.65, 0.15])
    counts = np.zeros((n, 3), int)
    for _ in range(raters):
        counts[np.arange(n), np.where(rng.random(n) < noise, rng.choice(3, size=n), truth)] += 1
    resampled = [fleiss_kappa(counts[rng.integers(0, n, n)]) for _ in range(20_000)]
    low, high = np.quantile(resampled, [0.025, 0.975])
    fleiss.append(dict(counts=counts.tolist(), kappa=fleiss_kappa(counts), low=low, high=high))

with open(PATH, "w") as file:
    json.dump(dict(versions=dict(sklearn=sklearn.__version__, statsmodels=statsmodels.__version__), cohen=cohen, fleiss=fleiss), file)
    file.write("\n")
