"""
DPO by TRL itself on token ids, for tests that hold the torch engine against it where a Python has TRL:

    python scripts/trl_dpo.py REQUEST.json RESULT.json

Request: {"folder", "dtype": what the model is loaded in, "adapter": folder or null, "pairs": [{"prompt_ids", "chosen_ids", "rejected_ids"}], "config": DPOConfig's keys}.
Result: {"log": [metrics of each step under TRL's names]}, or {"refused": "what TRL says"} where it does not train so.
"""
import json
import sys
import tempfile

import torch
from datasets import Dataset
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer


class OnIds(DPOTrainer):
    """The rows are token ids already."""

    def _prepare_dataset(self, dataset, *args, **kwargs):
        return dataset


def log_of(request):
    torch.set_num_threads(1)
    folder = request["folder"]
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, request["dtype"]))
    if request["adapter"]:
        model = PeftModel.from_pretrained(model, request["adapter"], is_trainable=True)
    rows = Dataset.from_list(request["pairs"])
    options = {"logging_steps": 1, "report_to": [], "use_cpu": True, "bf16": False, "fp16": False, "save_strategy": "no", "gradient_checkpointing": False, "seed": 42, "per_device_train_batch_size": len(rows), "disable_tqdm": True}
    with tempfile.TemporaryDirectory() as output:
        args = DPOConfig(output_dir=output, **{**options, **request["config"]})
        trainer = OnIds(model=model, args=args, train_dataset=rows, processing_class=AutoTokenizer.from_pretrained(folder))
        trainer.train()
    return [entry for entry in trainer.state.log_history if "loss" in entry]


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        request = json.load(file)
    try:
        result = {"log": log_of(request)}
    except (ValueError, RuntimeError, NotImplementedError) as error:
        result = {"refused": f"{type(error).__name__}: {error}"}
    with open(sys.argv[2], "w") as file:
        json.dump(result, file)
