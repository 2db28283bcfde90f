"""transformers' generate in float32 on prompts of token ids, once for each batch size: one JSON argument in, JSON lines out.

{"event": "generated", batch, seconds, tokens}: all prompts, in batches, every completion of the full length.
"""
import json
import sys
import time

import torch
from transformers import AutoModelForCausalLM


def generate(model, prompts, batch, new_tokens, settings, pad):
    """Left-padded batches in the order of the prompts. Returns completions of exactly `new_tokens` ids."""
    completions = []
    for first in range(0, len(prompts), batch):
        rows = prompts[first:first + batch]
        longest = max(map(len, rows))
        ids = torch.tensor([[pad] * (longest - len(row)) + row for row in rows])
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
        with torch.no_grad():
            output = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=new_tokens, min_new_tokens=new_tokens, pad_token_id=pad, **settings)
        completions += output[:, longest:].tolist()
    return completions


def main():
    options = json.loads(sys.argv[1])
    torch.set_num_threads(options["threads"])
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(options["model"], dtype=torch.float32).eval()
    settings = {"do_sample": True, "temperature": options["temperature"], "top_p": options["top_p"], "top_k": 0}
    for batch in options["batches"]:
        began = time.perf_counter()
        completions = generate(model, options["prompts"], batch, options["new_tokens"], settings, options["pad"])
        print(json.dumps({"event": "generated", "batch": batch, "seconds": time.perf_counter() - began, "tokens": sum(map(len, completions))}), flush=True)


if __name__ == "__main__":
    main()
