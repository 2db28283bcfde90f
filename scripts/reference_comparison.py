"""Makes tests/reference/comparison.json: what scipy and statsmodels make of seeded results of two methods.

    python scripts/reference_comparison.py            (numpy, scipy 1.18, statsmodels 0.15)

Grids of seed x prompt differences: the mean squares of statsmodels' two-way analysis of variance and the components
that follow, scipy's exact sign-flip permutation test of seeds and its sampled one of prompts, a crossed bootstrap of
40,000 resamples written here with numpy, widened by Student's t (Hesterberg 2015) at Satterthwaite's degrees of
freedom; quantiles and tails of t. Tables of discordant pairs: statsmodels' McNemar. p-values: its Holm.
"""
import json
import os

import numpy as np
import pandas
import scipy
import statsmodels
from scipy.stats import norm, permutation_test, t
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
    parts = [(n, means_of.var(ddof=1) / n) for n, means_of in ((seeds, grid.mean(1)), (prompts, grid.mean(0)))]
    total = sum(v for _, v in parts)
    freedom = total**2 / sum(v**2 / (n - 1) for n, v in parts)
    stretch = np.sqrt(total / sum(v * (n - 1) / n for n, v in parts)) * t.isf(0.025, freedom) / norm.isf(0.025)
    return [float(grid.mean() + stretch * (q - grid.mean())) for q in np.quantile(means, [0.025, 0.975])]


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

versions = {module.__name__: module.__version__ for module in (np, scipy, statsmodels)}
student = [[df, q, float(t.isf(q, df)), float(t.sf(2.1, df))] for df in (1, 1.7, 2, 5, 17.7, 39, 500) for q in (0.025, 0.005)]
with open(PATH, "w") as file:
    json.dump(dict(versions=versions, grids=grids, mcnemar=tables, holm=families, student=student), file)
    file.write("\n")
