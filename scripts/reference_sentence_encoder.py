"""Makes tests/reference/sentence-encoder: a tiny random BERT as an ONNX folder, and what sentence-transformers makes of texts.

    python scripts/reference_sentence_encoder.py     (torch 2.13, transformers 5.24, sentence-transformers 6.2, onnx 1.23)

The tokenizer is WordPiece over the texts' own words, the model two random layers of width 32 (seed 7). Ids are those of
Rust tokenizers, vectors those of sentence-transformers (mean pooling, L2 norm) on the same PyTorch weights. The tests
that read it need no Python.
"""
import json
import os
import shutil
import tempfile

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

folder = os.path.join(os.path.dirname(__file__), "..", "tests", "reference", "sentence-encoder")
MAX_TOKENS = 24
texts = [
    "Which lamp is brighter?",
    "",
    "a",
    "Das ist falsch! Müller's Straße, naïve café, ÀÉÎ.",
    "你好 world 数据 2024-03-09 3.14",
    "tabs\tand\nnewlines\r\nand \u00a0spaces",
    "control \u0000 \ufffd chars, soft\u00adhyphen, zero\u200bwidth",
    "[CLS] in the text [SEP] and [UNK]",
    "emoji 🎲 and 👩‍👩‍👧 — dash … “quotes”",
    "UPPER lower MiXeD İstanbul ẞ",
    "unseenwordthatislongerthananyother" * 6,
    "one two three four five six seven eight nine ten " * 12,
    "$100 <b>html</b> & co. @user #tag ~tilde `code` ^hat |pipe| \\slash",
]

tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=260, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False))
cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", cls), ("[SEP]", sep)])

torch.manual_seed(7)
config = BertConfig(vocab_size=tokenizer.get_vocab_size(), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, max_position_embeddings=40, initializer_range=0.4)
model = BertModel(config, add_pooling_layer=False).eval()

with tempfile.TemporaryDirectory() as draft:
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]", model_max_length=MAX_TOKENS)
    fast.save_pretrained(draft)
    model.save_pretrained(draft)
    transformer = Transformer(draft, max_seq_length=MAX_TOKENS)
    encoder = SentenceTransformer(modules=[transformer, Pooling(32, pooling_mode="mean"), Normalize()], device="cpu")
    vectors = encoder.encode(texts, batch_size=5, convert_to_numpy=True)
    ids = [fast(text, truncation=True, max_length=MAX_TOKENS)["input_ids"] for text in texts]
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for name in ["tokenizer.json", "tokenizer_config.json", "config.json"]:
        shutil.copy(os.path.join(draft, name), folder)

names = ["input_ids", "attention_mask", "token_type_ids"]


class TokenVectors(torch.nn.Module):
    def __init__(self, bert):
        super().__init__()
        self.bert = bert

    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.bert(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).last_hidden_state


example = tuple(torch.ones(2, 5, dtype=torch.long) for _ in names)
torch.onnx.export(TokenVectors(model), example, os.path.join(folder, "model.onnx"), input_names=names, output_names=["last_hidden_state"],
                  dynamic_axes={**{name: {0: "batch", 1: "tokens"} for name in names}, "last_hidden_state": {0: "batch", 1: "tokens"}}, opset_version=17, dynamo=False)
with open(os.path.join(folder, "expected.json"), "w") as file:
    json.dump(dict(texts=texts, ids=ids, vectors=[[float(value) for value in row] for row in vectors], max_tokens=MAX_TOKENS), file)
    file.write("\n")
