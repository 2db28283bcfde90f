"""Writes a Llama model folder (tied head) as GGUF in f16 or q8_0: one JSON argument {model, output, type}.

The types are what llama.cpp's own converter chooses: matrices in the type asked for, norms in float32.
"""
import json
import os
import sys

import gguf
import numpy as np
from safetensors.numpy import load_file

QUANTS = {"f16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16), "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0)}


def interleave(weight, heads):
    """Hugging Face rotates halves of a head (i, i + d/2), llama.cpp's Llama neighbours (2i, 2i + 1)."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def add_tokenizer(writer, folder, size):
    with open(os.path.join(folder, "tokenizer.json"), encoding="utf8") as file:
        tokenizer = json.load(file)
    by_id = {index: token for token, index in tokenizer["model"]["vocab"].items()}
    special = {token["id"] for token in tokenizer["added_tokens"]}
    kind = lambda index: gguf.TokenType.UNUSED if index not in by_id else gguf.TokenType.CONTROL if index in special else gguf.TokenType.NORMAL
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([by_id.get(index, f"[unused {index}]") for index in range(size)])
    writer.add_token_types([kind(index) for index in range(size)])
    writer.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]])


def main():
    options = json.loads(sys.argv[1])
    with open(os.path.join(options["model"], "config.json"), encoding="utf8") as file:
        config = json.load(file)
    if config["model_type"] != "llama" or not config["tie_word_embeddings"]:
        sys.exit(f"expected a llama model with a tied head, got {config['model_type']}")
    quant, file_type = QUANTS[options["type"]]
    heads, key_value_heads, layers = config["num_attention_heads"], config["num_key_value_heads"], config["num_hidden_layers"]
    writer = gguf.GGUFWriter(options["output"], "llama")
    writer.add_file_type(file_type)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(layers)
    writer.add_head_count(heads)
    writer.add_head_count_kv(key_value_heads)
    writer.add_rope_dimension_count(config["hidden_size"] // heads)
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    add_tokenizer(writer, options["model"], config["vocab_size"])
    writer.add_eos_token_id(config["eos_token_id"])
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, layers)
    for name, data in load_file(os.path.join(options["model"], "model.safetensors")).items():
        if name.endswith("q_proj.weight"):
            data = interleave(data, heads)
        elif name.endswith("k_proj.weight"):
            data = interleave(data, key_value_heads)
        kind = quant if data.ndim == 2 else gguf.GGMLQuantizationType.F32
        writer.add_tensor(names.get_name(name, try_suffixes=(".weight",)), gguf.quants.quantize(np.ascontiguousarray(data, np.float32), kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


main()
