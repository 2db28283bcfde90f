"""Makes the project's own reference fixtures in tests/reference/golden from the project's own texts.

    python scripts/reference.py            (torch 2.13, transformers 5.24, trl 1.16, peft 0.21, tokenizers 0.23)

Tiny random models in Hugging Face layout with what PyTorch and TRL computed on them in float32 on one thread:
token ids, rendered pairs with per-token log-probabilities, greedy tokens and the kept part of a top-p distribution,
gradients of the first DPO step, of each pair alone, and ten steps of TRL's DPOTrainer with their metrics and final weights; each loss's
first step under another reference, a run with accumulation and clipping, learning-rate schedules, and LoRA (PEFT).
The tests that read them need neither Python nor network.
"""
import json
import os
import shutil
import sys

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast, Qwen3Config, get_scheduler
from trl import DPOConfig, DPOTrainer

torch.set_num_threads(1)
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "reference", "golden")

PAIRS = [
    ("Which river runs past the old mill?", "The Ash runs past it, two hundred metres to the south.", "A river."),
    ("Write one line about rain on a tin roof.", "A thousand small drummers, none of them in a hurry.", "Rain falls on the roof and the roof is made of tin and it rains."),
    ("Give me three uses for a broken ladder.", "Plant shelf, towel rail, trellis for beans.", "You could climb it."),
    ("How do I keep basil alive in winter?", "Bright window, no draught, water from below when the soil is dry.", "Basil is a herb. It grows. Water it every day, a lot."),
    ("Shorten this: the meeting that was planned for Monday has been moved to Tuesday.", "Monday's meeting is now on Tuesday.", "The meeting that was planned has been moved."),
    ("Is 91 a prime number?", "No: 7 times 13.", "Yes, 91 is prime."),
]
TEXTS = [text for row in PAIRS for text in row] + ["  leading and trailing  ", "tabs\tand\nnewlines\r\n", "naïve café, 東京, Привет, 🙂👍🏽", "don't 12345 3.14", "", "<|eot|> as text", "a\u0000b\u200bc"]
TEMPLATE = "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] | trim + '<|eot|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"


def tokenizer():
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tok.decoder = decoders.ByteLevel()
    special = ["<|pad|>", "<|eot|>", "<|user|>", "<|assistant|>", "<|system|>"]
    tok.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=384, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    fast = PreTrainedTokenizerFast(tokenizer_object=tok, eos_token="<|eot|>", pad_token="<|pad|>")
    fast.chat_template = TEMPLATE
    return fast


def configs(vocab):
    common = dict(vocab_size=vocab, hidden_size=32, intermediate_size=72, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256, initializer_range=0.08, eos_token_id=1, pad_token_id=0, bos_token_id=None)
    yield "llama-untied", LlamaConfig(**common, tie_word_embeddings=False)
    yield "qwen3-tied", Qwen3Config(**common, head_dim=16, tie_word_embeddings=True)


def token_logps(model, prompt, completion):
    ids = torch.tensor([prompt + completion])
    logps = model(ids).logits[0, :-1].float().log_softmax(-1)
    rows = torch.arange(len(prompt) - 1, len(prompt) + len(completion) - 1)
    return logps[rows, torch.tensor(completion)]


def dump(path, value):
    with open(path, "w") as file:
        json.dump(value, file, ensure_ascii=False)


