"""Bare vLLM on prompts in ids: one call that warms up, then the measured ones. Prints a line of JSON for each."""
import json
import os
import sys
import time

os.environ |= {"VLLM_LOGGING_LEVEL": "ERROR", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}


def main() -> None:
    with open(sys.argv[1]) as file:
        options = json.load(file)
    os.environ["VLLM_CPU_KVCACHE_SPACE"] = "4"
    from vllm import LLM, SamplingParams

    # As the torch engine starts it on a CPU: neither compiles, and seeds there need prompts read whole.
    llm = LLM(options["model"], dtype=options["dtype"], max_model_len=options["context"], skip_tokenizer_init=True, enforce_eager=True, enable_chunked_prefill=False, disable_log_stats=True)
    prompts = [{"prompt_token_ids": ids} for ids in options["prompts"]]
    for _ in range(options["rounds"] + 1):
        params = [SamplingParams(temperature=options["temperature"], top_p=options["top_p"], max_tokens=options["new_tokens"], ignore_eos=True, detokenize=False, seed=i) for i in range(len(prompts))]
        began = time.perf_counter()
        outputs = llm.generate(prompts, params, use_tqdm=False)
        print(json.dumps({"event": "generated", "seconds": time.perf_counter() - began, "tokens": sum(len(output.outputs[0].token_ids) for output in outputs)}), flush=True)


if __name__ == "__main__":
    main()
