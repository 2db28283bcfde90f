"""Makes tests/reference/evals.json: statistics, presentation orders and length-controlled fits as others compute them.

    python scripts/reference_evals.py            (numpy 2.4, scipy 1.17, statsmodels 0.15)

All texts and figures are the project's own. The test that reads them needs neither Python nor network.
"""
import json
import os
import random

import numpy as np
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "reference", "evals.json")
rng = np.random.default_rng(7)


def statistics():
    small = [round(float(v), 3) for v in rng.normal(0.4, 1, 11)]
    large = [round(float(v), 3) for v in rng.normal(0.05, 1, 200)]
    flip = lambda values, n: float(stats.permutation_test((np.array(values),), lambda x, axis: x.mean(axis=axis), permutation_type="samples", n_resamples=n, vectorized=True, rng=1).pvalue)
    boot = stats.bootstrap((np.array(large),), np.mean, method="percentile", n_resamples=50_000, rng=1).confidence_interval
    x = [int(v) for v in rng.integers(0, 6, 30)]
    y = [int(v) + int(w) for v, w in zip(x, rng.integers(0, 4, 30))]
    ps = [0.01, 0.04, 0.03, 0.005, 0.2, 0.04]
    return {
        "signFlip": [{"values": small, "p": flip(small, np.inf)}, {"values": large, "p": flip(large, 200_000)}],
        "bootstrapMean": {"values": large, "low": float(boot.low), "high": float(boot.high)},
        "mcnemar": [{"onlyA": b, "onlyB": c, "p": float(mcnemar([[5, b], [c, 7]], exact=True).pvalue)} for b, c in [(0, 0), (1, 0), (3, 9), (10, 10), (40, 21), (400, 330)]],
        "holm": {"p": ps, "adjusted": [float(p) for p in multipletests(ps, method="holm")[1]]},
        "spearman": {"x": x, "y": y, "rho": float(stats.spearmanr(x, y).statistic)},
    }


def orders():
    texts = ["", "Name a bird.", "Écris un haïku sur la pluie.", "用一句话解释蒸发。", "🙂 smile", "line\nbreak\ttab", "x" * 300] + [f"Request number {i}: give me {i % 7} words." for i in range(60)]
    switched = [bool(random.Random("is_switched_outputs" + t + "0").choices([False, True], k=1)[0]) for t in texts]
    random.seed(42)
    return {"texts": texts, "switched": switched, "seed42": [random.random() for _ in range(12)]}


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def fit(x, q, s, c):
    """min |w|_1 + C sum s CE(q, sigma(xw)), as w = u - v with u, v >= 0."""
    def objective(uv):
        w = uv[:3] - uv[3:]
        z = x @ w
        loss = (s * (np.logaddexp(0, z) - q * z)).sum()
        slope = c * (x.T @ (s * (sigmoid(z) - q)))
        return uv.sum() + c * loss, np.concatenate([1 + slope, 1 - slope])
    best = optimize.minimize(objective, np.full(6, 0.01), jac=True, method="L-BFGS-B", bounds=[(0, None)] * 6, options=dict(maxiter=20_000, ftol=1e-16, gtol=1e-11))
    return best.x[:3] - best.x[3:]


def length_controlled():
    n = 150
    difficulty = rng.normal(0, 1.5, n).round(4)
    base = rng.integers(200, 3000, n)
    own = (base * rng.uniform(0.3, 1.6, n)).astype(int)
    q = sigmoid(-0.8 + 0.5 * difficulty - 0.9 * np.tanh((base - own) / 700) + rng.normal(0, 1.5, n)).round(6)
    null = [3, 77]
    gamed = [dict(q=float(v), standardizedLength=float(z), difficulty=float(d), bias=0) for v, z, d in zip(rng.uniform(0.05, 0.95, 40).round(6), rng.normal(0, 1.2, 40).round(6), rng.normal(0, 1.5, 40).round(4))]
    z = (base - own) / np.std(base - own, ddof=1)
    x = np.column_stack([np.tanh(z), difficulty, np.ones(n)])
    keep = [i for i in range(n) if i not in null]
    X = np.vstack([[[np.tanh(g["standardizedLength"]), g["difficulty"], 0] for g in gamed], x[keep]])
    Q = np.concatenate([[g["q"] for g in gamed], q[keep]])
    S = np.concatenate([np.full(len(gamed), 0.1), np.ones(len(keep))])
    N = len(Q)
    fold = (N - 1 - np.arange(N)) % 5
    scores = []
    for c in 10 ** (-4 + 8 * np.arange(10) / 9):
        per = []
        for k in range(5):
            w = fit(X[fold != k], Q[fold != k], S[fold != k], c)
            p = np.clip(sigmoid(X[fold == k] @ w), 1e-15, 1 - 1e-15)
            per.append((S[fold == k] * (Q[fold == k] * np.log(p) + (1 - Q[fold == k]) * np.log(1 - p))).mean())
        scores.append(float(np.mean(per)))
    c = float(10 ** (-4 + 8 * int(np.argmax(scores)) / 9))
    w = fit(X, Q, S, c)
    p = sigmoid(w[2] + w[1] * difficulty)
    rows = [dict(q=None if i in null else float(q[i]), baselineLength=int(base[i]), modelLength=int(own[i]), difficulty=float(difficulty[i])) for i in range(n)]
    return {"rows": rows, "gamed": gamed, "scores": scores, "c": c, "weights": [float(v) for v in w], "winRate": float(100 * p.mean()), "standardError": float(100 * p.std(ddof=1) / np.sqrt(n))}


with open(OUT, "w") as out:
    json.dump({"statistics": statistics(), "orders": orders(), "lengthControlled": length_controlled()}, out)
    out.write("\n")