def make(name, config, tok):
    folder, golden = os.path.join(ROOT, name), os.path.join(ROOT, name, "golden")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(golden)
    torch.manual_seed(7)
    model = AutoModelForCausalLM.from_config(config).float().eval()
    model.save_pretrained(folder)
    tok.save_pretrained(folder)

    dump(f"{golden}/tokenizer.json", [{"text": t, "ids": (ids := tok.encode(t, add_special_tokens=False)), "decoded": tok.decode(ids)} for t in TEXTS])
    rows = [{"prompt": [{"role": "user", "content": p}], "chosen": [{"role": "assistant", "content": c}], "rejected": [{"role": "assistant", "content": r}]} for p, c, r in PAIRS]
    with open(f"{golden}/pairs.jsonl", "w") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)

    render = lambda messages, generate: tok.apply_chat_template(messages, tokenize=False, add_generation_prompt=generate)
    encode = lambda text: tok.encode(text, add_special_tokens=False)
    scores, tensors = [], []
    for row in rows:
        out, pair = {}, []
        prompt = encode(render(row["prompt"], True))
        for side in ("chosen", "rejected"):
            text = render(row["prompt"] + row[side], False)
            completion = encode(text)[len(prompt):]
            logps = token_logps(model, prompt, completion)
            pair.append((prompt, completion, logps.sum().item()))
            out[side] = {"text": text, "prompt_ids": prompt, "completion_ids": completion, "token_logps": logps.tolist(), "logp": logps.sum().item()}
        scores.append(out)
        tensors.append(pair)
    dump(f"{golden}/score.json", scores)

    generations = []
    for row in rows[:4]:
        prompt = encode(render(row["prompt"], True))
        ids = torch.tensor([prompt])
        with torch.no_grad():
            greedy = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=24, do_sample=False, pad_token_id=0)[0, len(prompt):].tolist()
            probs = (model(ids).logits[0, -1] / 0.7).softmax(-1)
        kept, order = probs.sort(descending=True)
        keep = kept.cumsum(-1) - kept < 0.9
        kept = kept[keep] / kept[keep].sum()
        generations.append({"prompt_ids": prompt, "greedy_ids": greedy, "temperature": 0.7, "top_p": 0.9, "kept_ids": order[keep].tolist(), "kept_probs": kept.tolist()})
    dump(f"{golden}/generate.json", generations)

    beta, alpha = 0.1, 0.001
    model.zero_grad()
    losses, nll, tokens = [], 0.0, 0
    for (p, c, ref_c), (_, r, ref_r) in tensors:
        chosen, rejected = token_logps(model, p, c), token_logps(model, p, r)
        losses.append(-torch.nn.functional.logsigmoid(beta * ((chosen.sum() - ref_c) - (rejected.sum() - ref_r))))
        nll, tokens = nll - chosen.sum(), tokens + len(c)
    loss = torch.stack(losses).mean() + alpha * nll / tokens
    loss.backward()
    gradients = {key: value.grad.clone() for key, value in model.named_parameters()}
    norm = torch.stack([g.norm() for g in gradients.values()]).norm().item()
    dump(f"{golden}/dpo-first-grad.json", {"loss": loss.item(), "beta": beta, "rpo_alpha": alpha, "grad_norm": norm})
    save_file(gradients, f"{golden}/dpo-first-grad.safetensors")

    runs = {
        "rmsprop-rpo": dict(optim="rmsprop", lr_scheduler_type="linear", warmup_steps=2, learning_rate=5e-4, weight_decay=0.0, loss_type=["sigmoid", "sft"], loss_weights=[1.0, 0.001]),
        "adamw-sigmoid": dict(optim="adamw_torch", lr_scheduler_type="cosine", warmup_steps=1, learning_rate=1e-3, weight_decay=0.01, loss_type=["sigmoid"], loss_weights=None),
    }
    for run, options in runs.items():
        args = DPOConfig(output_dir="/tmp/reference", per_device_train_batch_size=len(rows), max_steps=10, beta=beta, max_length=256, max_grad_norm=1.0, logging_steps=1, report_to=[], use_cpu=True, bf16=False, fp16=False, save_strategy="no", gradient_checkpointing=False, seed=42, **options)
        trainer = DPOTrainer(model=AutoModelForCausalLM.from_pretrained(folder).float(), args=args, train_dataset=Dataset.from_list(rows), processing_class=tok)
        trainer.train()
        log = [entry for entry in trainer.state.log_history if "loss" in entry]
        dump(f"{golden}/dpo-{run}.json", {"config": {**options, "scheduler": options["lr_scheduler_type"], "beta": beta, "max_length": 256, "max_grad_norm": 1.0, "per_device_train_batch_size": len(rows), "max_steps": 10, "adam_beta1": 0.9, "adam_beta2": 0.999, "adam_epsilon": 1e-8}, "log": log})
        save_file({k: v.detach().clone().contiguous() for k, v in trainer.model.state_dict().items() if not (config.tie_word_embeddings and k == "lm_head.weight")}, f"{golden}/dpo-{run}.safetensors")

    make_losses(folder, golden, rows, tensors, config, tok)
    make_accumulated(folder, golden, rows, tok)
    make_lora(name, folder, golden, rows, tensors, tok)


