"""One DRIFT iteration as a script on transformers and TRL would do it: one JSON argument in, an event a stage out."""
import json
import sys

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer

from generate import generate


def say(event, **more):
    print(json.dumps({"event": event, **more}), flush=True)


def main():
    options = json.loads(sys.argv[1])
    torch.set_num_threads(options["threads"])
    torch.manual_seed(1)
    with open(options["data"], encoding="utf8") as file:
        rows = [json.loads(line) for line in file]

    say("start")
    tokenizer = AutoTokenizer.from_pretrained(options["model"])
    model = AutoModelForCausalLM.from_pretrained(options["model"], dtype=torch.float32).eval()
    settings = {"do_sample": True, "temperature": options["temperature"], "top_p": options["topP"], "top_k": 0}
    prompts = [tokenizer.apply_chat_template(row["guided"], add_generation_prompt=True, return_dict=False) for row in rows]
    completions = generate(model, prompts, options["sampleBatch"], options["newTokens"], settings, tokenizer.pad_token_id)
    say("sampled", tokens=sum(map(len, completions)))

    replies = [tokenizer.decode(ids, skip_special_tokens=True) for ids in completions]
    pairs = [{"prompt": row["prompt"], "chosen": [{"role": "assistant", "content": reply}], "rejected": row["rejected"]} for row, reply in zip(rows, replies)]
    # The reference is scored inside the training steps, which is TRL's default.
    config = DPOConfig(
        output_dir=options["output"], use_cpu=True, bf16=False, fp16=False, gradient_checkpointing=False, report_to=[], save_strategy="no", disable_tqdm=True, logging_steps=1,
        per_device_train_batch_size=options["batch"], num_train_epochs=1, learning_rate=options["learningRate"], optim="rmsprop", beta=0.1, max_length=1024, seed=42,
    )
    trainer = DPOTrainer(model=model.train(), args=config, train_dataset=Dataset.from_list(pairs), processing_class=tokenizer)
    trainer.train()
    encoded = trainer.train_dataset
    say("trained", tokens=sum(2 * len(row["prompt_ids"]) + len(row["chosen_ids"]) + len(row["rejected_ids"]) for row in encoded))


main()
