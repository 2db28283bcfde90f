"""TRL's DPOTrainer on a model folder and a file of pairs: one JSON argument in, JSON lines out.

{"event": "start"} libraries are imported and the model is in memory; {"event": "step"} after each optimizer step;
{"event": "end"} after the last. The reference's work lies between start and end, wherever TRL puts it.
"""
import json
import sys

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import DPOConfig, DPOTrainer


def say(event, **more):
    print(json.dumps({"event": event, **more}), flush=True)


class StepClock(TrainerCallback):
    def on_step_end(self, args, state, control, **_):
        say("step", step=state.global_step)


def dpo_config(keys, output, precision):
    """Everything that is not named here is TRL's default; reports, checkpoints and recomputation are off."""
    return DPOConfig(
        output_dir=output, use_cpu=True, fp16=False, bf16=precision == "bf16", precompute_ref_log_probs=precision == "bf16",
        gradient_checkpointing=False, logging_steps=1, report_to=[], save_strategy="no", disable_tqdm=True, **keys,
    )


def main():
    options = json.loads(sys.argv[1])
    torch.set_num_threads(options["threads"])
    with open(options["data"], encoding="utf8") as file:
        rows = [json.loads(line) for line in file]
    rows = [{name: row[name] for name in ("prompt", "chosen", "rejected")} for row in rows]
    tokenizer = AutoTokenizer.from_pretrained(options["model"])
    model = AutoModelForCausalLM.from_pretrained(options["model"], dtype=torch.float32)
    lora = options.get("lora")
    adapter = LoraConfig(r=lora["r"], lora_alpha=lora["alpha"], target_modules="all-linear", task_type="CAUSAL_LM") if lora else None
    say("start")
    trainer = DPOTrainer(
        model=model, args=dpo_config(options["keys"], options["output"], options["precision"]), train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer, peft_config=adapter,
    )
    trainer.add_callback(StepClock())
    trainer.train()
    say("end")


main()
