"""Makes tests/reference/calibration.json: what scikit-learn and statsmodels compute on small made-up data.

    python scripts/reference_calibration.py            (scikit-learn 1.9, statsmodels 0.15)

Precision, recall, F1, average precision, ROC-AUC, Brier score and calibration curve of 240 made-up probabilities;
Wilson intervals; Platt's scaling; an L2-regularised logistic regression with soft targets. Tests that read it need no Python.
"""
import json
import os

import numpy as np
import sklearn
import statsmodels
from sklearn.calibration import _SigmoidCalibration, calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score, precision_score, recall_score, roc_auc_score
from statsmodels.stats.proportion import proportion_confint

random = np.random.default_rng(7)
n = 240
logits = random.normal(-1.2, 1.6, n)
probability = np.round(1 / (1 + np.exp(-logits)), 2)  # ties and edges of bins on purpose
label = (random.random(n) < 1 / (1 + np.exp(-(0.8 * logits + 0.2)))).astype(int)
cutoffs = [0.05, 0.2, 0.35, 0.5, 0.8, 0.93]
flagged = [(probability >= c).astype(int) for c in cutoffs]
observed, mean_probability = calibration_curve(label, probability, n_bins=10, strategy="uniform")

rows, width = 60, 8
x = np.where(random.random((rows, width)) < 0.4, np.round(random.normal(0, 1, (rows, width)), 3), 0.0)
target = np.round(1 / (1 + np.exp(-(x @ random.normal(0, 1, width) - 0.5 + random.normal(0, 0.5, rows)))), 3)
# A soft target is a row of each class, weighted by its share.
fitted = LogisticRegression(C=1 / 0.7, tol=1e-10, max_iter=10000).fit(np.vstack([x, x]), np.r_[np.ones(rows), np.zeros(rows)], sample_weight=np.r_[target, 1 - target])

# scikit-learn's P(positive) is 1 / (1 + exp(a s + b)).
scores = np.round(random.normal(0, 2, 60), 3)
answers = random.random(60) < 1 / (1 + np.exp(-(0.7 * scores - 0.4)))
platt = _SigmoidCalibration().fit(scores, answers.astype(int))

fixture = {
    "made_with": {"scikit-learn": sklearn.__version__, "statsmodels": statsmodels.__version__, "numpy": np.__version__},
    "turns": [{"probability": float(p), "dissatisfied": bool(y)} for p, y in zip(probability, label)],
    "average_precision": average_precision_score(label, probability),
    "roc_auc": roc_auc_score(label, probability),
    "brier": brier_score_loss(label, probability),
    "curve": [{"cutoff": c, "precision": precision_score(label, f, zero_division=0), "recall": recall_score(label, f), "f1": f1_score(label, f)} for c, f in zip(cutoffs, flagged)],
    "calibration": [{"mean_probability": float(m), "observed": float(o)} for m, o in zip(mean_probability, observed)],
    "wilson": [{"hits": h, "n": k, "low": float(low), "high": float(high)} for h, k in [(0, 1), (1, 1), (0, 12), (3, 12), (7, 9), (40, 400), (999, 1000)] for low, high in [proportion_confint(h, k, method="wilson")]],
    "platt": {"scores": scores.tolist(), "labels": answers.tolist(), "slope": -float(platt.a_), "intercept": -float(platt.b_)},
    "logistic": {"l2": 0.7, "rows": x.tolist(), "targets": target.tolist(), "weights": fitted.coef_[0].tolist(), "intercept": float(fitted.intercept_[0])},
}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "reference", "calibration.json")
with open(path, "w") as file:
    json.dump(fixture, file)
    file.write("\n")
