"""Makes tests/reference/sampling-processors.json: what transformers' logits processors leave of seeded scores.

    python scripts/reference_sampling.py            (torch 2.13, transformers 5.24)

Each case runs the processors in the order of GenerationMixin._get_logits_processor: repetition penalty, temperature,
top-k, top-p, min-p. Probabilities are of all tokens, zero where a token was filtered.
"""
import json
import os

import torch
from transformers.generation.logits_process import MinPLogitsWarper, RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "reference", "sampling-processors.json")
CASES = [
    dict(),
    dict(temperature=0.7),
    dict(top_k=5),
    dict(top_k=1),
    dict(top_p=0.9),
    dict(top_p=0.3),
    dict(min_p=0.1),
    dict(min_p=1.0),
    dict(repetition_penalty=1.3),
    dict(repetition_penalty=0.8),
    dict(temperature=0.7, top_p=0.9),
    dict(temperature=1.4, top_k=12, top_p=0.8),
    dict(temperature=0.9, top_k=20, top_p=0.95, min_p=0.05),
    dict(repetition_penalty=1.2, temperature=0.8, top_k=25, top_p=0.9, min_p=0.02),
]

torch.manual_seed(11)
rows = []
for index, case in enumerate(CASES):
    logits = (torch.randn(48) * 2.5).float()
    if index % 2:
        logits[7] = logits[19] = logits[30]
    seen = torch.randint(0, 48, (9,))
    scores, ids = logits[None].clone(), seen[None]
    if "repetition_penalty" in case:
        scores = RepetitionPenaltyLogitsProcessor(case["repetition_penalty"])(ids, scores)
    scores = TemperatureLogitsWarper(case.get("temperature", 1.0))(ids, scores)
    if "top_k" in case:
        scores = TopKLogitsWarper(case["top_k"])(ids, scores)
    if "top_p" in case:
        scores = TopPLogitsWarper(case["top_p"])(ids, scores)
    if "min_p" in case:
        scores = MinPLogitsWarper(case["min_p"])(ids, scores)
    rows.append({"settings": case, "logits": logits.tolist(), "seen": seen.tolist(), "probabilities": scores.softmax(-1)[0].tolist()})
with open(PATH, "w") as file:
    json.dump(rows, file)
