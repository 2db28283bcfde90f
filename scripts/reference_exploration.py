"""Makes tests/reference/exploration.json: what numpy, scipy and nltk make of seeded answers.

    python scripts/reference_exploration.py            (numpy, scipy 1.18, nltk 3.9)

pass@k by the product of Chen et al. 2021 (their released code), rarefaction by scipy's binomials, self-BLEU by nltk
(weights 1/4, smoothing method 1), density and coverage as in the code released with Naeem et al. 2020, with rewards as
weights of the answers. Tests that read it need no Python.
"""
import json
import os

import nltk
import numpy as np
import scipy
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from scipy.spatial.distance import cdist
from scipy.special import comb

rng = np.random.default_rng(5)


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

spaces = []
for reference_size, answers_size in [(12, 8), (5, 20), (30, 30)]:
    reference = rng.normal(size=(reference_size, 6)).astype(np.float32)
    answers = (rng.normal(size=(answers_size, 6)) * 0.8).astype(np.float32)
    rewards = rng.random(answers_size)
    k = 3
    radii = np.sort(cdist(reference, reference), axis=1)[:, k]  # column 0 is the point itself
    inside = cdist(reference, answers) <= radii[:, None]
    spaces.append(dict(reference=reference.tolist(), answers=answers.tolist(), rewards=rewards.tolist(), coverage=float(inside.any(axis=1).mean()), density=float((inside * rewards).sum() / (k * answers_size))))

versions = {module.__name__: module.__version__ for module in (np, scipy, nltk)}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "reference", "exploration.json"), "w") as file:
    json.dump(dict(versions=versions, pass_at_k=passes, rarefied=rarefied, bleu=bleus, spaces=spaces), file)
    file.write("\n")