def trainer_of(model, rows, tok, reference=None, **options):
    common = dict(output_dir="/tmp/reference", per_device_train_batch_size=len(rows), beta=0.1, max_length=256, max_grad_norm=1.0, logging_steps=1, report_to=[], use_cpu=True, bf16=False, fp16=False, save_strategy="no", gradient_checkpointing=False, seed=42)
    return DPOTrainer(model=model, ref_model=reference, args=DPOConfig(**{**common, **options}), train_dataset=Dataset.from_list(rows), processing_class=tok)


def first_step(trainer):
    """TRL's loss on the whole batch and the gradients of everything that is trained."""
    batch = trainer._prepare_inputs(next(iter(trainer.get_train_dataloader())))
    loss = trainer.compute_loss(trainer.model, batch)
    loss.backward()
    gradients = {key: value.grad.clone() for key, value in trainer.model.named_parameters() if value.grad is not None}
    return loss.item(), gradients, torch.stack([g.norm() for g in gradients.values()]).norm().item()


LOSSES = {
    "sigmoid": dict(loss_type=["sigmoid"]),
    # A beta at which some pairs are beyond the hinge.
    "hinge": dict(loss_type=["hinge"], beta=3.0),
    "ipo": dict(loss_type=["ipo"]),
    "sigmoid_norm": dict(loss_type=["sigmoid_norm"], beta=2.0),
    "robust": dict(loss_type=["robust"], label_smoothing=0.2),
    "sft": dict(loss_type=["sft"]),
    "mixed": dict(loss_type=["sigmoid", "hinge", "ipo", "sigmoid_norm", "robust", "sft"], loss_weights=[0.7, 0.5, 0.02, 3.0, 0.4, 0.3], label_smoothing=0.1, beta=2.0),
    # Without label_smoothing in its formula: as without.
    "smoothed": dict(loss_type=["sigmoid"], label_smoothing=0.3),
}


def make_losses(folder, golden, rows, tensors, config, tok):
    torch.manual_seed(11)
    reference = AutoModelForCausalLM.from_config(config).float().eval()
    logps = {side: [token_logps(reference, *pair[i][:2]).sum().item() for pair in tensors] for i, side in enumerate(("chosen", "rejected"))}
    runs, kept = {}, {}
    for name, options in LOSSES.items():
        loss, gradients, norm = first_step(trainer_of(AutoModelForCausalLM.from_pretrained(folder).float(), rows, tok, reference, **options))
        runs[name] = {"config": {"beta": 0.1, "label_smoothing": 0.0, "loss_weights": None, **options}, "loss": loss, "grad_norm": norm}
        for key in ("model.layers.0.self_attn.q_proj.weight", "model.layers.1.mlp.down_proj.weight", "model.norm.weight"):
            kept[f"{name} {key}"] = gradients[key]
    dump(f"{golden}/dpo-losses.json", {"reference": logps, "runs": runs})
    make_pair_gradients(f"{golden}/dpo-pair-gradients.json", AutoModelForCausalLM.from_pretrained(folder).float().eval(), tensors, logps)
    save_file(kept, f"{golden}/dpo-losses.safetensors")


