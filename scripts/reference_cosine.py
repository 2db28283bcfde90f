"""Makes tests/reference/cosine.json: numpy's cosine similarities of seeded vectors, and of the sentences of tests/reference/sentence-encoder.

    python scripts/reference_cosine.py            (numpy 2)

For each row its largest similarity to a prompt and which prompt that is, and numpy.histogram of the largest in steps of 0.05.
The sentences' vectors are those of sentence-transformers (scripts/reference_sentence_encoder.py). Tests that read it need no Python.
"""
import json
import os

import numpy as np

reference = os.path.join(os.path.dirname(__file__), "..", "tests", "reference")


def nearest(rows, prompts):
    unit = lambda vectors: vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit(rows) @ unit(prompts).T
    best = cosines.max(axis=1)
    return {"best": best.tolist(), "at": cosines.argmax(axis=1).tolist(), "histogram": np.histogram(np.clip(best, 0, 1), bins=np.linspace(0, 1, 21))[0].tolist()}


rng = np.random.default_rng(11)
# In float32, as vectors are kept; similarities in float64.
rows, prompts = (rng.normal(size=(n, 17)).astype(np.float32).astype(np.float64) for n in (150, 61))
sentences = json.load(open(os.path.join(reference, "sentence-encoder", "expected.json")))
vectors = np.array(sentences["vectors"], dtype=np.float64)
PROMPTS = [0, 3, 4, 9]
others = [i for i in range(len(vectors)) if i not in PROMPTS and sentences["texts"][i].strip()]
found = {"random": {"rows": rows.tolist(), "prompts": prompts.tolist(), **nearest(rows, prompts)}, "sentences": {"rows": others, "prompts": PROMPTS, **nearest(vectors[others], vectors[PROMPTS])}}
with open(os.path.join(reference, "cosine.json"), "w") as file:
    json.dump(found, file)
