"""Makes tests/reference/comparison.json: what scipy, statsmodels and nltk make of seeded results of two methods.

    python scripts/reference_comparison.py            (numpy, scipy 1.18, statsmodels 0.15, nltk 3.9)

Grids of seed x prompt differences: the mean squares of statsmodels' two-way analysis of variance and the components
that follow, scipy's exact sign-flip permutation test of seeds and its sampled one of prompts, a crossed bootstrap of
40,000 resamples written here with numpy. Tables of discordant pairs: statsmodels' McNemar. p-values: its Holm.
Answers: pass@k by the product of Chen et al. 2021 (their released code), rarefaction by scipy's binomials,
self-BLEU by nltk (weights 1/4, smoothing method 1).
"""
import json
import os

import nltk
import numpy as np
import pandas
import scipy
import statsmodels
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from scipy.special import comb
from scipy.stats import permutation_test
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "reference", "comparison.json")
rng = np.random.default_rng(11)


def flip(values, resamples):
    return float(permutation_test((values,), np.mean, permutation_type="samples", n_resamples=resamples, rng=np.random.default_rng(3)).pvalue)


def crossed(grid, resamples=40_000):
    seeds, prompts = grid.shape
    boot = np.random.default_rng(5)
    means = [grid[np.ix_(boot.integers(0, seeds, seeds), boot.integers(0, prompts, prompts))].mean() for _ in range(resamples)]
    return [float(q) for q in np.quantile(means, [0.025, 0.975])]


def components(grid):
    seeds, prompts = grid.shape
    table = pandas.DataFrame([dict(s=s, p=p, y=grid[s, p]) for s in range(seeds) for p in range(prompts)])
    squares = anova_lm(ols("y ~ C(s) + C(p)", table).fit())["mean_sq"]
    rest = squares["Residual"]
    return dict(seed=max(0.0, (squares["C(s)"] - rest) / prompts), prompt=max(0.0, (squares["C(p)"] - rest) / seeds), rest=float(rest))


grids = []
for seeds, prompts, mean, of_seed, of_prompt, noise in [(6, 40, 0.08, 0.05, 0.2, 0.15), (8, 25, 0.0, 0.15, 0.1, 0.3), (10, 60, 0.3, 0.01, 0.4, 0.2), (7, 30, -0.05, 0.0, 0.0, 0.25)]:
    grid = mean + of_seed * rng.standard_normal((seeds, 1)) + of_prompt * rng.standard_normal((1, prompts)) + noise * rng.standard_normal((seeds, prompts))
    grid = np.round(grid, 6)
    by_prompt = grid.mean(0)
    low, high = crossed(grid)
    grids.append(dict(values=grid.tolist(), low=low, high=high, flip_seeds=flip(grid.mean(1), np.inf), flip_prompts=flip(by_prompt, 200_000), effect=float(by_prompt.mean() / by_prompt.std(ddof=1)), parts=components(grid)))

tables = [[a, b, float(mcnemar([[0, a], [b, 0]], exact=True).pvalue)] for a, b in [(0, 0), (3, 0), (12, 5), (40, 41), (100, 60), (1, 9)]]
families = [[ps, multipletests(ps, method="holm")[1].tolist()] for ps in [[0.01, 0.04, 0.03, 0.005], [0.2], [0.5, 0.5, 0.001], [0.02, 0.02, 0.9, 0.0001, 0.3]]]


def pass_at_k(n, c, k):
    return 1.0 if n - c < k else float(1.0 - np.prod(1.0 - k / np.arange(n - c + 1, n + 1)))


passes = [[n, c, k, pass_at_k(n, c, k)] for n, c, k in [(8, 0, 1), (8, 3, 1), (8, 3, 4), (8, 6, 4), (200, 13, 10), (200, 13, 100), (32, 1, 32)]]
rarefied = []
for counts, m in [([5, 3, 1, 1], 4), ([10], 3), ([1, 1, 1, 1, 1], 2), ([40, 20, 10, 5, 5], 16)]:
    total = sum(counts)
    rarefied.append([counts, m, float(sum(1 - comb(total - count, m, exact=True) / comb(total, m, exact=True) for count in counts))])

words = "plum fig pear kiwi lime nut egg tea rye oat bun pie".split()
bleus = []
for size, length, vocabulary in [(4, 9, 12), (6, 6, 5), (3, 14, 8), (5, 3, 4)]:
    texts = [" ".join(rng.choice(words[:vocabulary], size=length + int(rng.integers(0, 4)))) for _ in range(size)]
    tokens = [text.split() for text in texts]
    scores = [sentence_bleu([t for j, t in enumerate(tokens) if j != i], own, smoothing_function=SmoothingFunction().method1) for i, own in enumerate(tokens)]
    bleus.append(dict(texts=texts, self_bleu=float(np.mean(scores))))
bleus.append(dict(texts=["plum fig pear kiwi lime"] * 3, self_bleu=1.0))

versions = {module.__name__: module.__version__ for module in (np, scipy, statsmodels, nltk)}
with open(PATH, "w") as file:
    json.dump(dict(versions=versions, grids=grids, mcnemar=tables, holm=families, pass_at_k=passes, rarefied=rarefied, bleu=bleus), file)
    file.write("\n")