def make_pair_gradients(path, model, tensors, reference, beta=0.1):
    """Gradient of each pair's sigmoid loss alone over what is trained: its norm and weight, and the norm of the mean over the pairs."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    rows, total = [], [torch.zeros_like(p) for p in parameters]
    for i, ((p, c, _), (_, r, _)) in enumerate(tensors):
        ratio = token_logps(model, p, c).sum() - token_logps(model, p, r).sum()
        margin = beta * (ratio - (reference["chosen"][i] - reference["rejected"][i]))
        ratio_norm = norm_of(torch.autograd.grad(ratio, parameters, retain_graph=True))
        gradients = torch.autograd.grad(-torch.nn.functional.logsigmoid(margin), parameters)
        rows.append({"margin": margin.item(), "weight": beta * torch.sigmoid(-margin).item(), "norm": norm_of(gradients), "log_ratio_norm": ratio_norm})
        total = [a + b for a, b in zip(total, gradients)]
    dump(path, {"beta": beta, "reference": reference, "pairs": rows, "mean_norm": norm_of(total) / len(rows)})


def norm_of(gradients):
    return torch.stack([g.double().norm() for g in gradients]).norm().item()


def make_accumulated(folder, golden, rows, tok):
    """Each step sees all rows, so that the order of the data, which is the trainer's own, does not count."""
    options = dict(per_device_train_batch_size=len(rows) // 2, gradient_accumulation_steps=2, max_steps=8, learning_rate=1e-3, lr_scheduler_type="constant_with_warmup", warmup_steps=3, max_grad_norm=0.5, optim="adamw_torch")
    trainer = trainer_of(AutoModelForCausalLM.from_pretrained(folder).float(), rows, tok, **options)
    trainer.train()
    dump(f"{golden}/dpo-accumulated.json", {"config": options, "log": [entry for entry in trainer.state.log_history if "loss" in entry]})


LORA = {
    "llama-untied": dict(r=4, lora_alpha=16, target_modules="all-linear"),
    "qwen3-tied": dict(r=3, lora_alpha=6, target_modules=["q_proj", "mlp.down_proj"], use_rslora=True),
}


def make_lora(name, folder, golden, rows, tensors, tok):
    def save(model, path):
        model.save_pretrained(path, selected_adapters=["default"])
        os.remove(f"{path}/README.md")

    torch.manual_seed(13)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(folder).float(), LoraConfig(task_type="CAUSAL_LM", **LORA[name]))
    model.peft_config["default"].base_model_name_or_path = name
    for key, value in model.named_parameters():
        # Not PEFT's zeros: under them the gradients of A vanish.
        if "lora_B" in key:
            torch.nn.init.normal_(value, std=0.05)
    save(model, f"{golden}/lora-init")
    with torch.no_grad():
        scores = [{side: token_logps(model, *pair[i][:2]).tolist() for i, side in enumerate(("chosen", "rejected"))} for pair in tensors]
    load = lambda: PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder).float(), f"{golden}/lora-init", is_trainable=True)
    loss, gradients, norm = first_step(trainer_of(load(), rows, tok))
    save_file({key.replace(".default", ""): value for key, value in gradients.items()}, f"{golden}/dpo-lora-first-grad.safetensors")

    # The reference: the model without the adapter.
    make_pair_gradients(f"{golden}/dpo-lora-pair-gradients.json", load().eval(), tensors, {side: [pair[i][2] for pair in tensors] for i, side in enumerate(("chosen", "rejected"))})

    options = dict(optim="adamw_torch", learning_rate=5e-3, lr_scheduler_type="constant", max_steps=10, weight_decay=0.01)
    trainer = trainer_of(load(), rows, tok, **options)
    trainer.train()
    dump(f"{golden}/dpo-lora.json", {"config": options, "log": [entry for entry in trainer.state.log_history if "loss" in entry], "token_logps": scores, "first": {"loss": loss, "grad_norm": norm}})
    save(trainer.model, f"{golden}/lora-final")


def make_schedules():
    schedules = []
    for scheduler, warmup, total in [("linear", 0, 5), ("linear", 3, 11), ("cosine", 0, 7), ("cosine", 4, 10), ("constant", 2, 6), ("constant_with_warmup", 0, 4), ("constant_with_warmup", 3, 6)]:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2e-4)
        schedule = get_scheduler(scheduler, optimizer, num_warmup_steps=warmup, num_training_steps=total)
        rates = []
        for _ in range(total):
            rates.append(schedule.get_last_lr()[0])
            optimizer.step()
            schedule.step()
        schedules.append({"lr_scheduler_type": scheduler, "warmup_steps": warmup, "steps": total, "learning_rate": 2e-4, "rates": rates})
    dump(os.path.join(ROOT, "schedules.json"), schedules)


os.makedirs(ROOT, exist_ok=True)
make_schedules()
tok = tokenizer()
for name, config in configs(len(tok)):
    make(name, config, tok)
    print(name, "written", file=sys.stderr)
